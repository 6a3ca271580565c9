"""Every reader finds the same numbers, roles and number formats in the same cells."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.cell_kinds import looks_like_classes
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading import delimited
from bpnet.data.reading.chunk import CellType, number_cell_type
from bpnet.data.reading.column import CellParseError, Column
from bpnet.data.reading.column_numbers import numbers_like
from bpnet.data.reading.delimited import DelimitedFile
from bpnet.data.reading.json_lines import JsonLinesFile
from bpnet.data.reading.parquet import ParquetFile
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import bytes_opener
from bpnet.data.reading.table import Table, TableFile
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.data.roles import detect_role

PLAIN = [
    "1",
    "463",
    "2.524",
    "1.500",
    "0",
    "-7",
    "+5",
    "1e0",
    "2.50",
    ".5",
    "007",
    "610",
    "-0",
    "1e308",
    "9" * 30,
]
MARKED = ["1,410", "1,234.5", "1.234,5", "0,5", "12,345,678", "1,23,456", "1'234", "1’234", "1_234"]
SPACED = ["1 234", "1\u00a0234,5", "1\u202f234", "−3", "–4", "(1,234)", "(5)", " 6 ", "\u00a07"]
UNITS = ["2.5%", "3 %", "$1,410.50", "-$5", "$-5", "EUR 12", "1.410,50 €"]
GAPS = ["", "-", "—", "NA", "nan", "#N/A", "?", "None"]
ODD = ["x", "1٣", "inf", "1e999", "0x10", "1 2", "--1", "TRUE", "2021-01-05", str(2**60 + 1)]

CELLS = st.sampled_from([PLAIN, MARKED, SPACED, UNITS, GAPS, ODD]).flatmap(st.sampled_from)
COLUMNS = st.one_of(
    st.lists(CELLS, min_size=1, max_size=8),
    *(
        st.lists(st.sampled_from(PLAIN[:5] + kind + GAPS[:3]), min_size=1, max_size=30)
        for kind in (PLAIN, MARKED, SPACED, UNITS)
    ),
)


def delimited_file(lines: str) -> TableFile:
    """A file without what its first lines show, which the other formats do not look at."""
    file = DelimitedFile("t", bytes_opener(lines.encode()), Reading())
    file.dialect = replace(file.dialect, number_format=Reading().number_format())
    return file


def csv_file(cells: list[str]) -> TableFile:
    return delimited_file('"x","y"\n' + "".join(f'"{cell}","1"\n' for cell in cells))


def tsv_file(cells: list[str]) -> TableFile:
    return delimited_file("x\ty\n" + "".join(f"{cell}\t1\n" for cell in cells))


def json_file(cells: list[str]) -> TableFile:
    lines = "".join(json.dumps({"x": cell, "y": "1"}) + "\n" for cell in cells)
    return JsonLinesFile("t", bytes_opener(lines.encode()), Reading())


def parquet_file(cells: list[str]) -> TableFile:
    stream = io.BytesIO()
    table = pa.table({"x": cells, "y": ["1"] * len(cells)})
    pa.parquet.write_table(table, stream)
    return ParquetFile("t", bytes_opener(stream.getvalue()), Reading())


@contextmanager
def pandas_for_all_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "LARGE", 0)
        yield


def numbers(
    column: Column, expected: NumberFormat | None
) -> tuple[list[float], NumberFormat] | None:
    """The numbers, 0 for -0, and their format; None if a cell is not one."""
    try:
        values, number_format = numbers_like(column, expected)
    except CellParseError:
        return None
    return (values + 0.0).tolist(), number_format


def found(file: TableFile) -> str:
    """All that is found out about the column: as text, so that nan equals nan."""
    table = Table("t", [file])

    def read(kind: CellType) -> Column:
        return whole_columns(table, {"x": kind})["x"]

    column, rows = read("any"), np.ones(len(read("any")), bool)
    role, id_role = (detect_role(name, column, rows, None, named=False) for name in ("x", "row_id"))
    target, _ = column.in_own_format()
    expected = (role.number_format, None, NumberFormat(decimal=",", thousands="."))
    return repr(
        (
            role,
            id_role,
            [numbers(read(number_cell_type(each)), each) for each in expected],
            looks_like_classes(target),
            numbers(target, None),
            read("text").cells(),
        )
    )


@given(COLUMNS)
def test_the_same_cells_mean_the_same_in_every_format(cells):
    expected = found(csv_file(cells))
    assert found(tsv_file(cells)) == expected
    assert found(json_file(cells)) == expected
    assert found(parquet_file(cells)) == expected
    with pandas_for_all_blocks():
        assert found(csv_file(cells)) == expected
        assert found(tsv_file(cells)) == expected
