"""Encoded columns: words, numbers, missing values, flags, and the part of model.json."""

import numpy as np
import pytest
from encoded_tables import column_options, encoded, fitted, problems, table
from pydantic import TypeAdapter

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.column_options import ColumnOptions
from bpnet.data.encoding.columns import NumericColumn, OneHotColumn
from bpnet.data.encoding.fitting import fit_encoder
from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.encoding.settings import (
    Embedded,
    Impute,
    MinMax,
    NoScaling,
    OneHot,
    Ordinal,
    Quantile,
    Refuse,
    Robust,
    Standardize,
)
from bpnet.data.reading import Table, table_from_rows
from bpnet.engine.component import FieldError
from bpnet.errors import DataError

# Booleans


@pytest.mark.parametrize(
    ("no", "yes"), [("no", "yes"), ("FALSE", "True"), ("f", "T"), ("n", "y"), ("Off", "on")]
)
def test_words_are_0_and_1_in_any_case(no, yes):
    encoder = fitted(table(b=[no, yes, "", yes.upper(), no]), column_options("boolean"))
    assert encoder.inputs == ["b", "b missing"]
    x, flags = encoded(encoder, table(b=[no, yes.lower(), "", "maybe"]))
    assert x.tolist() == [[0, 0], [1, 0], [0, 1], [0.5, 0]]  # of equally frequent words the first
    assert flags == ["", "", "", "unseen b"]  # training knew gaps


def test_a_missing_value_becomes_the_most_frequent_word():
    encoder = fitted(table(b=["no", "no", "yes", "Yes", "YES"]), column_options("boolean"))
    assert encoded(encoder, table(b=["", "no"]))[0].tolist() == [[1], [0]]


def test_numbers_may_be_boolean_where_the_user_says_so():
    encoder = fitted(table(b=[0, 1, 1]), column_options("boolean", missing=Refuse()))
    assert encoded(encoder, table(b=[1, 0, 0]))[0].tolist() == [[1], [0], [0]]


def test_other_words_are_refused():
    with pytest.raises(DataError) as caught:
        fitted(table(b=["yes", "no", "maybe"]), column_options("boolean"))
    for part in (
        "t.csv: column 'b', a boolean, holds 'maybe', 'no', 'yes'",
        "no/yes",
        "dataset.roles",
    ):
        assert part in str(caught.value)


# Numbers


@pytest.mark.parametrize("scaling", [Standardize(), MinMax(), Robust(), Quantile()])
@pytest.mark.parametrize("value", ["0", "7", "0.1", "-1e-9", "1e15", "1e30", "-1e100"])
def test_a_constant_column_is_known_and_becomes_0(scaling, value):
    encoder = fitted(
        table(a=[value] * 7, b=range(7)),
        column_options("numeric", scaling=scaling),
        column_options("numeric"),
    )
    assert [column.constant for column in encoder.columns] == [True, False]
    assert abs(encoded(encoder, table(a=[value] * 2, b=[1, 2]))[0][:, 0]).max() <= 1e-12 * abs(
        float(value)
    )


def test_rounding_alone_does_not_make_a_column_vary():
    (column,) = fitted(table(a=[0.1 + 0.2, 0.3, 0.15 * 2]), column_options("numeric")).columns
    assert column.constant


def test_a_small_deviation_around_a_large_mean_is_kept():
    whole = table(a=[1000000, 1000001, 1000002])
    np.testing.assert_allclose(
        encoded(fitted(whole, column_options("numeric")), whole)[0][:, 0],
        [-np.sqrt(1.5), 0, np.sqrt(1.5)],
        atol=1e-9,
    )


def test_a_row_of_zeros_stays_and_a_huge_row_gets_length_1():
    whole = table(a=[0, "3e200", "3e-200"], b=[0, "4e200", "4e-200"], c=["x", "y", "x"])
    none = column_options("numeric", scaling=NoScaling())
    encoder = fitted(
        whole, none, none, column_options("categorical", categorical=OneHot(rare=1)), unit_rows=True
    )
    np.testing.assert_allclose(
        encoded(encoder, table(a=[0, "3", "3e-200"], b=[0, 4, "4e-200"], c=["x"] * 3))[0],
        [[0, 0, 1, 0], [0.6, 0.8, 1, 0], [0.6, 0.8, 1, 0]],
        rtol=1e-12,
    )


@pytest.mark.parametrize("scaling", [Standardize(), MinMax()])
def test_statistics_that_overflow_are_refused_with_the_column(scaling):
    whole = table(a=[1, 2], b=["1e308", "-1e308"])
    with pytest.raises(
        DataError, match=r"t\.csv: column 'b' holds 1e\+308, too large to .*another unit"
    ):
        fitted(whole, column_options("numeric"), column_options("numeric", scaling=scaling))


def test_quantiles_of_the_largest_numbers_are_finite():
    whole = table(a=["1e308", "-1e308", "0", "1"])
    x, _ = encoded(fitted(whole, column_options("numeric", scaling=Quantile())), whole)
    assert x.ravel()[:2].tolist() == pytest.approx([5.2, -5.2], abs=0.01)
    assert (np.abs(x.ravel()[2:]) < 1).all()  # a quantile 1e-16 of the range away from 0 is past 1


