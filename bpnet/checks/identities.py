"""Columns that identify what several rows are about, such as a customer."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bpnet.checks.distinct_values import Distinct, are_whole
from bpnet.checks.findings import Finding
from bpnet.data.encoding.columns import BooleanColumn, EmbeddingColumn
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.encoding.settings import AutoCategories
from bpnet.data.identifiers import is_person, is_time_name
from bpnet.engine.component import Array
from bpnet.messages import set_option, text_value
from bpnet.preparation.fit import FittedDataset

_FEWEST_ENTITIES = 10
"""Different values of a column that identifies something, at least."""
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
_CHECKED_ROWS = 5000
_CHECKED_COLUMNS = 100


def repeated_ids(
    fitted: FittedDataset,
    cells: Mapping[str, Array],
    distinct: Mapping[str, Distinct],
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
        if found.rows > _MOST_ROWS_OF_ONE * values or not are_whole(cells[name]):
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
        learned = set_option("dataset.preprocessing.columns", "embedding", name)
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


def _is_panel(one: Distinct, times: Distinct) -> bool:
    """Return whether each value is in several rows, of which no two have the same time."""
    complete = len(one.codes) == one.rows == times.rows
    if not complete or one.rows < max(_ROWS_IN_PANEL * len(one.counts), 2 * len(times.counts)):
        return False
    pairs = np.unique(one.codes * len(times.counts) + times.codes)
    return len(pairs) == len(one.codes)


def _varies(found: Distinct) -> bool:
    """Return whether no value is in nearly all rows."""
    return len(found.counts) > 1 and bool(found.counts.max() < _MOST_OF_ONE_VALUE * found.rows)


def _determines(identity: Array, codes: Array) -> bool:
    """Return whether rows of the same identity (N,) have the same code (N,), and there are such."""
    both = (identity >= 0) & (codes >= 0)
    pairs = np.unique(identity[both] * (codes.max() + 1) + codes[both])
    identities = len(np.unique(identity[both]))
    return len(pairs) == identities and both.sum() >= 1.5 * identities
