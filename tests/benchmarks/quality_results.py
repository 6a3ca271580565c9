"""The file of results of quality.py: a row for each fit, so that a stopped command can resume."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from quality_peers import Figures

COLUMNS = (
    *("table", "model", "way", "fold"),
    *("accuracy", "log_loss", "rmse", "r2", "calibration_error"),
    *("coverage_80", "coverage_90", "coverage_95"),
    *("fit_cpu", "predict_cpu", "held_out_score", "held_out_loss"),
)

Key = tuple[str, str, str, int]
"""Table, model, way (process or workflow), and number of the split."""


@dataclass(frozen=True)
class Mean:
    """The means over the folds of one model on one table."""

    folds: int
    values: dict[str, float]

    def figures(self) -> Figures:
        """Return what is compared with the peers."""
        score = self.values.get("accuracy", self.values.get("r2", np.nan))
        loss = self.values.get("log_loss", np.nan)
        return Figures(score, loss, self.values.get("fit_cpu", np.nan))


class Results:
    """The results of all fits, which are written to a file as they come."""

    def __init__(self, path: Path | None, *, resume: bool) -> None:
        self._path = path
        self._rows: dict[Key, dict[str, float]] = {}
        if path is None:
            return
        if resume and path.is_file():
            with open(path, encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    values = {name: float(row[name]) for name in COLUMNS[4:] if row[name]}
                    key = (row["table"], row["model"], row["way"], int(row["fold"]))
                    self._rows[key] = values
        else:
            path.write_text(",".join(COLUMNS) + "\n", "utf-8")

    def __contains__(self, key: Key) -> bool:
        return key in self._rows

    def add(self, key: Key, values: dict[str, float]) -> None:
        """Keep the metrics of a fit."""
        self._rows[key] = {name: values[name] for name in COLUMNS[4:] if name in values}
        if self._path is not None:
            with open(self._path, "a", encoding="utf-8", newline="") as file:
                cells = [values.get(name, "") for name in COLUMNS[4:]]
                csv.writer(file).writerow([*key, *cells])

    def mean(self, table: str, model: str, way: str) -> Mean | None:
        """Return the means over the folds; None if there is no fit."""
        fits = [*self.fits(table, model, way).values()]
        if not fits:
            return None
        return Mean(len(fits), {k: float(np.mean([row[k] for row in fits])) for k in fits[0]})

    def fits(self, table: str, model: str, way: str) -> dict[int, dict[str, float]]:
        """Return the metrics of each fit by the number of its split."""
        return {key[3]: row for key, row in self._rows.items() if key[:3] == (table, model, way)}
