"""The schema of a config: typed sections around the engine's own components."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from bpnet.data.encoding.column_options import Role
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
    """The rows held out for validation and test.

    They are drawn by shares or counts, or named by number; or one of the columns `group`, `time`
    and `column` decides. The same seed draws the same rows.
    """

    validation: Amount = 0.15
    """Validation rows: a share of all rows, such as 0.15, or a whole number of rows, such as 200.
    With 0 there are none, and training keeps its last weights. Example: `validation: 0.2`.
    """
    test: Amount = 0.15
    """Test rows: a share of all rows or a whole number of rows. With 0 there are none.
    Example: `test: 200`.
    """
    shuffle: bool = True
    """Draw the rows at random. With false the last rows are the test rows, those before them the
    validation rows, and the first the training rows.
    """
    stratify: bool | None = None
    """Keep the share of each class in every part. By default true for a classification whose rows
    are drawn at random.
    """
    validation_rows: RowNumbers | None = None
    """Validation rows by number, counted from 1 as in splits.csv, instead of a share.
    Example: `validation_rows: [8, 9]`.
    """
    test_rows: RowNumbers | None = None
    """Test rows by number, counted from 1 as in splits.csv, instead of a share.
    Example: `test_rows: [10, 11, 12]`.
    """
    group: Annotated[str, Field(min_length=1)] | None = None
    """Column whose rows with equal values stay in the same part, such as a customer.
    Example: `group: customer`.
    """
    time: Annotated[str, Field(min_length=1)] | None = None
    """Column of dates or numbers that orders the rows: the latest are the test rows, those before
    them the validation rows, and the earliest the training rows. Example: `time: ordered_on`.
    """
    column: Annotated[str, Field(min_length=1)] | None = None
    """Column whose cells name the part of each row: train, validation or test.
    Example: `column: part`.
    """
    seed: int | None = number(None, ge=0, lt=2**32)
    """Seed that draws the rows. By default the config's `seed`. Example: `seed: 7`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("validation", "test"):
            amount = getattr(self, key)
            if not (0 <= amount < 1 or (isinstance(amount, int) and amount >= 1)):
                raise FieldError(
                    key,
                    f"is {amount}; it must be a share, at least 0 and less than 1, "
                    "or a whole number of rows",
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
                "takes the rows in order of time" if key == "time" else "assigns each row to a part"
            )
            raise FieldError(
                "stratify", f"is true, but {key} is set, which {order}; remove one of them"
            )
        if not self.shuffle and key != "time":
            how = "draws whole groups at random" if key == "group" else "assigns each row to a part"
            raise FieldError(
                "shuffle", f"is false, but {key} is set, which {how}; remove one of them"
            )

    def amount(self, part: Literal["validation", "test"]) -> int | float:
        """Return the rows to draw for a part: a share as a float, or a number of rows as an int.

        It is 0 if the rows of the part are named.
        """
        named = self.validation_rows if part == "validation" else self.test_rows
        amount: int | float = getattr(self, part)
        return 0.0 if named is not None or self.column is not None else amount

    def share(self, part: Literal["validation", "test"]) -> float:
        """Return the share of rows to draw for a part: 0 if its rows are named or counted."""
        amount = self.amount(part)
        return amount if isinstance(amount, float) else 0.0

    def stratifies(self, task: Task) -> bool:
        """Return whether every part drawn keeps the share of each class."""
        if self.stratify is not None:
            return self.stratify
        return (
            task == "classification" and self.shuffle and self.time is None and self.column is None
        )

    @property
    def validates(self) -> bool:
        """True if there will be validation rows; a `column` is assumed to name some."""
        return self.validation_rows is not None or self.column is not None or self.validation > 0


