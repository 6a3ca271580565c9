"""metrics.json: the final metrics of a run's networks, by part of the split."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.data.splitting import Part
from bpnet.runs import files

PartMetrics = dict[Part, dict[str, float]]
"""The metrics of one network: by part of the split, then by name."""


def write_metrics(path: Path, replicas: Sequence[PartMetrics]) -> None:
    """Write the metrics of a run: of several replicas the means, the deviations and each one's."""
    content: dict[Any, Any] = dict(mean_metrics(replicas))
    if len(replicas) > 1:
        content |= {"deviation": deviations(replicas), "replicas": replicas}
    files.write_json(path, content)


def mean_metrics(replicas: Sequence[PartMetrics]) -> PartMetrics:
    """Return the mean of each metric over the replicas."""
    return _reduce(replicas, np.mean)


def deviations(replicas: Sequence[PartMetrics]) -> PartMetrics:
    """Return each metric's standard deviation over the replicas, with n - 1 in the divisor."""
    return _reduce(replicas, lambda values: np.std(values, ddof=1))


def _reduce(replicas: Sequence[PartMetrics], function: Callable[[list[float]], Any]) -> PartMetrics:
    parts: Mapping[Part, dict[str, float]] = replicas[0]
    with np.errstate(all="ignore"):  # those of a network that diverged may be infinite
        return {
            part: {
                name: float(function([replica[part][name] for replica in replicas]))
                for name in parts[part]
            }
            for part in parts
        }
