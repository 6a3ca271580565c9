"""Reading: tables of many formats as one stream of chunks, each some rows column by column.

What a table is:   table.py, chunk.py, column.py and column_numbers.py, whole_columns.py, kept.py
Its bytes:         open.py, streams.py, compression.py, addresses.py, settings.py
Names of columns:  header.py, names.py
Delimited text:    delimited.py; dialect.py, separators.py, quotes.py, preamble.py, pandas_parser.py
JSON:              json_lines.py, json_document.py; json_objects.py
Parquet and Arrow: parquet.py, arrow_file.py; arrow_values.py
Workbooks:         excel.py; workbook_gaps.py
In memory:         data_frame.py, in_memory.py, sklearn_tables.py
"""

from bpnet.data.reading.in_memory import table_from_rows
from bpnet.data.reading.open import open_table
from bpnet.data.reading.table import Table

__all__ = ["Table", "open_table", "table_from_rows"]
