"""Delimited text: any dialect, encoding and compression, and the place of what is damaged."""

import csv
import gzip
import hashlib
import io
import time
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.reading import delimited as delimited_module
from bpnet.data.reading import open_table
from bpnet.data.reading import streams as streams_module
from bpnet.data.reading.chunk import CellType
from bpnet.data.reading.column import CellParseError, Column
from bpnet.data.reading.delimited import DelimitedFile
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import bytes_opener
from bpnet.data.reading.table import Table
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.engine.component import FieldError
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS

CELLS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\r,\"'; |"), max_size=8
).map(str.strip)
NAMES = ["a", "b c", "d.e"]


def table(text: str | bytes, **settings: object) -> Table:
    content = text if isinstance(text, bytes) else text.encode()
    return Table("t.csv", [DelimitedFile("t.csv", bytes_opener(content), Reading(**settings))])  # type: ignore[arg-type]


def rows(read: Table) -> list[list[str]]:
    return [list(row) for chunk in read.chunks({}) for row in chunk.rows()]


def problems(text: str | bytes, **settings: object) -> list[str]:
    with pytest.raises(DataError) as caught:
        rows(table(text, **settings))
    assert caught.value.exit_code == 4
    return caught.value.problems


def written(cells: list[list[str]], **dialect: object) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **{"lineterminator": "\n", **dialect}).writerows([NAMES, *cells])  # type: ignore[arg-type]
    return text.getvalue()


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@given(
    cells=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=6),
    crlf=st.booleans(),
)
def test_what_csv_writes_is_read_back(separator, quote, cells, crlf):
    text = written(
        cells,
        delimiter=separator,
        quotechar=quote,
        quoting=csv.QUOTE_ALL,
        lineterminator="\r\n" if crlf else "\n",
    )
    read = table(text, quote=quote, separator=separator)
    assert read.columns == NAMES
    assert rows(read) == cells
    assert len(read) == len(cells)
    assert [read.cells(name, wanted_for="is read") for name in NAMES] == [
        list(c) for c in zip(*cells, strict=True)
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@given(
    cells=st.lists(st.lists(st.integers(-99, 99), min_size=3, max_size=3), min_size=2, max_size=6)
)
def test_the_separator_is_read_off_the_table(separator, cells):
    texts = [[str(cell) for cell in row] for row in cells]
    assert rows(table(written(texts, delimiter=separator))) == texts


@pytest.mark.parametrize("compressed", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-8-sig", "utf-8"),
        ("utf-16", None),
        ("utf-16", "utf-16"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
        ("latin-1", "latin-1"),
    ],
)
def test_any_encoding_and_compression(
    tmp_path: Path, encoding, named, compressed, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(streams_module, "BLOCK", 37)  # so that characters are cut in two
    monkeypatch.setattr(delimited_module, "LARGE", 0)
    content = ("größe;né\n" + "".join(f"{k};ü{'é' * k}\n" for k in range(40))).encode(encoding)
    (tmp_path / "t.csv").write_bytes(compressed(content))
    read = open_table(tmp_path / "t.csv", Reading(encoding=named))
    assert read.columns == ["größe", "né"]
    assert rows(read) == [[str(k), "ü" + "é" * k] for k in range(40)]
    assert read.digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        b"a,b\n1,x\n2,y\n",
        b"a,b\n1,x\n2,y",
        b"\xef\xbb\xbfa,b\n1,x\n2,y\n",
        b"a,b\r\n1,x\r\n2,y\r\n",
        b"a,b\r1,x\r2,y\r",
        b"\n\na,b\n\n1,x\n\n2,y\n\n\n",
        b" a , b\n 1 ,  x \n2\t,y\n",
        b'"a","b"\n"1","x"\n2, "y"\n',
        b"a;b\n1;x\n2;y\n",
        b"a\tb\n1\tx\n2\ty\n",
        b"a|b\n1|x\n2|y\n",
    ],
    ids=[
        "plain",
        "no end of line",
        "BOM",
        "CRLF",
        "CR",
        "blank lines",
        "spaces",
        "quotes",
        ";",
        "tab",
        "|",
    ],
)
def test_the_same_table_in_other_clothes(text):
    read = table(text)
    assert (read.columns, rows(read)) == (["a", "b"], [["1", "x"], ["2", "y"]])
    assert read.digest == hashlib.sha256(text).hexdigest()


