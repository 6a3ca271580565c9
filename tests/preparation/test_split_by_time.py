"""Columns that advance with the time by which the rows are split."""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.data.splitting.advancing import advances_with_time, counts_time
from bpnet.errors import ConfigError, DataError
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.open import open_dataset
from bpnet.preparation.prepare import prepare

TIME = "dataset.split={time: day, validation: 0.1, test: 0.1}"


def prepared(folder: Path, columns: dict[str, list[object]], *assignments: str) -> EncodedDataset:
    """Encode a table of these columns and a target, split by `day`; the file is shuffled."""
    rows = len(next(iter(columns.values())))
    cells = [*zip(*columns.values(), (k % 7 + 0.5 for k in range(rows)), strict=True)]
    order = np.random.default_rng(0).permutation(rows)
    lines = [",".join(map(str, cells[k])) for k in order]
    (folder / "t.csv").write_text("\n".join([",".join([*columns, "y"]), *lines]) + "\n")
    source = parse_source("dataset: {path: t.csv, target: y}\ntask: regression\n", "c.yaml", folder)
    return prepare(load_config(apply_overrides(source, (TIME, *assignments))))


def days(count: int, step: float = 1, first: date = date(2021, 3, 1)) -> list[object]:
    start = datetime(first.year, first.month, first.day)
    return [str(start + timedelta(days=step * k)) for k in range(count)]


def noise(count: int) -> list[object]:
    return [k * 7919 % 101 / 4 for k in range(count)]


def inputs(folder: Path, columns: dict[str, list[object]], *assignments: str) -> list[str]:
    return prepared(folder, columns, *assignments).encoder.inputs


def waves(*cycles: str) -> list[str]:
    return [f"day {cycle} {wave}" for cycle in cycles for wave in ("sin", "cos")]


# Dates


def test_the_days_elapsed_are_left_out_and_the_year_is_a_cycle(tmp_path):
    columns = {"day": days(500, 1.25), "x": noise(500)}
    assert inputs(tmp_path, columns) == [*waves("day_of_year", "weekday", "hour"), "x"]


def test_without_a_split_by_time_nothing_changes(tmp_path):
    columns = {"day": days(500, 1.25), "x": noise(500)}
    before = ["day elapsed", *waves("month", "weekday", "hour"), "x"]
    assert inputs(tmp_path, columns, "dataset.split={validation: 50, test: 50}") == before
    assert inputs(tmp_path, columns, "dataset.preprocessing.columns.day.trend=true") == before


def test_a_cycle_of_which_less_than_half_is_known_is_left_out(tmp_path):
    half, less = (
        {"day": days(count, first=date(2021, 1, 4)), "x": noise(count)} for count in (250, 200)
    )
    assert inputs(tmp_path, half) == [*waves("day_of_year", "weekday"), "x"]
    assert inputs(tmp_path, less) == [*waves("weekday"), "x"]


def test_cycles_and_trend_are_what_the_config_says(tmp_path):
    columns = {"day": days(90, first=date(2021, 1, 4)), "x": noise(90)}
    options = "dataset.preprocessing.columns.day={cycles: [month, day_of_year], trend: false}"
    assert inputs(tmp_path, columns, options) == [*waves("month", "day_of_year"), "x"]
    everywhere = "dataset.split={validation: 9, test: 9}"
    assert inputs(tmp_path, columns, options, everywhere) == [*waves("month", "day_of_year"), "x"]
    for wrong, problem in (
        ("{kind: date, cycles: [month, month]}", "names a cycle twice"),
        ("{kind: date, cycles: [], trend: false}", "leaves no input"),
        ("{kind: date, cycles: [minute]}", "day_of_year, month, weekday or hour"),
        ("{kind: date, trend: maybe}", "auto"),
    ):
        with pytest.raises(ConfigError, match=problem):
            prepared(tmp_path, columns, f"dataset.preprocessing.columns.day={wrong}")


def test_a_date_that_does_not_advance_keeps_its_trend(tmp_path):
    born = [str(date(1950, 1, 1) + timedelta(days=k * 7919 % 20_000)) for k in range(400)]
    names = inputs(tmp_path, {"day": days(400), "born": born})
    assert "born elapsed" in names
    assert "born month sin" in names
    assert "day elapsed" not in names


def test_a_date_that_follows_the_time_loses_its_trend_too(tmp_path):
    sent = [f"{day:%Y-%m-%d}" for k in range(400) for day in [date(2021, 3, 1 + k % 5)]]
    late = days(400, first=date(2021, 3, 4))
    names = inputs(tmp_path, {"day": days(400), "late": late, "sent": sent})
    assert "late elapsed" not in names
    assert "late day_of_year sin" in names
    assert "sent elapsed" in names


