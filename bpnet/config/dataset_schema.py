"""The section `dataset` of a config: the table, and how its rows are read, split and encoded."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from bpnet.config.split_schema import Split
from bpnet.data.encoding.column_options import Role
from bpnet.data.encoding.settings import (
    AnyCategorical,
    AnyMissing,
    AnyNumeric,
    AnyOfColumn,
    FrequentValues,
    Impute,
    L2Rows,
    OneHot,
    Standardize,
)
from bpnet.data.reading.settings import Reading
from bpnet.data.splitting import PARTS, Part
from bpnet.engine.component import Component, FieldError, choice
from bpnet.messages import counted, first_repeated


@dataclass(frozen=True, kw_only=True)
class Preprocessing(Component):
    """The encoding of columns as inputs of the network, by statistics of the training rows only."""

    numeric: AnyNumeric | L2Rows = choice(Standardize())
    """Scaling or encoding of every numeric column."""
    categorical: AnyCategorical = choice(OneHot())
    """Encoding of every categorical column."""
    missing: AnyMissing = choice(Impute())
    """Treatment of missing values in the features."""
    frequent_values: FrequentValues | None = None
    """Inputs for single values of numeric columns that are mostly one value, such as 0. By default
    there are none; an empty mapping, {}, makes them with their defaults.
    Example: `frequent_values: {most: 32}`.
    """
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
    positive: str | None = None
    """Class, of two, that average precision, the threshold and the like are about, such as the one
    to find. By default the rarer one of the training rows; of two equally frequent ones the last in
    order. Example: `positive: fraud`.
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
        repeated = first_repeated(self.targets)
        if repeated:
            raise FieldError("target", f"names '{repeated[0]}' twice; name each column once")
        columns = self.columns or []
        twice = first_repeated(columns)
        if twice or not all(columns):
            fault = f"names '{twice[0]}' twice" if twice else "has a name that is empty"
            raise FieldError("columns", f"{fault}; each column needs a name of its own")
        ragged = [k for k, row in enumerate(self.rows or []) if len(row) != len(columns)]
        if self.rows is not None and ragged:
            cells = len(self.rows[ragged[0]])
            raise FieldError(
                "rows",
                f"has {counted(cells, 'cell')} in row {ragged[0] + 1}, "
                f"but dataset.columns has {len(columns)} names; give each row one cell per name",
            )