def test_quoted_commas_and_newlines_belong_to_the_cell_and_lines_are_those_of_the_file():
    read = table('"a\nx",b\n1,"x, y"\n\n2,"p\nq ""r"""\n3,z\n')
    assert read.columns == ["a\nx", "b"]
    assert rows(read) == [["1", "x, y"], ["2", 'p\nq "r"'], ["3", "z"]]
    assert [read.where(row) for row in range(3)] == [
        "t.csv, line 3 (row 1)",
        "t.csv, line 5 (row 2)",
        "t.csv, line 7 (row 3)",
    ]


@pytest.mark.parametrize(
    ("text", "settings", "numbers"),
    [
        ("a;b\n1,5;2\n-2,25e2;3\n", {}, [1.5, -225]),
        ("a\tb\n1,5\t2\n,\t3\n".replace(",\t", "0,25\t"), {}, [1.5, 0.25]),
        ("a;b\n1.5;2\n2.25;3\n", {}, [1.5, 2.25]),
        ('a,b\n"1,5",2\n"2,25",3\n', {"decimal": ","}, [1.5, 2.25]),
        ("a;b\n1.234,5;2\n2;3\n", {"decimal": ",", "thousands": "."}, [1234.5, 2]),
        ('a,b\n"1,234.5",2\n"1,234,567",3\n', {"thousands": ","}, [1234.5, 1234567]),
        ("a,b\n1'234,2\n5,3\n", {"thousands": "'"}, [1234, 5]),
        ("a,b\n1 234,2\n5,3\n", {"thousands": " "}, [1234, 5]),
        ("a b\n1 2\n3 4\n", {"separator": " "}, [1, 3]),
        ("a,b\n-999,2\n3,4\n", {"missing": ["-999"]}, [np.nan, 3]),
    ],
)
def test_number_formats(text, settings, numbers):
    np.testing.assert_array_equal(
        whole_columns(table(text, **settings), {"a": "number"})["a"].as_numbers(), numbers
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ("t.csv", "empty", "column names")),
        ("\n\n\n", ("t.csv", "empty")),
        ("a,b\n", ("t.csv", "no rows")),
        ("a,b", ("t.csv", "no rows")),
        ("a,b\n1\n", ("t.csv, line 2 (row 1)", "1 cells", "header has 2")),
        ("a,b\n1,2\n\n1,2,3\n", ("t.csv, line 4 (row 2)", "3 cells", "header has 2", "(',')")),
        ("a;b\n1;2\n1;2\n1\n", ("t.csv, line 4 (row 3)", "1 cells", "(';')")),
        ("a,b,a\n1,2,3\n", ("line 1", "two columns are named 'a'", "rename")),
        ("\n\na,b,b\n1,2,3\n", ("line 3", "two columns are named 'b', columns 2 and 3")),
        ('a,b\n1,"x\n2,y\n', ("t.csv, line 2", "not valid CSV", "quotes", "never closed")),
        ('a,b\n1,2\n"1"5,y\n', ("t.csv, line 3", "not valid CSV", "quotes")),
        (b"a,b\n1,gr\xf6n\n", ("t.csv, line 2", "0xf6", "UTF-8", "dataset.reading.encoding")),
        (b"a,\0b\n1,2\n", ("line 1", "NUL")),
        (b"\0" * 999, ("line 1", "NUL")),
    ],
)
def test_a_damaged_table_is_named_with_its_line(text, parts):
    (message,) = problems(text)
    assert [part for part in parts if part not in message] == []


def test_the_wrong_encoding_is_named_near_its_line():
    (message,) = problems(b"a,b\n1,2\n3,\xff\xfe\n", encoding="ascii")
    for part in ("t.csv, near line", "is not ascii text", "dataset.reading.encoding"):
        assert part in message


def test_several_bad_names_are_reported_together():
    assert len(problems("a,b,a,b\n1,2,3,4\n")) == 2


def test_only_the_first_ragged_rows_are_named_and_all_are_counted():
    found = problems("a,b\n" + "1\n" * 9 + "1,2\n", separator=",")
    assert len(found) == MAX_PROBLEMS + 1
    assert "line 6 (row 5)" in found[4]
    assert found[-1] == "in all, 9 rows have the wrong number of cells"


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_a_compressed_file_that_is_cut_short_is_named(tmp_path: Path, compress):
    whole = compress(b"a,b\n" + "".join(f"{k},{k * k % 977}\n" for k in range(5000)).encode())
    (tmp_path / "t.csv").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"t\.csv: is damaged or cut short"):
        rows(open_table(tmp_path / "t.csv"))


