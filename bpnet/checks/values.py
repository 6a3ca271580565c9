"""Values of features that ask for another role, encoding or split."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set

import numpy as np

from bpnet.checks.distinct_values import Distinct, are_whole, distinct_values
from bpnet.checks.findings import Finding
from bpnet.checks.identities import repeated_ids
from bpnet.data.encoding.columns import (
    NumericColumn,
    OneHotColumn,
)
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.identifiers import is_time
from bpnet.data.spelling import number_spelling
from bpnet.data.splitting import names_parts
from bpnet.engine.component import Array
from bpnet.messages import named, quoted_list, set_option, text_value
from bpnet.preparation.fit import FittedDataset

_MOST_CODES = 10
"""Whole numbers with more distinct values are taken for amounts."""
_MOST_OPTIONS = 3
_ROWS_PER_CODE = 10
_AMOUNTS_PER_CODE = 4
_MANY_CATEGORIES, _ROWS_PER_CATEGORY = 50, 200
_RARE = 5
"""Categories of fewer rows share an input."""
_COUNT_NAME = re.compile(r"(?i)(.*[ _.-])?(freq|frequency|count|counts|n|cases|weight|weights|wt)")
_MOST_LEVELS = 20
"""Different values of each column beside a count in a contingency table, at most."""


def value_findings(fitted: FittedDataset, cells: Mapping[str, Array]) -> Iterator[Finding]:
    """Yield what the cells (N,) of each column in some training rows show."""
    distinct = {name: distinct_values(column) for name, column in cells.items()}
    times = [name for name in fitted.encoder.features if _is_time(fitted, name, cells[name])]
    repeated = list(repeated_ids(fitted, cells, distinct, times))
    yield from repeated
    # of these the encoding has been spoken of already
    identities = {name for finding in repeated for name in finding.columns}
    yield from _many_categories(fitted, distinct, identities)
    yield from _codes(fitted, cells, distinct)
    yield from _dates(fitted, times)
    yield from _counts(fitted, cells, distinct)
    yield from _numbers_as_classes(fitted)
    yield from _parts(fitted, cells)


def _codes(
    fitted: FittedDataset, cells: Mapping[str, Array], distinct: Mapping[str, Distinct]
) -> Iterator[Finding]:
    """Note the numbers that may be codes: few distinct ones, all whole."""
    given = fitted.split.loaded.config.dataset.roles
    whole = [
        column.name
        for column in fitted.encoder.columns
        if isinstance(column, NumericColumn)
        and column.name not in given
        and len(distinct[column.name].counts) > 2
        and are_whole(cells[column.name])
    ]
    found = [
        name
        for name in whole
        if len(distinct[name].counts) <= _MOST_CODES
        and distinct[name].rows >= _ROWS_PER_CODE * len(distinct[name].counts)
    ]
    # among many whole numbers of more values, they are amounts too, such as dark pixels
    if not found or len(whole) > _AMOUNTS_PER_CODE * len(found):
        return
    first = found[0]
    values = np.unique(cells[first][~np.isnan(cells[first])])
    example = f"{len(values)}: {values[0]:.0f} to {values[-1]:.0f}"
    example = example if len(found) == 1 else f"'{first}' has {example}"
    yield Finding(
        "few_whole_numbers",
        "note",
        f"{named('column', found, 5)} {'has' if len(found) == 1 else 'have'} few values, all whole "
        f"numbers ({example})",
        "if they are codes rather than amounts: "
        + " ".join(
            set_option("dataset.roles", "categorical", name) for name in found[:_MOST_OPTIONS]
        )
        + (" and so on" if len(found) > _MOST_OPTIONS else ""),
        found,
    )


def _many_categories(
    fitted: FittedDataset, distinct: Mapping[str, Distinct], identities: Set[str]
) -> Iterator[Finding]:
    """Report one-hot columns of so many categories that they are most of the inputs."""
    for column in fitted.encoder.columns:
        found = distinct[column.name]
        many = len(found.counts) >= max(_MANY_CATEGORIES, found.rows / _ROWS_PER_CATEGORY)
        if isinstance(column, OneHotColumn) and many and column.name not in identities:
            rare = int((found.counts < _RARE).sum())
            few = f", {rare:,} of them in fewer than {_RARE}" if rare else ""
            yield Finding(
                "many_categories",
                # common categories are learned as they are; rare ones share an input
                "warning" if rare else "note",
                f"column '{column.name}' has {len(found.counts):,} categories in "
                f"{found.rows:,} training rows{few}",
                "a trained vector of each takes fewer inputs: "
                + set_option("dataset.preprocessing.columns", "embedding", column.name),
                [column.name],
            )


def _is_time(fitted: FittedDataset, name: str, cells: Array) -> bool:
    """Return whether a feature's cells (N,) seem to be the times of the rows."""
    encoded = {column.name: column for column in fitted.encoder.columns}
    return isinstance(encoded[name], NumericColumn) and is_time(name, cells)


