"""Peak memory of whole `bpnet train` processes, compared with what a formula allows.

    python tests/benchmarks/memory.py [--only NAME] [--folder DIR]

Allowed are the encoded table, 2 × (parameters × (2 + the optimizer's arrays) × bytes of a number),
one batch's activations (its rows × the widths of all layers, inputs and outputs too) and 150 MB.
The memory of the imports, and the peak beyond it, are printed too. Parameters are counted in the
saved weights. The jobs are Iris; a table of 200,000 × 50; networks of 2.3 and 9.1 million
parameters with optimizers of 2, 1 and 0 arrays; a batch of 8,192 rows; and 64 replicas. The exit
code is 1 if a peak is above what is allowed.
"""

import argparse
import json
import random
import sys
from dataclasses import dataclass
from math import prod
from pathlib import Path

from measuring import cost, machine, scratch, show, train

ROOM = 150e6
ARRAYS = {"adam": 2, "momentum": 1, "gradient_descent": 0}
"""Arrays of the parameters' size that an optimizer keeps from step to step."""

IMPORTS = "import bpnet.cli.train, bpnet.cli.console, bpnet.workflows.train"
NUMBER = 4
"""Bytes of a float32."""

CONFIG = """
dataset:
  path: {table}
  target: {target}
architecture:
  hidden: {hidden}
  activation: relu
replicas: {replicas}
training:
  epochs: {epochs}
  batch_size: {batch}
  learning_rate: 0.0001
  optimizer: {optimizer}
"""


@dataclass(frozen=True)
class Job:
    """A training on a table of `rows` rows and `columns` numeric columns, with two classes.

    With 0 columns the table is Iris.
    """

    name: str
    rows: int
    columns: int
    hidden: tuple[int, ...]
    batch: int = 32
    optimizer: str = "adam"
    replicas: int = 1
    epochs: int = 3


JOBS = (
    Job("iris", 150, 0, (16,)),
    Job("rows", 200_000, 50, (64, 64), batch=256),
    *(Job(f"1500-{optimizer}", 500, 20, (1500, 1500), optimizer=optimizer) for optimizer in ARRAYS),
    *(Job(f"3000-{optimizer}", 500, 20, (3000, 3000), optimizer=optimizer) for optimizer in ARRAYS),
    Job("batch", 20_000, 20, (1024, 1024), batch=8192),
    Job("replicas", 5_000, 20, (64, 64), replicas=64),
)


def write_table(path: Path, rows: int, columns: int) -> None:
    """Write rows of numbers between 0 and 1; the target says if their sum exceeds its mean."""
    draw = random.Random(0).random
    with path.open("w") as file:
        file.write(",".join([*(f"number_{k + 1}" for k in range(columns)), "target"]) + "\n")
        for _ in range(rows):
            values = [draw() for _ in range(columns)]
            label = "yes" if sum(values) > columns / 2 else "no"
            file.write(",".join([*(f"{value:.4f}" for value in values), label]) + "\n")


def layers_of(run: Path) -> list[tuple[int, ...]]:
    """Return the shape (replicas, …) of each saved array, in the order of the layers."""
    with (run / "model" / "weights.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return [
        tuple(array["shape"]) for name, array in sorted(header.items()) if name != "__metadata__"
    ]


def measured(job: Job, folder: Path) -> list[float]:
    """Train, and return the parts of the allowed memory, and the peak (bytes)."""
    table, target = Path(__file__).resolve().parents[2] / "datasets" / "iris.csv", "species"
    if job.columns:
        table, target = folder / f"{job.rows}x{job.columns}.csv", "target"
        if not table.exists():
            write_table(table, job.rows, job.columns)
    config = folder / f"{job.name}.yaml"
    keys = {key: getattr(job, key) for key in ("replicas", "epochs", "batch", "optimizer")}
    config.write_text(CONFIG.format(table=table, target=target, hidden=list(job.hidden), **keys))
    run, spent = train(config, folder)
    shapes = layers_of(run)
    widths = [shape[-1] for shape in shapes if len(shape) == 3] + [shapes[-1][1]]
    rows = sum(json.loads((run / "run.json").read_text())["rows"].values())
    encoded = rows * (widths[0] + widths[-1]) * NUMBER
    state = 2 * sum(map(prod, shapes)) * (2 + ARRAYS[job.optimizer]) * NUMBER
    activations = job.replicas * job.batch * sum(widths) * NUMBER
    return [encoded, state, activations, ROOM, spent.peak]


def measure(folder: Path, jobs: list[Job]) -> bool:
    """Print each job's parts; return whether every peak is within what is allowed."""
    imports = cost([sys.executable, "-c", IMPORTS]).peak
    body, kept = [], True
    for job in jobs:
        *parts, peak = measured(job, folder)
        allowed = sum(parts)
        kept &= peak <= allowed
        figures = [f"{part / 1e6:.1f}" for part in (*parts, allowed, peak, peak - imports)]
        body.append(
            [job.name, *figures, f"{peak / allowed:.2f}", "ok" if peak <= allowed else "ABOVE"]
        )
    print(f"{machine()}; MB; imports alone {imports / 1e6:.1f}\n")
    show(
        [
            "",
            "encoded",
            "2 × state",
            "activations",
            "room",
            "allowed",
            "peak",
            "- imports",
            "ratio",
            "",
        ],
        body,
    )
    print(f"\npeaks within what is allowed: {'all' if kept else 'NOT ALL'}")
    return kept


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--only", metavar="NAME", help="the jobs whose name begins so")
    parser.add_argument("--folder", type=Path, help="where a folder is made for tables and runs")
    given = parser.parse_args()
    chosen = [job for job in JOBS if job.name.startswith(given.only or "")]
    with scratch(given.folder, 1e9) as made:
        sys.exit(not measure(made, chosen))
