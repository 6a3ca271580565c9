"""Large tables: pandas, block by block, parses what reading cell by cell finds in one piece."""

import csv
import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading import delimited, streams
from bpnet.data.reading.chunk import CellType
from bpnet.data.reading.column import CellParseError, Column
from bpnet.data.reading.delimited import DelimitedFile
from bpnet.data.reading.dialect import Dialect
from bpnet.data.reading.pandas_parser import parse_columns
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import bytes_opener
from bpnet.data.reading.table import Table
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.errors import DataError

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(
        [" 3 ", "", "NA", "nan", "?", "N/A", "none", "-.5", "1e3", "+7", "007", "1e-320"]
    ),
)
WORDS = st.one_of(
    st.text(st.characters(categories=["L", "N"], include_characters=" ,\"'.-\n"), max_size=8),
    st.sampled_from(["007", "7", "true", "TRUE", "NA", "nan", "1.0", "1", " x ", "#N/A", "inf"]),
)


@contextmanager
def blocks_of(size: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "LARGE", 0)
        patch.setattr(streams, "BLOCK", size)
        yield


def table(content: bytes, **settings: object) -> Table:
    return Table("t.csv", [DelimitedFile("t.csv", bytes_opener(content), Reading(**settings))])  # type: ignore[arg-type]


def written(columns: dict[str, list[str]], **dialect: object) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, **{"lineterminator": "\n", **dialect})  # type: ignore[arg-type]
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def found(content: bytes, kind: str, name: str, **settings: object) -> object:
    """The column's numbers or texts, or what is said of it."""
    try:
        column = whole_columns(table(content, **settings), {name: kind})[name]
        return column.as_numbers().tolist() if kind == "number" else column.cells()
    except CellParseError as error:
        return sorted(set(error.texts)), error.rows.tolist()
    except DataError as error:
        return error.problems


def same(one: object, other: object) -> bool:
    return repr(one) == repr(other)  # nan is nan


@given(
    st.data(),
    st.integers(1, 12),
    st.integers(1, 200),
    st.sampled_from([",", ";", "\t", "|"]),
    st.booleans(),
)
def test_both_readers_agree(data, rows, block, separator, crlf):
    size = {"min_size": rows, "max_size": rows}
    content = written(
        {"x": data.draw(st.lists(NUMBERS, **size)), "label": data.draw(st.lists(WORDS, **size))},
        delimiter=separator,
        lineterminator="\r\n" if crlf else "\n",
    )
    for kind, name in (("number", "x"), ("text", "x"), ("text", "label")):
        careful = found(content, kind, name, separator=separator, decimal=".")
        with blocks_of(block):
            fast = found(content, kind, name, separator=separator, decimal=".")
        assert same(fast, careful)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.integers(10, 300))
def test_decimal_commas_are_read_alike(values, block):
    content = written(
        {"x": [repr(v).replace(".", ",") for v in values], "y": ["1"] * len(values)}, delimiter=";"
    )
    with blocks_of(block):
        assert found(content, "number", "x", separator=";", decimal=",") == values


@given(st.data(), st.integers(1, 12), st.integers(1, 100))
def test_lines_and_rows_are_numbered_across_blocks(data, rows, block):
    cells = data.draw(
        st.lists(st.sampled_from(["1", "a\nb", "", "x,y", "p\n\nq"]), min_size=rows, max_size=rows)
    )
    content = written({"a": cells, "b": ["1"] * rows})
    careful = table(content)
    whole = [careful.where(row) for row in range(rows)]
    with blocks_of(block):
        read = table(content)
        assert [read.where(row) for row in range(rows)] == whole
        assert len(read) == rows


def test_cr_line_ends_are_numbered_across_blocks():
    content = b"a,b\r" + b"1,2\r" * 50
    for block in range(1, 40):
        with blocks_of(block):
            assert table(content).where(40) == "t.csv, line 42 (row 41)"


def test_crlf_line_ends_are_numbered_across_blocks():
    content = b"a,b\r\n" + b"1,2\r\n" * 50
    for block in range(1, 40):
        with blocks_of(block):
            assert table(content).where(40) == "t.csv, line 42 (row 41)"


