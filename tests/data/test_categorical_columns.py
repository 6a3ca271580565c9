"""Categorical columns: the order, codes, rarity and absence of categories."""

import numpy as np
import pytest
from encoded_tables import column_options, encoded, fitted, table
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.encoding import Encoder, column_fitters
from bpnet.data.encoding.columns import OneHotColumn
from bpnet.data.encoding.settings import (
    AnyCategorical,
    AutoCategories,
    Embedded,
    Impute,
    OneHot,
    Ordinal,
    Refuse,
)
from bpnet.data.reading import Table, table_from_rows
from bpnet.errors import DataError


def test_unseen_and_rare_categories_share_a_place_and_only_the_unseen_are_flagged():
    whole = table(c=["a"] * 5 + ["b"] * 5 + ["x", "z"])
    encoder = fitted(whole, column_options("categorical"))
    assert encoder.inputs == ["c=a", "c=b", "c=rare"]
    x, flags = encoded(encoder, table(c=["b", "z", "new", "a"]))
    assert x.tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 1], [1, 0, 0]]
    assert flags == ["", "", "unseen c", ""]


def test_without_rare_categories_an_unseen_one_is_0_everywhere():
    encoder = fitted(table(c=["a"] * 5 + ["b"] * 5), column_options("categorical"))
    assert encoded(encoder, table(c=["new", "b"])) == (
        pytest.approx(np.array([[0, 0], [0, 1]])),
        ["unseen c", ""],
    )


def test_where_all_categories_are_rare_the_commonest_is_kept():
    assert fitted(table(c=["b", "a", "b", "c"]), column_options("categorical")).inputs == [
        "c=b",
        "c=rare",
    ]


def test_categories_are_in_order_by_size_where_they_are_whole_numbers():
    whole = table(c=["10", "9", "2", "9"])
    assert fitted(whole, column_options("categorical", categorical=OneHot(rare=1))).inputs == [
        "c=2",
        "c=9",
        "c=10",
    ]
    x, _ = encoded(fitted(whole, column_options("categorical", categorical=Ordinal())), whole)
    assert x.ravel().tolist() == [1, 0.5, 0, 0.5]


def test_a_given_order_is_kept_and_must_name_every_category():
    whole = table(c=["low", "high", "low"])
    encoder = fitted(
        whole, column_options("categorical", categorical=Ordinal(order=["low", "mid", "high"]))
    )
    assert encoded(encoder, table(c=["high", "mid", "low", "new"]))[0].ravel().tolist() == [
        1,
        0.5,
        0,
        0,
    ]
    with pytest.raises(
        DataError,
        match=r"column 'c': the category 'high' is not in the order that .*columns\.c\.order",
    ):
        fitted(whole, column_options("categorical", categorical=Ordinal(order=["low", "mid"])))


@given(
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=40),
    st.lists(st.sampled_from(["a", "c", "f", "", "new"]), min_size=1, max_size=9),
    st.integers(1, 6),
)
def test_embedding_codes_are_within_the_places(train, others, rare):
    encoder = fitted(
        table(c=train, n=[1] * len(train)),
        column_options("categorical", categorical=Embedded(rare=rare)),
        column_options("numeric"),
    )
    ((start, column),) = encoder.embedded
    codes = encoded(encoder, table(c=others, n=[1] * len(others)))[0][:, start]
    assert set(codes) <= set(range(column.code_count))
    assert column.size == min(600, round(1.6 * column.code_count**0.56))


def test_embedded_columns_have_the_position_of_their_input():
    whole = table(a=[1, "", 3], b=["x", "y", ""], c=[1, 2, 3], d=["p", "q", "p"])
    categorical = Embedded(rare=1, size=3)
    encoder = fitted(
        whole,
        column_options("numeric"),
        column_options("categorical", categorical=categorical),
        column_options("numeric"),
        column_options("categorical", categorical=categorical),
    )
    assert [(start, column.name) for start, column in encoder.embedded] == [(2, "b"), (5, "d")]
    assert encoder.inputs == ["a", "a missing", "b", "b missing", "c", "d"]


def test_a_hundred_thousand_categories():
    levels = [f"l{k}" for k in range(100_000)]
    whole = table(c=levels)
    encoder = fitted(whole, column_options("categorical", categorical=Embedded(rare=1)))
    (column,) = encoder.columns
    assert column.size == 600
    x, flags = encoded(encoder, whole, "float32")
    assert len(np.unique(x)) == 100_000
    assert x.max() == 99_999
    assert not any(flags)
    encoder = fitted(whole, column_options("categorical", categorical=OneHot(rare=1)))
    (pooled,) = encoder.columns
    assert len(pooled.inputs) == 101
    assert len(pooled.rare) == 5_000
    assert not any(encoded(encoder, whole, "float32")[1])


