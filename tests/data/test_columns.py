"""Columns: cells as numbers, as text and as missing values, in every number format."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.missing_words import GAPS, MISSING_WORDS
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading import table_from_rows
from bpnet.data.reading.column import CellParseError, Column, column_from_texts
from bpnet.data.reading.whole_columns import whole_columns


def numbers(cells: list[str], **marks: object) -> list[float]:
    return column_from_texts(cells, NumberFormat(**marks)).as_numbers().tolist()  # type: ignore[arg-type]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=10))
def test_numbers_are_read_to_the_last_bit_and_written_so_that_they_are_again(values):
    assert numbers([repr(value) for value in values]) == values
    assert numbers(Column(NumberFormat(), numbers=np.array(values)).cells()) == values


def test_numbers_come_in_many_forms():
    cells = ["1", "-2.5", "+3", ".5", "1e3", "1E-3", "1e308", "-1e-320", "10" * 30, "007"]
    assert numbers(cells) == [1, -2.5, 3, 0.5, 1000, 0.001, 1e308, -1e-320, float("10" * 30), 7]


@pytest.mark.parametrize(
    "cell", ["", *MISSING_WORDS, "NA", "NaN", "N/A", "None", "NULL", "#N/A", "?"]
)
def test_missing_values_among_numbers(cell):
    assert math.isnan(numbers([cell])[0])
    assert not NumberFormat().is_number(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "inf",
        "-inf",
        "Infinity",
        "1e400",
        "1,5",
        "1_000",
        "0x1F",
        "15%",
        "1 2",
        "true",
        "1.2.3",
        "--1",
        "1\x00",
    ],
)
def test_a_cell_that_is_no_finite_number_is_named(cell):
    assert not NumberFormat().is_number(cell)
    with pytest.raises(CellParseError) as caught:
        numbers(["1", cell, "2", cell])
    assert (caught.value.texts, caught.value.rows.tolist()) == ([cell], [1, 3])


@pytest.mark.parametrize(
    ("marks", "cell", "value"),
    [
        ({"decimal": ","}, "1,5", 1.5),
        ({"decimal": ",", "thousands": "."}, "-1.234.567,25", -1234567.25),
        ({"thousands": ","}, "1,234,567.5", 1234567.5),
        ({"thousands": "'"}, "1'234", 1234),
        ({"thousands": "_"}, "1_234", 1234),
        ({"thousands": " "}, "1 234", 1234),
    ],
)
def test_number_formats(marks, cell, value):
    assert numbers([cell], **marks) == [value]


@pytest.mark.parametrize(
    ("marks", "cell"), [({"decimal": ","}, "1.5"), ({"decimal": ","}, "1,2,3"), ({}, "1'000")]
)
def test_other_number_formats_are_refused(marks, cell):
    assert not NumberFormat(**marks).is_number(cell)


def test_words_may_be_set_as_missing_in_any_column():
    marks = NumberFormat(missing=frozenset(["-999", "unknown"]))
    column = column_from_texts(["-999", "5", "unknown", "NA"], marks)
    np.testing.assert_array_equal(column.as_numbers(), [np.nan, 5, np.nan, np.nan])
    assert column.cells() == ["", "5", "", "NA"]


@given(st.lists(st.sampled_from(["", "a", "b", "NA", "1"]), min_size=1))
def test_codes_point_at_the_cells_and_blanks_are_missing(cells):
    codes, levels = column_from_texts(cells, NumberFormat()).as_text()
    present = ["" if cell in GAPS else cell for cell in cells]
    assert [levels[code] if code >= 0 else "" for code in codes] == present
    assert len(set(levels)) == len(levels)
    rows = np.arange(0, len(cells), 2)
    assert column_from_texts(cells, NumberFormat()).take(rows).cells() == present[::2]
    assert column_from_texts(cells, NumberFormat()).take(rows).written_cells() == cells[::2]


@given(st.lists(st.sampled_from([1.0, -2.5, math.nan, 1e20, 0.1]), min_size=1))
def test_numbers_as_text(values):
    codes, levels = Column(NumberFormat(), numbers=np.array(values)).as_text()
    written = {1.0: "1", -2.5: "-2.5", 1e20: "1e+20", 0.1: "0.1"}
    assert [levels[code] if code >= 0 else "" for code in codes] == [
        written.get(value, "") for value in values
    ]


def test_whole_columns_join_chunks_of_numbers_and_of_text():
    table = table_from_rows("t.csv", ["a", "b"], [[1, "x"], ["", "y"], [3, "x"]])
    both = whole_columns(table, {"a": "number", "b": "text"})
    np.testing.assert_array_equal(both["a"].as_numbers(), [1, np.nan, 3])
    assert both["b"].cells() == ["x", "y", "x"]
