"""Roles: the one detected for a column, the reason to ignore it, and the one the user sets."""

import numpy as np
import pytest

from bpnet.data.cell_kinds import looks_like_classes
from bpnet.data.dates.date_format import ISO
from bpnet.data.identifiers import is_time, names_rows
from bpnet.data.numbers.detection import TableNumberFormat
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.column import Column, column_from_texts
from bpnet.data.roles import DetectedRole, detect_role


def found(
    cells: list[str], name: str = "x", given=None, *, named: bool = False, rows=None
) -> DetectedRole:
    mask = np.ones(len(cells), bool) if rows is None else np.asarray(rows)
    return detect_role(name, column_from_texts(cells, NumberFormat()), mask, given, named=named)


IDS = [str(100 + 37 * k) for k in range(40)]
TEXTS = [f"note number {k} of a long text" for k in range(30)]
NAMES = [f"customer-{k}" for k in range(30)]


@pytest.mark.parametrize(
    ("cells", "role"),
    [
        (["1", "2.5", "-3e4"], "numeric"),
        (["1", "", "3"], "numeric"),
        (["1", "NA", "?", "n/a", "null", "3"], "numeric"),
        (["007", "010", "007"], "categorical"),  # codes
        (["02134", "94103", "", "NA"], "categorical"),
        (["0", "10", "0"], "numeric"),
        (["0.5", "00.5", "2"], "numeric"),
        (["-007", "010"], "numeric"),
        ([*IDS, "two"], "numeric"),  # the one word is then found and named
        (["1", "two", "3"], "categorical"),
        (["red", "green", "red"], "categorical"),
        (["red", "NA", ""], "categorical"),
        (["NA", "none"], "categorical"),
        (["0", "1", "1"], "numeric"),
        (["yes", "no", ""], "boolean"),
        (["Yes", "no", "YES"], "boolean"),
        (["true", "true"], "boolean"),
        (["T", "F"], "boolean"),
        (["on", "off"], "boolean"),
        (["yes", "no", "maybe"], "categorical"),
        (["yes", "false"], "categorical"),
        (["", "", ""], "ignored"),
    ],
)
def test_what_a_column_is(cells, role):
    assert found(cells).role == role


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["2020-02-29", "1969-12-31"], ISO),
        (["2020-02-29 12:30", "2020-02-29T12:30:15.5"], ISO),
        (["2020-02-29T12:30:00Z", "2020-02-29T12:30:00+02:00"], ISO),
        (["29.02.2020", "1.1.1970"], "%d.%m.%Y"),
        (["29.02.2020 12:30", "01.03.2020 00:00"], "%d.%m.%Y %H:%M"),
        (["29.02.2020 12:30:01"], "%d.%m.%Y %H:%M:%S"),
        (["2020/02/29"], "%Y/%m/%d"),
        (["2020/02/29 01:02", "2020/02/28 01:02"], "%Y/%m/%d %H:%M"),
        (["2/29/2020", "12/31/2020"], "%m/%d/%Y"),
        (["02/29/2020 5:30"], "%m/%d/%Y %H:%M"),
        (["29/2/2020", "1/2/2020"], "%d/%m/%Y"),
        (["29/02/2020 23:59:59"], "%d/%m/%Y %H:%M:%S"),
        (["29-02-2020"], "%d-%m-%Y"),
        (["29 Feb 2020", "1 Jan 2020"], "%d %b %Y"),
        (["Feb 29, 2020"], "%b %d, %Y"),
    ],
)
def test_dates_of_every_format(cells, form):
    finding = found([*cells, ""])
    assert (finding.role, finding.date_format, finding.note) == ("date", form, None)


@pytest.mark.parametrize(
    "cells", [["2021-02-30"], ["20200229"], ["12:30"], ["2020"], ["32.01.2020"], ["2020-13"]]
)
def test_what_is_no_date(cells):
    assert found(cells).role != "date"


def test_dates_that_fit_two_orders_are_read_as_month_first_with_a_note():
    finding = found(["1/2/2020", "3/4/2021", "12/12/2020"])
    assert finding.date_format == "%m/%d/%Y"
    assert finding.note is not None
    assert "'1/2/2020' is 2020-01-02" in finding.note
    assert (
        "each would also fit day/month/year (%d/%m/%Y), by which it is 2020-02-01" in finding.note
    )
    assert "--set dataset.preprocessing.columns.x.format=%d/%m/%Y" in finding.note
    assert found(["1/2/2020", "3/14/2021"]).note is None


def test_a_few_bad_cells_among_many_dates_are_left_to_be_named():
    days = [f"2020-01-{day:02}" for day in range(1, 31)]
    assert found([*days, "2021-02-30"]).role == "date"
    assert found([*days[:5], "soon", "later", "never"]).role == "categorical"


