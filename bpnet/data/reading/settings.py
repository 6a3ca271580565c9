"""Settings of reading: the form of a text table, if it cannot be detected."""

import codecs
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from bpnet.data.missing_words import GAPS
from bpnet.data.numbers.detection import TableNumberFormat
from bpnet.data.numbers.number_format import DecimalMark, ThousandsMark
from bpnet.engine.component import Component, FieldError, number


@dataclass(frozen=True, kw_only=True)
class Reading(Component):
    """The form of a text table; what is null is recognized from the table."""

    separator: str | None = None
    """Character between cells. By default a comma, semicolon, tab or bar, or white space, whichever
    splits the first lines best. A space is also several of them where lines are aligned by them.
    Example: `separator: ";"`.
    """
    quote: str = '"'
    """Character around cells that hold the separator or a line break. Example: `quote: "'"`."""
    encoding: str | None = None
    """Encoding of the text, such as cp1252. By default UTF-8, or UTF-16 if the file begins with
    its mark. Example: `encoding: cp1252`.
    """
    decimal: DecimalMark | None = None
    """Decimal mark of the numbers. By default each column shows its own. It decides where the
    numbers could be read in two ways, as 1,234 could; a column that it does not fit is read as it
    shows. Example: `decimal: ","`.
    """
    thousands: ThousandsMark | None = None
    """Mark between the thousands of a number. By default each column shows its own; a space is
    also a no-break or narrow one. It decides as `decimal` does. Example: `thousands: "'"`.
    """
    header: Literal["first", "none"] | None = None
    """`none` if the table has no line of column names; they are then column_1, column_2 and so on.
    `first` if the first line holds the names. By default it does, with a warning where it looks
    like a row of values. Example: `header: none`.
    """
    skip_lines: int = number(0, ge=0)
    """Lines before the column names that are not part of the table, such as a title. Example:
    `skip_lines: 2`.
    """
    sheet: str | None = None
    """Sheet of a workbook. By default the only one that holds cells. Example: `sheet: Data`."""
    missing: Annotated[list[str], Field(min_length=1)] | None = None
    """Words that mean a missing value in any column, besides a blank cell, NA, <NA>, NaN, nan, NaT,
    NULL and #N/A. In columns of numbers, dates, or yes and no, N/A, null, none, ? and - do too, in
    any case. Example: `missing: [unknown, "-999"]`.
    """
    not_missing: Annotated[list[str], Field(min_length=1)] | None = None
    """Words that are values in columns of text, labels and groups, although they usually mean a
    missing value there, such as NA for Namibia. Example: `not_missing: [NA]`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("separator", "quote"):
            mark = getattr(self, key)
            if mark is not None and (len(mark) != 1 or mark in "\r\n" or not mark.isascii()):
                raise FieldError(
                    key, f'is {mark!r}; it must be a single character, such as ";" or "\\t"'
                )
        if self.separator == self.quote:
            raise FieldError("quote", "is the separator too; the two must differ")
        if self.thousands is not None and self.thousands == self.decimal:
            raise FieldError("thousands", "is the decimal mark too; the two must differ")
        both = sorted(set(self.missing or ()) & set(self.not_missing or ()))
        if both:
            raise FieldError(
                "not_missing",
                f"names '{both[0]}', and so does missing; keep it in one of the two",
            )
        try:
            # rot13, hex and the like are codecs of other things than text
            encoding = "utf-8" if self.encoding is None else self.encoding
            known = codecs.lookup(encoding)._is_text_encoding
        except (LookupError, ValueError):  # ValueError: a NUL character
            known = False
        if not known:
            raise FieldError(
                "encoding",
                f"is '{self.encoding}', which is not an encoding of text; "
                "use one such as utf-8, cp1252, latin-1 or utf-16",
            )

    def number_format(self, shown: DecimalMark | None = None) -> TableNumberFormat:
        """Return the number format of a table whose first lines have `shown` the decimal mark."""
        decimal = self.decimal or ({",": ".", ".": ","}.get(self.thousands or "") or shown or ".")
        return TableNumberFormat(
            decimal=decimal,  # type: ignore[arg-type]
            thousands=self.thousands,
            missing=(GAPS - frozenset(self.not_missing or ())) | frozenset(self.missing or ()),
            given=frozenset(key for key in ("decimal", "thousands") if getattr(self, key)),
            shown=shown is not None,
        )

    @property
    def has_header(self) -> bool | None:
        """True if the first line holds the column names, False if not, None if it is not set."""
        return None if self.header is None else self.header == "first"