@pytest.mark.parametrize("scaling", [NoScaling(), Robust()])
def test_the_largest_numbers_never_become_nan(scaling):
    whole = table(a=["1e308", "-1e308", "1.7e308", "-1.7e308"])
    with pytest.raises(DataError, match="too large to"):
        encoded(fitted(whole, column_options("numeric", scaling=scaling)), whole)


@pytest.mark.parametrize(("dtype", "largest"), [("float32", "1e25"), ("float64", "1e200")])
def test_a_value_too_large_for_the_precision_is_named(dtype, largest):
    encoder = fitted(
        table(a=[1, 2], b=[1, 3]), *[column_options("numeric", scaling=NoScaling())] * 2
    )
    assert encoded(encoder, table(a=[1e6], b=[1]), dtype)[0].dtype == dtype
    (message,) = problems(encoder, table(a=[1, 1], b=[1, largest]), dtype)
    for part in ("t.csv, line 3 (row 2)", "column 'b'", largest, "too large", "another unit"):
        assert part in message


def test_a_number_far_outside_is_flagged():
    encoder = fitted(table(a=[0, 10]), column_options("numeric"))
    assert encoded(encoder, table(a=[-5, 15, -5.1, 15.1, ""]))[1] == [
        "",
        "",
        "outside a",
        "outside a",
        "imputed a",
    ]


def test_flags_of_a_row_are_joined():
    encoder = fitted(
        table(a=[0, 10], c=["x", "y"]),
        column_options("numeric"),
        column_options("categorical", categorical=OneHot(rare=1)),
    )
    assert encoded(encoder, table(a=[99, ""], c=["new", ""]))[1] == [
        "outside a; unseen c",
        "imputed a; imputed c",
    ]


# Gaps


def test_an_indicator_is_made_only_where_training_rows_had_missing_values():
    whole = table(a=[1, 2, ""], b=["", 2, 3])
    assert fitted(
        whole, column_options("numeric"), column_options("numeric"), train=[1, 2]
    ).inputs == [
        "a",
        "a missing",
        "b",
    ]
    without = column_options("numeric", missing=Impute(indicator=False))
    assert fitted(whole, without, without).inputs == ["a", "b"]


@pytest.mark.parametrize(
    ("role", "cells"),
    [("numeric", ["1", "2"]), ("categorical", ["x", "y"]), ("boolean", ["yes", "no"])],
)
def test_a_missing_value_that_is_refused_is_named(role, cells):
    encoder = fitted(
        table(a=cells, n=["0", "1"]),
        column_options(role, missing=Refuse()),
        column_options("numeric"),
    )
    (message,) = problems(encoder, table(a=[cells[0], ""], n=["0", "1"]))
    for part in (
        "t.csv, line 3 (row 2), column 'a': is blank",
        "--set dataset.preprocessing.missing=impute",
    ):
        assert part in message
    found = problems(encoder, table(a=[""] * 9, n=["0"] * 9))
    assert len(found) == 6
    assert found[-1] == "in all, 9 cells of column 'a' are blank"


@pytest.mark.parametrize("role", ["numeric", "categorical", "boolean"])
def test_a_column_without_any_value_is_named(role):
    with pytest.raises(
        DataError,
        match=r"column 'a' is blank in every training row; .*--set dataset\.roles\.a=ignored",
    ):
        fitted(
            table(a=["", "", "1"], b=[1, 2, 3]),
            column_options(role),
            column_options("numeric"),
            train=[0, 1],
        )


def test_an_indicator_and_a_column_of_one_name_are_distinct():
    whole = table_from_rows("t.csv", ["a", "a missing"], [[3, 4], ["", 0], [3, 8]])
    encoder = fitted(
        whole,
        column_options("numeric", scaling=NoScaling()),
        column_options("numeric", scaling=NoScaling()),
        unit_rows=True,
    )
    assert encoder.inputs == ["a", "a missing", "a missing"]
    x, _ = encoded(encoder, whole)
    np.testing.assert_allclose(
        x, [[0.6, 0, 0.8], [1, 1, 0], [3 / np.hypot(3, 8), 0, 8 / np.hypot(3, 8)]]
    )
    plain = fitted(
        whole,
        column_options("numeric", scaling=NoScaling()),
        column_options("numeric", scaling=NoScaling()),
    )
    with pytest.raises(DataError, match="column 'a missing': 1e30 is too large"):
        encoded(plain, table_from_rows("n.csv", ["a", "a missing"], [[3, "1e30"]]), "float32")


# Bad cells