@dataclass(frozen=True, kw_only=True)
class Preprocessing(Component):
    """The encoding of columns as inputs of the network, by statistics of the training rows only."""

    numeric: AnyScaling | L2Rows = choice(Standardize())
    """Scaling of every numeric column."""
    categorical: AnyCategorical = choice(OneHot())
    """Encoding of every categorical column."""
    missing: AnyMissing = choice(Impute())
    """Treatment of missing values in the features."""
    columns: dict[str, Annotated[AnyOfColumn, Field(discriminator="kind")]] = field(
        default_factory=dict
    )
    """Scaling or encoding of single columns, by name, in place of the above.
    Example: `columns: {income: quantile, city: embedding}`.
    """
    target: Literal["standardize", "none"] = "standardize"
    """Scaling of a regression's target during training. Predictions, RMSE and the like are in its
    own unit either way.
    """


@dataclass(frozen=True, kw_only=True)
class Files(Component):
    """A file for each part of the split."""

    train: Annotated[str, Field(min_length=1)]
    """File, folder or pattern with the training rows. Example: `train: train.csv`."""
    validation: Annotated[str, Field(min_length=1)] | None = None
    """File, folder or pattern with the validation rows. By default they are drawn from the training
    rows. Example: `validation: validation.csv`.
    """
    test: Annotated[str, Field(min_length=1)] | None = None
    """File, folder or pattern with the test rows. By default they are drawn from the training rows.
    Example: `test: test.csv`.
    """

    @property
    def parts(self) -> dict[Part, str]:
        """The path of each part that has one."""
        paths = {part: getattr(self, part) for part in PARTS}
        return {part: path for part, path in paths.items() if path is not None}


@dataclass(frozen=True, kw_only=True)
class Dataset(Component):
    """The table: its target and features, and how its rows are read, split and encoded."""

    path: Annotated[str, Field(min_length=1)] | Files | None = None
    """The table, relative to the config: a file, a folder or a pattern of files with the same
    columns. `-` is standard input, `sklearn:wine` a table of scikit-learn, and a mapping names a
    file for each part. Example: `path: flowers.csv`.
    """
    columns: Annotated[list[str], Field(min_length=1)] | None = None
    """Column names of a tiny table that is written in the config itself, instead of `path`.
    Example: `columns: [a, b, y], rows: [[0, 1, 1], [1, 1, 0]]`.
    """
    rows: (
        Annotated[
            list[Annotated[list[int | float | str], Field(min_length=1)]], Field(min_length=1)
        ]
        | None
    ) = None
    """Rows of that table, each with one cell for every column.
    Example: `columns: [a, b, y], rows: [[0, 1, 1], [1, 1, 0]]`.
    """
    reading: Reading = field(default_factory=Reading)
    """Form of a text table: separator, encoding, number format.
    Example: `reading: {separator: ";", decimal: ","}`.
    """
    target: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)]
    """Column to predict, or a list of columns: several numbers, or labels that are each true or
    not. Example: `target: species`.
    """
    drop_missing_targets: bool = False
    """Leave out rows whose target is missing. By default such a row is an error."""
    features: Annotated[list[str], Field(min_length=1)] | None = None
    """Columns to learn from. By default all that are not used otherwise and do not look like IDs or
    free text; a column named here is used even then.
    Example: `features: [age, income]`.
    """
    roles: dict[str, Role] = field(default_factory=dict)
    """Roles of single columns, by name. By default the training rows show the role.
    Example: `roles: {zip: categorical, note: ignored}`.
    """
    sample_weight: str | None = None
    """Column with the weight of each row in the loss, at least 0; only ratios matter. By default
    all rows weigh the same. Example: `sample_weight: weight`.
    """
    class_weight: (
        Literal["balanced"] | dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None
    ) = None
    """Weight of each class in the loss: balanced gives all classes the same total, a mapping names
    weights, and a class that it leaves out weighs 1. Example: `class_weight: balanced`.
    """
    split: Split = field(default_factory=Split)
    """Rows held out for validation and test. Example: `split: {validation: 0.2, test: 0.1}`."""
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    """Encoding of the columns as inputs of the network.
    Example: `preprocessing: {numeric: robust, missing: refuse}`.
    """
    storage: Literal["auto", "memory", "disk"] = "auto"
    """Storage of the encoded rows during training. With auto they are in memory if they take at
    most 512 MB, else on disk.
    """

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
                f"has {cells} cells in row {ragged[0] + 1}, "
                f"but dataset.columns has {len(columns)} names; give each row one cell per name",
            )


