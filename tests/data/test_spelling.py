"""The spelling of values: one for each, however it is written, and their order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.spelling import (
    KnownValues,
    Spelling,
    differing_in_case,
    meaning,
    number_spelling,
    sort_values,
    tidy,
)

WHOLE = st.integers(-(10**25), 10**25)


def spelled(*texts: str) -> list[str]:
    """The spelling of each text in a column of these texts."""
    spelling = Spelling(texts)
    return [spelling(text) for text in texts]


@pytest.mark.parametrize(
    ("texts", "spellings"),
    [
        (["1", "1.0", "1e0", "+1", "01e0", "1."], ["1"] * 4 + ["1", "1"]),
        (["0", "-0", "0.0", "-0.0", "0e9"], ["0"] * 5),
        (["1.50", "1.5", "15e-1", ".5", "0.5"], ["1.5"] * 3 + ["0.5"] * 2),
        (["1e-7", "0.0000001"], ["1e-7"] * 2),
        (["1e300", "1.0e+300"], ["1e300"] * 2),
        ([str(2**60), str(2**60 + 1)], [str(2**60), str(2**60 + 1)]),
        (["007", "7", "7.0", "007.0"], ["007", "7", "7", "007"]),
        (["True", "TRUE", "true", "False"], ["true"] * 3 + ["false"]),
        (["True", "1", "0.0"], ["true", "true", "false"]),
        # among words, 1.10 may be a version
        (["1.0", "1", "1.10", "1.1", "beta"], ["1", "1", "1.10", "1.1", "beta"]),
        (["1e0", "x"], ["1e0", "x"]),
        (["cafe\u0301", "caf\u00e9"], ["caf\u00e9"] * 2),
        (["a\u00a0b", " a b\u202f"], ["a b"] * 2),
        (["FR", "fr", "Yes", "yes"], ["FR", "fr", "Yes", "yes"]),
        (["١", "1"], ["١", "1"]),
    ],
)
def test_one_value_has_one_spelling(texts, spellings):
    assert spelled(*texts) == spellings


@given(WHOLE, st.integers(0, 5))
def test_a_whole_number_is_never_rounded(value, zeros):
    assert number_spelling(f"{value}.{'0' * zeros}") == str(value)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from("efg"))
def test_numbers_are_spelled_alike_where_they_are_equal(value, form):
    text = f"{value:.20{form}}"
    one = number_spelling(repr(value))
    assert one is not None
    assert Decimal(one) == Decimal(repr(value))
    assert (number_spelling(text) == one) == (Decimal(text) == Decimal(repr(value)))
    assert number_spelling(one) == one


@given(st.lists(st.text(max_size=4) | WHOLE.map(str) | st.floats().map(repr), min_size=1))
def test_a_spelling_is_its_own_spelling(texts):
    once = spelled(*texts)
    assert spelled(*once) == once
    assert [tidy(tidy(text)) for text in texts] == [tidy(text) for text in texts]


@pytest.mark.parametrize(
    ("known", "cells"),
    [
        (["1", "2"], {"1.0": 0, "2e0": 1, "3": None, "one": None}),
        (["1.0", "1"], {"1.0": 0, "1": 1, "1e0": 1}),  # a model made before
        (["007", "7"], {"7.0": 1, "007": 0, "07": None}),
        (["1.1", "1.10", "beta"], {"1.1": 0, "1.10": 1, "1.100": None}),
        (["no", "yes"], {"TRUE": 1, "0": 0, "1.0": 1, "off": 0, "YES": 1, "2": None}),
        (["0", "1"], {"True": 1, "false": 0, "yes": 1}),
        (["0", "1", "2"], {"True": None, "1.0": 1}),
        (["yes", "maybe"], {"TRUE": None}),
        (["f", "y"], {"t": None, "TRUE": None}),  # codes, not a pair of words
        (["True", "False"], {"true": 0, "FALSE": 1, "1": 0}),
        (["caf\u00e9"], {"cafe\u0301": 0, "CAF\u00c9": None}),
        ([], {"": None}),
    ],
)
def test_known_values_are_found_however_they_are_written(known, cells):
    values = KnownValues(known)
    assert {cell: values.find(cell) for cell in cells} == cells


@given(st.lists(st.text(max_size=3) | st.sampled_from(["1", "1.0", "True", "1e0"]), unique=True))
def test_a_known_text_is_found_at_its_own_place(known):
    values = KnownValues(known)
    assert [values.find(text) for text in known] == list(range(len(known)))


def test_meanings():
    assert [meaning(text) for text in ("No", "0.0", "T", "on", "1e0", "2", "")] == [
        *("false", "false", "true", "true", "true", None, None)
    ]


def test_texts_that_differ_only_in_case():
    assert differing_in_case(["FR", "de", "fr", "Fr"]) == [("FR", "fr"), ("FR", "Fr")]


@given(st.lists(st.integers(-1000, 1000), min_size=1))
def test_whole_numbers_are_ordered_by_size_each_once(values):
    assert sort_values([str(value) for value in values]) == [
        str(value) for value in sorted(set(values))
    ]


def test_whole_numbers_of_any_length_are_ordered_by_size():
    longest, long = "9" * 5000, "8" + "0" * 4998
    assert sort_values([longest, "10", long, "-9"]) == ["-9", "10", long, longest]


def test_words_are_ordered_by_the_alphabet():
    assert sort_values(["b", "10", "a", "9", "b"]) == ["10", "9", "a", "b"]


def test_the_order_does_not_depend_on_the_order_of_rows():
    labels = ["7", "07", "1", "10", "2"]
    assert sort_values(labels) == sort_values(labels[::-1])
    assert [int(label) for label in sort_values(labels)] == [1, 2, 7, 7, 10]