def test_the_only_feature_stays_as_it_was(tmp_path):
    assert inputs(tmp_path, {"day": days(400)})[0] == "day elapsed"


def test_dates_of_which_nothing_is_left_are_an_error_with_a_way_out(tmp_path):
    columns = {"day": days(30, 7), "end": days(30, 7, first=date(2021, 3, 8))}
    with pytest.raises(DataError, match=r"columns\.day\.trend=true") as caught:
        prepared(tmp_path, columns)
    assert "no column is left to learn from" in str(caught.value)
    option = "dataset.preprocessing.columns.day.trend=true"
    assert inputs(tmp_path, columns, option)[0] == "day elapsed"


def test_later_dates_are_flagged_only_where_they_extrapolate(tmp_path):
    columns = {"day": days(400, first=date(2019, 1, 1)), "x": noise(400)}
    for options, flagged in (
        ((), 0),
        (("dataset.preprocessing.columns.day.trend=true",), 1),
    ):
        dataset = prepared(tmp_path, columns, *options)
        (tmp_path / "new.csv").write_text("day,x,y\n2031-05-05,12,0.5\n")
        source = parse_source("dataset: {path: new.csv, target: y}\n", "n.yaml", tmp_path)
        table = open_dataset(load_config(source)).table
        (chunk,) = table.chunks(dataset.encoder.column_types)
        x, flags = dataset.encoder.encode(chunk, "float32")
        assert flags.flagged() == flagged
        assert np.abs(x).max() <= (2 if not flagged else 1e3)


# Numbers


def test_numbers_that_count_the_time_are_left_out_with_a_warning(tmp_path):
    year = [2015 + k // 60 for k in range(500)]
    columns = {"day": days(500, 6), "year": year, "left": [900 - k for k in range(500)]}
    dataset = prepared(tmp_path, {**columns, "x": noise(500)})
    assert dataset.encoder.features == ["day", "x"]
    (warning,) = (one for one in dataset.warnings if "left out" in one)
    assert "'year', 'left' (each counts the time of the split" in warning
    assert "--set dataset.roles.year=numeric" in warning
    kept = prepared(tmp_path, {**columns, "x": noise(500)}, "dataset.roles.year=numeric")
    assert kept.encoder.features == ["day", "year", "x"]
    named = "dataset.features=[year, left]"
    assert prepared(tmp_path, columns, named).encoder.features == ["year", "left"]
    everywhere = "dataset.split={validation: 50, test: 50}"
    assert "year" in prepared(tmp_path, columns, everywhere).encoder.features


def test_the_time_itself_is_left_out_if_it_is_a_number(tmp_path):
    columns = {"day": [3.5 * k for k in range(90)], "x": noise(90)}
    assert prepared(tmp_path, columns).encoder.features == ["x"]
    assert prepared(tmp_path, {"day": columns["day"]}).encoder.features == ["day"]


def test_months_over_years_and_states_are_no_clocks(tmp_path):
    columns = {
        "day": days(500, 3),
        "month": [int(str(day)[5:7]) for day in days(500, 3)],
        "new_rule": [int(k > 350) for k in range(500)],
        "price": [k / 3 + x for k, x in enumerate(noise(500))],
    }
    assert prepared(tmp_path, columns).encoder.features == ["day", "month", "new_rule", "price"]


@given(
    arrays.arrays(float, st.integers(1, 60), elements=st.integers(0, 9).map(float)),
    st.randoms(use_true_random=False),
)
def test_whether_a_column_is_a_clock_does_not_depend_on_the_order_of_the_rows(values, random):
    times = np.sort(values) * 0.5
    order = list(range(len(values)))
    random.shuffle(order)
    for test in (advances_with_time, counts_time):
        assert test(values, times) == test(values[order], times[order])
        assert test(values, times) == test(-values, times)
    clock = len(values) >= 20 and len(set(values)) >= 3
    assert counts_time(np.sort(values), times) == clock


def test_clocks_by_hand():
    times = np.arange(100.0)
    assert counts_time(times**2, times)
    assert counts_time(-np.floor(times / 5), times)
    assert not counts_time(np.floor(times / 50), times)  # two values
    assert not counts_time(times % 50, times)
    assert not counts_time(np.where(times < 90, times, 0), times)
    assert not counts_time(times[:19], times[:19])
    assert advances_with_time(times + 5 * np.sin(times), times)
    assert not counts_time(times + 5 * np.sin(times), times)
    assert not advances_with_time(times, np.zeros(100))
    assert not advances_with_time(np.full(100, np.nan), times)
    assert counts_time(np.where(times % 3 == 0, np.nan, times), times)
