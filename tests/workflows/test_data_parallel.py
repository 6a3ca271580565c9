"""Data-parallel training by a real mpiexec: its results, its interruptions, and its mistakes."""

import csv
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bpnet.runs.checkpoints import Checkpoints
from bpnet.runs.weights import read_weights

MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("mpi4py") is None or MPIEXEC is None,
        reason="needs the extra mpi: pip install 'bpnet-cli[mpi]'",
    ),
]
CONFIG = """
dataset: {path: table.csv, target: y, sample_weight: w}
architecture:
  layers: [{kind: dense, units: 12, activation: tanh}, {kind: dropout, rate: 0.2}]
training: {epochs: 6, batch_size: 50, precision: float64, l2: 0.001, optimizer: adam, SETTINGS}
"""


@pytest.fixture
def folder(tmp_path):
    """Make a folder with a table of quantities, of which some cells are missing, and a config."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3))
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2]
    lines = ["a,b,c,w,y"]
    for k, row in enumerate(x):
        a = "" if k % 50 == 7 else f"{row[0]:.6f}"
        lines.append(f"{a},{row[1]:.6f},{'uvw'[k % 3]},{1 + k % 2},{y[k]:.6f}")
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    write_config(tmp_path)
    return tmp_path


def write_config(folder, settings="schedule: cosine"):
    (folder / "config.yaml").write_text(CONFIG.replace("SETTINGS", settings))


def command(ranks, *words):
    """Return the command line of so many processes, or of one without mpiexec."""
    bpnet = [sys.executable, "-c", "from bpnet.cli import main; main()", *words]
    return bpnet if ranks is None else [MPIEXEC, "-n", str(ranks), *bpnet]


def start(folder, ranks, *words, **environment):
    return subprocess.Popen(
        command(ranks, *words),
        cwd=folder,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(folder, ranks, *words, code=0, **environment):
    process = start(folder, ranks, *words, **environment)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    return out, err


def metrics(run_folder):
    with open(run_folder / "metrics.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    numbers = np.array([[float(cell or "nan") for cell in row] for row in rows])
    return numbers[:, [k for k, name in enumerate(header) if name != "seconds"]]


def theta(run_folder):
    arrays = read_weights(run_folder / "model" / "weights.safetensors")
    return np.concatenate([array.ravel() for _, array in sorted(arrays.items())])


def assert_same_training(one, other):
    np.testing.assert_allclose(metrics(one), metrics(other), rtol=1e-6)
    np.testing.assert_allclose(theta(one), theta(other), rtol=1e-6, atol=1e-9)
    final = [json.loads((each / "metrics.json").read_text()) for each in (one, other)]
    for part, values in final[0].items():
        for name, value in values.items():
            assert final[1][part][name] == pytest.approx(value, rel=1e-6), (part, name)


def test_any_number_of_processes_trains_alike(folder):
    for ranks in (None, 1, 2, 4):
        out, err = run(folder, ranks, "train", "config.yaml", "--mpi", "always")
        assert out.count("Run directory:") == 1
        assert len(re.findall(r"^epoch 6/6", err, re.MULTILINE)) == 1
    alone, *others = sorted((folder / "runs").iterdir())
    assert len(others) == 3
    for other in others:
        assert_same_training(other, alone)
    said, _ = run(folder, None, "verify", str(others[1]), "--json")
    assert json.loads(said)["changed"] == ["processes"]  # so that rounding may differ


def test_the_same_number_of_processes_repeats_its_bits(folder):
    for _ in range(2):
        run(folder, 3, "train", "config.yaml", "--mpi", "always", "--set", "replicas=2")
    one, other = sorted((folder / "runs").iterdir())
    np.testing.assert_array_equal(theta(one), theta(other))


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)


def ranks_of(process):
    """Return the process numbers of a mpiexec's processes, in the order of their ranks."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            content = dict(one.split("=", 1) for one in path.read_text().split("\0") if "=" in one)
        except OSError:
            continue
        rank = content.get("PMI_RANK", content.get("OMPI_COMM_WORLD_RANK"))
        if content.get("BPNET_TEST") == process.args[-1] and rank is not None:
            found[int(rank)] = int(path.parent.name)
    return [found[rank] for rank in sorted(found)]


@pytest.fixture
def long_config(folder):
    write_config(folder, "snapshots: null}\ncheckpoint: {every_seconds: 0.2")
    return folder