@pytest.mark.parametrize(
    "name",
    [
        *("id", "ID", "customer_id", "Row", "index", "userId", "UserID", "Unnamed: 0", "uuid"),
        *("student", "Subject", "idno", "pid", "seqn", "obs_number", "id_nr"),
    ],
)
def test_an_id_is_left_out_unless_it_is_named(name):
    finding = found(IDS, name)
    assert (finding.role, finding.reason) == (
        "ignored",
        "it looks like an ID: a different whole number in every row",
    )
    assert found(IDS, name, named=True).role == "numeric"
    assert found([*IDS[:-1], IDS[0]], name).role == "numeric"  # one stands twice
    assert found(IDS[:4], name).role == "numeric"  # too few to say


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["4", "5", "11", "16", "23"], "it names the rows: another whole number in each"),
        (["1", "2", "3"], "it counts the rows: a whole number of its own in each, 1 to 3"),
        (["Mazda RX4", "Datsun 710"], "it names the rows: another text in each"),
        (["4", "5", "4"], None),
        (["4", "5", ""], None),
        (["0.5", "1.5", "7"], None),
        (["red", "blue", "red"], None),
    ],
)
def test_names_of_rows_are_left_out(cells, reason):
    column, every = column_from_texts(cells, NumberFormat()), np.ones(len(cells), bool)

    def role(name: str, columns: list[str], *, named: bool = False) -> DetectedRole:
        is_named = names_rows(name, columns)
        return detect_role(name, column, every, None, named=named, names_rows=is_named)

    assert role("column_1", ["column_1", "x"]).reason == reason
    assert (role("Unnamed: 0", ["x", "Unnamed: 0"]).reason is None) == (reason is None)
    assert role("rownames", ["rownames", "x"]).reason == reason
    # the only one, one of which none has a name, one by another name, one that is named
    assert role("column_1", ["column_1"]).reason is None
    assert role("column_1", ["column_1", "column_2"]).reason is None
    assert role("x", ["x", "column_2"]).reason is None
    assert role("column_1", ["column_1", "x"], named=True).reason is None


def test_an_id_may_have_letters():
    finding = found([*IDS, "15A", "65A"], "ID")
    reason = "it looks like an ID or a name: 42 different texts in 42 rows"
    assert (finding.role, finding.reason) == ("ignored", reason)
    finding = found([*IDS, "136A"] * 2, "family")
    assert finding.role == "categorical"
    assert finding.note == "besides numbers it holds '136A', so it is read as categories"
    assert found([*IDS, "136A"] * 2, "width").role == "numeric"  # the word is then named


@pytest.mark.parametrize(
    ("name", "values", "time"),
    [
        ("time", np.arange(40) // 2 / 12, True),
        ("Month", np.arange(40)[::-1], True),
        ("birth_year", 1950 + np.arange(40) * 7 % 30, True),
        ("yr", 70 + np.arange(40) * 7 % 29, True),
        ("years", 70 + np.arange(40) * 7 % 29, False),
        ("year", 5 + np.arange(40) * 7 % 30, False),  # in no order, and no years
        ("time", np.arange(40) * 7 % 30 / 8, False),
        ("distance", np.arange(40.0), False),
        ("year", np.arange(40) // 20, False),  # two of them
        ("year", np.arange(10.0), False),  # too few to say
    ],
)
def test_what_seems_to_be_the_time_of_the_rows(name, values, time):
    assert is_time(name, values) is time


def test_an_id_is_an_id_where_the_fast_reader_read_it():
    column = Column(NumberFormat(), numbers=np.arange(100.0, 2000, 37))
    assert detect_role("id", column, np.ones(52, bool), None, named=False).role == "ignored"
    assert detect_role("x", column, np.ones(52, bool), None, named=False).role == "numeric"
    gaps = Column(NumberFormat(), numbers=np.full(40, np.nan))
    assert detect_role("x", gaps, np.ones(40, bool), None, named=False).role == "ignored"


@pytest.mark.parametrize(
    "name",
    ["humid", "paid", "PAID", "arid", "grid", "rainbow", "KID", "Keyboard", "heat_index", "x"],
)
def test_a_name_that_merely_ends_so_is_none(name):
    assert found(IDS, name).role == "numeric"


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (TEXTS, "it looks like free text"),
        (NAMES, "it looks like an ID or a name: 30 different texts in 30 rows"),
        (["", "", ""], "it is blank in every training row"),
    ],
)
def test_why_a_column_is_left_out(cells, reason):
    assert (found(cells).role, found(cells).reason) == ("ignored", reason)


