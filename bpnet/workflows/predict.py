"""Prediction: a table's rows with a trained run's predictions beside them, chunk by chunk."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

from bpnet.config.reading_overrides import override_reading
from bpnet.data.encoding.columns import NumericColumn
from bpnet.data.encoding.input_buffer import InputBuffer
from bpnet.data.encoding.row_flags import FlagSummary, RowFlags
from bpnet.data.formats import FileFormat
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading import open_table
from bpnet.data.reading.chunk import CellType, Chunk, number_cell_type
from bpnet.data.targets import Quantities
from bpnet.data.writing import AddedColumns, OutputColumns, open_writer
from bpnet.errors import DataError, UsageError
from bpnet.messages import MAX_PROBLEMS, total_line
from bpnet.models.ensemble import Ensemble, Inputs
from bpnet.models.run_model import RunModel, open_run_model
from bpnet.models.threads import shared_work
from bpnet.runs import directory
from bpnet.workflows.given_thresholds import check_decides, read_given
from bpnet.workflows.kept_columns import check_not_taken
from bpnet.workflows.prediction_columns import PredictionColumns, added_names, prediction_columns
from bpnet.workflows.trained_rows import Trained, TrainedRows

Item = TypeVar("Item")


@dataclass(frozen=True)
class PredictOptions:
    """The columns to keep (None: all) and to add, and the networks that predict.

    `top` asks for the most probable classes only, `levels` for prediction intervals, and a
    `threshold` decides in place of the model's. `raw` asks for the network's outputs. With `strict`
    a row that would be flagged is an error. `replica` is all, best, or a number from 1; `reading`
    are `dataset.reading.KEY=VALUE`. With `safe_csv`, CSV has no text that a spreadsheet would take
    for a formula.
    """

    keep: Sequence[str] | None = None
    probabilities: bool = True
    top: int | None = None
    levels: Sequence[float] = ()
    strict: bool = False
    replica: str = "all"
    reading: Sequence[str] = ()
    safe_csv: bool = False
    threshold: str | float | None = None
    raw: bool = False


@dataclass(frozen=True)
class Summary:
    """The flags of the rows, and how many of them trained the model."""

    table: str
    flags: FlagSummary
    trained: Trained
    splits: str
    """The file that lists each row's part, or fold; blank for a model without its run."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """The threshold of the positive class, or of each label, where it is not ½."""

    @property
    def trained_rows(self) -> int:
        """The number of rows that trained the model, or equal such rows."""
        return self.trained.rows


