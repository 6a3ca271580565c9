"""Scores: every metric of a task's predictions on given rows, each with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn import metrics

from bpnet.data.decisions import Thresholds
from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.data.targets import AnyTarget, Classes, Labels
from bpnet.scoring.bootstrap import RESAMPLES, Score, bootstrap
from bpnet.scoring.metric import TargetRows, mean_or_none
from bpnet.scoring.metrics import EVALUATION_METRICS
from bpnet.scoring.samples import ClassSample, Integers, LabelSample, QuantitySample
from bpnet.scoring.task_metrics import TaskMetrics
from bpnet.scoring.units import in_unit, score_in_unit, squarable_unit


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class; `rows` counts the rows that are of this class."""

    label: str
    precision: float
    recall: float
    f1: float
    rows: int


@dataclass(frozen=True)
class LabelScores(ClassScores):
    """Scores of one label; `roc_auc` is None if all rows have it, or none has."""

    roc_auc: float | None


@dataclass(frozen=True)
class Scores:
    """The metrics of a number of rows, with intervals from `resamples` resamples.

    `note` names the intervals that are approximate.
    """

    rows: int
    figures: list[Score]
    """The metrics, under the name that `--json` has for them."""
    resamples: int
    note: str | None

    def value(self, name: str) -> float | None:
        """Return the metric of that name; None where it is undefined for these rows."""
        return {score.name: score.value for score in self.figures}[name]


@dataclass(frozen=True)
class Classification(Scores):
    """Scores of classes; confusion[i][j] counts the rows of class i predicted as class j.

    `positive` is the class, of two, whose average precision it is; None of more.
    """

    classes: list[str]
    positive: str | None
    confusion: list[list[int]]
    per_class: list[ClassScores]


@dataclass(frozen=True)
class Multilabel(Scores):
    """Scores of several labels, each of which a row has or lacks."""

    per_label: list[LabelScores]


@dataclass(frozen=True)
class Regression(Scores):
    """Scores of quantities: the means of the targets' metrics."""

    per_target: list[Mapping[str, Any]]
    """For each target its name, as `target`, and its metrics by name."""


AnyScores = Classification | Multilabel | Regression


def score_classes(
    true: Integers,
    probabilities: Floats,
    classes: Sequence[str],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    positive: int = 1,
    thresholds: Thresholds = None,
    groups: Indices | None = None,
) -> Classification:
    """Score finite probabilities (N, C) against class numbers (N,), of which one is `positive`.

    The prediction is the most probable class, or by the threshold of the positive one. The metrics
    are EVALUATION_METRICS["classification"].
    """
    sample = ClassSample(true, _within_0_and_1(probabilities), positive, thresholds)
    numbers = list(range(len(classes)))
    precision, recall, f1, rows = metrics.precision_recall_fscore_support(
        true, sample.predicted, labels=numbers, zero_division=0
    )
    values = {
        metric.name: metric.formula("classification").of_rows(sample)
        for metric in EVALUATION_METRICS["classification"]
    }
    scored = bootstrap(TaskMetrics(sample), values, generator, resamples, groups)
    return Classification(
        rows=len(true),
        figures=scored.scores,
        resamples=scored.resamples,
        note=scored.note,
        classes=list(classes),
        positive=classes[positive] if len(classes) == 2 else None,
        confusion=metrics.confusion_matrix(true, sample.predicted, labels=numbers).tolist(),
        per_class=[
            ClassScores(label, float(p), float(r), float(f), int(n))
            for label, p, r, f, n in zip(classes, precision, recall, f1, rows, strict=True)
        ],
    )


def score_labels(
    true: Integers,
    probabilities: Floats,
    labels: Sequence[str],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    thresholds: Thresholds = None,
    groups: Indices | None = None,
) -> Multilabel:
    """Score finite probabilities (N, L) against labels (N, L) of 0 and 1.

    A label is predicted where p > ½, or above its threshold. The metrics are
    EVALUATION_METRICS["multilabel"].
    """
    sample = LabelSample(true, _within_0_and_1(probabilities), thresholds)
    values = {
        metric.name: metric.formula("multilabel").of_rows(sample)
        for metric in EVALUATION_METRICS["multilabel"]
    }
    scored = bootstrap(TaskMetrics(sample), values, generator, resamples, groups)
    return Multilabel(
        rows=len(true),
        figures=scored.scores,
        resamples=scored.resamples,
        note=scored.note,
        per_label=[_label_scores(sample, k, label) for k, label in enumerate(labels)],
    )


def _within_0_and_1(probabilities: Floats) -> Floats:
    return np.clip(probabilities.astype(np.float64), 0, 1)


def _label_scores(sample: LabelSample, k: int, label: str) -> LabelScores:
    precision, recall, f1 = sample.precision_recall_f1[k].tolist()
    rows = int(sample.true[:, k].sum())
    return LabelScores(label, precision, recall, f1, rows, sample.roc_auc[k])


def score_quantities(
    true: Floats,
    predicted: Floats,
    targets: Sequence[str],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    groups: Indices | None = None,
) -> Regression:
    """Score finite values (N, K) against true ones (N, K), in the unit of each target.

    The metrics are EVALUATION_METRICS["regression"]: those of each target, and of all of them
    the mean over the targets for which a metric is defined.
    """
    unit = squarable_unit(true)
    if unit != 1:
        scores = score_quantities(
            true / unit, predicted / unit, targets, generator, resamples, groups
        )
        return _in_unit(scores, unit)
    per_target = [
        {
            metric.name: metric.formula("regression").of_rows(
                TargetRows(true[:, k], predicted[:, k])
            )
            for metric in EVALUATION_METRICS["regression"]
        }
        for k in range(len(targets))
    ]
    values = {
        metric.name: mean_or_none([target[metric.name] for target in per_target])
        for metric in EVALUATION_METRICS["regression"]
    }
    sample = QuantitySample(true, predicted)
    scored = bootstrap(TaskMetrics(sample), values, generator, resamples, groups)
    return Regression(
        rows=len(true),
        figures=scored.scores,
        resamples=scored.resamples,
        note=scored.note,
        per_target=[
            {"target": name, **values} for name, values in zip(targets, per_target, strict=True)
        ],
    )


def _in_unit(scores: Regression, unit: float) -> Regression:
    """Return scores that are measured in a unit."""
    named = {metric.name for metric in EVALUATION_METRICS["regression"] if metric.has_unit}
    return replace(
        scores,
        figures=[score_in_unit(s, unit) if s.name in named else s for s in scores.figures],
        per_target=[
            {
                name: in_unit(value, unit) if name in named else value
                for name, value in target.items()
            }
            for target in scores.per_target
        ],
    )


def score_predictions(
    target: AnyTarget,
    true: np.ndarray,
    predicted: Floats,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    thresholds: Thresholds = None,
    groups: Indices | None = None,
) -> AnyScores:
    """Score predictions (N, K) of a target of any task.

    The true values are class numbers (N,), labels (N, K) or quantities (N, K). Thresholds are for
    two classes, or for labels. `groups` (N,) are those that resamples draw whole.
    """
    if isinstance(target, Classes):
        return score_classes(
            true,
            predicted,
            target.classes,
            generator,
            resamples,
            target.positive_number,
            thresholds,
            groups,
        )
    if isinstance(target, Labels):
        return score_labels(true, predicted, target.names, generator, resamples, thresholds, groups)
    return score_quantities(true, predicted, target.names, generator, resamples, groups)
