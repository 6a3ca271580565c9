"""Helpers of the benchmarks: time and memory of a whole process, its folder, printed tables."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

BPNET = str(Path(sys.executable).with_name("bpnet"))
GENERATING = str(Path(__file__).with_name("generating.py"))


@dataclass(frozen=True)
class Cost:
    """Wall and CPU time (seconds) and peak memory (bytes) of one process, and its output."""

    seconds: float
    cpu_seconds: float
    peak: int
    output: str


def cost(command: Sequence[str]) -> Cost:
    """Run a process that must succeed.

    Its peak counts the memory that its parent held when it was started, so this process must stay
    small: tables are made, and peers fitted, in processes of their own.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=output, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0), errors.seek(0)
        if child.returncode:
            sys.exit(
                f"{' '.join(command[:4])[:200]} … ended with {child.returncode}:\n"
                f"{errors.read()[-2000:]}"
            )
        unit = 1 if sys.platform == "darwin" else 1024
        return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit, output.read())


def generate(path: Path, rows: int, *options: str) -> None:
    """Write a table with generating.py, in a process of its own."""
    print(
        cost([sys.executable, GENERATING, str(path), "--rows", str(rows), *options]).output,
        end="",
        flush=True,
    )


def train(config: Path, runs: Path) -> tuple[Path, Cost]:
    """Train with `bpnet train`, and return the run's folder and the cost.

    `runs` must not yet hold a run of this config.
    """
    spent = cost([BPNET, "train", str(config), "--runs", str(runs), "--name", config.stem])
    return runs / f"{config.stem}-001", spent


@contextlib.contextmanager
def scratch(folder: Path | None, room: float, *, keep: bool = False) -> Iterator[Path]:
    """Make a folder with `room` bytes free, and delete it in the end unless `keep`.

    It is made in `folder`, by default the system's temporary folder.
    """
    made = Path(tempfile.mkdtemp(prefix="bpnet-benchmark-", dir=folder))
    try:
        free = shutil.disk_usage(made).free
        if free < room:
            sys.exit(
                f"{made.parent} has {free / 1e9:.1f} GB free, {room / 1e9:.1f} are needed; "
                "name another --folder"
            )
        yield made
    finally:
        if keep:
            print(f"kept in {made}")
        else:
            shutil.rmtree(made)


def show(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, its first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for first, *others in (header, *rows):
        print(
            "  ".join(
                [
                    first.ljust(widths[0]),
                    *(o.rjust(w) for o, w in zip(others, widths[1:], strict=True)),
                ]
            )
        )


def machine() -> str:
    """Describe the machine: its cores, its load and its Python.

    If the load exceeds the cores, wall times are too long.
    """
    load, python = os.getloadavg()[0], sys.version.split()[0]
    return f"{os.cpu_count()} cores, {os.uname().machine}, load {load:.1f}, Python {python}"
