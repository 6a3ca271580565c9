"""Losses: values by hand and from scikit-learn and SciPy, and the gradient of exactly those."""

import itertools
from typing import get_args

import numpy as np
import pytest
from engine_cases import LOSSES, named, targets_for
from scipy import special
from sklearn import metrics

from bpnet.engine.losses import (
    AbsoluteError,
    AnyLoss,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Quantile,
    SquaredError,
)

ELEMENTWISE = (SquaredError, AbsoluteError, Huber, Quantile)


def bound(loss, y, t, w=None):
    """The loss bound to scores y (R, O, B), with targets t (N, O) and weights w (N,) for all."""
    t = loss.prepare(np.asarray(t, y.dtype)).T
    t = np.broadcast_to(t, (len(y), *t.shape))
    w = None if w is None else np.broadcast_to(np.asarray(w, y.dtype), (len(y), 1, y.shape[2]))
    return loss.bind(y, t, w)


def value(loss, y, t, w=None):
    """The loss (R,) of a batch; elsewhere y is (N, O), so it is (R, N, O) here."""
    y = np.array(y, np.float64)
    y = y[None] if y.ndim == 2 else y
    one = bound(loss, y.transpose(0, 2, 1).copy(), t, w)
    one.evaluate()
    return one.value()


def with_rows(loss, rows):
    return type(loss)(**{**vars(loss), "rows": rows})


def case(loss, rows=11, outputs=4, replicas=1):
    rng = np.random.default_rng(0)
    return (
        rng.normal(0, 2, (replicas, rows, outputs)),
        targets_for(loss, rng, rows, outputs),
        rng.uniform(0.2, 3, rows),
    )


def test_every_loss_is_in_the_tables():
    assert {type(loss) for loss in LOSSES} == set(get_args(AnyLoss)) == set(BY_HAND)


