"""Settings of the encoding: what is made of a column, each choice one component."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import Field

from bpnet.data.dates.date_format import FormatError, date_format
from bpnet.data.spelling import Spelling
from bpnet.engine.component import Component, FieldError, number, number_or


@dataclass(frozen=True, kw_only=True)
class Standardize(Component):
    """To mean 0 and standard deviation 1."""

    kind: Literal["standardize"] = "standardize"


@dataclass(frozen=True, kw_only=True)
class Robust(Component):
    """To median 0 and interquartile range 1: heavy tails do not move it."""

    kind: Literal["robust"] = "robust"


@dataclass(frozen=True, kw_only=True)
class RobustClip(Component):
    """To median 0 and interquartile range 1, then bent to stay between -3 and 3.

    With u = (value - median) / (q75 - q25) it is u / √(1 + (u/3)²), the smooth clipping of RealMLP
    (Holzmüller, Grinsztajn and Steinwart 2024, https://arxiv.org/abs/2407.04491). A column whose
    quartiles are equal, such as one that is mostly 0, becomes `quantile_normal` instead.
    """

    kind: Literal["robust_clip"] = "robust_clip"


@dataclass(frozen=True, kw_only=True)
class Quantile(Component):
    """To a normal distribution, by rank among the training values."""

    kind: Literal["quantile"] = "quantile"
    quantiles: int = number(256, ge=2, le=10_000)
    """Number of quantiles of the training values that are kept; more follow the distribution
    closer. Example: `quantiles: 1000`.
    """


@dataclass(frozen=True, kw_only=True)
class QuantileNormal(Component):
    """To a normal distribution, by mid-rank: of equal values, the middle of their ranks.

    It is Φ⁻¹(r), r = (values below + values at most as large) / 2n, kept between 0.5/n and
    1 - 0.5/n, for n training values. A heap of equal values, such as zeros, is one number inside,
    and not at the end as with `quantile`.
    """

    kind: Literal["quantile_normal"] = "quantile_normal"
    values: Literal["auto"] | int = number_or("auto", "auto", ge=2, le=100000)
    """Most different training values that are kept, 2 to 100,000. Of q among n rows no input is off
    by more than 2 Φ⁻¹(1 - 0.5/n) / (q - 1). auto is 400,000 / numeric columns, from 200 to 2000.
    Example: `values: 500`.
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


AnyScaling = Standardize | Robust | RobustClip | Quantile | QuantileNormal | MinMax | NoScaling
ScalingName = Literal[
    "standardize", "robust", "robust_clip", "quantile", "quantile_normal", "min_max", "none"
]


def scaling_named(name: ScalingName) -> AnyScaling:
    """Return the scaling of a name, with its defaults."""
    return next(kind for kind in get_args(AnyScaling) if kind.kind == name)()  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True)
class Periodic(Component):
    """The scaled number, and waves of it: cos(½π w u) and sin(½π w u) for frequencies w.

    u is the number as `robust_clip` scales it; the frequencies are drawn once, from the normal
    distribution N(0, sigma²), and are not trained. Gorishniy, Rubachev and Babenko (2022),
    https://arxiv.org/abs/2203.05556.
    """

    kind: Literal["periodic"] = "periodic"
    frequencies: Literal["auto"] | int = number_or("auto", "auto", ge=1, le=1000)
    """Number of frequencies, 1 to 1000, each of which adds two inputs. auto is 64 / numeric columns
    that vary, from 1 to 16. Example: `frequencies: 8`.
    """
    sigma: float = number(1.0, gt=0, le=100_000)
    """Standard deviation of the frequencies; the larger, the finer the waves. Beyond 100,000
    they are finer than the numbers are exact. Example: `sigma: 0.5`.
    """
    scale: ScalingName = "robust_clip"
    """Scaling of the number itself. Example: `scale: standardize`."""


@dataclass(frozen=True, kw_only=True)
class PiecewiseLinear(Component):
    """The scaled number, and an input for each bin of its range.

    The input of a bin is -1 below it, 1 above it, and rises linearly inside. Bins hold about as
    many rows each; a frequent value, such as 0, takes one bin at most. Gorishniy, Rubachev and
    Babenko (2022), https://arxiv.org/abs/2203.05556.
    """

    kind: Literal["piecewise_linear"] = "piecewise_linear"
    bins: Literal["auto"] | int = number_or("auto", "auto", ge=2, le=1000)
    """Most bins, 2 to 1000, each an input. auto is 128 / numeric columns that vary, from 2 to 16;
    from 10,000 training rows on it is 192 / numeric columns, from 2 to 32. Example: `bins: 32`.
    """
    scale: ScalingName = "quantile_normal"
    """Scaling of the number itself. Example: `scale: standardize`."""


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
    hot: float = number(1.0, gt=0)
    """Value of a category's input in its rows; it is 0 in all others. Example: `hot: 1.66`."""
    binary: Literal["one_hot", "plus_minus"] = "one_hot"
    """Inputs of columns of two categories, and of booleans. plus_minus makes one: -1 for the first,
    1 for the second, 0 for a missing or unseen one. Example: `binary: plus_minus`.
    """