def _dates(fitted: FittedDataset, times: Sequence[str]) -> Iterator[Finding]:
    """Note a column of dates, or of `times`, by which the rows may be split."""
    split = fitted.config.dataset.split
    if split.time or split.group or split.column or not split.shuffle:
        return
    dates = [column.name for column in fitted.encoder.columns if isinstance(column, DateColumn)]
    for kind, names in (("dates", dates), ("times", times)):
        if names:
            holds = "holds" if len(names) == 1 else "hold"
            yield Finding(
                kind,
                "note",
                f"{named('column', names, 5)} {holds} {kind}, and the rows of each part are drawn "
                "at random",
                "if the model is to predict later rows than it has seen: "
                + set_option("dataset.split.time", text_value(names[0])),
                names,
            )


def _counts(
    fitted: FittedDataset, cells: Mapping[str, Array], distinct: Mapping[str, Distinct]
) -> Iterator[Finding]:
    """Note a feature that seems to count the cases of each row, as in a contingency table.

    It is called so, and no combination of the other features, which have few values, is in more
    rows than there are classes.
    """
    dataset, features = fitted.config.dataset, fitted.encoder.features
    named = [name for name in features if _COUNT_NAME.fullmatch(name)]
    classes = len(fitted.split.target_values.classes)
    if len(named) != 1 or not classes or len(features) < 2 or dataset.sample_weight:
        return
    (name,) = named
    others = [distinct[other] for other in features if other != name]
    amounts = cells[name]
    if amounts.dtype == object or not (are_whole(amounts) and (amounts >= 0).all()):
        return
    if any(len(other.counts) > _MOST_LEVELS for other in others):
        return
    rows = np.column_stack([other.codes for other in others])
    if np.unique(rows, axis=0, return_counts=True)[1].max() <= classes:
        yield Finding(
            "counts",
            "note",
            f"column '{name}' seems to count the cases that each row stands for, and is used as a "
            "feature",
            "if so, let it weight the rows: "
            + set_option("dataset.sample_weight", text_value(name)),
            [name],
        )


def _numbers_as_classes(fitted: FittedDataset) -> Iterator[Finding]:
    """Note a target of whole numbers that are classes, but hardly codes."""
    loaded, target = fitted.split.loaded, fitted.split.target_values
    declared = fitted.split.table.declared_categories
    if loaded.config.task is not None or declared.issuperset(target.names):
        return
    numbers = [number_spelling(text) for text in target.classes]
    if len(numbers) <= 2 or not all(numbers):
        return
    values = sorted(float(number) for number in numbers if number)
    lowest, highest = values[0], values[-1]
    if lowest in (-1, 0, 1) and highest - lowest < len(values) <= _MOST_CODES:
        return
    yield Finding(
        "numbers_as_classes",
        "note",
        f"the {len(values)} classes of '{target.names[0]}' are whole numbers, {lowest:.0f} to "
        f"{highest:.0f}",
        f"if it is a quantity: {set_option('task', 'regression')}",
    )


def _parts(fitted: FittedDataset, cells: Mapping[str, Array]) -> Iterator[Finding]:
    """Note a feature whose words name the parts of a split."""
    if fitted.config.dataset.split.column is not None:
        return
    for name in fitted.encoder.features:
        column = cells[name]
        if column.dtype != object or name in fitted.split.loaded.config.dataset.roles:
            continue
        words = list(dict.fromkeys(cell for cell in column if cell is not None))
        if len(words) > 1 and names_parts(words):
            yield Finding(
                "split_column",
                "note",
                f"column '{name}' holds the words {quoted_list(sorted(words))}, and is used as a "
                "feature",
                "if it says which rows are to train and to test: "
                + set_option("dataset.split.column", text_value(name))
                + "; if not, leave it out: "
                + set_option("dataset.roles", "ignored", name),
                [name],
            )
