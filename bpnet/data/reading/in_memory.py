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
    missing: list[str] | None = None,
) -> Table:
    """A table of cells that are at hand, which stand on these lines of what `name` names; raises DataError.

    `missing` are words that stand for a gap.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *rows])
    settings = Reading(separator=",", missing=missing)
    return Table(
        name, [DelimitedFile(name, bytes_opener(text.getvalue().encode()), settings, lines)]
    )
