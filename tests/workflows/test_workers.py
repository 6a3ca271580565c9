"""Workers that train: runs as a single process leaves them, endings, errors and bad usage."""

import csv
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import pytest
from chaos_runs import TABLE, differences, result
from command_line import bpnet, bpnet_apart, start

from bpnet.errors import DataError, RunError, UsageError
from bpnet.integrations import dask_workers, engines, worker_call
from bpnet.workflows import search_work

TRAIN = ("train", "c.yaml")
CONFIG = "dataset: {path: t.csv, target: c}\n"
EPOCHS = "training: {epochs: 7, batch_size: 16, learning_rate: 0.05, diagnose_every: 2}\n"
STOPS = EPOCHS.replace("epochs: 7", "epochs: 40, early_stopping: {patience: 1}")
DROPOUT = "architecture: {hidden: [6], dropout: 0.3}\n"
DIVERGES = EPOCHS.replace("0.05", "3.0e+18").replace("batch", "optimizer: momentum, batch")
RATES = ("--grid", "training.learning_rate=0.01,0.03,0.1")
LAYERS = ("--grid", "architecture.hidden=[4],[3,2]")
RATE = "training.learning_rate: {low: 0.01, high: 0.1, scale: log}"
PACK = f"folds: 3\npack: {{draws: 5, space: {{{RATE}}}}}\n"
CASES = {
    "seeds": (EPOCHS + DROPOUT + "replicas: 7\n", TRAIN),
    "seeds that stop": (STOPS + "replicas: 4\n", TRAIN),
    "seeds of which some diverge": (DIVERGES + "replicas: 4\n", TRAIN),
    "one network": (EPOCHS, TRAIN),
    "grid": (EPOCHS + DROPOUT + "replicas: 2\n", (*TRAIN, *RATES)),
    "grid of two shapes": (EPOCHS, (*TRAIN, *RATES, *LAYERS)),
    "grid that stops": (STOPS, (*TRAIN, *RATES, *LAYERS)),
    "grid with a point that diverges": (
        EPOCHS,
        (*TRAIN, "--grid", "training.learning_rate=0.05,1e18", *LAYERS),
    ),
    "grid of ensembles": (EPOCHS + "folds: 3\n", (*TRAIN, *RATES)),
    "cross-validation": (EPOCHS + DROPOUT, ("cv", "c.yaml", "--folds", "7")),
    "cross-validation that stops": (STOPS, ("cv", "c.yaml", "--folds", "5")),
    "cross-validation of ensembles": (EPOCHS + "folds: 2\n", ("cv", "c.yaml", "--folds", "3")),
    "pack": (EPOCHS + PACK, TRAIN),
    "ensemble": (
        STOPS + "folds: 3\nmembers: [{architecture: {hidden: [4]}}, {training: {epochs: 3}}]\n",
        TRAIN,
    ),
}
FEWEST = {"one network": 0, "seeds that stop": 0, "grid of ensembles": 0}
"""The tasks of cases that have less than two: their networks are not to be parted."""

FAST = ("seeds", "grid of two shapes", "ensemble")


