"""predictions.csv: a cross-validation's predictions, by networks that have not seen the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bpnet.data.targets import AnyTarget, Classes, Labels
from bpnet.data.writing import Numbers
from bpnet.engine.component import Array
from bpnet.runs import files

if TYPE_CHECKING:
    from bpnet.preparation.folds import Fold


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
