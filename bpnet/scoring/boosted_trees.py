"""Boosted trees: scikit-learn's HistGradientBoosting as a baseline, on plain columns.

Numbers are as they are, with gaps, and categories are categories: trees need neither scaling nor
one-hot columns. The work is bounded by fewer rounds and rows, so that the time is a matter of
seconds however large the table.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from bpnet.config.task import Task
from bpnet.data.reading.column import Floats
from bpnet.messages import counted
from bpnet.scoring.baselines import Baseline
from bpnet.scoring.samples import Integers

BOOSTED_TREES = "boosted trees"
ROUNDS, LEARNING_RATE = 100, 0.1
"""The rounds of trees, and the share of each tree's prediction that is added."""

_FEWEST_ROUNDS = 10
_FASTEST_RATE = 0.3
_MOST_CATEGORIES = 255
"""The categories of a column that scikit-learn takes."""
_TREE_COLUMNS = 50_000
"""Trees times columns, above which there are fewer rounds."""
_MOST_TREE_COLUMNS = 4 * _TREE_COLUMNS
_ROW_TREE_COLUMNS = 1_000_000_000
"""Rows times trees times columns, above which rows are thinned out."""
_FEWEST_ROWS = 1000
_PREDICTED_TREES = 300_000_000
"""Rows to predict times trees, above which there are fewer rounds."""


@dataclass(frozen=True)
class TreePlan:
    """The rounds, and the most training rows, for which there is time."""

    rounds: int
    rows: int

    @property
    def learning_rate(self) -> float:
        """The learning rate: larger for fewer rounds."""
        return min(LEARNING_RATE * ROUNDS / self.rounds, _FASTEST_RATE)


def plan_trees(
    columns: int, outputs: int, predicted_rows: int, share: float = 1.0
) -> TreePlan | None:
    """Return the rounds and rows for a table; None where the fewest rounds would take too long.

    Each round has a tree for each of the outputs: one of two classes, of more one for each. Of
    several fits each has a `share` of the time.
    """
    rounds = min(
        ROUNDS,
        int(share * _TREE_COLUMNS / (columns * outputs)),
        int(share * _PREDICTED_TREES / (max(predicted_rows, 1) * outputs)),
    )
    rounds = max(rounds, _FEWEST_ROUNDS)
    work = rounds * outputs * columns
    predicted = rounds * outputs * predicted_rows
    if work > share * _MOST_TREE_COLUMNS or predicted > share * 2 * _PREDICTED_TREES:
        return None
    return TreePlan(rounds, max(int(share * _ROW_TREE_COLUMNS / work), _FEWEST_ROWS))


def outputs_of(task: Task, y: np.ndarray) -> int:
    """Return the number of trees of a round for targets y (M,) of classes, or else (M, K)."""
    if task == "classification":
        occurring = len(np.unique(y))
        return 1 if occurring == 2 else occurring
    return int(y.shape[1])


def fit_boosted_trees(
    task: Task,
    x_train: Floats,
    y_train: np.ndarray,
    weights_train: Floats | None,
    x_eval: Floats,
    categorical: npt.NDArray[np.bool_],
    classes: int | None = None,
    *,
    seed: int,
    share: float = 1.0,
) -> Baseline | None:
    """Fit boosted trees to plain inputs (M, F) with weights (M,), and predict inputs (N, F).

    Targets and predictions are shaped as those of `fit_baselines`, and rows of weight 0 are left
    out. Labels and quantities have trees of their own each. It is None where it would take too
    long, for a fit that has a `share` of the time; fewer rounds or rows than usual are noted.
    """
    weights = np.ones(len(y_train)) if weights_train is None else weights_train.astype(np.float64)
    used = np.flatnonzero(weights > 0)
    plan = plan_trees(x_train.shape[1], outputs_of(task, y_train[used]), len(x_eval), share)
    if plan is None:
        return None
    notes = [] if plan.rounds == ROUNDS else [f"{plan.rounds} rounds in place of {ROUNDS}"]
    if len(used) > plan.rows:
        notes.append(f"fitted to {plan.rows:,} of {counted(len(used), 'training row')}")
        used = used[np.linspace(0, len(used) - 1, plan.rows).astype(np.intp)]
    x, others = _without_empty_columns(x_train[used], x_eval)
    x, others = _few_categories(x, others, categorical)
    settings = {
        "max_iter": plan.rounds,
        "learning_rate": plan.learning_rate,
        "categorical_features": categorical,
        "early_stopping": False,
        "random_state": seed,
    }
    # several threads wait for each other longer than they work, where other programs run, too;
    # halves of numbers near the largest float overflow on their way to the bins
    with threadpool_limits(1, "openmp"), np.errstate(all="ignore"):
        y, w = y_train[used], weights[used]
        if task == "regression":
            predicted = np.column_stack(
                [_quantity(x, y[:, k], w, others, settings) for k in range(y.shape[1])]
            )
        elif task == "multilabel":
            labels = y.astype(np.intp)
            predicted = np.column_stack(
                [_classes(x, labels[:, k], w, others, 2, settings)[:, 1] for k in range(y.shape[1])]
            )
        else:
            assert classes is not None
            predicted = _classes(x, y, w, others, classes, settings)
    return Baseline(BOOSTED_TREES, predicted, "; ".join(notes) or None)


def _quantity(x: Floats, y: Floats, w: Floats, x_eval: Floats, settings: dict[str, Any]) -> Floats:
    model = HistGradientBoostingRegressor(**settings).fit(x, y, sample_weight=w)
    return np.asarray(model.predict(x_eval))


def _classes(
    x: Floats, y: Integers, w: Floats, x_eval: Floats, classes: int, settings: dict[str, Any]
) -> Floats:
    """Return probabilities (N, classes); 0 for a class without training rows."""
    probabilities = np.zeros((len(x_eval), classes))
    occurring = np.unique(y)
    if len(occurring) == 1:
        probabilities[:, occurring] = 1
    else:
        with warnings.catch_warnings():
            # scikit-learn takes many classes of few rows for numbers
            warnings.filterwarnings("ignore", "The number of unique classes")
            model = HistGradientBoostingClassifier(**settings).fit(x, y, sample_weight=w)
        probabilities[:, occurring] = model.predict_proba(x_eval)
    return probabilities


def _without_empty_columns(x_train: Floats, x_eval: Floats) -> tuple[Floats, Floats]:
    """Return the inputs with 0 in columns without a value in training, which trees do not take."""
    empty = np.isnan(x_train).all(axis=0)
    if not empty.any():
        return x_train, x_eval
    return np.where(empty, 0.0, x_train), np.where(empty, 0.0, x_eval)


def _few_categories(
    x_train: Floats, x_eval: Floats, categorical: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return the inputs with at most 255 categories in each column: rarer ones share the last."""
    for k in np.flatnonzero(categorical):
        codes = x_train[:, k]
        if np.nanmax(x_eval[:, k], initial=np.nanmax(codes, initial=0)) < _MOST_CATEGORIES:
            continue
        x_eval = x_eval.copy()  # which the caller keeps as it is
        known = np.concatenate([codes, x_eval[:, k]])
        counts = np.bincount(codes[~np.isnan(codes)].astype(np.intp), minlength=1)
        number = np.full(int(np.nanmax(known)) + 1, _MOST_CATEGORIES - 1.0)
        frequent = np.argsort(-counts, kind="stable")[: _MOST_CATEGORIES - 1]
        number[frequent] = np.arange(len(frequent))
        for x in (x_train, x_eval):
            present = ~np.isnan(x[:, k])
            x[present, k] = number[x[present, k].astype(np.intp)]
    return x_train, x_eval