class Processes:
    """Workers in place of joblib's, that are as far away: tasks and outcomes are pickled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
        self.tasks = 0
        monkeypatch.setattr(engines, "jobs", lambda: count)
        monkeypatch.setattr(engines, "run", self.run)

    def run(self, function: Any, tasks: Any) -> Iterator[Any]:
        for text in [pickle.dumps(task) for task in tasks]:
            self.tasks += 1
            yield pickle.loads(pickle.dumps(function(pickle.loads(text))))


def folder(path: Path, more: str) -> Path:
    path.mkdir()
    (path / "t.csv").write_text(TABLE)
    (path / "c.yaml").write_text(CONFIG + more)
    return path


def words_of(case: str) -> tuple[str, ...]:
    words = CASES[case][1]
    return (*words, "--no-baselines") if words[0] == "cv" else words


@pytest.mark.parametrize(
    "case", [case if case in FAST else pytest.param(case, marks=pytest.mark.slow) for case in CASES]
)
def test_runs_are_bit_for_bit_those_of_one_process(case, tmp_path, monkeypatch):
    alone, shared = (folder(tmp_path / name, CASES[case][0]) for name in ("alone", "shared"))
    said = bpnet(*words_of(case), cwd=alone)
    with monkeypatch.context() as patch:
        processes = Processes(patch, 3)
        again = bpnet(*words_of(case), cwd=shared)
    assert (again.code, again.err.count("diverged")) == (said.code, said.err.count("diverged"))
    assert processes.tasks >= FEWEST.get(case, 2)
    assert differences(result(shared), result(alone)) == []


@pytest.mark.slow
def test_a_search_has_its_passes_trained_by_workers(tmp_path, monkeypatch):
    more = EPOCHS + "search: {sampler: sobol, draws: 3, passes: 2}\n"
    alone, shared = (folder(tmp_path / name, more) for name in ("alone", "shared"))
    words = ("search", "c.yaml", "--trials", "12")
    said = bpnet(*words, cwd=alone)
    processes = Processes(monkeypatch, 3)
    again = bpnet(*words, cwd=shared)
    assert (said.code, again.code, processes.tasks) == (0, 0, 4), again.err
    assert "of 3 processes 1 must wait: 2 passes" in again.err
    assert "wait" not in said.err
    assert trials_of(shared) == trials_of(alone)


def test_a_worker_that_does_not_see_the_study_says_so(tmp_path):
    with pytest.raises(RunError, match=r"gone: is not there; the workers of a search must see"):
        search_work._train_task(tmp_path / "gone", 1.0, search_work._Task(1, 0, []))


def trials_of(here: Path) -> list[list[str]]:
    """Return the trials of a study, without times and workers."""
    (path,) = here.glob("runs/*/trials.csv")
    rows = list(csv.reader(path.read_text().splitlines()))
    kept = [k for k, name in enumerate(rows[0]) if name not in ("seconds", "worker")]
    return sorted([row[k] for k in kept] for row in rows)


def test_python_chooses_the_workers_by_joblib(tmp_path):
    case = "cross-validation"
    alone, shared = (folder(tmp_path / name, CASES[case][0]) for name in ("alone", "shared"))
    bpnet(*words_of(case), cwd=alone)
    with joblib.parallel_config("threading", n_jobs=3):
        assert engines.jobs() == 3
        bpnet(*words_of(case), cwd=shared)
    assert engines.jobs() == 0
    assert differences(result(shared), result(alone)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("", "workers have nothing to do: leave them out"),
        ("members: [{}, {training: {epochs: 3}}]\n", "workers share the members"),
    ],
)
def test_a_grid_of_ensembles_says_that_its_points_follow_one_another(
    tmp_path, monkeypatch, more, why
):
    Processes(monkeypatch, 2)
    here = folder(tmp_path / "here", EPOCHS + "folds: 3\n" + more)
    said = bpnet(*TRAIN, *RATES, cwd=here)
    assert (said.code, said.lacks("which train one after another", why)) == (0, [])


def test_a_time_budget_and_snapshots_are_for_one_process(tmp_path, monkeypatch):
    processes = Processes(monkeypatch, 3)
    for number, more in enumerate(["budget: 60\n", "training: {snapshots: 2, epochs: 3}\n"]):
        here = folder(tmp_path / str(number), "replicas: 4\n" + more)
        said = bpnet(*TRAIN, cwd=here)
        assert said.code == 0
    assert processes.tasks == 0


def fails(number: int) -> int:
    if number == 2:
        raise ValueError("the second task")
    return number


def test_an_error_of_a_worker_is_raised_as_it_is():
    done = []
    with (
        joblib.parallel_config("threading", n_jobs=2),
        pytest.raises(ValueError, match="the second task"),
    ):
        done += engines.run(fails, [1, 2, 3])


def ends_once(marker: Path) -> str:
    if marker.suffix == ".always" or not marker.exists():
        marker.touch()
        os._exit(3)
    return marker.name


@pytest.mark.slow
def test_a_task_whose_worker_ends_is_tried_again_once(tmp_path):
    with joblib.parallel_config("loky", n_jobs=2):
        markers = [tmp_path / "there", tmp_path / "not yet"]
        markers[0].touch()
        assert list(engines.run(ends_once, markers)) == ["there", "not yet"]
        with pytest.raises(RunError, match="a worker process ended before its task was done"):
            list(engines.run(ends_once, [tmp_path / "a.always"]))


@pytest.mark.parametrize(
    ("words", "hidden", "why"),
    [
        (["--jobs", "0"], "", "--jobs"),
        (["--jobs", "1"], "", "--backend loky: has one worker"),
        (["--backend", "loky", "--cluster", "tcp://h:1"], "", "--cluster is for --backend dask"),
        (["--backend", "spark"], "", "'spark' is not one of 'loky', 'dask', 'ray'"),
        (["--backend", "dask"], "distributed", "pip install 'bpnet-cli[dask]'"),
        (["--backend", "ray"], "ray", "pip install 'bpnet-cli[ray]'"),
    ],
)
def test_bad_usage_of_workers(tmp_path, monkeypatch, words, hidden, why):
    if hidden:
        monkeypatch.setitem(sys.modules, hidden, None)
    here = folder(tmp_path / "here", EPOCHS)
    said = bpnet(*TRAIN, *words, cwd=here)
    assert (said.code, said.lacks(why)) == (2, [])
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (ModuleNotFoundError("No module named 'bpnet'"), "cannot load bpnet"),
        ({**worker_call.versions(), "NumPy": "1.0"}, "has NumPy 1.0"),
        ({**worker_call.versions(), "bpnet": "0.1"}, "has bpnet 0.1"),
    ],
)
def test_workers_of_other_versions_are_refused(there, why):
    dask_workers.check_versions("tcp://h:1", {"tcp://w:2": worker_call.versions()})
    with pytest.raises(UsageError, match=why):
        dask_workers.check_versions("tcp://h:1", {"tcp://w:2": there})


def called(function: Any, task: Any) -> Any:
    """Return what comes back of a task that is sent to a worker."""
    return worker_call.received(worker_call.doer()(worker_call.sent(function, task)))


def has_no_memory(_: object) -> None:
    raise MemoryError


def meets(error: Exception) -> None:
    raise error


def test_a_worker_says_what_it_lacks_and_which_one_it_is(monkeypatch):
    assert called(abs, -2) == 2
    with pytest.raises(DataError, match=r"^the worker \S+ \(process \d+\): t\.csv: is missing$"):
        called(meets, DataError("t.csv: is missing"))
    with pytest.raises(RunError, match="not enough memory"):
        called(has_no_memory, None)
    with pytest.raises(RunError, match=r"cannot load bpnet .*No module named 'bpnet_of_others'"):
        worker_call.received(worker_call.doer()(b"cbpnet_of_others\nname\n."))
    sent = worker_call.sent(abs, -2)
    monkeypatch.setattr(worker_call, "versions", lambda: {"bpnet": "0.1"})
    with pytest.raises(RunError, match=r"the worker .* has Python None, and this process 3"):
        worker_call.doer()(sent)


def test_what_a_worker_calls_needs_no_bpnet_to_be_taken():
    text = pytest.importorskip("cloudpickle").dumps(worker_call.doer())
    loads = "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"
    apart = [sys.executable, "-c", f"import sys; sys.modules['bpnet'] = None; {loads}"]
    subprocess.run(apart, input=text, check=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "address", "why"),
    [
        ("dask", "auto", "--cluster 'auto': is not the address of a Dask scheduler"),
        ("dask", "http://h:1", "for a cluster of Ray, add --backend ray"),
        ("dask", "", "--cluster '': is not the address"),
        ("ray", "host", "--cluster 'host': is not the address of a Ray cluster"),
        ("ray", "127.0.0.1:9", "--cluster 127.0.0.1:9: no Ray cluster answers"),
        ("ray", "ray://127.0.0.1:99999", "no Ray cluster answers"),
        ("ray", "auto", "(none runs on this machine); start one with: ray start --head"),
    ],
)
def test_a_wrong_address_of_a_cluster_is_named_soon(tmp_path, backend, address, why):
    pytest.importorskip({"dask": "distributed"}.get(backend, backend))
    here = folder(tmp_path / "here", EPOCHS)
    said = bpnet_apart(*TRAIN, "--backend", backend, "--cluster", address, cwd=here, timeout=60)
    assert (said.code, said.lacks(why), said.err.count("\n")) == (2, [], 1), said.err
    assert not (here / "runs").exists()


@pytest.mark.slow
def test_a_scheduler_must_answer_and_have_workers(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(dask_workers, "_TIMEOUT", 1)
    here = folder(tmp_path / "here", EPOCHS)
    said = bpnet(*TRAIN, "--cluster", "tcp://127.0.0.1:9", cwd=here)
    assert (said.code, said.lacks("no scheduler answers", "dask scheduler")) == (2, [])
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0", silence_logs=50) as local:
        said = bpnet(*TRAIN, "--cluster", local.scheduler_address, cwd=here)
    assert (said.code, said.lacks("the scheduler has no workers")) == (2, [])


@pytest.mark.slow
@pytest.mark.parametrize("case", ["cross-validation", "grid of two shapes"])
def test_an_interrupted_training_goes_on_with_workers_or_without(case, tmp_path):
    more = CASES[case][0].replace("epochs: 7", "epochs: 8000").replace("epochs: 40", "epochs: 8000")
    alone, shared = (folder(tmp_path / name, more) for name in ("alone", "shared"))
    assert bpnet_apart(*words_of(case), cwd=alone).code == 0
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = start(*words_of(case), "--jobs", "2", cwd=shared, **streams)
    while not list(shared.glob("runs/*/run.json")):
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, b"Traceback" in said) == (130, False), said
    assert b"bpnet resume" in said
    run = min(shared.glob("runs/*"))
    assert bpnet_apart("resume", run, "--jobs", "2", cwd=shared).code == 0
    assert differences(result(shared), result(alone)) == []


@pytest.mark.slow
@pytest.mark.parametrize("case", ["cross-validation", "grid of two shapes", "seeds"])
def test_workers_of_loky_train_as_one_process_does(case, tmp_path):
    alone, shared = (folder(tmp_path / name, CASES[case][0]) for name in ("alone", "shared"))
    assert bpnet_apart(*words_of(case), cwd=alone).code == 0
    said = bpnet_apart(*words_of(case), "--jobs", "2", cwd=shared)
    assert (said.code, "Traceback" in said.err) == (0, False), said.err
    assert differences(result(shared), result(alone)) == []


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a Dask scheduler with two worker processes."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as local:
        yield local.scheduler_address


@pytest.mark.slow
@pytest.mark.parametrize("case", ["cross-validation", "grid of two shapes", "seeds", "ensemble"])
def test_workers_of_a_dask_cluster_train_as_one_process_does(case, cluster, tmp_path):
    alone, shared = (folder(tmp_path / name, CASES[case][0]) for name in ("alone", "shared"))
    assert bpnet_apart(*words_of(case), cwd=alone).code == 0
    said = bpnet_apart(*words_of(case), "--cluster", cluster, cwd=shared)
    assert (said.code, "Traceback" in said.err) == (0, False), said.err
    assert differences(result(shared), result(alone)) == []


@pytest.mark.slow
def test_workers_of_a_dask_cluster_search_as_one_process_does(cluster, tmp_path):
    more = EPOCHS + "search: {sampler: sobol, draws: 3, passes: 2}\n"
    alone, shared = (folder(tmp_path / name, more) for name in ("alone", "shared"))
    words = ("search", "c.yaml", "--trials", "12")
    assert bpnet_apart(*words, cwd=alone).code == 0
    said = bpnet_apart(*words, "--cluster", cluster, cwd=shared)
    assert (said.code, "Traceback" in said.err) == (0, False), said.err
    assert trials_of(shared) == trials_of(alone)
    best = "runs/c-search-001/best-001/model/weights.safetensors"
    assert (shared / best).read_bytes() == (alone / best).read_bytes()


@contextmanager
def dask_processes(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Dask scheduler and two workers in processes of their own: its address, and itself."""
    pytest.importorskip("distributed")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def dask(what: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *words]
        command += ["--scheduler-file", str(folder / "s.json"), "--dashboard-address", ":0"]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)

    scheduler = dask("scheduler", "--port", "0")
    workers = dask("worker", "--nworkers", "2", "--nthreads", "1")
    try:
        while not (folder / "s.json").exists():
            time.sleep(0.05)
        yield json.loads((folder / "s.json").read_text())["address"], scheduler
    finally:
        for one in (workers, scheduler):
            one.terminate()
            one.wait()


