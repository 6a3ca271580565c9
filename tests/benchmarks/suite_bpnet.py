"""bpnet's side of suite.py: the network that all sides start from, training and predicting."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from suite_jobs import Job, Table, outputs

from bpnet.engine.activations import Relu, Sigmoid, Tanh
from bpnet.engine.layers import Dense
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import BinaryCrossEntropy, CrossEntropy, Loss, SquaredError
from bpnet.engine.metrics import Accuracy
from bpnet.engine.network import Network
from bpnet.engine.optimizers import Adam, GradientDescent
from bpnet.models.threads import shared_work
from bpnet.runs.metrics_log import MetricsLog

ACTIVATIONS = {"tanh": Tanh(), "sigmoid": Sigmoid(), "relu": Relu()}
COLUMNS = ("epoch", "step", "loss", "accuracy", "learning_rate", "gradient_norm")
NO_CLASSES = tuple(name for name in COLUMNS if name != "accuracy")

Weights = list[tuple[np.ndarray, np.ndarray]]
"""W (O, I) and b (O,) of each layer."""


def make_network(job: Job, table: Table) -> Network:
    """Build the job's network with its first weights, which are the same each time."""
    layers = [Dense(units=units, activation=ACTIVATIONS[job.activation]) for units in job.hidden]
    every = [*layers, Dense(units=outputs(table))]
    link = loss_of(table).link
    return Network(every, table.x.shape[1], seeds=range(job.replicas), output_activation=link)


def loss_of(table: Table) -> Loss:
    """Return the loss that suits the table's labels."""
    if not table.classes:
        return SquaredError()
    return BinaryCrossEntropy() if table.classes == 2 else CrossEntropy()


def targets(table: Table) -> np.ndarray:
    """Return the targets (N, O): numbers, one-hot classes, or 0 and 1 in a single column."""
    if not table.classes:
        return table.labels
    one_hot = np.eye(table.classes, dtype=np.float32)[table.labels]
    return one_hot[:, 1:] if table.classes == 2 else one_hot


def weights(network: Network) -> Weights:
    """Copy the first replica's weights."""
    parts = [network.parameters.part(f"layers.{k}") for k in range(len(network.layers))]
    return [(part["weight"][0].copy(), part["bias"][0].copy()) for part in parts]


def mean(values: np.ndarray) -> float:
    """Return the mean over the replicas (R,)."""
    return values.item() if len(values) == 1 else float(values.mean())


def training(job: Job, table: Table, network: Network, log_path: Path) -> Callable[[], float]:
    """Return a function that trains and returns the first replica's last loss.

    It writes a row of metrics.csv for each epoch.
    """
    rows, loss = Rows(table.x, targets(table)), loss_of(table)
    metrics = [Accuracy(loss.threshold)] if table.classes else []
    settings = Training(
        loss=loss,
        optimizer=Adam() if job.optimizer == "adam" else GradientDescent(),
        learning_rate=job.learning_rate,
        epochs=job.epochs,
        batch_size=job.batch_size or "full",
    )

    def run() -> float:
        with (
            shared_work(),
            MetricsLog(log_path, COLUMNS if metrics else NO_CLASSES) as log,
        ):
            for record in fit(settings, network, rows, None, metrics):
                figures = (*record.metrics.values(), record.learning_rate, record.gradient_norm)
                log.append(
                    [record.epoch, record.step, *[mean(values) for values in figures]],
                    now=time.perf_counter(),
                )
        return float(record.metrics["loss"][0])

    return run


def predicting(
    job: Job, table: Table, network: Network, log_path: Path
) -> Callable[[], np.ndarray]:
    """Return a function that returns the probabilities (N, O)."""

    def run() -> np.ndarray:
        with shared_work():
            return network.predict(table.x)[0]

    return run
