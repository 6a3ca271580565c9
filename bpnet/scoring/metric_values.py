"""Metric values without intervals: by the array formulas alone, which need no scikit-learn."""

from collections.abc import Collection

import numpy as np

from bpnet.data.decisions import Thresholds
from bpnet.data.reading.column import Floats
from bpnet.data.targets import AnyTarget, Classes, Quantities
from bpnet.scoring.bootstrap import values_of_all_rows
from bpnet.scoring.metrics import EVALUATION_METRICS
from bpnet.scoring.samples import AnySample, ClassSample, LabelSample, QuantitySample
from bpnet.scoring.task_metrics import TaskMetrics
from bpnet.scoring.units import in_unit, squarable_unit


def metric_values(
    target: AnyTarget,
    true: np.ndarray,
    predicted: Floats,
    names: Collection[str],
    thresholds: Thresholds = None,
) -> dict[str, float | None]:
    """Return some metrics of predictions, by name; None where one is undefined.

    They are those of `score_predictions`, which takes a second to import scikit-learn, up to
    rounding.
    """
    unit = squarable_unit(true) if isinstance(target, Quantities) else 1.0
    statistic = TaskMetrics(sample_of(target, true, predicted, unit, thresholds))
    metrics = [metric for metric in EVALUATION_METRICS[statistic.task] if metric.name in names]
    ranked = any(metric.formula(statistic.task).of_sums is None for metric in metrics)
    found = values_of_all_rows(statistic, with_ranks=ranked)
    values: dict[str, float | None] = {}
    for metric in metrics:
        value = found.get(metric.name)
        values[metric.name] = (
            in_unit(value, unit) if metric.has_unit and isinstance(target, Quantities) else value
        )
    return values


def sample_of(
    target: AnyTarget,
    true: np.ndarray,
    predicted: Floats,
    unit: float = 1.0,
    thresholds: Thresholds = None,
) -> AnySample:
    """Return predictions beside true values as a sample; quantities are divided by the unit."""
    if isinstance(target, Quantities):
        return QuantitySample(true / unit, predicted / unit)
    shares = np.clip(predicted.astype(np.float64), 0, 1)
    if isinstance(target, Classes):
        return ClassSample(true, shares, target.positive_number, thresholds)
    return LabelSample(true, shares, thresholds)
