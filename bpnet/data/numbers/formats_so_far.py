"""The formats of a column's numbers so far, so that later chunks are read alike."""

from dataclasses import dataclass, field, replace

from bpnet.data.numbers.detection import TableNumberFormat
from bpnet.data.numbers.number_format import NumberFormat


@dataclass
class FormatsSoFar:
    """The number formats by which the chunks of one column of a table have been read.

    A table of one file has one format for a column, and so does one of several files, unless each
    shows its own. Chunks of whole numbers without marks fit every format, and fix none.
    """

    formats: dict[TableNumberFormat, NumberFormat] = field(default_factory=dict)
    """The format of the column in files of each table format."""
    uncertain: set[TableNumberFormat] = field(default_factory=set)
    """The table formats whose column may be in another format by its cells."""
    has_unmarked: bool = False
    """True if whole numbers without marks have been read, which are no percentages."""
    has_words: bool = False
    """True if true and false have been read as 1 and 0."""
    has_others: bool = False
    """True if a number other than 0 and 1 has been read."""

    def fixed(self, table_format: TableNumberFormat) -> NumberFormat | None:
        """Return the format of the column in files of a table format, if it is fixed."""
        return self.formats.get(table_format)

    @property
    def has_percent(self) -> bool:
        """True if numbers with a percent sign have been read."""
        return any(each.unit == "%" for each in self.formats.values())

    def allows(
        self, table_format: TableNumberFormat, number_format: NumberFormat, *, certain: bool
    ) -> bool:
        """Return whether a format does not contradict those so far.

        Files may differ in their formats if each is `certain`.
        """
        if number_format.unit == "%" and self.has_unmarked:
            return False
        return all(
            extended(before, number_format) is not None
            or extended(number_format, before) is not None
            or (other != table_format and certain and other not in self.uncertain)
            for other, before in self.formats.items()
        )

    def fix(
        self, table_format: TableNumberFormat, number_format: NumberFormat, *, certain: bool
    ) -> None:
        """Fix the format of the column in files of a table format."""
        self.formats[table_format] = number_format
        if certain:
            self.uncertain.discard(table_format)
        else:
            self.uncertain.add(table_format)


def extended(before: NumberFormat, new: NumberFormat) -> NumberFormat | None:
    """Return the format of the numbers in both formats, None if it reads the first ones otherwise.

    It may have marks between thousands, or a currency, that the numbers before lack.
    """
    units = {before.unit, new.unit} - {None}
    alike = before.decimal == new.decimal and before.thousands in (None, new.thousands)
    percent = (before.unit == "%") != (new.unit == "%")
    if not alike or percent or len(units) > 1:
        return None
    unit = next(iter(units), None)
    return new if new.unit == unit else replace(new, unit=unit)
