"""Estimates of a cross-validation: each metric's mean over the folds, with its 95 % interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.data.splitting import Part
from bpnet.scoring.metrics import metric_range
from bpnet.scoring.units import squarable_unit


@dataclass(frozen=True)
class FoldResult:
    """The result of one fold: the end of its network, and the metrics on the fold's test rows.

    A metric is None if it is undefined.
    """

    repeat: int
    fold: int
    seed: int
    rows: dict[Part, int]
    stop_reason: str
    best_epoch: int
    figures: dict[str, float | None]


@dataclass(frozen=True)
class Estimate:
    """A metric's mean and standard deviation over `folds`, those for which it is defined.

    `low` and `high` bound the 95 % interval. One fold has neither deviation nor interval.
    """

    mean: float | None
    deviation: float | None
    low: float | None
    high: float | None
    folds: int


def estimate_metrics(results: Sequence[FoldResult]) -> dict[str, Estimate]:
    """Estimate each metric from the folds' results.

    The folds' training sets overlap, so their metrics vary together, and the usual interval is too
    narrow. With J folds of deviation s the interval is
    mean ± t(J - 1) s √(1 / J + n_test / n_train),
    as corrected by Nadeau and Bengio (Inference for the Generalization Error, 2003), cut where the
    metric's range ends.
    """
    return {
        name: estimate_values([result.figures[name] for result in results], results, name)
        for name in results[0].figures
    }


def estimate_values(
    figures: Sequence[float | None], results: Sequence[FoldResult], name: str | None = None
) -> Estimate:
    """Estimate the mean of a number of each fold, as `estimate_metrics` does.

    The interval is cut where the range of the metric `name` ends.
    """
    from scipy.special import stdtrit  # deferred: SciPy is slow to import

    pairs = zip(results, figures, strict=True)
    defined = [result for result, value in pairs if value is not None]
    values = np.array([value for value in figures if value is not None], np.float64)
    if not len(values):
        return Estimate(None, None, None, None, 0)
    mean = float(values.mean())
    if len(values) == 1:
        return Estimate(mean, None, None, None, 1)
    trained = [result.rows["train"] + result.rows["validation"] for result in defined]
    # n_test / n_train; validation rows count as training rows
    overlap = float(
        np.mean([result.rows["test"] / n for result, n in zip(defined, trained, strict=True)])
    )
    unit = squarable_unit(values)
    deviation = float((values / unit).std(ddof=1) * unit)
    t = float(stdtrit(len(values) - 1, 0.975))
    half = t * deviation * np.sqrt(1 / len(values) + overlap)
    lowest, highest = (-np.inf, np.inf) if name is None else metric_range(name)
    low, high = float(max(mean - half, lowest)), float(min(mean + half, highest))
    return Estimate(mean, deviation, low, high, len(values))


def metrics_document(
    estimates: Mapping[str, Estimate], results: Sequence[FoldResult], positive: str | None
) -> dict[str, object]:
    """Return what metrics.json holds of a cross-validation."""
    return {
        "test": {name: estimate.mean for name, estimate in estimates.items()},
        "deviation": {"test": {name: estimate.deviation for name, estimate in estimates.items()}},
        "interval": {
            "test": {name: [estimate.low, estimate.high] for name, estimate in estimates.items()}
        },
        "folds": [
            {"repeat": result.repeat, "fold": result.fold, "test": result.figures}
            for result in results
        ],
        "positive": positive,
    }