def test_named_text_is_kept():
    assert found(TEXTS, named=True).role == "categorical"
    assert found(NAMES[:19]).role == "categorical"


def test_only_the_training_rows_count():
    assert found(["1", "2", "red"], rows=[True, True, False]).role == "numeric"
    assert found(["", "2"], rows=[True, False]).role == "ignored"
    assert found([*NAMES, *["a"] * 99], rows=[True] * 30 + [False] * 99).role == "ignored"


@pytest.mark.parametrize("given", ["numeric", "categorical", "boolean", "ignored"])
def test_the_user_says_otherwise(given):
    finding = found(["1", "2", "3"], given=given)
    assert finding.role == given
    assert finding.reason == ("as dataset.roles says" if given == "ignored" else None)


def test_a_date_that_the_user_says_has_the_likeliest_format():
    assert found(["29.02.2020", "soon", "x"], given="date").date_format == "%d.%m.%Y"
    assert found(["soon"], given="date").date_format == ISO
    assert found(["29.02.2020"], given="date").date_format == "%d.%m.%Y"


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["a", "b", "a"], True),
        (["0", "1", "1"], True),
        (["1.0", "2.0"], True),
        (["1e0", "2"], True),
        ([f"{k}.0" for k in range(20)] + [str(k) for k in range(20)], True),
        ([str(2**60), str(2**60 + 1)], True),
        ([str(k) for k in range(20)] * 2, True),
        ([str(k) for k in range(21)] * 20, False),
        ([str(k) for k in range(20)], False),  # each in one row
        (["109", "65", "22", "3", "1"], False),  # a count
        (["40", "45", "50"] * 9, False),  # with gaps, and fewer than 10 rows of each
        (["40", "45", "50"] * 10, True),
        (["-1", "0", "1"] * 2, True),  # codes
        (["1", "2", "3", "4"] * 2, True),
        (["1", "2", "4", "5"] * 2, False),
        (["2", "3", "4", "5"] * 2, False),
        (["3", "7", "7"], True),  # of two
        (["0.5", "1.5"], False),
        (["1", "1.5"], False),
        (["1", "two", "3"], True),
        (["0.5", "", "1.5"], False),  # the gap is then named as a cell that is no number
        ([*(f"{k}.5" for k in range(50)), "N/A"], False),
        ([*(f"{k}.5" for k in range(50)), "oops"], False),  # and so is the one word among numbers
        ([*(f"{k}.5" for k in range(50)), "nan"], False),
    ],
)
def test_whether_a_target_is_classes(cells, classes):
    assert looks_like_classes(column_from_texts(cells, NumberFormat())) is classes


@pytest.mark.parametrize("cells", [["1,410", "610"], ["2.0%", "3.0%"], ["$1", "$2"], ["1.5%", "2"]])
def test_amounts_are_quantities_however_few_there_are(cells):
    column, _ = column_from_texts(cells, TableNumberFormat()).in_own_format()
    assert not looks_like_classes(column)


def test_none_is_a_word_beside_yes():
    def role(cells: list[str]) -> str:
        return detect_role(
            "b",
            column_from_texts(cells, NumberFormat()),
            np.ones(len(cells), bool),
            None,
            named=False,
        ).role

    assert role(["none", "yes"] * 20) == "categorical"
    assert role(["no", "yes"] * 20) == "boolean"
    assert role(["no", "yes", "NA"] * 20) == "boolean"


