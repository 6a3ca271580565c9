"""A data frame is read as a Parquet file with the same columns is."""

import datetime as dt
import io
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.data.reading import Table, open_table
from bpnet.data.reading.data_frame import table_in_memory
from bpnet.data.reading.parquet import ParquetFile
from bpnet.data.reading.settings import Reading
from bpnet.errors import DataError

TYPES = ("text", "any", "number")
COLUMNS = {
    "whole": pa.array([1, None, -3]),
    "exact": pa.array([2**60, 2**60 + 1, None]),
    "float": pa.array([0.1, None, -2.5e300]),
    "small": pa.array([0.1, None, 2.5], pa.float32()),
    "infinite": pa.array([np.inf, 1.0, None]),
    "text": pa.array(["a", None, "  b "]),
    "blank": pa.array(["", " ", None]),
    "truth": pa.array([True, None, False]),
    "date": pa.array([dt.date(2020, 1, 2), None, dt.date(1, 1, 1)]),
    "moment": pa.array([dt.datetime(2020, 1, 2, 3, 4, 5, 678000), None, dt.datetime(1970, 1, 1)]),
    "time": pa.array([dt.time(1, 2, 3), None, dt.time(0)]),
    "duration": pa.array([dt.timedelta(seconds=1.5), None, dt.timedelta(days=-2)]),
    "decimal": pa.array([Decimal("1.50"), None, Decimal("-3.00")]),
    "category": pa.array(["x", None, "y"]).dictionary_encode(),
    "list": pa.array([[1, 2], None, []]),
    "structure": pa.array([{"a": 1}, None, {"a": 2}]),
    "bytes": pa.array([b"ab", None, b"\xff"]),
}


def cells(table: Table, name: str, cell_type: str) -> tuple[list[float] | None, list[str]]:
    """Return a column's numbers, if it has some, and its cells as text."""
    columns = [chunk.column(name) for chunk in table.chunks({name: cell_type})]
    numbers = None
    if all(column.numbers is not None for column in columns):
        numbers = [value for column in columns for value in column.numbers.tolist()]
    return numbers, [cell for column in columns for cell in column.written_cells()]


def of_parquet(array: pa.Array) -> Table:
    stream = io.BytesIO()
    pa.parquet.write_table(pa.table({"v": array}), stream)
    return Table("t", [ParquetFile("t", lambda: io.BytesIO(stream.getvalue()), Reading())])


def of_frame(frame: object) -> Table:
    with table_in_memory(frame) as path:
        return open_table(path)


def frames(array: pa.Array) -> dict[str, object]:
    table = pa.table({"v": array})
    return {
        "arrow": table,
        "polars": pl.from_arrow(table),
        "arrow dtypes": table.to_pandas(types_mapper=pd.ArrowDtype),
    }


@pytest.mark.parametrize("cell_type", TYPES)
@pytest.mark.parametrize("name", COLUMNS)
def test_each_type_is_read_as_from_parquet(name, cell_type):
    array = COLUMNS[name]
    expected = cells(of_parquet(array), "v", cell_type)
    for library, frame in frames(array).items():
        found = cells(of_frame(frame), "v", cell_type)
        assert repr(found) == repr(expected), library  # NaN is NaN


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.floats(allow_nan=False), st.text(max_size=5)),
        min_size=1,
        max_size=8,
    )
)
def test_objects_of_pandas_are_read_one_by_one(values):
    texts = [value if isinstance(value, str) else None for value in values]
    frame = pd.DataFrame({"v": pd.Series(texts, dtype=object)})
    expected = cells(of_parquet(pa.array(texts, pa.string())), "v", "text")
    assert cells(of_frame(frame), "v", "text") == expected
    mixed = of_frame(pd.DataFrame({"v": pd.Series(values, dtype=object)}))
    for cell, value in zip(cells(mixed, "v", "text")[1], values, strict=True):
        if isinstance(value, str):
            assert cell == value.strip()
        else:
            assert cell == "" if value is None else float(cell) == value


def test_chunks_join_and_the_digest_is_of_the_content():
    rows = 120_001
    frame = pd.DataFrame({"v": np.arange(rows), "w": np.where(np.arange(rows) % 2, "a", "b")})
    table = of_frame(frame)
    assert cells(table, "v", "number")[0] == list(range(rows))
    assert len(table) == rows
    assert table.where(50_000) == "table, row 50001"
    assert table.digest == of_frame(pl.from_pandas(frame)).digest
    others = [frame.rename(columns={"v": "u"}), frame.iloc[::-1], frame.replace("a", "c")]
    assert len({table.digest, *(of_frame(other).digest for other in others)}) == 4


def test_names_that_are_no_text_are_made_text():
    assert of_frame(pd.DataFrame({0: [1], "é": [2]})).columns == ["0", "é"]
    assert cells(of_frame(pd.DataFrame({0: [1]})), "0", "number") == ([1.0], ["1"])


def test_a_table_is_held_as_long_as_it_is_used():
    with table_in_memory(pd.DataFrame({"a": [1]})) as path:
        with table_in_memory(pd.DataFrame({"b": [1]})):
            assert open_table(path).columns == ["b"]
        assert open_table(path).columns == ["a"]
    with pytest.raises(DataError, match="where it is no more"):
        open_table(path)


def test_every_source_declares_its_categories(tmp_path):
    columns = {
        "code": pa.array(["1", "2", None]).dictionary_encode(),
        "level": pa.array([7, 8, None]).dictionary_encode(),
        "text": pa.array(["1", "2", None]),
        "number": pa.array([1, 2, None]),
    }
    table = pa.table(columns)
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    table.to_pandas().to_parquet(tmp_path / "pandas.parquet")
    pa.feather.write_feather(table, tmp_path / "t.feather")
    sources = [open_table(path) for path in tmp_path.iterdir()]
    sources += map(of_frame, (table, table.to_pandas()))
    assert [sorted(each.declared_categories) for each in sources] == 5 * [["code", "level"]]


def test_categories_are_part_of_the_digest():
    texts = pd.DataFrame({"v": ["1", "2"]})
    assert of_frame(texts).digest != of_frame(texts.astype("category")).digest
