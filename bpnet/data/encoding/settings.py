"""Settings of the encoding: what is made of a column, each choice one component."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from bpnet.engine.component import Component, FieldError, number


@dataclass(frozen=True, kw_only=True)
class Standardize(Component):
    """To mean 0 and standard deviation 1."""

    kind: Literal["standardize"] = "standardize"


@dataclass(frozen=True, kw_only=True)
class Robust(Component):
    """To median 0 and interquartile range 1: heavy tails do not move it."""

    kind: Literal["robust"] = "robust"


@dataclass(frozen=True, kw_only=True)
class Quantile(Component):
    """To a normal distribution, by the ranks of `quantiles` training values."""

    kind: Literal["quantile"] = "quantile"
    quantiles: int = number(256, ge=2, le=10_000)


@dataclass(frozen=True, kw_only=True)
class MinMax(Component):
    """To 0 … 1."""

    kind: Literal["min_max"] = "min_max"


@dataclass(frozen=True, kw_only=True)
class L2Rows(Component):
    """The numeric columns of each row, together, to length 1."""

    kind: Literal["l2_rows"] = "l2_rows"


@dataclass(frozen=True, kw_only=True)
class NoScaling(Component):
    """As it is."""

    kind: Literal["none"] = "none"


@dataclass(frozen=True, kw_only=True)
class OneHot(Component):
    """An input for each level; those of fewer than `rare` training rows, or beyond the `most` commonest, share one."""

    kind: Literal["one_hot"] = "one_hot"
    rare: int = number(5, ge=1)
    most: int = number(100, ge=1)


@dataclass(frozen=True, kw_only=True)
class Ordinal(Component):
    """One input from 0 (the first level) to 1 (the last), in the given order, else by size or the alphabet."""

    kind: Literal["ordinal"] = "ordinal"
    order: Annotated[list[str], Field(min_length=2)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        twice = [
            level for k, level in enumerate(self.order or []) if level in (self.order or [])[:k]
        ]
        if twice:
            raise FieldError("order", f"names '{twice[0]}' twice; name each level once")


@dataclass(frozen=True, kw_only=True)
class Embedded(Component):
    """A learned vector for each level, by default of 1.6 n^0.56 numbers for n levels; rare levels share one.

    The size is that of fastai: https://docs.fast.ai/tabular.model.html
    """

    kind: Literal["embedding"] = "embedding"
    size: int | None = number(None, ge=1, le=1000)
    rare: int = number(5, ge=1)


@dataclass(frozen=True, kw_only=True)
class DateParts(Component):
    """Time elapsed, and month, weekday and hour as points on a circle; `format` is that of strptime."""

    kind: Literal["date"] = "date"
    format: str | None = None


@dataclass(frozen=True, kw_only=True)
class Impute(Component):
    """A gap becomes the `numeric` figure of the column, or its most frequent level.

    With `indicator` a column that had gaps among the training rows gets an input that says where.
    """

    kind: Literal["impute"] = "impute"
    numeric: Literal["median", "most_frequent"] = "median"
    indicator: bool = True


@dataclass(frozen=True, kw_only=True)
class Refuse(Component):
    """A gap is an error."""

    kind: Literal["refuse"] = "refuse"


AnyScaling = Standardize | Robust | Quantile | MinMax | NoScaling
AnyCategorical = OneHot | Ordinal | Embedded
AnyMissing = Impute | Refuse
AnyOfColumn = AnyScaling | AnyCategorical | DateParts
