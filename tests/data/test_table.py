"""Reading a table: its cells and lines as they stand in the file, and what each damaged file is answered with."""

import csv
import hashlib
import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.table import MOST_PROBLEMS, Table, read_table
from bpnet.errors import DataError

CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\r,\"'; "), max_size=8).map(
    str.strip
)


def table(text: str | bytes) -> Table:
    return Table("t.csv", text if isinstance(text, bytes) else text.encode())


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(DataError) as caught:
        _ = table(text).rows
    assert caught.value.exit_code == 4
    return caught.value.problems


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8))
def test_what_csv_writes_is_read_back(rows):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([["a", "b c", "d.e"], *rows])
    read = table(text.getvalue())
    assert read.columns == ["a", "b c", "d.e"]
    assert read.rows == rows
    assert len(read) == len(rows)
    assert [read.cells(name, wanted_for="is read") for name in read.columns] == [
        list(column) for column in zip(*rows, strict=True)
    ]


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
    ],
    ids=["plain", "no end of line", "BOM", "CRLF", "CR", "blank lines", "spaces", "quotes"],
)
def test_the_same_table_in_other_clothes(text):
    read = table(text)
    assert (read.columns, read.rows) == (["a", "b"], [["1", "x"], ["2", "y"]])
    assert read.digest == hashlib.sha256(text).hexdigest()


def test_quoted_commas_and_newlines_belong_to_the_cell_and_lines_are_those_of_the_file():
    read = table('"a\nx",b\n1,"x, y"\n\n2,"p\nq ""r"""\n3,z\n')
    assert read.columns == ["a\nx", "b"]
    assert read.rows == [["1", "x, y"], ["2", 'p\nq "r"'], ["3", "z"]]
    assert [read.where(row) for row in range(3)] == [
        "t.csv, line 3 (row 1)",
        "t.csv, line 5 (row 2)",
        "t.csv, line 7 (row 3)",
    ]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ("t.csv", "empty", "column names")),
        ("\n\n \n".replace(" ", ""), ("t.csv", "empty")),
        ("a,b\n", ("t.csv", "no rows")),
        ("a,b\n1\n", ("t.csv, line 2 (row 1)", "1 cells", "header has 2")),
        ("a,b\n1,2\n\n1,2,3\n", ("t.csv, line 4 (row 2)", "3 cells", "header has 2")),
        ("a,b,a\n1,2,3\n", ("line 1", "two columns are named 'a'", "rename")),
        ("a,,c\n1,2,3\n", ("line 1", "column 2 has no name")),
        ("a;b\n1;2\n", ("line 1", "separated by ';'", "commas")),
        ("a\tb\n1\t2\n", ("line 1", "separated by '\\t'", "commas")),
        ("a|b\n1|2\n", ("line 1", "separated by '|'", "commas")),
        ('a,b\n1,"x\n2,y\n', ("t.csv, line 2", "not valid CSV", "quotes")),
        ('a,b\n1,2\n"1"5,y\n', ("t.csv, line 3", "not valid CSV", "quotes")),
        (b"a,b\n1,gr\xf6n\n", ("t.csv, line 2", "0xf6", "UTF-8")),
        ("a,b\n1,2\n".encode("utf-16"), ("t.csv, line 1", "0xff", "UTF-8")),
    ],
)
def test_a_damaged_table_is_named_with_its_line(text, parts):
    (message,) = problems(text)
    assert [part for part in parts if part not in message] == []


def test_several_bad_names_are_reported_together():
    assert len(problems("a,,a\n1,2,3\n")) == 2


def test_only_the_first_ragged_rows_are_named_and_all_are_counted():
    found = problems("a,b\n" + "1\n" * 9 + "1,2\n")
    assert len(found) == MOST_PROBLEMS + 1
    assert "line 6 (row 5)" in found[4]
    assert found[-1] == "in all, 9 rows have the wrong number of cells"


def test_a_missing_column_is_answered_with_those_there_are_and_a_near_miss():
    with pytest.raises(DataError) as caught:
        table("height,weight\n1,2\n").cells("hieght", wanted_for="is the target")
    message = str(caught.value)
    for part in ("t.csv", "no column 'hieght'", "is the target", "'height', 'weight'", "did you mean 'height'?"):
        assert part in message


def test_many_columns_are_listed_in_short():
    wide = ",".join(f"c{k}" for k in range(500)) + "\n" + ",".join("1" * 500) + "\n"
    with pytest.raises(DataError, match="and 488 more") as caught:
        table(wide).cells("zz", wanted_for="is the target")
    assert len(str(caught.value)) < 400


def test_a_file_that_is_not_there_is_answered_with_a_near_miss(tmp_path: Path):
    (tmp_path / "flowers.csv").write_text("a\n1\n")
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "flower.csv")
    assert "there is no such file" in str(caught.value)
    assert f"did you mean '{tmp_path / 'flowers.csv'}'?" in str(caught.value)
    with pytest.raises(DataError, match="no such file; check the path"):
        read_table(tmp_path / "zzz" / "9.csv")
    with pytest.raises(DataError, match="is a folder; give a CSV file"):
        read_table(tmp_path)


def test_standard_input_is_a_table_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a,b\n1,x\n")))
    read = read_table("-")
    assert (read.name, read.rows) == ("standard input", [["1", "x"]])
    with pytest.raises(DataError, match="standard input: the table is empty"):  # there is nothing left
        read_table("-")
