"""Parquet: columns of every type that pyarrow writes, and damaged files."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bpnet.data.reading import open_table, parquet
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.errors import DataError


def read(path: Path, columns: dict[str, pa.Array]):
    pq.write_table(pa.table(columns), path)
    return open_table(path)


@pytest.mark.parametrize(
    ("array", "numbers"),
    [
        (pa.array([1, None, -3]), [1, np.nan, -3]),
        (pa.array([1, None, 3], pa.uint8()), [1, np.nan, 3]),
        (pa.array([0.1, None, -1e300]), [0.1, np.nan, -1e300]),
        (pa.array([0.5, np.nan, 2], pa.float32()), [0.5, np.nan, 2]),
        (pa.array([Decimal("1.25"), None, Decimal("-3")]), [1.25, np.nan, -3]),
        (pa.array(["1", None, " 2.5 "]), [1, np.nan, 2.5]),
        (pa.array([7, None, 9]).dictionary_encode(), [7, np.nan, 9]),
    ],
    ids=["int64", "uint8", "float64", "float32", "decimal", "text", "dictionary"],
)
def test_numbers(tmp_path: Path, array, numbers):
    column = whole_columns(read(tmp_path / "t.parquet", {"a": array}), {"a": "number"})["a"]
    np.testing.assert_array_equal(column.as_numbers(), numbers)


@pytest.mark.parametrize(
    ("array", "cells"),
    [
        (pa.array(["x", None, " y ", "x", ""]), ["x", "", "y", "x", ""]),
        (pa.array(["x", None, "y"]).dictionary_encode(), ["x", "", "y"]),
        (pa.array(["x", None, "y"], pa.large_string()), ["x", "", "y"]),
        (pa.array([True, None, False]), ["true", "", "false"]),
        (pa.array([date(2020, 2, 29), None]), ["2020-02-29", ""]),
        (pa.array([datetime(2020, 2, 29, 12, 30), None]), ["2020-02-29 12:30:00", ""]),
        (
            pa.array([datetime(1969, 1, 1)], pa.timestamp("us", "UTC")),
            ["1969-01-01 00:00:00+00:00"],
        ),
        (pa.array([1, None, 3]), ["1", "", "3"]),
        (pa.array([None, None]), ["", ""]),
    ],
    ids=["text", "dictionary", "large", "bool", "date", "timestamp", "zone", "int", "null"],
)
def test_texts(tmp_path: Path, array, cells):
    table = read(tmp_path / "t.parquet", {"a": array})
    assert table.cells("a", wanted_for="is read") == cells


def test_nanoseconds_are_a_date_still(tmp_path: Path):
    from bpnet.data.dates.date_format import ISO, date_format

    array = pa.array([0, 86_400_000_000_001], pa.timestamp("ns"))
    cells = read(tmp_path / "t.parquet", {"a": array}).cells("a", wanted_for="is read")
    assert [date_format(ISO).days(cell) for cell in cells] == pytest.approx([0, 1])


def test_many_batches_are_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parquet, "ROWS", 7)
    table = read(
        tmp_path / "t.parquet",
        {"a": pa.array(range(50)), "b": pa.array([f"l{k % 3}" for k in range(50)])},
    )
    both = whole_columns(table, {"a": "number", "b": "text"})
    assert both["a"].as_numbers().tolist() == list(range(50))
    assert both["b"].cells() == [f"l{k % 3}" for k in range(50)]
    assert len(table) == 50
    assert table.where(40) == f"{tmp_path / 't.parquet'}, row 41"


def test_a_file_that_is_cut_short_is_named(tmp_path: Path):
    path = tmp_path / "t.parquet"
    read(path, {"a": pa.array(range(1000))})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"t\.parquet: is not a whole Parquet file"):
        open_table(path)


def test_a_file_that_is_none_is_named(tmp_path: Path):
    (tmp_path / "t.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"t\.parquet: is not a whole Parquet file"):
        open_table(tmp_path / "t.parquet")


def test_a_table_without_rows_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="no rows"):
        len(read(tmp_path / "u.parquet", {"a": pa.array([], pa.int64())}))


def test_names_that_occur_twice_are_refused(tmp_path: Path):
    twice = pa.Table.from_arrays(
        [pa.array([1]), pa.array([2]), pa.array([3])], names=["a", "b", "a"]
    )
    pq.write_table(twice, tmp_path / "t.parquet")
    with pytest.raises(DataError, match="two columns are named 'a'"):
        open_table(tmp_path / "t.parquet")


def test_an_infinite_number_is_text_to_be_named(tmp_path: Path):
    table = read(tmp_path / "t.parquet", {"a": pa.array([1.0, float("inf")])})
    assert whole_columns(table, {"a": "text"})["a"].cells()[1] == "inf"


def test_whole_numbers_of_parquet_keep_every_digit(tmp_path: Path):
    ids = [1234567890123456700, 1234567890123456701, 1234567890123456, None]
    pq.write_table(
        pa.table({"id": pa.array(ids), "y": ["a", "b", "a", "b"]}), tmp_path / "t.parquet"
    )
    read = open_table(tmp_path / "t.parquet")
    texts = ["" if number is None else str(number) for number in ids]
    assert whole_columns(read, {"id": "text"})["id"].cells() == texts
    (chunk,) = read.chunks({"id": "number"})
    assert [row[0] for row in chunk.rows()] == texts
