"""Metrics agree with scikit-learn for each replica, however the rows fall into batches."""

from typing import get_args

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    hamming_loss,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    root_mean_squared_error,
)

from bpnet.config.task import Task
from bpnet.engine.class_codes import FEW
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.evaluation import Evaluator
from bpnet.engine.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from bpnet.engine.metrics import (
    HIGHER_IS_BETTER,
    TRAINING_METRICS,
    Accuracy,
    Closeness,
    LabelAccuracy,
    MeanAbsoluteError,
    MeanSquaredError,
    RegressionError,
    SumSquaredError,
    errors,
    metric_names,
)
from bpnet.engine.metrics.accuracy import BoundAccuracyOfSeveral
from bpnet.engine.network import Network


def measure(metric, y, t, size):
    """The metrics of scores y (R, N, O) against targets t (N, O), batch by batch."""
    sums = np.zeros((len(y), metric.width))
    for start in range(0, len(t), size):
        scores = y[:, start : start + size].transpose(0, 2, 1).copy()
        targets = t[start : start + size].T
        metric.bind(scores, np.broadcast_to(targets, scores.shape)).add(sums)
    values = metric.values(sums, len(t))
    assert tuple(values) == metric.names
    assert all(value.shape == (len(y),) for value in values.values())
    return values


SIZES = [1, 7, 23, 100]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("size", SIZES)
def test_accuracy_of_several_classes(size, rng):
    y, classes = rng.normal(size=(3, 23, 4)), rng.integers(0, 4, 23)
    values = measure(Accuracy(), y, np.eye(4)[classes], size)
    expected = [accuracy_score(classes, y[replica].argmax(axis=1)) for replica in range(3)]
    np.testing.assert_allclose(values["accuracy"], expected, rtol=1e-14)


