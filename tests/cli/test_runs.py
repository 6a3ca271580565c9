"""`bpnet runs`: the list of runs, sorted, filtered, at every width, with damaged runs in it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import BPNET, ROOT, Said, bpnet
from run_folders import make_run
from terminal import on_terminal

from bpnet.reports.tables import display_width
from bpnet.runs.lock import RunLock

OLD = ROOT / "tests" / "runs" / "made_by_0_1_0"
RATE = ["bpnet", "train", "c.yaml", "--set", "training.learning_rate=0.01"]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs of all kinds of end, on two tables."""
    folder = tmp_path_factory.mktemp("listed")
    make_run(folder / "runs/iris-001", accuracy=0.9, rate=0.01, command=RATE)
    make_run(folder / "runs/iris-002", accuracy=0.95, rate=0.1, units=16, seed=3)
    make_run(folder / "runs/iris-003", accuracy=0.8, rate=1e-4, started="2026-02-02T03:04:05Z")
    make_run(folder / "runs/wine-001", accuracy=0.7, table="wine")
    make_run(folder / "runs/died-001", status="running", best_epoch=None)
    make_run(folder / "runs/diverged-001", status="diverged", accuracy=0.3)
    make_run(folder / "runs/cut-001", status="interrupted")
    make_run(folder / "runs/failed-001", status="failed")
    (folder / "runs/empty").mkdir()
    return folder


def listed(*words: str, cwd: Path) -> list[dict[str, Any]]:
    said = bpnet("runs", *words, "--json", cwd=cwd)
    assert said.code == 0, said.err
    runs: list[dict[str, Any]] = json.loads(said.out)["runs"]
    return runs


def names(*words: str, cwd: Path) -> list[str]:
    return [run["name"] for run in listed(*words, cwd=cwd)]


def test_the_status_of_each_run_is_told(here: Path) -> None:
    statuses = {run["name"]: run["status"] for run in listed(cwd=here)}
    assert statuses == {
        **dict.fromkeys(("iris-001", "iris-002", "iris-003", "wine-001"), "done"),
        "died-001": "died",
        "diverged-001": "diverged",
        "cut-001": "interrupted",
        "failed-001": "failed",
    }


def test_a_run_in_training_is_running(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs/c-001", status="running")
    lock = RunLock(run)
    lock.acquire()
    try:
        (one,) = listed(cwd=tmp_path)
    finally:
        lock.release()
    assert one["status"] == "running"
    assert listed(cwd=tmp_path)[0]["status"] == "died"


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (["--sort", "test.accuracy"], ["iris-002", "iris-001", "iris-003"]),
        (["--sort", "test.loss"], ["iris-002", "iris-001", "iris-003"]),
        (["--sort", "learning_rate"], ["iris-003", "iris-001", "iris-002"]),
        (["--sort", "test.accuracy", "--reverse"], ["iris-003", "iris-001", "iris-002"]),
        (["--sort", "run", "--limit", "2"], ["iris-001", "iris-002"]),
        (["--sort", "age", "--limit", "1"], ["iris-003"]),
        (["--limit", "1"], ["iris-003"]),
    ],
)
def test_runs_are_sorted(words: list[str], order: list[str], here: Path) -> None:
    assert names(*words, "--where", "dataset=iris", "--where", "test.accuracy>0.5", cwd=here) == (
        order
    )


def test_what_follows_from_a_preset_is_not_listed(tmp_path: Path) -> None:
    """Presets have other units and rates; one run has set the rate by itself."""
    fast = {"units": 8, "rate": 0.01, "preset": "fast", "set_beside_preset": []}
    best = {"units": 64, "rate": 0.04, "preset": "best", "set_beside_preset": []}
    make_run(tmp_path / "runs/a-001", accuracy=0.8, **fast)
    make_run(tmp_path / "runs/b-001", accuracy=0.9, **best)
    make_run(tmp_path / "runs/c-001", accuracy=0.9, **best, seed=3)
    columns = json.loads(bpnet("runs", "--json", cwd=tmp_path).out)["columns"]
    assert columns == ["test.accuracy", "preset", "seed"]
    assert names("--where", "preset=best", "--sort", "run", cwd=tmp_path) == ["b-001", "c-001"]
    own = best | {"rate": 0.2, "set_beside_preset": ["training.learning_rate"]}
    make_run(tmp_path / "runs/d-001", accuracy=0.7, **own, seed=3)
    columns = json.loads(bpnet("runs", "--json", cwd=tmp_path).out)["columns"]
    assert set(columns) == {"test.accuracy", "preset", "seed", "training.learning_rate"}
    # a run without a preset has set all by itself, and a table of its own says nothing
    make_run(tmp_path / "runs/e-001", accuracy=0.7, units=9)
    columns = json.loads(bpnet("runs", "--json", cwd=tmp_path).out)["columns"]
    assert "architecture.layers" not in columns
    make_run(tmp_path / "runs/f-001", accuracy=0.7, units=10)
    columns = json.loads(bpnet("runs", "--json", cwd=tmp_path).out)["columns"]
    assert "architecture.layers" in columns