class Prediction:
    """A run's predictions for a table, ready to be written.

    Raises RunError, DataError, or UsageError if options do not suit the model.
    """

    def __init__(
        self,
        run: Path | None,
        data: str,
        options: PredictOptions,
        opened: RunModel | None = None,
    ) -> None:
        self._options = options
        self._run = None if run is None else directory.run_of(run)
        if opened is None:
            assert run is not None, "there is a run, or a model that has been opened"
            opened = open_run_model(run)
        self._notes, self._model = opened.notes, opened.model.select(options.replica)
        self._whole = opened.model
        self._trained: TrainedRows | None = None
        if options.threshold is not None:
            self._model = self._with_threshold(options.threshold)
        reading = override_reading(self._model.description.reading, options.reading)
        self._table = open_table(data, reading)
        self._table.may_be_empty = True  # a pipeline has days without rows
        self._model.check_columns(self._table)
        kept = self._table.columns if options.keep is None else options.keep
        for name in kept:
            self._table.require(name, wanted_for="is to be kept")
        self._kept = list(dict.fromkeys(kept))
        self._check_raw()
        self._check_top()
        for level in options.levels:
            self._model.check_level(level)
        names = [name for name, _ in self._columns(self._model.blank_row())]
        self._added = added_names(self._model, names)
        check_not_taken(self._table.name, self._kept, self._added)

    @property
    def warnings(self) -> list[str]:
        """Warnings about a run that has not finished, and the table's header."""
        return [*self._notes, *self._table.warnings]

    def write(self, file_format: FileFormat, stream: BinaryIO) -> Summary:
        """Write every row of the table, in its order; raises DataError."""
        output = OutputColumns(self._kept, self._added, self._numeric, self._options.safe_csv)
        writer = open_writer(file_format, stream, output)
        flags = FlagSummary()
        for chunk, columns in self.chunks(flags):
            writer.write(chunk, columns)
        summary = self.summary(flags)
        extra = {"flags": asdict(flags), "trained_rows": summary.trained_rows}
        writer.close(extra | ({"thresholds": self._thresholds} if self._thresholds else {}))
        return summary

    def chunks(self, summary: FlagSummary) -> Iterator[tuple[Chunk, AddedColumns]]:
        """Yield the table's chunks, each with the columns that are added; raises DataError.

        The flags of their rows are added to the summary.
        """
        if self._options.strict:
            self._refuse_flags()
        trained = None if self._run is None else TrainedRows(self._run, self._whole)
        self._trained = trained
        # the next chunk is read meanwhile: a second thread of BLAS would only be in its way
        with shared_work():
            for chunk, x, flags in self._encoded():
                columns = [values for _, values in self._columns(x)]
                texts = flags.texts(len(chunk))
                if trained is not None:
                    trained.add(chunk)
                yield chunk, dict(zip(self._added, [*columns, texts], strict=True))
                summary.add(flags, len(chunk))

    def summary(self, flags: FlagSummary) -> Summary:
        """Return what to say of all rows, whose flags these are."""
        trained = Trained(0)
        if self._trained is not None:
            trained = self._trained.of(self._table, flags.rows)
        splits = str(self._run.splits) if self._run else ""
        return Summary(self._table.name, flags, trained, splits, self._thresholds)

    def _with_threshold(self, threshold: str | float) -> Ensemble:
        """Return the model with a threshold; raises UsageError if it has no use for one."""
        check_decides(self._model, option := f"--threshold {threshold}")
        given = read_given(threshold)
        if given is None:
            raise UsageError(
                f"{option}: must be a probability from 0 to 1, such as 0.3, or NAME=P of each "
                "label, separated by commas; bpnet eval --threshold best-f1 --save chooses one"
            )
        if self._options.top is not None:
            raise UsageError(
                f"{option}: cannot be combined with --top-k, which ranks the classes by their "
                "probability; give one of them"
            )
        return given.decided(self._model)

    @property
    def _thresholds(self) -> dict[str, float]:
        """The thresholds that decide, by class or label; those of --top-k do not."""
        return {} if self._options.top is not None else self._model.named_thresholds

    @property
    def _numeric(self) -> dict[str, NumberFormat | None]:
        """The columns that the model reads as numbers, the target included, and their formats."""
        target = self._model.description.target
        formats: dict[str, NumberFormat | None] = {
            column.name: column.number_format
            for column in self._model.description.encoder.columns
            if isinstance(column, NumericColumn)
        }
        if isinstance(target, Quantities):
            formats |= {name: target.number_format(name) for name in target.names}
        return formats

    def _check_raw(self) -> None:
        """Raise UsageError if raw outputs are asked of several networks."""
        networks = self._model.networks
        if self._options.raw and networks > 1:
            raise UsageError(
                f"--raw writes the outputs of one network, and this model has {networks}; "
                "choose one of them: --replica 1"
            )

    def _check_top(self) -> None:
        top, description = self._options.top, self._model.description
        if top is None:
            return
        if description.classes is None:
            raise UsageError(f"--top-k is for classes; this run predicts {description.target.kind}")
        if top > len(description.classes):
            raise UsageError(
                f"--top-k {top}: the model knows {len(description.classes)} classes; "
                "give at most that number"
            )

    def _columns(self, x: Inputs) -> PredictionColumns:
        options = self._options
        return prediction_columns(
            self._model,
            x,
            top=options.top,
            probabilities=options.probabilities,
            levels=list(dict.fromkeys(options.levels)),
            raw=options.raw,
        )

    def _encoded(self) -> Iterator[tuple[Chunk, Inputs, RowFlags]]:
        """Yield the table's chunks with their encoded rows and flags, one read ahead.

        The encoded rows of one chunk overwrite those of the one before.
        """
        others: dict[str, CellType] = dict.fromkeys(self._kept, "text")
        # if all columns are kept, rows are copied as they are, and no other column is parsed
        copied = self._options.keep is None and not self._table.reads_only_wanted
        read: dict[str, CellType] = {
            name: "any" if number_cell_type(number_format) == "number" else "text"
            for name, number_format in self._numeric.items()
            if name in self._kept
        }
        wanted = {**({} if copied else others), **read, **self._model.wanted}
        buffers = [InputBuffer() for _ in self._model.members]
        for chunk in _ahead(self._table.chunks(wanted)):
            yield (chunk, *self._model.encode(chunk, buffers))

    def _refuse_flags(self) -> None:
        problems: list[str] = []
        count = 0
        for chunk, _, flags in self._encoded():
            for row, text in enumerate(flags.texts(len(chunk)) if flags.entries else ()):
                if text:
                    count += 1
                    if len(problems) < MAX_PROBLEMS:
                        problems.append(
                            f"{chunk.where(row)}: {text}; "
                            "correct the row, or predict without --strict"
                        )
        if problems:
            raise DataError([*problems, *total_line(count, "rows are flagged")])


def _ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the items; while one is used, a thread makes the next."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
