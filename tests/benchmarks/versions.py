"""Compare the speed of this version with another checkout's, in turns.

    python tests/benchmarks/versions.py OTHER [--repeats 7] [--job NAME ...] [--quick]

OTHER is a clone of the repository at the version to compare with; its packages are imported from
there, in a process of its own with this Python. Each job of suite.py (bpnet's side only), and
`bpnet --help` and `bpnet train configs/iris.yaml` as whole processes, is done by the two versions
in turns (A B, B A, …) after a warm-up. The figure is the median of new / old, pair by pair, of
processor time, which other processes on the machine disturb less than the wall clock: 1.03 is
3 % slower than before.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from measuring import machine
from suite_jobs import JOBS

ROOT = Path(__file__).resolve().parents[2]

WORKER = """
import sys, time
from pathlib import Path
root, quick, log_path = Path(sys.argv[1]), sys.argv[2] == "quick", Path(sys.argv[3])
sys.path[:0] = [str(root), str(root / "tests" / "benchmarks")]
import bpnet, suite_bpnet, suite_jobs
assert Path(bpnet.__file__).is_relative_to(root), bpnet.__file__
jobs = {job.name: job for job in suite_jobs.JOBS}
tables = {}
for line in sys.stdin:
    phase, name = line.split()
    if name not in jobs:  # of a later version
        print("nan", flush=True)
        continue
    job = jobs[name]
    if name not in tables:
        tables = {name: job.table()}
    table = tables[name]
    if phase == "warm-up":
        job, table = job.warm_up(table)
    elif quick:
        job, table = job.quick(table)
    network = suite_bpnet.make_network(job, table)
    make = suite_bpnet.predicting if job.predicts else suite_bpnet.training
    run = make(job, table, network, log_path)
    start = time.process_time()
    run()
    print(time.process_time() - start, flush=True)
"""

BYTE_CODE = {"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"}

COMMANDS = {
    "bpnet --help": ["--help"],
    "bpnet train configs/iris.yaml": ["train", "configs/iris.yaml"],
}


class Worker:
    """A process that does the jobs of one checkout."""

    def __init__(self, root: Path, log_path: Path, *, quick: bool) -> None:
        arguments = [str(root), "quick" if quick else "full", str(log_path)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, job: str, phase: str = "timed") -> float:
        """Return the processor seconds of a job."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{phase} {job}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def command_seconds(root: Path, arguments: list[str], folder: Path) -> float:
    """Return the processor seconds of a whole bpnet process of a checkout."""
    runs = ["--runs", str(folder)] if "train" in arguments else []
    code = "import sys; sys.argv[0] = 'bpnet'; from bpnet.cli import main; main()"
    # with byte code on disk, as an installed package has it; the warm-up writes it
    environment = {key: value for key, value in os.environ.items() if key not in BYTE_CODE}
    environment |= {"PYTHONPATH": str(root), "PYTHONPYCACHEPREFIX": str(folder / "byte-code")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", code, *arguments, *runs],
        cwd=root,
        env=environment,
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(name: str, new: Callable[[], float], old: Callable[[], float], repeats: int) -> None:
    """Print the median of new / old over pairs whose order alternates, and its range."""
    ratios = []
    for turn in range(repeats):
        if turn % 2:
            old_seconds = old()
            new_seconds = new()
        else:
            new_seconds = new()
            old_seconds = old()
        ratios.append(new_seconds / old_seconds)
    low, high = min(ratios), max(ratios)
    median = statistics.median(ratios)
    print(f"{name:32} {median:.3f}  ({low:.3f} to {high:.3f})", flush=True)


def main() -> None:
    """Compare as the arguments say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--job", action="append", choices=[job.name for job in JOBS])
    parser.add_argument("--quick", action="store_true", help="do about a tenth of each job")
    arguments = parser.parse_args()
    other = arguments.other.resolve()
    print(f"{machine()}; new / old, medians of {arguments.repeats} pairs")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sides = [
            Worker(root, folder / f"{name}.csv", quick=arguments.quick)
            for name, root in (("new", ROOT), ("old", other))
        ]
        for job in arguments.job or [job.name for job in JOBS]:
            for side in sides:
                side.seconds(job, "warm-up")
            new, old = (partial(side.seconds, job) for side in sides)
            compare(job, new, old, arguments.repeats)
        for side in sides:
            side.close()
        if not arguments.job:
            for name, words in COMMANDS.items():
                new, old = (partial(command_seconds, root, words, folder) for root in (ROOT, other))
                new(), old()
                compare(name, new, old, arguments.repeats)


if __name__ == "__main__":
    main()