def begin_long(folder, ranks=3):
    name = f"long-{folder.name}"
    process = start(
        folder,
        ranks,
        *["train", "config.yaml", "--mpi", "always", "--set", "training.epochs=4000"],
        *["--name", name],
        BPNET_TEST=name,
    )
    wait_for(lambda: Checkpoints(folder / "runs" / f"{name}-001" / "checkpoints").numbers())
    return process, folder / "runs" / f"{name}-001"


@pytest.mark.parametrize(("killed", "resumed_by"), [(0, None), (2, 2)])
def test_a_killed_process_ends_all_and_the_training_goes_on(long_config, killed, resumed_by):
    folder = long_config
    process, died = begin_long(folder)
    os.kill(ranks_of(process)[killed], signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    assert process.returncode != 0
    assert f"bpnet resume {died.relative_to(folder)}" in err
    state = Checkpoints(died / "checkpoints").latest()  # which is whole
    epoch = state["fit"]["epoch"] + 20
    more = ["--set", f"training.epochs={epoch}", "--mpi", "always"]
    run(folder, resumed_by, "resume", str(died), *more)
    run(folder, None, "train", "config.yaml", "--name", "whole", *more)
    assert_same_training(died, folder / "runs" / "whole-001")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_saves_at_a_common_step(long_config, number):
    folder = long_config
    process, interrupted = begin_long(folder)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert err.count("interrupted after") == 1
    assert json.loads((interrupted / "run.json").read_text())["status"] == "interrupted"
    epoch = Checkpoints(interrupted / "checkpoints").latest()["fit"]["epoch"] + 10
    more = ["--set", f"training.epochs={epoch}", "--mpi", "always"]
    run(folder, 2, "resume", str(interrupted), *more)
    run(folder, None, "train", "config.yaml", "--name", "whole", *more)
    assert_same_training(interrupted, folder / "runs" / "whole-001")


def test_a_time_budget_ends_all_at_the_same_step(folder):
    run(
        folder,
        2,
        "train",
        "config.yaml",
        "--mpi",
        "always",
        "--budget",
        "1s",
        "--set",
        "training.epochs=100000",
    )
    (only,) = (folder / "runs").iterdir()
    assert json.loads((only / "run.json").read_text())["stop_reason"] == "budget"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["train", "config.yaml"], 2, "processes do not pay here"),
        (["train", "nowhere.yaml"], 3, "no such config file"),
        (["train", "config.yaml", "--set", "dataset.path=no.csv"], 4, "there is no such file"),
        (["train", "config.yaml", "--set", "folds=2"], 3, "without mpiexec"),
        (["train", "config.yaml", "--grid", "seed=1,2"], 2, "without mpiexec"),
        (["train", "config.yaml", "--set", "dataset.storage=disk"], 3, "dataset.storage=memory"),
        (
            ["train", "config.yaml", "--set", "architecture.layers=[batch_normalization]"],
            3,
            "needs all rows of a batch",
        ),
        (
            ["train", "config.yaml", "--set", "training.lazy_embeddings=true"],
            3,
            "lazy_embeddings",
        ),
        (["train", "config.yaml", "--set", "training.batch_size=1"], 3, "batch_size=32"),
        (
            ["train", "config.yaml", "--set", "architecture.layers=[]", "--set",
             "training.optimizer=perturbation"],
            3,
            "more than the gradient of a step",
        ),
        (["predict", "runs/x", "table.csv"], 2, "each of which would do all of bpnet predict"),
        (["resume", "runs/x"], 5, "runs/x"),
    ],
    ids=lambda words: words[-1] if isinstance(words, list) else "",
)  # fmt: skip
def test_a_mistake_is_reported_once(folder, words, code, message):
    _, err = run(folder, 2, *words, code=code)
    assert len(re.findall(r"^error: ", err, re.MULTILINE)) == 1, err
    assert message in err
    assert "Traceback" not in err
    assert not (folder / "runs").exists() or not list((folder / "runs").iterdir())


def test_more_processes_than_rows_are_refused(folder):
    (folder / "table.csv").write_text(
        "\n".join((folder / "table.csv").read_text().splitlines()[:21]) + "\n"
    )
    _, err = run(folder, 5, "train", "config.yaml", "--mpi", "always", code=3)
    assert "leaves 3 rows for validation, fewer than the 5 processes" in err


