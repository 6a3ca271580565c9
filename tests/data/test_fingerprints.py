"""Fingerprints: equal for rows of equal values, however they are written, and for these only."""

import numpy as np
import pytest
from encoded_tables import column_options, fitted, table
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.data.encoding.fingerprints import (
    UNKNOWN,
    cell_readings,
    row_fingerprints,
    table_fingerprints,
)

TRAINING = table(
    n=["1", "2.5", "", "-4"],
    c=["7", "x", "y", "7"],
    b=["no", "yes", "yes", "no"],
    d=["2024-01-01", "2024-02-29", "2024-03-01", "2024-12-31"],
)
ENCODER = fitted(
    TRAINING,
    column_options("numeric"),
    column_options("categorical"),
    column_options("boolean"),
    column_options("date", form="%Y-%m-%d"),
)
ROW = {"n": "2", "c": "7", "b": "yes", "d": "2024-05-06"}


def of_row(**cells: str) -> int:
    rows = table(**{name: [cell] for name, cell in {**ROW, **cells}.items()})
    return int(table_fingerprints(ENCODER, rows)[0])


def test_the_reading_of_each_column_is_known():
    assert cell_readings(ENCODER) == {"n": "number", "c": "text", "b": "boolean", "d": "date"}


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("n", ["2", "2.0", "+2", "2e0", " 2 "]),
        ("n", ["0", "-0", "-0.0"]),
        ("n", ["", "NA"]),
        ("n", ["0.1", repr(float(np.float32(0.1)))]),
        ("c", ["7", "7.0", " 7"]),
        ("c", ["caf\u00e9", "cafe\u0301"]),
        ("c", ["unheard of", " unheard of"]),
        ("b", ["yes", "YES", "true", "1"]),
        ("d", ["2024-05-06", " 2024-05-06"]),
    ],
)
def test_spellings_of_a_value_are_equal(column, cells):
    assert len({of_row(**{column: cell}) for cell in cells}) == 1


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("n", ["2", "-2", "2.0001", "20", "", "0", "1", "9007199254740991", "9007199254740990"]),
        ("n", ["1e-300", "1.1e-300", "1e300", "1.1e300"]),
        ("c", ["7", "07", "x", "X", "unheard of", "unheard", ""]),
        ("b", ["yes", "no", "", "perhaps"]),
        ("d", ["2024-05-06", "2024-05-07", "2023-05-06", ""]),
    ],
)
def test_other_values_are_not(column, cells):
    found = {of_row(**{column: cell}) for cell in cells}
    assert len(found) == len(cells)
    assert UNKNOWN not in found


def test_the_order_of_columns_and_other_columns_do_not_matter_and_names_do():
    rows = {name: [cell] for name, cell in ROW.items()}
    turned = table(z=["?"], **dict(reversed(rows.items())))
    assert table_fingerprints(ENCODER, turned)[0] == of_row()
    both = fitted(table(a=["1", "2"], b=["2", "1"]), *[column_options("numeric")] * 2)
    assert len(set(table_fingerprints(both, table(a=["1", "2"], b=["2", "1"])))) == 2


@settings(max_examples=25)
@given(st.lists(st.sampled_from(["1", "2", "3.5", ""]), min_size=1, max_size=6), st.randoms())
def test_fingerprints_go_with_their_rows(cells, random):
    encoder = fitted(table(n=["1", "2"]), column_options("numeric"))
    order = list(range(len(cells)))
    random.shuffle(order)
    each = table_fingerprints(encoder, table(n=cells))
    moved = table_fingerprints(encoder, table(n=[cells[k] for k in order]))
    assert moved.tolist() == each[order].tolist()
    assert len(set(each.tolist())) == len(set(cells))


def test_rows_that_are_not_read_have_none():
    encoder = fitted(table(n=["1", "2"]), column_options("numeric"))
    found = table_fingerprints(encoder, table(n=["1", "2", "1"]), np.array([True, False, True]))
    assert found[1] == UNKNOWN
    assert found[0] == found[2] != UNKNOWN
    (chunk,) = table(n=["1", "text"]).chunks(encoder.column_types)
    assert row_fingerprints(encoder, chunk).tolist() == [UNKNOWN] * 2


def test_ten_thousand_rows_have_as_many_fingerprints():
    numbers = np.arange(10_000)
    cells = {"a": (numbers % 101).tolist(), "b": (numbers // 101).tolist()}
    whole = table(**{name: list(map(str, column)) for name, column in cells.items()})
    encoder = fitted(whole, *[column_options("numeric")] * 2)
    found = table_fingerprints(encoder, whole)
    assert len(np.unique(found)) == len(found)
    # each bit is set in half of them: 5 standard deviations are 2.5 %
    shares = [(found >> np.uint64(bit) & np.uint64(1)).mean() for bit in range(64)]
    assert np.abs(np.array(shares) - 0.5).max() < 0.025
