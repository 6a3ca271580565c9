"""predictions.csv: a cross-validation's predictions, by networks that have not seen the rows."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.data.writing import Numbers
from bpnet.engine.component import Array
from bpnet.errors import RunError
from bpnet.runs import files

if TYPE_CHECKING:
    from bpnet.preparation.folds import Fold


_RESTORE = "restore it from a copy, or train again"


@dataclass(frozen=True)
class FoldPredictions:
    """A fold, and its network's predictions (N, K) for the fold's test rows."""

    fold: "Fold"
    predicted: Array
    numbers: Sequence[Numbers]
    """The K columns of predictions as they are written."""


def write_predictions(
    path: Path,
    predictions: Sequence[FoldPredictions],
    target: AnyTarget,
    values: Array,
) -> None:
    """Write a line for each test row and repetition: the true values beside the predictions.

    `values` are the target values of the whole table: class numbers (N,), labels or quantities
    (N, K).
    """
    names = target.names
    probabilities: list[str] = []
    if isinstance(target, Classes):
        probabilities = [f"probability_{label}" for label in target.classes]
    elif isinstance(target, Labels):
        probabilities = [f"probability_{name}" for name in names]

    def lines() -> Iterator[list[object]]:
        for of_fold in predictions:
            fold, rows = of_fold.fold, of_fold.fold.parts["test"]
            texts = zip(*(column.texts() for column in of_fold.numbers), strict=True)
            for row, true, predicted, numbers in zip(
                rows.tolist(), values[rows].tolist(), of_fold.predicted, texts, strict=True
            ):
                cells = _cells(target, true, predicted, numbers)
                yield [row + 1, fold.repeat, fold.fold, *cells]

    header = [
        *("row", "repeat", "fold"),
        *(f"true_{name}" for name in names),
        *(f"predicted_{name}" for name in names),
        *probabilities,
    ]
    files.write_csv(path, header, lines())


def _cells(
    target: AnyTarget, true: int | list[float], predicted: np.ndarray, numbers: Sequence[str]
) -> list[str]:
    """Return the true values, the predicted ones, and the probabilities of a row."""
    if isinstance(true, int):
        assert isinstance(target, Classes)
        return [target.classes[true], target.classes[int(predicted.argmax())], *numbers]
    truths = list(map(str, true))
    if isinstance(target, Labels):
        return [*truths, *("1" if share > 0.5 else "0" for share in predicted), *numbers]
    return [*truths, *numbers]


@dataclass(frozen=True)
class SavedPredictions:
    """The content of predictions.csv: true values (N,) or (N, K) beside predictions (N, K).

    A row of the table occurs in each repetition of a cross-validation.
    """

    target: AnyTarget
    """What the columns are about; the positive class is unknown, and quantities have no scale."""
    rows: Indices
    """The numbers (N,) of the rows in the table, from 0."""
    true: Array
    """Class numbers (N,), labels (N, K) or quantities (N, K)."""
    predicted: Floats

    @property
    def columns(self) -> list[str]:
        """What the columns of predictions are: classes, labels or quantities."""
        return self.target.classes if isinstance(self.target, Classes) else self.target.names

    def target_with(self, positive: str | None) -> AnyTarget:
        """Return the target, of two classes with the positive one if it is among them."""
        target = self.target
        if not isinstance(target, Classes) or len(target.classes) > 2:
            return target
        known = positive if positive in target.classes else None
        return Classes(name=target.name, classes=target.classes, positive=known)


def read_predictions(path: Path, *, first: bool) -> SavedPredictions:
    """Read predictions.csv, of all repetitions or of the `first`; raises RunError."""
    with files.open_text(path) as file:
        lines = csv.reader(files.short_lines(file, path))
        header = next(lines, [])
        cells = []
        for number, line in enumerate(lines, start=2):
            if len(line) != len(header):
                raise RunError(
                    f"{path}, line {number}: is not what the run has written; {_RESTORE}"
                )
            if not first or line[1:2] == ["1"]:
                cells.append(line)
    try:
        columns = dict(zip(header, zip(*cells, strict=True), strict=True))
        target = _target(header)
        rows = np.array(columns["row"], np.int64) - 1
        true, predicted = _values(target, columns)
        if rows.min() < 0 or not _are_shares(target, predicted):
            raise ValueError
    except (ValueError, KeyError):
        raise RunError(
            f"{path}: is not a table of predictions that bpnet wrote; {_RESTORE}"
        ) from None
    return SavedPredictions(target, rows, true, predicted)


def _target(header: Sequence[str]) -> AnyTarget:
    """Return the target that the columns are about; raises ValueError."""
    names, probabilities = (
        [name.removeprefix(prefix) for name in header if name.startswith(prefix)]
        for prefix in ("true_", "probability_")
    )
    if not names:
        raise ValueError("no column has true values")
    if not probabilities:
        scale = LinearScaler(by="none", subtract=0.0, divide=1.0)
        return Quantities(names=names, scales=[scale] * len(names))
    if probabilities == names:
        return Labels(names=names)
    return Classes(name=names[0], classes=probabilities)


def _values(target: AnyTarget, columns: Mapping[str, Sequence[str]]) -> tuple[Array, Floats]:
    """Return the true values and the predictions in the columns; raises ValueError or KeyError."""

    def numbers(prefix: str, names: Sequence[str]) -> Floats:
        return np.column_stack(
            [np.array(columns[f"{prefix}_{name}"], np.float64) for name in names]
        )

    if isinstance(target, Classes):
        number = {label: k for k, label in enumerate(target.classes)}
        true = np.array([number[label] for label in columns[f"true_{target.name}"]])
        return true, numbers("probability", target.classes)
    true = numbers("true", target.names)
    if isinstance(target, Labels):
        return true.astype(np.int64), numbers("probability", target.names)
    return true, numbers("predicted", target.names)


def _are_shares(target: AnyTarget, predicted: Floats) -> bool:
    """Return whether predictions are from 0 to 1, as those of classes and labels must be."""
    return isinstance(target, Quantities) or bool(((predicted >= 0) & (predicted <= 1)).all())
