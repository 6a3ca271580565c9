"""Detection of a column's number format from its cells."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bpnet.data.reading.number_cells import NumberParts, split_number, with_plain_marks
from bpnet.data.reading.number_format import NumberFormat

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

_ONES = str.maketrans("023456789", "1" * 9)


@dataclass(frozen=True, kw_only=True)
class TableNumberFormat(NumberFormat):
    """The number format of a table, whose columns may each have another one.

    `given` are the keys that the user has set, decimal or thousands. With `shown` the table's first
    lines show the decimal mark; else it is assumed.
    """

    given: frozenset[str] = frozenset()
    shown: bool = False

    @property
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


def detect_number_format(texts: Iterable[str], table_format: NumberFormat) -> DetectedNumbers:
    """Return the format in which the most of the distinct texts are numbers.

    Settings of the user, and then the format that the table shows, come first where all texts fit.
    A format that is not a table's is a column's own, and is returned as it is.
    """
    if not isinstance(table_format, TableNumberFormat):
        return DetectedNumbers(table_format)
    base = table_format.of_column
    words = [text for text in texts if not base.is_missing_number(text)]
    if all(map(base.is_number, words)):
        return DetectedNumbers(base)
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
    chosen = fitting[0]
    if most < sum(n for _, _, n in numbers):
        return DetectedNumbers(chosen)  # it is not the format of all, which is refused
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
    return DetectedNumbers(chosen)


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