@dataclass(frozen=True, kw_only=True)
class Output(Component):
    """The output layer: dense, with units that follow from the target."""

    activation: AnyActivation | None = choice(None)
    """Function f of the output. By default it suits the loss: softmax or sigmoid for classes,
    identity for numbers. Example: `activation: sigmoid`.
    """
    bias: bool = True
    """Add a trained bias to each output."""
    initializer: AnyInitializer | None = choice(None)
    """First values of the weights. By default they suit the activation, as in a dense layer.
    Example: `initializer: he_normal`.
    """
    bias_initializer: AnyInitializer = choice(Zeros())
    """First values of the biases."""


@dataclass(frozen=True, kw_only=True)
class Architecture(Component):
    """The network between the columns and the target.

    Either `layers`, or in short `hidden`, the units of each dense layer, with one `activation` for
    all.
    """

    layers: list[Annotated[AnyLayer, Field(discriminator="kind")]] | None = None
    """Hidden layers from the inputs on, instead of `hidden` and `activation`. With --set the first
    is layers.0, and layers.0.units are its units.
    Example: `layers: [{kind: dense, units: 32, activation: relu}, dropout]`.
    """
    hidden: list[Annotated[int, Field(ge=1)]] | None = None
    """Units of each hidden dense layer. By default [64, 64]; an empty list makes a linear model.
    Example: `hidden: [32, 16]`.
    """
    activation: AnyActivation | None = choice(None)
    """Activation of every layer of `hidden`. By default relu. Example: `activation: tanh`."""
    output: Output | None = field(default_factory=Output)
    """Output layer, whose units follow from the target. With null none is added: the last of
    `layers` is the output, and needs as many units as the target. Example: `output: {bias: false}`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers is not None and (self.hidden is not None or self.activation is not None):
            other = "activation" if self.hidden is None else "hidden"
            raise FieldError(
                "layers",
                f"and {other} are both set; keep one of the two "
                "(--set architecture.layers=null removes the layers, "
                f"--set architecture.{other}=null removes {other})",
            )
        if self.output is None and not self.layers:
            raise FieldError(
                "output", "is null, but there are no layers to take its place; name some in layers"
            )


@dataclass(frozen=True, kw_only=True)
class Config(Component):
    """One training run: everything that decides its result."""

    name: str | None = None
    """Name of the run, whose directory is then runs/NAME-001. By default the name of the config
    file. Example: `name: flowers`.
    """
    seed: int = number(0, ge=0, lt=2**32)
    """Seed of all that is random: the split, the first weights, the order of the rows and dropout.
    Example: `seed: 1`.
    """
    replicas: int = number(1, ge=1)
    """Number of networks to train in one pass, with the seeds `seed`, `seed` + 1 and so on. Their
    predictions are averaged. Example: `replicas: 8`.
    """
    task: Task | None = None
    """Kind of prediction. By default it follows from the target: text, or at most 20 different
    whole numbers, are classes; several columns that are true or not are labels; other numbers are a
    regression. Example: `task: regression`.
    """
    dataset: Dataset
    """The table: its target and features, and how its rows are read, split and encoded.
    Example: `dataset: {path: flowers.csv, target: species}`.
    """
    architecture: Architecture = field(default_factory=Architecture)
    """The network between the columns and the target.
    Example: `architecture: {hidden: [32, 16], activation: tanh}`.
    """
    training: Training = field(default_factory=Training)
    """The training of the network. Example: `training: {epochs: 300, learning_rate: 0.01}`."""

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
        seed = self.dataset.split.seed
        return self.seed if seed is None else seed
