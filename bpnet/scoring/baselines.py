"""Baselines: predictions of simple models, and whether a network clearly beats them."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from bpnet.config.task import Task
from bpnet.data.reading.column import Floats
from bpnet.scoring.bootstrap import Means, Score, bootstrap
from bpnet.scoring.metrics import ACCURACY, LOG_LOSS, R2, RMSE
from bpnet.scoring.samples import Integers, clipped, log_losses

MAX_ITERATIONS = 1000


@dataclass(frozen=True)
class Baseline:
    """A simple model's predictions of N rows, and a note on its fit.

    `predicted` has the shape of the network's: probabilities of classes (N, C) or of labels (N, L),
    or quantities (N, K).
    """

    name: str
    predicted: Floats
    note: str | None


@dataclass(frozen=True)
class _Comparison:
    """A metric of the network and of a baseline; `gain` (N,) is how much better each row is."""

    metric: str
    network: float
    baseline: float
    gain: Floats


def fit_baselines(
    task: Task,
    x_train: Floats,
    y_train: np.ndarray,
    weights_train: Floats | None,
    x_eval: Floats,
    classes: int | None = None,
) -> list[Baseline]:
    """Fit baselines to encoded inputs (M, I) with weights (M,), and predict inputs (N, I).

    Classification, y_train (M,) of class numbers below `classes`: the majority class, whose
    probabilities are the shares of the classes, and logistic regression. Multilabel, y_train (M, L)
    of 0 and 1: the shares of the labels, and a logistic regression for each label. Regression,
    y_train (M, K): the mean, and ridge regression with alpha 1. Rows of weight 0 are left out; at
    least one other is needed.
    """
    weights = (
        np.ones(len(x_train)) if weights_train is None else np.asarray(weights_train, np.float64)
    )
    used = np.flatnonzero(weights > 0)
    x, y, w = np.asarray(x_train[used], np.float64), y_train[used], weights[used]
    if task == "regression":
        return _quantity_baselines(x, y, w, x_eval)
    if task == "multilabel":
        return _label_baselines(x, y, w, x_eval)
    assert classes is not None
    return _class_baselines(x, y, w, x_eval, classes)


def describe_comparison(
    task: Task,
    true: np.ndarray,
    network: Floats,
    baselines: Sequence[Baseline],
    generator: np.random.Generator,
) -> list[str]:
    """Return a sentence for each baseline that the network does not clearly beat.

    `true` and `network` are shaped as for scoring. Compared are accuracy (multilabel: over all
    labels) and log loss, or R² (RMSE if no target varies). The network is clearly better where
    the 95 % bootstrap interval of the rows' mean gain, the same rows drawn for both, is above 0.
    """
    sentences = []
    for baseline in baselines:
        behind, unclear = [], []
        for comparison in _comparisons(task, true, network, baseline.predicted):
            gain = _mean_gain(comparison, generator)
            assert gain.value is not None
            assert gain.low is not None
            assert gain.high is not None
            both = f"{comparison.metric} {_both_text(comparison.network, comparison.baseline)}"
            if comparison.network == comparison.baseline:
                behind.append(both)
            elif gain.value <= 0:
                remark = "clearly worse" if gain.high < 0 else "within the noise"
                behind.append(f"{both} ({remark})")
            elif gain.low <= 0:
                unclear.append(both)
        if behind:
            sentences.append(f"the network does not beat {baseline.name}: {', '.join(behind)}")
        if unclear:
            sentences.append(
                f"the network is not clearly better than {baseline.name}: {', '.join(unclear)}, "
                f"a difference within the noise of {len(true)} rows"
            )
    return sentences


def _mean_gain(comparison: _Comparison, generator: np.random.Generator) -> Score:
    """Return the mean gain of the rows with its 95 % interval."""
    gain = comparison.gain
    means = Means(["gain"], gain[:, None])
    return bootstrap(means, {"gain": float(gain.mean())}, generator).scores[0]


def _quantity_baselines(x: Floats, y: Floats, w: Floats, x_eval: Floats) -> list[Baseline]:
    ridge = Ridge(alpha=1.0).fit(x, y, sample_weight=w)
    mean = np.average(y, axis=0, weights=w)
    return [
        Baseline("the mean", np.tile(mean, (len(x_eval), 1)), None),
        Baseline("ridge regression", ridge.predict(x_eval).reshape(len(x_eval), -1), None),
    ]


def _label_baselines(x: Floats, y: Integers, w: Floats, x_eval: Floats) -> list[Baseline]:
    fits = [_logistic(x, y[:, k].astype(np.intp), w, x_eval, 2) for k in range(y.shape[1])]
    shares = np.average(y, axis=0, weights=w)
    return [
        Baseline("the most frequent values", np.tile(shares, (len(x_eval), 1)), None),
        Baseline(
            "logistic regression",
            np.column_stack([probabilities[:, 1] for probabilities, _ in fits]),
            next((problem for _, problem in fits if problem), None),
        ),
    ]


def _class_baselines(
    x: Floats, y: Integers, w: Floats, x_eval: Floats, classes: int
) -> list[Baseline]:
    probabilities, problem = _logistic(x, y, w, x_eval, classes)
    shares = np.tile(_shares(y, w, classes), (len(x_eval), 1))
    return [
        Baseline("the majority class", shares, None),
        Baseline("logistic regression", probabilities, problem),
    ]


def _logistic(
    x: Floats, y: Integers, w: Floats, x_eval: Floats, classes: int
) -> tuple[Floats, str | None]:
    """Return logistic regression's probabilities (N, classes), and what was wrong with the fit.

    A class without training rows has the probability 0.
    """
    occurring = np.unique(y)
    if len(occurring) == 1:
        shares = np.tile(_shares(y, w, classes), (len(x_eval), 1))
        return shares, "all training rows are of one class"
    model = LogisticRegression(max_iter=MAX_ITERATIONS)
    with warnings.catch_warnings(record=True) as caught:
        # else Python reports the same warning only once
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(x, y, sample_weight=w)
    probabilities = np.zeros((len(x_eval), classes))
    probabilities[:, occurring] = model.predict_proba(x_eval)
    stopped = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return probabilities, f"did not converge in {MAX_ITERATIONS} iterations" if stopped else None


def _shares(y: Integers, w: Floats, classes: int) -> Floats:
    """Return each class's share (C,) of the weights."""
    return np.asarray(np.bincount(y, w, classes) / w.sum())


