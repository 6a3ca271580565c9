"""What reaches a file, a spreadsheet or a terminal holds no surprise."""

import csv
import io
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from command_line import BPNET, bpnet, start

from bpnet.data.writing.csv_writer import _safe_cell
from bpnet.messages import shell_quoted

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
HOSTILE = "\x1b[2J\x07\x9b31m\u202e\u2066"
SHOWN = "\\x1b[2J\\x07\\x9b31m\\u202e\\u2066"


# Spreadsheets


@pytest.mark.parametrize(
    "cell",
    [
        *("=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1"),
        *("＝1+1", '=HYPERLINK("http://x","y")', "-", "+", "--1", "-1e", "+1-1", "-1e5e5", "@"),
    ],
)
def test_a_formula_becomes_text(cell: str) -> None:
    (row,) = csv.reader(io.StringIO(_safe_cell(cell), newline=""))
    assert row == ["'" + cell]
    assert _safe_cell(cell).startswith('"')


@pytest.mark.parametrize(
    "cell", ["-1", "+1.5", "-1e-07", "-1.234,5", "-3 %", "-1 000", "a=1", "'=1", "1-2", "", "x@y"]
)
def test_numbers_and_other_text_stay(cell: str) -> None:
    (row,) = csv.reader(io.StringIO(_safe_cell(cell) + "\n", newline=""))
    assert "".join(row) == cell


def test_predict_escapes_names_cells_and_labels_on_request(tmp_path: Path) -> None:
    rows = [f"{k},{'=no' if k % 2 else '@yes'},-{k}.5,+x" for k in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["a,y,n,=note", *rows]) + "\n")
    (tmp_path / "c.yaml").write_text(
        "dataset: {path: t.csv, target: y, features: [a, n]}\n"
        "architecture: {hidden: [2]}\ntraining: {epochs: 2}\n"
    )
    assert bpnet("train", "c.yaml", cwd=tmp_path).code == 0
    words = ("predict", "runs/c-001", "t.csv")
    as_is = list(csv.reader(io.StringIO(bpnet(*words, cwd=tmp_path).out)))
    safe = list(csv.reader(io.StringIO(bpnet(*words, "--safe-csv", cwd=tmp_path).out)))
    assert safe[0][:4] == ["a", "y", "n", "'=note"]
    assert safe[1][:4] == ["0", "'@yes", "-0.5", "'+x"]
    assert {row[4] for row in safe[1:]} <= {"'=no", "'@yes"}
    unescaped = [[cell.removeprefix("'") for cell in row] for row in safe]
    assert unescaped == as_is
    said = bpnet(*words, "--safe-csv", "--format", "jsonl", cwd=tmp_path)
    assert said.code == 2
    assert "--safe-csv is for CSV, and the output is JSON" in said.err


# Terminals


def test_no_control_character_reaches_a_stream(tmp_path: Path) -> None:
    rows = [f"{k},{k % 3},{'p' if k % 2 else 'q' + HOSTILE}" for k in range(60)]
    (tmp_path / "t.csv").write_text(f"a,b{HOSTILE},y\n" + "\n".join(rows) + "\n")
    (tmp_path / "c.yaml").write_text(
        "dataset: {path: t.csv, target: y}\narchitecture: {hidden: [2]}\ntraining: {epochs: 2}\n"
    )
    commands = [
        ("check", "c.yaml"),
        ("train", "c.yaml"),
        ("eval", "runs/c-001"),
        ("explain", HOSTILE),
        ("eval", HOSTILE),
        ("predict", "runs/c-001", HOSTILE),
        ("predict", "runs/c-001", "t.csv", "--keep", HOSTILE),
        ("predict", "runs/c-001", "t.csv", f"--{HOSTILE}"),
        ("predict", "runs/c-001", "t.csv", "--top-k", HOSTILE),
        ("train", "c.yaml", "--set", f"training.optimizer={HOSTILE}"),
        ("train", "c.yaml", "--set", f"{HOSTILE}=1"),
        ("init", "t.csv"),
        (HOSTILE,),
    ]
    shown = ""
    for words in commands:
        said = bpnet(*words, cwd=tmp_path)
        assert not set("\x1b\x07\x9b\u202e\u2066") & set(said.out + said.err), words
        shown += said.out + said.err
    assert SHOWN in shown
    # a table of data keeps them as they are
    assert HOSTILE in bpnet("predict", "runs/c-001", "t.csv", cwd=tmp_path).out