def test_runs_without_the_key_come_last(here: Path) -> None:
    for words in ([], ["--reverse"]):
        order = names("--sort", "test.accuracy", *words, cwd=here)
        assert set(order[-3:]) == {"died-001", "cut-001", "failed-001"}


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("dataset=wine", ["wine-001"]),
        ("data=wine", ["wine-001"]),
        ("test.accuracy>=0.9", ["iris-001", "iris-002"]),
        ("test.accuracy<0.5", ["diverged-001"]),
        ("test.accuracy = 0.95", ["iris-002"]),
        ("training.learning_rate=1e-4", ["iris-003"]),
        ("learning_rate==0.0001", ["iris-003"]),
        ("learning_rate>0.05", ["iris-002"]),
        ("seed=3", ["iris-002"]),
        ("layers=16 relu", ["iris-002"]),
        ("run=iris-001", ["iris-001"]),
        ("status=died", ["died-001"]),
        ("started>=2026-02", ["iris-003"]),
        ("training.optimizer=sgd", []),
        ("optimizer.kind=nadam", []),
    ],
)
def test_runs_are_filtered(condition: str, found: list[str], here: Path) -> None:
    assert sorted(names("--where", condition, cwd=here)) == found


def test_a_run_without_the_key_meets_unequal_only(here: Path) -> None:
    unscored = {"died-001", "cut-001", "failed-001"}
    assert set(names("--where", "test.accuracy!=0.9", cwd=here)) >= unscored
    for condition in ("test.accuracy<=1", "test.accuracy>0", "test.accuracy=0.9"):
        assert not unscored & set(names("--where", condition, cwd=here))
    assert "died-001" in names("--where", "best_epoch=null", cwd=here)


def test_finished_is_another_word_for_done(here: Path) -> None:
    assert names("--where", "status=finished", cwd=here) == names(
        "--where", "status=done", cwd=here
    )


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--sort", "test.acuracy"], ["no run has such a key", "did you mean 'test.accuracy'"]),
        (["--sort", "accuracy"], ["several keys", "'test.accuracy', 'validation.accuracy'"]),
        (["--sort", "zzz"], ["no run has such a key", "'test.accuracy'"]),
        (["--columns", "seed,learn_rate"], ["learn_rate", "'training.learning_rate'"]),
        (["--where", "seed"], ["KEY=VALUE", "<=", "in quotes"]),
        (["--where", "=3"], ["KEY=VALUE"]),
        (["--where", "seed~3"], ["the operator '~' is unknown", "!="]),
        (["--where", "seed=>3"], ["the operator '=>' is unknown"]),
        (["--where", "sead=3"], ["no run has such a key", "did you mean 'seed'"]),
        (["--where", "optimizer<3"], ["training.optimizer is text, such as adam"]),
        (["--where", "seed<x"], ["seed is a number"]),
        (["--limit", "0"], ["--limit 0", "at least 1"]),
    ],
)
def test_a_wrong_question_is_refused(words: list[str], parts: list[str], here: Path) -> None:
    said = bpnet("runs", *words, cwd=here)
    assert (said.code, said.out) == (2, "")
    assert said.lacks(*parts) == []


