"""The comparison of networks with baselines over the folds of a cross-validation.

Each comparison is paired, fold by fold: the networks are clearly better where the 95 % interval of
the mean gain is above 0. The folds' training rows overlap, which `estimate_values` minds.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.scoring.baselines import Baseline
from bpnet.scoring.comparison import Comparison, Gain, Outcome, Truth, gains
from bpnet.scoring.estimates import Estimate, FoldResult, estimate_values


class ComparedFold(NamedTuple):
    """A fold: its result, its test rows, and the predictions of its network and of baselines."""

    result: FoldResult
    truth: Truth
    network: Floats
    baselines: Sequence[Baseline]


def compare_folds(folds: Sequence[ComparedFold]) -> list[Comparison]:
    """Compare the networks with each baseline that all folds have, by the metrics of `compare`.

    The values are means over the folds in which a metric is defined.
    """
    compared = []
    names = [[baseline.name for baseline in fold.baselines] for fold in folds]
    for name in (name for name in names[0] if all(name in each for each in names)):
        by_metric: dict[str, list[tuple[FoldResult, Gain]]] = {}
        for fold in folds:
            baseline = next(each for each in fold.baselines if each.name == name)
            for gain in gains(fold.truth, fold.network, baseline.predicted):
                by_metric.setdefault(gain.metric, []).append((fold.result, gain))
        for metric, each in by_metric.items():
            found = [gain for _, gain in each]
            differences = [float(gain.rows.mean()) for gain in found]
            compared.append(
                Comparison(
                    baseline=name,
                    metric=metric,
                    weighted=found[0].weighted,
                    network_value=float(np.mean([gain.network for gain in found])),
                    baseline_value=float(np.mean([gain.baseline for gain in found])),
                    outcome=_outcome(estimate_values(differences, [one for one, _ in each])),
                )
            )
    return compared


def _outcome(gain: Estimate) -> Outcome:
    """Return what an estimate of the mean gain says; of a single fold nothing is clear."""
    assert gain.mean is not None
    if gain.mean == 0:
        return "equal"
    if gain.mean < 0:
        return "worse" if gain.high is not None and gain.high < 0 else "worse within the noise"
    return "better" if gain.low is not None and gain.low > 0 else "better within the noise"
