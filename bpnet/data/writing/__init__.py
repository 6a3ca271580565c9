"""Writing: a table's rows with added columns, chunk by chunk, one module for each format."""

from bpnet.data.writing.labels import LabelColumn
from bpnet.data.writing.numbers import Numbers
from bpnet.data.writing.writer import AddedColumns, OutputColumns, Writer, open_writer

__all__ = ["AddedColumns", "LabelColumn", "Numbers", "OutputColumns", "Writer", "open_writer"]
