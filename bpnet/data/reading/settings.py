"""Settings of reading: how a text table is written, where that cannot be read off it."""

import codecs
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from bpnet.engine.component import Component, FieldError


@dataclass(frozen=True, kw_only=True)
class Reading(Component):
    """How a text table is written; what is null is read off the table.

    `separator` and `quote` are single characters, `decimal` and `thousands` the marks in numbers. `missing` are words
    that stand for a gap in any column; a blank cell is always one, and so are NA, N/A, NaN, null, none and ? where
    numbers or dates are meant.
    """

    separator: str | None = None
    quote: str = '"'
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Literal[",", ".", "'", " ", "_"] | None = None
    missing: Annotated[list[str], Field(min_length=1)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("separator", "quote"):
            mark = getattr(self, key)
            if mark is not None and (len(mark) != 1 or mark in "\r\n" or not mark.isascii()):
                raise FieldError(
                    key, f"is {mark!r}; it must be a single character, such as ',' or '\\t'"
                )
        if self.separator == self.quote:
            raise FieldError("quote", "is the separator too; the two must differ")
        if self.thousands is not None and self.thousands == self.decimal:
            raise FieldError("thousands", "is the decimal mark too; the two must differ")
        try:
            codecs.lookup(self.encoding or "utf-8")
        except LookupError:
            raise FieldError(
                "encoding",
                f"is '{self.encoding}', which is no encoding; utf-8, cp1252, latin-1 and utf-16 are some",
            ) from None
