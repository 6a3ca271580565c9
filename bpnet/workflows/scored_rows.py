"""The rows that an evaluation scores: the run's test rows, or those of any table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bpnet.data.reading import Table, open_table
from bpnet.data.reading.settings import Reading
from bpnet.engine.component import Array
from bpnet.errors import DataError, RunError
from bpnet.messages import shell_path
from bpnet.models.ensemble import Ensemble
from bpnet.paths import is_file
from bpnet.runs import directory, files
from bpnet.runs.directory import RunPaths
from bpnet.runs.splits import DROPPED, read_splits
from bpnet.scoring.metrics import metric_title
from bpnet.workflows.known_rows import KnownRows, known_rows
from bpnet.workflows.training_table import TrainingTable, open_training_table

_SHOWN_SCORES = 3
_TEST_PART = "the run's test part"


@dataclass(frozen=True)
class ScoredRows:
    """A table, the mask (N,) of its rows to score, and their name in the report."""

    table: Table
    mask: Array
    name: str
    training: TrainingTable | None
    """The run's table, whose training rows the baselines are fitted to, if it is at hand."""


def choose_rows(
    run: Path,
    data: str | Table | None,
    reading: Reading,
    *,
    all_rows: bool,
    baselines: bool,
    model: Ensemble,
    options: str = "",
    warnings: list[str],
) -> ScoredRows:
    """Return the rows to score: those on which the run was not trained or validated.

    Of the run's own table, which is recognized by its content wherever it is, they are the test
    rows; of another those that are not in the run's table, or are test rows there, as far as this
    is certain. Without `data` the own table is opened where it was. With `all_rows` all rows are
    scored, and without `baselines` the own table is not opened if `data` is another. `model` is the
    run's. Warnings are added to the list; `options` are those that advice repeats.

    Raises
    ------
    RunError
        The run is damaged.
    DataError
        The table cannot be read, or the run held out no test rows.
    """
    paths = directory.run_of(run)
    has_folds = paths is not None and is_file(paths.folds_csv)
    advice = f"bpnet eval {shell_path(run)} DATA{options}"
    if data is None:
        if has_folds:
            raise DataError(
                f"{run}: is a cross-validation, whose metrics are in metrics.json; "
                f"name a table: {advice}"
            )
        training = open_training_table(
            run,
            f"; name it where it is now (its test rows are recognized), or another: {advice}",
            command=f"bpnet eval {shell_path(run)} -{options}",
        )
        if not (all_rows or training.mask("test").any()):
            raise DataError(
                f"{run}: the run held out no test rows (dataset.split)"
                f"{_out_of_fold(paths)}; name a table: {advice}"
                + (" (a best threshold is chosen on held-out rows all the same)" * bool(options))
            )
        return _own_rows(training, all_rows, [], warnings)
    if has_folds:
        warnings.append(
            "no baselines: the run is a cross-validation, "
            "whose networks had different rows to train on"
        )
    table = data if isinstance(data, Table) else open_table(data, reading)
    warnings += table.warnings
    if paths is None or directory.data_sha256(paths.folder) != table.digest:
        known = known_rows(paths, model, table)
        trained_on = _known_training(known)
        if trained_on is None and baselines and not has_folds:
            trained_on = _training_table(paths, warnings)
        if known is None:
            return ScoredRows(table, np.ones(len(table), bool), table.name, trained_on)
        return _unseen_rows(known, trained_on, all_rows=all_rows, warnings=warnings)
    if has_folds or not is_file(paths.splits):
        warnings.append(_own_table(table))
        return ScoredRows(table, np.ones(len(table), bool), table.name, None)
    training = TrainingTable(table, read_splits(paths.splits, len(table)))
    only_test = (
        f"{table.name} is the table that the run was trained on: "
        "only its test rows are scored; score all with --all-rows"
    )
    return _own_rows(training, all_rows, [only_test], warnings)


def _known_training(known: KnownRows | None) -> TrainingTable | None:
    """Return a table that has every row of the run as the run's, None if it has not."""
    if known is None or known.rows is None or known.run_rows.of_folds:
        return None
    return TrainingTable(known.table, known.parts, in_order=False)


def _unseen_rows(
    known: KnownRows, training: TrainingTable | None, *, all_rows: bool, warnings: list[str]
) -> ScoredRows:
    """Return the rows of a table that the run has not seen, with a note on the others."""
    table, test, new = known.table, known.mask("test"), known.new
    unseen = test | new
    if all_rows or not known.certain or not unseen.any() or unseen.all():
        warnings += known.seen_note("their scores look better than those of new rows")
        return ScoredRows(table, np.ones(len(table), bool), table.name, training)
    warnings += known.left_out_note(unseen, "scored")
    whole = known.rows is not None and not new.any()
    name = _TEST_PART if whole else f"{known.kinds_of(unseen)} of {table.name}"
    return ScoredRows(table, unseen, name, training)


def _out_of_fold(paths: directory.RunPaths | None) -> str:
    """Return the scores of a run with folds on the rows that each network had not seen."""
    if paths is None or not is_file(paths.metrics_json):
        return ""
    scores = files.read_json(paths.metrics_json).get("out_of_fold")
    if not scores:
        return ""
    first = list(scores.items())[:_SHOWN_SCORES]
    shown = ", ".join(f"{metric_title(name)} {value:.4g}" for name, value in first if value)
    return f"; out of fold, as metrics.json has it: {shown}"


def _own_rows(
    training: TrainingTable, all_rows: bool, notes: Sequence[str], warnings: list[str]
) -> ScoredRows:
    """Return the test rows of the run's table, with `notes`, or all rows that it did not drop."""
    table, test = training.table, training.mask("test")
    if test.any() and not all_rows:
        warnings += notes
        return ScoredRows(table, test, _TEST_PART, training)
    warnings.append(_own_table(table))
    mask = np.asarray(training.parts != DROPPED)
    if dropped := len(table) - int(mask.sum()):
        warnings.append(f"rows without a target, which the run dropped, are left out: {dropped}")
    return ScoredRows(table, mask, table.name, training)


def _own_table(table: Table) -> str:
    return (
        f"{table.name} is the table that the run was trained on: "
        "the rows it was trained on make its scores look better"
    )


def _training_table(paths: RunPaths | None, warnings: list[str]) -> TrainingTable | None:
    """Return the run's table; None, with a warning, if it is not there."""
    if paths is None:
        return None
    try:
        return open_training_table(paths.folder)
    except (DataError, RunError) as error:
        warnings.append(
            f"no baselines, because the training rows are not available: {error.problems[0]}"
        )
        return None
