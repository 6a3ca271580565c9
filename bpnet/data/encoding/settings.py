"""Settings of the encoding: what is made of a column, each choice one component."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from bpnet.data.dates.date_format import FormatError, date_format
from bpnet.data.spelling import Spelling
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
    """To a normal distribution, by rank among the training values."""

    kind: Literal["quantile"] = "quantile"
    quantiles: int = number(256, ge=2, le=10_000)
    """Number of quantiles of the training values that are kept; more follow the distribution
    closer. Example: `quantiles: 1000`.
    """


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
    """An input for each category; rare ones share one."""

    kind: Literal["one_hot"] = "one_hot"
    rare: int = number(5, ge=1)
    """Training rows that a category needs for an input of its own; rarer ones share an input. With
    1 none is rare. Example: `rare: 10`.
    """
    most: int = number(100, ge=1)
    """Largest number of categories with an input of their own; beyond it the rarest share an input.
    Example: `most: 50`.
    """


@dataclass(frozen=True, kw_only=True)
class Ordinal(Component):
    """One input from 0, the first category, to 1, the last."""

    kind: Literal["ordinal"] = "ordinal"
    order: Annotated[list[str], Field(min_length=2)] | None = None
    """All categories from the first to the last. By default whole numbers are in order of size,
    other texts in that of the alphabet. Example: `order: [low, medium, high]`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        order = self.order or []
        spelling = Spelling(order)
        first: dict[str, str] = {}
        for category in order:
            if (spelled := spelling(category)) in first:
                also = "" if first[spelled] == category else f", also as '{first[spelled]}'"
                raise FieldError(
                    "order", f"names '{category}' twice{also}; name each category once"
                )
            first[spelled] = category


@dataclass(frozen=True, kw_only=True)
class Embedded(Component):
    """A trained vector for each category; rare ones share one.

    The default size is that of fastai: https://docs.fast.ai/tabular.model.html
    """

    kind: Literal["embedding"] = "embedding"
    size: int | None = number(None, ge=1, le=1000)
    """Numbers in the vector of each category. By default 1.6 n^0.56 for n categories, at most 600.
    Example: `size: 8`.
    """
    rare: int = number(5, ge=1)
    """Training rows that a category needs for a vector of its own; rarer ones share a vector. With
    1 none is rare. Example: `rare: 10`.
    """


@dataclass(frozen=True, kw_only=True)
class DateParts(Component):
    """Time elapsed, and month, weekday and hour as points on a circle."""

    kind: Literal["date"] = "date"
    format: str | None = None
    """Format of the dates in the notation of strptime, with %q for a quarter, or `ISO 8601`. By
    default the training rows show it. Example: `format: "%d.%m.%Y"`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.format is not None:
            try:
                date_format(self.format)
            except FormatError as error:
                raise FieldError("format", f"is '{self.format}', which {error}") from None


@dataclass(frozen=True, kw_only=True)
class Impute(Component):
    """A missing value becomes the column's usual one: of categories the most frequent."""

    kind: Literal["impute"] = "impute"
    numeric: Literal["median", "most_frequent"] = "median"
    """Value in place of a missing number, from the training rows.
    Example: `numeric: most_frequent`.
    """
    indicator: bool = True
    """Add an input that marks missing values, for each column that had any among the training
    rows.
    """


@dataclass(frozen=True, kw_only=True)
class Refuse(Component):
    """A missing value is an error."""

    kind: Literal["refuse"] = "refuse"


AnyScaling = Standardize | Robust | Quantile | MinMax | NoScaling
AnyCategorical = OneHot | Ordinal | Embedded
AnyMissing = Impute | Refuse
AnyOfColumn = AnyScaling | AnyCategorical | DateParts
