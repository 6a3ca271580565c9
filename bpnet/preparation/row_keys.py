"""The keys that rows are split by: the class, the group and the time of each."""

from dataclasses import dataclass

import numpy as np

from bpnet.data.missing_words import not_missing_advice
from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.errors import DataError
from bpnet.messages import like_it, quoted_cell
from bpnet.preparation.open import OpenedDataset
from bpnet.preparation.target_values import Mask


@dataclass(frozen=True)
class RowKeys:
    """The class, group and time (N,) of each row; None for those that the config does not use."""

    classes: Indices | None
    groups: Indices | None
    times: Floats | None


def read_row_keys(opened: OpenedDataset) -> RowKeys:
    """Read the keys that the split uses; raise DataError if a row lacks one."""
    split, target_values = opened.loaded.config.dataset.split, opened.target_values
    classes = groups = times = None
    if split.stratifies(target_values.task) and target_values.classes:
        classes = target_values.values.astype(np.intp)
    if split.group is not None:
        groups = opened.whole_columns[split.group].as_values()[0].astype(np.intp)
    if opened.times is not None:
        times = opened.times.values
    if split.group is not None and groups is not None:
        _refuse_missing(groups < 0, split.group, opened)
    return RowKeys(classes, groups, times)


def _refuse_missing(missing: Mask, column: str, opened: OpenedDataset) -> None:
    """Raise DataError if a row that is not dropped has no group."""
    if opened.target_values.dropped is not None:
        missing = missing & ~opened.target_values.dropped
    if missing.any():
        row = int(np.argmax(missing))
        cell = opened.whole_columns[column].take(np.array([row])).written_cells()[0]
        problem = f"{quoted_cell(cell)} is a missing value" if cell else "is blank"
        raise DataError(
            f"{opened.table.where(row)}, column '{column}': {problem}, but "
            "dataset.split.group needs it in every row; fill it in, or drop the row"
            f"{like_it(int(missing.sum()), 'rows')}{not_missing_advice(cell)}"
        )
