"""Passes that backpropagation and random perturbation need to reach a loss, medians over starts.

    python tests/benchmarks/perturbation.py [STARTS]

XOR (2-4-1, 17 weights), Iris (4-5-3 without biases, rows of length 1, 35 weights) and the first 500
digits (64-32-10, 2,410 weights), full batch, sigmoid, mean squared error. A pass over the table is
an update for backpropagation, which costs one forward and one backward pass, and a trial for
perturbation. `-`: the median start does not reach the loss.
"""

import sys
from pathlib import Path

import numpy as np

from bpnet.data.reading import open_table
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.data.spelling import sort_values
from bpnet.data.target_cells import class_codes
from bpnet.engine.activations import Sigmoid
from bpnet.engine.initializers import AnyInitializer, Normal, Uniform
from bpnet.engine.layers import Dense
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.metrics import Accuracy
from bpnet.engine.network import Network
from bpnet.engine.optimizers import AnyOptimizer, GradientDescent, Perturbation

DATASETS = Path(__file__).parents[2] / "datasets"


def classes(name: str, target: str, most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the features and one-hot targets of a shipped table's first rows."""
    table = open_table(DATASETS / f"{name}.csv")
    columns = whole_columns(table, dict.fromkeys(table.columns, "text"))
    x = np.column_stack(
        [columns[column].as_numbers() for column in table.columns if column != target]
    )
    codes, levels = class_codes(columns[target], target, table.where)
    y = np.eye(len(levels))[np.array([sort_values(levels).index(level) for level in levels])[codes]]
    return x[:most], y[:most]


def passes(
    layers: list[Dense],
    rows: Rows,
    optimizer: AnyOptimizer,
    rate: float,
    levels: list[float],
    starts: int,
    most: int,
) -> list[str]:
    """Return the median number of passes to each level of the loss."""
    network = Network(layers, rows.x.shape[1], seeds=range(starts), precision="float64")
    training = Training(
        loss=SquaredError(),
        optimizer=optimizer,
        learning_rate=rate,
        epochs=most,
        batch_size="full",
        target_loss=levels[-1],
        precision="float64",
    )
    reached = np.full((len(levels), starts), np.inf)
    for record in fit(training, network, rows, None, [Accuracy()]):
        for level, epochs in zip(levels, reached, strict=True):
            epochs[(record.metrics["loss"] <= level) & np.isinf(epochs)] = record.epoch - 1
    medians = np.median(reached, axis=1)
    return ["-" if np.isinf(median) else f"{median:g}" for median in medians]


def table(
    name: str,
    layers: list[Dense],
    rows: Rows,
    rates: list[float],
    steps: list[float],
    levels: list[float],
    starts: int,
    most: int,
) -> None:
    """Print one task's table."""
    count = Network(layers, rows.x.shape[1], seeds=[0]).theta.shape[1]
    print(f"\n{name}, {count} weights: median passes of {starts} starts\n")
    print(f"{'loss':28}" + "".join(f"{level:>9g}" for level in levels))
    methods: list[tuple[str, AnyOptimizer, float]] = [
        *((f"backpropagation, rate {rate:g}", GradientDescent(), rate) for rate in rates),
        *((f"perturbation, step {step:g}", Perturbation(), step) for step in steps),
    ]
    for label, optimizer, rate in methods:
        print(
            f"{label:28}"
            + "".join(
                f"{p:>9}" for p in passes(layers, rows, optimizer, rate, levels, starts, most)
            )
        )


def network(
    hidden: int, outputs: int, *, bias: bool, initializers: tuple[AnyInitializer, AnyInitializer]
) -> list[Dense]:
    """Return two sigmoid layers."""
    first, second = initializers
    return [
        Dense(units=hidden, activation=Sigmoid(), bias=bias, initializer=first),
        Dense(units=outputs, activation=Sigmoid(), bias=bias, initializer=second),
    ]


if __name__ == "__main__":
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    xor = Rows(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]]))
    normal = network(4, 1, bias=True, initializers=(Normal(), Normal()))
    table(
        "XOR 2-4-1",
        normal,
        xor,
        [0.2, 2, 10, 20],
        [0.1, 0.3, 1],
        [0.2, 0.1, 0.05, 0.01, 0.00196],
        starts,
        12_000,
    )
    x, y = classes("iris", "species")
    iris = Rows(x / np.linalg.norm(x, axis=1, keepdims=True), y)
    uniform = network(5, 3, bias=False, initializers=(Uniform(), Uniform()))
    table("Iris 4-5-3", uniform, iris, [1, 15], [0.3, 1], [0.2, 0.1, 0.05], starts, 6_000)
    x, y = classes("digits", "digit", 500)
    small = network(
        32, 10, bias=True, initializers=(Normal(deviation=1 / 8), Normal(deviation=1 / np.sqrt(32)))
    )
    table(
        "digits 64-32-10",
        small,
        Rows(x / 16, y),
        [5, 20],
        [1],
        [0.09, 0.07, 0.05, 0.03, 0.01],
        2,
        10_000,
    )
