"""metrics.csv: exact round trips, what is on disk when, and disks that are full."""

import csv
import functools
import math
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.errors import RunError
from bpnet.runs import log
from bpnet.runs.log import MetricsLog, Number

COLUMNS = ["epoch", "loss", "val_loss"]


# Metrics


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(), st.floats(), st.none() | st.floats(width=32))))
def test_numbers_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, float, float | None]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "metrics.csv"
    with MetricsLog(path, COLUMNS) as metrics:
        for row in rows:
            metrics.append(dict(zip(COLUMNS, row, strict=True)))
    with open(path, newline="") as file:
        header, *lines = csv.reader(file)
    assert header == COLUMNS
    back = [(int(epoch), float(loss), float(other) if other else None) for epoch, loss, other in lines]
    assert list(map(repr, back)) == list(map(repr, rows))


def test_what_a_row_looks_like(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    rows: list[tuple[Number, Number, Number | None]] = [
        (1, 0.1, None),
        (np.int64(2), np.float64(0.1), np.float32(0.1)),
        (3, math.nan, -math.inf),
        (4, 1e-7, np.float32("nan")),
    ]
    with MetricsLog(path, COLUMNS) as metrics:
        for epoch, loss, other in rows:
            metrics.append({"val_loss": other, "epoch": epoch, "loss": loss})
    assert path.read_bytes() == (b"epoch,loss,val_loss\n1,0.1,\n2,0.1,0.10000000149011612\n3,nan,-inf\n4,1e-07,nan\n")


def test_rows_reach_the_disk_within_a_second_and_on_leaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(log.time, "monotonic", lambda: now)
    path = tmp_path / "metrics.csv"

    def on_disk() -> int:
        return len(path.read_text().splitlines())

    with MetricsLog(path, ["epoch"]) as metrics:
        assert on_disk() == 1  # the header, at once
        for second, lines in [(100.5, 1), (101.0, 3), (101.9, 3), (102.1, 5), (103.0, 5)]:
            now = second
            metrics.append({"epoch": 1})
            assert on_disk() == lines
    assert on_disk() == 6


def test_an_interrupted_log_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    metrics = MetricsLog(path, ["epoch"])

    def interrupted() -> None:
        with metrics:
            metrics.append({"epoch": 1})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "epoch\n1\n"


def test_five_thousand_rows_are_fast(tmp_path: Path) -> None:
    columns = [f"column_{number}" for number in range(9)]
    record: dict[str, Number | None] = dict.fromkeys(columns, 1 / 3) | {"column_0": 7, "column_8": np.float32(0.3)}
    best = math.inf
    for _ in range(3):
        start = time.perf_counter()
        with MetricsLog(tmp_path / "metrics.csv", columns) as metrics:
            for _ in range(5000):
                metrics.append(record)
        best = min(best, time.perf_counter() - start)
    assert best < 0.06 * 3  # thrice the goal: test machines are busy


@pytest.mark.parametrize("record", [{"epoch": 1, "loss": 0.5}, dict.fromkeys([*COLUMNS, "rmse"], 1.0)])
def test_a_record_must_fit_the_columns(tmp_path: Path, record: dict[str, Number | None]) -> None:
    with MetricsLog(tmp_path / "m", COLUMNS) as metrics, pytest.raises(ValueError, match="the columns are"):
        metrics.append(record)


def test_a_log_in_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "metrics.csv"
    with pytest.raises(RunError) as caught, MetricsLog(path, COLUMNS):
        pass
    assert str(caught.value) == (
        f"{path}: cannot be written: No such file or directory; "
        "check that its folder exists, is writable and has space left"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the device is Linux's")
def test_a_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.csv"
    full = functools.partial(Path.open, Path("/dev/full"))
    monkeypatch.setattr(log, "open", lambda _, *mode, **rest: full(*mode, **rest), raising=False)
    monkeypatch.setattr(log, "_SECONDS_BETWEEN_FLUSHES", 0.0)
    metrics = MetricsLog(path, ["epoch"]).__enter__()
    with pytest.raises(RunError, match="cannot be written: No space left on device; check that its folder"):
        metrics.append({"epoch": 1})
    with pytest.raises(RunError, match="cannot be written: No space left on device"):
        metrics.__exit__(None, None, None)
    assert metrics._file.closed
