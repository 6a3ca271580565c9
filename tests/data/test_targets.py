"""Targets: classes, quantities and labels, encoded and decoded, and cells that are not one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import TypeAdapter

from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.column import Column, column_from_texts
from bpnet.data.target_cells import (
    binary_values,
    class_codes,
    is_binary,
    missing_targets,
    regression_values,
)
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.engine.component import FieldError
from bpnet.errors import DataError


def where(row: int) -> str:
    return f"t.csv, line {row + 2} (row {row + 1})"


def column(cells: list[str]) -> Column:
    return column_from_texts(cells, NumberFormat())


def problems(call, *arguments) -> list[str]:
    with pytest.raises(DataError) as caught:
        call(*arguments, where)
    assert caught.value.exit_code == 4
    return caught.value.problems


def labels(cells: list[str]) -> list[str]:
    codes, levels = class_codes(column(cells), "y", where)
    return [levels[code] for code in codes]


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["no", "yes", "no"], ["no", "yes", "no"]),
        (["1", "1.0", "2.", "-3.00"], ["1", "1", "2", "-3"]),
        (["1.0", "1", "1e0", "a"], ["1", "1", "1e0", "a"]),
        (["1e0", "1.50", "+1", "-0"], ["1", "1.5", "1", "0"]),
        (["True", "TRUE", "false"], ["true", "true", "false"]),
        (
            ["cafe\u0301", "caf\u00e9", "a\u00a0b", "a b", "A b"],
            ["caf\u00e9", "caf\u00e9", "a b", "a b", "A b"],
        ),
        (["1e-3", "größe", "a, b", 'q"'], ["1e-3", "größe", "a, b", 'q"']),
        (
            ["123456789012345678901", "123456789012345678902"],
            ["123456789012345678901", "123456789012345678902"],
        ),
        (["007", "7", "07"], ["007", "7", "07"]),
        (["null", "None", "na", "n/a", "?"], ["null", "None", "na", "n/a", "?"]),
    ],
)
def test_labels_are_those_of_the_table(cells, read):
    assert labels(cells) == read


def test_labels_of_rows_that_are_not_there_do_not_count():
    picked = column(["a", "1.0", "2.0"]).take(np.array([1, 2]))
    codes, levels = class_codes(picked, "y", where)
    assert [levels[code] for code in codes] == ["1", "2"]


def test_labels_that_the_fast_reader_read_as_numbers():
    codes, levels = class_codes(Column(NumberFormat(), numbers=np.array([2.0, 0, 2])), "y", where)
    assert [levels[code] for code in codes] == ["2", "0", "2"]


@pytest.mark.parametrize("gap", ["", "nan", "NaN"])
def test_a_row_without_a_target_is_named(gap):
    for read, cells in ((class_codes, ["a", gap, "b"]), (regression_values, ["1", gap, "2"])):
        (message,) = problems(read, column(cells), "y")
        for part in (
            "t.csv, line 3 (row 2), column 'y'",
            "is not a target value",
            "fill it in, or drop the row",
        ):
            assert part in message


def test_many_missing_values_are_counted():
    found = problems(regression_values, column(["1", *[""] * 9]), "y")
    assert len(found) == 6
    assert found[-1] == "in all, 9 target values of 'y' are missing"


def test_words_for_missing_values_are_classes_but_not_numbers():
    cells = column(["1", "NA", "nan", "", "none"])
    assert missing_targets(cells, words=True).tolist() == [False, True, True, True, False]
    assert missing_targets(cells, words=False).tolist() == [False, True, True, True, True]
    assert missing_targets(
        Column(NumberFormat(), numbers=np.array([1, np.nan])), words=False
    ).tolist() == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("cells", "parts"),
    [
        (
            ["1.5", "x2", "3"],
            (
                "line 3 (row 2), column 'y': 'x2' is not a number; correct it, or if it means a "
                "missing value, drop the row: --set 'dataset.reading.missing=[x2]' "
                "--set dataset.drop_missing_targets=true",
            ),
        ),
        (
            ["1", "it's", "2", "True", "- x", "3", "- x", "4"],
            (
                "line 3 (row 2), column 'y': \"it's\" is not a number (cells like it: 4); "
                "correct them, or if they mean a missing value, drop the rows: "
                "--set \"dataset.reading.missing=['it''s', 'True', '- x']\" "
                "--set dataset.drop_missing_targets=true",
            ),
        ),
        (
            [*"1234567", *"abcdef"],
            ("line 9 (row 8)", "(cells like it: 6); correct them, or drop the rows"),
        ),
        (["1", "inf"], ("line 3 (row 2), column 'y': 'inf' is not a finite number; correct it",)),
        (["1,500.5", "2"], ("line 2 (row 1)", "'1,500.5' is not written like '2'")),
        (
            ["red", "blue"],
            (
                "line 2 (row 1)",
                "a regression target, holds text ('red')",
                "if it is a class: --set task=classification, "
                "if it is true or not: --set task=multilabel",
            ),
        ),
    ],
)
def test_a_target_that_is_no_number_is_named(cells, parts):
    (message,) = problems(regression_values, column(cells), "y")
    assert [part for part in ("t.csv", "column 'y'", *parts) if part not in message] == []


def test_a_word_keeps_those_that_are_missing_values_already():
    cells = column_from_texts(["1", "2", "x", "-999"], NumberFormat(missing=frozenset(["-999"])))
    with pytest.raises(DataError) as caught:
        regression_values(cells.take(np.arange(3)), "y", lambda row: f"line {row + 2}")
    assert "--set \"dataset.reading.missing=['-999', x]\" --set" in str(caught.value)


def test_without_a_config_to_set_a_word_in_a_target_can_only_be_corrected():
    with pytest.raises(DataError) as caught:
        regression_values(column(["1", "x", "x"]), "y", lambda row: f"line {row}", settable=False)
    assert str(caught.value) == (
        "line 1, column 'y': 'x' is not a number (cells like it: 2); correct them, or drop the rows"
    )


def test_classes_are_one_hot_and_two_of_them_one_column():
    three = Classes(name="y", classes=["a", "b", "c"])
    codes = three.numbers(column(["c", "a"]), where)
    assert three.encode(codes, 3, "float32").tolist() == [[0, 0, 1], [1, 0, 0]]
    two = Classes(name="y", classes=["no", "yes"])
    codes = two.numbers(column(["yes", "no"]), where)
    assert two.encode(codes, 1, "float64").tolist() == [[1], [0]]
    assert two.encode(codes, 2, "float64").tolist() == [[0, 1], [1, 0]]


def test_a_class_that_the_model_does_not_know_is_named():
    known = Classes(name="y", classes=["setosa", "virginica"])
    (message,) = problems(known.numbers, column(["setosa", "virginca", "virginca"]))
    for part in (
        "line 3 (row 2), column 'y': 'virginca'",
        "did you mean 'virginica'",
        "(rows like it: 2)",
    ):
        assert part in message


@given(
    arrays.arrays(np.float64, (12, 2), elements=st.integers(-4000, 4000).map(lambda k: k / 8)),
    st.floats(-1e3, 1e3),
    st.floats(1e-3, 1e3),
)
def test_a_quantity_comes_back_in_its_own_unit(values, subtract, divide):
    scales = [
        LinearScaler(by="standardize", subtract=subtract, divide=divide),
        LinearScaler(by="none", subtract=0.0, divide=1.0),
    ]
    target = Quantities(names=["y", "z"], scales=scales)
    y = target.encode(values, "float64", where)
    np.testing.assert_allclose(y[:, 0], (values[:, 0] - subtract) / divide)
    np.testing.assert_allclose(target.decode(y), values, rtol=1e-9, atol=1e-9)
    assert target.divisors.tolist() == [divide, 1]


@pytest.mark.parametrize(("dtype", "largest"), [("float32", 1e25), ("float64", 1e200)])
def test_a_quantity_too_large_for_the_precision_is_named(dtype, largest):
    none = LinearScaler(by="none", subtract=0.0, divide=1.0)
    with pytest.raises(DataError) as caught:
        Quantities(names=["y", "z"], scales=[none, none]).encode(
            np.array([[1, 1], [2, largest]]), dtype, where
        )
    for part in ("line 3 (row 2), column 'z'", f"{largest:g} is too large", "another unit"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "words", [("0", "1"), ("no", "Yes"), ("FALSE", "true"), ("0.0", "1.0"), ("off", "on")]
)
def test_labels_are_0_and_1(words):
    assert binary_values(column([words[1], words[0], words[1]]), "y", where).tolist() == [1, 0, 1]
    assert is_binary(column(list(words)))


@pytest.mark.parametrize("cell", ["maybe", "2", ""])
def test_a_label_that_is_neither_is_named(cell):
    assert not is_binary(column(["1", "2"]))
    (message,) = problems(binary_values, column(["1", cell, cell]), "y")
    for part in (
        "line 3 (row 2), column 'y'",
        "is neither 0 nor 1",
        "(cells like it: 2)",
        "dataset.target",
    ):
        assert part in message


@pytest.mark.parametrize(
    "make",
    [
        lambda: Classes(name="y", classes=["a"]),
        lambda: Classes(name="y", classes=["a", "a"]),
        lambda: Labels(names=["a", "a"]),
        lambda: Quantities(
            names=["a", "b"], scales=[LinearScaler(by="none", subtract=0.0, divide=1.0)]
        ),
    ],
)
def test_a_target_that_contradicts_itself_is_refused(make):
    with pytest.raises(FieldError):
        make()


@pytest.mark.parametrize(
    "target",
    [
        Classes(name="y", classes=["a", "b"]),
        Quantities(names=["y"], scales=[LinearScaler(by="standardize", subtract=0.1, divide=0.3)]),
        Labels(names=["y", "z"]),
    ],
)
def test_a_target_is_read_back_from_json(target):
    adapter: TypeAdapter[AnyTarget] = TypeAdapter(AnyTarget)
    assert adapter.validate_json(adapter.dump_json(target)) == target


@pytest.mark.parametrize(
    "cells", [["", "0", "1"], ["0", "1", ""], ["NA", "1", "0"], ["0", "1", "NA"]]
)
def test_a_missing_value_does_not_make_labels_quantities(cells: list[str]):
    assert is_binary(column(cells))


def test_a_cell_that_is_not_a_label_is_not_one_beside_a_missing_value_either():
    assert not is_binary(column(["", "0", "2"]))
    assert not is_binary(column(["", ""]))


def test_classes_are_known_as_written_where_not_all_are_there():
    target = Classes(name="y", classes=["1.0", "2.0", "other"])
    assert target.numbers(column(["2.0", "1.0"]), where).tolist() == [
        1,
        0,
    ]
    assert Classes(name="y", classes=["1", "2"]).numbers(column(["2.0", "1"]), where).tolist() == [
        1,
        0,
    ]


def test_a_class_of_an_old_model_may_be_a_word_that_now_means_a_missing_value():
    old = Classes(name="y", classes=["NA", "a"])
    assert old.numbers(column(["a", "NA"]), where).tolist() == [1, 0]
    with pytest.raises(DataError, match="'NA' is not a target value"):
        Classes(name="y", classes=["a", "b"]).numbers(column(["a", "NA"]), where)


def test_classes_of_yes_and_no_are_read_by_their_meaning():
    pair = Classes(name="y", classes=["no", "yes"])
    assert pair.numbers(column(["TRUE", "0", "1.0", "Off"]), where).tolist() == [1, 0, 1, 0]
