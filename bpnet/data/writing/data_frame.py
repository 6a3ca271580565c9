"""Data frames of pandas, for Python: columns that were added to a table, and others."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bpnet.data.writing.labels import LabelColumn
from bpnet.data.writing.numbers import Numbers
from bpnet.data.writing.writer import AddedColumns
from bpnet.engine.component import Array

if TYPE_CHECKING:
    from pandas import DataFrame as DataFrame
    from pandas import Series as Series


def joined(chunks: Sequence[AddedColumns]) -> dict[str, Any]:
    """Return the columns of consecutive chunks, each whole.

    Numbers are float64, labels are true and false, numbers or text, as Parquet has them too.
    """
    return {name: _joined([chunk[name] for chunk in chunks]) for name in chunks[0]}


def data_frame(columns: Mapping[str, Any], index: Any = None) -> "DataFrame":
    """Return columns as a data frame; by default its index counts the rows from 0."""
    import pandas  # deferred: takes half a second

    return pandas.DataFrame(dict(columns), index=index)


def label_positions(cells: Any, labels: Sequence[Any]) -> Array:
    """Return the position of each cell (N,) among labels."""
    import pandas  # loaded already

    return np.asarray(pandas.Index(labels).get_indexer(cells))


def _joined(parts: Sequence[list[str] | LabelColumn | Numbers]) -> Any:
    """Return the cells of consecutive chunks (N,), which are of one kind."""
    first = parts[0]
    if isinstance(first, Numbers):
        return np.concatenate([part.values for part in parts if isinstance(part, Numbers)])
    if isinstance(first, LabelColumn):
        import pandas  # loaded already

        labels = pandas.Series(first.values)
        codes = [code for part in parts if isinstance(part, LabelColumn) for code in part.codes]
        return labels.take(codes).array
    texts = [text for part in parts if isinstance(part, list) for text in part]
    return texts or np.empty(0, "U")  # of an empty list, pandas makes numbers
