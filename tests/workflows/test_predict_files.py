"""Prediction of many tables into a folder: names, what is skipped, refused or goes on."""

import fcntl
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import start
from labeled_runs import invoked

from bpnet.data.formats import format_named
from bpnet.runs import files, lock, splits
from bpnet.workflows import run_rows
from bpnet.workflows.output_files import output_files

ROWS = ["1.5,u,1", "2.25,v,2", "3,w,1", "0.5,u,2", "7,v,1"]


def write(path: Path, rows: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["a,b,w", *rows, ""]))
    return path


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder with five tables in two folders."""
    for k, name in enumerate(["a/x.csv", "a/y.csv", "b/x.csv", "b/y.csv", "b/z.csv"]):
        write(tmp_path / "data" / name, ROWS[: k + 1])
    return tmp_path / "data"


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, without the records, by their paths in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".predicted" not in path.parts
    }


def predict(run: Path, *words: object) -> str:
    code, said = invoked("predict", run, *words)
    assert code == 0, said
    return said


def alone(run: Path, tables: Path, folder: Path) -> dict[str, bytes]:
    """Return the predictions of each table by a command of its own, by the names of outputs."""
    found = {}
    for path in tables.rglob("*.*"):
        output = folder / f"alone{path.suffix}"
        predict(run, path, "-o", output)
        found[str(path.relative_to(tables))] = output.read_bytes()
    return found


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_the_union_of_all_shards_is_what_each_table_gives_alone(classes, tables, tmp_path, workers):
    order = list(range(1, workers + 1))
    random.Random(workers).shuffle(order)
    for worker in order:
        said = predict(
            classes.run,
            tables / "*/*.csv",
            "-o",
            tmp_path / "out",
            "--shard",
            f"{worker}/{workers}",
        )
        share = len(range(worker - 1, 5, workers))
        assert f"{share} table{'' if share == 1 else 's'} of 5 (shard {worker}/{workers})" in said
        assert said.count("written to") == share
    assert contents(tmp_path / "out") == alone(classes.run, tables, tmp_path)


@pytest.mark.parametrize(
    ("given", "form", "expected"),
    [
        (["d/x.csv"], None, {"x.csv": "d/x.csv"}),
        (["d"], None, {"x.csv": "d/x.csv", "y.tsv": "d/y.tsv"}),
        (["d/*"], None, {"x.csv": "d/x.csv", "y.tsv": "d/y.tsv"}),
        (["d/x.csv", "e/x.csv"], None, {"d/x.csv": "d/x.csv", "e/x.csv": "e/x.csv"}),
        (["e/x.csv", "d/x.csv", "./d/x.csv"], None, {"d/x.csv": "d/x.csv", "e/x.csv": "e/x.csv"}),
        (["*/x.csv"], None, {"d/x.csv": "d/x.csv", "e/x.csv": "e/x.csv"}),
        (["**/x.csv"], None, {"d/x.csv": "d/x.csv", "e/x.csv": "e/x.csv"}),
        (["e/f/z.csv.gz", "e/x.csv"], None, {"f/z.csv": "e/f/z.csv.gz", "x.csv": "e/x.csv"}),
        (["e/f/part-0"], None, {"part-0.csv": "e/f/part-0"}),
        (["e/f/v.JSONL"], None, {"v.JSONL": "e/f/v.JSONL"}),
        (["e/f/v.JSONL"], "parquet", {"v.parquet": "e/f/v.JSONL"}),
        (["e/f/s.feather"], None, {"s.csv": "e/f/s.feather"}),
        (["e/f/t.txt"], "csv", {"t.txt": "e/f/t.txt"}),
        (["e/f/*/../../../d/x.csv"], None, {"d/x.csv": "d/x.csv"}),
    ],
)
def test_an_output_is_named_as_its_table(tmp_path, monkeypatch, given, form, expected):
    monkeypatch.chdir(tmp_path)
    names = ["d/x.csv", "d/y.tsv", "e/x.csv", *(f"e/f/{n}" for n in ["z.csv.gz", "part-0"])]
    names += [f"e/f/{name}" for name in ["v.JSONL", "s.feather", "t.txt", "g/h"]]
    for name in names:
        write(tmp_path / name, ROWS)
    expected = {name.replace(".tsv", ".csv"): table for name, table in expected.items()}
    files = output_files(given, Path("out"), form and format_named(form))
    assert {str(file.name): os.path.normpath(file.table) for file in files} == expected


def test_formats_are_those_of_the_tables_or_the_one_that_is_asked_for(classes, tables, tmp_path):
    (tables / "b/z.csv.gz").write_bytes(gzip.compress((tables / "b/z.csv").read_bytes()))
    (tables / "b/z.csv").unlink()
    predict(classes.run, tables / "b", "-o", f"{tmp_path}/out/")
    predict(classes.run, tables / "b", "-o", f"{tmp_path}/lines/", "--format", "jsonl")
    assert sorted(contents(tmp_path / "out")) == ["x.csv", "y.csv", "z.csv"]
    assert sorted(contents(tmp_path / "lines")) == ["x.jsonl", "y.jsonl", "z.jsonl"]
    assert len(contents(tmp_path / "lines")["z.jsonl"].splitlines()) == 5


def test_finished_outputs_are_skipped_and_changed_tables_predicted_again(classes, tables, tmp_path):
    command = [tables / "*/*", "-o", f"{tmp_path}/out/"]
    predict(classes.run, *command)
    before = contents(tmp_path / "out")
    said = predict(classes.run, *command)
    assert "written to" not in said
    assert "5 tables: 0 predicted, 5 finished before; 15 rows in all" in " ".join(said.split())
    write(tables / "a/x.csv", ROWS[3:])
    (tmp_path / "out/b/x.csv").unlink()
    shutil.copyfile(tmp_path / "out/b/y.csv", tmp_path / "copy")  # with another time
    (tmp_path / "copy").replace(tmp_path / "out/b/y.csv")
    code, said = invoked("predict", classes.run, *command, "--json")
    content = json.loads(said[said.index("{") :])
    assert code == 0
    states = {Path(each["output"]).name: each["state"] for each in content["tables"][:1]}
    assert states == {"x.csv": "predicted"}
    assert [each["state"] == "predicted" for each in content["tables"]] == [
        *(True, False, True, False, False)
    ]
    assert content["rows"] == 16
    after = contents(tmp_path / "out")
    assert after["b/x.csv"] == before["b/x.csv"]
    assert len(after["a/x.csv"].splitlines()) == 3


def test_names_may_be_as_long_as_the_system_has_them(classes, tmp_path):
    names = [f"{'é' * 125}x.csv", f"{'a' * 250}\n.csv"[-255:], "z.csv"]
    for name in names:
        write(tmp_path / "data" / name, ROWS)
    command = [tmp_path / "data", "-o", f"{tmp_path}/out/"]
    said = predict(classes.run, *command)
    assert "3 predicted" in said
    assert "a\\n.csv: 5 rows written to" in said.replace("\n", "")
    assert sorted(contents(tmp_path / "out")) == sorted(names)
    assert "3 finished before" in predict(classes.run, *command)
    code, said = invoked("predict", classes.run, *command, "--format", "jsonl", "--force")
    said = " ".join(said.split())
    assert (code, "1 predicted, 2 failed" in said) == (5, True)
    assert said.count("cannot be written: File name too long") == 2
    assert "z.jsonl" in contents(tmp_path / "out")


def test_files_of_a_folder_that_are_left_out_are_named(classes, tmp_path):
    for name in ("x.csv", "y.jsonl", "d.json", "readme.txt", "_z.csv", "notes.md"):
        write(tmp_path / "data" / name, ROWS if name == "x.csv" else [])
    (tmp_path / "data/y.jsonl").write_text('{"a": 1, "b": "u"}\n')
    said = predict(classes.run, tmp_path / "data", "-o", f"{tmp_path}/out/", "--quiet")
    assert sorted(contents(tmp_path / "out")) == ["x.csv", "y.jsonl"]
    assert "'d.json', 'readme.txt' are left out" in " ".join(said.split())
    assert "written to" not in said


def test_the_files_of_a_run_are_read_and_folders_flushed_once(
    classes, tables, tmp_path, monkeypatch
):
    calls = []
    for module, name in ((splits, "open_text"), (run_rows, "read_fingerprints")):
        function = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *given, f=function, n=name: calls.append(n) or f(*given)
        )
    flush = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: calls.append("fsync") or flush(handle))
    run_rows._read.cache_clear()
    predict(classes.run, tables / "*/*.csv", "-o", f"{tmp_path}/out/")
    assert calls.count("read_fingerprints") == 1
    assert calls.count("open_text") <= 2
    # each output and its record; then two folders of either
    assert calls.count("fsync") == 2 * 5 + 4


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--no-proba", "--keep", "a"], "with other options (--keep and --proba)"),
        (["--threshold", "0.9"], "with other options (--threshold)"),
        (["--strict"], "with other options (--strict)"),
    ],
)
def test_outputs_of_other_options_are_refused(classes, tables, tmp_path, words, why):
    command = [classes.run, tables / "a", "-o", f"{tmp_path}/out/"]
    predict(*command)
    before = contents(tmp_path / "out")
    code, said = invoked("predict", *command, *words)
    assert code == 2
    assert why in said
    assert "--force" in said
    assert contents(tmp_path / "out") == before
    predict(*command, *words, "--force")
    assert "0 predicted" in predict(*command, *words, "--force")  # those are finished
    assert len(contents(tmp_path / "out")) == 2


def test_outputs_of_another_model_or_table_are_refused(classes, tables, tmp_path):
    predict(classes.run, tables / "a/x.csv", "-o", f"{tmp_path}/out/")
    code, said = invoked("predict", classes.run, tables / "b/x.csv", "-o", f"{tmp_path}/out/")
    assert (code, "was predicted from" in said) == (2, True)
    changed = tmp_path / "model"
    shutil.copytree(classes.run / "model", changed)
    predict(changed, tables / "a/x.csv", "-o", f"{tmp_path}/out/")  # a copy is the same model
    description = json.loads((changed / "model.json").read_text())
    description["temperature"] = 2.0
    (changed / "model.json").write_text(json.dumps(description))
    code, said = invoked("predict", changed, tables / "a/x.csv", "-o", f"{tmp_path}/out/")
    assert (code, "was predicted by another model" in said) == (2, True)


def test_what_a_killed_worker_leaves_is_finished_or_predicted_again(classes, tables, tmp_path):
    out = tmp_path / "out"
    command = [classes.run, tables / "*/*", "-o", f"{out}/"]
    predict(*command)
    whole = contents(out)
    # killed before the rename: a record, and a part of the output under another name
    (out / "a/x.csv").unlink()
    dead, other = out / "a/.x.csv.0123abcd.tmp", out / "a/.x.csv.0123abce.tmp"
    for path in (dead, other):
        path.write_text("half")
        os.utime(path, (0, 0))
    # a file of someone else, and one that was changed
    (out / ".predicted/b/x.csv.json").write_text("{}")
    (out / "b/y.csv").write_text("mine\n")
    code, said = invoked("predict", *command)
    assert code == 2
    assert "exists, and bpnet does not know what it is" in said
    assert "has changed since it was predicted" in said
    (out / "b/x.csv").unlink()
    (out / "b/y.csv").unlink()
    with open(other, "rb") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        predict(*command)
    assert not dead.exists()
    assert other.exists()
    other.unlink()
    assert contents(out) == whole


def test_the_next_worker_removes_what_a_killed_one_has_left_a_moment_ago(classes, tables, tmp_path):
    out = tmp_path / "out"
    (out / ".predicted").mkdir(parents=True)
    dead = out / ".x.csv.0123abcd.tmp", out / ".predicted/.x.csv.json.0123abcd.tmp"
    for path in dead:
        path.touch()
    predict(classes.run, tables / "a", "-o", out)
    assert [path for path in dead if path.exists()] == []


def test_a_file_is_held_until_it_has_its_name(tmp_path, monkeypatch):
    rename = Path.replace

    def late(temporary, path):
        lock.remove_unheld(temporary)  # by another worker, right before
        return rename(temporary, path)

    monkeypatch.setattr(Path, "replace", late)
    with files.replacing(tmp_path / "t.csv", hold=lock.hold) as stream:
        stream.write(b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    assert (tmp_path / "t.csv").read_bytes() == b"x"


def test_a_file_that_is_removed_before_it_is_held_is_begun_again(tmp_path):
    removed = []

    def hold(stream):
        if not removed:  # by another process, between the beginning and the lock
            lock.remove_unheld(Path(stream.name))
            removed.append(stream.name)
        return lock.hold(stream)

    with files.replacing(tmp_path / "x", hold=hold) as stream:
        lock.remove_unheld(Path(stream.name))  # held now
        stream.write(b"whole")
    assert removed
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"x": b"whole"}


def test_an_option_that_one_table_needs_is_advised_as_it_can_be_followed(classes, tables, tmp_path):
    (tables / "a/x.csv").write_bytes("a,b,w\n1,ü,2\n".encode("latin-1"))
    command = [classes.run, tables / "a", "-o", f"{tmp_path}/out/"]
    code, said = invoked("predict", *command)
    text = " ".join(said.split())
    assert code == 4
    assert "--set dataset.reading.encoding=cp1252" in text
    assert text.endswith("to change an option, predict only it, into another folder")
    option = ["--set", "dataset.reading.encoding=cp1252"]
    predict(classes.run, tables / "a/x.csv", "-o", f"{tmp_path}/other/", *option)
    (tables / "a/x.csv").write_text("")
    assert "to change an option" not in " ".join(invoked("predict", *command)[1].split())


def test_outputs_among_the_tables_are_named(classes, tables, tmp_path):
    assert "of `bpnet predict`" not in predict(classes.run, tables / "*/*", "-o", f"{tables}/out/")
    words = [classes.run, tables / "**/*.csv", "-o", f"{tmp_path}/new/", "--keep", "none"]
    said = " ".join(predict(*words).split())
    outputs = [f"'{path}'" for path in sorted((tables / "out").rglob("[xyz].csv"))]
    assert len(outputs) == 5
    assert f"{', '.join(outputs)} are outputs of `bpnet predict`" in said
    assert "10 predicted" in said


def test_an_output_among_the_files_of_its_table_is_refused(classes, tables):
    output = tables / "a/all.csv"
    command = [classes.run, tables / "a/*.csv", "-o", output, "--keep", "none"]
    predict(*command)
    before = contents(tables)
    for given in (tables / "a/*.csv", tables / "a"):
        code, said = invoked("predict", classes.run, given, "-o", output)
        assert (code, "is one of the files of" in " ".join(said.split())) == (2, True)
    assert contents(tables) == before


def test_tables_that_fail_are_named_and_the_others_predicted(classes, tables, tmp_path):
    (tables / "a/x.csv").write_text("")
    (tables / "b/x.csv").write_text("a,w\n1,2\n")
    write(tables / "b/y.csv", ["1,u,1", "one,u,1"])
    command = [classes.run, tables / "*/*", "-o", f"{tmp_path}/out/"]
    code, said = invoked("predict", *command)
    text = " ".join(said.split())
    assert code == 4
    for part in (
        "a/x.csv: the table is empty",
        "b/x.csv: there is no column 'b', which the model reads",
        "b/y.csv, line 3",
        "5 tables: 2 predicted, 3 failed; 7 rows in all",
        "run the command again, which predicts only them",
    ):
        assert part in text
    assert sorted(contents(tmp_path / "out")) == ["a/y.csv", "b/z.csv"]
    for name in ("a/x.csv", "b/x.csv", "b/y.csv"):
        write(tables / name, ROWS[:1])
    assert "3 predicted, 2 finished before" in " ".join(predict(*command).split())


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["data/a", "-o", "out", "--shard", "0/4"], 2, "--shard 0/4: must be i/n"),
        (["data/a", "-o", "out", "--shard", "5/4"], 2, "--shard 5/4: must be i/n"),
        (["data/a", "-o", "out", "--shard", "x"], 2, "--shard x: must be i/n"),
        (["data/a", "--shard", "1/4"], 2, "--shard 1/4 needs a folder of outputs"),
        (["data/a", "-o", "x.csv", "--shard", "1/4"], 2, "-o x.csv is named as a file"),
        (["data/*.parquet", "-o", "out/"], 4, "no file matches the pattern"),
        (["data/a", "data/b"], 2, "2 tables are given"),
        (["data/a", "data/b", "-o", "new.csv"], 2, "2 tables are given"),
        (["data/a", "-o", "file/"], 5, "file/: is not a folder"),
        (["data/a", "-o", "file", "--shard", "1/2"], 5, "file: is not a folder"),
        (["data/a", "-o", "no/out/"], 5, "mkdir -p no"),
        (["data/a", "-o", "data/a"], 2, "data/a/x.csv: lies in data/a"),
        (["data/a/x.csv", "-o", "data/"], 2, "data/a/x.csv: lies in data"),
        (["-", "-o", "out/"], 2, "standard input is a table without a file"),
        (["data/a", "-o", "o.csv", "--force"], 2, "--force is for a folder"),
        (["data/a", "same/x.tsv", "same/x.csv", "-o", "out/"], 2, "would both be written to"),
        (["data/a", "-o", "out/", "--safe-csv", "--format", "jsonl"], 2, "--safe-csv is for CSV"),
        (["data/a", "-o", "out/", "--interval", "0.9"], 2, "--interval"),
    ],
)
def test_bad_usage_writes_nothing(classes, tables, tmp_path, monkeypatch, words, code, why):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for name in ("x.csv", "x.tsv"):
        write(tmp_path / "same" / name, ROWS)
    before = contents(tmp_path)
    found, said = invoked("predict", classes.run, *words)
    assert (found, why in " ".join(said.split())) == (code, True), said
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_killed_workers_and_twins_leave_what_one_undisturbed_worker_does(classes, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rng = random.Random(1)
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    for k in range(12):
        rows = 5_000
        columns = {
            "a": [rng.uniform(0, 13) for _ in range(rows)],
            "b": [rng.choice("uvw") for _ in range(rows)],
            "w": [1.0] * rows,
        }
        parquet.write_table(pyarrow.table(columns), data / f"{k}.parquet")
    predict(classes.run, data / "*.parquet", "-o", f"{tmp_path}/whole/")
    command = ["predict", str(classes.run), f"{data}/*.parquet", "-o", f"{out}/", "--shard"]

    def worker(shard: int) -> subprocess.Popen[bytes]:
        return start(*command, f"{shard}/3", cwd=tmp_path, stdout=subprocess.DEVNULL)

    for _ in range(3):
        twins = [worker(shard) for shard in (1, 1, 2, 3)]
        time.sleep(rng.uniform(0.5, 2))
        for process in twins:
            process.send_signal(signal.SIGKILL)
            process.wait()
        for name, content in contents(out).items() if out.exists() else ():
            assert name.endswith(".tmp") or content == (tmp_path / "whole" / name).read_bytes()
    codes = [process.wait() for process in [worker(shard) for shard in (1, 1, 2, 2, 3, 3)]]
    assert codes == [0] * 6
    found = {name: content for name, content in contents(out).items() if name.endswith(".parquet")}
    assert found == contents(tmp_path / "whole")
