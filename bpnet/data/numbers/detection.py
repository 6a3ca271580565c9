"""Detection of a column's number format from its cells."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bpnet.data.numbers.cells import NumberCell, NumberParts, split_number, with_plain_marks
from bpnet.data.numbers.number_format import DecimalMark, NumberFormat

FORMATS = (
    NumberFormat(),
    NumberFormat(thousands=","),
    NumberFormat(thousands=" "),
    NumberFormat(thousands="'"),
    NumberFormat(thousands="_"),
    NumberFormat(decimal=","),
    NumberFormat(decimal=",", thousands="."),
    NumberFormat(decimal=",", thousands=" "),
    NumberFormat(decimal=",", thousands="'"),
)
"""The formats that are detected; of those that fit the same cells, the first is taken."""

_ONE_POINT = re.compile(r"[-+]?[1-9][0-9]{0,2}\.[0-9]{3}")
_SHOWN_POINT = re.compile(r"[-+]?[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})")
_ONES = str.maketrans("023456789", "1" * 9)


@dataclass(frozen=True, kw_only=True)
class TableNumberFormat(NumberFormat):
    """The number format of a table, whose columns may each have another one.

    `given` are the keys that the user has set, decimal or thousands. With `shown` the table's first
    lines show the decimal mark; else it is assumed. With `semicolons`, its cells are separated by
    them, as where commas are decimal marks.
    """

    given: frozenset[str] = frozenset()
    shown: bool = False
    semicolons: bool = False

    @property
    def is_certain(self) -> bool:
        """True if the decimal mark is set or shown."""
        return bool(self.given) or self.shown

    @cached_property
    def of_column(self) -> NumberFormat:
        """The format of a column that is read by it."""
        return NumberFormat(decimal=self.decimal, thousands=self.thousands, missing=self.missing)

    def contradictions(self, number_format: NumberFormat) -> int:
        """Return the number of the user's settings that a column's format contradicts."""
        decimal = "decimal" in self.given and number_format.decimal != self.decimal
        thousands = "thousands" in self.given and number_format.thousands not in (
            None,
            self.thousands,
        )
        return decimal + thousands


@dataclass(frozen=True)
class DetectedNumbers:
    """The number format of a column.

    Where the cells do not tell, `other` is a format that fits them too, and `example` one of the
    cells, which it reads as another number.
    """

    number_format: NumberFormat
    other: NumberFormat | None = None
    example: str = ""
    unlike_table: bool = False
    """True if the example has a decimal comma, though the table's other columns have points."""


def detect_number_format(
    texts: Iterable[str],
    table_format: NumberFormat,
    *,
    fits: bool | None = None,
    commas: bool = False,
) -> DetectedNumbers:
    """Return the format in which the most of the distinct texts are numbers.

    Settings of the user, and then the format that the table shows, come first where all texts fit.
    A format that is not a table's is a column's own, and is returned as it is. `fits` is whether
    all texts are numbers in the table's, if that is known. With `commas`, decimal commas are
    expected.
    """
    if not isinstance(table_format, TableNumberFormat):
        return DetectedNumbers(table_format)
    base = table_format.of_column
    if fits and table_format.is_certain:
        return DetectedNumbers(base)
    words = [text for text in texts if not base.is_missing_number(text)]
    # a number of the file itself shows nothing of how texts are written
    words = [word for word in words if not isinstance(word, NumberCell)] or words
    if all(map(base.is_number, words)) if fits is None else fits:
        example = (
            None
            if table_format.is_certain
            else _may_be_thousands(words, commas or table_format.semicolons)
        )
        other = replace(base, decimal=",", thousands=".")
        return DetectedNumbers(base, other, example) if example else DetectedNumbers(base)
    numbers = _numbers(words)
    formats = sorted(
        (replace(each, missing=base.missing) for each in FORMATS),
        key=lambda each: (table_format.contradictions(each), each.decimal != base.decimal),
    )
    counts = [
        sum(n for parts, _, n in numbers if each.has_marks_of(parts.digits)) for each in formats
    ]
    most = max(counts)
    if not most:
        return DetectedNumbers(base)
    unit = _unit(numbers)
    fitting = [
        replace(each, unit=unit)
        for each, count in zip(formats, counts, strict=True)
        if count == most
    ]
    if most < sum(n for _, _, n in numbers):
        return DetectedNumbers(fitting[0])  # it is not the format of all, which is refused
    if _are_codes(numbers, fitting[0]):
        return DetectedNumbers(base)
    return _chosen(fitting, numbers, table_format)


