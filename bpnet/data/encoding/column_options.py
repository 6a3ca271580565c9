"""Options of a column: its role, and how its cells are to be encoded."""

from dataclasses import dataclass
from typing import Literal

from bpnet.data.encoding.settings import AnyCategorical, AnyMissing, AnyScaling

Role = Literal["numeric", "categorical", "boolean", "date", "ignored"]


@dataclass(frozen=True)
class ColumnOptions:
    """How a column is to be encoded; those that do not suit its role do not count."""

    role: Role
    scaling: AnyScaling
    categorical: AnyCategorical
    missing: AnyMissing
    date_format: str | None = None
