"""The tables of quality.py: their cells as text, the rows of each split, and CSV files of a part.

The folder holds `tables.json` with an entry for each table, `tables/NAME.csv` with the column
`target`, and `folds/NAME.npz`: either `fold`, the test fold of each row, or the row numbers `train`
and `test`. Its folder `wild` holds other tables, `data/NAME.csv.gz`, whose first column `__part`
names the part of each row, and whose `tables.json` says how the rows are split.
"""

import csv
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

TARGET = "target"
PART = "__part"


@dataclass(frozen=True)
class Table:
    """A table as text, and the training and test rows of each of its splits."""

    name: str
    task: str
    """`classification` or `regression`."""
    header: list[str]
    cells: np.ndarray
    """(N, C) text; an empty cell is a missing value."""
    target: str
    splits: list[tuple[np.ndarray, np.ndarray]]
    """Numbers of the training rows and of the test rows."""
    roles: dict[str, str] = field(default_factory=dict)
    """The role of each column that is given one."""
    held_out_by: dict[str, str] = field(default_factory=dict)
    """Keys of `dataset.split` that hold out validation rows as the test rows are."""

    @property
    def classes(self) -> bool:
        """True for a classification."""
        return self.task == "classification"

    def targets(self, rows: np.ndarray) -> np.ndarray:
        """Return the target of some rows: labels as text, or numbers."""
        values = self.cells[rows, self.header.index(self.target)]
        return values if self.classes else values.astype(np.float64)

    def write(self, path: Path, rows: np.ndarray, *, with_target: bool) -> None:
        """Write some rows as CSV."""
        columns = [k for k, name in enumerate(self.header) if with_target or name != self.target]
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([self.header[k] for k in columns])
            writer.writerows(self.cells[np.ix_(rows, columns)].tolist())

    def dataset(self, path: Path) -> dict[str, Any]:
        """Return the section `dataset` of a config that trains on the file."""
        content: dict[str, Any] = {"path": str(path), "target": self.target}
        if self.roles:
            content["roles"] = self.roles
        return content | {"split": {"test": 0, **self.held_out_by}}


def panel_tables(folder: Path, names: Sequence[str] = ()) -> list[Table]:
    """Read the tables that have folds; with `names` only these."""
    found = []
    for entry in _entries(folder, names):
        folds = folder / "folds" / f"{entry['name']}.npz"
        if not folds.is_file():
            continue
        with open(folder / "tables" / f"{entry['name']}.csv", encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        found.append(
            Table(
                name=entry["name"],
                task="regression" if entry["task"] == "regression" else "classification",
                header=header,
                cells=np.array(rows, object),
                target=TARGET,
                splits=_folds(folds),
                roles=dict.fromkeys(entry["categorical_columns"], "categorical"),
            )
        )
    return found


def wild_tables(folder: Path, names: Sequence[str] = ()) -> list[Table]:
    """Read the tables of the folder `wild`, which are split by time, by group or at random."""
    found = []
    for entry in _entries(folder / "wild", names):
        path = folder / "wild" / "data" / f"{entry['name']}.csv.gz"
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        cells = np.array(rows, object)
        parts = cells[:, header.index(PART)]
        kept = [k for k, name in enumerate(header) if name != PART]
        found.append(
            Table(
                name=entry["name"],
                task=entry["task"],
                header=[header[k] for k in kept],
                cells=cells[:, kept],
                target=entry["target"],
                splits=[(np.flatnonzero(parts == "train"), np.flatnonzero(parts == "test"))],
                held_out_by={entry["split"]: entry["by"]} if entry["by"] else {},
            )
        )
    return found


def _entries(folder: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the entries of tables.json; raise SystemExit for a name that it lacks."""
    entries = {entry["name"]: entry for entry in json.loads((folder / "tables.json").read_text())}
    unknown = [name for name in names if name not in entries]
    if unknown:
        raise SystemExit(f"there is no table {unknown[0]}; there are: {', '.join(entries)}")
    return [entries[name] for name in names or entries]


def _folds(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    with np.load(path) as content:
        if "fold" not in content:
            return [(content["train"], content["test"])]
        fold = content["fold"]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(fold.max() + 1)]
