"""Reading: tables of many formats as one stream of chunks, each some rows column by column."""

from bpnet.data.reading.in_memory import table_from_rows
from bpnet.data.reading.open import open_table
from bpnet.data.reading.table import Table

__all__ = ["Table", "open_table", "table_from_rows"]
