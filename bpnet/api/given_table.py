"""Tables as they are given in Python: data frames, or paths."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bpnet.data.reading.data_frame import table_in_memory


@contextmanager
def given_table(table: Any) -> Iterator[str | None]:
    """Yield the path of a table: its own, that of a data frame, or None of none."""
    if table is None or isinstance(table, str | Path):
        yield None if table is None else str(table)
        return
    with table_in_memory(table) as path:
        yield path