def _comparisons(
    task: Task, true: np.ndarray, network: Floats, baseline: Floats
) -> list[_Comparison]:
    """Return the metrics that the network and a baseline are compared by."""
    if task == "regression":
        return [_compared_errors(true, network, baseline)]
    if task == "classification":
        right = [(p.argmax(axis=1) == true).astype(np.float64) for p in (network, baseline)]
        losses = [log_losses(true, p) for p in (network, baseline)]
    else:
        right = [((p > 0.5) == true).mean(axis=1) for p in (network, baseline)]
        losses = [_label_losses(true, p) for p in (network, baseline)]
    accuracy, other_accuracy = (float(each.mean()) for each in right)
    loss, other_loss = (float(each.mean()) for each in losses)
    return [
        _Comparison(ACCURACY.title, accuracy, other_accuracy, right[0] - right[1]),
        _Comparison(LOG_LOSS.title, loss, other_loss, losses[1] - losses[0]),
    ]


def _compared_errors(true: Floats, network: Floats, baseline: Floats) -> _Comparison:
    """Compare by R²: squared errors over each target's variance, averaged over those that vary."""
    varies = np.ptp(true, axis=0) > 0
    errors = [(predicted - true) ** 2 for predicted in (network, baseline)]
    if not varies.any():
        network_error, baseline_error = (error.mean(axis=1) for error in errors)
        rmse, other_rmse = (float(np.sqrt(each.mean())) for each in (network_error, baseline_error))
        return _Comparison(RMSE.title, rmse, other_rmse, baseline_error - network_error)
    # 1 - R² is the mean of error² / variance
    variance = true[:, varies].var(axis=0)
    network_error, baseline_error = ((error[:, varies] / variance).mean(axis=1) for error in errors)
    r2, other_r2 = (float(1 - each.mean()) for each in (network_error, baseline_error))
    return _Comparison(R2.title, r2, other_r2, baseline_error - network_error)


def _label_losses(true: Integers, probabilities: Floats) -> Floats:
    """Return log losses (N,), averaged over the labels."""
    p = probabilities.astype(np.float64)
    of_true = np.where(true > 0, p, 1 - p)
    both = clipped(np.stack([of_true, 1 - of_true], axis=-1))  # (N, L, 2)
    return np.asarray(-np.log(both[..., 0]).mean(axis=1))


def _both_text(network: float, baseline: float) -> str:
    """Return both values, to as many digits as it takes to see them differ."""
    if network == baseline:
        return f"{network:.2f} (equal)"
    digits = next((d for d in range(2, 6) if f"{network:.{d}f}" != f"{baseline:.{d}f}"), 2)
    return f"{network:.{digits}f} against {baseline:.{digits}f}"