@pytest.mark.parametrize(
    ("folder", "code", "parts"),
    [
        ("nowhere", 5, ["there is no such folder", "bpnet train CONFIG"]),
        ("runs/iris-001/run.json", 5, ["is a file"]),
        ("runs/iris-001", 0, ["is a run itself: bpnet show runs/iris-001"]),
        ("runs/empty", 0, ["there are no runs", "bpnet train CONFIG"]),
        ("x" * 300, 5, ["cannot be listed"]),
    ],
)
def test_a_folder_without_runs_says_what_to_type(
    folder: str, code: int, parts: list[str], here: Path
) -> None:
    said = bpnet("runs", folder, cwd=here)
    assert (said.code, said.out) == (code, "")
    assert said.lacks(*parts) == []


def test_a_filter_that_nothing_meets_is_told(here: Path) -> None:
    said = bpnet("runs", "--where", "seed=99", cwd=here)
    assert (said.code, said.out) == (0, "")
    assert "none of the 8 runs in runs meets all conditions" in said.err


# What is shown


def shown(here: Path, columns: int, *words: str) -> Said:
    environment = os.environ | {"COLUMNS": str(columns), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*BPNET, "runs", *words], cwd=here, env=environment, capture_output=True, timeout=60
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_table_fits_the_width(
    columns: int, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    said = bpnet("runs", cwd=here)
    table = said.out.partition("\n\n")[0].splitlines()
    assert len(table) == 2 + 8
    assert max(map(display_width, table)) <= columns
    assert said.lacks("died-001", "interrupted", "iris", "0.9500") == []
    assert ("layers" in table[1]) == (columns > 60)


def test_the_keys_that_a_command_has_set_come_first(here: Path) -> None:
    said = json.loads(bpnet("runs", "--json", cwd=here).out)
    assert said["columns"][:2] == ["test.accuracy", "training.learning_rate"]
    assert set(said["columns"]) == {
        *("test.accuracy", "training.learning_rate", "architecture.layers", "seed"),
    }


def test_columns_that_are_named_replace_those_that_differ(here: Path) -> None:
    said = bpnet("runs", "--columns", "seed,epochs", "--columns", "optimizer", cwd=here)
    assert said.out.splitlines()[1].split()[-3:] == ["seed", "epochs", "optimizer"]
    assert "learning" not in said.out


def scored_run(folder: Path, **metrics: dict[str, float]) -> None:
    make_run(folder)
    (folder / "metrics.json").write_text(json.dumps(metrics), "utf-8")


def test_columns_that_are_asked_for_have_room_before_scores(tmp_path: Path) -> None:
    scored_run(tmp_path / "runs/a-rather-long-name-001", test={"accuracy": 0.75}, train={})
    scored_run(tmp_path / "runs/b-001", test={"r2": 0.5})
    scored_run(tmp_path / "runs/c-001", train={"label_accuracy": 0.25})
    said = shown(tmp_path, 60, "--columns", "optimizer")
    assert said.out.splitlines()[1].split()[-1] == "optimizer"
    assert "optimizer" not in said.out.partition("not shown:")[2]
    # where there is no room for a column of each metric, one has them all
    columns = [line.split() for line in shown(tmp_path, 76).out.splitlines()]
    rows = {words[0]: words[4:] for words in columns if words}
    assert rows["run"][:1] == ["score"]
    assert [rows[name][1:4] for name in ("a-rather-long-name-001", "b-001", "c-001")] == [
        ["0.7500", "test", "accuracy"],
        ["0.5000", "test", "r2"],
        ["0.2500", "train", "label_accuracy"],
    ]
    wide = shown(tmp_path, 160).out
    assert "score" not in wide.split()


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_terminal_shows_each_run_on_one_line(columns: int, here: Path) -> None:
    lines = on_terminal("runs", cwd=here, columns=columns).splitlines()
    assert max(map(display_width, lines)) <= columns
    assert [line.split()[0] for line in lines[2:10]].count("iris-001") == 1


def test_damaged_runs_are_named(tmp_path: Path) -> None:
    make_run(tmp_path / "runs/whole-001", accuracy=0.5)
    for name, file, content in (
        ("a-001", "run.json", b"{"),
        ("b-001", "run.json", b"[]"),
        ("c-001", "metrics.json", b"\xff"),
        ("d-001", "config.yaml", b"dataset: ["),
        ("e-001", "config.yaml", b"seed: 1"),
        ("f-001", "config.yaml", b"a: &a [1]\nb: *c\ndataset: {x: *a}\n"),
    ):
        run = make_run(tmp_path / "runs" / name, accuracy=0.5)
        (run / file).write_bytes(content)
    (make_run(tmp_path / "runs/g-001") / "config.yaml").unlink()
    said = bpnet("runs", cwd=tmp_path)
    assert said.code == 0
    lines = {line.split()[0]: line.split()[1] for line in said.out.splitlines()[2:10]}
    assert lines == {"whole-001": "done"} | dict.fromkeys(
        (f"{letter}-001" for letter in "abcdefg"), "damaged"
    )
    warnings = said.err.splitlines()
    assert len(warnings) == 7
    assert said.lacks("runs/a-001/run.json", "runs/c-001/metrics.json", "runs/g-001/config") == []


def test_a_config_that_doubles_itself_takes_no_time(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs/c-001")
    assert bpnet("runs", cwd=tmp_path).code == 0  # which also imports what it needs
    lines = ["a0: &a0 [1, 1]"]
    lines += [f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}]" for k in range(1, 60)]
    (run / "config.yaml").write_text("\n".join([*lines, "dataset: {x: *a59}"]))
    start = time.process_time()
    assert bpnet("runs", cwd=tmp_path).code == 0
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("<script>", "<script>"),
        ("e\x1b[2Jvil", r"e\x1b[2Jvil"),
        ("\u202eabc", r"\u202eabc"),
        ("a\nb", r"a\nb"),
        ("日本", "日本"),
        ("🦆", "🦆"),
        ("x" * 250, "x…x"),
    ],
)
def test_a_hostile_name_is_text(name: str, cell: str, tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / name, accuracy=0.5)
    said = bpnet("runs", cwd=tmp_path)
    assert cell in said.out
    assert not {"\x1b", "\u202e"} & set(said.out)
    assert len(said.out.splitlines()) == 3
    assert json.loads(bpnet("runs", "--json", cwd=tmp_path).out)["runs"][0]["name"] == name


