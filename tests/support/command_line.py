"""The command line in a test: the words after `bpnet`, in this process or in one of its own."""

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bpnet.workflows.interruption import SIGNALS

ROOT = Path(__file__).parents[2]
BPNET = [sys.executable, "-c", "from bpnet.cli import main; main()"]


@dataclass(frozen=True)
class Said:
    """The exit code of a command and its output on both streams."""

    code: int
    out: str
    err: str

    def lacks(self, *parts: str) -> list[str]:
        """Return the parts that neither stream holds."""
        return [part for part in parts if part not in self.out + self.err]


def bpnet(*words: str | Path, cwd: Path = ROOT, stdin: bytes = b"") -> Said:
    """Run the command in this process, as the installed script does."""
    from bpnet.cli import main

    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    code: int | str | None = 0
    with _standing_in(cwd, list(map(str, words)), stdin), _streams(out, err):
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return Said(code, _read(out), _read(err))


def bpnet_apart(
    *words: str | Path, cwd: Path = ROOT, stdin: bytes | None = b"", timeout: float = 60
) -> Said:
    """Run the command in a process of its own."""
    done = subprocess.run(
        [*BPNET, *map(str, words)], cwd=cwd, input=stdin, capture_output=True, timeout=timeout
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def start(*words: str | Path, cwd: Path, **streams: int) -> subprocess.Popen[bytes]:
    """Start the command in a process of its own; a test ends it."""
    return subprocess.Popen([*BPNET, *map(str, words)], cwd=cwd, **streams)  # type: ignore[call-overload, no-any-return]


@contextlib.contextmanager
def _standing_in(cwd: Path, words: list[str], stdin: bytes) -> Iterator[None]:
    before = Path.cwd(), sys.argv, sys.stdin
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    os.chdir(cwd)
    sys.argv, sys.stdin = ["bpnet", *words], io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    try:
        yield
    finally:
        os.chdir(before[0])
        sys.argv, sys.stdin = before[1:]
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _streams(out: io.TextIOWrapper, err: io.TextIOWrapper) -> Iterator[None]:
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield


def _read(stream: io.TextIOWrapper) -> str:
    stream.flush()
    content = stream.buffer
    assert isinstance(content, io.BytesIO)
    return content.getvalue().decode("utf-8")
