"""Scores: what predictions are worth on given rows, by scikit-learn, each overall figure with its interval."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn import metrics

from bpnet.scoring.bootstrap import (
    RESAMPLES,
    Figure,
    Floats,
    bootstrap,
)
from bpnet.scoring.samples import ClassSample, Integers, LabelSample, QuantitySample, clipped


@dataclass(frozen=True)
class ClassScores:
    """How well one class is told apart; `rows` of the table are of this class."""

    label: str
    precision: float
    recall: float
    f1: float
    rows: int


@dataclass(frozen=True)
class LabelScores(ClassScores):
    """How well one label of several is predicted, which `rows` have; roc_auc is None where all rows are alike."""

    roc_auc: float | None


@dataclass(frozen=True)
class TargetScores:
    """The errors of one target: see `score_quantities`."""

    target: str
    rmse: float
    mae: float
    r2: float | None
    median_absolute_error: float
    mape: float | None


@dataclass(frozen=True)
class Scores:
    """Figures of so many rows; their intervals are from so many resamples, approximate where `note` says so."""

    rows: int
    figures: list[Figure]
    resamples: int
    note: str | None

    def value(self, name: str) -> float | None:
        """The figure of that name; None where it is undefined for these rows."""
        return {figure.name: figure.value for figure in self.figures}[name]


@dataclass(frozen=True)
class Classification(Scores):
    """confusion[i][j] = rows of class i that were predicted as class j."""

    classes: list[str]
    confusion: list[list[int]]
    per_class: list[ClassScores]


@dataclass(frozen=True)
class Multilabel(Scores):
    """Figures of several labels, each of which a row has or has not."""

    per_label: list[LabelScores]


@dataclass(frozen=True)
class Regression(Scores):
    """The means of the targets' figures."""

    per_target: list[TargetScores]


def score_classes(
    true: Integers,
    probabilities: Floats,
    classes: Sequence[str],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Classification:
    """Score finite probabilities (N, C) against class numbers (N,); the prediction is the most probable class.

    accuracy; balanced_accuracy, the mean recall of the classes that occur; log_loss in nats; brier, for two classes
    the mean of (p - t)² of the second class, for more of Σ_k (p_k - t_k)², which reaches 2; roc_auc and
    average_precision, for two classes of the second, for more the mean over classes, each against the rest, that
    occur but are not all rows; f1_macro over the classes that occur or are predicted; f1_weighted by their rows;
    matthews, the correlation of true and predicted classes, None where all rows are of one class; calibration_error:
    Σ_bins |Σ_rows (p - right)| / N over 15 equal bins of the largest probability p (Guo et al., On Calibration of
    Modern Neural Networks, 2017). Chance alone makes that last figure larger, in resamples the more so: its interval
    lies high.
    """
    sample = ClassSample(true, np.clip(probabilities.astype(np.float64), 0, 1))
    predicted, numbers = sample.predicted, list(range(len(classes)))
    occurring = np.unique(true)
    precision, recall, f1, rows = metrics.precision_recall_fscore_support(
        true, predicted, labels=numbers, zero_division=0
    )
    values: dict[str, float | None] = {
        "accuracy": metrics.accuracy_score(true, predicted),
        "balanced_accuracy": metrics.recall_score(
            true, predicted, labels=occurring, average="macro"
        ),
        "log_loss": metrics.log_loss(true, clipped(probabilities), labels=numbers),
        "brier": float(sample.brier.mean()),
        **_rank_values(sample, range(sample.ranked.width)),
        "f1_macro": metrics.f1_score(true, predicted, average="macro", zero_division=0),
        "f1_weighted": metrics.f1_score(true, predicted, average="weighted", zero_division=0),
        "matthews": metrics.matthews_corrcoef(true, predicted) if len(occurring) > 1 else None,
        "calibration_error": float(
            np.abs(np.bincount(sample.bin, sample.overconfidence)).sum() / len(true)
        ),
    }
    scored = bootstrap(sample, values, generator, resamples)
    return Classification(
        rows=len(true),
        figures=scored.figures,
        resamples=scored.resamples,
        note=scored.note,
        classes=list(classes),
        confusion=metrics.confusion_matrix(true, predicted, labels=numbers).tolist(),
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
) -> Multilabel:
    """Score finite probabilities (N, L) against labels (N, L) of 0 and 1; a label is predicted where p > 0.5.

    subset_accuracy, the share of rows with every label right; label_accuracy = 1 - Hamming loss; f1_macro and
    f1_weighted over the labels that occur or are predicted, and f1_micro; roc_auc and average_precision averaged over
    the labels that some rows have and some have not; log_loss and brier averaged over the labels.
    """
    sample = LabelSample(true, np.clip(probabilities.astype(np.float64), 0, 1))
    predicted = sample.predicted
    ranks = [_rank_values(sample, [k]) for k in range(len(labels))]
    each = []
    for k, label in enumerate(labels):
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            true[:, k], predicted[:, k], average="binary", zero_division=0
        )
        each.append(
            LabelScores(
                label,
                float(precision),
                float(recall),
                float(f1),
                int(true[:, k].sum()),
                ranks[k]["roc_auc"],
            )
        )
    f1s, rows = np.array([label.f1 for label in each]), np.array([label.rows for label in each])
    seen = ((true > 0) | predicted).any(axis=0)
    values: dict[str, float | None] = {
        "subset_accuracy": metrics.accuracy_score(true, predicted),
        "label_accuracy": 1 - metrics.hamming_loss(true.ravel(), predicted.ravel()),
        "f1_macro": float(f1s[seen].mean()) if seen.any() else None,
        "f1_micro": metrics.f1_score(true.ravel(), predicted.ravel()) if seen.any() else None,
        "f1_weighted": float(f1s @ rows / rows.sum()) if rows.any() else None,
        "roc_auc": _mean([rank["roc_auc"] for rank in ranks]),
        "average_precision": _mean([rank["average_precision"] for rank in ranks]),
        "log_loss": _mean(
            [
                metrics.log_loss(true[:, k], sample.both(k), labels=[0, 1])
                for k in range(len(labels))
            ]
        ),
        "brier": float(sample.brier.mean()),
    }
    scored = bootstrap(sample, values, generator, resamples)
    return Multilabel(len(true), scored.figures, scored.resamples, scored.note, each)


