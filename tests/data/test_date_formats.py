"""Date formats: moments worked by hand, agreement with strptime, and formats that are refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.dates.date_format import ISO, FormatError, date_format
from bpnet.data.dates.moments import iso_text


def moment(text: str) -> float:
    """Return the days since 1970 of an ISO date by the standard library."""
    when = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return (when - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() / 86_400


@pytest.mark.parametrize(
    ("cell", "form", "expected"),
    [
        ("05JAN2019", "%d%b%Y", "2019-01-05"),
        ("5 Jan 2019", "%d %b %Y", "2019-01-05"),
        ("5 January 2019", "%d %b %Y", "2019-01-05"),
        ("5 Sept. 2019", "%d %b %Y", "2019-09-05"),
        ("January 5th, 2019", "%B %d, %Y", "2019-01-05"),
        ("05-jan-19", "%d-%b-%y", "2019-01-05"),
        ("5. März 2019", "%d. %B %Y", "2019-03-05"),
        ("1er août 2019", "%d %B %Y", "2019-08-01"),
        ("5 de enero de 2019", "%d de %B de %Y", "2019-01-05"),
        ("Saturday, January 5, 2019", "%A, %B %d, %Y", "2019-01-05"),
        ("Jan 2019", "%b %Y", "2019-01-01"),
        ("2019-03", "%Y-%m", "2019-03-01"),
        ("2019Q3", "%YQ%q", "2019-07-01"),
        ("Q4 19", "Q%q %y", "2019-10-01"),
        ("2019-W02-3", "%G-W%V-%u", "2019-01-09"),
        ("2019-W02-3", ISO, "2019-01-09"),
        ("2019-060", "%Y-%j", "2019-03-01"),
        ("2019-12-3", "%Y-%W-%w", "2019-03-27"),
        ("20190105", "%Y%m%d", "2019-01-05"),
        ("20190105T103000", "%Y%m%dT%H%M%S", "2019-01-05 10:30"),
        ("1/5/2019 3:30 PM", "%m/%d/%Y %I:%M %p", "2019-01-05 15:30"),
        ("1/5/2019 12:30 a.m.", "%m/%d/%Y %I:%M %p", "2019-01-05 00:30"),
        ("1/5/2019 12:30PM", "%m/%d/%Y %I:%M %p", "2019-01-05 12:30"),
        ("5.1.19 10:00:00.25", "%d.%m.%y %H:%M:%S", "2019-01-05 10:00:00.25"),
        ("5.1.19 10:00:00,250", "%d.%m.%y %H:%M:%S,%f", "2019-01-05 10:00:00.25"),
        ("2019-01-05 24:00", ISO, "2019-01-06"),
        ("05.01.2019 24:00", "%d.%m.%Y %H:%M", "2019-01-06"),
        ("2019-01-05 10:00:00 UTC", ISO, "2019-01-05 10:00"),
        ("2019-01-05 10:00:00 +0200", ISO, "2019-01-05 08:00"),
        ("2019-01-05T10:00:00.123456789Z", ISO, "2019-01-05 10:00:00.123456"),
        ("Sat, 05 Jan 2019 10:00:00 GMT", "%a, %d %b %Y %H:%M:%S %Z", "2019-01-05 10:00"),
        ("05/Jan/2019:10:00:00 -0530", "%d/%b/%Y:%H:%M:%S %z", "2019-01-05 15:30"),
        ("29.02.2000", "%d.%m.%Y", "2000-02-29"),
        ("01.01.0001", "%d.%m.%Y", "0001-01-01"),
        ("31.12.9999", "%d.%m.%Y", "9999-12-31"),
        ("5.1.69", "%d.%m.%y", "1969-01-05"),
        ("5.1.68", "%d.%m.%y", "2068-01-05"),
        ("01/05/19", "%D", "2019-01-05"),
        ("10:30", "%H:%M", "1900-01-01 10:30"),
    ],
)
def test_a_moment_by_hand(cell: str, form: str, expected: str) -> None:
    assert date_format(form).days(cell) == moment(expected)


@pytest.mark.parametrize(
    ("cell", "form"),
    [
        ("29.02.1900", "%d.%m.%Y"),
        ("31.4.2019", "%d.%m.%Y"),
        ("1.13.2019", "%d.%m.%Y"),
        ("1.1.19", "%d.%m.%Y"),
        ("1.1.2019", "%d.%m.%y"),
        ("2019115", "%Y%m%d"),  # 11 5 or 1 15
        ("5 maj 2019", "%d %b %Y"),
        ("2019Q5", "%YQ%q"),
        ("2019-366", "%Y-%j"),
        ("2019-W53", "%G-W%V"),
        ("13:00 PM", "%I:%M %p"),
        ("2019-01-05 24:01", ISO),
        ("2019-01-05 10:60", ISO),
        ("2019-01-05 10:00 CET", ISO),
        ("2019-01-05 10:00:00 +2500", ISO),
        ("0001-01-01T00:00:00+01:00", ISO),
        ("9999-12-31T23:00:00-01:00", ISO),
        ("9999-12-31 24:00", ISO),
        ("٢٠١٩-٠١-٠٥", "%Y-%m-%d"),
    ],
)
def test_what_is_not_of_the_format(cell: str, form: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        date_format(form).days(cell)


def test_a_moment_is_aware_of_its_time_zone_if_it_has_a_time() -> None:
    aware = [
        date_format(form).zone(cell)
        for cell, form in (
            ("2019-01-05", ISO),
            ("2019-01-05T10:00", ISO),
            ("2019-01-05T10:00Z", ISO),
            ("5.1.2019 +0100", "%d.%m.%Y %z"),
            ("5.1.2019 3 PM", "%d.%m.%Y %I %p"),
        )
    ]
    assert aware == [None, False, True, True, False]


@given(
    st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)).map(
        lambda when: when.replace(microsecond=0)
    ),
    st.sampled_from(
        (
            "%Y-%m-%d %H:%M:%S",
            "%d%b%Y:%H:%M:%S",
            "%A, %d. %B %Y %I.%M.%S %p",
            "%Y%m%d%H%M%S",
            "%j/%Y %X",
            "%G-W%V-%u %T",
            "%a %b %d %H:%M:%S %z %Y",
        )
    ),
)
def test_formats_agree_with_strftime(when: datetime, form: str) -> None:
    text = when.replace(tzinfo=UTC).strftime(form.replace("%T", "%H:%M:%S"))
    assert date_format(form).days(text) == (when - datetime(1970, 1, 1)) / timedelta(days=1)


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))
def test_a_moment_is_shown_to_the_second(when: datetime) -> None:
    when = when.replace(microsecond=0)
    days = (when - datetime(1970, 1, 1)).total_seconds() / 86_400
    assert datetime.fromisoformat(iso_text(days)) == when


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ("%d.%d.%Y", "names %d twice"),
        ("day", "has no directive"),
        ("", "has no directive"),
        ("%Q", "has the directive %Q, which is not one; allowed are %Y"),
        ("%Y-%", "has the directive %, which is not one"),
        ("%m %b %Y", "has both %m and %b"),
        ("%F %Y", "names %Y twice"),
        ("%H:%M %p", None),
        ("%M %p", "has %p without %I or %H"),
        ("%G", "has %G without %V"),
        ("%Y-%U", "has %U without %w or %u"),
    ],
)
def test_a_format_that_cannot_be_used_is_refused(form: str, problem: str | None) -> None:
    if problem is None:
        assert date_format(form).fits("10:30 am")
        return
    with pytest.raises(FormatError) as caught:
        date_format(form)
    assert problem in str(caught.value)
