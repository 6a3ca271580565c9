"""BLAS has one thread within a block, and before and after it what it was given."""

import threading
from collections.abc import Iterator

import numpy  # noqa: F401 - which loads BLAS
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from bpnet.blas import given_threads, one_thread


def threads() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def _three() -> Iterator[None]:
    with threadpool_limits(3, "blas"):
        if threads() != {3}:
            pytest.skip("threadpoolctl does not know this library of BLAS")
        yield


def test_within_there_is_one_and_afterwards_what_there_was() -> None:
    assert given_threads() == 3
    with one_thread():
        assert threads() == {1}
        assert given_threads() == 3
        with pytest.raises(ValueError, match="inner"), one_thread():
            raise ValueError("inner")
        assert threads() == {1}
    assert threads() == {3}
    assert given_threads() == 3


def test_a_library_whose_threads_were_raised_within_has_one_again() -> None:
    with one_thread():
        with threadpool_limits(2, "blas"), one_thread():
            assert threads() == {1}
        with one_thread():
            assert threads() == {1}
    assert threads() == {3}


def test_of_several_threads_of_python_the_last_gives_them_back() -> None:
    entered, leave = threading.Event(), threading.Event()

    def work() -> None:
        with one_thread():
            entered.set()
            leave.wait(100)

    other = threading.Thread(target=work)
    with one_thread():
        other.start()
        assert entered.wait(100)
    assert threads() == {1}
    assert given_threads() == 3
    leave.set()
    other.join()
    assert threads() == {3}
