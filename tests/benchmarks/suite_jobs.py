"""The jobs of suite.py: networks to train or predict with, their tables, and the goals.

A tolerance is the largest relative difference of the last epoch's training loss from bpnet's. If
all rows are one batch, all sides take the same steps from the same weights and differ only by
rounding. With batches, each shuffles the rows in an order of its own.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.linalg import expm

DATASETS = Path(__file__).resolve().parents[2] / "datasets"


@dataclass(frozen=True)
class Table:
    """Inputs x (N, I) of float32, the number of each row's class (N,), and the count of classes.

    With 0 classes the labels are numbers (N, O) of float32.
    """

    x: np.ndarray
    labels: np.ndarray
    classes: int

    def first(self, rows: int) -> "Table":
        """Return a table of only the first rows."""
        return Table(self.x[:rows], self.labels[:rows], self.classes)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A training, or with `predicts` a prediction.

    Two classes have one output, more classes one output each; numbers have the squared error.
    `goals` are the factors by which bpnet shall be faster than a peer.
    """

    name: str
    title: str
    table: Callable[[], Table]
    hidden: tuple[int, ...]
    activation: Literal["tanh", "sigmoid", "relu"]
    goals: dict[str, float]
    tolerance: float
    optimizer: Literal["gradient_descent", "adam"] = "adam"
    learning_rate: float = 0.001
    batch_size: int | None = None
    """None: all rows are one batch."""
    epochs: int = 1
    replicas: int = 1
    """Replicas that bpnet trains in one pass; its time is divided by their number."""
    predicts: bool = False
    matmul_share: float | None = None
    """The goal for bpnet's share of the machine's rate of matrix products."""
    speedup: float | None = None
    """The goal for bpnet on two threads: how many times as fast as on one."""

    def at_once(self, rows: int) -> int:
        """Return the rows of a batch, given those of the table."""
        return min(self.batch_size or rows, rows)

    def steps(self, rows: int) -> int:
        """Return the steps of the whole training over `rows` rows; a prediction is one step."""
        return self.epochs * -(-rows // self.at_once(rows))

    def operations(self, table: Table) -> int:
        """Count the floating-point operations of a training's products, forward and backward.

        The gradient of the first layer's input is not needed.
        """
        widths = [table.x.shape[1], *self.hidden, outputs(table)]
        each = [
            2 * inputs * units * (2 if k == 0 else 3)
            for k, (inputs, units) in enumerate(pairwise(widths))
        ]
        return self.epochs * len(table.x) * sum(each)

    def warm_up(self, table: Table) -> tuple["Job", Table]:
        """Return a small part of the job, with batches of the same size."""
        if self.predicts:
            return self, table.first(len(table.x) // 10)
        if self.batch_size is None:
            return replace(self, epochs=50), table
        return replace(self, epochs=min(self.epochs, 5)), table.first(10 * self.batch_size)

    def quick(self, table: Table) -> tuple["Job", Table]:
        """Return about a tenth of the job."""
        if self.epochs >= 10:
            return replace(self, epochs=self.epochs // 10), table
        return self, table.first(max(len(table.x) // 10, 5 * (self.batch_size or 1)))


def outputs(table: Table) -> int:
    """Return the number of the network's outputs."""
    if not table.classes:
        return table.labels.shape[1]
    return 1 if table.classes == 2 else table.classes


def from_file(name: str) -> Table:
    """Read a dataset of this project; its last column is the class."""
    with open(DATASETS / f"{name}.csv", encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    x = np.array([row[:-1] for row in rows], np.float32)
    classes, labels = np.unique([row[-1] for row in rows], return_inverse=True)
    return Table(x, labels, len(classes))


def iris() -> Table:
    """Return Iris, standardized."""
    table = from_file("iris")
    return replace(table, x=(table.x - table.x.mean(axis=0)) / table.x.std(axis=0))


def digits() -> Table:
    """Return the digits, their pixels between 0 and 1."""
    table = from_file("digits")
    return replace(table, x=table.x / np.float32(16))


def generated(rows: int, inputs: int, classes: int) -> Table:
    """Draw normal inputs, and label them by a small network with random weights."""
    random = np.random.default_rng(0)
    x = random.standard_normal((rows, inputs), np.float32)
    hidden = random.standard_normal((inputs, 32), np.float32) / np.float32(np.sqrt(inputs))
    scores = np.tanh(x @ hidden) @ random.standard_normal((32, classes), np.float32)
    return Table(x, scores.argmax(axis=1), classes)


def matrix_exponentials() -> Table:
    """Draw 10,000 matrices of 2 × 2 with normal entries, and compute their exponentials."""
    x = np.random.default_rng(0).standard_normal((10_000, 4), np.float32)
    return Table(x, expm(x.reshape(-1, 2, 2)).reshape(-1, 4).astype(np.float32), 0)


JOBS = [
    Job(
        name="xor",
        title="XOR 2-4-1, full batch, gradient descent",
        table=lambda: from_file("xor"),
        hidden=(4,),
        activation="tanh",
        optimizer="gradient_descent",
        learning_rate=0.1,
        epochs=5_000,
        goals={"torch": 12, "sklearn": 5},
        tolerance=0.001,
    ),
    Job(
        name="iris",
        title="Iris 4-2-3, full batch, gradient descent",
        table=iris,
        hidden=(2,),
        activation="sigmoid",
        optimizer="gradient_descent",
        learning_rate=0.1,
        epochs=5_000,
        goals={"torch": 10, "sklearn": 5},
        tolerance=0.001,
    ),
    Job(
        name="iris-batches",
        title="Iris 4-16-3, batch 16, Adam",
        table=iris,
        hidden=(16,),
        activation="relu",
        learning_rate=0.003,
        batch_size=16,
        epochs=300,
        goals={"torch": 12, "sklearn": 3},
        tolerance=0.1,
    ),
    Job(
        name="digits",
        title="digits 64-64-10, batch 64, Adam",
        table=digits,
        hidden=(64,),
        activation="relu",
        batch_size=64,
        epochs=50,
        goals={"torch": 8, "sklearn": 2.5, "jax": 0.8},
        tolerance=0.1,
    ),
    Job(
        name="exponentials",  # a small network that SimpleChains.jl publishes a time of
        title="10,000 × 4, 32-16-4, full batch, Adam",
        table=matrix_exponentials,
        hidden=(32, 16),
        activation="tanh",
        epochs=300,
        goals={},
        tolerance=0.01,
    ),
    Job(
        name="60k",
        title="60,000 × 784, 256-128-10, batch 128, Adam",
        table=lambda: generated(60_000, 784, 10),
        hidden=(256, 128),
        activation="relu",
        batch_size=128,
        goals={"torch": 1.5, "sklearn": 1.3, "jax": 0.9},
        tolerance=0.03,
        speedup=1.6,
    ),
    Job(
        name="300k",
        title="300,000 × 54, 256-256-7, batch 1024, Adam",
        table=lambda: generated(300_000, 54, 7),
        hidden=(256, 256),
        activation="relu",
        batch_size=1024,
        goals={"torch": 1.5, "sklearn": 1.3, "jax": 0.9},
        tolerance=0.03,
        speedup=1.6,
    ),
    Job(
        name="wide",
        title="20,000 × 784, 2048-2048-10, batch 512, Adam",
        table=lambda: generated(20_000, 784, 10),
        hidden=(2048, 2048),
        activation="relu",
        learning_rate=0.0002,
        batch_size=512,
        goals={"torch": 1.0, "sklearn": 1.15, "jax": 0.95},
        tolerance=0.05,
        speedup=1.6,
        matmul_share=0.9,
    ),
    Job(
        name="replicas",
        title="Iris 4-2-3, 64 replicas in one pass, each",
        table=iris,
        hidden=(2,),
        activation="sigmoid",
        optimizer="gradient_descent",
        learning_rate=0.1,
        epochs=5_000,
        replicas=64,
        goals={"torch": 80, "sklearn": 60},
        tolerance=0.001,
    ),
    Job(
        name="predict",
        title="predict 1,000,000 × 20, 64-64-3",
        table=lambda: generated(1_000_000, 20, 3),
        hidden=(64, 64),
        activation="relu",
        predicts=True,
        goals={"torch": 1.2, "sklearn": 2},
        tolerance=1e-5,
        speedup=1.6,
    ),
]
