"""Kept columns: each cell is parsed once, within a limit, and every pass yields the same rows."""

import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading import Table, open_table
from bpnet.data.reading.chunk import Chunk, ColumnChunk, ColumnTypes
from bpnet.data.reading.column import CellParseError, Column, column_from_texts
from bpnet.data.reading.kept import kept_table
from bpnet.data.reading.settings import Reading

NUMBERS: ColumnTypes = {"a": "number"}
BOTH: ColumnTypes = {"a": "number", "b": "text"}


class CountedFile:
    """A file of two columns in chunks of three rows that counts how often each is read."""

    kind, name, digest = "Counted", "counted", ""
    reads_only_wanted, header_hint = False, ""
    declared_categories = frozenset[str]()

    def __init__(self, rows: int) -> None:
        self.warnings: list[str] = []
        self.columns, self.rows = ["a", "b"], rows
        self.reads: Counter[tuple[str, int]] = Counter()

    def chunks(self, types: ColumnTypes, start: int) -> Iterator[Chunk]:
        """Yield the rows, three at a time, and count the columns of each chunk."""
        for first in range(0, self.rows, 3):
            numbers = np.arange(first, min(first + 3, self.rows))
            self.reads.update((name, first) for name in types)
            columns = {
                "a": column_from_texts(map(str, numbers), NumberFormat()),
                "b": column_from_texts((f"t{n % 2}" for n in numbers), NumberFormat()),
            }
            lines = [int(n) + 2 for n in numbers]
            yield ColumnChunk(self.name, start + first, columns, lines)


def contents(table: Table, types: ColumnTypes, most: int | None = None) -> list[object]:
    """Return what one pass, or its first chunks, yields: places and cells."""
    seen: list[object] = []
    for number, chunk in enumerate(table.chunks(types)):
        if number == most:
            break
        seen.append([chunk.where(row) for row in range(len(chunk))])
        seen.append({name: chunk.column(name).cells() for name in types})
    return seen


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 11), min_size=1, max_size=3),
    st.lists(st.tuples(st.booleans(), st.none() | st.integers(0, 3)), max_size=6),
    st.sampled_from([0, 100, 400, 10**6]),
)
def test_every_pass_yields_what_the_table_yields(sizes, passes, most):
    """Whole and broken-off passes, over several files, with room for all, some or no columns."""
    plain = Table("t", [CountedFile(rows) for rows in sizes])
    kept = kept_table(Table("t", [CountedFile(rows) for rows in sizes]), most)
    for both, first in passes:
        types = BOTH if both else NUMBERS
        assert contents(kept, types, first) == contents(plain, types, first)


def test_each_cell_is_read_once_however_many_passes_there_are():
    """Also where the first pass was broken off."""
    file = CountedFile(10)
    table = kept_table(Table("t", [file]))
    next(iter(table.chunks(BOTH)))
    first = file.reads.copy()
    for _ in range(5):
        assert len([chunk for chunk in table.chunks(BOTH) if chunk.column("a").as_numbers().any()])
    again = file.reads - first
    assert set(again.values()) == {1}
    assert set(file.reads) == {(name, row) for name in BOTH for row in (0, 3, 6, 9)}


def test_passes_within_each_other_yield_the_same_rows():
    """An inner pass that comes further than the outer one adds no row twice."""
    table = kept_table(Table("t", [CountedFile(10)]))
    lengths = []
    for chunk in table.chunks(NUMBERS):
        lengths.append(len(chunk))
        assert sum(map(len, table.chunks(NUMBERS))) == 10
    assert lengths == [3, 3, 3, 1]
    assert sum(map(len, table.chunks(NUMBERS))) == 10


def test_beyond_the_limit_nothing_is_kept():
    """Once the columns take more bytes than allowed, every pass reads the file."""
    file = CountedFile(10)
    table = kept_table(Table("t", [file]), 50)
    for _ in range(3):
        assert sum(map(len, table.chunks(NUMBERS))) == 10
    assert file.reads["a", 0] == 3
    assert table.files[0]._kept == {}


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "parquet"])
def test_a_kept_row_knows_its_place_in_the_file(tmp_path: Path, ending: str):
    """Messages name the same line as without keeping."""
    path = tmp_path / f"t.{ending}"
    if ending == "parquet":
        pq = pytest.importorskip("pyarrow.parquet")
        import pyarrow as pa

        pq.write_table(pa.table({"a": [1, 2, 3], "b": ["x", "y", "z"]}), path)
    else:
        csv, jsonl = b'a,b\n1,"x\n"\n2,y\n3,z\n', b'{"a": 1, "b": "x"}\n\n{"a": 2, "b": "y"}\n'
        content = jsonl if ending == "jsonl" else csv
        path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    plain = open_table(path, Reading())
    kept = kept_table(open_table(path, Reading()))
    for _ in range(2):
        assert contents(kept, BOTH) == contents(plain, BOTH)
    assert kept.digest == plain.digest


def test_a_text_is_parsed_once_for_all_rows_that_hold_it():
    """Columns of other rows share what was read; wrong texts of other rows are no errors."""
    parsed: list[str] = []

    def parse(text: str) -> float:
        parsed.append(text)
        return float(text)

    column = column_from_texts(["1", "x", "2", "1"], NumberFormat())
    some = column.take(np.array([0, 2, 3]))
    assert some.parse(parse, "a number").tolist() == [1, 2, 1]
    assert column.take(np.array([2])).parse(parse, "a number").tolist() == [2]
    with pytest.raises(CellParseError, match="x"):
        column.parse(parse, "a number")
    assert parsed == ["1", "x", "2"]
    assert column.parse(lambda text: 7.0, "something else").tolist() == [7, 7, 7, 7]


def test_texts_of_numbers_are_parsed_for_their_own_rows():
    """A column of numbers has other texts for other rows, which share no memo."""
    column = Column(NumberFormat(), numbers=np.array([5.0, 1.0, 5.0]))
    assert column.parse(float, "a number").tolist() == [5, 1, 5]
    assert column.take(np.array([0])).parse(float, "a number").tolist() == [5]
