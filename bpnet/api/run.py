"""A run in Python: its scores, predictions and answers."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.api.given_table import given_table
from bpnet.api.predicted_files import Tables, predict_files
from bpnet.api.predicted_table import predict_options, predicted_columns
from bpnet.api.warning import warn
from bpnet.api.words import speaks_python
from bpnet.config.from_python import assignments
from bpnet.config.inheritance import read_source
from bpnet.data.reading.data_frame import row_index
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.data.writing.data_frame import data_frame
from bpnet.data.writing.labels import label_values
from bpnet.errors import UsageError
from bpnet.models.run_model import RunModel, open_run_model
from bpnet.models.threads import permitted_threads
from bpnet.reports.eval import eval_data, eval_warnings
from bpnet.reports.show import show_lines
from bpnet.runs import directory, files
from bpnet.workflows.eval import evaluate
from bpnet.workflows.export import export as export_model
from bpnet.workflows.inspect_run import inspect_run
from bpnet.workflows.kept_columns import read_keep
from bpnet.workflows.show import show

if TYPE_CHECKING:
    from bpnet.data.writing.data_frame import DataFrame, Series


@speaks_python
def load(run: str | Path) -> "Run":
    """Return a run, or a model folder that was copied out of one; raises RunError.

    Examples
    --------
    >>> bpnet.load("runs/iris-001").predict(flowers)
    """
    return Run(Path(run))


class Run:
    """A run, or a model folder that was copied out of one: its scores, predictions and answers.

    Tables are data frames, with the columns of the table in training in any order, or paths.
    Rows that `bpnet predict` would flag, such as those with an unseen category, are warned of.

    Parameters
    ----------
    path : str or Path
        The run directory, or the model folder.
    """

    @speaks_python
    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        directory.run_or_model(self.path)
        self._read: tuple[Any, RunModel] | None = None

    @classmethod
    def of_leader(cls, path: Path) -> "Run":
        """Return the run of a training that several processes share, also where it is not yet seen.

        The first of them has written it, maybe into a folder of another machine.
        """
        run = cls.__new__(cls)
        run.path, run._read = path, None
        return run

    def __repr__(self) -> str:
        return f"bpnet.load({str(self.path)!r})"

    @speaks_python
    def _repr_html_(self) -> str:
        """Return what `bpnet show` prints, for notebooks."""
        run = directory.run_of(self.path)
        lines = [repr(self)] if run is None else show_lines(show(run.folder))
        return "".join(["<pre>", escape("\n".join(lines)), "</pre>"])

    @property
    @speaks_python
    def config(self) -> dict[str, Any]:
        """The config with every default, as config.yaml has it; raises RunError."""
        paths = directory.open_run(self.path)
        paths.require("config.yaml")
        return read_source(paths.config).data

    @property
    @speaks_python
    def metrics(self) -> dict[str, Any]:
        """The final scores of each part of the rows, as metrics.json has them; raises RunError."""
        paths = directory.open_run(self.path)
        paths.require("metrics.json")
        metrics: dict[str, Any] = files.read_json(paths.metrics_json)
        return metrics

    @property
    def _opened(self) -> RunModel:
        """The model, read again when its files have changed."""
        state = _state(self.path)
        if self._read is None or self._read[0] != state:
            self._read = state, open_run_model(self.path)
            for note in self._read[1].notes:
                warn(note)
        return self._read[1]

    @speaks_python
    def predictions(
        self,
        table: Any,
        *,
        threshold: float | None = None,
        intervals: float | Sequence[float] = (),
        replica: int | str = "all",
        raw: bool = False,
        strict: bool = False,
        settings: Mapping[str, Any] | None = None,
        threads: int | None = None,
    ) -> "DataFrame":
        """Return the columns that `bpnet predict` adds to a table.

        Parameters
        ----------
        table : data frame, str or Path
            The rows (N) to predict; the target is not needed.
        threshold : float, optional
            The probability from which the positive class, or a label, is predicted.
        intervals : float or sequence of float
            The levels of prediction intervals, such as ``[0.9]``, for quantities.
        replica : int or str
            The network that predicts: its number from 1, ``"best"`` or ``"all"``.
        raw : bool
            Whether to add the outputs of the only network as they are.
        strict : bool
            Whether a row that would be flagged is an error.
        settings : mapping, optional
            How the table is read, if not as in training, such as
            ``{"dataset.reading.decimal": ","}``.
        threads : int, optional
            The number of threads that compute, by default one for each core. It changes no result.

        Returns
        -------
        pandas.DataFrame
            N rows with the index of the table: predictions, probabilities or intervals,
            disagreement and flags.

        Raises
        ------
        DataError
            The table lacks a column, or has a value that cannot be read.
        UsageError
            An option does not suit the model.
        """
        options = predict_options(
            (), threshold, intervals, replica, settings, raw=raw, strict=strict
        )
        with permitted_threads(threads):
            columns = predicted_columns(self.path, self._opened, table, options)
        return data_frame(columns, row_index(table))

    @speaks_python
    def predict(
        self,
        table: Any,
        *,
        threshold: float | None = None,
        settings: Mapping[str, Any] | None = None,
        threads: int | None = None,
    ) -> "Series[Any] | DataFrame":
        """Return the predicted classes or values (N,), or a data frame (N, K) of K targets.

        The index is the table's; names are those of the targets. See `predictions`.
        """
        added = self.predictions(table, threshold=threshold, settings=settings, threads=threads)
        names = self._target.names
        found = added.iloc[:, : len(names)].set_axis(list(names), axis=1)
        return found[names[0]] if len(names) == 1 and not self._is_multilabel else found

    @speaks_python
    def predict_proba(
        self,
        table: Any,
        *,
        settings: Mapping[str, Any] | None = None,
        threads: int | None = None,
    ) -> "DataFrame":
        """Return the probability of each class (N, C), or of each label (N, K).

        Raises UsageError if the run predicts quantities. See `predictions`.
        """
        target = self._target
        if isinstance(target, Quantities):
            raise UsageError(
                f"predict_proba is for classes; this run predicts {target.kind}: predict(table), "
                "or predictions(table, intervals=[0.9])"
            )
        labels = target.classes if isinstance(target, Classes) else target.names
        skipped = 1 if isinstance(target, Classes) else len(labels)
        added = self.predictions(table, settings=settings, threads=threads)
        added = added.iloc[:, skipped : skipped + len(labels)]
        return added.set_axis(label_values(labels), axis=1)

    @speaks_python
    def predict_files(
        self,
        tables: Tables,
        folder: str | Path,
        *,
        shard: str | None = None,
        force: bool = False,
        format: str | None = None,  # noqa: A002 (as the option is called)
        keep: str | Sequence[str] = "all",
        threshold: float | None = None,
        intervals: float | Sequence[float] = (),
        replica: int | str = "all",
        raw: bool = False,
        strict: bool = False,
        settings: Mapping[str, Any] | None = None,
        threads: int | None = None,
    ) -> "DataFrame":
        """Predict each of many tables into a file of its own; those that are finished are skipped.

        Parameters
        ----------
        tables : str or Path, or a sequence of them
            Paths, folders and patterns of tables, such as ``"data/*.parquet"``.
        folder : str or Path
            The folder of the outputs, which are named as their tables. It is made.
        shard : str, optional
            The share of one worker of several: ``"2/4"`` is that of the second of four.
        force : bool
            Whether to overwrite files of another model or of other options.
        format : {"csv", "jsonl", "json", "parquet"}, optional
            The format of all outputs, by default that of each table.
        keep : str or sequence of str
            The columns of a table that are copied: their names, ``"all"`` or ``"none"``.
        threshold, intervals, replica, raw, strict, settings, threads
            As `predictions` has them.

        Returns
        -------
        pandas.DataFrame
            A row for each table: `table`, `output`, its `state`, ``"predicted"`` or
            ``"finished"`` before, its `rows`, and how many of these trained the model.

        Raises
        ------
        UsageError
            Tables would be written to one file, or an output exists that is not to be replaced.
        DataError
            Tables do not fit the model, or cannot be read; the others are predicted nevertheless.
        RunError
            An output cannot be written.
        """
        copied = read_keep(keep) if isinstance(keep, str) else list(keep)
        options = predict_options(
            copied, threshold, intervals, replica, settings, raw=raw, strict=strict
        )
        with permitted_threads(threads):
            return predict_files(
                self.path, tables, folder, options, form=format, shard=shard, force=force
            )

    @speaks_python
    def evaluate(
        self,
        table: Any = None,
        *,
        baselines: bool = True,
        all_rows: bool = False,
        settings: Mapping[str, Any] | None = None,
        threads: int | None = None,
    ) -> dict[str, Any]:
        """Return the scores, with intervals and beside simple models, as `bpnet eval --json` does.

        Without a table they are those of the run's test rows; of its own table all rows are scored
        only if `all_rows` are asked for. `settings` say how a table is read, if not as in
        training, such as ``{"dataset.reading.decimal": ","}``. The number of `threads`, by default
        one for each core, changes no result. Raises DataError or RunError.
        """
        with permitted_threads(threads), given_table(table) as path:
            evaluation = evaluate(
                self.path,
                path,
                baselines=baselines,
                all_rows=all_rows,
                reading=assignments(settings or {}),
            )
        for warning in eval_warnings(evaluation):
            warn(warning)
        return eval_data(self.path, evaluation)

    @speaks_python
    def explain(
        self,
        table: Any = None,
        *,
        settings: Mapping[str, Any] | None = None,
        threads: int | None = None,
    ) -> "DataFrame":
        """Return the permutation importance of each column, the most important first.

        Parameters
        ----------
        table : data frame, str or Path, optional
            Rows with the target; by default those that the run has held out.
        settings : mapping, optional
            How the table is read, if not as in training; see `predictions`.
        threads : int, optional
            The number of threads that compute, by default one for each core. It changes no result.

        Returns
        -------
        pandas.DataFrame
            A row for each column: its importance, which is the rise of the loss, or the fall of
            R², when its cells are shuffled, and the 95 % interval of it, `low` and `high`.
            `attrs` has the score by name, and its value.

        Raises
        ------
        DataError
            The run has held out no rows, or the table cannot be read.
        """
        with permitted_threads(threads), given_table(table) as path:
            found = inspect_run(self.path, path, reading=assignments(settings or {}))
        for warning in found.warnings:
            warn(warning)
        importance = found.importance
        assert importance is not None
        columns = {
            "importance": [each.value for each in importance.columns],
            "low": [each.low for each in importance.columns],
            "high": [each.high for each in importance.columns],
        }
        frame = data_frame(columns, [each.columns[0] for each in importance.columns])
        frame.attrs = {"score": importance.score, "value": importance.score_value}
        return frame

    @speaks_python
    def partial_dependence(
        self,
        column: str,
        table: Any = None,
        *,
        settings: Mapping[str, Any] | None = None,
        threads: int | None = None,
    ) -> "DataFrame":
        """Return the mean prediction at values of a column: a column for each class or target.

        The index has the values. See `explain` for the rows, settings, threads and errors.
        """
        if not isinstance(column, str):
            raise UsageError(f"column: is of the type {type(column).__name__}; give its name")
        with permitted_threads(threads), given_table(table) as path:
            found = inspect_run(
                self.path,
                path,
                importance=False,
                dependence_on=[column],
                reading=assignments(settings or {}),
            )
        for warning in found.warnings:
            warn(warning)
        (dependence,) = found.dependences
        columns = dict(zip(dependence.outputs, dependence.mean.T, strict=True))
        return data_frame(columns, list(dependence.values))

    @speaks_python
    def export(
        self,
        path: str | Path | None = None,
        *,
        format: str | None = None,  # noqa: A002 (as the option is called)
        replica: int | str = "all",
    ) -> Path:
        """Write the model as a file that predicts without bpnet, and return the file's path.

        Parameters
        ----------
        path : str or Path, optional
            The file, which ends in ``.onnx`` or ``.py``; by default `model.onnx` in the run.
        format : {"onnx", "python"}, optional
            By default as the path ends, else ONNX, which needs the extra `onnx`.
        replica : int or str
            The network that is exported: its number from 1, ``"best"`` or ``"all"``.

        Raises
        ------
        UsageError
            The model has a part that the format lacks, or a package is missing.
        RunError
            The file would not agree with `predict`, and is not written.
        """
        form = None if format is None else str(format)
        with permitted_threads(None):
            file = None if path is None else Path(path)
            result = export_model(self.path, file, form, str(replica))
        for note in result.notes:
            warn(note)
        return result.path

    @property
    def _target(self) -> AnyTarget:
        return self._opened.model.description.target

    @property
    def _is_multilabel(self) -> bool:
        return isinstance(self._target, Labels)


def _state(path: Path) -> list[tuple[int, int]]:
    """Return what tells whether the model of a run has changed since."""
    files = (path / "model.json", path / "model" / "model.json", path / "checkpoints")
    return [(at.st_mtime_ns, at.st_ino) for at in (file.stat() for file in files if file.exists())]


def run_path(run: str | Path | Run) -> Path:
    """Return the path of a run."""
    return run.path if isinstance(run, Run) else Path(run)
