"""A metric: its name, title and range, and its formula for each task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import numpy as np

from bpnet.config.task import Task
from bpnet.data.reading.column import Floats
from bpnet.scoring.samples import ClassSample, ClassSums, LabelSample, LabelSums, QuantitySums

Sample = TypeVar("Sample")
Sums = TypeVar("Sums")


class TargetRows(NamedTuple):
    """The rows of one target of a regression: true values (N,) and predicted ones (N,)."""

    true: Floats
    predicted: Floats


@dataclass(frozen=True)
class Formula(Generic[Sample, Sums]):
    """The formula of a metric for a task: on the rows themselves, and on S resamples' sums (S,).

    `of_rows` returns None where the rows leave the metric undefined; of a regression it sees one
    target at a time. Without `of_sums`, only a metric that the sample ranks has an interval.
    """

    of_rows: Callable[[Sample], float | None]
    of_sums: Callable[[Sums], Floats] | None = None


@dataclass(frozen=True)
class EvaluationMetric:
    """A metric: `name` is its key in JSON, `title` what reports call it."""

    name: str
    title: str
    computed_from: Literal["classes", "probabilities", "values"]
    """The predictions it looks at: classes or labels, their probabilities, or quantities."""
    lowest: float = 0.0
    highest: float = 1.0
    higher_is_better: bool = True
    has_unit: bool = False
    """True if it is in the unit of the target."""
    classification: Formula[ClassSample, ClassSums] | None = None
    multilabel: Formula[LabelSample, LabelSums] | None = None
    regression: Formula[TargetRows, QuantitySums] | None = None

    def formula(self, task: Task) -> Formula[Any, Any]:
        """Return the formula for a task; raises ValueError if the metric is not for it."""
        formula: Formula[Any, Any] | None = getattr(self, task)
        if formula is None:
            raise ValueError(f"{self.name} is not a metric of {task}")
        return formula


def sklearn_metrics() -> Any:
    """Return scikit-learn's metrics, which take a second to import: only scoring waits for them."""
    from sklearn import metrics

    return metrics


def mean_or_none(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are defined, or None where none is."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
