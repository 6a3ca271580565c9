"""Detection: the format of a column of dates, the ambiguous ones, and what is not a date."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.dates.advice import reading_note, set_format
from bpnet.data.dates.date_format import ISO, date_format
from bpnet.data.dates.detection import (
    DetectedFormat,
    detect_format,
    likely_format,
    several_formats,
    suggested_format,
    unknown_month,
)


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["2019-01-05", "2019-01-05T10:00", "2019-01-05 10:00:00.5+02:00"], ISO),
        (["2019-01-05 10:00:00 UTC"], ISO),
        (["2019-W01", "2019-W02-3"], ISO),
        (["2019-1-5", "2019-12-25"], "%Y-%m-%d"),
        (["2019/01/05"], "%Y/%m/%d"),
        (["2019.1.5"], "%Y.%m.%d"),
        (["25/06/2015", "1/2/2014"], "%d/%m/%Y"),
        (["6/25/15", "1/2/14"], "%m/%d/%y"),
        (["25.06.15", "01.02.99"], "%d.%m.%y"),
        (["99-12-31", "01-02-28"], "%y-%m-%d"),
        (["5 Jan 2019", "12 December 2019"], "%d %b %Y"),
        (["January 5, 2019", "Feb 6, 2019"], "%B %d, %Y"),
        (["05-Jan-19"], "%d-%b-%y"),
        (["05JAN2019"], "%d%b%Y"),
        (["01JAN2019:10:30:00"], "%d%b%Y:%H:%M:%S"),
        (["2019-Jan-05"], "%Y-%b-%d"),
        (["Jan 2019", "Feb 2019"], "%b %Y"),
        (["Jan-85", "Feb-99"], "%b-%y"),
        (["2019-01", "2020-12"], "%Y-%m"),
        (["01/2019"], "%m/%Y"),
        (["2019M01"], "%YM%m"),
        (["2019Q1", "2020Q4"], "%YQ%q"),
        (["2019-Q1"], "%Y-Q%q"),
        (["Q1 2019"], "Q%q %Y"),
        (["1Q19"], "%qQ%y"),
        (["1/25/2019 3:30 PM", "1/5/2019 11:00 am"], "%m/%d/%Y %I:%M %p"),
        (["25.1.2019 15:30:01.5"], "%d.%m.%Y %H:%M:%S"),
        (["2019/01/05T15:30Z"], "%Y/%m/%dT%H:%M%z"),
        (["20190105T103000"], "%Y%m%dT%H%M%S"),
        (["20190125 10:30", "20190105 10:30"], "%Y%m%d %H:%M"),
        (["990105 10:30"], "%y%m%d %H:%M"),
        (["2019/01/05T1030Z"], "%Y/%m/%dT%H%M%z"),
        (["04-Aug-19:22:38:00"], "%d-%b-%y:%H:%M:%S"),
        (["2019/01/05:22:38:00"], "%Y/%m/%d:%H:%M:%S"),
        (["Sat, 05 Jan 2019 10:00:00 GMT"], "%a, %d %b %Y %H:%M:%S %z"),
        (["Sat Jan  5 10:00:00 2019"], "%a %b %d %H:%M:%S %Y"),
        (["3:30 PM 1/25/2019"], "%I:%M %p %m/%d/%Y"),
        (["5. Januar 2019", "6. März 2019"], "%d. %B %Y"),
        (["5 janv. 2019", "5 mars 2019"], "%d %b %Y"),
        (["5 de enero de 2019"], "%d de %B de %Y"),
        (["mar. 5 mars 2019"], "%a. %d %b %Y"),
    ],
)
def test_an_ordinary_way_to_write_dates_is_recognized(cells: list[str], form: str) -> None:
    assert detect_format(cells) == DetectedFormat(form)


@pytest.mark.parametrize(
    "cell",
    [
        "20190105",
        "2019",
        "10:30",
        "12-1234",
        "v2.10.12",
        "1.2",
        "Jan 19",
        "19-Jan",
        "5 maj 2019",
        "1/2/2019 - 1/3/2019",
        "192.168.10.12",
        "-1/2/2019",
        "Mai",
        "a1/2/2019",
        "²/²/2019",
        "%d.%m.2019",
        "Set 1200",
        "Jan-Feb 2019",
        "12/1234",
    ],
)
def test_what_is_not_taken_for_a_date(cell: str) -> None:
    assert detect_format([cell]) is None


def test_seasons_are_not_months() -> None:
    assert detect_format(["2009-10", "2010-11", "2011-12"]) is None
    assert detect_format(["2009/10", "2010/11"]) is None
    assert detect_format(["2009-10", "2009-11"]) == DetectedFormat("%Y-%m")
    assert several_formats(["2009-10", "2010-11"]) is None
    assert detect_format(["2009-10"]) == DetectedFormat("%Y-%m")


def test_digits_are_dates_where_the_config_says_so() -> None:
    assert detect_format(["20190125"], numbers=True) == DetectedFormat("%Y%m%d")
    assert detect_format(["201901", "201912"], numbers=True) == DetectedFormat("%Y%m")
    assert detect_format(["2019"], numbers=True) == DetectedFormat("%Y")


@pytest.mark.parametrize("mark", ["-", "/", ".", " "])
def test_day_and_month_that_may_be_swapped_are_noticed_for_every_separator(mark: str) -> None:
    cells = [mark.join(("01", "01", "2019")), mark.join(("02", "01", "2019"))]
    detected = detect_format(cells)
    assert detected is not None
    day_first, month_first = (
        mark.join(parts) for parts in (("%d", "%m", "%Y"), ("%m", "%d", "%Y"))
    )
    assert {detected.text, *detected.others} == {day_first, month_first}
    note = reading_note("day", detected, cells) or ""
    first, second = detected.text, detected.others[0]
    for form in (first, second):
        day = "2019-01-02" if form == day_first else "2019-02-01"
        assert day in note
    assert f"'{cells[1]}' is " in note
    assert set_format("day", second) in note
    # a cell that only one order fits ends the doubt, wherever it is
    settled = detect_format([*cells, mark.join(("25", "01", "2019"))])
    assert settled == DetectedFormat(day_first)
    assert detected.narrowed([mark.join(("01", "25", "2019"))]) == DetectedFormat(month_first)
    assert reading_note("day", DetectedFormat(first), cells) is None


def test_the_order_of_two_digits_is_noticed() -> None:
    detected = detect_format(["01/02/03", "04/05/06"])
    assert detected == DetectedFormat("%m/%d/%y", ("%d/%m/%y", "%y/%m/%d"))
    note = reading_note("d", detected, ["01/02/03"]) or ""
    for day in ("2003-01-02", "2003-02-01", "2001-02-03"):
        assert day in note


def test_a_year_of_two_digits_that_is_still_to_come_is_noticed() -> None:
    note = reading_note("born", DetectedFormat("%d.%m.%y"), ["25.01.66", "25.01.75"]) or ""
    assert "'25.01.66' is read as 2066-01-25, which is still to come" in note
    assert reading_note("born", DetectedFormat("%d.%m.%y"), ["25.01.75"]) is None
    assert reading_note("born", DetectedFormat("%d.%m.%Y"), ["25.01.2066"]) is None
    assert reading_note("born", DetectedFormat("%d.%m.%y"), ["25.01.2066"]) is None


def test_a_month_and_two_digits_may_be_a_day() -> None:
    note = reading_note("m", DetectedFormat("%b-%y"), ["Jan-19"]) or ""
    assert "'Jan-19' is read as a month and a year, 2019-01-01" in note
    assert "--set dataset.preprocessing.columns.m.format=%b-%d" in note
    assert reading_note("m", DetectedFormat("%b-%y"), ["Jan-19", "Jan-85"]) is None
    assert reading_note("m", DetectedFormat("%b-%y"), ["Jan-19"], given=True) is None


def test_the_format_of_most_dates() -> None:
    cells = ["1.2.2019", "25.2.2019", "2.25.2019", "26.2.2019", "soon"]
    assert likely_format(cells, 0.5) == DetectedFormat("%d.%m.%Y")
    assert likely_format(cells, 0.6) is None
    assert likely_format(["soon"], 0.0) is None
    # two orders are ambiguous only if they fit the same dates
    assert likely_format(["12/25/2019", "25/12/2019", "soon"], 0.0) == DetectedFormat("%m/%d/%Y")


def test_dates_of_several_formats_are_named() -> None:
    reason = several_formats(["2019-01-05", "05.01.2019", "06.01.2019"])
    assert reason is not None
    assert "'2019-01-05' (ISO 8601) and '05.01.2019' (%d.%m.%Y)" in reason
    assert several_formats(["2019-01-05", "soon"]) is None


def test_unusual_formats_are_suggested() -> None:
    assert suggested_format(["2019-25-01", "2019-01-02"]) == "%Y-%d-%m"
    assert suggested_format(["5-Jan", "31-Dec"]) == "%d-%b"
    assert suggested_format(["3:30 PM"]) == "%I:%M %p"
    assert suggested_format(["3-30"]) is None
    assert unknown_month(["5 maj 2019", "7 juni 2019"]) == "maj"
    assert unknown_month(["5 maj 2019", "soon"]) is None


_FORMATS = (
    *(f"%d{mark}%m{mark}{year}" for mark in "-/. " for year in ("%Y", "%y")),
    *(f"%m{mark}%d{mark}{year}" for mark in "-/." for year in ("%Y", "%y")),
    *(f"%Y{mark}%m{mark}%d" for mark in "-/."),
    *("%d %b %Y", "%B %d, %Y", "%d-%b-%y", "%d%b%Y", "%A, %d %B %Y", "%b %Y", "%Y-%m"),
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", "T%H:%M:%S", " %H:%M:%S %z")


@given(
    st.sampled_from(_FORMATS),
    st.sampled_from(_TIMES),
    st.lists(st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)), min_size=1, max_size=6),
)
def test_the_true_reading_is_the_one_detected_or_among_the_others(
    dates: str, times: str, moments: list[datetime]
) -> None:
    form = dates + times
    cells = [when.astimezone().strftime(form) for when in moments]
    detected = detect_format(cells)
    assert detected is not None, cells
    truth = [date_format(form).days(cell) for cell in cells]
    readings = [
        [date_format(one).days(cell) for cell in cells] for one in (detected.text, *detected.others)
    ]
    assert truth in readings
    # what was written is what is read, to the precision of the format
    step = timedelta(days=31 if "%d" not in form else 1).total_seconds() / 86_400
    days = [(when - datetime(1970, 1, 1)) / timedelta(days=1) for when in moments]
    if "%z" not in form:
        assert all(0 <= day - read < step for day, read in zip(days, truth, strict=True))
