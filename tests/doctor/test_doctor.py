"""The doctor: losses that are sums compared per row, the probe, the constant, and replicas."""

import math

import numpy as np
import pytest
from evidence_cases import LAYERS, evidence, history, layer, look, setup, stuck

from bpnet.config.dataset_schema import Dataset
from bpnet.config.schema import Config
from bpnet.doctor.constant import best_constant
from bpnet.doctor.doctor import Doctor
from bpnet.doctor.probe import probe
from bpnet.doctor.replicas import joint_findings
from bpnet.engine.layers import CategoryTable, Dense, Embedding
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import AbsoluteError, BinaryCrossEntropy, CrossEntropy, SquaredError
from bpnet.engine.metrics import RegressionError
from bpnet.engine.network import Network


def losses_seen(reduction: str, divide: tuple[float, float]) -> tuple[list[float], list[float]]:
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
    setting = Config(
        dataset=Dataset(path="t.csv", target="y"), training=training, task="regression"
    )
    doctor = Doctor([(setting, setting)], network, {"train": rows, "validation": validation})
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
    past = doctor._chronicle.of(0)
    for figure, by, seen in (
        ("loss", divide[0], past.loss),
        ("val_loss", divide[1], past.validation_loss),
    ):
        assert seen == pytest.approx([record.metrics[figure][0] / by for record in records])
    return past.loss, past.validation_loss


def test_losses_are_compared_a_row():
    means, sums = losses_seen("mean", (1, 1)), losses_seen("sum", (12, 5))
    for mean, total in zip(means, sums, strict=True):
        assert total == pytest.approx(mean)


# The best constant prediction.


def rows_of(y, weights=None):
    y = np.asarray(y, np.float64).reshape(len(y), -1)
    return Rows(np.zeros((len(y), 1)), y, None if weights is None else np.asarray(weights, float))


@pytest.mark.parametrize(
    ("loss", "y", "weights", "expected"),
    [
        (SquaredError(), [1, 2, 6], None, 14 / 3),
        (SquaredError(rows="sum"), [1, 2, 6], None, 14 / 3),
        (AbsoluteError(), [1, 2, 6], None, 5 / 3),  # about the median
        (BinaryCrossEntropy(), [1, 0, 0, 0], None, -math.log(0.25) / 4 - math.log(0.75) * 3 / 4),
        (BinaryCrossEntropy(), [1, 0, 0, 0], [3, 1, 1, 1], math.log(2)),
        (CrossEntropy(), np.eye(4)[[0, 1, 2, 3]], None, math.log(4)),
    ],
)
def test_the_best_constant_prediction_knows_the_shares_of_the_classes(loss, y, weights, expected):
    constant = best_constant(loss, {"train": rows_of(y, weights)})
    assert constant.losses["train"] == pytest.approx(expected)


def test_other_parts_are_compared_with_the_constant_of_the_training_rows():
    constant = best_constant(SquaredError(), {"train": rows_of([0, 2]), "test": rows_of([3, 3])})
    assert constant.losses["test"] == pytest.approx(4)
    assert (constant.center, constant.spread, constant.rows["test"]) == (1, 1, 2)


# The probe.


def probed(x, y, layers=None):
    network = Network(layers or [Dense(units=y.shape[1])], x.shape[1], seeds=(1,))
    return probe(network, Rows(x.astype(np.float32), y.astype(np.float32)))


def test_a_probe_tells_what_is_linear_what_bends_and_what_is_noise():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 3))
    line = probed(x, x @ [[1], [2], [0]] + 0.3 * rng.normal(size=(150, 1)))
    assert line.linear > 0.95
    assert line.smooth > 0.9
    bent = probed(x, x[:, :1] * x[:, 1:2])
    assert bent.linear < 0.1
    assert bent.smooth > 0.6
    noise = [probed(x, rng.normal(size=(150, 1))).best for _ in range(9)]
    assert np.median(noise) < 0.01


def test_the_error_with_a_row_left_out_is_that_of_a_fit_without_it():
    """By leaving each row out in turn, for the linear kernel with the same penalty."""
    from bpnet.doctor import probe as module

    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(25, 2)), rng.normal(size=(25, 1))
    kernel = x @ x.T
    penalty = 0.1 * np.linalg.eigvalsh(kernel).max()
    errors = np.empty_like(y)
    for k in range(25):
        rest = np.arange(25) != k
        weights = np.linalg.solve(kernel[np.ix_(rest, rest)] + penalty * np.eye(24), y[rest])
        errors[k] = y[k] - kernel[k, rest] @ weights
    expected = 1 - float((errors**2).sum() / (y**2).sum())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PENALTIES", (0.1,))
        assert module._left_out(kernel, y) == pytest.approx(expected)


def test_a_probe_reads_the_codes_of_categories_as_categories():
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 5, 100)
    y = np.array([1.0, -3.0, 2.0, 0.0, 5.0])[codes][:, None]
    tables = [CategoryTable(position=0, levels=5, size=2)]
    found = probed(codes[:, None].astype(float), y, [Embedding(tables=tables), Dense(units=1)])
    assert found.linear > 0.95


def test_four_rows_are_fitted_in_sample():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
    found = probed(x, np.array([[0], [1], [1], [0]], float))
    assert found.smooth is None
    assert found.best is None
    assert found.linear == pytest.approx(0, abs=1e-6)


# Replicas.


def test_some_replicas_that_failed_are_named_with_their_seeds():
    good = evidence(history=history(stop="epochs"), kept={"train": 0.1})
    bad = evidence(history=stuck(), kept={"train": 2.3}, setup=setup(hidden=[2]))
    first, *_ = joint_findings([good, bad, good], [7, 8, 9])
    assert first.cause == "some replicas failed"
    assert "1 of 3, numbers 2 (seed 8)" in first.text
    assert "the others reached 0.1 to 0.1" in first.text
    assert first.settings == ["architecture.hidden=[32]"]
    assert joint_findings([good, good], [7, 8]) == []
    assert joint_findings([bad, bad], [7, 8])[0].cause != "some replicas failed"


def test_an_alarm_about_one_of_many_replicas_is_a_remark():
    dead = look(layer(1, dead=0.9), *LAYERS[1:])
    fine = {"history": history(stop="epochs"), "kept": {"train": 0.1}}
    (found,) = joint_findings([evidence(**fine)] * 3 + [evidence(**fine, now=dead)], range(4))
    assert found.kind == "remark"
