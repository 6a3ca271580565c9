"""What every fuzz test asks of a command: a documented end, in bounded time and memory.

By default a test runs a few dozen cases, the same ones each time, and its slow variant hundreds:
most of them are the same still when a key is added (see `mutations.among`), so that CI does not
find old faults at any change. With the environment variable BPNET_FUZZ it runs as many cases as
that says, drawn anew.
"""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from command_line import BPNET, ROOT, Said, bpnet
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

Case = TypeVar("Case")

SECONDS, BYTES = 10, 1_000_000_000
"""The most time, of the processor, and memory that a command may take for a small input."""

_PATIENCE = 6
"""How many times as long a command may take on a machine that does other things too."""

DOCUMENTED = {0, 2, 3, 4, 5, 6}
"""The exit codes of the guide that an input can lead to: 1 is a fault of bpnet."""

_DRAWN = int(os.environ.get("BPNET_FUZZ", "0"))
_UNIT = 1024 if sys.platform.startswith("linux") else 1  # of the peak of memory
_TRACES = ("Traceback", "Exception ignored", "Warning: ")


def counts(default: int, slow: int) -> list[Any]:
    """Return the values of a test's parameter `cases`: by default, and if slow tests run."""
    return [default, pytest.param(_DRAWN or slow, marks=pytest.mark.slow, id="many")]


def fuzz(cases: int, strategy: SearchStrategy[Case], holds: Callable[[Case], object]) -> None:
    """Call `holds` for a number of cases; the first that fails is made as small as possible."""

    @settings(
        max_examples=cases,
        deadline=None,
        derandomize=cases != _DRAWN,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(strategy)
    def run(case: Case) -> None:
        holds(case)

    run()


def survives(*words: str | Path, cwd: Path, stdin: bytes = b"", seconds: float = SECONDS) -> Said:
    """Run a command in this process, and return what it said after a documented end."""
    before, start = _peak(), time.process_time()
    with _warnings_as_shown() as warned, _alarm(words, seconds):
        said = bpnet(*words, cwd=cwd, stdin=stdin)
    assert not warned, f"{warned[0]} for {words}"
    took, grown = time.process_time() - start, _peak() - before
    assert grown < BYTES, f"{grown / 1e6:.0f} MB for {words}"
    assert took < seconds, f"{took:.1f} s for {words}"
    return documented(said, *words)


def survives_apart(*words: str | Path, cwd: Path = ROOT, seconds: float = SECONDS) -> Said:
    """Run a command in a process of its own, whose memory is limited and measured."""
    command = [*BPNET, *map(str, words)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with (
        open(cwd / ".stdout", "w+b") as out,
        open(cwd / ".stderr", "w+b") as err,
        subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment,
            preexec_fn=_limit_memory,
        ) as process,
    ):  # fmt: skip
        ended = _kill_after(process, _PATIENCE * seconds)
        _, status, usage = os.wait4(process.pid, 0)
        ended.set()
        process.returncode = os.waitstatus_to_exitcode(status)
        said = Said(process.returncode, *(_content(stream) for stream in (out, err)))
    took = usage.ru_utime + usage.ru_stime
    assert process.returncode != -signal.SIGKILL, f"killed after {took:.1f} s for {words}"
    assert took < seconds, f"{took:.1f} s for {words}"
    peak = usage.ru_maxrss * _UNIT
    assert peak < BYTES, f"{peak / 1e6:.0f} MB for {words}"
    return documented(said, *words)


def documented(said: Said, *words: object) -> Said:
    """Return what a command said, whose exit code is documented and which shows no trace of code.

    An error has a message.
    """
    shown = f"{words}: exit {said.code}\n{said.err}"
    assert said.code in DOCUMENTED, shown
    assert not any(trace in said.err for trace in _TRACES), shown
    assert said.code == 0 or said.err.strip(), shown
    return said


@contextmanager
def _warnings_as_shown() -> Iterator[list[warnings.WarningMessage]]:
    """Record the warnings that a user would see, which tests make errors of."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("default")
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning):
            warnings.simplefilter("ignore", category)
        warnings.simplefilter("ignore", ResourceWarning)
        yield warned


@contextmanager
def _alarm(words: object, seconds: float) -> Iterator[None]:
    """End what takes much longer than it may.

    The second ring does: the first may come from a machine that stood still.
    """
    rings = 0

    def ring(*_: object) -> None:
        nonlocal rings
        rings += 1
        if rings == 2:
            raise _TooLongError(f"more than {_PATIENCE * seconds} s for {words}")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE * seconds / 2, _PATIENCE * seconds / 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _TooLongError(BaseException):
    """Not an Exception, which the command might take for one of its own."""


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def _limit_memory() -> None:
    # address space: libraries reserve more than they use, and the peak is measured
    resource.setrlimit(resource.RLIMIT_AS, (4 * BYTES, 4 * BYTES))


def _kill_after(process: "subprocess.Popen[bytes]", seconds: float) -> threading.Event:
    """Kill the process after two waits, of which a machine that stands still ends only one.

    Once the event is set, it is left alone.
    """
    ended = threading.Event()

    def kill() -> None:
        if not (ended.wait(seconds / 2) or ended.wait(seconds / 2)):
            process.kill()

    threading.Thread(target=kill, daemon=True).start()
    return ended


def _content(stream: Any) -> str:
    stream.seek(0)
    text: str = stream.read().decode("utf-8", "backslashreplace")
    return text
