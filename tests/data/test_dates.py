"""Dates: days and parts worked by hand, and texts that are not dates."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.dates.date_format import ISO, date_format
from bpnet.data.encoding import Encoder
from bpnet.data.encoding.column_options import ColumnOptions
from bpnet.data.encoding.dates import DateColumn, share_passed
from bpnet.data.encoding.fitting import fit_encoder
from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.encoding.settings import Impute, OneHot, Refuse, Standardize
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading import table_from_rows
from bpnet.data.reading.column import column_from_texts
from bpnet.errors import DataError


def fitted(cells: list[str], form: str = ISO, missing=None, train=None) -> Encoder:
    plan = ColumnOptions("date", Standardize(), OneHot(), missing or Impute(), form)
    rows = np.ones(len(cells), bool) if train is None else np.asarray(train)
    whole = table_from_rows(
        "t.csv",
        ["d"],
        [
            [cell]
            if cell
            else [
                "",
            ]
            for cell in cells
        ],
    )
    return fit_encoder(whole, {"d": plan}, rows, unit_rows=False, rng=np.random.default_rng(0))


def encoded(column: DateColumn, cells: list[str]) -> np.ndarray:
    x = np.empty((len(cells), len(column.inputs)))
    column.encode(column_from_texts(cells, NumberFormat()), x, RowFlags())
    return x


def problem(cells: list[str], form: str = ISO) -> str:
    with pytest.raises(DataError) as caught:
        fitted(cells, form)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "form", "days"),
    [
        ("1970-01-01", ISO, 0),
        ("1970-01-02 12:00", ISO, 1.5),
        ("1969-12-31", ISO, -1),
        ("2000-02-29", ISO, 11016),
        ("2000-03-01", ISO, 11017),
        ("1900-03-01", ISO, -25508),  # 1900 had no leap day
        ("0001-01-01", ISO, -719162),
        ("9999-12-31", ISO, 2932896),
        ("1970-01-02T00:00:00+02:00", ISO, 1 - 2 / 24),
        ("1970-01-02T00:00:00Z", ISO, 1),
        ("1970-01-01T19:00-05:00", ISO, 1),
        ("29.02.2000", "%d.%m.%Y", 11016),
        ("2/29/2000 6:00", "%m/%d/%Y %H:%M", 11016.25),
        ("29 Feb 2000", "%d %b %Y", 11016),
    ],
)
def test_days_since_1970(text, form, days):
    assert date_format(form).days(text) == pytest.approx(days, abs=1e-12)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-14, 14))
def test_a_time_zone_moves_the_moment(when, hours):
    moved = when.replace(tzinfo=UTC) + timedelta(hours=0)
    text = moved.isoformat().replace("+00:00", f"{hours:+03}:00")
    assert date_format(ISO).days(text) == pytest.approx(
        date_format(ISO).days(when.isoformat()) - hours / 24, abs=1e-6
    )


@pytest.mark.parametrize(
    ("text", "month", "weekday", "hour"),
    [
        ("1970-01-01 00:00", 0, 3, 0),  # a Thursday
        ("2000-02-29 06:00", 1, 1, 6),  # a Tuesday
        ("1969-07-20 20:00", 6, 6, 20),  # a Sunday
        ("2024-12-30 23:30", 11, 0, 23.5),  # a Monday
        ("0001-01-01 12:00", 0, 0, 12),
    ],
)
def test_parts_by_hand(text, month, weekday, hour):
    days = np.array([date_format(ISO).days(text)])
    assert share_passed(days, "month")[0] == pytest.approx(month / 12)
    assert share_passed(days, "weekday")[0] == pytest.approx(weekday / 7)
    assert share_passed(days, "hour")[0] == pytest.approx(hour / 24, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("1970-01-01 00:00", 0),
        ("2023-07-02 12:00", 1 / 2),  # 182.5 of 365 days
        ("2024-07-02 00:00", 1 / 2),  # 183 of 366
        ("2024-12-31 18:00", 365.75 / 366),
        ("1900-03-01", 59 / 365),
        ("0001-01-02", 1 / 365),
    ],
)
def test_the_day_of_the_year_by_hand(text, share):
    days = np.array([date_format(ISO).days(text)])
    assert share_passed(days, "day_of_year")[0] == pytest.approx(share, abs=1e-12)


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))
def test_parts_are_those_of_the_standard_library(when):
    days = np.array([date_format(ISO).days(when.isoformat())])
    if (when.hour, when.minute, when.second) != (
        23,
        59,
        59,
    ):  # a microsecond is beyond the precision of early years
        assert share_passed(days, "month")[0] == pytest.approx((when.month - 1) / 12)
        assert share_passed(days, "weekday")[0] == pytest.approx(when.weekday() / 7)


def test_inputs_by_hand():
    (column,) = fitted(["2020-01-06 00:00", "2020-04-07 06:00"]).columns  # a Monday, a Tuesday
    assert column.inputs == [
        "d elapsed",
        *(f"d {part} {wave}" for part in ("month", "weekday", "hour") for wave in ("sin", "cos")),
    ]
    x = encoded(column, ["2020-01-06 00:00", "2020-04-07 06:00"])
    week = 2 * np.pi / 7
    np.testing.assert_allclose(x[0], [-1, 0, 1, 0, 1, 0, 1], atol=1e-9)
    np.testing.assert_allclose(x[1], [1, 1, 0, np.sin(week), np.cos(week), 1, 0], atol=1e-9)


def test_parts_that_never_differ_are_left_out():
    (column,) = fitted(["2020-01-06", "2020-01-13"]).columns
    assert column.parts == ["elapsed"]
    (constant,) = fitted(["2020-01-06", "", "2020-01-06"], missing=Impute()).columns
    assert (constant.parts, constant.inputs) == ([], ["d missing"])


def test_dates_far_outside_are_flagged_and_missing_ones_that_training_knew_are_not():
    (column,) = fitted(["2020-01-01", "", "2020-01-03", "2020-01-02"]).columns
    flags = RowFlags()
    x = np.empty((4, len(column.inputs)))
    column.encode(
        column_from_texts(["2020-01-02", "NA", "2020-01-05", "1900-01-01"], NumberFormat()),
        x,
        flags,
    )
    assert np.array_equal(x[0, :-1], x[1, :-1])  # the median
    assert x[:, -1].tolist() == [0, 1, 0, 0]
    assert flags.texts(4) == ["", "", "outside d", "outside d"]  # training knew gaps


@pytest.mark.parametrize(
    "cell",
    [
        "2021-02-30",
        "99999-01-01",
        "0000-01-01",
        "2021-13-01",
        "soon",
        "20210101",
        "2020",
        "0001-01-01T00:00:00+01:00",
    ],
)
def test_what_is_no_date_is_named_with_its_line(cell):
    message = problem(["2020-01-01", cell])
    for part in (
        "t.csv, line 3 (row 2)",
        "column 'd'",
        f"'{cell}' is not a date like 2024-12-31 (ISO 8601)",
        "dataset.roles.d",
    ):
        assert part in message


def test_another_format_is_named():
    message = problem(["01.02.2020", "2020-01-01"], "%d.%m.%Y")
    assert (
        "line 3 (row 2), column 'd': '2020-01-01' is not a date like 31.12.2024 (%d.%m.%Y)"
        in message
    )


def test_a_missing_value_where_none_is_allowed_is_named():
    encoder = fitted(["2020-01-01", "2020-01-02"], missing=Refuse())
    (chunk,) = table_from_rows("n.csv", ["d"], [["2020-01-01"], ["?"]]).chunks(encoder.column_types)
    with pytest.raises(DataError, match=r"n\.csv, line 3 \(row 2\), column 'd': is blank"):
        encoder.encode(chunk, "float32")


def test_a_column_of_missing_values_is_named():
    said = problem(["NA", "?"])
    assert "column 'd' is blank in every training row; fill it in" in said
    assert said.endswith("--set dataset.roles.d=ignored")


def new_rows(encoder: Encoder, cells: list[str]) -> np.ndarray:
    (chunk,) = table_from_rows("new.csv", ["d"], [[cell] for cell in cells]).chunks(
        encoder.column_types
    )
    x, _ = encoder.encode(chunk, "float64")
    return x


def new_problem(encoder: Encoder, cells: list[str]) -> str:
    with pytest.raises(DataError) as caught:
        new_rows(encoder, cells)
    return str(caught.value)


GERMAN = fitted(["05.01.2019", "25.06.2019", "07.08.2019 "], "%d.%m.%Y")


def test_iso_dates_of_a_new_table_are_read_whatever_the_format():
    """Parquet and spreadsheets hold dates as such, which come as ISO."""
    cells = ["2019-01-05", "2019-08-25T12:00", "2019-03-04 06:00:00"]
    german = ["05.01.2019", "25.08.2019", "04.03.2019"]
    x, same_days = new_rows(GERMAN, cells), new_rows(GERMAN, german)
    inputs = GERMAN.inputs.index("d month sin")
    np.testing.assert_array_equal(x[:, inputs], same_days[:, inputs])
    np.testing.assert_array_equal(x[0], same_days[0])
    # a cell by itself is not another format
    assert "row 2), column 'd': '2019-08-25'" in new_problem(GERMAN, ["05.01.2019", "2019-08-25"])
    # nor is ISO where the model's dates begin with the year, too
    swapped = fitted(["2019-25-01", "2019-02-01"], "%Y-%d-%m")
    assert "'2019-01-25' is not a date like 2024-31-12" in new_problem(swapped, ["2019-01-25"])


def test_new_dates_of_another_format_are_refused_with_the_format_that_they_have():
    text = new_problem(GERMAN, ["01/25/2019", "01/02/2019"])
    assert "new.csv, line 2 (row 1), column 'd': '01/25/2019' is not a date like 31.12.2024" in text
    assert "every date of the column fits month/day/year (%m/%d/%Y); " in text
    assert "write the dates like 31.12.2024, or like 2024-12-31" in text
    text = new_problem(GERMAN, ["01/02/2019"])
    assert "fits month/day/year (%m/%d/%Y) and day/month/year (%d/%m/%Y)" in text
    assert "the table does not tell which is right" in text
    text = new_problem(GERMAN, ["05.01.2019", "soon"])
    assert "'soon' is not a date like 31.12.2024 (%d.%m.%Y); write it like 31.12.2024, or" in text


def test_new_dates_with_time_zones_where_training_had_none_are_refused():
    naive = fitted(["2019-01-05T10:00", "2019-01-06T11:00"])
    aware = fitted(["2019-01-05T10:00Z", "2019-01-06T11:00+02:00"])
    dates = fitted(["2019-01-05", "2019-01-06"])
    mixed = fitted(["2019-01-05T10:00Z", "2019-01-06T11:00"])
    zones = [encoder.columns[0].zones for encoder in (naive, aware, dates, mixed)]
    assert zones == ["none", "all", None, "some"]
    text = new_problem(naive, ["2019-01-05", "2019-01-05T10:00Z"])
    assert "(row 2), column 'd': '2019-01-05T10:00Z' is not a date without a time zone, as" in text
    assert "'2019-01-05T10:00' is not a date with a time zone" in new_problem(
        aware, ["2019-01-05T10:00"]
    )
    for encoder in (dates, mixed):
        new_rows(encoder, ["2019-01-05T10:00", "2019-01-05T10:00Z"])
    # the dates without a time are as they were in training
    np.testing.assert_array_equal(
        new_rows(naive, ["2019-01-05"]), new_rows(naive, ["2019-01-05 00:00"])
    )


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%m/%d/%Y %H:%M:%S", "%d %b %Y", ISO])
def test_models_without_the_field_for_time_zones_still_read_dates(form: str):
    cell = parse_and_write(form)
    column = DateColumn(
        name="d", format=form, parts=["elapsed"], mean=0, deviation=1, fill=None,
        lowest=0, highest=1e5,
    )  # fmt: skip
    assert encoded(column, [cell])[0, 0] == date_format(form).days(cell)
    if form == ISO:
        assert encoded(column, ["2019-01-05T10:00Z"])[0, 0] == date_format(ISO).days(
            "2019-01-05T10:00"
        )


def parse_and_write(form: str) -> str:
    """Return a date as the standard library writes it in a format."""
    return datetime(2019, 1, 5).strftime("%Y-%m-%d" if form == ISO else form)


def test_a_stored_format_that_cannot_be_used_is_refused():
    with pytest.raises(ValueError, match="names %d twice"):
        DateColumn(
            name="d", format="%d.%d", parts=[], mean=0, deviation=1, fill=None, lowest=0, highest=1
        )
