"""Speed of training and predicting with bpnet, compared with PyTorch, JAX and scikit-learn.

    python tests/benchmarks/suite.py [--repeats 5] [--job NAME ...] [--peers torch,jax,...]
                                     [--threads 1,2] [--json FILE] [--quick]

All do each job (suite_jobs.py) in turn, in an order that rotates, after a warm-up of each: on the
same rows, from the same first weights, with the same layers, loss, batch size, optimizer and
epochs, in float32. Each is in a process of its own, limited to THREADS cores and threads. The time
is that of the whole training: shuffling, gathering, steps, and a row of CSV for each epoch; for
scikit-learn it is `fit`, which writes no CSV. bpnet chooses among the permitted threads as
`bpnet train` does. `torch` is PyTorch as it is (eager), `compile` has its forward, backward and
optimizer compiled, and in `jax` a whole epoch is one compiled function. What compiling takes is
no part of the time; it is printed by itself. A peer that is not installed is left out.

The ratios are the medians of peer / bpnet, turn by turn, with their range, beside the goals. The
share of the matmul rate is the rate of the training's products over that of a large product,
measured right before and after. The exit code is 1 if the losses at the end differ by more than the
job's tolerance, because its times cannot be compared then. With --quick each job is about a tenth,
and its times mean nothing.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from measuring import machine
from suite_jobs import JOBS, Job
from suite_report import Outcome, brief, report
from suite_sides import PEERS, Part, Turn, matmul_rate, table_of, take_turn, workers


def compare(
    job: Job,
    outcome: Outcome,
    processes: dict[str, ProcessPoolExecutor],
    given: argparse.Namespace,
    log_path: Path,
) -> None:
    """Let all sides do the job in turn."""

    def turn(side: str, part: Part) -> Turn:
        return processes[side].submit(take_turn, side, job.name, part, log_path).result()

    def rate() -> float:
        return processes["bpnet"].submit(matmul_rate).result()

    sides = list(processes)
    for side in sides:
        turn(side, "warm-up")
    for number in range(given.repeats):
        first = number % len(sides)
        for side in (*sides[first:], *sides[:first]):
            measures = side == "bpnet" and job.matmul_share is not None
            before = rate() if measures else 0.0
            outcome.turns[side].append(turn(side, "quick" if given.quick else "whole"))
            if measures:
                outcome.matmul_rates.append((before + rate()) / 2)


def run(jobs: Sequence[Job], given: argparse.Namespace) -> bool:
    """Do the jobs and print the report; return whether all losses agree."""
    sides = ["bpnet", *given.peers]
    rates: dict[int, float] = {}
    done: list[tuple[Job, Outcome]] = []
    with tempfile.TemporaryDirectory() as folder:
        for threads in given.threads:
            with workers(sides, threads) as processes:
                rates[threads] = processes["bpnet"].submit(matmul_rate).result()
                for whole in jobs:
                    _, table = table_of(whole.name)
                    job, table = whole.quick(table) if given.quick else (whole, table)
                    outcome = Outcome(
                        job.name,
                        threads,
                        job.steps(len(table.x)),
                        job.replicas,
                        job.operations(table),
                        {side: [] for side in sides},
                    )
                    compare(job, outcome, processes, given, Path(folder) / "metrics.csv")
                    done.append((job, outcome))
                    print(brief(outcome), file=sys.stderr, flush=True)
                    if given.json:  # after each job, should the command be stopped
                        content = {"machine": machine(), "quick": given.quick}
                        content |= {"matmul_gflops": rates}
                        content |= {"jobs": [asdict(outcome) for _, outcome in done]}
                        given.json.write_text(json.dumps(content, indent=2))
    return report(done, rates)


def peers(text: str) -> list[str]:
    """Return the peers that are named and installed, and say which are not."""
    chosen = []
    for name in filter(None, text.split(",")):
        if name not in PEERS:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(PEERS)}")
        if PEERS[name].missing is None:
            chosen.append(name)
        else:
            print(f"left out: {PEERS[name].missing}", file=sys.stderr)
    return chosen


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, help="turns of each side (5)")
    parser.add_argument(
        "--job", nargs="+", action="extend", choices=[job.name for job in JOBS], help="these alone"
    )
    parser.add_argument(
        "--peers",
        type=peers,
        default=",".join(PEERS),
        help=f"compare with these; a comma between several ({','.join(PEERS)})",
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