def test_an_error_of_one_process_ends_all(folder):
    """A machine whose table differs: here one process that reads another file."""
    (folder / "other").mkdir()
    lines = (folder / "table.csv").read_text().splitlines()
    (folder / "other" / "table.csv").write_text("\n".join([*lines[:300], "x,1", *lines[300:]]))
    (folder / "other" / "config.yaml").write_text((folder / "config.yaml").read_text())
    bpnet = command(None, "train", "config.yaml")
    words = [MPIEXEC, "-n", "2", *bpnet, ":", "-n", "1", "-wdir", str(folder / "other"), *bpnet]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 4
    assert len(re.findall(r"^error: ", done.stderr, re.MULTILINE)) == 1, done.stderr
    assert "error: process 2 of 3, on " in done.stderr


def test_without_the_extra_no_process_trains_alone(folder, tmp_path):
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "mpi4py.py").write_text("raise ModuleNotFoundError('mpi4py')\n")
    path = os.pathsep.join([str(tmp_path / "hidden"), os.environ.get("PYTHONPATH", "")])
    _, err = run(folder, 2, "train", "config.yaml", code=2, PYTHONPATH=path)
    assert err.count("pip install 'bpnet-cli[mpi]'") == 1, err
    assert not (folder / "runs").exists()


def other_machine(folder, text, config=None):
    """Return the words of mpiexec for two processes, of which the second has another folder."""
    (folder / "other").mkdir()
    (folder / "other" / "table.csv").write_text(text)
    config = (folder / "config.yaml").read_text() if config is None else config
    (folder / "other" / "config.yaml").write_text(config)
    bpnet = command(None, "train", "config.yaml")
    return [MPIEXEC, "-n", "1", *bpnet, ":", "-n", "1", "-wdir", str(folder / "other"), *bpnet]


def assert_one_error(words, folder, code, message):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    assert len(re.findall(r"^error: ", done.stderr, re.MULTILINE)) == 1, done.stderr
    assert message in done.stderr
    assert not (folder / "runs").exists()


def test_tables_that_differ_are_refused(folder):
    words = other_machine(folder, (folder / "table.csv").read_text().replace("u", "v", 1))
    assert_one_error(words, folder, 4, "read different content")


def test_configs_that_differ_are_refused_before_the_table_is_read(folder):
    config = (folder / "config.yaml").read_text().replace("epochs: 6", "epochs: 7")
    words = other_machine(folder, "no table", config)
    message = "their configs differ: training.epochs is 6 in the first and 7 in the other"
    assert_one_error(words, folder, 3, message)


OF_PYTHON = """
import sys, bpnet
from mpi4py import MPI
rank = MPI.COMM_WORLD.rank
def say(*words):
    sys.stdout.write(" ".join([*map(str, words)]) + "\\n")  # at once: print may write each word
    sys.stdout.flush()
PROGRAM
"""


