"""Metrics: one declaration each, with name, title, range and formulas, and a table for each task.

A metric is computed twice: on the rows by scikit-learn, and on the sums of the bootstrap's
resamples by an array formula. To add one, declare it here, and put it into the table of each task
it is for.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from bpnet.config.task import Task
from bpnet.data.reading.column import Floats
from bpnet.engine.metrics import HIGHER_IS_BETTER
from bpnet.scoring.bootstrap import mean_of_defined, ratio
from bpnet.scoring.metric import EvaluationMetric, Formula, mean_or_none, sklearn_metrics
from bpnet.scoring.samples import ClassSample, ClassSums, LabelSample, clipped

# Shares of right predictions


ACCURACY = EvaluationMetric(
    "accuracy",
    "accuracy",
    "classes",
    classification=Formula(
        lambda sample: sklearn_metrics().accuracy_score(sample.true, sample.predicted),
        lambda sums: sums.all_right / sums.rows,
    ),
)


BALANCED_ACCURACY = EvaluationMetric(
    "balanced_accuracy",
    "balanced accuracy",
    "classes",
    classification=Formula(
        lambda sample: sklearn_metrics().recall_score(
            sample.true, sample.predicted, labels=np.unique(sample.true), average="macro"
        ),
        lambda sums: mean_of_defined(ratio(sums.right, sums.true)),
    ),
)
"""The mean recall of the classes that occur."""


SUBSET_ACCURACY = EvaluationMetric(
    "subset_accuracy",
    "subset accuracy",
    "classes",
    multilabel=Formula(
        lambda sample: sklearn_metrics().accuracy_score(sample.true, sample.predicted),
        lambda sums: sums.every_right / sums.rows,
    ),
)
"""The share of rows with every label right."""


LABEL_ACCURACY = EvaluationMetric(
    "label_accuracy",
    "label accuracy",
    "classes",
    multilabel=Formula(
        lambda sample: (
            1 - sklearn_metrics().hamming_loss(sample.true.ravel(), sample.predicted.ravel())
        ),
        lambda sums: (
            1 - (sums.true_and_predicted - 2 * sums.right).sum(axis=1) / (sums.rows * sums.labels)
        ),
    ),
)
"""The share of single labels that are right: 1 - Hamming loss."""


# F1 and correlation


def _macro_f1_of_labels(sample: LabelSample) -> float | None:
    seen = ((sample.true > 0) | sample.predicted).any(axis=0)
    return float(sample.precision_recall_f1[seen, 2].mean()) if seen.any() else None


def _micro_f1_of_labels(sample: LabelSample) -> float | None:
    if not (sample.true.any() or sample.predicted.any()):
        return None
    f1: float = sklearn_metrics().f1_score(sample.true.ravel(), sample.predicted.ravel())
    return f1


def _weighted_f1_of_labels(sample: LabelSample) -> float | None:
    rows = sample.true.sum(axis=0)
    return float(sample.precision_recall_f1[:, 2] @ rows / rows.sum()) if rows.any() else None


F1_MACRO = EvaluationMetric(
    "f1_macro",
    "macro F1",
    "classes",
    classification=Formula(
        lambda sample: sklearn_metrics().f1_score(
            sample.true, sample.predicted, average="macro", zero_division=0
        ),
        lambda sums: mean_of_defined(sums.f1),
    ),
    multilabel=Formula(_macro_f1_of_labels, lambda sums: mean_of_defined(sums.f1)),
)
"""The mean F1 of the classes, or labels, that occur or are predicted."""


F1_MICRO = EvaluationMetric(
    "f1_micro",
    "micro F1",
    "classes",
    multilabel=Formula(
        _micro_f1_of_labels,
        lambda sums: ratio(2 * sums.right.sum(axis=1), sums.true_and_predicted.sum(axis=1)),
    ),
)
"""F1 of all single labels together."""


F1_WEIGHTED = EvaluationMetric(
    "f1_weighted",
    "weighted F1",
    "classes",
    classification=Formula(
        lambda sample: sklearn_metrics().f1_score(
            sample.true, sample.predicted, average="weighted", zero_division=0
        ),
        # F1 is nan only for a class without a true row, whose weight is 0
        lambda sums: (np.nan_to_num(sums.f1) * sums.true).sum(axis=1) / sums.rows,
    ),
    multilabel=Formula(
        _weighted_f1_of_labels,
        lambda sums: ratio((np.nan_to_num(sums.f1) * sums.true).sum(axis=1), sums.true.sum(axis=1)),
    ),
)
"""The mean F1 of the classes or labels, weighted by their rows."""


def _matthews(sample: ClassSample) -> float | None:
    if len(np.unique(sample.true)) == 1:
        return None
    correlation: float = sklearn_metrics().matthews_corrcoef(sample.true, sample.predicted)
    return correlation


def _matthews_of_sums(sums: ClassSums) -> Floats:
    # (c s - Σ t_k p_k) / √((s² - Σ t_k²)(s² - Σ p_k²)), where c of s rows are right
    spread_true, spread_predicted = (
        sums.rows**2 - (counts**2).sum(axis=1) for counts in (sums.true, sums.predicted)
    )
    # as in scikit-learn, predictions of a single class have a correlation of 0
    spread = np.where(spread_predicted > 0, np.sqrt(spread_true * spread_predicted), spread_true)
    return ratio(sums.all_right * sums.rows - (sums.true * sums.predicted).sum(axis=1), spread)


MATTHEWS = EvaluationMetric(
    "matthews",
    "Matthews correlation",
    "classes",
    lowest=-1.0,
    classification=Formula(_matthews, _matthews_of_sums),
)
"""The correlation of true and predicted classes; undefined where all rows are of one class."""


# Probabilities


LOG_LOSS = EvaluationMetric(
    "log_loss",
    "log loss",
    "probabilities",
    highest=math.inf,
    higher_is_better=False,
    classification=Formula(
        lambda sample: sklearn_metrics().log_loss(
            sample.true, clipped(sample.probabilities), labels=list(range(sample.classes))
        ),
        lambda sums: sums.log_loss / sums.rows,
    ),
    multilabel=Formula(
        lambda sample: mean_or_none(
            [
                sklearn_metrics().log_loss(sample.true[:, k], sample.both(k), labels=[0, 1])
                for k in range(sample.labels)
            ]
        ),
        lambda sums: sums.log_loss / sums.rows,
    ),
)
"""The mean of -ln p of the true class, or of each label's true value, in nats."""