@pytest.mark.parametrize("line", [2, 77, 999])
def test_a_ragged_row_in_any_block_is_named_with_its_line(line):
    lines = ["a,b", *('"x\ny",2' if k % 7 == 0 else "1,2" for k in range(998))]
    before = sum(text.count("\n") for text in lines[: line - 1])
    lines[line - 1] = "1,2,3"
    with blocks_of(100):
        (message,) = found("\n".join(lines).encode(), "number", "a")  # type: ignore[misc]
    assert f"t.csv, line {line + before} (row {line - 1}): 3 cells, but the header has 2" in message


def test_a_clean_block_is_read_by_pandas():
    dialect = Dialect(",", '"', NumberFormat())
    read = parse_columns(
        b"1,2.5,a\n3,NA, b \n,-4e3,a\n",
        ["x", "y", "z"],
        dialect,
        {"x": "number", "y": "any", "z": "text"},
    )
    assert read is not None
    np.testing.assert_array_equal(read["x"].numbers, [1, 3, np.nan])
    np.testing.assert_array_equal(read["y"].numbers, [2.5, np.nan, -4000])
    assert read["z"].cells() == ["a", "b", "a"]
    only = parse_columns(b"1,2\n3,4\n", ["x", "y"], dialect, {"y": "any"})
    assert only is not None
    assert list(only) == ["y"]
    assert only["y"].numbers.tolist() == [2, 4]


@pytest.mark.parametrize(
    "rows",
    [
        b"1,2\n3\n",
        b"1,2\n3,4,5\n",
        b'1,2\n"3,4\n',
        b"1\n3\n",
        b"1,2\n\n3\n4,5,6\n",
    ],
)
def test_a_row_that_is_amiss_is_left_to_the_careful_reader(rows):
    assert (
        parse_columns(rows, ["x", "y"], Dialect(",", '"', NumberFormat()), {"x": "number"}) is None
    )
    with blocks_of(1000):
        fast = found(b"x,y\n" + rows, "number", "x")
    assert fast == found(b"x,y\n" + rows, "number", "x")
    assert isinstance(fast, list | tuple)
    assert all(not isinstance(part, float) for part in fast)


@pytest.mark.parametrize("cell", ["inf", "True", "1e400", "x", "1٣", "1_000", "9" * 5000])
def test_a_cell_that_is_not_a_number_leaves_the_other_columns_to_pandas(cell):
    read = parse_columns(
        f"1,2\n{cell},4\n".encode(), ["x", "y"], Dialect(",", '"', NumberFormat()),
        {"x": "number", "y": "number"},
    )  # fmt: skip
    assert read is not None
    assert read["y"].numbers.tolist() == [2, 4]
    with pytest.raises(CellParseError) as caught:
        read["x"].as_numbers()
    assert caught.value.texts == [cell]


@pytest.mark.parametrize(
    "rows",
    [
        b"1,2,9\n1,4,9\n",  # or else the first cells would be names of rows
        b"1,2,9\n3,4\n",
        b"1,2,\n3,4,\n",
        b'"1"5,2\n3,4\n',
        b"1,2\n   \n3,4\n",
        b'1,"2\n',
        b"1,2\n\n",
    ],
)
def test_no_cell_is_lost_or_made_up_in_a_large_table(rows):
    def numbers(wanted: list[str]) -> list[list[float]] | str:
        try:
            read = whole_columns(table(b"x,y\n" + rows), dict.fromkeys(wanted, "number"))
            return [column.as_numbers().tolist() for column in read.values()]
        except DataError as error:
            return error.problems[0]  # later blocks are not read any more

    for wanted in (["x"], ["x", "y"]):
        careful = numbers(wanted)
        for block in (3, 8, 1000):
            with blocks_of(block):
                assert same(numbers(wanted), careful)


@pytest.mark.parametrize(
    "cells",
    [
        ["true", "false"],
        ["TRUE", "false"],
        ["007", "7"],
        ["1", "1.0"],
        ["a", "1"],
        [str(2**60), str(2**60 + 1)],
    ],
)
def test_labels_are_not_changed_by_the_reader(cells):
    """A column of the type `any` keeps its texts as they are, unless all are numbers."""
    content = written({"label": cells * 3, "y": ["1"] * 6})
    with blocks_of(1000):
        column = whole_columns(table(content), {"label": "any"})["label"]
    if column.numbers is None:
        assert column.cells() == cells * 3
    else:
        assert column.numbers.tolist() == [float(cell) for cell in cells * 3]


