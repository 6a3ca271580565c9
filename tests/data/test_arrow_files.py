"""Arrow files and streams, and columns of every type, of Parquet too."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from bpnet.data.reading import Table, open_table
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.errors import DataError


def write_file(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


def write_stream(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


WRITERS = {
    "feather": pyarrow.feather.write_feather,
    "uncompressed": lambda t, path: pyarrow.feather.write_feather(t, path, "uncompressed"),
    "file": write_file,
    "stream": write_stream,
    "parquet": pq.write_table,
}


@pytest.fixture(params=WRITERS)
def written(request: pytest.FixtureRequest, tmp_path: Path):
    """Return a function that writes columns to a file and opens it."""

    def write(columns: dict[str, object]) -> Table:
        WRITERS[request.param](pa.table(columns), tmp_path / "t")
        return open_table(tmp_path / "t")

    return write


def test_columns_are_read_whatever_the_file(written):
    table = written(
        {
            "n": pa.array([*range(7), None]),
            "t": pa.array(["x", "y", None, " x", "x", "y", "z", ""]),
            "c": pa.array(["p", "q", "p", "q", None, "p", "p", "p"]).dictionary_encode(),
        }
    )
    read = whole_columns(table, {"n": "number", "t": "text", "c": "text"})
    np.testing.assert_array_equal(read["n"].as_numbers(), [*range(7), np.nan])
    assert read["t"].cells() == ["x", "y", "", "x", "x", "y", "z", ""]
    assert read["c"].cells() == ["p", "q", "p", "q", "", "p", "p", "p"]
    assert len(table) == 8
    assert table.where(5).endswith("t, row 6")
    # rows hold the columns that were asked for
    rows = [row for chunk in table.chunks({"t": "text", "n": "number"}) for row in chunk.rows()]
    assert rows[1] == ("1", "y")
    assert rows[7] == ("", "")


@pytest.mark.parametrize(
    ("array", "cells"),
    [
        (pa.array([1.5, None], pa.float16()), ["1.5", ""]),
        (pa.array([2**64 - 1, None], pa.uint64()), [str(2**64 - 1), ""]),
        (pa.array([Decimal("1.50"), Decimal("-3")]), ["1.50", "-3.00"]),
        (pa.array([b"x", None]), ["x", ""]),
        (pa.array([7, 8]).dictionary_encode(), ["7", "8"]),
        (pa.array([True, False]).dictionary_encode(), ["true", "false"]),
        (pa.nulls(2), ["", ""]),
    ],
    ids=["float16", "uint64", "decimal", "binary", "dictionary", "dictionary of bools", "null"],
)
def test_texts_of_rare_types(tmp_path: Path, array: pa.Array, cells: list[str]):
    pq.write_table(pa.table({"a": array}), tmp_path / "t.parquet")
    assert open_table(tmp_path / "t.parquet").cells("a", wanted_for="is read") == cells


@pytest.mark.parametrize(
    ("array", "cells"),
    [
        (pa.array([[1], None]), ["[1]", ""]),
        (pa.array([{"x": "ü"}, None]), ['{"x": "ü"}', ""]),
        (pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())), ['[["k", 1]]', "[]"]),
        (pa.array([timedelta(hours=25), None]), ["90000", ""]),
        (pa.array([90_500, None], pa.duration("ms")), ["90.5", ""]),
        (pa.array([b"\xff\x00", b"x"]), ["ff00", "78"]),
    ],
    ids=["list", "struct", "map", "duration", "milliseconds", "bytes"],
)
@pytest.mark.parametrize("kind", ["number", "text", "any"])
def test_values_that_are_not_single_ones_are_text(written, array, cells: list[str], kind: str):
    table = written({"a b": array, "n": pa.array([1, 2])})
    assert whole_columns(table, {"a b": kind})["a b"].cells() == cells
    (chunk,) = table.chunks({"a b": "text", "n": "text"})
    assert list(map(tuple, chunk.rows())) == list(zip(cells, ["1", "2"], strict=True))


def test_a_time_that_python_does_not_have_is_text(written):
    times = pa.array([0, 10**15], pa.timestamp("s"))
    first, second = whole_columns(written({"a": times}), {"a": "any"})["a"].cells()
    assert (first, second[:18]) == ("1970-01-01 00:00:00", "<value out of rang")


def test_a_table_without_rows_is_named(written):
    with pytest.raises(DataError, match="column names but no rows"):
        whole_columns(written({"a": pa.array([], pa.int64())}), {"a": "number"})


def test_a_column_is_read_without_those_beside_it(tmp_path: Path, monkeypatch):
    columns = {f"c{k}": pa.array(range(10)) for k in range(20)}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=4)
    asked: list[list[str]] = []
    original = pq.ParquetFile.iter_batches

    def iter_batches(self, *args, columns, **options):
        asked.append(columns)
        return original(self, *args, columns=columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    table = open_table(tmp_path / "t.parquet")
    assert len(table) == 10
    assert table.cells("c7", wanted_for="is read") == [str(k) for k in range(10)]
    assert asked == [["c0"], ["c7"]]


def test_wide_rows_are_read_a_few_at_a_time(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("bpnet.data.reading.parquet._BATCH_BYTES", 8 * 20 * 30)
    columns = {f"c{k}": pa.array(np.arange(100.0) + k) for k in range(20)}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = open_table(tmp_path / "t.parquet")
    assert max(len(chunk) for chunk in table.chunks(dict.fromkeys(columns, "number"))) <= 30
    assert len(next(table.chunks({"c1": "number"}))) == 100


def test_small_groups_of_rows_are_one_chunk(tmp_path: Path):
    texts = [f"t{k % 7}" for k in range(100)]
    pq.write_table(pa.table({"t": texts}), tmp_path / "t.parquet", row_group_size=3)
    (chunk,) = open_table(tmp_path / "t.parquet").chunks({"t": "text"})
    assert chunk.column("t").cells() == texts


def test_a_cell_that_is_too_long_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("bpnet.data.reading.arrow_values.LONGEST_RECORD", 1000)
    pq.write_table(pa.table({"t": ["x" * 2000, "y"] * 50}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"column 't': .* longer than"):
        open_table(tmp_path / "t.parquet").cells("t", wanted_for="is read")


def test_an_arrow_file_that_is_cut_short_is_named(tmp_path: Path):
    for write in (write_file, write_stream):
        path = tmp_path / "t.arrow"
        write(pa.table({"a": list(range(1000))}), path)
        path.write_bytes(path.read_bytes()[:-400])
        with pytest.raises(DataError, match=r"t\.arrow: is not a whole Arrow file"):
            open_table(path).cells("a", wanted_for="is read")


def test_a_damaged_arrow_file_is_named_and_ends_nothing(tmp_path: Path):
    path = tmp_path / "t.arrow"
    write_stream(pa.table({"t": ["some", "text", None] * 9, "n": list(range(27))}), path)
    content = path.read_bytes()
    named = 0
    for place in range(8, len(content), 5):
        path.write_bytes(content[:place] + b"\xff\x7f" + content[place + 2 :])
        try:
            table = open_table(path)
            for name in table.columns:
                table.cells(name, wanted_for="is read")
        except DataError:
            named += 1
    assert named > 10