@dataclass(frozen=True, kw_only=True)
class AutoCategories(Component):
    """By their number in a column: an input for each, or a trained vector for each of many.

    A column of at most `most` categories is encoded by `one_hot`, one of more by `embedding`.
    """

    kind: Literal["auto"] = "auto"
    most: int = number(100, ge=1)
    """Largest number of categories with an input each. Example: `most: 50`."""
    rare: int = number(5, ge=1)
    """Training rows that a category needs for an input or a vector of its own; rarer ones share
    one. With 1 none is rare. Example: `rare: 2`.
    """
    size: int | None = number(None, ge=1, le=1000)
    """Numbers in the vector of each category, as in `embedding`. Example: `size: 8`."""
    hot: float = number(1.0, gt=0)
    """Value of a category's input in its rows, as in `one_hot`. Example: `hot: 1.66`."""
    binary: Literal["one_hot", "plus_minus"] = "one_hot"
    """Inputs of columns of two categories, and of booleans, as in `one_hot`.
    Example: `binary: plus_minus`.
    """

    def of(self, categories: int) -> "OneHot | Embedded":
        """Return the encoding of a column with a number of categories that are not rare."""
        if categories > self.most:
            return Embedded(size=self.size, rare=self.rare)
        return OneHot(rare=self.rare, most=self.most, hot=self.hot, binary=self.binary)


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


Cycle = Literal["day_of_year", "month", "weekday", "hour"]


@dataclass(frozen=True, kw_only=True)
class DateParts(Component):
    """Time elapsed, and cycles such as month, weekday and hour as points on a circle."""

    kind: Literal["date"] = "date"
    format: str | None = None
    """Format of the dates in the notation of strptime, with %q for a quarter, or `ISO 8601`. By
    default the training rows show it. Example: `format: "%d.%m.%Y"`.
    """
    trend: Literal["auto"] | bool = "auto"
    """Add the days elapsed as an input. Where `dataset.split.time` splits the rows and these dates
    advance with it, auto adds it only if it helps to predict the latest of the training rows: later
    dates are beyond all that the network has seen. Example: `trend: true`.
    """
    cycles: Literal["auto"] | list[Cycle] = "auto"
    """Cycles to add, each as sine and cosine. auto is month, weekday and hour. Where it leaves out
    the trend it is day_of_year, weekday and hour, each if the training rows span half of it.
    Example: `cycles: [day_of_year, weekday]`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cycles != "auto" and len(set(self.cycles)) < len(self.cycles):
            raise FieldError("cycles", "names a cycle twice; name each once")
        if self.trend is False and not self.cycles:
            raise FieldError("cycles", "is empty, and trend is false, which leaves no input")
        if self.format is not None:
            try:
                date_format(self.format)
            except FormatError as error:
                raise FieldError("format", f"is '{self.format}', which {error}") from None


@dataclass(frozen=True, kw_only=True)
class FrequentValues(Component):
    """An input for each frequent value of a number, in columns that are mostly one value.

    It is for amounts that are usually 0 and else one of a set, such as fees, where the single value
    tells more than its size. A column gets them if its quartiles are equal, if it has more than 16
    different values, and if each but the usual one is in 10 training rows on average.
    """

    fewest: int = number(2, ge=1)
    """Training rows that a value needs for an input of its own. Example: `fewest: 20`."""
    most: int = number(128, ge=1, le=10_000)
    """Largest number of inputs for a column: those of its most frequent values.
    Example: `most: 32`.
    """
    hot: float = number(1.0, gt=0)
    """Input of a row that has the value; others have 0. Example: `hot: 1.66`."""


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


AnyNumeric = AnyScaling | Periodic | PiecewiseLinear
AnyCategorical = OneHot | Ordinal | Embedded | AutoCategories
AnyMissing = Impute | Refuse
AnyOfColumn = AnyNumeric | AnyCategorical | DateParts
