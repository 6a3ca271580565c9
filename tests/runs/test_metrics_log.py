"""metrics.csv: exact round trips, what is on disk when, and disks that are full."""

import csv
import errno
import math
from pathlib import Path

import pytest
from failing_files import Failure, failing_open, full
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.errors import RunError
from bpnet.runs import metrics_log
from bpnet.runs.metrics_log import MetricsLog

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
            metrics.append(row, now=0.0)
    with open(path, newline="") as file:
        header, *lines = csv.reader(file)
    assert header == COLUMNS
    back = [
        (int(epoch), float(loss), float(other) if other else None) for epoch, loss, other in lines
    ]
    assert list(map(repr, back)) == list(map(repr, rows))


def test_what_a_row_looks_like(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    rows = [
        (1, 0.1, None),
        (2, 0.5, 0.10000000149011612),
        (3, math.nan, -math.inf),
        (4, 1e-7, math.inf),
    ]
    with MetricsLog(path, COLUMNS) as metrics:
        for row in rows:
            metrics.append(row, now=0.0)
    assert (
        path.read_bytes()
        == b"epoch,loss,val_loss\n1,0.1,\n2,0.5,0.10000000149011612\n3,nan,-inf\n4,1e-7,inf\n"
    )


def test_rows_reach_the_disk_within_a_second_and_on_leaving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(metrics_log.time, "perf_counter", lambda: now)
    path = tmp_path / "metrics.csv"

    def on_disk() -> int:
        return len(path.read_text().splitlines())

    with MetricsLog(path, ["epoch"]) as metrics:
        assert on_disk() == 1  # the header, at once
        # a row waits where the next, coming as late, would still be in time for the oldest
        for second, lines in [
            (100.3, 1),
            (100.6, 1),
            (100.9, 1),
            (101.0, 1),
            (101.2, 6),
            (101.3, 6),
            (102.0, 8),
        ]:
            now = second
            metrics.append([1], now=now)
            assert on_disk() == lines, second
        now = 104.0
        metrics.append([1], now=now)
        assert on_disk() == 9
        now = 104.1
        metrics.append([1], now=now)
        assert on_disk() == 9
    assert on_disk() == 10


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.001, 3), max_size=40), st.sampled_from([1, 4]))
def test_no_row_waits_longer_than_a_second_where_epochs_take_as_long_as_the_last(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[float], replicas: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "metrics.csv"
    now = 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics_log.time, "perf_counter", lambda: now)
        with MetricsLog(path, ["epoch"]) as metrics:
            written: list[float] = []
            for gap in gaps:
                now += gap
                metrics.append(*[[1]] * replicas, now=now)
                written += [now] * replicas
                waiting = written[len(path.read_text().splitlines()) - 1 :]
                assert not waiting or now + gap - waiting[0] < 1 + 1e-9  # rounding


def test_an_interrupted_log_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    metrics = MetricsLog(path, ["epoch"])

    def interrupted() -> None:
        with metrics:
            metrics.append([1], now=0.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "epoch\n1\n"


@pytest.mark.parametrize("row", [[1, 0.5], [1, 0.5, 0.5, 0.5]])
def test_a_row_must_fit_the_columns(tmp_path: Path, row: list[float]) -> None:
    with (
        pytest.raises(ValueError, match="the columns are"),
        MetricsLog(tmp_path / "m", COLUMNS) as metrics,
    ):
        metrics.append(row, now=0.0)


def test_a_log_in_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "metrics.csv"
    with pytest.raises(RunError) as caught, MetricsLog(path, COLUMNS):
        pass
    assert str(caught.value) == (
        f"{path}: cannot be written: No such file or directory; "
        "check that its folder exists, is writable and has space left"
    )


def test_a_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.csv"
    failure = full(2)  # opening it is the first call
    monkeypatch.setattr(metrics_log, "open", failing_open(failure), raising=False)
    monkeypatch.setattr(metrics_log, "_MAX_DELAY", 0.0)
    metrics = MetricsLog(path, ["epoch"]).__enter__()
    with pytest.raises(
        RunError, match="cannot be written: No space left on device; check that its folder"
    ):
        metrics.append([1], now=1e12)
    metrics._rows.append([2])
    with pytest.raises(RunError, match="cannot be written: No space left on device"):
        metrics.__exit__(None, None, None)
    assert metrics._file.closed
    assert path.read_text().startswith("epoch\n")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 3))
def test_rows_that_could_not_be_written_are_written_later(
    tmp_path_factory: pytest.TempPathFactory, written: list[bool], each: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "metrics.csv"
    failure, errors = Failure(0, errno.ENOSPC), list[RunError]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics_log, "open", failing_open(failure), raising=False)
        rows = [[10**k, k] for k in range(each * len(written))]
        with MetricsLog(path, ["a", "b"], on_error=errors.append) as metrics:
            for k, works in enumerate(written):
                failure.call, failure.calls = (0 if works else 1), 0
                metrics.append(*rows[k * each :][:each], now=0.0)
                metrics.flush()
                lines = path.read_text().split("\n")
                assert lines[-1] == ""  # the rows are whole
                assert len(lines) - 2 == (k + 1) * each if works else len(lines) - 2 <= k * each
            failure.call = 0
    assert len(errors) == written.count(False)
    assert path.read_text() == "a,b\n" + "".join(f"{a},{b}\n" for a, b in rows)


def test_a_size_is_that_of_written_rows_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, failure = tmp_path / "metrics.csv", full(2)
    monkeypatch.setattr(metrics_log, "open", failing_open(failure), raising=False)
    with MetricsLog(path, ["a"], on_error=lambda error: None) as metrics:
        metrics.append([1], now=0.0)
        with pytest.raises(RunError, match="No space left"):
            metrics.size()
        failure.call = 10**9
        assert metrics.size() == path.stat().st_size == len("a\n1\n")


def test_a_log_that_was_deleted_is_restored(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    with MetricsLog(path, ["a"]) as metrics:
        metrics.append([1], now=0.0)
        metrics.flush()
        path.unlink()
        metrics.append([2], now=0.0)
    assert path.read_text() == "a\n1\n2\n"


def test_a_log_goes_on_after_what_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("a\n1\n2\n3")
    with MetricsLog(path, ["a"], size=4) as metrics:
        metrics.append([5], now=0.0)
    assert path.read_text() == "a\n1\n5\n"
    path.unlink()
    with pytest.raises(RunError, match="there is no such file"):
        MetricsLog(path, ["a"], size=4).__enter__()
    path.write_text("a\n")
    with pytest.raises(RunError, match="has 2 bytes, but 4 when the run was saved last"):
        MetricsLog(path, ["a"], size=4).__enter__()
