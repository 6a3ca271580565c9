"""Commands in processes of their own: exit codes, signals and streams."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_cases import REGRESSION, TABLE
from command_line import BPNET, bpnet, bpnet_apart, start


def test_a_diverged_training_ends_with_6_and_a_run_that_can_be_used(here: Path) -> None:
    said = bpnet("train", "c.yaml", "--json", "--set", "training.learning_rate=1e30", cwd=here)
    assert (said.code, said.out) == (6, "")
    assert said.lacks("error: ", "diverged in epoch 1", "learning rate", "runs/c-001") == []
    (rate,) = re.findall(r"training\.learning_rate=([0-9.e+-]+[0-9])", said.err)
    assert float(rate) <= 0.1
    assert json.loads((here / "runs/c-001/run.json").read_text())["status"] == "diverged"
    assert bpnet("eval", "runs/c-001", cwd=here).code == 0


def test_the_installed_script_is_this_command(trained: Path) -> None:
    script = Path(BPNET[0]).with_name("bpnet")
    done = subprocess.run(
        [script, "predict", "runs/c-009", "t.csv"], cwd=trained, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("error: runs/c-009")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, ("predict", "runs/c-001", "t.csv")),
        (2, ("eval",)),
        (3, ("train", "c.yaml", "--set", "seed=-1")),
        (4, ("predict", "runs/c-001", "-")),
        (5, ("predict", "runs/c-009", "t.csv")),
        (6, ("train", "c.yaml", "--set", "training.learning_rate=1e30")),
    ],
)
def test_exit_codes_reach_the_shell(code: int, words: tuple[str, ...], trained: Path) -> None:
    said = bpnet_apart(*words, cwd=trained)
    assert said.code == code
    assert "Traceback" not in said.err
    assert "Warning" not in said.err


def test_a_reader_that_has_had_enough_is_no_error(trained: Path) -> None:
    (trained / "big.csv").write_text(TABLE + "".join(TABLE.splitlines(keepends=True)[1:]) * 500)
    process = start(
        "predict",
        "runs/c-001",
        "big.csv",
        cwd=trained,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), errors) == (0, b"")


def interrupted(folder: Path, *signals: int, words: tuple[str, ...] = ()) -> tuple[int, str]:
    """Train without end, send the signals after the first epochs; return exit code and stderr."""
    forever = ("train", "c.yaml", "--set", "training.epochs=100000000", *words)
    process = start(*forever, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        log = folder / "runs" / "c-001" / "metrics.csv"
        for _ in range(1200):
            if log.is_file() and log.read_bytes().count(b"\n") > 2:
                break
            time.sleep(0.025)
        for number in signals:
            process.send_signal(number)
            time.sleep(0.002)
        out, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert out == b""
    return process.returncode, errors.decode()


@pytest.mark.parametrize(
    "signals",
    [signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
    ids=["INT", "TERM", "HUP"],
)
def test_an_interrupted_training_ends_with_its_code_and_a_run_that_can_be_used(
    signals: int, here: Path
) -> None:
    code, errors = interrupted(here, signals)
    assert code == 128 + signals
    assert "Traceback" not in errors
    for part in ("interrupted", "runs/c-001", "bpnet eval"):
        assert part in errors
    content = json.loads((here / "runs/c-001/run.json").read_text())
    assert (content["status"], content["stop_reason"]) == ("interrupted", "interrupted")
    assert (
        abs(content["epochs"] - (here / "runs/c-001/metrics.csv").read_bytes().count(b"\n") + 1)
        <= 1
    )
    assert bpnet("eval", "runs/c-001", cwd=here).code == 0


def test_a_second_interruption_leaves_at_once_and_the_run_can_be_resumed(here: Path) -> None:
    code, errors = interrupted(here, *[signal.SIGINT] * 3)
    assert code == 130
    assert "Traceback" not in errors
    epochs = (here / "runs/c-001/metrics.csv").read_bytes().count(b"\n") + 5
    resumed = bpnet("resume", "runs/c-001", "--set", f"training.epochs={epochs}", cwd=here)
    assert resumed.code == 0, resumed.err
    lines = (here / "runs/c-001/metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == [str(k + 1) for k in range(epochs)]


@pytest.mark.slow
def test_ctrl_c_at_any_moment_ends_without_a_traceback(here: Path) -> None:
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    words = ("train", "c.yaml", "--quiet")
    whole = time.perf_counter()
    start(*words, cwd=here, **streams).communicate()
    whole = time.perf_counter() - whole
    codes = []
    for k in range(15):
        process = start(*words, cwd=here, **streams)
        time.sleep(whole * (0.1 + 0.95 * k / 14))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert b"Traceback" not in errors
        assert process.returncode in (0, 130), errors
        assert (process.returncode == 130) == (b"interrupted" in errors)
        codes.append(process.returncode)
    assert 130 in codes


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("module", ["bpnet.cli.app", "bpnet.cli.verify", "typer.main"])
def test_a_signal_in_the_first_moments_of_a_command_has_its_code_and_word(
    number: signal.Signals, module: str, here: Path
) -> None:
    program = (
        "import os, sys\n"
        "from bpnet.cli import main\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        f"            os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "sys.argv = ['bpnet', 'train', 'c.yaml']\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=here, capture_output=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (128 + number, b"", b"interrupted\n")


def test_nobody_reading_the_progress_does_not_end_a_training(here: Path) -> None:
    process = start("train", "c.yaml", cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stderr.close()
    out = process.stdout.read()
    process.stdout.close()
    assert process.wait(60) == 0
    assert b"Run directory: runs/c-001" in out
    assert json.loads((here / "runs/c-001/run.json").read_text())["status"] == "finished"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_stdout_is_named(trained: Path) -> None:
    with open("/dev/full", "wb") as full:
        process = start(
            "predict",
            "runs/c-001",
            "t.csv",
            cwd=trained,
            stdout=full.fileno(),
            stderr=subprocess.PIPE,
        )
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 5
    assert b"error: standard output: cannot be written" in errors
    assert b"Traceback" not in errors


@pytest.mark.parametrize("redirection", ["<&-", ">&- 2>&-"])
def test_closed_streams_are_no_bug(redirection: str, trained: Path) -> None:
    line = f'"$0" -c "$1" predict runs/c-001 t.csv {redirection}'
    done = subprocess.run(
        ["sh", "-c", line, BPNET[0], BPNET[2]], cwd=trained, capture_output=True, timeout=60
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


def test_closed_stdin_is_named(trained: Path) -> None:
    line = '"$0" -c "$1" predict runs/c-001 - <&-'
    done = subprocess.run(
        ["sh", "-c", line, BPNET[0], BPNET[2]], cwd=trained, capture_output=True, timeout=60
    )
    assert done.returncode == 4
    assert b"standard input" in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_encoding_without_the_letter_is_no_bug(here: Path) -> None:
    (here / "t.csv").write_text(REGRESSION)
    assert bpnet("train", "c.yaml", cwd=here).code == 0
    process = subprocess.run(
        [*BPNET, "eval", "runs/c-001"],
        cwd=here,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert process.returncode == 0
    assert b"RMSE" in process.stdout
