"""Baselines: what simple models predict from the same rows, and whether a network is clearly better than they are."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from bpnet.config.schema import Task
from bpnet.scoring.bootstrap import Floats, Means, bootstrap
from bpnet.scoring.samples import Integers, clipped, log_losses

MOST_ITERATIONS = 1000


@dataclass(frozen=True)
class Baseline:
    """A simple model's predictions for N rows, of the same shape as the network's, and what to know of its fit.

    `predicted` holds probabilities of classes (N, C) or of labels (N, L), or quantities (N, K).
    """

    name: str
    predicted: Floats
    note: str | None


@dataclass(frozen=True)
class _Comparison:
    """A main figure of the network and a baseline; `gain` (N,) is by how much each row is predicted better."""

    figure: str
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
    """Baselines fitted to encoded inputs (M, I) and weights (M,), and their predictions for inputs (N, I).

    Classification: y_train are class numbers (M,) below `classes`; the majority class, whose probabilities are the
    classes' shares, and logistic regression. Multilabel: y_train (M, L) of 0 and 1; the labels' shares, by which each
    label's most frequent value is predicted, and a logistic regression for each label. Regression: y_train (M, K); the
    mean, and ridge regression with alpha 1. Rows of weight 0 are left out; at least one other is needed.
    """
    weights = (
        np.ones(len(x_train)) if weights_train is None else np.asarray(weights_train, np.float64)
    )
    used = np.flatnonzero(weights > 0)
    x, y, w = np.asarray(x_train[used], np.float64), y_train[used], weights[used]
    if task == "regression":
        ridge = Ridge(alpha=1.0).fit(x, y, sample_weight=w)
        mean = np.average(y, axis=0, weights=w)
        return [
            Baseline("the mean", np.tile(mean, (len(x_eval), 1)), None),
            Baseline("ridge regression", ridge.predict(x_eval).reshape(len(x_eval), -1), None),
        ]
    if task == "multilabel":
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
    assert classes is not None
    probabilities, problem = _logistic(x, y, w, x_eval, classes)
    return [
        Baseline("the majority class", np.tile(_shares(y, w, classes), (len(x_eval), 1)), None),
        Baseline("logistic regression", probabilities, problem),
    ]


def verdict(
    task: Task,
    true: np.ndarray,
    network: Floats,
    baselines: Sequence[Baseline],
    generator: np.random.Generator,
) -> list[str]:
    """A sentence for each baseline that the network does not clearly beat; none where it beats all.

    `true` and `network` are shaped as for scoring. Compared are accuracy (multilabel: over all labels) and log loss,
    or R² (RMSE where no target varies). A figure is clearly better where the 95 % bootstrap interval of the rows' mean
    gain, the same rows drawn for both, lies above 0.
    """
    sentences = []
    for baseline in baselines:
        behind, unclear = [], []
        for comparison in _comparisons(task, true, network, baseline.predicted):
            gain = float(comparison.gain.mean())
            difference = bootstrap(
                Means(["gain"], comparison.gain[:, None]), {"gain": gain}, generator
            ).scores[0]
            assert difference.low is not None
            assert difference.high is not None
            figures = f"{comparison.figure} {_shown(comparison.network, comparison.baseline)}"
            if gain <= 0:
                behind.append(figures if difference.high < 0 else f"{figures} (within the noise)")
            elif difference.low <= 0:
                unclear.append(figures)
        if behind:
            sentences.append(f"the network does not beat {baseline.name}: {', '.join(behind)}")
        if unclear:
            sentences.append(
                f"the network is not clearly better than {baseline.name}: {', '.join(unclear)}, "
                f"a difference within the noise of {len(true)} rows"
            )
    return sentences


def _logistic(
    x: Floats, y: Integers, w: Floats, x_eval: Floats, classes: int
) -> tuple[Floats, str | None]:
    """Probabilities (N, classes), 0 for a class without training rows, and what was wrong with the fit."""
    occurring = np.unique(y)
    if len(occurring) == 1:
        return np.tile(
            _shares(y, w, classes), (len(x_eval), 1)
        ), "all training rows are of one class"
    model = LogisticRegression(max_iter=MOST_ITERATIONS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(x, y, sample_weight=w)
    probabilities = np.zeros((len(x_eval), classes))
    probabilities[:, occurring] = model.predict_proba(x_eval)
    stopped = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return probabilities, f"did not converge in {MOST_ITERATIONS} iterations" if stopped else None


def _shares(y: Integers, w: Floats, classes: int) -> Floats:
    return np.asarray(np.bincount(y, w, classes) / w.sum())


def _comparisons(
    task: Task, true: np.ndarray, network: Floats, baseline: Floats
) -> list[_Comparison]:
    if task == "regression":
        return [_compared_errors(true, network, baseline)]
    if task == "classification":
        right = [(p.argmax(axis=1) == true).astype(np.float64) for p in (network, baseline)]
        losses = [log_losses(true, p) for p in (network, baseline)]
    else:
        right = [((p > 0.5) == true).mean(axis=1) for p in (network, baseline)]
        losses = [_label_losses(true, p) for p in (network, baseline)]
    return [
        _Comparison(
            "accuracy", float(right[0].mean()), float(right[1].mean()), right[0] - right[1]
        ),
        _Comparison(
            "log loss", float(losses[0].mean()), float(losses[1].mean()), losses[1] - losses[0]
        ),
    ]


def _compared_errors(true: Floats, network: Floats, baseline: Floats) -> _Comparison:
    """By R²: squared errors, each target's divided by its variance, averaged over the targets that vary."""
    varies = np.ptp(true, axis=0) > 0
    errors = [(predicted - true) ** 2 for predicted in (network, baseline)]
    if not varies.any():
        ours, theirs = (error.mean(axis=1) for error in errors)
        return _Comparison(
            "RMSE", float(np.sqrt(ours.mean())), float(np.sqrt(theirs.mean())), theirs - ours
        )
    variance = true[:, varies].var(axis=0)
    ours, theirs = ((error[:, varies] / variance).mean(axis=1) for error in errors)
    return _Comparison("R²", float(1 - ours.mean()), float(1 - theirs.mean()), theirs - ours)


def _label_losses(true: Integers, probabilities: Floats) -> Floats:
    """Log losses (N,), averaged over the labels."""
    p = probabilities.astype(np.float64)
    own = np.where(true > 0, p, 1 - p)
    return np.asarray(-np.log(clipped(np.stack([own, 1 - own], axis=-1))[..., 0]).mean(axis=1))


def _shown(ours: float, theirs: float) -> str:
    """Both figures, with as many digits as tell them apart."""
    digits = next((d for d in range(2, 6) if f"{ours:.{d}f}" != f"{theirs:.{d}f}"), 2)
    return f"{ours:.{digits}f} against {theirs:.{digits}f}"