@pytest.mark.parametrize("outputs", [2, 5, 255, 256, 300])
@pytest.mark.parametrize("rows", [FEW // 2, FEW // 2 + 1, 2000])
def test_of_classes_with_equal_scores_the_first_is_said(rows, outputs, rng):
    y, classes = (
        rng.integers(0, 3, (2, rows, outputs)).astype(float),
        rng.integers(0, min(outputs, 3), rows),
    )
    values = measure(Accuracy(), y, np.eye(outputs)[classes], rows)
    expected = [accuracy_score(classes, y[replica].argmax(axis=1)) for replica in range(2)]
    np.testing.assert_allclose(values["accuracy"], expected, rtol=1e-14)
    assert np.mean(expected) > 0.05


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("rows", [4, FEW + 1])
def test_accuracy_sees_targets_that_change(rows, outputs):
    scores = np.ones((1, outputs, rows))
    targets = scores.copy()
    bound = Accuracy().bind(scores, targets)
    for right in (1.0, 0.0):
        targets[:, 0] = right
        sums = np.zeros((1, 1))
        bound.add(sums)
        assert sums[0, 0] == right * rows


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("faulty", [None, 2, 40])
def test_accuracy_of_small_batches_together_is_that_of_each(replicas, masked, faulty):
    rng = np.random.default_rng(0)
    shape = (replicas, 5, 64)
    scores, targets = np.empty(shape), np.empty(shape)
    counted = np.empty((replicas, 64), np.bool_) if masked else None
    bound = Accuracy().bind_several(scores, targets, counted)
    assert isinstance(bound, BoundAccuracyOfSeveral)
    sums, expected = np.zeros((replicas, 1)), np.zeros((replicas, 1))
    for step in range(45):  # more than are kept, and some are left
        scores[:] = rng.integers(0, 4, shape)
        targets[:] = np.eye(5)[rng.integers(0, 5, (replicas, 64))].transpose(0, 2, 1)
        right = scores.argmax(axis=1) == targets.argmax(axis=1)
        if step == faulty:
            scores[0] = np.nan  # of which the first class is the largest
            right[0] = targets[0].argmax(axis=0) == 0
        if counted is not None:
            counted[:] = rng.random(counted.shape) < 0.5
            right &= counted
        bound.add(sums)
        expected[:, 0] += right.sum(axis=1)
        if step == 20:
            bound.add_rest(sums)
            np.testing.assert_array_equal(sums, expected)
    bound.add_rest(sums)
    bound.add_rest(sums)
    np.testing.assert_array_equal(sums, expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "loss", [SquaredError(), BinaryCrossEntropy()], ids=["probability", "logit"]
)
def test_accuracy_of_a_single_output_has_the_losss_threshold(loss, size, rng):
    y, classes = rng.uniform(-1, 2, (3, 23, 1)), rng.integers(0, 2, 23)
    values = measure(Accuracy(loss.threshold), y, classes[:, None].astype(float), size)
    limit = {SquaredError: 0.5, BinaryCrossEntropy: 0.0}[type(loss)]
    expected = [accuracy_score(classes, y[replica, :, 0] > limit) for replica in range(3)]
    np.testing.assert_allclose(values["accuracy"], expected, rtol=1e-14)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_accuracy_reads_the_class_through_label_smoothing(smoothing, rng):
    y, classes = rng.normal(size=(1, 23, 4)), rng.integers(0, 4, 23)
    targets = CrossEntropy(label_smoothing=smoothing).prepare(np.eye(4)[classes])
    assert measure(Accuracy(), y, targets, 7)["accuracy"][0] == accuracy_score(
        classes, y[0].argmax(axis=1)
    )
    y, yes = rng.normal(size=(1, 23, 1)), rng.integers(0, 2, 23)
    targets = BinaryCrossEntropy(label_smoothing=smoothing).prepare(yes[:, None].astype(float))
    assert measure(Accuracy(0.0), y, targets, 7)["accuracy"][0] == accuracy_score(
        yes, y[0, :, 0] > 0
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "loss", [SquaredError(), BinaryCrossEntropy(label_smoothing=0.3)], ids=["probability", "logit"]
)
@pytest.mark.parametrize("outputs", [1, 3])
def test_label_accuracy(outputs, loss, size, rng):
    y, labels = rng.uniform(-1, 2, (3, 23, outputs)), rng.integers(0, 2, (23, outputs))
    values = measure(LabelAccuracy(loss.threshold), y, loss.prepare(labels.astype(float)), size)
    said = y > {SquaredError: 0.5, BinaryCrossEntropy: 0.0}[type(loss)]
    for replica in range(3):
        # accuracy_score of several labels is the share of rows with all of them right
        assert values["accuracy"][replica] == pytest.approx(
            accuracy_score(labels, said[replica]), rel=1e-14
        )
        assert values["label_accuracy"][replica] == pytest.approx(
            1 - hamming_loss(labels, said[replica]), rel=1e-14
        )


def test_label_accuracy_by_hand():
    # of the rows (1, 0), (1, 1) and (0, 0) the first is right, of the second one label, of the
    # third none
    t = np.array([[1.0, 0], [1, 1], [0, 0]])
    values = measure(LabelAccuracy(), np.array([[[0.9, 0.1], [0.9, 0.2], [0.8, 0.7]]]), t, 2)
    assert values["accuracy"] == pytest.approx([1 / 3])
    assert values["label_accuracy"] == pytest.approx([3 / 6])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_rmse_and_r2(outputs, size, offset, rng):
    t = rng.normal(offset, 2, (23, outputs))
    y = t + rng.normal(0, 1, (3, 23, outputs))
    values = measure(RegressionError().over(t), y, t, size)
    for replica in range(3):
        assert values["rmse"][replica] == pytest.approx(
            root_mean_squared_error(t, y[replica]), rel=1e-12
        )
        assert values["r2"][replica] == pytest.approx(r2_score(t, y[replica]), rel=1e-10)


def test_rmse_is_in_the_users_units_and_r2_has_none(rng):
    t = rng.normal(size=(23, 2))
    y = t + rng.normal(0, 1, (1, 23, 2))
    scale, shift = np.array([10.0, 0.3]), np.array([5.0, -7.0])
    values = measure(RegressionError(scale=scale).over(t), y, t, 7)
    theirs, predicted = t * scale + shift, y[0] * scale + shift
    assert values["rmse"][0] == pytest.approx(root_mean_squared_error(theirs, predicted), rel=1e-12)
    assert values["r2"][0] == pytest.approx(r2_score(theirs, predicted), rel=1e-12)


def test_by_hand():
    # targets 1, 2, 3 around 2: deviations 1, 0, 1. Errors 0, 1, -1: rmse √(2/3), r2 1 - 2/2 = 0
    t = np.array([[1.0], [2.0], [3.0]])
    values = measure(RegressionError().over(t), np.array([[[1.0], [3.0], [2.0]]]), t, 2)
    assert values["rmse"] == pytest.approx([np.sqrt(2 / 3)])
    assert values["r2"] == pytest.approx([0.0], abs=1e-15)


def test_several_outputs_by_hand():
    # each in its own unit: errors of 1 in two rows of three and of 2 units of 10 in all;
    # deviations Σ 2 and 8
    t = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    y = t + np.array([[0.0, 2.0], [1.0, -2.0], [-1.0, 2.0]])
    values = measure(RegressionError(scale=np.array([1.0, 10.0])).over(t), y[None], t, 2)
    assert values["rmse"] == pytest.approx([(np.sqrt(2 / 3) + 20) / 2])
    assert values["r2"] == pytest.approx([((1 - 2 / 2) + (1 - 12 / 8)) / 2])


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_targets_of_a_narrow_type_are_summed_as_float64_and_piece_by_piece(dtype, rng, monkeypatch):
    t = rng.integers(0, 200, (23, 2)).astype(dtype)
    wide = t.astype(float)
    y = wide + rng.normal(size=(1, 23, 2))
    expected = r2_score(wide, y[0])
    assert measure(RegressionError().over(t), y, wide, 7)["r2"] == pytest.approx(
        [expected], rel=1e-12
    )
    monkeypatch.setattr(errors, "PIECE", 5)
    assert measure(RegressionError().over(t), y, wide, 7)["r2"] == pytest.approx(
        [expected], rel=1e-12
    )


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, 1e6 + 0.1])
@pytest.mark.parametrize("rows", [1, 3, 7, 10])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_r2_is_nan_where_the_targets_do_not_vary(rows, constant, dtype):
    t = np.full((rows, 1), constant, dtype)
    values = measure(RegressionError().over(t), (t + np.ones(1, dtype))[None], t, 4)
    assert np.isnan(values["r2"]).all()
    assert values["rmse"] == pytest.approx([1.0], rel=0.1)


