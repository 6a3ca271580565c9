"""Runs from elsewhere: nothing in them is believed before it is checked, and nothing is run."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workflow_runs import IRIS, ROOT, predicted, train_text, write_csv

from bpnet.engine.network import Network
from bpnet.errors import RunError
from bpnet.models.description import Description
from bpnet.models.saved_ensemble import load_ensemble
from bpnet.workflows.eval import evaluate

MEMBERS = """\
dataset: {path: t.csv, target: y}
architecture: {hidden: [3]}
training: {epochs: 2}
folds: 2
members: [{name: a}, {name: b, architecture: {layers: []}}]
"""


@pytest.fixture
def run(iris, tmp_path):
    shutil.copytree(iris.run, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    folder = tmp_path_factory.mktemp("members")
    write_csv(folder / "t.csv", "aby", [[k % 7, k * k % 11, k * 1.3 % 10] for k in range(60)])
    return train_text(folder, MEMBERS).run


def change(path: Path, **keys: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


def refused(run: Path, *words: str) -> None:
    """Predict and evaluate: both refuse the run, at once, and name the file."""
    for attempt in (lambda: predicted(run, IRIS), lambda: evaluate(run, str(IRIS))):
        start = time.process_time()
        with pytest.raises(RunError) as caught:
            attempt()
        assert all(word in str(caught.value) for word in words), str(caught.value)
        assert time.process_time() - start < 3


def test_loading_draws_no_weights(run, monkeypatch):
    def draw(network):
        raise AssertionError("drawn")

    monkeypatch.setattr(Network, "initialize", draw)
    assert len(predicted(run, IRIS)["flags"]) == 150
    assert load_ensemble(run / "model").select("1").networks == 1


@pytest.mark.parametrize(
    "keys",
    [
        {"layers": [{"kind": "dense", "units": 30_000_000}, {"kind": "dense", "units": 3}]},
        {"layers": [*([{"kind": "dense", "units": 20_000}] * 2), {"kind": "dense", "units": 3}]},
        {"layers": [{"kind": "dense", "units": 10**15}, {"kind": "dense", "units": 3}]},
        {"layers": [{"kind": "dense", "units": 10**300}, {"kind": "dense", "units": 3}]},
        {"seeds": list(range(100_000)), "losses": None},
    ],
    ids=["30,000,000 units", "20,000 x 20,000", "10^15 units", "10^300 units", "100,000 seeds"],
)
def test_nothing_is_made_before_the_weights_are_known_to_suit(keys, run, monkeypatch):
    def make(*_, **__):
        raise AssertionError("made")

    monkeypatch.setattr(Description, "network", make)
    change(run / "model" / "model.json", **keys)
    refused(run, "weights.safetensors", "the model needs")


def test_weights_of_another_training_are_refused(run):
    path = run / "model" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1  # a mantissa, which no shape tells
    path.write_bytes(content)
    refused(run, str(path), "its SHA-256 is")
    change(run / "model" / "model.json", weights_sha256=None)  # as older versions wrote it
    assert len(predicted(run, IRIS)["flags"]) == 150


def test_newer_formats_are_refused_by_name(run):
    path = run / "model" / "weights.safetensors"
    path.write_bytes(path.read_bytes().replace(b'"format":"2"', b'"format":"9"'))
    refused(run, str(path), "has the format '9', and this bpnet reads the format '2'")
    change(run / "model" / "model.json", format=6)
    refused(run, "model.json", "has the format 6, and this bpnet reads the formats 2 to 5")


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_large_sparse_file_takes_neither_time_nor_memory(name, run):
    with open(run / "model" / name, "r+b") as file:
        file.truncate(3_000_000_000)
    refused(run, name, "bytes")


@pytest.mark.parametrize("name", ["run.json", "splits.csv", "config.yaml"])
def test_eval_refuses_a_large_sparse_file(name, run):
    with open(run / name, "r+b") as file:
        file.truncate(300_000_000 if name == "config.yaml" else 3_000_000_000)
    start = time.process_time()
    with pytest.raises(RunError, match=name):
        evaluate(run, None)
    assert time.process_time() - start < 5


def test_a_pipe_in_a_run_is_not_waited_for(run):
    (run / "model" / "model.json").unlink()
    os.mkfifo(run / "model" / "model.json")
    with pytest.raises(RunError):
        predicted(run, IRIS)


@pytest.mark.parametrize(
    "link", ["member-001", "member-002/weights.safetensors", "model.json", "../model"]
)
def test_a_link_that_leads_out_of_a_run_is_refused(link, ensemble, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(ensemble, run)
    inside = Path(os.path.normpath(run / "model" / link))
    outside = tmp_path / "elsewhere"
    inside.rename(outside)
    inside.symlink_to(outside)
    table = ensemble.parents[1] / "t.csv"
    with pytest.raises(RunError) as caught:
        predicted(run, table)
    assert f"{inside}: is a link that leads out of {run}" in str(caught.value)
    # one that stays inside does no harm, and neither does one to the whole run
    inside.unlink()
    outside.rename(run / "moved")
    inside.symlink_to(run / "moved")
    (tmp_path / "linked").symlink_to(run)
    expected = predicted(ensemble, table)
    assert predicted(tmp_path / "linked", table) == expected


@pytest.mark.parametrize("name", ["../../elsewhere", "/etc", "member-001/../../x", "MEMBER-001"])
def test_members_are_folders_beside_the_file(name, ensemble, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(ensemble, run)
    change(run / "model" / "model.json", members=[name])
    with pytest.raises(RunError, match="members must be the folders beside this file"):
        predicted(run, ensemble.parents[1] / "t.csv")


def test_a_model_beyond_the_memory_is_a_fault_of_the_model(run, monkeypatch):
    def make(*_, **__):
        raise MemoryError

    monkeypatch.setattr(Description, "network", make)
    refused(run, "do not fit this machine's memory")


WATCHED = """\
import sys
from bpnet.cli import main

def invoke(*words):
    sys.argv = ["bpnet", *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code

run, table, output = sys.argv[1:]
commands = [["predict", run, table, "-o", output], ["eval", run, table], ["eval", run]]
for words in commands:
    invoke(*words)  # whatever is imported at first use is imported now

# "exec" is what exec and eval raise
FORBIDDEN = {
    "exec", "import", "marshal.loads", "pickle.find_class", "code.__new__",
    "os.exec", "os.fork", "os.posix_spawn", "os.system", "subprocess.Popen",
    "socket.connect",
}
seen = set()

def hook(event, arguments):
    seen.add(event)
    if event in FORBIDDEN or (event == "ctypes.dlopen" and run in str(arguments)):
        print("FORBIDDEN", event, arguments, file=sys.stderr)
        raise RuntimeError(event)

sys.addaudithook(hook)
for words in commands:
    invoke(*words)
assert "open" in seen  # the hook works
"""


def test_nothing_in_a_run_is_imported_unpickled_or_run(run, tmp_path):
    for trap in ("numpy.py", "sitecustomize.py", "bpnet.py", "model/__init__.py", "x.pth"):
        (run / trap).write_text("raise SystemExit('a trap was imported')\n")
    (run / "model" / "model.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(run), str(IRIS), str(tmp_path / "o.csv")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "FORBIDDEN" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