# Two rows of two outputs: scores (1, 2) and (0, -1), targets (0, 4) and (1, 0);
# differences (1, -2) and (-1, -1).
# squared: 1 + 4 and 1 + 1, over outputs 5/2 and 2/2, over rows 7/4; gradient 2e / 2 / 2 = e / 2.
# absolute: 3 and 2, over outputs 3/2 and 1, over rows 5/4; gradient sign(e) / 4.
# huber, delta 1: 1/2 + (2 - 1/2) and 1/2 + 1/2, that is 2 and 1; over outputs 1 and 1/2,
#     over rows 3/4; clipped e / 4.
# quantile ½: half the absolute error.
# binary cross-entropy with targets (0, 1) and (1, 0): log(1 + e) + log(1 + e²) - 2,
#     and log 2 + log(1 + 1/e).
# cross-entropy with targets (0, 1) and (1, 0): -log(e² / (e + e²)) and -log(1 / (1 + 1/e)),
#     both log(1 + 1/e).
E1, E2 = np.e, np.e**2
S1, S2, S3 = E1 / (1 + E1), E2 / (1 + E2), 1 / (1 + E1)
Y = [[1.0, 2.0], [0.0, -1.0]]
REAL, CLASSES = [[0.0, 4.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]
BY_HAND = {
    SquaredError: (REAL, 1.75, [[0.5, -1.0], [-0.5, -0.5]]),
    AbsoluteError: (REAL, 1.25, [[0.25, -0.25], [-0.25, -0.25]]),
    Huber: (REAL, 0.75, [[0.25, -0.25], [-0.25, -0.25]]),
    Quantile: (REAL, 0.625, [[0.125, -0.125], [-0.125, -0.125]]),
    BinaryCrossEntropy: (
        CLASSES,
        (np.log(1 + E1) + np.log(1 + E2) - 2 + np.log(2) + np.log(1 + 1 / E1)) / 2,
        [[S1 / 2, (S2 - 1) / 2], [-0.25, S3 / 2]],
    ),
    CrossEntropy: (CLASSES, np.log(1 + 1 / E1), [[S3 / 2, -S3 / 2], [-S3 / 2, S3 / 2]]),
}


@pytest.mark.parametrize("kind", get_args(AnyLoss))
def test_worked_by_hand(kind):
    targets, expected, gradient = BY_HAND[kind]
    one = bound(kind(), np.array(Y).T[None].copy(), targets)
    one.evaluate()
    assert one.value() == pytest.approx([expected], rel=1e-14)
    np.testing.assert_allclose(one.gradient[0].T, gradient, rtol=1e-14)


def test_the_conventions_of_textbooks():
    # the differences above: squares sum to 7, magnitudes to 5
    for half, outputs, rows, expected in (
        (False, "mean", "mean", 7 / 4),
        (True, "mean", "mean", 7 / 8),
        (False, "sum", "mean", 7 / 2),
        (True, "sum", "mean", 7 / 4),
        (False, "mean", "sum", 7 / 2),
        (True, "sum", "sum", 7 / 2),
    ):
        assert value(SquaredError(half=half, outputs=outputs, rows=rows), Y, REAL) == pytest.approx(
            [expected]
        )
    assert value(AbsoluteError(outputs="sum", rows="sum"), Y, REAL) == pytest.approx([5])
    assert value(Huber(outputs="sum", rows="sum"), Y, REAL) == pytest.approx([3])


def test_huber_on_both_sides_of_delta():
    # delta 2: e = 1 costs 1/2, e = 2 costs 2, e = -5 costs 2 (5 - 1) = 8
    for e, expected in ((1.0, 0.5), (2.0, 2.0), (-5.0, 8.0), (0.0, 0.0)):
        assert value(Huber(delta=2.0), [[e]], [[0.0]]) == pytest.approx([expected])


def test_quantile_on_both_sides_and_at_the_kink():
    # quantile 0.9: e = 2 costs 0.1 · 2, e = -3 costs 0.9 · 3; at 0 the subgradient is ½ - 0.9
    for e, expected, slope in ((2.0, 0.2, 0.1), (-3.0, 2.7, -0.9), (0.0, 0.0, -0.4)):
        one = bound(Quantile(quantile=0.9), np.array([[[e]]]), [[0.0]])
        one.evaluate()
        assert one.value() == pytest.approx([expected])
        assert one.gradient[0, 0] == pytest.approx([slope])


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.7])
def test_scikit_learns_pinball_loss(quantile, weighted):
    y, t, w = case(Quantile())
    w = w / w.mean() if weighted else None
    expected = metrics.mean_pinball_loss(t, y[0], sample_weight=w, alpha=quantile)
    assert value(Quantile(quantile=quantile), y, t, w) == pytest.approx([expected], rel=1e-13)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_the_constant_of_the_least_quantile_loss_is_that_quantile(quantile):
    t = np.random.default_rng(0).exponential(size=(501, 1))
    candidates = np.sort(t[:, 0])
    losses = [value(Quantile(quantile=quantile), np.full_like(t, y), t)[0] for y in candidates]
    assert candidates[np.argmin(losses)] == np.quantile(t, quantile, method="inverted_cdf")


def test_quantiles_are_within_0_and_1():
    for bad in (0.0, 1.0, -0.5, 1.5):
        with pytest.raises(
            ValueError, match=r"Quantile\.quantile is .*must be (greater|less) than"
        ):
            Quantile(quantile=bad)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("delta", [0.3, 1.0, 2.5])
