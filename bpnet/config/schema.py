"""The schema of a config: typed sections around the engine's own components."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from bpnet.data.encoding.fitting import Role
from bpnet.data.encoding.settings import (
    AnyCategorical,
    AnyMissing,
    AnyOfColumn,
    AnyScaling,
    Impute,
    L2Rows,
    OneHot,
    Standardize,
)
from bpnet.data.reading.settings import Reading
from bpnet.data.splitting import PARTS, Part
from bpnet.engine.activations import AnyActivation
from bpnet.engine.component import Component, FieldError, choice, number
from bpnet.engine.initializers import AnyInitializer, Zeros
from bpnet.engine.layers import AnyLayer
from bpnet.engine.loop.settings import Training

Task = Literal["classification", "regression", "multilabel"]


RowNumbers = Annotated[list[Annotated[int, Field(ge=1, le=10**12)]], Field(min_length=1)]
Amount = Annotated[int, Field(le=10**12)] | float
"""A whole number of rows, or a share of them."""


@dataclass(frozen=True, kw_only=True)
class Split(Component):
    """Which rows are held out for validation and test.

    `validation` and `test` are shares of all rows, such as 0.15, or whole numbers of rows, such as 200, drawn from the
    seed; `stratify` keeps the share of each class in every part, by default in a classification. Without `shuffle` the
    last rows test, those before them validate, and the first train. `validation_rows` and `test_rows` name rows
    instead, counted from 1 as in splits.csv.

    Or a column decides: with `group`, rows that have the same value there are in the same part; with `time`, the
    latest rows test, those before them validate, and the earliest train; with `column`, its cells say train,
    validation or test, and nothing is drawn. `seed` draws the rows; by default it is the config's.
    """

    validation: Amount = 0.15
    test: Amount = 0.15
    shuffle: bool = True
    stratify: bool | None = None
    validation_rows: RowNumbers | None = None
    test_rows: RowNumbers | None = None
    group: Annotated[str, Field(min_length=1)] | None = None
    time: Annotated[str, Field(min_length=1)] | None = None
    column: Annotated[str, Field(min_length=1)] | None = None
    seed: int | None = number(None, ge=0, lt=2**32)

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("validation", "test"):
            amount = getattr(self, key)
            if not (0 <= amount < 1 or (isinstance(amount, int) and amount >= 1)):
                raise FieldError(
                    key,
                    f"is {amount}; it must be a share, at least 0 and less than 1, or a whole number of rows",
                )
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
            raise FieldError(
                "test_rows",
                f"names row {both[0]}, and so does validation_rows; keep it in one of them",
            )
        if self.stratify and not self.shuffle:
            raise FieldError(
                "stratify",
                "is true, but shuffle is false, which takes the rows in order; change one of them",
            )
        self._check_deciding_column()

    def _check_deciding_column(self) -> None:
        deciding = [key for key in ("group", "time", "column") if getattr(self, key) is not None]
        if not deciding:
            return
        if len(deciding) > 1:
            raise FieldError(deciding[1], f"and {deciding[0]} are both set; keep one of the two")
        key = deciding[0]
        for rows in ("validation_rows", "test_rows"):
            if getattr(self, rows) is not None:
                raise FieldError(rows, f"and {key} are both set; keep one of the two")
        if self.stratify and key != "group":
            order = (
                "takes the rows in order of time" if key == "time" else "says the part of each row"
            )
            raise FieldError(
                "stratify", f"is true, but {key} is set, which {order}; remove one of them"
            )
        if not self.shuffle and key != "time":
            how = "draws whole groups at random" if key == "group" else "says the part of each row"
            raise FieldError(
                "shuffle", f"is false, but {key} is set, which {how}; remove one of them"
            )

    def amount(self, part: Literal["validation", "test"]) -> int | float:
        """What to draw for a part: a share of the rows, or as an int their count; 0 where its rows are named."""
        named = self.validation_rows if part == "validation" else self.test_rows
        amount: int | float = getattr(self, part)
        return 0.0 if named is not None or self.column is not None else amount

    def share(self, part: Literal["validation", "test"]) -> float:
        """The share of rows to draw for a part: 0 where its rows are named or counted."""
        amount = self.amount(part)
        return amount if isinstance(amount, float) else 0.0

    def stratifies(self, task: Task) -> bool:
        """Whether every part drawn keeps the share of each class."""
        if self.stratify is not None:
            return self.stratify
        return (
            task == "classification" and self.shuffle and self.time is None and self.column is None
        )

    @property
    def validates(self) -> bool:
        """Whether there will be validation rows; a `column` is taken to have some."""
        return self.validation_rows is not None or self.column is not None or self.validation > 0


@dataclass(frozen=True, kw_only=True)
class Preprocessing(Component):
    """How columns become inputs, always by figures of the training rows alone.

    `numeric`, `categorical` and `missing` are for all columns with such a role or with gaps; `columns` gives one column
    another. `target` is that of a regression, reported in its own unit either way.
    """

    numeric: AnyScaling | L2Rows = choice(Standardize())
    categorical: AnyCategorical = choice(OneHot())
    missing: AnyMissing = choice(Impute())
    columns: dict[str, Annotated[AnyOfColumn, Field(discriminator="kind")]] = field(
        default_factory=dict
    )
    target: Literal["standardize", "none"] = "standardize"


@dataclass(frozen=True, kw_only=True)
class Files(Component):
    """A file (a folder, a pattern) for each part; without one for a part, its rows are drawn from those that train."""

    train: Annotated[str, Field(min_length=1)]
    validation: Annotated[str, Field(min_length=1)] | None = None
    test: Annotated[str, Field(min_length=1)] | None = None

    @property
    def parts(self) -> dict[Part, str]:
        """The path of each part that has one."""
        paths = {part: getattr(self, part) for part in PARTS}
        return {part: path for part, path in paths.items() if path is not None}


@dataclass(frozen=True, kw_only=True)
class Dataset(Component):
    """The table, which of its columns to read, and how.

    `path` is a file, a folder or a pattern of files with the same columns, `-` for standard input, a table bundled with
    scikit-learn such as sklearn:wine, or a file for each part. A tiny table may stand in the config itself: `columns`
    and `rows` instead of a `path`. `target` is one column, or a list: several numbers, or labels that are each true or
    not. `storage` says where the encoded rows are while training; by default that follows from their size.
    """

    path: Annotated[str, Field(min_length=1)] | Files | None = None
    columns: Annotated[list[str], Field(min_length=1)] | None = None
    rows: (
        Annotated[
            list[Annotated[list[int | float | str], Field(min_length=1)]], Field(min_length=1)
        ]
        | None
    ) = None
    reading: Reading = field(default_factory=Reading)
    target: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)]
    drop_missing_targets: bool = False
    features: Annotated[list[str], Field(min_length=1)] | None = None
    roles: dict[str, Role] = field(default_factory=dict)
    sample_weight: str | None = None
    class_weight: (
        Literal["balanced"] | dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None
    ) = None
    split: Split = field(default_factory=Split)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    storage: Literal["auto", "memory", "disk"] = "auto"

    @property
    def targets(self) -> list[str]:
        """The target's columns."""
        return [self.target] if isinstance(self.target, str) else self.target

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.path is None and self.rows is None:
            key = "path" if self.columns is None else "rows"
            text = (
                "it names the table file, relative to the config"
                if key == "path"
                else "it holds the rows of the columns"
            )
            raise FieldError(key, f"is missing; {text}")
        if self.path is not None and (self.rows is not None or self.columns is not None):
            raise FieldError("path", "and a table of rows are both given; keep one of the two")
        if self.rows is not None and self.columns is None:
            raise FieldError("columns", "is missing; it names the columns of dataset.rows")
        repeated = [name for k, name in enumerate(self.targets) if name in self.targets[:k]]
        if repeated:
            raise FieldError("target", f"names '{repeated[0]}' twice; name each column once")
        columns = self.columns or []
        twice = [name for k, name in enumerate(columns) if name in columns[:k]]
        if twice or not all(columns):
            fault = f"names '{twice[0]}' twice" if twice else "has a name that is empty"
            raise FieldError("columns", f"{fault}; each column needs a name of its own")
        ragged = [k for k, row in enumerate(self.rows or []) if len(row) != len(columns)]
        if self.rows is not None and ragged:
            cells = len(self.rows[ragged[0]])
            raise FieldError(
                "rows",
                f"has {cells} cells in row {ragged[0] + 1}, but dataset.columns has {len(columns)} names",
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
                f"and {other} are both set; keep one of the two (--set architecture.layers=null takes the layers away, "
                f"--set architecture.{other}=null takes {other} away)",
            )
        if self.output is None and not self.layers:
            raise FieldError(
                "output", "is null, but there are no layers to take its place; name some in layers"
            )


@dataclass(frozen=True, kw_only=True)
class Config(Component):
    """One training run: everything that decides its result.

    `seed` decides the split, and with `replicas` each of so many networks has a seed of its own, from there on.
    """

    name: str | None = None
    seed: int = number(0, ge=0, lt=2**32)
    replicas: int = number(1, ge=1)
    task: Task | None = None
    dataset: Dataset
    architecture: Architecture = field(default_factory=Architecture)
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seed + self.replicas > 2**32:
            raise FieldError(
                "replicas",
                f"is {self.replicas}, but seeds end before {2**32}; lower seed or replicas",
            )

    @property
    def seeds(self) -> list[int]:
        """The seed of each replica: `seed` and those that follow it."""
        return list(range(self.seed, self.seed + self.replicas))

    @property
    def split_seed(self) -> int:
        """The seed that draws the rows of each part."""
        own = self.dataset.split.seed
        return self.seed if own is None else own
