"""Baselines: predictions of simple models, fitted to a network's training rows."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from bpnet.blas import one_thread
from bpnet.config.task import Task
from bpnet.data.reading.column import Floats
from bpnet.scoring.samples import Integers

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


@one_thread()  # of SciPy's own BLAS, too, which comes with what is imported here
def fit_baselines(
    task: Task,
    x_train: Floats,
    y_train: np.ndarray,
    weights_train: Floats | None,
    x_eval: Floats,
    classes: int | None = None,
    *,
    class_weighted: bool = False,
    by_threshold: bool = False,
) -> list[Baseline]:
    """Fit baselines to encoded inputs (M, I) with weights (M,), and predict inputs (N, I).

    Classification, y_train (M,) of class numbers below `classes`: the majority class, whose
    probabilities are the shares of the classes, and logistic regression. Multilabel, y_train (M, L)
    of 0 and 1: the shares of the labels, and a logistic regression for each label. Regression,
    y_train (M, K): the mean, and ridge regression with alpha 1. Rows of weight 0 are left out; at
    least one other is needed. With `class_weighted`, the weights hold those of the classes, and the
    majority class is called what it then is: the weighted class shares. So are the shares with
    `by_threshold`, by which a class or a label can be predicted that is not the most frequent one.
    """
    weights = (
        np.ones(len(x_train)) if weights_train is None else np.asarray(weights_train, np.float64)
    )
    used = np.flatnonzero(weights > 0)
    x, y, w = np.asarray(x_train[used], np.float64), y_train[used], weights[used]
    if task == "regression":
        return _quantity_baselines(x, y, w, x_eval)
    if task == "multilabel":
        return _label_baselines(x, y, w, x_eval, by_threshold=by_threshold)
    assert classes is not None
    name = "the class shares" if by_threshold else "the majority class"
    return _class_baselines(x, y, w, x_eval, classes, name, class_weighted=class_weighted)


def _quantity_baselines(x: Floats, y: Floats, w: Floats, x_eval: Floats) -> list[Baseline]:
    ridge = Ridge(alpha=1.0).fit(x, y, sample_weight=w)
    mean = np.average(y, axis=0, weights=w)
    return [
        Baseline("the mean", np.tile(mean, (len(x_eval), 1)), None),
        Baseline("ridge regression", ridge.predict(x_eval).reshape(len(x_eval), -1), None),
    ]


def _label_baselines(
    x: Floats, y: Integers, w: Floats, x_eval: Floats, *, by_threshold: bool
) -> list[Baseline]:
    fits = [_logistic(x, y[:, k].astype(np.intp), w, x_eval, 2) for k in range(y.shape[1])]
    shares = np.average(y, axis=0, weights=w)
    name = "the label shares" if by_threshold else "the most frequent values"
    return [
        Baseline(name, np.tile(shares, (len(x_eval), 1)), None),
        Baseline(
            "logistic regression",
            np.column_stack([probabilities[:, 1] for probabilities, _ in fits]),
            next((problem for _, problem in fits if problem), None),
        ),
    ]


def _class_baselines(
    x: Floats,
    y: Integers,
    w: Floats,
    x_eval: Floats,
    classes: int,
    name: str,
    *,
    class_weighted: bool,
) -> list[Baseline]:
    probabilities, problem = _logistic(x, y, w, x_eval, classes)
    shares = _shares(y, w, classes)
    if class_weighted:
        # balanced weights leave all classes equal: of these the most frequent one is predicted
        shares = (shares + 1e-9 * np.bincount(y, minlength=classes) / len(y)) / (1 + 1e-9)
        name = "the weighted class shares"
    return [
        Baseline(name, np.tile(shares, (len(x_eval), 1)), None),
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
        # scikit-learn takes many classes of few rows for numbers
        warnings.filterwarnings("ignore", "The number of unique classes")
        model.fit(x, y, sample_weight=w)
    probabilities = np.zeros((len(x_eval), classes))
    probabilities[:, occurring] = model.predict_proba(x_eval)
    stopped = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return probabilities, f"did not converge in {MAX_ITERATIONS} iterations" if stopped else None


def _shares(y: Integers, w: Floats, classes: int) -> Floats:
    """Return each class's share (C,) of the weights."""
    return np.asarray(np.bincount(y, w, classes) / w.sum())