COUNTERS = {
    "from 0": list(range(40)),
    "from 1": list(range(1, 41)),
    "down": list(range(40, 0, -1)),
    "floats": [f"{k}.0" for k in range(40)],
    "with leading zeros": [f"{k:04}" for k in range(40)],
    "rows dropped": [k for k in range(55) if k % 4],
    "shuffled": [(k * 17) % 61 for k in range(61)],
    "shuffled, rows dropped": [(k * 37) % 101 for k in range(101) if k % 4],
}
NO_COUNTERS = {
    "one twice": [*range(39), 38],
    "a gap": [*range(39), ""],
    "every tenth": list(range(0, 400, 10)),
    "fractions": [k / 2 for k in range(40)],
    "repeated": [k // 2 for k in range(40)],
    "few rows": list(range(19)),
    "whole and far apart": [k * k for k in range(40)],
    "distinct by chance": [3, 17, 28, 9, 1, 22, 14, 30, 5, 11, 25, 7, 19, 2, 27, 13, 21, 6, 16, 10],
}


@pytest.mark.parametrize("name", ["x", "Unnamed: 0", "column_1", "amount"])
@pytest.mark.parametrize("kind", COUNTERS)
def test_a_column_that_counts_the_rows_is_left_out_under_any_name(kind, name):
    cells = list(map(str, COUNTERS[kind]))
    finding = found(cells, name)
    numbers = sorted(int(float(cell)) for cell in cells)
    if finding.reason != "it looks like an ID: a different whole number in every row":
        assert (finding.role, finding.reason) == (
            "ignored",
            f"it counts the rows: a whole number of its own in each, {numbers[0]} to {numbers[-1]}",
        )
    assert found(cells, name, named=True).role == (
        "categorical" if kind == "with leading zeros" else "numeric"
    )
    assert found(cells, name, "numeric").role == "numeric"


@pytest.mark.parametrize("kind", NO_COUNTERS)
def test_a_column_that_does_not_count_the_rows_is_a_feature(kind):
    assert found(list(map(str, NO_COUNTERS[kind]))).role == "numeric"


def test_a_counter_without_a_name_begins_anywhere():
    numbers = list(map(str, range(1001, 1041)))
    assert [found(numbers, name).role for name in ("Unnamed: 0", "column_1", "row")] == [
        "ignored"
    ] * 3
    dropped = [str(k) for k in range(4, 70) if k % 4]
    assert found(dropped, "x").role == "ignored"


@pytest.mark.parametrize("first", [2, 20, 1950, -7])
def test_numbers_that_rise_by_1_from_elsewhere_are_a_feature_with_a_note(first):
    numbers = [str(first + k) for k in range(40)]
    finding = found(numbers, "age")
    assert finding.role == "numeric"
    assert f"it is {first} in the first row" in (finding.note or "")
    assert "--set dataset.roles.age=ignored" in (finding.note or "")
    assert found(numbers[::-1], "age").note is None


def test_categories_that_differ_only_in_case_are_noted():
    finding = found(["FR", "fr", "DE"] * 9)
    assert finding.role == "categorical"
    assert finding.note == (
        "'FR' and 'fr' differ only in case, and are two values; "
        "if they mean the same, write them alike in the table"
    )
    assert found(["FR", "fr", "DE"] * 9, given="categorical").note == finding.note
    assert found(["FR", "DE"]).note is None
    assert found(["Yes", "yes", "no"]).note is None  # a boolean


@pytest.mark.parametrize(
    ("cells", "unit"),
    [
        (["57 kg", "61.5 kg", "70 kg"], "kg"),
        (["1,570m", "-3m", "12m"], "m"),
        (["10 km/h", "30 km/h", "50 km/h"], "km/h"),
        (["20°C", "21.5 °C", "-3°C"], "°C"),
        (["12 m²", "30 m²", "7 m²"], "m²"),
    ],
)
def test_numbers_with_a_unit_are_noted_as_categories_and_as_an_id(cells, unit):
    note = (
        f"its cells are numbers followed by '{unit}', such as '{cells[0]}'; "
        f"if they are amounts, remove '{unit}' in the table"
    )
    assert found([*cells, "NA"] * 5) == DetectedRole(
        "categorical", note=note, number_format=found(cells * 5).number_format
    )
    finding = found([f"{k * k}{cells[0].lstrip('-0123456789.,')}" for k in range(30)])
    assert finding.role == "ignored"
    assert f"followed by '{unit}'" in (finding.reason or "")
    assert found(cells * 5, given="categorical").note is None


@pytest.mark.parametrize(
    "cells",
    [
        ["12A", "13B", "14A"],
        ["1st", "2nd", "3rd"],
        ["500 ml", "330 ml"],
        ["5 %", "6 %", "7 %"],
        ["5 €", "6 €", "7 €"],
        ["57 kg", "large", "61 kg"],
        ["A1", "A2", "A3"],
        ["2 rooms, 1 bath", "3 rooms, 1 bath", "4 rooms, 1 bath"],
    ],
)
def test_other_texts_with_numbers_have_no_note_of_a_unit(cells):
    finding = found(cells * 5)
    assert "followed by" not in f"{finding.note}{finding.reason}"


@pytest.mark.parametrize("words", [["True", "False", "1", "0"], ["TRUE", "false"], ["true", "1.0"]])
def test_true_and_1_in_one_column_are_a_boolean(words):
    assert found(words).role == "boolean"


def test_codes_with_leading_zeros_are_categories_or_an_id() -> None:
    few = found(["02134", "94103"] * 20, name="zip")
    assert few.role == "categorical"
    assert few.note is not None
    assert "--set dataset.roles.zip=numeric" in few.note
    assert "'02134'" in few.note
    assert found(["02134", "94103"] * 20, given="categorical").note is None
    many = found([f"{k * k:05}" for k in range(40)], name="number")
    assert many.role == "ignored"
    assert "40 different ones in 40 rows" in (many.reason or "")
