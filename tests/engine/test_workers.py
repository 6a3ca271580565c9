"""Workers do each task once, hand exceptions over, and leave no thread behind."""

import os
import signal
import threading
import time
import warnings

import numpy as np
import pytest

from bpnet.engine.workers import Workers, do_all, thread_count, workers


def names():
    return [one.name for one in threading.enumerate() if one.name == "bpnet worker"]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_every_task_is_done_once(threads):
    done = []
    with workers(threads):
        assert thread_count() == threads
        for count in (0, 1, 2, 3, 50):
            done.clear()
            do_all([lambda k=k: done.append(k) for k in range(count)])
            assert sorted(done) == list(range(count))
    assert thread_count() == 1
    assert names() == []


def test_several_threads_work_at_the_same_time():
    together = threading.Barrier(3, timeout=10)
    with workers(3):
        do_all([together.wait] * 3)  # passes only if all three wait


def test_threads_start_with_the_first_tasks():
    with workers(3):
        do_all([lambda: None])
        assert names() == []
        do_all([lambda: None] * 2)
        assert len(names()) == 1
        do_all([lambda: None] * 9)
        assert len(names()) == 2


@pytest.mark.parametrize("place", range(6))
def test_an_exception_of_any_task_is_raised_once_no_task_runs(place):
    running, seen = [], []

    def task(k):
        running.append(k)
        time.sleep(0.002)
        running.remove(k)
        seen.append(k)
        if k == place:
            raise ValueError(f"task {k}")

    with workers(3):
        with pytest.raises(ValueError, match=f"task {place}"):
            do_all([lambda k=k: task(k) for k in range(6)])
        assert running == []
        # and the workers go on
        do_all([lambda: seen.append("again")] * 4)
        assert seen.count("again") == 4


def test_an_interruption_of_the_caller_waits_for_the_others():
    ended = []

    def slow():
        if threading.current_thread() is threading.main_thread():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)  # until the handler raises
        else:
            time.sleep(0.05)
            ended.append(True)

    both = threading.Barrier(2, timeout=10)

    def task():
        both.wait()
        slow()

    with workers(2):
        with pytest.raises(KeyboardInterrupt):
            do_all([task, task])
        assert ended == [True]


def test_an_interruption_while_the_caller_waits_waits_for_the_others():
    ended = []
    both = threading.Barrier(2, timeout=10)

    def task():
        both.wait()
        if threading.current_thread() is threading.main_thread():
            return
        time.sleep(0.05)  # the caller waits by now
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        ended.append(True)

    with workers(2):
        with pytest.raises(KeyboardInterrupt):
            do_all([task, task])
        assert ended == [True]


def test_tasks_within_a_task_are_done_by_its_thread():
    threads = []

    def outer():
        do_all([lambda: threads.append(threading.get_ident())] * 5)
        time.sleep(0.01)

    with workers(2):
        do_all([outer, outer])
    assert len(threads) == 10
    assert all(len(set(half)) == 1 for half in (threads[:5], threads[5:]))


def test_tasks_see_the_errstate_of_the_caller():
    zero = np.zeros(3)
    together = threading.Barrier(2, timeout=10)

    def divide():
        together.wait()
        np.divide(zero, zero)

    with workers(2):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with np.errstate(all="ignore"):
                do_all([divide, divide])
        with np.errstate(all="raise"), pytest.raises(FloatingPointError):
            do_all([divide, divide])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_does_its_tasks_alone():
    own = Workers(2)
    own.run([lambda: None] * 2)
    child = os.fork()
    if child == 0:
        done = []
        own.run([lambda: done.append(1)] * 3)
        own.close()
        os._exit(len(done))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    own.close()
