"""Cells as numbers and as classes, and every cell that is neither named."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.columns import class_labels, in_order, is_number, numeric_columns, suggests_classes
from bpnet.data.table import MOST_PROBLEMS, Table
from bpnet.errors import DataError


def column(cells: list[str]) -> Table:
    quoted = "".join('"' + cell.replace('"', '""') + '"\n' for cell in cells)
    return Table("t.csv", ("x\n" + quoted).encode())


def numbers(cells: list[str]) -> list[float]:
    return numeric_columns(column(cells), ["x"], role="feature", advice="give a number")[:, 0].tolist()


def problems(cells: list[str]) -> list[str]:
    with pytest.raises(DataError) as caught:
        numbers(cells)
    assert caught.value.exit_code == 4
    return caught.value.problems


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=10))
def test_numbers_are_read_to_the_last_bit(values):
    assert numbers([repr(value) for value in values]) == values


def test_numbers_come_in_many_forms():
    cells = ["1", "-2.5", "+3", ".5", "1e3", "1E-3", "1e308", "-1e-320", "10" * 30, "007", " 4 "]
    assert numbers(cells) == [1, -2.5, 3, 0.5, 1000, 0.001, 1e308, -1e-320, float("10" * 30), 7, 4]


@pytest.mark.parametrize(
    "cell",
    [
        "",
        " ",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "Infinity",
        "1e400",
        "NA",
        "?",
        "1,5",
        "1_000",
        "0x1F",
        "15%",
        "1 2",
        "true",
    ],
)
def test_a_cell_that_is_no_finite_number_is_named(cell):
    assert not is_number(cell.strip())
    (message,) = problems(["1", "2", cell, "3"])
    shown = f"'{cell}'" if cell.strip() else "a blank cell"
    for part in ("t.csv, line 4 (row 3)", "column 'x'", shown, "not a finite number", "give a number"):
        assert part in message


def test_a_control_character_is_shown_as_what_it_is():
    (message,) = problems(["1", "1\x00", "3"])
    assert "\x00" not in message
    assert "\\x00" in message


def test_only_the_first_bad_cells_are_named_and_all_are_counted():
    found = problems(["1"] + ["?"] * 9)
    assert len(found) == MOST_PROBLEMS + 1
    assert found[-1] == "in all, 9 cells of column 'x' are not finite numbers"


def test_a_column_of_text_is_one_problem():
    (message,) = problems(["red", "green", "blue"])
    for part in ("t.csv", "column 'x', a feature", "text", "'red'", "row 1"):
        assert part in message


@pytest.mark.parametrize("cell", ["nan", "inf"])
def test_a_lone_nan_is_not_called_text(cell):
    (message,) = problems([cell])
    assert "text" not in message


def test_every_bad_column_is_reported():
    table = Table("t.csv", b"a,b,c\n1,x,3\n?,y,inf\n")
    with pytest.raises(DataError) as caught:
        numeric_columns(table, ["a", "b", "c"], role="feature", advice="")
    assert [name for name in "abc" if f"column '{name}'" in str(caught.value)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["a", "b", "a"], True),
        (["0", "1", "1"], True),
        (["1.0", "2.0"], True),
        ([str(k) for k in range(20)], True),
        ([str(k) for k in range(21)], False),
        (["0.5", "1.5"], False),
        (["1", "1.5"], False),
        (["1e3", "2000"], True),
        (["1", "two", "3"], True),
        (["0.5", "", "1.5"], False),  # the gap is then named as a cell that is no number
        ([*(f"{k}.5" for k in range(50)), "N/A"], False),  # and so is the one word among numbers
        ([*(f"{k}.5" for k in range(50)), "nan"], False),
    ],
)
def test_whether_a_target_is_classes(cells, classes):
    assert suggests_classes(cells) is classes


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["no", "yes", "no"], ["no", "yes", "no"]),
        (["1", "1.0", "2.", "-3.00"], ["1", "1", "2", "-3"]),
        (["1.0", "a"], ["1.0", "a"]),
        (["1e-3", "größe", "a, b", 'q"'], ["1e-3", "größe", "a, b", 'q"']),
        (["123456789012345678901", "123456789012345678902"], ["123456789012345678901", "123456789012345678902"]),
        (["007", "7", "07"], ["007", "7", "07"]),
        (["0.5", "1"], ["0.5", "1"]),
        (["null", "None", "NA"], ["null", "None", "NA"]),
    ],
)
def test_labels_are_those_of_the_table(cells, labels):
    assert class_labels(column(cells), "x") == labels


@pytest.mark.parametrize("gap", ["", "  ", "nan", "NaN"])
def test_a_row_without_a_label_is_named(gap):
    with pytest.raises(DataError) as caught:
        class_labels(column(["a", gap, "b"]), "x")
    for part in ("t.csv, line 3 (row 2)", "column 'x'", "no class"):
        assert part in str(caught.value)


@given(st.lists(st.integers(-1000, 1000), min_size=1))
def test_whole_numbers_are_ordered_by_size_each_once(values):
    assert in_order([str(value) for value in values]) == [str(value) for value in sorted(set(values))]


def test_words_are_ordered_by_the_alphabet():
    assert in_order(["b", "10", "a", "9", "b"]) == ["10", "9", "a", "b"]


def test_the_order_does_not_depend_on_the_order_of_rows():
    labels = ["7", "07", "1", "10", "2"]
    assert in_order(labels) == in_order(labels[::-1])
    assert [math.floor(float(label)) for label in in_order(labels)] == [1, 2, 7, 7, 10]