@pytest.mark.parametrize("code", ["007", " 007", '"007"', '" 007"', ' "007"'])
@pytest.mark.parametrize("place", [0, 1, 5])
def test_a_code_like_007_is_found_wherever_it_is(code, place):
    dialect = Dialect(",", '"', NumberFormat())

    def parsed(cells: list[str]) -> Column:
        content = "\n".join(f"{cell},1 07" for cell in cells).encode()
        columns = parse_columns(content, ["code", "y"], dialect, {"code": "any"})
        assert columns is not None
        return columns["code"]

    cells = ["10", "200", "3005"] * 2
    assert parsed(cells).numbers is not None
    cells[place] = code
    assert "007" in parsed(cells).cells()


def test_small_tables_do_not_import_pandas():
    code = (
        "import sys; from bpnet.data.reading import open_table; "
        "print(len(open_table('datasets/digits.csv')), 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[1] == "False"


# Blocks that are read in different ways


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of about 400 bytes, which pandas reads, but for a last one that is small."""
    monkeypatch.setattr(streams, "BLOCK", 400)
    monkeypatch.setattr(delimited, "LARGE", 300)


def column(content: bytes, name: str, kind: CellType, **settings: object) -> Column:
    return whole_columns(table(content, **settings), {name: kind})[name]


@pytest.mark.usefixtures("blocks")
def test_labels_like_007_stay_as_they_are_where_the_last_block_is_small():
    labels = [f"00{k % 5 + 1}" for k in range(200)]
    content = ("label,y\n" + "".join(f"{label},1\n" for label in labels)).encode()
    assert column(content, "label", "text").cells() == labels
    assert sorted(
        {round(value) for value in column(content, "label", "any").as_numbers().tolist()}
    ) == [1, 2, 3, 4, 5]
    words = [*labels, "ZZ"]  # found last: what was read as numbers before it is read again
    assert column(content + b"ZZ,1\n", "label", "any").cells() == words


@pytest.mark.usefixtures("blocks")
def test_labels_like_007_stay_as_they_are_where_one_block_of_pandas_has_a_word():
    labels = ["ZZ" if k == 90 else f"00{k % 5 + 1}" for k in range(200)]
    content = ("label,y\n" + "".join(f"{label},1\n" for label in labels)).encode()
    assert column(content, "label", "any").cells() == labels


@pytest.mark.usefixtures("blocks")
def test_numbers_stay_numbers_where_the_last_block_is_small():
    values = [k + 0.25 for k in range(200)]
    read = column(("x,y\n" + "".join(f"{value},1\n" for value in values)).encode(), "x", "any")
    assert read.numbers is not None
    assert read.numbers.tolist() == values


@pytest.mark.parametrize("cell", ["-999", "-999.0", "-999.00"])
def test_a_missing_word_that_is_a_number_means_the_same_in_every_table(size: str, cell: str):
    content = f"x,y\n1,1\n{cell},1\n2,1\n".encode()
    for kind in ("number", "any"):
        np.testing.assert_array_equal(
            column(content, "x", kind, missing=["-999"]).as_numbers(), [1, np.nan, 2]
        )
    gap = cell == "-999"  # among texts, a word is but itself
    codes, _ = column(content, "x", "text", missing=["-999"]).as_text()
    assert (codes[1] < 0) == gap


def test_true_and_false_are_no_numbers_in_any_table(size: str):
    with pytest.raises(CellParseError):
        column(b"x,y\nTRUE,1\nFALSE,1\n", "x", "number").as_numbers()
    assert column(b"x,y\nTRUE,1\nFALSE,1\n", "x", "text").cells() == ["TRUE", "FALSE"]


@pytest.mark.parametrize("large", [0, 4_000_000], ids=["large", "small"])
def test_a_nul_byte_deep_in_a_table_is_named_with_its_line(
    monkeypatch: pytest.MonkeyPatch, large: int
):
    monkeypatch.setattr(delimited, "LARGE", large)
    monkeypatch.setattr(streams, "BLOCK", 50)
    content = b"x,y\n" + b"1,a\n" * 60 + b"1,a\0b\n" + b"1,a\n" * 60
    with pytest.raises(DataError, match="line 62: holds a NUL byte"):
        column(content, "y", "text")