@pytest.mark.parametrize(
    ("rare", "most", "kind", "codes"),
    [
        (1, 4, "one_hot", 4),
        (1, 3, "embedding", 4),
        (2, 3, "one_hot", 4),  # b, c and d are not rare; a is pooled
        (2, 2, "embedding", 4),
        (4, 1, "plus_minus", 2),
        (5, 1, "plus_minus", 2),  # all are rare but the most frequent, which never is
    ],
)
def test_a_column_of_many_categories_has_vectors(rare, most, kind, codes):
    auto = AutoCategories(rare=rare, most=most, size=3, hot=1.66, binary="plus_minus")
    whole = table(c=list("abbcccdddd"))
    (column,) = fitted(whole, column_options("categorical", categorical=auto)).columns
    assert (column.kind, column.code_count) == (kind, codes)
    assert getattr(column, "size", 3) == 3
    assert getattr(column, "hot", 1.66) == 1.66


def test_booleans_and_pairs_are_as_with_one_hot():
    whole = table(c=["p", "q", "p"], b=["yes", "no", "yes"])
    for categorical in (AutoCategories(binary="plus_minus", rare=1), AutoCategories(rare=1)):
        same = OneHot(binary=categorical.binary, rare=1)
        both = [
            fitted(
                whole,
                column_options("categorical", categorical=one),
                column_options("boolean", categorical=one),
            ).columns
            for one in (categorical, same)
        ]
        assert both[0] == both[1]


def rare_cities() -> Table:
    return table_from_rows("t.csv", ["city"], [["Oslo"]] * 20 + [[f"c{k}"] for k in range(1500)])


def test_no_training_row_is_flagged_for_a_rare_category():
    whole = rare_cities()
    encoder = fitted(whole, column_options("categorical"))
    assert not any(encoded(encoder, whole)[1])
    assert encoded(encoder, table_from_rows("n.csv", ["city"], [["new"], ["c1499"]]))[1] == [
        "unseen city",
        "",
    ]


def test_no_training_row_is_flagged_where_rare_categories_are_too_many_to_be_named(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(column_fitters, "_MOST_RARE", 10)
    whole = rare_cities()
    assert not any(encoded(fitted(whole, column_options("categorical")), whole)[1])


@pytest.mark.parametrize(
    "categorical", [Ordinal(order=["S", "M", "L"]), Ordinal(), Embedded(rare=1)]
)
def test_an_unseen_category_is_the_most_frequent_where_missing_values_are_refused_too(
    categorical: AnyCategorical,
):
    whole = table_from_rows("t.csv", ["size"], [["S"], ["M"], ["M"], ["L"], ["S"], ["M"]])
    strange = table_from_rows("n.csv", ["size"], [["strange"], ["M"]])
    refusing, imputing = (
        fitted(whole, column_options("categorical", categorical=categorical, missing=missing))
        for missing in (Refuse(), Impute())
    )
    x, flags = encoded(refusing, strange)
    np.testing.assert_array_equal(x, encoded(imputing, strange)[0])
    assert x[0] == x[1]
    assert flags == ["unseen size", ""]
    with pytest.raises(DataError, match="column 'size'"):
        encoded(refusing, table_from_rows("n.csv", ["size"], [["S"], [""]]))


@pytest.mark.parametrize(
    "categorical", [OneHot(rare=1), Embedded(rare=1), Ordinal(), Ordinal(order=["2", "1.0"])]
)
def test_a_category_is_one_value_however_it_is_written(categorical: AnyCategorical):
    whole = table(c=["1", "1.0", "2", "1e0", "2.00", "+1"])
    encoder = fitted(whole, column_options("categorical", categorical=categorical))
    x, flags = encoded(encoder, table(c=["1", "1.000", "2", "20e-1", "3"]))
    assert x[0].tolist() == x[1].tolist() != x[2].tolist() == x[3].tolist()
    assert flags == ["", "", "", "", "unseen c"]


def test_the_codes_of_an_old_model_come_first_and_na_is_one_of_them():
    column = OneHotColumn(name="c", levels=["1", "1.0", "NA"], fill="1", indicator=True)
    x, flags = encoded(Encoder(columns=[column]), table(c=["1", "1.0", "NA", ""]))
    assert x.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]]
    assert flags == [""] * 4