BRIER = EvaluationMetric(
    "brier",
    "Brier score",
    "probabilities",
    highest=2.0,
    higher_is_better=False,
    classification=Formula(
        lambda sample: float(sample.brier.mean()), lambda sums: sums.brier / sums.rows
    ),
    multilabel=Formula(
        lambda sample: float(sample.brier.mean()), lambda sums: sums.brier / sums.rows
    ),
)
"""The mean of (p - t)² of each label, or either of two classes; of more, Σ_k (p_k - t_k)²."""


def _mean_over_columns(
    sample: ClassSample | LabelSample, metric: Callable[..., float]
) -> float | None:
    """Return a metric of ranks, averaged over the columns with positive and negative rows."""
    columns = [sample.column(k) for k in range(sample.ranked.width)]
    return mean_or_none(
        [metric(*column) for column in columns if 0 < column[0].sum() < sample.rows]
    )


ROC_AUC = EvaluationMetric(
    "roc_auc",
    "ROC AUC",
    "probabilities",
    classification=Formula(
        lambda sample: _mean_over_columns(sample, sklearn_metrics().roc_auc_score),
    ),
    multilabel=Formula(lambda sample: mean_or_none(sample.roc_auc)),
)
"""The mean over labels, or over more than two classes, each against the rest; of two, either's."""


AVERAGE_PRECISION = EvaluationMetric(
    "average_precision",
    "average precision",
    "probabilities",
    classification=Formula(
        lambda sample: _mean_over_columns(sample, sklearn_metrics().average_precision_score),
    ),
    multilabel=Formula(
        lambda sample: _mean_over_columns(sample, sklearn_metrics().average_precision_score),
    ),
)
"""That of the positive class of two; of more classes, or of labels, the mean over them."""


CALIBRATION_ERROR = EvaluationMetric(
    "calibration_error",
    "calibration error",
    "probabilities",
    higher_is_better=False,
    classification=Formula(
        lambda sample: float(
            np.abs(np.bincount(sample.bin, sample.overconfidence)).sum() / sample.rows
        ),
        lambda sums: np.abs(sums.bins).sum(axis=1) / sums.rows,
    ),
)
"""Σ_bins |Σ_rows (p - right)| / N over 15 equal bins of the largest probability p.

(Guo et al., On Calibration of Modern Neural Networks, 2017.) By chance it is never 0,
and larger in resamples, so its interval is too high.
"""


