"""Dates, times and time zones make the same rows from CSV, JSON, Parquet, Arrow and Excel."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from workbooks import Cell, workbook

from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.data.encoding.dates import DateColumn
from bpnet.errors import DataError
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.prepare import prepare

ROWS = 30
START = datetime(2023, 12, 30, 6, 30, 15)
MOMENTS = [START + timedelta(days=17 * k, minutes=61 * k) for k in range(ROWS)]
DAYS = [moment.date() for moment in MOMENTS]
CLOCKS = [moment.time() for moment in MOMENTS]
INDIA = timezone(timedelta(hours=5, minutes=30))

Values = Sequence[date | time | None]


def with_gaps(values: Values) -> Values:
    return [None if k % 7 == 3 else value for k, value in enumerate(values)]


def prepared(folder: Path, file: str, *settings: str) -> EncodedDataset:
    text = f"dataset: {{path: {file}, target: y}}\narchitecture: {{hidden: []}}\n"
    return prepare(load_config(apply_overrides(parse_source(text, "c.yaml", folder), settings)))


def write_text(folder: Path, values: Values) -> None:
    """Write the values as Python writes them in ISO, to CSV, JSON lines and JSON."""
    texts = [None if value is None else value.isoformat() for value in values]
    rows = [{"d": text, "y": k + 0.5} for k, text in enumerate(texts)]
    lines = [f"{row['d'] or ''},{row['y']}" for row in rows]
    (folder / "t.csv").write_text("\n".join(["d,y", *lines]))
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "t.json").write_text(json.dumps(rows))


def write_arrow(folder: Path, values: Values, kind: pa.DataType) -> None:
    table = pa.table({"d": pa.array(values, kind), "y": np.arange(len(values)) + 0.5})
    pa.parquet.write_table(table, folder / "t.parquet")
    pa.feather.write_feather(table, folder / "t.feather")


def assert_equal_rows(folder: Path, files: Sequence[str], *settings: str) -> EncodedDataset:
    """Assert that the files have the encoded rows and the parts of the CSV, and return its own."""
    expected = prepared(folder, "t.csv", *settings)
    assert [type(column) for column in expected.encoder.columns] == [DateColumn]
    for file in files:
        dataset = prepared(folder, file, *settings)
        assert dataset.encoder == expected.encoder, file
        for part, rows in expected.rows.items():
            np.testing.assert_array_equal(dataset.rows[part].x, rows.x, file)
            np.testing.assert_array_equal(dataset.parts[part], expected.parts[part], file)
    return expected


TYPED = (
    ("days", DAYS, pa.date32()),
    ("days in milliseconds", DAYS, pa.date64()),
    ("seconds", MOMENTS, pa.timestamp("s")),
    ("microseconds", [m + timedelta(microseconds=250_000) for m in MOMENTS], pa.timestamp("us")),
    ("nanoseconds", MOMENTS, pa.timestamp("ns")),
    ("UTC", [m.replace(tzinfo=UTC) for m in MOMENTS], pa.timestamp("us", "UTC")),
    ("a zone", [m.replace(tzinfo=INDIA) for m in MOMENTS], pa.timestamp("ms", "Asia/Kolkata")),
)


@pytest.mark.parametrize("gaps", [False, True], ids=["full", "gaps"])
@pytest.mark.parametrize(("name", "values", "kind"), TYPED, ids=[name for name, *_ in TYPED])
@pytest.mark.parametrize("split", ["{seed: 1}", "{time: d}"], ids=["random", "time"])
def test_typed_dates_are_the_rows_of_their_texts(
    name: str, values: Values, kind: pa.DataType, split: str, gaps: bool, tmp_path: Path
) -> None:
    if gaps and "time" in split:
        split = "{seed: 2}"  # a split by time needs all of them
    values = with_gaps(values) if gaps else values
    write_text(tmp_path, values)
    write_arrow(tmp_path, values, kind)
    dataset = assert_equal_rows(
        tmp_path, ["t.jsonl", "t.json", "t.parquet", "t.feather"], f"dataset.split={split}"
    )
    (column,) = dataset.encoder.columns
    assert isinstance(column, DateColumn)
    expected = None if kind in (pa.date32(), pa.date64()) else "all" if kind.tz else "none"
    assert column.zones == expected, name


def test_times_of_day_are_the_rows_of_their_texts(tmp_path: Path) -> None:
    write_text(tmp_path, CLOCKS)
    write_arrow(tmp_path, CLOCKS, pa.time64("us"))
    dataset = assert_equal_rows(
        tmp_path,
        ["t.jsonl", "t.json", "t.parquet", "t.feather"],
        "dataset.preprocessing.columns.d.format=%H:%M:%S",
    )
    assert dataset.encoder.inputs == ["d elapsed", "d hour sin", "d hour cos"]


@pytest.mark.parametrize("values", [DAYS, MOMENTS], ids=["days", "moments"])
def test_dates_of_a_workbook_are_the_rows_of_their_texts(values: Values, tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    write_text(tmp_path, values)
    cells: list[list[Cell]] = [["d", "y"], *([v, k + 0.5] for k, v in enumerate(values))]  # type: ignore[list-item]
    (tmp_path / "t.xlsx").write_bytes(workbook({"Sheet1": cells}))
    assert_equal_rows(tmp_path, ["t.xlsx"])


def test_whole_numbers_are_compact_dates_from_any_file(tmp_path: Path) -> None:
    numbers = [int(f"{day:%Y%m%d}") for day in DAYS]
    rows = [{"d": number, "y": k + 0.5} for k, number in enumerate(numbers)]
    lines = [f"{row['d']},{row['y']}" for row in rows]
    (tmp_path / "t.csv").write_text("\n".join(["d,y", *lines]))
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    table = pa.table({"d": numbers, "y": np.arange(ROWS) + 0.5})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    assert_equal_rows(
        tmp_path,
        ["t.jsonl", "t.parquet"],
        "dataset.preprocessing.columns.d.format=%Y%m%d",
        "dataset.split.time=d",
    )


@pytest.mark.parametrize("moment", [-(2**50), 2**50])
def test_a_moment_beyond_the_calendar_is_refused(moment: int, tmp_path: Path) -> None:
    values = [*(int(m.timestamp()) for m in MOMENTS), moment]
    table = pa.table({"d": pa.array(values, pa.timestamp("s")), "y": np.arange(ROWS + 1) + 0.5})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, "t.parquet")
    assert f"t.parquet, row {ROWS + 1}, column 'd': '<value out of range: " in str(caught.value)
