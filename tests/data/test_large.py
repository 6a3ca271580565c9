"""The fast reader of large tables gives what the careful reader gives, or leaves the table to it."""

import csv
import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data import table as tables
from bpnet.data.columns import class_labels, numeric_columns
from bpnet.data.large import fast_columns, text_column
from bpnet.data.table import Table
from bpnet.errors import DataError

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr), st.integers(-(2**70), 2**70).map(str), st.just(" 3 ")
)
WORDS = st.text(st.characters(categories=["L", "N"], include_characters=" ,\"'.-\n"), min_size=1, max_size=8).filter(
    lambda word: word.strip() == word
)


def _csv(columns: dict[str, list[str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


@given(st.data(), st.integers(1, 12))
def test_both_readers_agree(data, rows):
    size = {"min_size": rows, "max_size": rows}
    content = _csv({"x": data.draw(st.lists(NUMBERS, **size)), "label": data.draw(st.lists(WORDS, **size))})
    with pytest.MonkeyPatch.context() as patch:
        careful = Table("t.csv", content)
        patch.setattr(tables, "LARGE", 0)
        fast = Table("t.csv", content)
    assert len(fast) == len(careful) == rows
    x = [numeric_columns(table, ["x"], role="feature", advice="") for table in (fast, careful)]
    np.testing.assert_array_equal(x[0], x[1])

    def labels(table):
        try:
            return class_labels(table, "label")
        except DataError as error:
            return error.problems

    assert labels(fast) == labels(careful)
    assert fast.rows == careful.rows


def test_a_clean_table_is_read_by_pandas():
    columns = fast_columns(b"x,y,label\n1,2.5,a\n3,-4e3,b\n")
    assert columns is not None
    assert columns["x"].tolist() == [1.0, 3.0]
    assert columns["y"].tolist() == [2.5, -4000.0]
    assert columns["label"] is None
    assert text_column(b"x,label\n1, a \n3,007\n", "label") == ["a", "007"]


@pytest.mark.parametrize(
    "rows",
    [b"1,2\n3\n", b"1,2\n3,4,5\n", b"1,2\n,4\n", b"1,2\ninf,4\n", b'1,2\n"3,4\n', b"1,2\nTrue,4\n", b"1,2\nnan,4\n"],
)
def test_what_is_amiss_is_left_to_the_careful_reader(rows, monkeypatch):
    columns = fast_columns(b"x,y\n" + rows)
    assert columns is None or columns["x"] is None
    monkeypatch.setattr(tables, "LARGE", 0)
    with pytest.raises(DataError, match=r"t.csv(: column|, line [23])"):
        numeric_columns(Table("t.csv", b"x,y\n" + rows), ["x", "y"], role="feature", advice="")


@pytest.mark.parametrize(
    "rows",
    [b"1,2,9\n3,4,9\n", b"1,2,9\n3,4\n", b"1,2,\n3,4,\n", b'"1"5,2\n3,4\n', b"1,2\n   \n3,4\n", b"1\n3\n", b'1,"2\n'],
)
def test_no_cell_is_lost_or_made_up_in_a_large_table(rows, monkeypatch):
    def read(large):
        monkeypatch.setattr(tables, "LARGE", large)
        try:
            return numeric_columns(Table("t.csv", b"x,y\n" + rows), ["x", "y"], role="feature", advice="").tolist()
        except DataError as error:
            return error.problems

    assert read(0) == read(10**9)


def test_small_tables_do_not_import_pandas():
    code = (
        "import sys; from bpnet.data.table import read_table; "
        "read_table('datasets/digits.csv'); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