@FULL
@pytest.mark.parametrize("words", [("--help",), ("--version",), ("predict", "-h")])
def test_a_help_text_into_a_full_device_is_an_error(words: tuple[str, ...], tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        process = start(*words, cwd=tmp_path, stdout=full.fileno(), stderr=subprocess.PIPE)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 5
    assert errors == b"error: standard output: cannot be written: No space left on device\n"


@FULL
@pytest.mark.parametrize("words", [("predict", "--nope"), ("nope",), ()])
def test_a_usage_error_keeps_its_code_where_stderr_is_full(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    with open("/dev/full", "wb") as full:
        process = start(*words, cwd=tmp_path, stderr=full.fileno())
        assert process.wait(60) == 2


def test_a_help_text_nobody_reads_is_no_error(tmp_path: Path) -> None:
    process = start("--help", cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")


# Files


def test_a_private_file_is_private_from_the_start(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("o.csv", "o.jsonl", "o.parquet"):
        output = trained / name
        output.write_text("secret")
        output.chmod(0o600)
        modes = []
        real = os.open

        def opened(path, flags, mode=0o777, *, real=real, modes=modes, **rest):
            number = real(path, flags, mode, **rest)
            if str(path).endswith(".tmp"):
                modes.append(stat.S_IMODE(os.fstat(number).st_mode))
            return number

        with monkeypatch.context() as patched:
            patched.setattr(os, "open", opened)
            assert bpnet("predict", "runs/c-001", "t.csv", "-o", name, cwd=trained).code == 0
        assert modes == [0o600]
        assert stat.S_IMODE(output.stat().st_mode) == 0o600


def test_outputs_and_tables_may_be_pipes(trained: Path) -> None:
    script = """
    set -e
    run() { "$PY" -c "$CODE" predict runs/c-001 "$@" --keep none 2> /dev/null; }
    run t.csv > plain.csv
    run t.csv -o /dev/stdout | cat > a.csv
    run t.csv -o >(cat > b.csv)
    mkfifo out in
    cat out > c.csv & run t.csv -o out; wait $!
    cat t.csv > in & run in > d.csv; wait $!
    run <(cat t.csv) > e.csv
    """
    environment = os.environ | {"PY": BPNET[0], "CODE": BPNET[2]}
    done = subprocess.run(
        ["bash", "-c", script], cwd=trained, env=environment, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    expected = (trained / "plain.csv").read_bytes()
    assert expected.count(b"\n") > 10
    for name in "acde":
        assert (trained / f"{name}.csv").read_bytes() == expected, name


def test_a_json_document_that_fails_midway_is_not_begun(trained: Path) -> None:
    lines = (trained / "t.csv").read_text().splitlines()
    many = [lines[0], *lines[1:] * 2000, "x" + lines[1]]
    (trained / "long.csv").write_text("\n".join(many) + "\n")
    said = bpnet("predict", "runs/c-001", "long.csv", "--json", cwd=trained)
    assert said.code == 4
    assert said.out == ""
    good = bpnet("predict", "runs/c-001", "t.csv", "--json", cwd=trained)
    assert len(json.loads(good.out)["predictions"]) == len(lines) - 1


@pytest.mark.slow
def test_of_several_at_once_one_writes_the_config(trained: Path) -> None:
    processes = [
        start("init", "t.csv", "--target", "c", "-o", "new.yaml", cwd=trained, stderr=-1, stdout=-1)
        for _ in range(4)
    ]
    ends = [(process.communicate(timeout=120), process.returncode) for process in processes]
    assert sorted(code for _, code in ends) == [0, 2, 2, 2]
    assert all(b"new.yaml exists already" in err for (_, err), code in ends if code)
    assert bpnet("train", "new.yaml", "--set", "preset=null", cwd=trained).code in (0, 3)


# Secrets


def test_a_run_holds_no_variable_of_the_shell(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BPNET_SECRET", "AWS_SECRET_ACCESS_KEY", "HOME_OF_x", "SSH_AUTH_SOCK"):
        monkeypatch.setenv(name, "s3cr3t-value")
    assert bpnet("train", "c.yaml", cwd=here).code == 0
    files = [file for file in (here / "runs").rglob("*") if file.is_file()]
    assert len(files) > 5
    for file in files:
        content = file.read_bytes()
        assert b"s3cr3t-value" not in content
        assert b"AWS_SECRET" not in content


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("word", ["a\nb", "it's \\n\nso", "\n", "$x `y`\n!"])
def test_a_word_with_line_breaks_is_typed_on_one_line(word):
    typed = shell_quoted(word)
    assert "\n" not in typed
    done = subprocess.run(
        ["bash", "-c", f"printf %s {typed}"], capture_output=True, text=True, check=True
    )
    assert done.stdout == word
