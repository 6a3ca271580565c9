"""Metrics: how good predictions are, for each replica, summed up batch by batch.

A metric is immutable settings. `over` gives it the targets that it is measured over, `bind` the
buffers of one batch. To add a metric, write its class and name it in `TRAINING_METRICS`.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from bpnet.engine.metrics.accuracy import Accuracy, Closeness, LabelAccuracy
from bpnet.engine.metrics.base import BoundMetric, Metric
from bpnet.engine.metrics.errors import (
    MeanAbsoluteError,
    MeanSquaredError,
    RegressionError,
    SumSquaredError,
)

TRAINING_METRICS: tuple[type[Metric], ...] = (
    Accuracy,
    Closeness,
    LabelAccuracy,
    RegressionError,
    MeanSquaredError,
    SumSquaredError,
    MeanAbsoluteError,
)
"""Every metric. A task's are measured, and logged, in this order."""

HIGHER_IS_BETTER = frozenset(
    name for metric in TRAINING_METRICS for name in metric.higher_is_better
)
"""The names of metrics of which a higher value is better."""

if TYPE_CHECKING:
    MetricName = str
else:  # type checkers cannot read a Literal that is computed
    MetricName = Literal[
        tuple(name for metric in TRAINING_METRICS if metric.on_request for name in metric.names)
    ]
    """The metrics that are measured only when asked for."""


def task_metrics(task: str, requested: Collection[str] = ()) -> tuple[type[Metric], ...]:
    """Return the metrics of a task, and of those measured on request the ones that are named."""
    return tuple(
        metric
        for metric in TRAINING_METRICS
        if metric.task in (task, None)
        and (not metric.on_request or set(metric.names) & set(requested))
    )


def metric_names(task: str, requested: Collection[str] = ()) -> list[str]:
    """Return the names of the metrics that `task_metrics` returns."""
    return [name for metric in task_metrics(task, requested) for name in metric.names]


__all__ = [
    "HIGHER_IS_BETTER",
    "TRAINING_METRICS",
    "Accuracy",
    "BoundMetric",
    "Closeness",
    "LabelAccuracy",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "MetricName",
    "RegressionError",
    "SumSquaredError",
    "metric_names",
    "task_metrics",
]