def test_float32_sums_lose_nothing_that_matters(rng):
    t = rng.normal(size=(2000, 1)).astype(np.float32)
    y = (t + rng.normal(0, 0.1, (1, 2000, 1))).astype(np.float32)
    values = measure(RegressionError().over(t), y, t, 32)
    assert values["rmse"][0] == pytest.approx(
        root_mean_squared_error(t.astype(float), y[0].astype(float)), rel=1e-5
    )


@pytest.mark.parametrize("size", SIZES)
def test_closeness(size, rng):
    y, classes = rng.normal(size=(3, 23, 4)), rng.integers(0, 4, 23)
    t = np.eye(4)[classes]
    expected = [1 - mean_absolute_error(t, y[replica]) for replica in range(3)]
    np.testing.assert_allclose(measure(Closeness(), y, t, size)["closeness"], expected, rtol=1e-12)
    # all 0 where one of three is 1: 1 - 1/3
    one_of_three = np.eye(3)[[0, 1, 2, 2, 1, 0]]
    assert measure(Closeness(), np.zeros((1, 6, 3)), one_of_three, size)[
        "closeness"
    ] == pytest.approx([2 / 3])


def test_several_metrics_are_each_as_if_alone(rng):
    y, t = rng.normal(size=(3, 23, 2)), rng.normal(size=(23, 2))
    several = [RegressionError(), Closeness(), Accuracy()]
    network = Network([], 2, seeds=range(3), precision="float64")  # its outputs are its inputs
    rows = Rows(y.reshape(-1, 2), np.tile(t, (3, 1)), sets=3)
    together = Evaluator(network, SquaredError(), several, rows).evaluate()
    assert list(together) == ["loss", "rmse", "r2", "closeness", "accuracy"]
    for metric in several:
        for name, values in measure(metric.over(t), y, t, 23).items():
            np.testing.assert_allclose(together[name], values, rtol=1e-14, err_msg=name)


