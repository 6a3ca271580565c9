"""Reading: tables of many formats as one stream of chunks, each some rows column by column."""

from bpnet.data.reading.table import Table, open_table, table_of

__all__ = ["Table", "open_table", "table_of"]
