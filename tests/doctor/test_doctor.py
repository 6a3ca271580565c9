"""The doctor of a training whose losses are sums over rows: it compares what they are a row."""

import numpy as np
import pytest

from bpnet.doctor.doctor import Doctor
from bpnet.engine.layers import Dense
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.metrics import RegressionError
from bpnet.engine.network import Network


def history(reduction: str, divide: tuple[float, float]) -> tuple[list[float], list[float]]:
    """The losses that a doctor compares; the rate makes both trainings the same."""
    rng = np.random.default_rng(0)
    rows, validation = (Rows(rng.normal(size=(n, 2)), rng.normal(size=(n, 1))) for n in (12, 5))
    training = Training(
        loss=SquaredError(rows=reduction),
        learning_rate=1e-9,
        epochs=3,
        batch_size="full",
        precision="float64",
    )
    network = Network([Dense(units=1)], 2, seeds=(1,), precision="float64")
    doctor = Doctor(training, network, rows, validation)
    records = list(
        fit(
            training,
            network,
            rows,
            validation,
            [RegressionError()],
            keep_before=True,
        )
    )
    for record in records:
        doctor.note(record)
    for figure, by, seen in (
        ("loss", divide[0], doctor._history.loss),
        ("val_loss", divide[1], doctor._history.validation_loss),
    ):
        assert seen == pytest.approx([record.metrics[figure][0] / by for record in records])
    return doctor._history.loss, doctor._history.validation_loss


def test_losses_are_compared_a_row():
    means, sums = history("mean", (1, 1)), history("sum", (12, 5))
    for mean, total in zip(means, sums, strict=True):
        assert total == pytest.approx(mean)
