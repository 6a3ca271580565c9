"""Rare classes: those with too few rows to be both trained on and tested in a cross-validation."""

from collections.abc import Sequence

import numpy as np

from bpnet.data.splitting import Indices
from bpnet.messages import quoted_list
from bpnet.preparation.row_keys import RowKeys
from bpnet.preparation.target_values import Mask, TargetValues


def rows_that_always_train(
    target_values: TargetValues, keys: RowKeys, rows: Indices | None = None
) -> Mask:
    """Return the mask (N,) of the rows that are in the training or validation part of every fold.

    They are the only ones of their class; of rows in groups, the only group. Folds by time take
    the rows as they come. `rows` are those to fold, by default all that have a target.
    """
    always = np.zeros(len(target_values.values), bool)
    if not target_values.classes or keys.times is not None:
        return always
    rows = target_values.kept_rows if rows is None else rows
    units: Indices = np.arange(len(rows)) if keys.groups is None else keys.groups[rows]
    # the pairs of a class and a unit that occur
    pairs = np.unique(np.column_stack([target_values.values[rows], units]), axis=0)  # (P, 2)
    units_of_class = np.bincount(pairs[:, 0], minlength=len(target_values.classes))
    only = pairs[units_of_class[pairs[:, 0]] == 1, 1]
    always[rows] = np.isin(units, only)
    return always


def rare_class_warnings(
    target_values: TargetValues, keys: RowKeys, folds: int, folded: Indices | None = None
) -> list[str]:
    """Warn of classes that are in fewer folds than there are.

    `folded` are the rows to fold, by default all that have a target.
    """
    if not target_values.classes or keys.times is not None:
        return []
    folded = target_values.kept_rows if folded is None else folded
    always = rows_that_always_train(target_values, keys, folded)[folded]
    classes, labels = target_values.values[folded], target_values.classes
    rows, tested = (
        np.bincount(classes, minlength=len(labels)),
        np.bincount(classes[~always], minlength=len(labels)),
    )
    never = [label for label, n in zip(labels, tested, strict=True) if n == 0]
    few = [label for label, n, m in zip(labels, rows, tested, strict=True) if n < folds and m]
    texts = []
    if never:
        where = "in one row" if keys.groups is None else "in one group"
        texts.append(
            f"{_classes(never)} only {where}, which trains in every fold and is tested in none"
        )
    if few:
        texts.append(
            f"{_classes(few)} in fewer rows than there are folds, so that some folds have none "
            "to test"
        )
    return texts


def _classes(labels: Sequence[str]) -> str:
    one = len(labels) == 1
    return f"{'class' if one else 'classes'} {quoted_list(labels)} {'is' if one else 'are'}"
