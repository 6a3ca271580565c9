"""Dates of a table: one reading for features, splits and folds, and what to do where none fits."""

import re
import shlex
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.config.loading import LoadedConfig, load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.data.encoding.dates import DateColumn
from bpnet.errors import ConfigError, DataError
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.folds import draw_folds
from bpnet.preparation.open import open_dataset
from bpnet.preparation.prepare import prepare
from bpnet.preparation.row_times import TimeRange, time_ranges

DAYS = [date(2024, month, day) for month in range(1, 13) for day in (3, 9)]
"""Dates whose day and month may be swapped."""


def table(folder: Path, cells: Iterable[str], name: str = "t.csv") -> None:
    """Write a table of a column of dates, and two of numbers."""
    rows = [f'"{cell}",{k % 5},{k % 7 + 0.5}\n' for k, cell in enumerate(cells)]
    (folder / name).write_text("day,x,y\n" + "".join(rows), encoding="utf-8")


def loaded(folder: Path, *assignments: str, path: str = "t.csv") -> LoadedConfig:
    text = f"dataset: {{path: '{path}', target: y}}\narchitecture: {{hidden: []}}\n"
    return load_config(apply_overrides(parse_source(text, "c.yaml", folder), assignments))


def prepared(folder: Path, *assignments: str, path: str = "t.csv") -> EncodedDataset:
    return prepare(loaded(folder, *assignments, path=path))


def problem(folder: Path, *assignments: str, path: str = "t.csv") -> str:
    with pytest.raises(DataError) as caught:
        prepared(folder, *assignments, path=path)
    return str(caught.value)


def options_in(text: str) -> list[str]:
    """Return the values of --set that a message advises, as a shell passes them on."""
    return [shlex.split(option)[0] for option in re.findall(r"--set ('[^']*'|[^\s;,]+)", text)]


def date_column(dataset: EncodedDataset, name: str = "day") -> DateColumn:
    (column,) = (column for column in dataset.encoder.columns if column.name == name)
    assert isinstance(column, DateColumn)
    return column


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%d/%m/%y", "%m-%d-%Y", "%d %b %y", "%Y%m%d"])
@pytest.mark.parametrize("used", ["feature", "split"])
def test_rows_are_split_by_the_format_that_the_config_gives(
    form: str, used: str, tmp_path: Path
) -> None:
    table(tmp_path, (day.strftime(form) for day in DAYS))
    dataset = prepared(
        tmp_path,
        "dataset.split={time: day, validation: 4, test: 4}",
        f"dataset.preprocessing.columns.day.format={form}",
        *(["dataset.features=[x]"] if used == "split" else []),
    )
    assert dataset.split.times is not None
    assert time_ranges(dataset.split.times, dataset.parts) == {
        "train": TimeRange("2024-01-03", "2024-08-09"),
        "validation": TimeRange("2024-09-03", "2024-10-09"),
        "test": TimeRange("2024-11-03", "2024-12-09"),
    }
    assert not any("day" in warning for warning in dataset.warnings)
    if used == "feature":
        assert date_column(dataset).format == form


@pytest.mark.parametrize("mark", ["-", "/", "."])
def test_a_split_and_a_feature_have_one_reading(mark: str, tmp_path: Path) -> None:
    """The day 25 is in one row only: it decides for all, whatever part it is in."""
    cells = [day.strftime(f"%m{mark}%d{mark}%Y") for day in DAYS]
    table(tmp_path, [*cells, f"12{mark}25{mark}2024"])
    dataset = prepared(tmp_path, "dataset.split={time: day, validation: 4, test: 4}")
    assert dataset.split.times is not None
    assert dataset.split.times.format == date_column(dataset).format == f"%m{mark}%d{mark}%Y"
    assert time_ranges(dataset.split.times, dataset.parts)["test"].last == "2024-12-25"
    assert not dataset.warnings


