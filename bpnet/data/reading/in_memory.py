"""Tables made of rows in memory."""

import csv
import io
from collections.abc import Sequence

from bpnet.data.reading.delimited import DelimitedFile
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import bytes_opener
from bpnet.data.reading.table import Table


def table_from_rows(
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    lines: list[int] | None = None,
    reading: Reading | None = None,
) -> Table:
    """Return a table of rows in memory; raise DataError if its column names are not valid.

    `lines` are those the rows are on in the file `name`, for messages, and `reading` has the words
    for a missing value.
    """
    # written as CSV, so that these cells are read just as those of a file
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([columns, *rows])
    opener = bytes_opener(text.getvalue().encode())
    given = reading or Reading()
    settings = Reading(
        separator=",", header="first", missing=given.missing, not_missing=given.not_missing
    )
    return Table(name, [DelimitedFile(name, opener, settings, lines)])
