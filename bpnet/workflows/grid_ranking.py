"""The ranking of a grid: how each point ended, the order of the points, and grid.csv."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.engine.metrics import HIGHER_IS_BETTER
from bpnet.runs import files


@dataclass(frozen=True)
class PointResult:
    """The result of one point: the end of its networks, and their mean metrics.

    `networks` are their numbers in replicas.csv, and `survivors` those that did not diverge, whose
    metrics these are. `stop_reason` and `best_epoch` are the first survivor's. `score` is the
    metric that points are ranked by, None if every network diverged. Of an ensemble on folds the
    networks are those of its model, and the epoch is the first member's.
    """

    values: Mapping[str, str]
    run: Path
    networks: list[int]
    survivors: list[int]
    stop_reason: str
    best_epoch: int
    score: float | None
    figures: Mapping[str, Mapping[str, float]]
    deviation: Mapping[str, Mapping[str, float]] | None
    findings: list[dict[str, Any]] = field(default_factory=list)
    """The findings of the doctor, as in diagnosis.json."""

    @property
    def alarms(self) -> list[str]:
        """The texts of the doctor's alarms."""
        return [one["text"] for one in self.findings if one["kind"] == "alarm"]


def rank(results: Sequence[PointResult], metric: str) -> list[PointResult]:
    """Return the results ordered by the metric, the best first and those that diverged last."""
    sign = -1.0 if metric in HIGHER_IS_BETTER else 1.0

    def place(result: PointResult) -> float:
        if result.score is None or not np.isfinite(result.score):
            return np.inf
        return sign * result.score

    return sorted(results, key=place)


def write_grid(path: Path, ranked: Sequence[PointResult], metric: str) -> None:
    """Write grid.csv, a line for each point; a cell is blank if a point lacks the metric."""
    columns = list(
        dict.fromkeys(
            (part, name)
            for result in ranked
            for part, metrics in result.figures.items()
            for name in metrics
        )
    )

    def line(number: int, result: PointResult) -> list[Any]:
        return [
            number,
            *result.values.values(),
            "" if result.score is None else result.score,
            result.run.name,
            " ".join(map(str, result.networks)),
            " ".join(map(str, result.survivors)),
            result.stop_reason,
            result.best_epoch,
            *(result.figures.get(part, {}).get(name, "") for part, name in columns),
        ]

    header = [
        *("rank", *ranked[0].values, f"ranked_by_{metric}"),
        *("run", "networks", "survivors", "stop_reason", "best_epoch"),
        *(f"{part}_{name}" for part, name in columns),
    ]
    files.write_csv(path, header, (line(k, result) for k, result in enumerate(ranked, start=1)))
