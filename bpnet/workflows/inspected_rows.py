"""The rows that an inspection asks a model about: held-out ones, unless others are named."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from bpnet.data.reading import Table, open_table
from bpnet.data.reading.settings import Reading
from bpnet.data.splitting import PartNumbers
from bpnet.engine.component import Array
from bpnet.errors import DataError
from bpnet.messages import shell_path
from bpnet.models.ensemble import Ensemble
from bpnet.paths import is_file
from bpnet.runs import directory
from bpnet.runs.splits import DROPPED, read_splits
from bpnet.workflows.known_rows import known_rows
from bpnet.workflows.row_groups import group_column
from bpnet.workflows.training_table import TrainingTable, reopen_table
from bpnet.workflows.unseen_rows import unseen_rows

_RELIES_MORE = "on rows that it has seen a model relies on more than helps it with others"

RowsOf = Literal["test", "out_of_fold", "validation", "table"]


@dataclass(frozen=True)
class ChosenRows:
    """A table, the mask (N,) of the rows to ask about, and what they are.

    `group` is the column by whose groups the run was split. `unseen` has for each member the mask
    (R, N) of the rows that its networks held out, where rows are predicted out of fold.
    """

    table: Table
    mask: Array
    rows_of: RowsOf
    group: str | None
    unseen: list[Array] | None = None


def choose_inspected_rows(
    run: Path,
    data: str | None,
    reading: Reading,
    model: Ensemble,
    *,
    all_rows: bool,
    option: str,
    warnings: list[str],
    command: str = "",
) -> ChosenRows:
    """Return the rows to ask a model about.

    Of the run's own table they are the test rows; without any those that networks of folds held
    out, and without folds the validation rows. Of another table they are the rows that the run has
    not seen, as far as this is certain. Warnings are added to the list; `option` is what the advice
    repeats, and `command`, if there is one, is typed again with a table on standard input.

    Raises
    ------
    RunError
        The run is damaged.
    DataError
        The table cannot be read, or the run has no rows that it has not trained on.
    """
    paths, group, known = directory.run_of(run), group_column(run), None
    advice = f"bpnet eval {shell_path(run)} DATA {option}"
    if data is None:
        paths = directory.open_run(run)
        paths.require("config.yaml", "splits.csv")
        elsewhere = f"; name it where it is now, or another: {advice}"
        table = reopen_table(paths, elsewhere, command=command)
    else:
        table = open_table(data, reading)
        warnings += table.warnings
        own = None if paths is None else directory.data_sha256(paths.folder)
        if paths is None or own != table.digest or not is_file(paths.splits):
            known = known_rows(paths, model, table)
            if known is not None and (all_rows or not known.certain):
                warnings += known.seen_note(_RELIES_MORE)
            if paths is None or known is None or all_rows or not known.certain:
                return ChosenRows(table, np.ones(len(table), bool), "table", group)
    parts: PartNumbers | None = None
    rows, new = len(table), np.zeros(len(table), bool)
    if known is not None:
        parts, new, rows = known.parts, known.new, len(known.run_rows.positions)
    elif not is_file(paths.folds_csv):
        parts = read_splits(paths.splits, rows)
    if all_rows:
        warnings.append(f"{table.name} is the table that the run was trained on: {_RELIES_MORE}")
        mask = np.ones(len(table), bool) if parts is None else np.asarray(parts != DROPPED)
        return ChosenRows(table, mask, "table", group)
    training = None if parts is None else TrainingTable(table, parts)
    test = new if training is None else training.mask("test") | new
    if test.any():
        if known is not None:
            warnings += known.left_out_note(test, "asked about")
        return ChosenRows(table, test, "table" if new.any() else "test", group)
    unseen = unseen_rows(paths, model, rows)
    if unseen is not None and known is not None:
        unseen = [known.unseen(masks) for masks in unseen]
    if unseen is not None and (covered := _covered(model, unseen)).any():
        return ChosenRows(table, covered, "out_of_fold", group, unseen)
    if training is not None and training.mask("validation").any():
        return ChosenRows(table, training.mask("validation"), "validation", group)
    raise DataError(
        f"{run}: the run held out no rows, and on rows that it has trained on a model relies on "
        f"more than helps it with others; name a table with other rows: {advice}; or ask about "
        f"the training rows all the same: bpnet eval {shell_path(run)} {option} --all-rows"
    )


def _covered(model: Ensemble, unseen: Sequence[Array]) -> Array:
    """Return the mask (N,) of the rows that can be predicted by networks that held them out."""
    each = [masks.any(axis=0) for masks in unseen]
    combine = np.logical_or if model.combination is None else np.logical_and
    return np.asarray(combine.reduce(each))