# Errors of quantities, each in the unit of its target


RMSE = EvaluationMetric(
    "rmse",
    "RMSE",
    "values",
    highest=math.inf,
    higher_is_better=False,
    has_unit=True,
    regression=Formula(
        lambda rows: float(sklearn_metrics().root_mean_squared_error(*rows)),
        lambda sums: np.sqrt(sums.squares / sums.rows).mean(axis=1),
    ),
)


MAE = EvaluationMetric(
    "mae",
    "MAE",
    "values",
    highest=math.inf,
    higher_is_better=False,
    has_unit=True,
    regression=Formula(
        lambda rows: float(sklearn_metrics().mean_absolute_error(*rows)),
        lambda sums: (sums.errors / sums.rows).mean(axis=1),
    ),
)


R2 = EvaluationMetric(
    "r2",
    "R²",
    "values",
    lowest=-math.inf,
    regression=Formula(
        lambda rows: float(sklearn_metrics().r2_score(*rows)) if np.ptp(rows.true) > 0 else None,
        lambda sums: mean_of_defined(1 - ratio(sums.squares, sums.around_mean)),
    ),
)
"""Undefined for a target that does not vary."""


MEDIAN_ABSOLUTE_ERROR = EvaluationMetric(
    "median_absolute_error",
    "median absolute error",
    "values",
    highest=math.inf,
    higher_is_better=False,
    has_unit=True,
    regression=Formula(lambda rows: float(sklearn_metrics().median_absolute_error(*rows))),
)


MAPE = EvaluationMetric(
    "mape",
    "MAPE",
    "values",
    highest=math.inf,
    higher_is_better=False,
    regression=Formula(
        lambda rows: (
            float(sklearn_metrics().mean_absolute_percentage_error(*rows))
            if rows.true.all()
            else None
        ),
        lambda sums: mean_of_defined(sums.relative / sums.rows),
    ),
)
"""The mean of |error| / |true| as a share; undefined for a target with a true value of 0."""


EVALUATION_METRICS: Mapping[Task, tuple[EvaluationMetric, ...]] = {
    "classification": (
        ACCURACY,
        BALANCED_ACCURACY,
        LOG_LOSS,
        BRIER,
        ROC_AUC,
        AVERAGE_PRECISION,
        F1_MACRO,
        F1_WEIGHTED,
        MATTHEWS,
        CALIBRATION_ERROR,
    ),
    "multilabel": (
        SUBSET_ACCURACY,
        LABEL_ACCURACY,
        F1_MACRO,
        F1_MICRO,
        F1_WEIGHTED,
        ROC_AUC,
        AVERAGE_PRECISION,
        LOG_LOSS,
        BRIER,
    ),
    "regression": (RMSE, MAE, R2, MEDIAN_ABSOLUTE_ERROR, MAPE),
}
"""The metrics of each task, in the order of JSON and of reports."""


WEIGHTED = "weighted_"
"""What the name of a metric begins with in which rows count by their weights in training."""

_BY_NAME = {metric.name: metric for metrics in EVALUATION_METRICS.values() for metric in metrics}


def metric_title(name: str, positive: str | None = None) -> str:
    """Return what reports call a metric, or another number with a name, such as the loss.

    A metric that depends on the `positive` class names it.
    """
    if name.startswith(WEIGHTED):
        return f"weighted {metric_title(name.removeprefix(WEIGHTED), positive)}"
    title = _BY_NAME[name].title if name in _BY_NAME else name.replace("_", " ")
    depends = positive is not None and name == AVERAGE_PRECISION.name
    return f"{title} of '{positive}'" if depends else title


def higher_is_better(name: str) -> bool:
    """Return whether a higher value of a metric is better; of others, as the loss, a lower is."""
    if name in _BY_NAME:
        return _BY_NAME[name].higher_is_better
    return name in HIGHER_IS_BETTER


def metric_range(name: str) -> tuple[float, float]:
    """Return a metric's lowest and highest possible value; losses have no upper limit."""
    name = name.removeprefix(WEIGHTED)
    if name not in _BY_NAME:
        return 0.0, math.inf
    return _BY_NAME[name].lowest, _BY_NAME[name].highest
