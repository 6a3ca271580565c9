"""The cells that an exported model takes: the columns of a table, each as numbers or texts."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from bpnet.data.encoding.columns import EncodedColumn, NumericColumn
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.reading.chunk import Chunk
from bpnet.data.targets import Classes, Quantities
from bpnet.engine.component import Array
from bpnet.errors import UsageError
from bpnet.models.ensemble import Ensemble

CellKind = Literal["number", "date", "text"]
"""The cells of a column: a number, days since 1970-01-01, or a text.

A missing value is NaN, or a blank text.
"""


class Feature(NamedTuple):
    """A column that an exported model takes, with the encoded column of each different encoder."""

    name: str
    kind: CellKind
    columns: Sequence[EncodedColumn]

    def cells(self, chunk: Chunk) -> Array:
        """Return the cells (N,) of a chunk's rows, as the model takes them."""
        column, cells = self.columns[0], chunk.column(self.name)
        if isinstance(column, NumericColumn):
            return column.numbers(cells)
        if isinstance(column, DateColumn):
            return column.days(cells)
        return np.array(cells.written_cells(), np.object_)


def features_of(model: Ensemble) -> list[Feature]:
    """Return the columns that a model reads; raises UsageError if members read one differently."""
    columns: dict[str, list[EncodedColumn]] = {}
    for encoder in model.encoders[0]:
        for column in encoder.columns:
            columns.setdefault(column.name, []).append(column)
    features = []
    for name, each in columns.items():
        kinds = sorted({_kind(column) for column in each})
        if len(kinds) > 1:
            raise UsageError(
                f"the members of the model read the column '{name}' as {' and as '.join(kinds)}, "
                "and an exported model takes it as one of them; export one network: --replica 1"
            )
        features.append(Feature(name, kinds[0], each))
    return features


def output_names(model: Ensemble, features: Sequence[Feature]) -> list[str]:
    """Return the names of the outputs; one that a column has is followed by _."""
    target, taken = model.description.target, {feature.name for feature in features}
    names = (
        ["value"]
        if isinstance(target, Quantities)
        else ["label" if isinstance(target, Classes) else "labels", "probabilities"]
    )
    return [_free(name, taken) for name in names]


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


Cells = Mapping[str, Array]
"""The cells (N,) of each column: float64, or texts."""

Outputs = Mapping[str, Array]
"""What a model answers: `label` (N,) and `probabilities` (N, C) of classes, `labels` and
`probabilities` (N, L) of labels, or `value` (N, K)."""


def _kind(column: EncodedColumn) -> CellKind:
    if isinstance(column, DateColumn):
        return "date"
    return "number" if isinstance(column, NumericColumn) else "text"
