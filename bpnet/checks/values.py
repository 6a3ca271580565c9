"""Values of features that ask for another role, encoding or split."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from bpnet.checks.findings import Finding
from bpnet.data.encoding.columns import (
    BooleanColumn,
    EmbeddingColumn,
    NumericColumn,
    OneHotColumn,
)
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.encoding.settings import AutoCategories
from bpnet.data.identifiers import is_person, is_time, is_time_name
from bpnet.data.spelling import number_spelling
from bpnet.data.splitting import names_parts
from bpnet.engine.component import Array
from bpnet.messages import named, quoted_list, set_option, text_value
from bpnet.preparation.fit import FittedDataset

_ROLES, _ENCODINGS = "dataset.roles", "dataset.preprocessing.columns"

_MOST_CODES = 10
"""Whole numbers with more distinct values are taken for amounts."""
_MOST_OPTIONS = 3
_ROWS_PER_CODE = 10
_AMOUNTS_PER_CODE = 4
_MANY_CATEGORIES, _ROWS_PER_CATEGORY = 50, 200
_RARE = 5
"""Categories of fewer rows share an input."""
_FEWEST_ENTITIES = 10
_FEWEST_PEOPLE = 3
"""The same, of patients, customers and the like, as the column is called."""
_MOST_ROWS_OF_ONE = 100
"""Mean rows of each value, above which a column is a category rather than an identity."""
_DETERMINED = 2
"""The number of other columns that must be the same in all rows of an identity."""
_ROWS_IN_PANEL = 3
"""Rows of each identity in a panel, at least, on average."""
_MOST_OF_ONE_VALUE = 0.9
_ENTITY_NAME = re.compile(
    r"""(?x)
    (?i: (.*[\ _.-])? (id|uuid|guid|key|patient|customer|client|user|subject|person|member|player
        |student|employee|household|family|account|device|sensor|machine|engine|vehicle|animal
        |plant|store|shop|site|session|participant|respondent|pupil|child|individual)
        ([\ _.-](id|no|nr|number|code|key))? )
    | [A-Za-z0-9]*[a-z0-9]I[Dd]
    """
)
"""Names of columns that identify what a row is about."""
_COUNT_NAME = re.compile(r"(?i)(.*[ _.-])?(freq|frequency|count|counts|n|cases|weight|weights|wt)")
_MOST_LEVELS = 20
"""Different values of each column beside a count in a contingency table, at most."""
_CHECKED_ROWS = 5000
_CHECKED_COLUMNS = 100


@dataclass(frozen=True)
class _Distinct:
    """A column's distinct values: the code (N,) of each cell, and the number of each code."""

    codes: Array
    counts: Array

    @property
    def rows(self) -> int:
        """The number of rows with a value."""
        return int(self.counts.sum())


def value_findings(fitted: FittedDataset, cells: Mapping[str, Array]) -> Iterator[Finding]:
    """Yield what the cells (N,) of each column in some training rows show."""
    distinct = {name: _distinct(column) for name, column in cells.items()}
    times = [name for name in fitted.encoder.features if _is_time(fitted, name, cells[name])]
    repeated = list(_repeated_ids(fitted, cells, distinct, times))
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
    fitted: FittedDataset, cells: Mapping[str, Array], distinct: Mapping[str, _Distinct]
) -> Iterator[Finding]:
    """Note the numbers that may be codes: few distinct ones, all whole."""
    given = fitted.split.loaded.config.dataset.roles
    whole = [
        column.name
        for column in fitted.encoder.columns
        if isinstance(column, NumericColumn)
        and column.name not in given
        and len(distinct[column.name].counts) > 2
        and _whole(cells[column.name])
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
        + " ".join(set_option(_ROLES, "categorical", name) for name in found[:_MOST_OPTIONS])
        + (" and so on" if len(found) > _MOST_OPTIONS else ""),
        found,
    )


def _many_categories(
    fitted: FittedDataset, distinct: Mapping[str, _Distinct], identities: Set[str]
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
                + set_option(_ENCODINGS, "embedding", column.name),
                [column.name],
            )


