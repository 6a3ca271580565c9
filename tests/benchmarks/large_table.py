"""Peak memory and speed of training on a table larger than memory.

    python tests/benchmarks/large_table.py [--gigabytes 4] [--columns 50] [--memory-rows 1000000]
                                           [--repeats 2] [--folder DIR] [--keep]

A process of its own trains on a CSV of GIGABYTES for three epochs with `storage: disk`. Then a
table of MEMORY_ROWS rows, which fits into memory, is trained on with `storage: disk` and
`storage: memory` in turn, REPEATS times each. The network has hidden layers of 64 and 64 units and
batches of 256 rows; 5 % of the rows validate.

The training rows per second are the median of the second and third epoch, validation included, by
the differences of `seconds` in metrics.csv. Goals: a peak below 1 GB on the large table; on the
smaller one `disk` at least 0.70 times as fast as `memory`. The peak counts mapped pages of the
encoded rows, but not the system's cache of their file; a machine with memory to spare reads them
from that cache rather than from the disk.
"""

import argparse
import csv
import statistics
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from measuring import Cost, generate, machine, scratch, show, train

TRAINED = 0.9
"""The share of the rows in the training part."""

CONFIG = """
dataset:
  path: {table}
  target: target
  storage: {storage}
  split: {{validation: 0.05, test: 0.05}}
architecture:
  hidden: [64, 64]
  activation: relu
training:
  epochs: 3
  batch_size: 256
"""


@dataclass(frozen=True)
class Trained:
    """The cost of a training, and the training rows per second of each epoch after the first."""

    cost: Cost
    rates: list[float]


def trained(table: Path, rows: int, storage: str, name: str) -> Trained:
    """Train on a table of `rows` rows; the run's folder is made beside it, under `name`."""
    config = table.with_name(f"{name}.yaml")
    config.write_text(CONFIG.format(table=table.name, storage=storage))
    run, cost = train(config, table.parent)
    with (run / "metrics.csv").open() as file:
        ends = [float(epoch["seconds"]) for epoch in csv.DictReader(file)]
    return Trained(cost, [TRAINED * rows / (b - a) for a, b in pairwise(ends)])


def row(table: Path, rows: int, storage: str, runs: list[Trained]) -> list[str]:
    """Return a row of the printed table."""
    seconds = statistics.median(run.cost.seconds for run in runs)
    peak = max(run.cost.peak for run in runs)
    figures = [f"{rate_of(runs):,.0f}", f"{seconds:.1f} s", f"{peak / 1e6:,.0f} MB"]
    return [storage, f"{rows:,}", f"{table.stat().st_size / 1e6:,.0f} MB", *figures]


def rate_of(runs: list[Trained]) -> float:
    """Return the median of the runs' rows per second."""
    return statistics.median(rate for run in runs for rate in run.rates)


def measure(folder: Path, gigabytes: float, columns: int, memory_rows: int, repeats: int) -> None:
    """Make both tables, train on them, and print time and memory."""
    sample, small, large = folder / "sample.csv", folder / "small.csv", folder / "large.csv"
    generate(sample, 50_000, "--columns", str(columns))
    rows = int(gigabytes * 1e9 / (sample.stat().st_size / 50_000))
    generate(large, rows, "--columns", str(columns))
    alone = [trained(large, rows, "disk", "large")]
    generate(small, memory_rows, "--columns", str(columns))
    runs: dict[str, list[Trained]] = {"disk": [], "memory": []}
    for repeat in range(repeats):
        for storage, done in runs.items():
            done.append(trained(small, memory_rows, storage, f"{storage}-{repeat}"))

    print(f"\n{machine()}; {columns} columns\n")
    body = [
        row(large, rows, "disk", alone),
        *(row(small, memory_rows, *pair) for pair in runs.items()),
    ]
    show(["storage", "rows", "CSV", "training rows/s", "whole run", "peak"], body)
    peak, ratio = alone[0].cost.peak, rate_of(runs["disk"]) / rate_of(runs["memory"])
    print(f"\npeak on the large table {peak / 1e6:,.0f} MB, goal below 1,000 MB")
    print(f"rows per second, disk / memory {ratio:.2f}, goal at least 0.70")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--gigabytes", type=float, default=4, help="size of the large CSV, in 1e9 bytes"
    )
    parser.add_argument("--columns", type=int, default=50, help="feature columns of both tables")
    parser.add_argument(
        "--memory-rows", type=int, default=1_000_000, help="rows of the table that fits into memory"
    )
    parser.add_argument(
        "--repeats", type=int, default=2, help="how often each storage trains on that table"
    )
    parser.add_argument(
        "--folder", type=Path, help="where a folder is made for tables and runs; not on a RAM disk"
    )
    parser.add_argument("--keep", action="store_true", help="do not delete that folder in the end")
    given = parser.parse_args()
    # each run writes encoded rows beside the CSV, which may take as much room again
    room = 3e9 * given.gigabytes + given.memory_rows * given.columns * 10 * (1 + given.repeats)
    with scratch(given.folder, room, keep=given.keep) as made:
        measure(made, given.gigabytes, given.columns, given.memory_rows, given.repeats)
