"""Cells of an exported file of Python: the same inputs as `predict` makes of them, or a refusal."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from encoded_tables import column_options, encoded, fitted, table
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.settings import Embedded, OneHot, Ordinal, Periodic, Refuse
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.errors import DataError
from bpnet.integrations.export import numpy_answers, numpy_columns
from bpnet.integrations.export.python_content import ModelWriter

NUMBERS = [1.5, 2, 3, "", 7.25, 5]


def separate(*texts: str) -> list[str]:
    return "|".join(texts).split("|")


NUMBER_TEXTS = separate(
    "5|5.0| 5 |1_000|１２|-nan|+nan|nan|NaN| NA ||  |–|1,5|1.500|2.500|1,234|1e400|inf|1e300|5%",
    "$5|(5)|−5|0x10|1e5|1E5|.5|5.|+.5|--5|1 000|1\u00a0000|٣|true|0|1|\u00a05|None|?|1e-320|007",
)
DATE_TEXTS = separate(
    "2024-01-05|20240105|2024-1-5|05.01.2024|5.1.2024|2024-01-05 10:00|2024-01-05T10:00Z|20122024",
    "2024-01-05 10:00+05:00|2024-01-05 24:00|2024-W03-1|31.02.2024|1.2.24|01/05/2024|2024115|  |NA",
    "5 Jan 2024|5 janv. 2024|5. Januar 2024|1st Jan 2024|10:00|2024|2024-01-05T10:00:00.123456789",
    "2024-01-05 10:00:00,5|0001-01-01|9999-12-31|9999-12-31T23:59-10:00|20240105T1000|2024-31-12",
    "2024-01-05 10|2024-01-05T10:00 UTC|20241220|2024q1|10:30 01.02.2024|1:30 pm 5 May 2024| 2024",
)
TEXTS = separate(
    "a|A| a|a\u00a0|b|1|1.0|1.00|+1|1e0|01|1.|2.50|2.5|25e-1|TRUE|true|1.5|yes|Yes|NO|no|NA|nan|",
    "café|cafe\u0301|rare|1e+16|1e16|10000000000000000|0.00001|1e-05|-0|0|007|7|007.0|t|F|on|OFF|y",
    "N|None|null|-|?|１||  ",
)


def number(*cells: object, **options: Any) -> Encoder:
    return fitted(table(a=list(cells)), column_options("numeric", **options))


def dates(form: str, *cells: object) -> Encoder:
    return fitted(table(a=list(cells)), column_options("date", form=form))


def categories(*cells: object, categorical: Any = None) -> Encoder:
    options = column_options("categorical", categorical=categorical or OneHot(rare=1))
    return fitted(table(a=list(cells)), options)


def booleans(*cells: object) -> Encoder:
    return fitted(table(a=list(cells)), column_options("boolean"))


ENCODERS = {
    "numbers": (number(*NUMBERS), NUMBER_TEXTS),
    "waves": (number(*NUMBERS, scaling=Periodic()), NUMBER_TEXTS),
    "numbers with commas": (number("1,5", "2", "3,25", "1.250,5"), NUMBER_TEXTS),
    "bits": (number("1", "0", "0"), NUMBER_TEXTS),
    "numbers without gaps": (number(1, 0, 1.5, missing=Refuse()), NUMBER_TEXTS),
    "ISO": (dates("ISO 8601", "2024-01-05", "2023-02-07"), DATE_TEXTS),
    "zoned": (dates("ISO 8601", "2024-01-05T10:00Z", "2023-02-07 11:00+01:00"), DATE_TEXTS),
    "timed": (dates("ISO 8601", "2024-01-05T10:00", "2023-02-07 11:00"), DATE_TEXTS),
    "days first": (dates("%d.%m.%Y", "05.01.2024", "07.02.2023"), DATE_TEXTS),
    "digits": (dates("%Y%m%d", "20240105", "20230207"), DATE_TEXTS),
    "digits, days first": (dates("%d%m%Y", "20122024", "01022023"), DATE_TEXTS),
    "year and day": (dates("%Y-%d-%m", "2024-05-01", "2023-30-12"), DATE_TEXTS),
    "names": (dates("%d %b %Y", "5 Jan 2024", "7 Feb 2023"), DATE_TEXTS),
    "short years": (dates("%m/%d/%y", "1/5/24", "12/30/70"), DATE_TEXTS),
    "quarters": (dates("%Yq%q", "2024q1", "2023q4"), DATE_TEXTS),
    "hours": (dates("%H:%M %d.%m.%Y", "10:00 01.02.2024", "11:30 05.06.2023"), DATE_TEXTS),
    "zone": (dates("%Y-%m-%dT%H:%M%z", "2024-01-05T10:00+0100", "2023-01-05T10:00Z"), DATE_TEXTS),
    "am, pm": (
        dates("%I:%M %p %d %B %Y", "1:30 pm 5 May 2024", "2:10 am 7 May 2023"),
        DATE_TEXTS,
    ),
    "words": (categories("a", "b", "café", "a"), TEXTS),
    "rare words": (categories("a", "a", "b", "rare", categorical=OneHot(rare=2)), TEXTS),
    "missing": (categories("a", "", "b", "NA"), TEXTS),
    "ordinal numbers": (categories("1", "2.5", "1", "3", categorical=Ordinal()), TEXTS),
    "embedded codes": (categories("007", "1", "12", categorical=Embedded(rare=1)), TEXTS),
    "numbers and words": (categories("1", "a", "2"), TEXTS),
    "yes and no": (categories("yes", "no", "no"), TEXTS),
    "true and 1": (categories("true", "false", "1"), TEXTS),
    "large and small": (categories("10000000000000000", "0.00001", "5"), TEXTS),
    "boolean": (booleans("yes", "no", "no"), TEXTS),
    "boolean with gaps": (booleans("T", "F", ""), TEXTS),
}
OTHER_MARKS = re.compile(r"[^0-9.eE+-]|\.[0-9]{3}$")
"""What is only in texts of numbers that `predict` reads, but a file does not."""


def told(encoder: Encoder) -> Any:
    """Return what an exported file is told of an encoder."""
    writing = ModelWriter(NumberFormat(), {})
    content = writing.encoder(encoder, "float64")
    return numpy_answers.with_arrays(content, writing.arrays)


def predicted_inputs(encoder: Encoder, cell: object) -> list[float] | None:
    """Return the inputs that `predict` makes of a cell, None if it refuses it."""
    try:
        return encoded(encoder, table(a=[cell]))[0][0].tolist()
    except DataError:
        return None


def exported_inputs(content: Any, cell: object) -> list[float] | None:
    """Return the inputs that the exported file makes of a cell, None if it refuses it."""
    try:
        return numpy_columns.encode(content, [{"a": cell}], "float64")[0].tolist()
    except ValueError:
        return None


def check(name: str, content: Any, text: str) -> None:
    encoder = ENCODERS[name][0]
    mine, theirs = exported_inputs(content, text), predicted_inputs(encoder, text)
    if mine is None and encoder.columns[0].kind == "numeric" and OTHER_MARKS.search(text.strip()):
        return
    assert (mine is None, text) == (theirs is None, text)
    if theirs is not None:
        np.testing.assert_allclose(mine, theirs, atol=1e-9, err_msg=repr(text))


@pytest.mark.parametrize("name", ENCODERS)
def test_a_text_has_the_inputs_that_predict_makes(name: str) -> None:
    encoder, texts = ENCODERS[name]
    content = told(encoder)
    for text in texts:
        check(name, content, text)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
def test_any_text_has_the_inputs_that_predict_makes(name: str) -> None:
    content, texts = told(ENCODERS[name][0]), ENCODERS[name][1]
    drawn = st.text("0123456789.,-+eE /:TZWqJanruesyo\u00a0é\u0301", max_size=11)

    @settings(max_examples=400, deadline=None, database=None)
    @given(st.one_of(drawn, st.tuples(st.sampled_from(texts), drawn).map("".join)))
    def every_text(text: str) -> None:
        check(name, content, text)

    every_text()


CELLS = {
    "numbers": [5, 5.5, True, np.float32(2), np.int8(3), None, np.nan, pd.NA, pd.NaT],
    "bits": [True, False, np.True_],
    "days first": [datetime(2024, 1, 5, 10), date(2024, 1, 5), pd.Timestamp(2024, 1, 5), pd.NaT],
    "year and day": [None, float("nan")],
    "timed": [datetime(2024, 1, 5, 10, 30), datetime(2024, 1, 5, tzinfo=UTC), date(2024, 1, 5)],
    "zoned": [
        datetime(2024, 1, 5, tzinfo=UTC),
        datetime(2024, 1, 5, 3, tzinfo=timezone(timedelta(hours=5))),
        datetime(2024, 1, 5),
    ],
    "ordinal numbers": [1, 1.0, 2.5, np.float32(2.5), np.int64(3), 4, None],
    "large and small": [1e16, 10**16, 1e-5, 5.0],
    "true and 1": [True, False, 1, 0.0, np.True_],
    "yes and no": [True, False, 1.0, 0],
    "boolean with gaps": [True, 1.0, 0, None, np.nan, pd.NA],
}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_has_the_inputs_that_a_data_frame_s_has(name: str) -> None:
    content, encoder = told(ENCODERS[name][0]), ENCODERS[name][0]
    for cell in CELLS[name]:
        mine, theirs = exported_inputs(content, cell), predicted_inputs(encoder, cell)
        assert (mine is None, cell) == (theirs is None, cell)
        if theirs is not None:
            np.testing.assert_allclose(mine, theirs, atol=1e-9, err_msg=repr(cell))


@pytest.mark.parametrize(
    ("name", "cell", "problem"),
    [
        ("numbers", "1,5", "row 2 has '1,5': a number has a decimal point and no other marks"),
        ("numbers", 10**400, "too large to convert"),
        ("numbers", [1], "row 2 has [1]: "),
        ("numbers", True, "row 2 has True: a number has a decimal point"),
        ("numbers", datetime(2024, 1, 5), "row 2 has datetime"),
        ("numbers", -np.inf, "row 2 has -inf: it is not a finite number"),
        ("numbers with commas", "1.500", "the point may be between thousands; give a number"),
        ("numbers without gaps", None, "row 2 has a missing value"),
        ("digits", 20240105, "it may be a date, or days since 1970-01-01; give a text or a float"),
        ("digits", 20240105.0, "it is not in the years 1 to 9999"),
        ("days first", True, "it is not a date like 31.12.2024 (%d.%m.%Y)"),
        ("timed", "2024-01-05 10:00Z", "it has a time zone, and the dates of the training"),
        ("zoned", "2024-01-05 10:00", "it has no time zone, as the dates of the training"),
    ],
)
def test_a_refusal_says_what_is_expected(name: str, cell: object, problem: str) -> None:
    content, first = told(ENCODERS[name][0]), 1.0
    with pytest.raises(ValueError, match=re.escape(problem)):
        numpy_columns.encode(content, [{"a": first}, {"a": cell}], "float64")
