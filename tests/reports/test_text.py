"""What reports are made of: tables that fit 80 columns, counts and scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.messages import counted, visible
from bpnet.reports.eval import _confusion_lines, _largest_confusions
from bpnet.reports.tables import LABEL_WIDTH, display_width, shortened, table
from bpnet.reports.text import rounded, score_text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (23398.2, 4, "23400"),
        (-23398.2, 4, "-23400"),
        (2034, 2, "2000"),
        (0.01234, 2, "0.012"),
        (9_999_999, 4, "10000000"),
        (1.5e9, 4, "1.5e+09"),
        (2.5e-7, 2, "2.5e-07"),
    ],
)
def test_usual_numbers_have_no_exponent(value: float, digits: int, text: str) -> None:
    assert rounded(value, digits) == text


def test_a_table_is_aligned() -> None:
    assert table(["", "a", "long"], [["one", "1", "22"], ["two", "333", ""]], numbers=True) == [
        "       a  long",
        "one    1    22",
        "two  333",
    ]
    assert table(["a", "b"], [["xyz", "1"]]) == ["a    b", "xyz  1"]


@pytest.mark.parametrize("name", ["line\nbreak", "\u202eRTL", "a\tb", "\x1b[2J", "\u200bzero", "é"])
def test_names_that_turn_break_or_hide_are_aligned(name: str) -> None:
    first, *others = table(["", "mean"], [[name, "1.5"], ["plain", "22.5"]], numbers=True)
    assert len(others) == 2
    assert {display_width(visible(line)) for line in (first, *others)} == {display_width(first)}
    assert first.isprintable()


def test_the_header_of_a_wide_table_takes_several_lines() -> None:
    header = ["", "network", "95 % interval", "the majority class", "logistic regression"]
    row = ["expected calibration error", "0.1000", "0.0100 … 0.2000", "0.3000", "0.4000"]
    lines = table(header, [row], numbers=True)
    assert lines == [
        "                                                      the majority    logistic",
        "                            network    95 % interval         class  regression",
        "expected calibration error   0.1000  0.0100 … 0.2000        0.3000      0.4000",
    ]


def test_the_header_is_narrower_before_a_table_is_folded() -> None:
    header = ["", "network", "95 % interval", "the majority class", "logistic regression"]
    header += ["boosted trees"]
    row = ["Matthews correlation", "0.1000", "0.0100 … 0.2000", "0.3000", "0.4000", "0.5000"]
    assert table(header, [row], numbers=True) == [
        "                                                     the",
        "                                                majority    logistic  boosted",
        "                      network    95 % interval     class  regression    trees",
        "Matthews correlation   0.1000  0.0100 … 0.2000    0.3000      0.4000   0.5000",
    ]


def test_a_confusion_matrix_of_long_labels_fits_80_columns() -> None:
    for labels in (["a", "b"], ["a" * 40, "b" * 40], [f"a class with words {k}" for k in range(4)]):
        lines = _confusion_lines(labels, np.eye(len(labels), dtype=int).tolist())
        assert max(map(len, lines)) <= 80
        assert lines[-1].split("  ")[0] == labels[-1]


def test_counts_have_their_noun() -> None:
    assert [counted(n, "row") for n in (0, 1, 1000)] == ["0 rows", "1 row", "1,000 rows"]
    assert [counted(n, "category") for n in (1, 2)] == ["1 category", "2 categories"]


CELLS = st.text(st.characters(codec="utf-8", categories=["L", "N", "Mn"]), max_size=45)
TABLES = st.tuples(st.integers(2, 14), st.integers(1, 6)).flatmap(
    lambda size: st.lists(
        st.lists(CELLS, min_size=size[0], max_size=size[0]),
        min_size=size[1] + 1,
        max_size=size[1] + 1,
    )
)


@given(TABLES)
def test_a_table_of_numbers_never_takes_more_than_80_columns(rows) -> None:
    lines = table(rows[0], rows[1:], numbers=True)
    assert all(display_width(line) <= 80 for line in lines)


def test_a_wide_table_is_folded_by_groups_of_columns_after_the_labels() -> None:
    header = ["", *(f"metric {k}" for k in range(12))]
    rows = [[f"point {p}", *(f"{p}.{k:03}" for k in range(12))] for p in range(3)]
    lines = table(header, rows, numbers=True)
    blocks = "\n".join(lines).split("\n\n")
    assert len(blocks) == 2
    labels = ["", "point 0", "point 1", "point 2"]
    found = []
    for block in blocks:
        head, *body = block.split("\n")
        assert [line.split("  ")[0].strip() for line in (head, *body)] == labels
        found += head.split("  ")[1:]
    assert [head.strip() for head in found if head.strip()] == header[1:]
    # every cell is there, once
    assert "".join("\n".join(lines)).count("2.011") == 1


@given(st.lists(CELLS, unique=True, min_size=1, max_size=30), st.integers(8, 40))
def test_shortened_texts_stay_apart_and_show_that_they_are_cut(texts, width) -> None:
    short = shortened(texts, width)
    assert len(set(short)) == len(texts)
    for text, cut in zip(texts, short, strict=True):
        assert display_width(cut) <= width
        assert cut == text or "…" in cut


def test_texts_that_differ_in_the_middle_get_numbers() -> None:
    assert shortened(["a" * 20 + c + "a" * 20 for c in "bc"], 12) == ["aaaaaa…(1)", "aaaaaa…(2)"]
    assert shortened(["a long name 1", "a long name 2"], 9) == ["a lo…me 1", "a lo…me 2"]


@pytest.mark.parametrize("classes", [2, 9, 30, 40])
@pytest.mark.parametrize(
    "label", ["c{}", "class of things number {}", "{} " + "long " * 20, "日本語の名前{}"]
)
def test_a_confusion_matrix_fits_80_columns(classes, label) -> None:
    names = [label.format(k) for k in range(classes)]
    confusion = np.arange(classes**2).reshape(classes, classes).tolist()
    lines = _confusion_lines(names, confusion)
    assert max(map(display_width, lines)) <= 80
    cells = [cell for line in lines for cell in line.split("  ")]
    for count in (0, classes, classes**2 - 1):
        assert str(count) in [cell.strip() for cell in cells]


def test_of_many_classes_the_most_frequent_confusions_are_shown() -> None:
    confusion = np.eye(100, dtype=int) * 50
    confusion[3, 7], confusion[9, 2] = 4, 6
    lines = _largest_confusions([f"class {k}" for k in range(100)], confusion.tolist())
    assert [line.split() for line in lines[1:]] == [
        ["class", "9", "class", "2", "6"],
        ["class", "3", "class", "7", "4"],
    ]
    assert _largest_confusions(["a", "b"], [[1, 0], [0, 1]]) == ["none"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "undefined"),
        (0.0, "0.0000"),
        (0.85, "0.8500"),
        (1.23456e-6, "1.235e-06"),
        (-0.00012345, "-0.0001234"),
        (123.456789, "123.457"),
        (4.5e-320, "4.5e-320"),
    ],
)
def test_a_score_is_never_shown_as_0_unless_it_is(value, text) -> None:
    assert score_text(value) == text


def test_labels_of_a_wide_table_are_shortened_in_the_middle() -> None:
    rows = [["average precision of '" + "x" * 40 + " end'", *["0.1234"] * 9]]
    lines = table(["", *["a head"] * 9], rows, numbers=True)
    label = lines[1].split("  ")[0]
    assert len(label) == LABEL_WIDTH
    assert label.startswith("average")
    assert label.endswith("end'")