def score_quantities(
    true: Floats,
    predicted: Floats,
    targets: Sequence[str],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Regression:
    """Score finite values (N, K) against true ones (N, K), in the unit of each target.

    rmse; mae; r2, None for a target that does not vary; median_absolute_error; mape, the mean of |error| / |true| as
    a share, None for a target with a true value of 0. Overall: the mean over the targets for which a figure is defined.
    """
    sample = QuantitySample(true, predicted)
    each = []
    for k, target in enumerate(targets):
        pair = true[:, k], predicted[:, k]
        each.append(
            TargetScores(
                target,
                rmse=float(metrics.root_mean_squared_error(*pair)),
                mae=float(metrics.mean_absolute_error(*pair)),
                r2=float(metrics.r2_score(*pair)) if np.ptp(pair[0]) > 0 else None,
                median_absolute_error=float(metrics.median_absolute_error(*pair)),
                mape=float(metrics.mean_absolute_percentage_error(*pair))
                if pair[0].all()
                else None,
            )
        )
    names = ("rmse", "mae", "r2", "median_absolute_error", "mape")
    values = {name: _mean([getattr(target, name) for target in each]) for name in names}
    scored = bootstrap(sample, values, generator, resamples)
    return Regression(len(true), scored.figures, scored.resamples, scored.note, each)


def _rank_values(
    sample: "ClassSample | LabelSample", columns: Iterable[int]
) -> dict[str, float | None]:
    """ROC AUC and average precision, averaged over the columns with both positive rows and others."""
    pairs = [sample.column(k) for k in columns]
    pairs = [(positive, scores) for positive, scores in pairs if 0 < positive.sum() < len(positive)]
    return {
        "roc_auc": _mean([metrics.roc_auc_score(*pair) for pair in pairs]),
        "average_precision": _mean([metrics.average_precision_score(*pair) for pair in pairs]),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