def test_a_record_without_an_end_is_refused_before_memory_is_full(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(streams_module, "BLOCK", 1000)
    monkeypatch.setattr(streams_module, "LONGEST_RECORD", 5000)
    (message,) = problems(b"a,b\n1,2\n" + b"x" * 100_000)
    assert "t.csv, line 3: the record that begins here is longer than" in message
    assert "line ends that are missing" in message
    assert "quote" not in message


@pytest.mark.parametrize(
    ("line", "block"), [(2, 4000), (900, 4000), (2400, 4000), (2, 15_000), (900, 15_000)]
)
def test_a_quote_that_is_never_closed_is_named_in_a_large_file(
    line, block, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(streams_module, "BLOCK", block)
    monkeypatch.setattr(delimited_module, "LARGE", 0)
    monkeypatch.setattr(streams_module, "LONGEST_RECORD", 20_000)
    lines = ["a,b", *("1,2" for _ in range(20_000))]
    lines[line - 1] = '1,"2'
    (message,) = problems("\n".join(lines))
    assert f"t.csv, line {line}: the record that begins here is longer than" in message
    assert 'a quote (") that is never closed' in message


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"separator": ",,"}, "separator"),
        ({"quote": "\n"}, "quote"),
        ({"separator": "é"}, "separator"),
        ({"separator": '"'}, "quote"),
        ({"decimal": ",", "thousands": ","}, "thousands"),
        ({"encoding": "utf-9"}, "encoding"),
        ({"encoding": "rot13"}, "encoding"),
        ({"encoding": "hex"}, "encoding"),
        ({"encoding": "zlib"}, "encoding"),
        ({"encoding": "bz2"}, "encoding"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings, key):
    with pytest.raises(FieldError) as caught:
        Reading(**settings)
    assert key in str(caught.value.__dict__)


def test_ten_thousand_columns_are_read_in_a_moment():
    names = [f"c{k}" for k in range(10_000)]
    text = ",".join(names) + "\n" + (",".join(map(str, range(10_000))) + "\n") * 20
    began = time.process_time()  # which other processes do not change
    read = whole_columns(table(text), dict.fromkeys(names, "number"))
    assert time.process_time() - began < 5
    assert [read[name].as_numbers()[19] for name in names] == list(range(10_000))


# Read cell by cell and by pandas


def column(content: bytes, name: str, kind: CellType, **settings: object) -> Column:
    return whole_columns(table(content, **settings), {name: kind})[name]


@pytest.mark.parametrize("cell", ["b", '3" b'])
def test_a_quote_within_a_column_name_loses_no_rows(size: str, cell: str):
    rows = [f"{k},{cell if k == 10 else 'b'},p" for k in range(60)]
    read = table("\n".join(['id,5" pipe,y', *rows]).encode())
    assert read.columns == ["id", '5" pipe', "y"]
    assert whole_columns(read, {"id": "number"})["id"].as_numbers().tolist() == list(range(60))
    assert read.where(20) == "t.csv, line 22 (row 21)"


def test_a_header_of_several_lines_ends_where_its_quotes_do(size: str):
    read = table(b'\n"a\nb",y\n1,2\n')
    assert read.columns == ["a\nb", "y"]
    assert read.where(0) == "t.csv, line 4 (row 1)"


def test_a_thousands_mark_precedes_three_digits(size: str):
    assert column(
        b"x;y\n3.101,5;1\n-1.000.000;1\n7;1\n", "x", "number", thousands="."
    ).as_numbers().tolist() == [
        3101.5,
        -1_000_000,
        7,
    ]
    for wrong in (b"0.5", b"1.0000", b"1234.567", b"1,000.5"):
        with pytest.raises(CellParseError):
            column(b"x;y\n" + wrong + b";1\n", "x", "number", thousands=".").as_numbers()


def test_text_in_another_encoding_that_is_cut_short_is_refused():
    whole = "x,y\n1,a\n2,b".encode("utf-16")
    assert column(whole, "y", "text").cells() == ["a", "b"]
    with pytest.raises(DataError, match=r"t\.csv, near line \d: is not utf-16 text"):
        column(whole[:-1], "y", "text")


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert table("\ufeffx,y\n1,a\n".encode("utf-16-le"), encoding="utf-16-le").columns == ["x", "y"]
