"""Speed of training and predicting with bpnet, compared with PyTorch and scikit-learn.

    python tests/benchmarks/suite.py [--repeats 5] [--job NAME ...] [--threads 1,2] [--json FILE]
                                     [--quick]

The three do each job (suite_jobs.py) in turn, in an order that rotates, after a warm-up of each: on
the same rows, from the same first weights, with the same layers, loss, batch size, optimizer and
epochs, in float32, with at most THREADS threads. The time is that of the whole training: shuffling,
gathering, steps, and a row of CSV for each epoch; for scikit-learn it is `fit`, which writes no
CSV. bpnet chooses among the permitted threads as `bpnet train` does. PyTorch's loop is eager, with
its defaults.

The ratios are the medians of peer / bpnet, turn by turn, with their range, beside the goals. The
share of the matmul rate is the rate of the training's products over that of a large product,
measured right before and after. The exit code is 1 if the losses at the end differ by more than the
job's tolerance, because its times cannot be compared then. With --quick each job is about a tenth,
and its times mean nothing.
"""

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import sklearn
import suite_bpnet
import suite_peers
import torch
from measuring import machine
from suite_jobs import JOBS, Job, Table

SIDE = 2048
"""Rows and columns of the matrices whose product gives the machine's rate."""
RIVALS = ("torch", "sklearn")
SIDES = ("bpnet", *RIVALS)

Result = float | np.ndarray


@dataclass
class Outcome:
    """The seconds and losses of every turn of one job, for each side."""

    job: str
    threads: int
    steps: int
    replicas: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})
    """Seconds of each turn; those of bpnet are of all its replicas together."""
    losses: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})
    matmul_shares: list[float] = field(default_factory=list)

    def ratios(self, rival: str) -> list[float]:
        """Return how many times longer the rival took, turn by turn."""
        pairs = zip(self.seconds["bpnet"], self.seconds[rival], strict=True)
        return [theirs / (ours / self.replicas) for ours, theirs in pairs]

    def step_time(self, side: str) -> float:
        """Return the median microseconds of a step."""
        parts = self.steps * (self.replicas if side == "bpnet" else 1)
        return statistics.median(self.seconds[side]) / parts * 1e6

    def difference(self) -> float:
        """Return the largest relative difference of a rival's loss from bpnet's."""
        pairs = [
            (a, b)
            for rival in RIVALS
            for a, b in zip(self.losses["bpnet"], self.losses[rival], strict=True)
        ]
        return max(abs(a - b) / a if a > 0 and np.isfinite(a + b) else np.inf for a, b in pairs)


def matmul_rate() -> float:
    """Measure the GFLOP/s of a large float32 product by NumPy, with the permitted threads."""
    a, b = np.random.default_rng(0).standard_normal((2, SIDE, SIDE), np.float32)
    out = a @ b
    times = []
    for _ in range(3):
        start = time.perf_counter()
        np.matmul(a, b, out)
        times.append(time.perf_counter() - start)
    return 2 * SIDE**3 / statistics.median(times) / 1e9


def made_ready(side: str, job: Job, table: Table, log_path: Path) -> Callable[[], Result]:
    """Prepare a job, and return the function to be timed."""
    network = suite_bpnet.make_network(job, table)
    if side == "bpnet":
        return (suite_bpnet.predicting if job.predicts else suite_bpnet.training)(
            job, table, network, log_path
        )
    make = getattr(suite_peers, f"{side}_{'predicting' if job.predicts else 'training'}")
    return make(job, table, suite_bpnet.weights(network), log_path)


def timed(side: str, job: Job, table: Table, log_path: Path) -> tuple[float, float]:
    """Return the seconds and loss of one turn; for a prediction the cross-entropy of all rows."""
    run = made_ready(side, job, table, log_path)
    gc.collect()
    time.sleep(0.05)  # until the threads of the one before have gone to sleep
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    if isinstance(result, np.ndarray):
        right = result[np.arange(len(result)), table.labels]
        result = float(-np.log(right, dtype=np.float64).mean())
    return seconds, result


def compare(job: Job, table: Table, threads: int, repeats: int, log_path: Path) -> Outcome:
    """Let all sides do the job in turn."""
    outcome = Outcome(job.name, threads, job.steps(len(table.x)), job.replicas)
    with suite_peers.limited(threads):
        for side in SIDES:
            timed(side, *job.warm_up(table), log_path)
        for turn in range(repeats):
            first = turn % len(SIDES)
            for side in (*SIDES[first:], *SIDES[:first]):
                measures = side == "bpnet" and job.matmul_share is not None
                before = matmul_rate() if measures else 0.0
                seconds, loss = timed(side, job, table, log_path)
                outcome.seconds[side].append(seconds)
                outcome.losses[side].append(loss)
                if measures:
                    rate = (before + matmul_rate()) / 2
                    outcome.matmul_shares.append(job.operations(table) / seconds / 1e9 / rate)
    return outcome


def spread(values: Sequence[float], form: str = "{:.2f}") -> str:
    """Format the median and the range."""
    low, middle, high = (
        form.format(value) for value in (min(values), statistics.median(values), max(values))
    )
    return f"{middle} ({low}–{high})"


