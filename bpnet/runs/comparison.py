"""The comparison of two runs: all that they hold, apart from times, names and places."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bpnet.runs import files, weights
from bpnet.runs.directory import RunPaths

_OWN = {"seconds"}
"""The columns of logs that no other run has."""
_OWN_OF_GRID = {"run"}
"""Those of grid.csv, in addition."""
TOLERANCE = 1e-2
"""How far a final metric may be off on another machine, as a share of the larger of 1 and itself.

Rounding differs there, and a training may drift: with it weights and logs, but hardly the scores.
"""
_Kind = Literal["weights", "splits", "logs", "metrics", "predictions"]
_JUDGED: frozenset[_Kind] = frozenset({"splits", "metrics"})
"""What must agree on another machine, too."""
_NOT_COMPARED = {"bpnet", "weights_sha256", "format", "thresholds", "thresholds_chosen"}
"""The keys of model.json that are not part of what was trained."""


@dataclass(frozen=True)
class Difference:
    """The largest difference of two numbers, as a share of the largest of its kind, and where."""

    where: str
    absolute: float
    share: float


@dataclass
class RunComparison:
    """What was compared of two runs, and how they differ."""

    same_machine: bool
    """True if everything must be the same bit for bit."""
    compared: dict[str, str] = field(default_factory=dict)
    """What was compared, by kind, in words."""
    largest: Difference | None = None
    """Of all numbers."""
    largest_of_weights: Difference | None = None
    differences: list[str] = field(default_factory=list)
    """What must agree and does not."""
    remarks: list[str] = field(default_factory=list)
    """What differs, apart from numbers, but need not agree on another machine."""
    kind: _Kind = "weights"
    """What is being compared."""

    def numbers(self, where: str, own: np.ndarray, other: np.ndarray) -> None:
        """Compare arrays of the same shape; nan is the same as nan."""
        within = self.kind == "metrics" and not self.same_machine
        own, other = np.asarray(own, np.float64), np.asarray(other, np.float64)
        same = (own == other) | (np.isnan(own) & np.isnan(other))
        if same.all():
            return
        with np.errstate(all="ignore"):
            apart = np.where(same, 0.0, np.abs(own - other))
            apart = np.where(np.isnan(apart), np.inf, apart)
            size = np.abs(own[np.isfinite(own)]).max(initial=0.0)
            absolute = float(apart.max())
            if within:
                size = max(size, 1.0)
            share = absolute / size if size else math.inf
        if self.largest is None or share > self.largest.share:
            self.largest = Difference(where, absolute, share)
        before = self.largest_of_weights
        if self.kind == "weights" and (before is None or share > before.share):
            self.largest_of_weights = Difference(where, absolute, share)
        if self._judged and not (within and share <= TOLERANCE):
            self.differences.append(f"{where} differs by {absolute:.3g} ({share:.2g} of its size)")

    def texts(self, where: str, own: object, other: object) -> None:
        """Compare what is no number."""
        if own != other:
            told = self.differences if self._judged else self.remarks
            told.append(f"{where} differs: {_short(own)} in the run, {_short(other)}")

    @property
    def _judged(self) -> bool:
        return self.same_machine or self.kind in _JUDGED


def compare_runs(run: RunPaths, again: RunPaths, *, same_machine: bool) -> RunComparison:
    """Compare a run with its repetition.

    On the same machine all must be the same bit for bit. On another the splits must be the same,
    and the final metrics up to `TOLERANCE`; other differences are only measured. A file that one of
    the runs lacks is a difference anywhere. Raises RunError if a file cannot be read.
    """
    found = RunComparison(same_machine)
    folders = {path.parent.relative_to(one.folder) for one in (run, again) for path in _models(one)}
    for folder in sorted(folders):
        _compare_models(found, run, again, folder)
    tables: dict[_Kind, Sequence[str]] = {
        "splits": ("splits.csv",),
        "logs": ("metrics.csv", "replicas.csv", "folds.csv", "draws.csv", "grid.csv"),
        "predictions": ("predictions.csv",),
    }
    for kind, names in tables.items():
        found.kind = kind
        present = [name for name in names if _in_either(run, again, name, found)]
        for name in present:
            _compare_tables(found, name, run.folder / name, again.folder / name)
        if present:
            found.compared[kind] = ", ".join(present)
    found.kind = "metrics"
    if _in_either(run, again, "metrics.json", found):
        contents = [files.read_json(one.metrics_json) for one in (run, again)]
        for content in contents:
            content.pop("baselines", None)  # which are not trained again
        _compare_json(found, "metrics.json", *contents)
        found.compared["metrics"] = "metrics.json"
    return found


def _models(run: RunPaths) -> Iterator[Path]:
    yield from run.model.glob("model.json")
    yield from run.model.glob("member-*/model.json")


def _in_either(run: RunPaths, again: RunPaths, name: str, found: RunComparison) -> bool:
    """Return whether both runs have a file; note a difference if only one has."""
    present = [(one.folder / name).is_file() for one in (run, again)]
    if any(present) and not all(present):
        found.differences.append(
            f"{name} is only in {'the run' if present[0] else 'the repetition'}"
        )
    return all(present)


def _compare_models(found: RunComparison, run: RunPaths, again: RunPaths, folder: Path) -> None:
    name = str(folder / "model.json")
    if not _in_either(run, again, name, found):
        return
    contents = [files.read_json(one.folder / name) for one in (run, again)]
    for content in contents:
        for key in _NOT_COMPARED if isinstance(content, dict) else ():  # else it is damaged
            content.pop(key, None)
    _compare_json(found, name, *contents)
    name = str(folder / "weights.safetensors")
    if not _in_either(run, again, name, found):
        return
    arrays = [weights.read_weights(one.folder / name) for one in (run, again)]
    shapes = [{key: array.shape for key, array in each.items()} for each in arrays]
    found.texts(f"{name}: the shapes of tensors", *shapes)
    if shapes[0] == shapes[1]:
        for key, array in arrays[0].items():
            found.numbers(f"{name}: {key}", array, arrays[1][key])
        count = sum(array.size for array in arrays[0].values())
        before = int(found.compared.get("weights", "0").split()[0].replace(",", ""))
        found.compared["weights"] = f"{before + count:,} numbers"


def _compare_json(found: RunComparison, where: str, own: Any, other: Any) -> None:
    """Compare two values of JSON, part by part."""
    if isinstance(own, Mapping) and isinstance(other, Mapping):
        found.texts(f"{where}: the keys", sorted(own), sorted(other))
        kind = found.kind
        for key in (key for key in own if key in other):
            found.kind = "weights" if key == "weight" else kind  # metrics.json has the members'
            _compare_json(found, f"{where}: {key}", own[key], other[key])
        found.kind = kind
    elif isinstance(own, list) and isinstance(other, list) and len(own) == len(other):
        for k, (one, two) in enumerate(zip(own, other, strict=True)):
            _compare_json(found, f"{where}[{k}]", one, two)
    elif _is_number(own) and _is_number(other):
        found.numbers(where, np.array([own]), np.array([other]))
    else:
        found.texts(where, own, other)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _compare_tables(found: RunComparison, name: str, own: Path, other: Path) -> None:
    """Compare two CSV files column by column."""
    tables = [_columns(path) for path in (own, other)]
    found.texts(f"{name}: the columns", list(tables[0]), list(tables[1]))
    rows = [len(next(iter(table.values()), [])) for table in tables]
    found.texts(f"{name}: the number of rows", *rows)
    if rows[0] != rows[1]:
        return
    ignored = _OWN | _OWN_OF_GRID if name == "grid.csv" else _OWN
    for column in (one for one in tables[0] if one in tables[1] and one not in ignored):
        cells, others = tables[0][column], tables[1][column]
        if cells == others:
            continue
        try:
            values = [np.array([float(c or "nan") for c in each]) for each in (cells, others)]
        except ValueError:
            row = next(
                k for k, pair in enumerate(zip(cells, others, strict=True)) if len({*pair}) > 1
            )
            found.texts(f"{name}, line {row + 2}: {column}", cells[row], others[row])
        else:
            found.numbers(f"{name}: {column}", *values)


def _columns(path: Path) -> dict[str, list[str]]:
    """Return the cells of each column of a CSV file."""
    with files.open_text(path) as file:
        rows = list(csv.reader(file))
    header = rows[0] if rows else []
    return {name: [row[k] for row in rows[1:] if len(row) > k] for k, name in enumerate(header)}


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
