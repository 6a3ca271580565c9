"""Predicting: a table's rows with the prediction of a trained run beside them, a chunk at a time."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from bpnet.data.encoding.columns import NumericColumn
from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.formats import FileFormat
from bpnet.data.reading import open_table
from bpnet.data.reading.chunk import CellType, Chunk
from bpnet.data.targets import Classes, Labels
from bpnet.data.writing import OutputColumns, open_writer
from bpnet.engine.component import Array
from bpnet.errors import DataError, RunError, UsageError
from bpnet.messages import MAX_PROBLEMS, quoted_list, total_line
from bpnet.models.ensemble import Inputs, load_ensemble
from bpnet.runs import directory

FLAGS = "flags"

Item = TypeVar("Item")


@dataclass(frozen=True)
class PredictOptions:
    """What to write: the columns to keep (None: all), probabilities or not, and the most likely classes alone.

    With `strict` a row that would be flagged is an error. `replica` is all, best, or a number from 1.
    """

    keep: Sequence[str] | None = None
    probabilities: bool = True
    top: int | None = None
    strict: bool = False
    replica: str = "all"


@dataclass
class Summary:
    """How many rows were predicted, and how many of them are flagged as what."""

    rows: int = 0
    flagged: int = 0
    kinds: dict[str, int] = field(default_factory=dict)


class Prediction:
    """A run's predictions of a table, ready to be written; raises RunError, DataError or UsageError."""

    def __init__(self, run: Path, data: str, wish: PredictOptions) -> None:
        self._model, self._wish = (
            load_ensemble(directory.model_folder(run)).select(wish.replica),
            wish,
        )
        self._table = open_table(data, self._model.description.reading)
        self._model.check_columns(self._table)
        kept = self._table.columns if wish.keep is None else wish.keep
        for name in kept:
            self._table.require(name, wanted_for="is to be kept")
        self._kept = list(dict.fromkeys(kept))
        if wish.top is not None:
            classes = self._model.description.classes
            if classes is None:
                raise UsageError(
                    "--top-k is for classes; this run predicts "
                    + self._model.description.target.kind
                )
            if wish.top > len(classes):
                raise UsageError(
                    f"--top-k {wish.top}: the model knows {len(classes)} classes; give at most so many"
                )
        self._names = self._added_names()
        taken = [name for name in self._names if name in self._kept]
        if taken:
            raise DataError(
                f"{self._table.name}: the table has a column {quoted_list(taken)} already; rename or remove it, "
                "or leave it out with --keep"
            )

    def write(self, file_format: FileFormat, stream: BinaryIO) -> Summary:
        """Write every row in the table's order, exactly as many as there are; raises DataError."""
        if self._wish.strict:
            self._refuse_flags()
        description, summary = self._model.description, Summary()
        digits = 7 if description.precision == "float32" else 16
        numeric = [
            column.name
            for column in description.encoder.columns
            if isinstance(column, NumericColumn)
        ]
        columns = OutputColumns(self._kept, self._names, digits, numeric)
        writer = open_writer(file_format, stream, columns)
        # the next chunk is read meanwhile: a second thread of BLAS would only be in its way
        with threadpool_limits(1, "blas"):
            for chunk, x, flags in self._encoded():
                texts = flags.texts(len(chunk))
                writer.write(chunk, {**self._added(x), FLAGS: texts})
                summary.rows += len(chunk)
                summary.flagged += len(chunk) - texts.count("")
                for kind, _, rows in flags.entries:
                    summary.kinds[kind] = summary.kinds.get(kind, 0) + len(rows)
        writer.close()
        return summary

    def _encoded(self) -> Iterator[tuple[Chunk, Inputs, RowFlags]]:
        others: dict[str, CellType] = dict.fromkeys(self._kept, "text")
        chunks = self._table.chunks({**(others if self._wish.keep else {}), **self._model.wanted})
        yield from _ahead((chunk, *self._model.encode(chunk)) for chunk in chunks)

    def _refuse_flags(self) -> None:
        problems: list[str] = []
        count = 0
        for chunk, _, flags in self._encoded():
            for row, text in enumerate(flags.texts(len(chunk)) if flags.entries else ()):
                if text:
                    count += 1
                    if len(problems) < MAX_PROBLEMS:
                        problems.append(
                            f"{chunk.where(row)}: {text}; correct the row, or predict without --strict"
                        )
        if problems:
            raise DataError([*problems, *total_line(count, "rows are flagged")])

    def _added_names(self) -> list[str]:
        return [*self._added(self._model.blank_row()), FLAGS]

    def _added(self, x: Inputs) -> dict[str, list[str] | Array]:
        """The predictions of encoded rows, column by column."""
        each = self._model.predict_each(x)
        added = self._columns(_finite(self._model.combine(each)))
        if self._model.networks > 1:
            names = self._model.description.target.names
            apart = self._model.disagreement(each)
            several = apart.shape[1] > 1
            added |= {
                f"disagreement_{name}" if several else "disagreement": apart[:, k]
                for k, name in enumerate(names)
            }
        return added

    def _columns(self, predictions: Array) -> dict[str, list[str] | Array]:
        """What is written of predictions (N, K): probabilities of classes, chances of labels, or quantities."""
        wish, target = self._wish, self._model.description.target
        added: dict[str, list[str] | Array] = {}
        if isinstance(target, Classes):
            probabilities = predictions
            if wish.top is not None:
                order = np.argsort(-probabilities, axis=1, kind="stable")[:, : wish.top]
                for k in range(wish.top):
                    added[f"top_{k + 1}_{target.name}"] = [
                        target.classes[c] for c in order[:, k].tolist()
                    ]
                    if wish.probabilities:
                        own = np.take_along_axis(probabilities, order[:, k : k + 1], 1)
                        added[f"top_{k + 1}_probability"] = own[:, 0]
                return added
            said = probabilities.argmax(axis=1)
            added[f"predicted_{target.name}"] = [target.classes[k] for k in said.tolist()]
            if wish.probabilities:
                added |= {
                    f"probability_{label}": probabilities[:, k]
                    for k, label in enumerate(target.classes)
                }
        elif isinstance(target, Labels):
            chances = predictions
            for k, name in enumerate(target.names):
                added[f"predicted_{name}"] = [
                    "1" if chance > 0.5 else "0" for chance in chances[:, k].tolist()
                ]
            if wish.probabilities:
                added |= {
                    f"probability_{name}": chances[:, k] for k, name in enumerate(target.names)
                }
        else:
            added |= {f"predicted_{name}": predictions[:, k] for k, name in enumerate(target.names)}
        return added


def _ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, the next of which is made on a thread while one is being used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def _finite(predicted: Array) -> Array:
    if not np.isfinite(predicted).all():
        raise RunError(
            "a prediction is not a finite number; the model's weights, or the table's values, are too large"
        )
    return predicted