def test_folds_over_time_have_the_reading_of_the_split(tmp_path: Path) -> None:
    table(tmp_path, (day.strftime("%m-%d-%y") for day in DAYS))
    opened = open_dataset(
        loaded(
            tmp_path,
            "dataset.split={time: day, validation: 0}",
            "dataset.preprocessing.columns.day.format=%m-%d-%y",
        )
    )
    assert opened.times is not None
    ranges = [time_ranges(opened.times, fold.parts) for fold in draw_folds(opened, 3, 1)]
    assert [(each["train"].last, each["test"].first, each["test"].last) for each in ranges] == [
        ("2024-03-09", "2024-04-03", "2024-06-09"),
        ("2024-06-09", "2024-07-03", "2024-09-09"),
        ("2024-09-09", "2024-10-03", "2024-12-09"),
    ]


@pytest.mark.parametrize(
    "split", ["{time: day}", "{validation: 0, test_rows: [22, 23, 24]}"], ids=["time", "random"]
)
@pytest.mark.parametrize("features", ["[day, x]", "[x]"])
def test_an_ambiguous_order_is_a_warning_whose_advice_ends_it(
    split: str, features: str, tmp_path: Path
) -> None:
    table(tmp_path, (day.strftime("%m-%d-%Y") for day in DAYS))
    given = (f"dataset.split={split}", f"dataset.features={features}")
    dataset = prepared(tmp_path, *given)
    warnings = [warning for warning in dataset.warnings if "column 'day'" in warning]
    if "day" not in features and "time" not in split:
        assert not warnings
        return
    (warning,) = warnings
    assert "day/month/year (%d-%m-%Y), by which '01-03-2024' is 2024-03-01" in warning
    assert "month/day/year (%m-%d-%Y), by which it is 2024-01-03" in warning
    (option,) = options_in(warning)
    assert not any("'day'" in text for text in prepared(tmp_path, *given, option).warnings)


def test_training_rows_that_another_row_contradicts_are_refused_with_the_format(
    tmp_path: Path,
) -> None:
    table(tmp_path, [*(day.strftime("%m-%d-%Y") for day in DAYS), "12-25-2024"])
    split = "dataset.split={validation: 0, test_rows: [25]}"
    text = problem(tmp_path, split)
    assert "t.csv, line 26 (row 25), column 'day': '12-25-2024' is not a date" in text
    (option,) = options_in(text)
    assert option == "dataset.preprocessing.columns.day.format=%m-%d-%Y"
    assert date_column(prepared(tmp_path, split, option)).format == "%m-%d-%Y"


def test_an_order_is_decided_by_all_training_rows_also_of_later_blocks(tmp_path: Path) -> None:
    table(tmp_path, (day.strftime("%d/%m/%Y") for day in DAYS), "a.csv")
    table(tmp_path, ["25/12/2024"] * 9, "b.csv")
    dataset = prepared(tmp_path, path="[ab].csv")
    assert date_column(dataset).format == "%d/%m/%Y"
    assert not dataset.warnings


def test_no_format_that_fits_all_rows_is_refused(tmp_path: Path) -> None:
    table(tmp_path, [*(day.strftime("%d.%m.%Y") for day in DAYS), "2024-12-25"])
    text = problem(tmp_path, "dataset.split.time=day")
    assert "line 26 (row 25), column 'day': '2024-12-25' is not a date like 31.12.2024" in text
    assert "dataset.split.time orders the rows" in text
    table(tmp_path, [*("soon" for _ in DAYS), "later"])
    text = problem(tmp_path, "dataset.split.time=day")
    assert "'soon' is not a date or a number, by which dataset.split.time orders the rows" in text


@pytest.mark.parametrize("form", ["%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%d%m%Y", "%m%d%Y"])
def test_compact_dates_of_any_order_are_noticed(form: str, tmp_path: Path) -> None:
    days = [date(2024, month, day) for month in range(1, 13) for day in (3, 19)]
    table(tmp_path, (f"{day:{form}}" for day in days))
    for setting in ("seed=1", "dataset.split.time=day"):
        note = next(one for one in prepared(tmp_path, setting).warnings if "dates" in one)
        advised = options_in(note)[0].rstrip(")")
        assert date_column(prepared(tmp_path, advised)).format == form