def test_runs_of_an_older_version_are_listed() -> None:
    said = bpnet("runs", str(OLD), "--json")
    assert said.code == 0, said.err
    runs = {run["name"]: run for run in json.loads(said.out)["runs"]}
    assert {name: (run["kind"], run["status"]) for name, run in runs.items()} == {
        "diabetes-001": ("train", "done"),
        "iris-001": ("train", "done"),
        "penguins-001": ("train", "done"),
        "wine-cv-001": ("cv", "done"),
    }
    assert runs["diabetes-001"]["score"] == "test.r2"


def test_neither_pandas_nor_scikit_learn_is_imported(here: Path) -> None:
    code = (
        "import sys; sys.argv = ['bpnet', 'runs']\n"
        "from bpnet.cli import main\n"
        "try: main()\n"
        "finally: print(*{'pandas', 'sklearn', 'scipy', 'rich'} & {*sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=here,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stderr.split() == []


@pytest.mark.slow
def test_two_thousand_runs_are_listed_in_seconds(tmp_path: Path) -> None:
    for k in range(2_000):
        make_run(tmp_path / f"runs/c-{k:04d}", accuracy=k / 2_000, rate=k / 1e5, units=k % 50)
    start = os.times()
    said = shown(tmp_path, 80, "--sort", "test.accuracy")
    took = os.times()
    assert len(said.out.splitlines()) == 2_002
    spent = took.children_user + took.children_system
    assert spent < start.children_user + start.children_system + 10


def test_the_environment_names_the_folder_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An option, or the argument, counts more; an empty name is none."""
    monkeypatch.setenv("BPNET_RUNS", str(tmp_path / "environment"))
    config = ROOT / "configs" / "xor.yaml"
    words = ["train", config, "--set", "training.epochs=1", "--quiet"]
    assert bpnet(*words, cwd=tmp_path).code == 0
    assert bpnet(*words, "--runs", "option", cwd=tmp_path).code == 0
    assert sorted(path.parent.name for path in tmp_path.glob("*/xor-001")) == [
        "environment",
        "option",
    ]
    assert "xor-001" in bpnet("runs", cwd=tmp_path).out
    assert "xor-001" in bpnet("runs", "option", cwd=tmp_path).out
    monkeypatch.setenv("BPNET_RUNS", "")
    assert bpnet(*words, cwd=tmp_path).code == 0
    assert (tmp_path / "runs" / "xor-001").is_dir()