def _chosen(
    fitting: Sequence[NumberFormat],
    numbers: Sequence[tuple[NumberParts, str, int]],
    table_format: TableNumberFormat,
) -> DetectedNumbers:
    """Return the first of the formats that fit all numbers, and what speaks against it."""
    chosen = fitting[0]
    for other in fitting[1:]:
        if _is_settled(chosen, other, table_format):
            continue
        for _, example, _ in numbers:
            if (
                chosen.is_number(example)
                and other.is_number(example)
                and chosen.number(example) != other.number(example)
            ):
                return DetectedNumbers(chosen, other, example)
    if (
        table_format.shown
        and not table_format.given
        and (table_format.decimal, chosen.decimal) == (".", ",")
    ):
        example = next(example for parts, example, _ in numbers if "," in parts.digits)
        return DetectedNumbers(chosen, example=example, unlike_table=True)
    return DetectedNumbers(chosen)


def looks_like_number(cell: str) -> bool:
    """Return whether a cell is a number in any format."""
    parts = split_number(with_plain_marks(cell))
    return parts is not None and any(each.has_marks_of(parts.digits) for each in FORMATS)


def shown_decimal(cell: str) -> DecimalMark | None:
    """Return the decimal mark that a number shows, None if it shows none."""
    if "." not in cell and "," not in cell:
        return None
    if _SHOWN_POINT.fullmatch(cell):
        return "."  # most are so, and this is fast
    parts = split_number(with_plain_marks(cell))
    if parts is None:
        return None
    marks = {each.decimal for each in FORMATS if each.has_marks_of(parts.digits)}
    return marks.pop() if len(marks) == 1 else None


def _may_be_thousands(numbers: Iterable[str], commas: bool) -> str | None:
    """Return a number whose point may be a thousands mark, if all points may, else None.

    That is so in 2.524 beside 463, but where all numbers have three decimals, only if decimal
    `commas` are expected.
    """
    example, whole = None, commas
    for number in numbers:
        if "." not in number:
            whole = True
            if len(number.lstrip("+-")) > 3:
                return None
        elif _ONE_POINT.fullmatch(number):
            example = number
        else:
            return None
    return example if whole else None


def _are_codes(
    numbers: Sequence[tuple[NumberParts, str, int]], number_format: NumberFormat
) -> bool:
    """Return whether texts are codes such as 600 123 456: several groups, all of the same form."""
    ((parts, _, n), *others), mark = numbers, number_format.thousands
    return (
        not others
        and n >= 3
        and mark not in (None, ",")
        and parts.digits.count(str(mark)) > 1
        and number_format.decimal not in parts.digits
    )


def _numbers(texts: Iterable[str]) -> list[tuple[NumberParts, str, int]]:
    """Return the forms of the texts that look like numbers: the parts, a text and the count."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for text in texts:
        # 1 for every digit but a leading 0, by which a fraction is known: 0,123
        form = with_plain_marks(text).translate(_ONES)
        first = form.find("1")
        if text[first : first + 1] == "0":
            form = f"{form[:first]}0{form[first + 1 :]}"
        counts[form] += 1
        examples.setdefault(form, text)
    split = ((split_number(form), examples[form], n) for form, n in counts.items())
    return [(parts, example, n) for parts, example, n in split if parts is not None]


def _unit(numbers: Sequence[tuple[NumberParts, str, int]]) -> str | None:
    """Return the most frequent unit; a percent sign only if most numbers have it."""
    counts: Counter[str | None] = Counter()
    for parts, _, n in numbers:
        counts[parts.unit] += n
    without = counts.pop(None, 0)
    if not counts:
        return None
    unit, n = counts.most_common(1)[0]
    return unit if unit != "%" or n > without else None


def _is_settled(chosen: NumberFormat, other: NumberFormat, table_format: TableNumberFormat) -> bool:
    """Return whether the table's settings, or its other columns, decide between two formats."""
    if table_format.contradictions(other) > table_format.contradictions(chosen):
        return True
    plain = other.decimal == "." and other.thousands is None
    return table_format.shown and chosen.decimal == table_format.decimal and not plain
