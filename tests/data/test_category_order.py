"""The order and the spelling of categories."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.category_order import sort_categories, without_fractions


@given(st.lists(st.integers(-1000, 1000), min_size=1))
def test_whole_numbers_are_ordered_by_size_each_once(values):
    assert sort_categories([str(value) for value in values]) == [
        str(value) for value in sorted(set(values))
    ]


def test_words_are_ordered_by_the_alphabet():
    assert sort_categories(["b", "10", "a", "9", "b"]) == ["10", "9", "a", "b"]


def test_the_order_does_not_depend_on_the_order_of_rows():
    labels = ["7", "07", "1", "10", "2"]
    assert sort_categories(labels) == sort_categories(labels[::-1])
    assert [int(label) for label in sort_categories(labels)] == [1, 2, 7, 7, 10]


@pytest.mark.parametrize(
    ("labels", "written"),
    [
        (["1", "1.0", "2.", "-3.00"], ["1", "1", "2", "-3"]),
        (["1.0", "a"], ["1.0", "a"]),
        (["007", "7.0"], ["007", "7"]),
        (["0.5", "1"], ["0.5", "1"]),
        (["1e3"], ["1e3"]),
        (["123456789012345678901.0"], ["123456789012345678901"]),
    ],
)
def test_whole_numbers_lose_their_fractions_where_all_are(labels, written):
    assert [without_fractions(labels)[label] for label in labels] == written