def test_scipys_huber(delta, weighted):
    y, t, w = case(Huber())
    w = w if weighted else np.ones(len(t))
    expected = (w * special.huber(delta, y[0] - t).mean(axis=1)).mean()
    assert value(Huber(delta=delta), y, t, w) == pytest.approx([expected], rel=1e-13)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_scikit_learns_losses(weighted):
    # its weighted means divide by the sum of the weights: ours are the same where the mean weight
    # is 1
    for loss, theirs in (
        (SquaredError(), metrics.mean_squared_error),
        (AbsoluteError(), metrics.mean_absolute_error),
    ):
        y, t, w = case(loss)
        w = w / w.mean() if weighted else None
        assert value(loss, y, t, w) == pytest.approx([theirs(t, y[0], sample_weight=w)], rel=1e-13)
    y, t, w = case(CrossEntropy())
    w = w / w.mean() if weighted else None
    expected = metrics.log_loss(
        t.argmax(axis=1), special.softmax(y[0], axis=1), sample_weight=w, labels=range(4)
    )
    assert value(CrossEntropy(), y, t, w) == pytest.approx([expected], rel=1e-13)
    y, t, w = case(BinaryCrossEntropy(), outputs=1)
    w = w / w.mean() if weighted else None
    expected = metrics.log_loss(t[:, 0], special.expit(y[0, :, 0]), sample_weight=w, labels=[0, 1])
    assert value(BinaryCrossEntropy(), y, t, w) == pytest.approx([expected], rel=1e-13)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_several_labels_a_row_are_as_many_losses_of_one(weighted):
    y, t, w = case(BinaryCrossEntropy())
    assert set(t.sum(axis=1)) > {1}  # rows with several labels, or none
    w = w / w.mean() if weighted else None
    theirs = [
        metrics.log_loss(t[:, k], special.expit(y[0, :, k]), sample_weight=w, labels=[0, 1])
        for k in range(t.shape[1])
    ]
    assert value(BinaryCrossEntropy(), y, t, w) == pytest.approx([sum(theirs)], rel=1e-13)
    squared = [np.average((y[0, :, k] - t[:, k]) ** 2, weights=w) for k in range(t.shape[1])]
    assert value(SquaredError(), y, t, w) == pytest.approx([np.mean(squared)], rel=1e-13)


def test_two_logits_and_the_difference_of_them_cost_the_same():
    y, _, _ = case(CrossEntropy(), outputs=2)
    says_one = np.arange(y.shape[1]) % 2
    two = value(CrossEntropy(), y, np.eye(2)[says_one])
    one = value(BinaryCrossEntropy(), y[:, :, 1:] - y[:, :, :1], says_one[:, None])
    np.testing.assert_allclose(one, two, rtol=1e-13)


@pytest.mark.parametrize("loss", named(LOSSES))
def test_weights_are_repeated_rows(loss):
    y, t, _ = case(loss, replicas=3)
    counts = np.arange(len(t)) % 4
    summed = with_rows(loss, "sum")
    repeated = value(summed, np.repeat(y, counts, axis=1), np.repeat(t, counts, axis=0))
    np.testing.assert_allclose(value(summed, y, t, counts), repeated, rtol=1e-13)
    np.testing.assert_allclose(value(loss, y, t, counts), repeated / len(t), rtol=1e-13)
    np.testing.assert_allclose(value(loss, y, t, np.ones(len(t))), value(loss, y, t), rtol=1e-15)


@pytest.mark.parametrize("loss", named(LOSSES))
def test_the_sum_is_the_mean_times_the_rows(loss):
    y, t, w = case(loss, replicas=3)
    for weights in (None, w):
        np.testing.assert_allclose(
            value(with_rows(loss, "sum"), y, t, weights),
            value(loss, y, t, weights) * len(t),
            rtol=1e-13,
        )


def test_label_smoothing_mixes_in_the_mean_over_all_labels():
    # Σ t log p is linear in t: the smoothed loss is the same mix of the plain one and of that with
    # every label
    y, t, w = case(CrossEntropy())
    plain, every = (
        value(CrossEntropy(), y, t, w),
        value(CrossEntropy(), y, np.full_like(t, 1 / 4), w),
    )
    np.testing.assert_allclose(
        value(CrossEntropy(label_smoothing=0.3), y, t, w), 0.7 * plain + 0.3 * every, rtol=1e-13
    )
    y, t, w = case(BinaryCrossEntropy())
    plain, every = (
        value(BinaryCrossEntropy(), y, t, w),
        value(BinaryCrossEntropy(), y, np.full_like(t, 0.5), w),
    )
    smoothed = value(BinaryCrossEntropy(label_smoothing=0.3), y, t, w)
    np.testing.assert_allclose(smoothed, 0.7 * plain + 0.3 * every, rtol=1e-13)


def test_smoothed_targets():
    np.testing.assert_allclose(
        CrossEntropy(label_smoothing=0.2).prepare(np.eye(4)[:1]), [[0.85, 0.05, 0.05, 0.05]]
    )
    np.testing.assert_allclose(
        BinaryCrossEntropy(label_smoothing=0.2).prepare(np.array([[0.0, 1.0]])), [[0.1, 0.9]]
    )


