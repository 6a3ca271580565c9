"""The schema of a config: typed sections around the engine's own components."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from bpnet.engine.activations import AnyActivation
from bpnet.engine.component import Component, FieldError, choice, number
from bpnet.engine.initializers import AnyInitializer, Zeros
from bpnet.engine.layers import AnyLayer
from bpnet.engine.settings import Training

Task = Literal["classification", "regression"]
Numeric = Literal["standardize", "min_max", "l2_rows", "none"]


RowNumbers = Annotated[list[Annotated[int, Field(ge=1, le=10**12)]], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class Split(Component):
    """Which rows are held out for validation and test.

    `validation` and `test` are shares of all rows, drawn from the seed; `stratify` keeps the share of each class in
    every part, by default in a classification. Without `shuffle` the last rows test, those before them validate, and
    the first train. `validation_rows` and `test_rows` name rows instead, counted from 1 as in splits.csv.
    """

    validation: float = number(0.15, ge=0, lt=1)
    test: float = number(0.15, ge=0, lt=1)
    shuffle: bool = True
    stratify: bool | None = None
    validation_rows: RowNumbers | None = None
    test_rows: RowNumbers | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.share("validation") + self.share("test") >= 1:
            raise FieldError(
                "validation",
                f"is {self.validation} and test is {self.test}, which leaves no rows to train on; "
                "their sum must be below 1",
            )
        for key in ("validation_rows", "test_rows"):
            named = getattr(self, key) or []
            twice = [row for k, row in enumerate(named) if row in named[:k]]
            if twice:
                raise FieldError(key, f"names row {twice[0]} twice; name each row once")
        both = sorted(set(self.validation_rows or []) & set(self.test_rows or []))
        if both:
            raise FieldError("test_rows", f"names row {both[0]}, and so does validation_rows; keep it in one of them")
        if self.stratify and not self.shuffle:
            raise FieldError(
                "stratify", "is true, but shuffle is false, which takes the rows in order; change one of them"
            )

    def share(self, part: Literal["validation", "test"]) -> float:
        """The share of rows to draw for a part: 0 where its rows are named."""
        named = self.validation_rows if part == "validation" else self.test_rows
        return 0.0 if named is not None else getattr(self, part)

    @property
    def validates(self) -> bool:
        """Whether there will be validation rows."""
        return self.validation_rows is not None or self.validation > 0


@dataclass(frozen=True, kw_only=True)
class Preprocessing(Component):
    """How columns become inputs, always by figures of the training rows alone.

    `numeric`: standardize (mean 0, deviation 1), min_max (0 to 1), l2_rows (each row to length 1) or none. `target` is
    that of a regression; its RMSE is reported in the target's own unit either way.
    """

    numeric: Numeric = "standardize"
    target: Literal["standardize", "none"] = "standardize"


@dataclass(frozen=True, kw_only=True)
class Dataset(Component):
    """The table, which of its columns to read, and how.

    A tiny table may stand in the config itself: `columns` and `rows` instead of a `path`.
    """

    path: Annotated[str, Field(min_length=1)] | None = None
    columns: Annotated[list[str], Field(min_length=1)] | None = None
    rows: Annotated[list[Annotated[list[int | float | str], Field(min_length=1)]], Field(min_length=1)] | None = None
    target: Annotated[str, Field(min_length=1)]
    features: Annotated[list[str], Field(min_length=1)] | None = None
    sample_weight: str | None = None
    class_weight: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None = None
    split: Split = field(default_factory=Split)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.path is None and self.rows is None:
            key = "path" if self.columns is None else "rows"
            text = (
                "it names the CSV file, relative to the config" if key == "path" else "it holds the rows of the columns"
            )
            raise FieldError(key, f"is missing; {text}")
        if self.path is not None and (self.rows is not None or self.columns is not None):
            raise FieldError("path", "and a table of rows are both given; keep one of the two")
        if self.rows is not None and self.columns is None:
            raise FieldError("columns", "is missing; it names the columns of dataset.rows")
        columns = self.columns or []
        twice = [name for k, name in enumerate(columns) if name in columns[:k]]
        if twice or not all(columns):
            fault = f"names '{twice[0]}' twice" if twice else "has a name that is empty"
            raise FieldError("columns", f"{fault}; each column needs a name of its own")
        ragged = [k for k, row in enumerate(self.rows or []) if len(row) != len(columns)]
        if self.rows is not None and ragged:
            cells = len(self.rows[ragged[0]])
            raise FieldError(
                "rows", f"has {cells} cells in row {ragged[0] + 1}, but dataset.columns has {len(columns)} names"
            )


@dataclass(frozen=True, kw_only=True)
class Output(Component):
    """The last layer, dense, whose units follow from the target. By default the activation suits the loss."""

    activation: AnyActivation | None = choice(None)
    bias: bool = True
    initializer: AnyInitializer | None = choice(None)
    bias_initializer: AnyInitializer = choice(Zeros())


@dataclass(frozen=True, kw_only=True)
class Architecture(Component):
    """The network between the columns and the target.

    Either `layers`, or in short `hidden`, the units of each dense layer, with one `activation` for all. Where `output`
    is null no dense layer is added: the last of `layers` is the output, and must have as many as the target needs.
    """

    layers: list[Annotated[AnyLayer, Field(discriminator="kind")]] | None = None
    hidden: list[Annotated[int, Field(ge=1)]] | None = None
    activation: AnyActivation | None = choice(None)
    output: Output | None = field(default_factory=Output)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers is not None and (self.hidden is not None or self.activation is not None):
            other = "activation" if self.hidden is None else "hidden"
            raise FieldError(
                "layers",
                f"and {other} are both set; keep one of the two (--set architecture.{other}=null takes {other} away)",
            )
        if self.output is None and not self.layers:
            raise FieldError("output", "is null, but there are no layers to take its place; name some in layers")


@dataclass(frozen=True, kw_only=True)
class Config(Component):
    """One training run: everything that decides its result."""

    name: str | None = None
    seed: int = number(0, ge=0, lt=2**32)
    task: Task | None = None
    dataset: Dataset
    architecture: Architecture = field(default_factory=Architecture)
    training: Training = field(default_factory=Training)