def run_python(folder, ranks, code, program, **environment):
    """Run a program in so many processes, and return its output and its errors."""
    (folder / "program.py").write_text(OF_PYTHON.replace("PROGRAM", program))
    process = subprocess.Popen(
        [MPIEXEC, "-n", str(ranks), sys.executable, "program.py"],
        cwd=folder,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    out, err = process.communicate(timeout=120)
    # MPICH's mpiexec gives the code of the process that ends all, or that of those which it kills
    assert process.returncode in ([code, 9] if code else [0]), err
    return out, err


def test_python_trains_one_network_in_all_processes(folder):
    out, _ = run_python(
        folder,
        3,
        0,
        """
import pandas as pd
run = bpnet.train("config.yaml", pd.read_csv("table.csv"), mpi="always", quiet=True)
table = pd.read_csv("table.csv")
run = bpnet.resume(run, table, settings={"training.epochs": 9}, mpi="always", quiet=True)
say(run.path, run.metrics["test"]["rmse"])
""",
    )
    (trained,) = (folder / "runs").iterdir()
    assert len(set(out.splitlines())) == 1
    assert len(out.splitlines()) == 3
    run(folder, None, "train", "config.yaml", "--name", "alone")
    run(folder, None, "resume", "runs/alone-001", "--set", "training.epochs=9")
    assert_same_training(trained, folder / "runs" / "alone-001")


def test_only_the_first_process_writes(folder):
    """Else a process that is killed leaves files behind, or two write the same run."""
    (folder / "tmp").mkdir()
    out, _ = run_python(
        folder,
        3,
        0,
        """
import os
written = []
def note(event, arguments):
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        written.append(str(arguments[0]))
    elif event in ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"):
        written.append(str(arguments[0]))
sys.addaudithook(note)
settings = {"training.snapshots": 2, "replicas": 2, "logging": ["tensorboard"]}
run = bpnet.train("config.yaml", settings=settings, mpi="always", quiet=True)
run = bpnet.resume(run, settings={"training.epochs": 9}, mpi="always", quiet=True)
bpnet.train("config.yaml", settings=settings, start_from=run, mpi="always", quiet=True)
own = [path for path in written if path.startswith(("runs", TMP, os.getcwd()))]
say(rank, len(own), *(own if rank else []))
""".replace("TMP", repr(str(folder / "tmp"))),
        TMPDIR=str(folder / "tmp"),
    )
    first, *others = sorted(out.splitlines())
    assert int(first.split()[1]) > 20
    assert others == ["1 0", "2 0"]
    assert not list((folder / "tmp").iterdir())


def test_an_error_in_python_is_raised_in_all_processes_which_go_on(folder):
    out, err = run_python(
        folder,
        2,
        0,
        """
for settings in ({"training.optimizer": "lbfgs"}, {"training.epochs": 5 + rank}, {}):
    try:
        bpnet.train("config.yaml", settings=settings, quiet=True)
    except bpnet.errors.BpnetError as error:
        say(type(error).__name__, error)
how = {"settings": {"seed": rank}, "mpi": "never", "quiet": True}
bpnet.train("config.yaml", name=f"own{rank}", **how)
""",
    )
    lines = sorted(out.splitlines())
    assert lines[::2] == lines[1::2]  # the same in both
    assert "training.epochs is 5 in the first and 6 in the other" in out
    assert "mpi='never'" in out or 'mpi="never"' in out
    assert 'mpi="always"' in out  # it does not pay
    assert sorted(one.name for one in (folder / "runs").iterdir()) == ["own0-001", "own1-001"]
    assert "Traceback" not in err


def test_an_error_of_one_process_in_training_is_reported_once_and_ends_all(folder):
    _, err = run_python(
        folder,
        3,
        1,
        """
from bpnet.workflows.replica_session import ReplicaSession
def fail(self, *_):
    raise RuntimeError("a bug")
if rank == 1 or BUG_OF_ALL:
    ReplicaSession._epochs = fail
bpnet.train("config.yaml", mpi="always", quiet=True)
""".replace("BUG_OF_ALL", "True"),
    )
    assert err.count("Traceback") == 1
    assert "process 0 of 3, on " in err


def test_processes_that_mpi_does_not_see_train_nothing(folder):
    """As srun starts them without PMI; `--mpi never` trains one network in each."""
    step = {"SLURM_STEP_NUM_TASKS": "2"}
    for rank in "01":
        _, err = run(folder, None, "train", "config.yaml", code=2, SLURM_PROCID=rank, **step)
        assert err.count("srun has started 2 processes, of which mpi4py sees 1") == (rank == "0")
    assert not (folder / "runs").exists()
    run(folder, None, "train", "config.yaml", "--mpi", "never", SLURM_PROCID="1", **step)


def test_processes_share_the_steps_of_large_networks(folder):
    wide = ["--set", "architecture.layers=[{kind: dense, units: 300}, {kind: dense, units: 300}]"]
    run(folder, 2, "train", "config.yaml", "--mpi", "always", "--name", "two", *wide)
    run(folder, None, "train", "config.yaml", "--name", "one", *wide)
    runs = [folder / "runs" / name for name in ("one-001", "two-001")]
    assert_same_training(*runs)
    for ranks, trained in zip((2, None), runs, strict=True):  # from the other one's checkpoint
        more = ["--set", "training.epochs=8", *(["--mpi", "always"] if ranks else [])]
        run(folder, ranks, "resume", str(trained), *more)
    assert_same_training(*runs)
    content = [json.loads((each / "run.json").read_text()) for each in runs]
    assert [one.get("processes", 1) for one in content] == [1, 2]
    assert [one["resumed"][0]["processes"] for one in content] == [2, 1]
    for each, processes in zip(runs, ("1, then 2", "2, then 1"), strict=True):
        shown, _ = run(folder, None, "show", str(each))
        assert f"by {processes} processes together" in shown
