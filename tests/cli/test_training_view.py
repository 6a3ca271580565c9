"""A training on a pseudo-terminal, as a screen shows it: it fits, follows resizes, and leaves."""

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest
from command_line import BPNET, ROOT, bpnet

LONG = ("train", ROOT / "configs" / "iris.yaml", "--set", "training.epochs=10000000")
PATIENCE = 60


class Terminal:
    """A command on a terminal of its own, whose screen is emulated."""

    def __init__(self, *words: str | Path, columns: int, **environment: str) -> None:
        self._ours, theirs = os.openpty()
        self.screen = pyte.Screen(columns, 24)
        self.resize(columns)
        self._stream, self.received = pyte.ByteStream(self.screen), b""
        names = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        self.process = subprocess.Popen(
            [*BPNET, *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            env=names | {"TERM": "xterm-256color"} | environment,
        )
        os.close(theirs)

    def resize(self, columns: int) -> None:
        """Change the width, as a user does who drags the window's edge."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.screen.resize(24, columns)

    @property
    def lines(self) -> list[str]:
        """The screen's lines, without those that are empty."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def until(self, seen: Callable[[list[str]], object]) -> list[str]:
        """Read what the command writes until its screen has what is looked for."""
        end = time.monotonic() + PATIENCE
        while not seen(self.lines):
            assert time.monotonic() < end, self.lines
            assert self._read(), self.lines
        return self.lines

    def ended(self) -> int:
        """Read to the end, and return the exit code."""
        end = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < end, self.lines
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        if not select.select([self._ours], [], [], 1)[0]:
            return True
        try:
            piece = os.read(self._ours, 65_536)
        except OSError:  # the end, on Linux
            return False
        self.received += piece
        self._stream.feed(piece)
        return bool(piece)


@contextlib.contextmanager
def terminal(*words: str | Path, columns: int, **environment: str) -> Iterator[Terminal]:
    """Start a command on a terminal, and kill it at the end if it has not ended."""
    started = Terminal(*words, columns=columns, **environment)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()


def epoch_of(lines: list[str]) -> int:
    """Return the epoch that the screen shows, or 0."""
    shown = [line.split()[1] for line in lines if line.startswith("epoch ")]
    return int(shown[0].split("/")[0]) if shown else 0


def is_drawn(lines: list[str]) -> bool:
    """Return whether the lines that follow the training are there, to the last."""
    return epoch_of(lines) > 0 and any("best epoch" in line for line in lines)


def followed(lines: list[str]) -> list[str]:
    """Return the lines that follow the training."""
    first = next(k for k, line in enumerate(lines) if line.startswith("epoch "))
    return lines[first:]


@pytest.mark.parametrize(
    "columns", [80, *(pytest.param(n, marks=pytest.mark.slow) for n in (60, 200))]
)
def test_lines_follow_a_training_and_leave(columns: int, tmp_path: Path) -> None:
    with terminal(*LONG, "--runs", tmp_path, columns=columns) as shown:
        lines = followed(shown.until(is_drawn))
        first, *metrics, last = lines
        assert "left" in first
        assert "rows/s" in first
        assert len(metrics) == 2
        assert [line.split()[0] for line in metrics] == (
            ["val_loss", "val_accuracy"] if columns < 80 else ["loss", "accuracy"]
        )
        assert "best epoch" in last
        later = epoch_of(lines)
        again = shown.until(lambda lines: epoch_of(lines) > later and is_drawn(lines))
        assert len(followed(again)) == len(lines)
        shown.process.send_signal(signal.SIGINT)
        assert shown.ended() == 130
        assert not [line for line in shown.lines if line.startswith(("epoch ", "learning rate"))]
        assert any(line.startswith("error: interrupted") for line in shown.lines)
        assert not shown.screen.cursor.hidden


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(200, 80), (80, 200)])
def test_lines_after_a_resize(before: int, after: int, tmp_path: Path) -> None:
    with terminal(*LONG, "--runs", tmp_path, columns=before) as shown:
        count = len(followed(shown.until(is_drawn)))
        shown.resize(after)
        shown.process.send_signal(signal.SIGWINCH)
        at = epoch_of(shown.lines)
        lines = shown.until(lambda lines: epoch_of(lines) > at and is_drawn(lines))
        assert sum(line.startswith("epoch ") for line in lines) == 1
        assert len(followed(lines)) == count


@pytest.mark.slow
def test_killed_by_two_signals_in_mid_draw_the_cursor_comes_back(tmp_path: Path) -> None:
    with terminal(*LONG, "--runs", tmp_path, columns=80) as shown:
        shown.until(epoch_of)
        shown.process.send_signal(signal.SIGINT)
        shown.process.send_signal(signal.SIGINT)
        assert shown.ended() == 130
        assert not shown.screen.cursor.hidden


@pytest.mark.slow
def test_no_color_and_no_curves(tmp_path: Path) -> None:
    with terminal(
        *LONG, "--runs", tmp_path, columns=80, NO_COLOR="1", PYTHONIOENCODING="ascii"
    ) as shown:
        lines = shown.until(epoch_of)
        assert all(line.isascii() for line in lines)
    assert b"\x1b[3" not in shown.received.replace(b"\x1b[?25l", b"")


@pytest.mark.slow
def test_the_last_state_of_a_short_training_is_drawn(tmp_path: Path) -> None:
    words = ("train", ROOT / "configs" / "iris.yaml", "--set", "training.epochs=3")
    with terminal(*words, "--runs", tmp_path, columns=80) as shown:
        assert shown.ended() == 0
        assert b"epoch 3/3" in shown.received
        assert epoch_of(shown.lines) == 0  # the lines have left


@pytest.mark.slow
def test_a_training_that_asks_for_quiet_shows_nothing_on_a_terminal(tmp_path: Path) -> None:
    words = ("train", ROOT / "configs" / "iris.yaml", "--runs", tmp_path, "--quiet", "--json")
    with terminal(*words, columns=80) as shown:
        assert shown.ended() == 0
        assert shown.received.startswith(b"{")


def test_quiet_keeps_warnings(tmp_path: Path) -> None:
    rows = "\n".join(f"{k},1,{'uv'[k % 2]}" for k in range(40))
    (tmp_path / "t.csv").write_text(f"a,b,y\n{rows}\n")
    (tmp_path / "c.yaml").write_text(
        "dataset: {path: t.csv, target: y}\narchitecture: {hidden: [3]}\ntraining: {epochs: 20}\n"
    )
    loud = bpnet("train", "c.yaml", cwd=tmp_path)
    quiet = bpnet("train", "c.yaml", "--quiet", cwd=tmp_path)
    assert "epoch 20/20" in loud.err
    notes = [line for line in loud.err.splitlines() if not line.startswith("warning: ")]
    warnings = [line for line in loud.err.splitlines() if line.startswith("warning: ")]
    assert warnings
    assert notes
    assert quiet.err.splitlines() == warnings
    assert quiet.code == loud.code == 0