def misses(job: Job, outcome: Outcome) -> list[str]:
    """Return a line for each of the job's goals that is missed."""
    found = []
    for rival, goal in job.goals.items():
        ratio = statistics.median(outcome.ratios(rival))
        if ratio < goal:
            found.append(
                f"{job.title}, {threads_text(outcome.threads)}: "
                f"{ratio:.2f} × {rival}, goal {goal:g}"
            )
    if job.matmul_share is not None:
        share = statistics.median(outcome.matmul_shares)
        if share < job.matmul_share:
            found.append(
                f"{job.title}, {threads_text(outcome.threads)}: "
                f"{share:.1%} of the matmul rate, goal {job.matmul_share:.0%}"
            )
    return found


def threads_text(threads: int) -> str:
    """Return the number of threads in words."""
    return f"{threads} thread" + "s" * (threads != 1)


def table_row(job: Job, outcome: Outcome) -> list[str]:
    """Return a row of the printed table."""
    ratios = [
        cell
        for rival in RIVALS
        for cell in (spread(outcome.ratios(rival)), f"{job.goals[rival]:g}")
    ]
    times = [f"{outcome.step_time(side):,.1f}" for side in SIDES]
    losses = [f"{statistics.median(outcome.losses[side]):.4g}" for side in SIDES]
    apart = f"{outcome.difference():.2g} (≤ {job.tolerance:g})"
    return [job.title, str(outcome.threads), *ratios, *times, " / ".join(losses), apart]


def report(done: Sequence[tuple[Job, Outcome]], rates: dict[int, list[float]]) -> bool:
    """Print the table and the missed goals; return whether all losses agree."""
    names = {
        "torch": f"PyTorch {torch.__version__}",
        "sklearn": f"scikit-learn {sklearn.__version__}",
    }
    print(f"{machine()}, NumPy {np.__version__}, {', '.join(names.values())}\n")
    for threads, measured in rates.items():
        print(
            f"- float32 matmul {SIDE}, {threads_text(threads)}: "
            f"{spread(measured, '{:.0f}')} GFLOP/s"
        )
    for job, outcome in done:
        if job.matmul_share is not None:
            share = spread(outcome.matmul_shares, "{:.1%}")
            print(
                f"- {job.name}, {threads_text(outcome.threads)}: {share} of it, "
                f"goal {job.matmul_share:.0%}"
            )
    header = [
        "job",
        "threads",
        "× torch",
        "goal",
        "× sklearn",
        "goal",
        *(f"{side} µs/step" for side in SIDES),
    ]
    header += ["loss bpnet / torch / sklearn", "largest difference"]
    print("\n| " + " | ".join(header) + " |\n" + "|---" + "|--:" * (len(header) - 1) + "|")
    for job, outcome in done:
        print("| " + " | ".join(table_row(job, outcome)) + " |")
    short = [line for job, outcome in done for line in misses(job, outcome)]
    print("\nShort of the goal:" if short else "\nEvery goal is met.")
    for line in short:
        print(f"- {line}")
    wrong = [(job, outcome) for job, outcome in done if not outcome.difference() <= job.tolerance]
    for job, outcome in wrong:
        losses = ", ".join(f"{side} {spread(outcome.losses[side], '{:.5g}')}" for side in SIDES)
        print(f"\nThe losses differ, so the figures compare nothing: {job.title}, {losses}")
    return not wrong


def run(jobs: Sequence[Job], given: argparse.Namespace) -> bool:
    """Do the jobs and print the report; return whether all losses agree."""
    rates: dict[int, list[float]] = {threads: [] for threads in given.threads}
    done: list[tuple[Job, Outcome]] = []
    with tempfile.TemporaryDirectory() as folder:
        for own in jobs:
            table = own.table()
            job, table = own.quick(table) if given.quick else (own, table)
            for threads in given.threads:
                with suite_peers.limited(threads):
                    rates[threads].append(matmul_rate())
                done.append(
                    (job, compare(job, table, threads, given.repeats, Path(folder) / "metrics.csv"))
                )
                times = ", ".join(
                    f"{side} {statistics.median(done[-1][1].seconds[side]):.3f} s" for side in SIDES
                )
                print(f"{job.name}, {threads_text(threads)}: {times}", file=sys.stderr, flush=True)
                if given.json:  # after each job, should the command be stopped
                    content = {"machine": machine(), "quick": given.quick, "matmul_gflops": rates}
                    content["jobs"] = [asdict(outcome) for _, outcome in done]
                    given.json.write_text(json.dumps(content, indent=2))
    return report(done, rates)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, help="turns of each side (5)")
    parser.add_argument(
        "--job", nargs="+", action="extend", choices=[job.name for job in JOBS], help="these alone"
    )
    parser.add_argument(
        "--threads",
        type=lambda text: [int(part) for part in text.split(",")],
        default=[1, 2],
        help="how many are permitted; a comma between several (1,2)",
    )
    parser.add_argument("--json", type=Path, help="write all times here, too")
    parser.add_argument(
        "--quick", action="store_true", help="about a tenth of each job, to see that all works"
    )
    given = parser.parse_args()
    chosen = [job for job in JOBS if not given.job or job.name in given.job]
    sys.exit(0 if run(chosen, given) else 1)