@pytest.mark.parametrize(
    ("cells", "parts"),
    [
        (
            ["1", "2", "x7"],
            ("line 4 (row 3), column 'a': 'x7' is not a finite number", "dataset.reading.missing"),
        ),
        (["1", "inf", "3"], ("line 3 (row 2), column 'a': 'inf' is not a finite number",)),
        (
            ["red", "blue", "red"],
            (
                "line 2 (row 1)",
                "column 'a', a feature, holds text ('red')",
                "dataset.roles.a=categorical",
            ),
        ),
        (["1", "y" * 99, "3"], ("y" * 39 + "…'",)),
    ],
)
def test_a_cell_that_is_no_number_is_named_with_what_to_do(cells, parts):
    with pytest.raises(DataError) as caught:
        fitted(table(a=cells), column_options("numeric"))
    (message,) = caught.value.problems
    assert [part for part in ("t.csv", "dataset.", *parts) if part not in message] == []


def test_only_the_first_bad_cells_are_named_and_every_column_is_reported():
    encoder = fitted(
        table(a=[1, 2], b=[1, 2]), column_options("numeric"), column_options("numeric")
    )
    found = problems(encoder, table(a=[1, *["?x"] * 9], b=[*["?y"] * 1, *range(9)]))
    assert found[5] == "in all, 9 cells of column 'a' are not a finite number"
    assert len(found) == 7
    assert "line 2 (row 1), column 'b'" in found[6]


@pytest.mark.parametrize(
    ("name", "imputed", "advice"),
    [
        (
            "a b",
            True,
            "correct it, or leave the cell blank, which is imputed; to change the role, "
            "train again with --set 'dataset.roles.a b=categorical'",
        ),
        (
            "a",
            False,
            "correct it; to change the role, train again with --set dataset.roles.a=categorical",
        ),
        (
            "a.b",
            False,
            "correct it; to change the role, train again with --set dataset.roles.a.b=categorical",
        ),
    ],
)
def test_after_training_the_advice_is_what_can_still_be_done(name, imputed, advice):
    missing = Impute() if imputed else Refuse()
    encoder = fitted(table(**{name: [1, 2]}), column_options("numeric", missing=missing))
    (message,) = problems(encoder, table(**{name: ["x"]}))
    assert message == (
        f"t.csv, line 2 (row 1), column '{name}': 'x' is not a finite number; {advice}"
    )


# The model part


def mixed(rows: int = 60) -> tuple[Table, list[ColumnOptions]]:
    rng = np.random.default_rng(3)
    whole = table(
        a=rng.normal(size=rows).tolist(),
        q=rng.lognormal(size=rows).tolist(),
        c=["lmnop"[k] if k else "" for k in rng.integers(5, size=rows)],
        e=[f"e{k}" for k in rng.integers(9, size=rows)],
        o=[str(k) for k in rng.integers(4, size=rows)],
        b=[["no", "Yes", ""][k] for k in rng.integers(3, size=rows)],
        d=[
            f"20{k:02}-03-1{k % 10} {k % 24:02}:30" if k else ""
            for k in rng.integers(60, size=rows)
        ],
    )
    plans = [
        column_options("numeric"),
        column_options("numeric", scaling=Quantile(quantiles=20)),
        column_options("categorical", categorical=OneHot(rare=9)),
        column_options("categorical", categorical=Embedded(rare=5)),
        column_options("categorical", categorical=Ordinal()),
        column_options("boolean"),
        column_options("date", form="ISO 8601"),
    ]
    return whole, plans


@pytest.mark.parametrize("unit_rows", [False, True])
def test_an_encoder_read_back_from_json_encodes_the_same(unit_rows):
    whole, plans = mixed()
    encoder = fitted(whole, *plans, train=list(range(30)), unit_rows=unit_rows)
    adapter = TypeAdapter(Encoder)
    back = adapter.validate_json(adapter.dump_json(encoder))
    assert back == encoder
    (one, flags), (other, others) = encoded(encoder, whole), encoded(back, whole)
    assert np.array_equal(one, other)
    assert flags == others
    assert one.shape == (60, encoder.width)


def test_columns_are_independent_of_each_other():
    whole, plans = mixed()
    together, _ = encoded(fitted(whole, *plans), whole)
    apart = [
        encoded(
            fit_encoder(
                whole, {name: own}, np.ones(60, bool), unit_rows=False, rng=np.random.default_rng(0)
            ),
            whole,
        )[0]
        for name, own in zip(whole.columns, plans, strict=True)
    ]
    assert np.array_equal(np.hstack(apart), together)


def test_a_model_part_that_contradicts_itself_is_refused():
    column = NumericColumn(
        name="a",
        scale=LinearScaler(by="none", subtract=0.0, divide=1.0),
        fill=None,
        lowest=0.0,
        highest=1.0,
    )
    with pytest.raises(FieldError, match="each column once"):
        Encoder(columns=[column, column])
    with pytest.raises(FieldError, match="each category once"):
        OneHotColumn(name="a", levels=["x", "x"], fill=None)
    with pytest.raises(FieldError, match="not one of the levels"):
        OneHotColumn(name="a", levels=["x", "y"], fill="z")
    with pytest.raises(ValueError, match="greater than 0"):
        LinearScaler(by="none", subtract=0.0, divide=0.0)
    with pytest.raises(FieldError, match="names 'x' twice"):
        Ordinal(order=["x", "y", "x"])
    with pytest.raises(FieldError, match=r"names '1\.0' twice, also as '1'"):
        Ordinal(order=["1", "2", "1.0"])
