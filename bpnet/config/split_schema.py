"""The section `dataset.split` of a config: the rows held out for validation and test."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from bpnet.config.bounds import Bounds
from bpnet.config.task import Task
from bpnet.engine.component import Component, FieldError, number
from bpnet.messages import first_repeated

RowNumbers = Annotated[list[Annotated[int, Field(ge=1, le=10**12)]], Field(min_length=1)]
_SHARE, _ROWS = Bounds(ge=0, lt=1), Bounds(ge=0)
Amount = Annotated[int, Field(le=10**12), _ROWS] | Annotated[float, _SHARE]
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
            if not (_SHARE.hold(amount) or (isinstance(amount, int) and _ROWS.hold(amount))):
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
            twice = first_repeated(named)
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
    def draws_single_rows(self) -> bool:
        """True if chance decides about each row, and not its group, its time or its number."""
        given = (self.group, self.time, self.column, self.validation_rows, self.test_rows)
        return self.shuffle and all(key is None for key in given)

    @property
    def validates(self) -> bool:
        """True if there will be validation rows; a `column` is assumed to name some."""
        return self.validation_rows is not None or self.column is not None or self.validation > 0