# Every metric of the table.

TASKS = get_args(Task)


def targets_of(task, rng):
    """Targets (23, 4) of a task."""
    if task == "classification":
        return np.eye(4)[rng.integers(0, 4, 23)]
    return rng.normal(size=(23, 4)) if task == "regression" else rng.integers(0, 2, (23, 4)) * 1.0


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("kind", TRAINING_METRICS)
def test_a_replica_is_its_solo_run_and_batches_are_the_whole_table(kind, size, rng):
    y, t = rng.normal(size=(3, 23, 4)), targets_of(kind.task, rng)
    metric = kind().over(t)
    whole = measure(metric, y, t, 23)
    for name, values in measure(metric, y, t, size).items():
        assert values == pytest.approx(whole[name], rel=1e-12), name
    for replica in range(3):
        for name, value in measure(metric, y[replica : replica + 1], t, 23).items():
            assert value == pytest.approx(whole[name][replica], rel=1e-12), name


@pytest.mark.parametrize("kind", TRAINING_METRICS)
def test_perfect_scores_are_better_than_others(kind, rng):
    t = targets_of(kind.task, rng)
    y = np.stack([t, rng.normal(size=t.shape)])
    for name, (perfect, other) in measure(kind().over(t), y, t, 7).items():
        assert perfect > other if name in kind.higher_is_better else perfect < other, name


def test_which_metrics_are_better_when_higher():
    names = {name for metric in TRAINING_METRICS for name in metric.names}
    errors = {"mean_squared_error", "sum_squared_error", "mean_absolute_error"}
    assert names - HIGHER_IS_BETTER == {"rmse", *errors}
    assert names >= HIGHER_IS_BETTER
    assert all(set(metric.names) >= metric.higher_is_better for metric in TRAINING_METRICS)


@pytest.mark.parametrize("task", TASKS)
def test_the_names_of_a_task_are_different_and_end_with_those_asked_for(task):
    requested = [name for metric in TRAINING_METRICS if metric.on_request for name in metric.names]
    names, more = metric_names(task), metric_names(task, requested)
    assert len(set(more)) == len(more)
    assert more[: len(names)] == names != []


def test_every_metric_belongs_to_a_task_or_to_all():
    assert {metric.task for metric in TRAINING_METRICS} == {*TASKS, None}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [None, np.array([2.0, 10.0])])
def test_errors_of_the_outputs_are_scikit_learn_s_in_the_user_s_unit(size, scale, rng):
    y, t = rng.normal(size=(3, 23, 2)), rng.normal(size=(23, 2))
    unit = 1.0 if scale is None else scale
    for replica in range(3):
        mse = mean_squared_error(t * unit, y[replica] * unit)
        expected = {
            MeanSquaredError: mse,
            SumSquaredError: mse * 46,
            MeanAbsoluteError: mean_absolute_error(t * unit, y[replica] * unit),
        }
        for kind, value in expected.items():
            metric = kind(scale=scale).over(t)
            measured = measure(metric, y, t, size)[kind.names[0]][replica]
            assert measured == pytest.approx(value, rel=1e-12)


def test_a_regression_error_without_targets_says_so():
    with pytest.raises(ValueError, match="has no targets; give it those of the rows with `over`"):
        RegressionError().values(np.ones((1, 2)), 3)
