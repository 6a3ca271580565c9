"""How many threads may compute, and that BLAS then multiplies on one."""

import os

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from bpnet.cli.options import on_threads
from bpnet.engine.workers import thread_count
from bpnet.errors import UsageError
from bpnet.models import threads
from bpnet.models.threads import at_most, cores, permitted, permitted_threads, shared_work


def blas_threads():
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_the_number_that_is_given_counts():
    with on_threads(3):
        assert permitted() == 3
        with shared_work():
            assert thread_count() == 3
            assert blas_threads() == {1}
            with shared_work():  # within it the same workers
                assert thread_count() == 3
        with on_threads(None):
            assert permitted() == 3
    assert thread_count() == 1


def test_by_default_there_is_one_for_each_core_that_blas_may_use(tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "CONTROL_GROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert permitted() == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    with threadpool_limits(1, "blas"):
        assert permitted() == 1
    with threadpool_limits(3, "blas"):
        with on_threads(None):  # what it was given counts, not the one that it has within
            assert blas_threads() == {1}
            assert permitted() == 3
            with at_most(2):
                assert permitted() == 2
        with at_most(2), permitted_threads(5):
            assert permitted() == 5


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "10000 100000"}, 1),
        ({"cpu.max": "6400000 100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000"}, 8),
        ({"cpu.max": "of another kind"}, 8),
    ],
)
def test_a_container_has_the_cores_whose_time_it_may_take(files, count, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(threads, "CONTROL_GROUP", tmp_path)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert cores() == count


@pytest.mark.parametrize("count", [0, -1, 2.0, "2", True])
def test_a_bad_number_has_a_message(count):
    message = f"threads is {count!r}; it must be a whole number from 1"
    with pytest.raises(UsageError, match=message), permitted_threads(count):
        pass