@pytest.mark.parametrize("loss", named(LOSSES))
def test_prepare_leaves_the_users_targets_alone(loss):
    _, t, _ = case(loss)
    kept = t.copy()
    loss.prepare(t)
    assert np.array_equal(t, kept)


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("rows", ["mean", "sum"])
@pytest.mark.parametrize("loss", named(LOSSES))
def test_the_gradient_is_that_of_the_reported_value(loss, rows, weighted, replicas):
    loss = with_rows(loss, rows)
    y, t, w = case(loss, rows=5, outputs=3, replicas=replicas)
    y = y.transpose(0, 2, 1).copy()
    one = bound(loss, y, t, w if weighted else None)
    one.evaluate()
    gradient = one.gradient.copy()
    for at in np.ndindex(y.shape):
        original = y[at]
        sides = []
        for shift in (1e-5, -1e-5):
            y[at] = original + shift
            one.evaluate()
            sides.append(one.value().copy())
        y[at] = original
        slopes = (sides[0] - sides[1]) / 2e-5
        assert gradient[at] == pytest.approx(slopes[at[0]], abs=2e-9)
        assert np.delete(slopes, at[0]).tolist() == [0] * (replicas - 1), (
            "one replica's scores touch another's loss"
        )


@pytest.mark.parametrize("loss", named(LOSSES))
def test_logits_far_out_in_float32(loss):
    """Floating-point errors raise. A right answer costs nothing, a wrong one 1e4 or its square."""
    for sign, truth in itertools.product((1.0, -1.0), ([1.0, 0.0], [0.0, 1.0])):
        y = np.array([[[1e4 * sign], [-1e4 * sign]]], np.float32)
        one = bound(loss, y, np.array([truth]), [0.5])
        one.evaluate()
        assert np.isfinite(one.value()).all()
        assert np.isfinite(one.gradient).all()
        assert one.gradient.dtype == np.float32
        if loss == CrossEntropy():
            right = (sign > 0) == (truth[0] == 1)
            assert one.value()[0] == pytest.approx(0 if right else 0.5 * 2e4)
            np.testing.assert_allclose(
                one.gradient[0, :, 0], [0, 0] if right else [0.5 * sign, -0.5 * sign], atol=1e-30
            )
        if loss == BinaryCrossEntropy():
            right = (sign > 0) == (truth[0] == 1)
            assert one.value()[0] == pytest.approx(0 if right else 0.5 * 2e4)


@pytest.mark.parametrize("loss", named(LOSSES))
def test_evaluating_twice_is_the_same(loss):
    y, t, w = case(loss, replicas=2)
    one = bound(loss, y.transpose(0, 2, 1).copy(), t, w)
    one.evaluate()
    first = one.value().copy(), one.gradient.copy()
    one.evaluate()
    assert np.array_equal(first[0], one.value())
    assert np.array_equal(first[1], one.gradient)


@pytest.mark.parametrize("loss", named(LOSSES))
@pytest.mark.parametrize(
    ("targets", "weights", "text"),
    [
        ((2, 3, 4), None, r"\(2, 3, 5\).*\(2, 3, 4\)"),
        ((2, 1, 5), None, r"\(2, 3, 5\).*\(2, 1, 5\)"),
        ((1, 3, 5), None, r"\(2, 3, 5\).*\(1, 3, 5\)"),
        ((2, 3, 5), (2, 5), r"\(2, 5\).*\(2, 1, 5\)"),
        ((2, 3, 5), (2, 3, 5), r"\(2, 3, 5\).*\(2, 1, 5\)"),
    ],
)
def test_shapes_that_do_not_fit_are_both_named(loss, targets, weights, text):
    with pytest.raises(ValueError, match=text):
        loss.bind(
            np.zeros((2, 3, 5)), np.zeros(targets), None if weights is None else np.ones(weights)
        )


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Huber, {"delta": 0.0}),
        (CrossEntropy, {"label_smoothing": 1.0}),
        (BinaryCrossEntropy, {"label_smoothing": -0.1}),
    ],
)
def test_impossible_settings_are_refused(kind, settings):
    ((name, bad),) = settings.items()
    with pytest.raises(ValueError, match=f"{kind.__name__}.{name} is {bad}; it must be"):
        kind(**settings)