def test_compact_dates_without_their_zeros_are_noticed(tmp_path: Path) -> None:
    table(tmp_path, (f"{day:%m%d%Y}".lstrip("0") for day in DAYS))
    for setting in ("seed=1", "dataset.split.time=day"):
        (note,) = (one for one in prepared(tmp_path, setting).warnings if "dates" in one)
        assert "if they are dates, write them like 2019-12-31" in note


@pytest.mark.parametrize(
    "option", ["dataset.roles.day=date", "dataset.preprocessing.columns.day=date"]
)
def test_compact_dates_are_numbers_unless_the_config_says_otherwise(
    option: str, tmp_path: Path
) -> None:
    table(tmp_path, (f"{day:%Y%m%d}" for day in DAYS))
    dataset = prepared(tmp_path)
    assert "day" in dataset.encoder.inputs
    (note,) = dataset.warnings
    assert "look like dates (20240103)" in note
    (advised,) = options_in(note)
    for setting in (option, advised):
        assert date_column(prepared(tmp_path, setting)).format == "%Y%m%d"
        assert not prepared(tmp_path, setting).warnings


@pytest.mark.parametrize("name", ["order date", "a.b", "x=y", "2"])
def test_the_format_is_advised_for_any_name_of_a_column(name: str, tmp_path: Path) -> None:
    table(tmp_path, (day.strftime("%m-%d-%Y") for day in DAYS))
    file = tmp_path / "t.csv"
    file.write_text(file.read_text().replace("day,", f"{name},", 1))
    (warning,) = prepared(tmp_path).warnings
    (option,) = options_in(warning)
    dataset = prepared(tmp_path, option)
    assert date_column(dataset, name).format == "%m-%d-%Y"
    assert not dataset.warnings


def test_a_column_with_a_format_can_be_left_out(tmp_path: Path) -> None:
    table(tmp_path, (f"{day:%d.%m.%Y}" for day in DAYS))
    given = "dataset.preprocessing.columns.day.format=%d.%m.%Y"
    assert prepared(tmp_path, given, "dataset.roles.day=ignored").encoder.inputs == ["x"]
    text = problem(tmp_path, given, "dataset.features=[x]")
    assert "is set, but 'day' is not a feature here; remove it" in text


@pytest.mark.parametrize("setting", ["dataset.split.time=day", "dataset.roles.day=date"])
def test_an_unusual_format_is_advised_where_dates_are_needed(setting: str, tmp_path: Path) -> None:
    table(tmp_path, (f"{day:%Y-%d-%m}" for day in [*DAYS, date(2025, 1, 25)]))
    # the first two fit year, month and day: the last does not, and decides
    text = problem(tmp_path, setting)
    assert "line 26 (row 25), column 'day': '2025-25-01' is not a date like 2024-12-31" in text
    table(tmp_path, (f"{k % 24}:{k + 10}" for k in range(30)))
    text = problem(tmp_path, setting)
    assert "'0:10' is not a date" in text
    assert options_in(text)[0] == "dataset.preprocessing.columns.day.format=%H:%M"
    assert date_column(prepared(tmp_path, setting, options_in(text)[0])).format == "%H:%M"


def test_the_only_feature_is_a_constant_date(tmp_path: Path) -> None:
    table(tmp_path, ["2024-01-05"] * 30)
    assert "t.csv: no column is left to learn from: 'day' has the same date in every" in problem(
        tmp_path, "dataset.features=[day]"
    )