@pytest.mark.slow
def test_a_dask_worker_that_ends_is_replaced_and_a_task_that_ends_each_is_an_error(tmp_path):
    markers = [tmp_path / "there", tmp_path / "not yet"]
    markers[0].touch()
    with dask_processes(tmp_path) as (address, _), engines.engine("dask", 2, address):
        assert list(engines.run(ends_once, markers)) == ["there", "not yet"]
        with pytest.raises(RunError, match=r"the worker tcp://\S+ ended before its task was done"):
            list(engines.run(ends_once, [tmp_path / "a.always"]))
        assert list(engines.run(ends_once, markers)) == ["there", "not yet"]


@pytest.mark.slow
def test_a_scheduler_that_is_gone_ends_the_training_which_can_be_resumed(tmp_path):
    case = "cross-validation"
    here = folder(tmp_path / "here", CASES[case][0].replace("epochs: 7", "epochs: 8000"))
    with dask_processes(tmp_path) as (address, scheduler):
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        words = (*words_of(case), "--jobs", "2", "--cluster", address)
        process = start(*words, cwd=here, **streams)
        while not list(here.glob("runs/*/run.json")):
            time.sleep(0.05)
        time.sleep(1)
        scheduler.kill()
        _, said = process.communicate(timeout=60)
    assert (process.returncode, b"Traceback" in said) == (5, False), said
    assert all(part in said for part in (b"the scheduler tcp:", b"is gone", b"bpnet resume")), said
    (run,) = here.glob("runs/*")
    assert bpnet_apart("resume", run, cwd=here).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("case", ["cross-validation", "grid of two shapes", "seeds"])
def test_workers_of_ray_train_as_one_process_does(case, tmp_path):
    pytest.importorskip("ray")
    alone, shared = (folder(tmp_path / name, CASES[case][0]) for name in ("alone", "shared"))
    assert bpnet_apart(*words_of(case), cwd=alone).code == 0
    words = (*words_of(case), "--backend", "ray", "--jobs", "2")
    said = bpnet_apart(*words, cwd=shared, timeout=120)
    assert (said.code, "Traceback" in said.err) == (0, False), said.err
    assert differences(result(shared), result(alone)) == []