def _repeated_ids(
    fitted: FittedDataset,
    cells: Mapping[str, Array],
    distinct: Mapping[str, _Distinct],
    times: Sequence[str],
) -> Iterator[Finding]:
    """Warn of columns that identify what several rows are about, such as a customer.

    They have the name of such a column, determine others, or tell rows of the same of the `times`
    apart, as in a panel.
    """
    split = fitted.config.dataset.split
    if split.group is not None or split.time is not None or split.column is not None:
        return
    encoded = {column.name: column for column in fitted.encoder.columns}
    sample = slice(0, _CHECKED_ROWS)
    for name, found in list(distinct.items())[:_CHECKED_COLUMNS]:
        values, repeated = len(found.counts), int((found.counts > 1).sum())
        column = encoded.get(name)
        if isinstance(column, BooleanColumn | DateColumn):
            continue
        if isinstance(column, EmbeddingColumn) and _is_chosen(fitted, name):
            continue
        is_named = bool(_ENTITY_NAME.fullmatch(name))
        fewest = _FEWEST_PEOPLE if is_person(name) else _FEWEST_ENTITIES
        if not fewest <= values <= found.rows / 1.5 or repeated < values / 2:
            continue
        if found.rows > _MOST_ROWS_OF_ONE * values or not _whole(cells[name]):
            continue
        others = [
            one.codes[sample] for other, one in distinct.items() if other != name and _varies(one)
        ][:_CHECKED_COLUMNS]
        determined = sum(_determines(found.codes[sample], codes) for codes in others)
        if is_time_name(name):
            continue
        panel = any(_is_panel(found, distinct[time]) for time in times)
        if not (is_named or panel or determined >= max(_DETERMINED, len(others) / 4)):
            continue
        learned = set_option(_ENCODINGS, "embedding", name)
        yield Finding(
            "repeated_ids",
            "warning",
            f"column '{name}' seems to identify something that several rows are about: "
            f"{values:,} values in {found.rows:,} training rows, up to {found.counts.max():,} rows "
            "each; rows of the same one in two parts make the metrics too good",
            f"keep them together: {set_option('dataset.split.group', text_value(name))}; if new "
            f"rows will be about the same ones, learn a vector of each instead: {learned}",
            [name],
        )


def _is_chosen(fitted: FittedDataset, name: str) -> bool:
    """Return whether the config says how a column of categories is encoded."""
    settings = fitted.config.dataset.preprocessing
    return name in settings.columns or not isinstance(settings.categorical, AutoCategories)


def _is_time(fitted: FittedDataset, name: str, cells: Array) -> bool:
    """Return whether a feature's cells (N,) seem to be the times of the rows."""
    encoded = {column.name: column for column in fitted.encoder.columns}
    return isinstance(encoded[name], NumericColumn) and is_time(name, cells)


def _is_panel(one: _Distinct, times: _Distinct) -> bool:
    """Return whether each value is in several rows, of which no two have the same time."""
    complete = len(one.codes) == one.rows == times.rows
    if not complete or one.rows < max(_ROWS_IN_PANEL * len(one.counts), 2 * len(times.counts)):
        return False
    pairs = np.unique(one.codes * len(times.counts) + times.codes)
    return len(pairs) == len(one.codes)


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
    fitted: FittedDataset, cells: Mapping[str, Array], distinct: Mapping[str, _Distinct]
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
    if amounts.dtype == object or not (_whole(amounts) and (amounts >= 0).all()):
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


def _distinct(cells: Array) -> _Distinct:
    """Return the codes (N,) of cells (N,), -1 for a missing value, and the rows of each code."""
    if cells.dtype == object:
        numbers: dict[str, int] = {}
        codes = np.array(
            [-1 if cell is None else numbers.setdefault(cell, len(numbers)) for cell in cells], int
        )
    else:
        missing = np.isnan(cells)
        codes = np.full(len(cells), -1)
        codes[~missing] = np.unique(cells[~missing], return_inverse=True)[1]
    return _Distinct(codes, np.bincount(codes[codes >= 0]))


def _whole(cells: Array) -> bool:
    """Return whether all cells are texts, or all whole numbers."""
    if cells.dtype == object:
        return True
    present = cells[~np.isnan(cells)]
    return bool((present == np.floor(present)).all())


def _varies(found: _Distinct) -> bool:
    """Return whether no value is in nearly all rows."""
    return len(found.counts) > 1 and bool(found.counts.max() < _MOST_OF_ONE_VALUE * found.rows)


def _determines(identity: Array, codes: Array) -> bool:
    """Return whether rows of the same identity (N,) have the same code (N,), and there are such."""
    both = (identity >= 0) & (codes >= 0)
    pairs = np.unique(identity[both] * (codes.max() + 1) + codes[both])
    identities = len(np.unique(identity[both]))
    return len(pairs) == identities and both.sum() >= 1.5 * identities