def test_dates_of_several_formats_are_left_out_with_the_reason(tmp_path: Path) -> None:
    cells = [f"{day:%d.%m.%Y}" if day.month % 2 else day.isoformat() for day in DAYS]
    table(tmp_path, cells)
    (warning,) = prepared(tmp_path).warnings
    assert "'day' (its dates are of several formats, such as '03.01.2024' (%d.%m.%Y)" in warning
    text = problem(tmp_path, "dataset.features=[day, x]")
    assert "is not a date like" in text


@pytest.mark.parametrize(
    ("form", "part"),
    [
        ("%d.%d.%Y", "names %d twice"),
        ("day", "has no directive"),
        ("%E", "has the directive %E"),
        ("%m %B", "has both %m and %B"),
    ],
)
def test_a_bad_format_is_an_error_of_the_config(form: str, part: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"dataset.preprocessing.columns.day={{kind: date, format: '{form}'}}")
    assert "dataset.preprocessing.columns.day.format" in str(caught.value)
    assert part in str(caught.value)


def test_time_zones_of_some_dates_are_noted_once(tmp_path: Path) -> None:
    table(tmp_path, (f"{day}T10:00{'Z' if day.day == 9 else ''}" for day in DAYS))
    dataset = prepared(tmp_path, "dataset.split.time=day")
    (warning,) = dataset.warnings
    assert "column 'day': some of its dates have a time zone and others none" in warning
    assert date_column(dataset).zones == "some"


@settings(max_examples=25)
@given(
    st.lists(st.dates(date(1969, 1, 1), date(2068, 12, 31)), min_size=12, max_size=30, unique=True),
    st.sampled_from(["%d.%m.%y", "%y-%m-%d", "%b %d, %y", "%d%b%y"]),
)
def test_years_of_two_digits_order_the_rows(tmp_path_factory, days: list[date], form: str) -> None:
    folder = tmp_path_factory.mktemp("t")
    table(folder, (day.strftime(form) for day in days))
    opened = open_dataset(
        loaded(
            folder,
            "dataset.split={time: day}",
            f"dataset.preprocessing.columns.day={{kind: date, format: '{form}'}}",
        )
    )
    assert opened.times is not None
    by_time = np.argsort(opened.times.values)
    assert [days[k] for k in by_time] == sorted(days)


@pytest.mark.parametrize(
    ("cells", "last"),
    [
        ([str(2000 + k) for k in range(24)], "2023"),
        ([f"{k // 2 + 1}.{k % 2 * 5}00,5" for k in range(24)], "12500.5"),
        ([str(1_700_000_000 + 86_400 * k) for k in range(24)], "1701987200"),
        ([f"{2000 + k // 4}Q{k % 4 + 1}" for k in range(24)], "2005-10-01"),
        ([f"{1 + k}/5/2019 3:30 PM" for k in range(12)] * 2, "2019-12-05 15:30"),
        ([(date(2019, 1, 1) + timedelta(days=31 * k)).strftime("%B %Y") for k in range(24)],
         "2020-12-01"),
    ],
)  # fmt: skip
def test_numbers_and_dates_of_every_kind_order_the_rows(
    cells: list[str], last: str, tmp_path: Path
) -> None:
    table(tmp_path, cells)
    dataset = prepared(tmp_path, "dataset.split={time: day}", "dataset.features=[x]")
    assert dataset.split.times is not None
    ranges = time_ranges(dataset.split.times, dataset.parts)
    assert ranges["test"].last == last
    assert list(ranges) == ["train", "validation", "test"]


def test_a_row_without_a_time_is_named_unless_it_is_dropped(tmp_path: Path) -> None:
    table(tmp_path, [*map(str, DAYS), "NA"])
    text = problem(tmp_path, "dataset.split.time=day")
    assert "line 26 (row 25), column 'day': is blank, but dataset.split.time needs it" in text
    file = tmp_path / "t.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:-1], "NA,1,"]))
    dataset = prepared(tmp_path, "dataset.split.time=day", "dataset.drop_missing_targets=true")
    assert not dataset.split.used[24]
