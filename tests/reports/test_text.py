"""What reports are made of: tables that fit 80 columns, and counts."""

import numpy as np

from bpnet.reports.eval import _confusion_lines
from bpnet.reports.text import counted, table


def test_a_table_is_aligned() -> None:
    assert table(["", "a", "long"], [["one", "1", "22"], ["two", "333", ""]], numbers=True) == [
        "       a  long",
        "one    1    22",
        "two  333",
    ]
    assert table(["a", "b"], [["xyz", "1"]]) == ["a    b", "xyz  1"]


def test_the_header_of_a_wide_table_takes_several_lines() -> None:
    header = ["", "network", "95 % interval", "the majority class", "logistic regression"]
    row = ["expected calibration error", "0.1000", "0.0100 … 0.2000", "0.3000", "0.4000"]
    lines = table(header, [row], numbers=True)
    assert lines == [
        "                                                      the majority    logistic",
        "                            network    95 % interval         class  regression",
        "expected calibration error   0.1000  0.0100 … 0.2000        0.3000      0.4000",
    ]


def test_a_confusion_matrix_of_long_labels_fits_80_columns() -> None:
    for labels in (["a", "b"], ["a" * 40, "b" * 40], [f"a class with words {k}" for k in range(4)]):
        lines = _confusion_lines(labels, np.eye(len(labels), dtype=int).tolist())
        assert max(map(len, lines)) <= 80
        assert lines[-1].split("  ")[0] == labels[-1]


def test_counts_have_their_noun() -> None:
    assert [counted(n, "row") for n in (0, 1, 1000)] == ["0 rows", "1 row", "1,000 rows"]
    assert [counted(n, "category") for n in (1, 2)] == ["1 category", "2 categories"]
