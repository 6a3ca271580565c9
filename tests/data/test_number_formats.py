"""Number formats of columns: detected from the cells, kept in the model, and used for new cells."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.numbers.advice import ambiguity_note
from bpnet.data.numbers.detection import TableNumberFormat, shown_decimal
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading import delimited
from bpnet.data.reading.column import CellParseError, Column, column_from_texts
from bpnet.data.reading.column_numbers import numbers_like
from bpnet.data.reading.delimited import DelimitedFile
from bpnet.data.reading.json_lines import JsonLinesFile
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import bytes_opener
from bpnet.errors import DataError


def column(cells: list[str], **settings: str) -> Column:
    return column_from_texts(cells, Reading(**settings).number_format())  # type: ignore[arg-type]


def numbers(cells: list[str], **settings: str) -> list[float]:
    own, _ = column(cells, **settings).in_own_format()
    return own.as_numbers().tolist()


NBSP, NARROW, THIN, MINUS, EN_DASH = "\u00a0", "\u202f", "\u2009", "\u2212", "\u2013"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["610", "1,410"], [610, 1410]),
        (["1,234.5", "12"], [1234.5, 12]),
        (["1.234,5", "12"], [1234.5, 12]),
        (["0,5", "12"], [0.5, 12]),
        (["0,125", "1,250"], [0.125, 1.25]),
        (["1,234", "1,234,567"], [1234, 1234567]),
        (["1.234.567", "8"], [1234567, 8]),
        (["1'234.5", "8"], [1234.5, 8]),
        (["1’234", "8"], [1234, 8]),
        (["1 234,5", "8"], [1234.5, 8]),
        ([f"1{NBSP}234,5", f"2{NARROW}345{NARROW}678", f"3{THIN}456"], [1234.5, 2345678, 3456]),
        (["12_345", "8"], [12345, 8]),
        (["1,23,456", "12,34,567.5", "99"], [123456, 1234567.5, 99]),
        (["2.5%", "10 %", "-3%"], [2.5, 10, -3]),
        (["2,5 %", f"10{NBSP}%"], [2.5, 10]),
        (["$1,410.50", "$3"], [1410.5, 3]),
        (["1.410,50 €", f"7{NBSP}€"], [1410.5, 7]),
        (["EUR 12", "EUR 1,250.75"], [12, 1250.75]),
        (["12 kr", "15 kr."], [12, 15]),
        (["-$5", "$-6", "$7", "8"], [-5, -6, 7, 8]),
        ([f"{MINUS}5", f"{EN_DASH}6.5", "7"], [-5, -6.5, 7]),
        (["(1,234.50)", "1,000.25"], [-1234.5, 1000.25]),
        (["($5)", "$(6)", "$7"], [-5, -6, 7]),
        (["1", "-", EN_DASH, "—", "2"], [1, math.nan, math.nan, math.nan, 2]),
        (["+5", ".5", "-.25", "5.", "1e3", "1E-2"], [5, 0.5, -0.25, 5, 1000, 0.01]),
        ([",5", "1,25"], [0.5, 1.25]),
        (["1.234", "5.678"], [1.234, 5.678]),
        (["١٢٣", "٤٫٥"], [123, 4.5]),
        (["１２", "3"], [12, 3]),
    ],
)
def test_numbers_are_read_as_people_write_them(cells, expected):
    np.testing.assert_array_equal(numbers(cells), expected)


@pytest.mark.parametrize(
    "cells",
    [
        ["1,2,3", "4"],
        ["1.2.3", "4"],
        ["192.168.0.1"],
        ["1-2", "3"],
        ["5 kg", "6 kg"],
        ["12,34", "1.5"],
        ["1.234,5", "1,234.5"],
        ["2.5%", "3"],
        ["$1", "€2"],
        ["--1"],
        ["-(5)", "1"],
        ["$5 €"],
        ["1٣", "2"],
        ["5%%"],
        ["1 2", "3"],
        ["2021-01-05"],
        ["12:30"],
        ["9" * 400],
        ["600 123 456", "601 234 567", "602 345 678"],
        ["192.168.100.101", "192.168.100.102", "192.168.100.103"],
    ],
)
def test_cells_that_are_not_numbers_of_one_format_are_refused(cells):
    with pytest.raises(CellParseError):
        numbers(cells)


@pytest.mark.parametrize(
    ("cells", "settings", "expected"),
    [
        (["1,234", "5"], {"decimal": ","}, [1.234, 5]),
        (["1,234", "5"], {"decimal": "."}, [1234, 5]),
        (["1,234", "5"], {"thousands": ","}, [1234, 5]),
        (["1.234", "5"], {"thousands": "."}, [1234, 5]),
        (["1.234", "5"], {"decimal": ","}, [1234, 5]),
        ([f"1{NBSP}234,5", "5"], {"thousands": " "}, [1234.5, 5]),
        (["1,234", "5"], {"thousands": " "}, [1.234, 5]),
        (["1.5", "2.25"], {"decimal": ","}, [1.5, 2.25]),
    ],
)
def test_settings_decide_between_formats_that_fit(cells, settings, expected):
    assert numbers(cells, **settings) == expected
    assert column(cells, **settings).detect_format().other is None


def test_a_column_whose_marks_may_be_either_is_read_with_a_note_that_names_both_settings():
    detected = column(["1,234", "610", "12,500"]).detect_format()
    assert detected.number_format == NumberFormat(thousands=",")
    assert ambiguity_note(detected) == (
        "'1,234' is read as 1234; if it means 1.234, add --set dataset.reading.decimal=,; "
        "if not, --set dataset.reading.thousands=, ends this warning"
    )
    for settings, number in (({"decimal": ","}, 1.234), ({"thousands": ","}, 1234)):
        assert numbers(["1,234"], **settings) == [number]


def test_points_before_three_digits_beside_small_whole_numbers_may_be_between_thousands():
    detected = column(["2.524", "463", "1.044"]).detect_format()
    assert detected.number_format == NumberFormat()
    assert ambiguity_note(detected) == (
        "'1.044' is read as 1.044; if it means 1044, add --set dataset.reading.thousands=.; "
        "if not, --set dataset.reading.decimal=. ends this warning"
    )
    for cells in (["2.524", "1.044"], ["2.524", "463.5", "4"], ["2.524", "4630"], ["0.524", "4"]):
        assert column(cells).detect_format().other is None


def test_decimal_commas_beside_points_in_other_columns_are_noted():
    read = column_from_texts(["2,1", "3"], Reading().number_format("."))
    assert ambiguity_note(read.detect_format(), "tags") == (
        "'2,1' is read as 2.1, though other columns have decimal points; "
        "--set dataset.reading.decimal=, ends this warning; "
        "if it is not a number, add --set dataset.roles.tags=categorical"
    )


@pytest.mark.parametrize(
    ("shown", "cell", "number", "certain"),
    [
        (".", "1,234", 1234, True),
        (",", "1,234", 1.234, True),
        (",", "1.234", 1234, False),
        (".", "1.234", 1.234, True),
        (None, "1.234", 1.234, True),
        (None, "1,234", 1234, False),
    ],
)
def test_other_columns_of_the_table_show_what_a_mark_means(shown, cell, number, certain):
    read = column_from_texts([cell], Reading().number_format(shown))
    own, detected = read.in_own_format()
    assert own.as_numbers().tolist() == [number]
    assert (detected.other is None) == certain


@pytest.mark.parametrize(
    ("expected", "cells", "values"),
    [
        (NumberFormat(decimal=","), ["0,250", "1,125"], [0.25, 1.125]),
        (NumberFormat(decimal=","), ["1,125"], [1.125]),
        (NumberFormat(decimal=","), ["0.25", "1.5"], [0.25, 1.5]),
        (NumberFormat(thousands=","), ["1,125"], [1125]),
        (NumberFormat(thousands=","), ["1125", "1.5"], [1125, 1.5]),
        (NumberFormat(), ["1,5"], [1.5]),
        (NumberFormat(unit="%"), ["2.5%"], [2.5]),
        (NumberFormat(unit="%"), ["2.5", "3"], [2.5, 3]),
        (NumberFormat(unit="$"), ["3"], [3]),
        (NumberFormat(), ["$3"], [3]),
    ],
)
def test_new_cells_are_read_by_the_format_of_the_model_or_by_one_that_is_certain(
    expected, cells, values
):
    assert numbers_like(column(cells), expected)[0].tolist() == values


@pytest.mark.parametrize(
    ("expected", "cells"),
    [
        (NumberFormat(), ["1,125"]),
        (None, ["1,125"]),
        (NumberFormat(), ["2.5%"]),
        (NumberFormat(unit="$"), ["€3"]),
        (NumberFormat(unit="%"), ["2.5%", "3"]),
        (NumberFormat(unit="%"), ["$3"]),
        (NumberFormat(decimal=","), ["2.500", "1.250"]),
        (NumberFormat(decimal=","), ["2.500", "750"]),
    ],
)
def test_new_cells_that_may_mean_something_else_are_refused(expected, cells):
    with pytest.raises(CellParseError):
        numbers_like(column(cells), expected)


def test_a_setting_for_new_cells_comes_before_the_format_of_the_model():
    read = column(["1.125"], decimal=".")
    assert numbers_like(read, NumberFormat(decimal=",", thousands="."))[0].tolist() == [1.125]


@pytest.mark.parametrize("cell", ["-999", "-999.0", "-999.00", "(999)", f"{MINUS}999", "-9.99e2"])
def test_a_number_for_a_missing_value_may_be_written_in_any_way(cell):
    read = column_from_texts(["1", cell, "1,000.5"], TableNumberFormat(missing=frozenset(["-999"])))
    np.testing.assert_array_equal(numbers_like(read, None)[0], [1, math.nan, 1000.5])


def test_numbers_of_json_keep_their_point_whatever_the_format_of_the_model():
    def read(*values: object) -> Column:
        lines = "".join(json.dumps({"x": value}) + "\n" for value in values)
        file = JsonLinesFile("t", bytes_opener(lines.encode()), Reading(decimal=",", missing=["9"]))
        (chunk,) = file.chunks({"x": "number"}, 0)
        return chunk.column("x")

    german = NumberFormat(decimal=",", thousands=".")
    np.testing.assert_array_equal(
        numbers_like(read(7.123, 1234, None, 9.0), german)[0], [7.123, 1234, math.nan, math.nan]
    )
    assert numbers_like(read("7.123", "1.234,5"), german)[0].tolist() == [7123, 1234.5]
    assert numbers_like(read(66.601, "1.234,5"), german)[0].tolist() == [66.601, 1234.5]
    assert numbers_like(read("1,5", 66.601, 1234), None)[0].tolist() == [1.5, 66.601, 1234]
    with pytest.raises(CellParseError):
        numbers_like(read("5%", 66.601), None)


def test_a_number_of_json_with_thousands_of_digits_is_named_with_its_line():
    lines = '{"x": 1}\n{"x": ' + "9" * 5000 + "}\n"
    with pytest.raises(DataError, match=r"t, line 2: not a JSON object \(a number is too long\)"):
        JsonLinesFile("t", bytes_opener(lines.encode()), Reading())


WRITTEN = (
    *("", "5", "-7", "007", "+1.5", ".5", "5.", "1e3", "1E-3", "-0", "-999", "-", "1e999"),
    *("1-2", "1_000", "\u0665", "nan", "NA", "5%", "1,5"),
)
PLAIN_CELLS = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(WRITTEN)


@given(st.lists(PLAIN_CELLS, max_size=5), st.sampled_from([(), ("-999",), ("\u2212999",)]))
def test_plain_numbers_are_those_of_each_cell(cells, missing):
    number_format = NumberFormat(missing=frozenset(missing))
    plain = number_format.plain_numbers(cells)
    if plain is not None:
        assert list(map(repr, plain)) == [repr(number_format.number(cell)) for cell in cells]


@given(st.lists(st.floats(-1e9, 1e9).map(repr), min_size=1))
def test_the_texts_of_floats_are_plain_numbers(cells):
    assert NumberFormat().plain_numbers(cells) == list(map(float, cells))


@given(st.from_regex(r"[-+]?[0-9]{1,5}\.[0-9]{1,5}", fullmatch=True))
def test_a_point_is_a_decimal_mark_unless_three_digits_follow_it(cell):
    whole, fraction = cell.lstrip("+-").split(".")
    grouped = len(fraction) == 3 and len(whole) <= 3 and whole[0] != "0"
    assert shown_decimal(cell) == (None if grouped else ".")


@pytest.mark.parametrize(("separator", "doubt"), [(";", "45.900"), (",", None)])
@pytest.mark.parametrize("large", [False, True])
def test_points_before_three_digits_are_doubtful_between_semicolons(
    separator: str, doubt: str | None, large: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(delimited, "LARGE", 0 if large else 10**9)
    lines = [f"price{separator}n", *(f"{k % 9 + 1}{k % 7}.900{separator}{k}" for k in range(20))]
    text = "\n".join([*lines, f"45.900{separator}1\n"])
    file = DelimitedFile("t.csv", bytes_opener(text.encode()), Reading())
    (chunk,) = file.chunks({"price": "any", "n": "any"}, 0)
    detected = chunk.column("price").detect_format()
    assert (detected.other is not None) == (doubt is not None)
    if doubt:
        assert detected.other.number(doubt) == 45900
    assert detected.number_format.number("45.900") == 45.9
