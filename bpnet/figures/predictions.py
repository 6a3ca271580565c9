"""Predictions beside true values: the data of the figures that are about rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from bpnet.data.decisions import (
    Thresholds,
    predicted_classes,
    predicted_labels,
    thresholds_text,
)
from bpnet.data.reading.column import Floats
from bpnet.engine.component import Array
from bpnet.figures.vega import short_names
from bpnet.messages import counted


@dataclass(frozen=True)
class Predicted:
    """Rows that were predicted: their numbers in the table (N,), counted from 1, and what they are.

    `part` names them, such as "test rows"; `notes` says what to know of them.
    """

    rows: Array
    part: str
    notes: Sequence[str]

    @property
    def notes_of_decisions(self) -> Sequence[str]:
        """What to know of the rows, and of how predictions are decided by probabilities."""
        return self.notes

    @property
    def counted(self) -> str:
        """The number of rows, as text."""
        return f"{len(self.rows):,} {self.part}"


@dataclass(frozen=True)
class PredictedClasses(Predicted):
    """Class numbers (N,) beside probabilities (N, C); of two classes one is `positive`."""

    name: str
    classes: Sequence[str]
    positive: int
    true: Array
    probabilities: Floats
    thresholds: Thresholds = None

    @property
    def chosen(self) -> Array:
        """The predicted class (N,)."""
        return predicted_classes(self.probabilities, self.positive, self.thresholds)

    @property
    def notes_of_decisions(self) -> list[str]:
        """What to know of the rows, and of how their classes are decided."""
        return [*self.notes, *decision_notes([self.classes[self.positive]], self.thresholds)]


@dataclass(frozen=True)
class PredictedLabels(Predicted):
    """Labels (N, L) of 0 and 1 beside their probabilities (N, L)."""

    names: Sequence[str]
    true: Array
    probabilities: Floats
    thresholds: Thresholds = None

    @property
    def chosen(self) -> Array:
        """The mask (N, L) of the labels that are predicted."""
        return predicted_labels(self.probabilities, self.thresholds)

    @property
    def notes_of_decisions(self) -> list[str]:
        """What to know of the rows, and of how their labels are decided."""
        return [*self.notes, *decision_notes(self.names, self.thresholds)]


@dataclass(frozen=True)
class PredictedQuantities(Predicted):
    """Quantities (N, K) beside their predictions (N, K)."""

    names: Sequence[str]
    true: Floats
    predicted: Floats


AnyPredicted = PredictedClasses | PredictedLabels | PredictedQuantities
Probable = PredictedClasses | PredictedLabels

MOST_PROBLEMS = 10


def decision_notes(names: Sequence[str], thresholds: Thresholds) -> list[str]:
    """Return a note on the thresholds of the positive class, or of labels, unless they are ½."""
    if thresholds is None:
        return []
    named = dict(zip(short_names(names), thresholds, strict=True))
    return [f"predictions are by the threshold {thresholds_text(named)}, as the model keeps it"]


@dataclass(frozen=True)
class YesOrNo:
    """A question with two answers: which rows (N,) are so, and how probable that was (N,)."""

    name: str
    true: Array
    probability: Floats


def questions(predicted: Probable) -> tuple[list[YesOrNo], list[str]]:
    """Return the questions of a classification, and notes on those that are left out.

    They are the positive class of two, each class of more against the rest, or each label. One
    whose rows all have the same answer has no curve; of many, the most frequent are drawn.
    """
    every = _questions(predicted)
    both = [one for one in every if 0 < one.true.sum() < len(one.true)]
    notes = []
    if len(both) < len(every):
        names = ", ".join(one.name for one in every if one not in both)
        notes.append(f"without rows of both answers: {names}")
    if len(both) > MOST_PROBLEMS:
        notes.append(f"the {MOST_PROBLEMS} most frequent of {counted(len(both), 'class')}")
        both = sorted(both, key=lambda one: -one.true.sum())[:MOST_PROBLEMS]
    return both, notes


def _questions(predicted: Probable) -> list[YesOrNo]:
    if isinstance(predicted, PredictedLabels):
        return [
            YesOrNo(name, predicted.true[:, k] > 0, predicted.probabilities[:, k])
            for k, name in enumerate(predicted.names)
        ]
    two = len(predicted.classes) == 2
    numbers = [predicted.positive] if two else range(len(predicted.classes))
    return [
        YesOrNo(predicted.classes[k], predicted.true == k, predicted.probabilities[:, k])
        for k in numbers
    ]
