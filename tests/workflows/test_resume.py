"""bpnet resume: weights and logs are those of a run that never stopped."""

import csv
import json
import shutil

import numpy as np
import pytest
from workflow_runs import Watcher, in_training

from bpnet.config.loading import read_config
from bpnet.errors import DataError, InterruptedRunError, RunError, UsageError
from bpnet.models.run_model import open_run_model
from bpnet.models.saved_ensemble import load_ensemble
from bpnet.runs.checkpoints import Checkpoints
from bpnet.runs.run_file import RunFile, run_status
from bpnet.workflows.eval import evaluate
from bpnet.workflows.resume import resume
from bpnet.workflows.session import TrainingSession
from bpnet.workflows.thresholds import ThresholdOptions
from bpnet.workflows.train import train

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 0.2, test: 0.1}}
architecture: {hidden: [8, 6], activation: tanh, dropout: 0.2}
training: {epochs: 12, batch_size: 16, diagnose_every: 3}
checkpoint: {every_seconds: 0}
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3))
    y = np.where(x @ [1, -1, 0.5] + 0.3 * rng.normal(size=120) > 0, "yes", "no")
    lines = [
        "a,b,c,y",
        *(f"{a:.4f},{b:.4f},{c:.4f},{label}" for (a, b, c), label in zip(x, y, strict=True)),
    ]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    (folder / "c.yaml").write_text(CONFIG)
    return folder


def begin(table, name, *settings):
    loaded = read_config(table / "c.yaml", settings)
    return train(loaded, runs=table / "runs", name=name, command=["bpnet"], watcher=Watcher()).run


def go_on(run, *settings, force=False):
    return resume(run, settings, force=force, command=["bpnet", "resume"], watcher=Watcher())


class Killed(BaseException):
    """What no code catches: the process is gone."""


def killed(session, status="failed"):
    """Save nothing; the system takes back the lock."""
    session._journal.file._leave()
    raise Killed


def kill_after(monkeypatch, steps):
    """Let a training end after so many steps as SIGKILL would end it: nothing more is written."""
    after_step, save = TrainingSession.after_step, {"done": 0}

    def counting(self):
        after_step(self)
        save["done"] += 1
        if save["done"] == steps:
            monkeypatch.setattr(type(self), "save", killed)
            raise Killed

    monkeypatch.setattr(TrainingSession, "after_step", counting)
    monkeypatch.setattr(RunFile, "__exit__", lambda *error: None)


def written(run):
    """Each file of a run that must be the same, without times."""
    found = {}
    for name in ("model/weights.safetensors", "model/model.json", "splits.csv", "diagnosis.json"):
        found[name] = (run / name).read_bytes()
    found["metrics.json"] = json.loads((run / "metrics.json").read_text())
    for name in ("metrics.csv", "replicas.csv"):
        if (run / name).exists():
            with open(run / name, newline="") as file:
                rows = list(csv.DictReader(file))
            found[name] = [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
    return found


@pytest.mark.parametrize("settings", [(), ("replicas=3",), ("training.schedule=cosine",)])
@pytest.mark.parametrize("steps", [1, 7, 40])
def test_a_killed_run_ends_as_if_it_had_never_stopped(table, settings, steps, monkeypatch):
    name = f"k{steps}" + "".join(settings).partition("=")[0].replace("training.", "")
    whole = begin(table, f"{name}-whole", *settings)
    with monkeypatch.context() as patched:
        kill_after(patched, steps)
        with pytest.raises(Killed):
            begin(table, name, *settings)
    run = table / "runs" / f"{name}-001"
    assert json.loads((run / "run.json").read_text())["status"] == "running"
    assert run_status(run / "run.json") == "died"
    assert go_on(run).run == run
    assert written(run) == written(whole)
    content = json.loads((run / "run.json").read_text())
    assert content["status"] == "finished"
    assert [one["command"] for one in content["resumed"]] == [["bpnet", "resume"]]
    assert not (run / ".lock").exists()


def test_a_threshold_that_the_model_kept_is_named_before_it_is_forgotten(table):
    run = begin(table, "decided")
    evaluate(run, None, threshold=ThresholdOptions("0.3", save=True), resamples=20)
    watcher = Watcher()
    resume(run, ["training.epochs=30"], force=False, command=["bpnet"], watcher=watcher)
    (text,) = [one for one in watcher.warnings if "threshold" in one]
    assert "keeps the threshold 0.3, which suits the weights that it has" in text
    assert text.endswith(f"bpnet eval {run} --threshold 0.3 --save")
    assert open_run_model(run).model.thresholds is None
    assert not any("threshold" in one for one in go_on_warnings(run, "training.epochs=40"))


def go_on_warnings(run, setting):
    """The warnings of a training that goes on."""
    watcher = Watcher()
    resume(run, [setting], force=False, command=["bpnet"], watcher=watcher)
    return watcher.warnings


def test_a_run_that_was_killed_while_it_was_saved_is_saved_again(table, monkeypatch):
    whole = begin(table, "late-whole")

    with monkeypatch.context() as patched:
        patched.setattr("bpnet.workflows.train._TrainSession.save", killed)
        with pytest.raises(Killed):
            begin(table, "late")
    run = table / "runs" / "late-001"
    go_on(run)
    assert written(run) == written(whole)


def test_an_interrupted_run_can_be_used_and_goes_on(table, monkeypatch):
    whole = begin(table, "stop-whole")
    after_step, steps = TrainingSession.after_step, []

    def signalled(self):
        steps.append(1)
        if len(steps) == 20:
            self.interruption.number = 15
        after_step(self)

    with monkeypatch.context() as patched:
        patched.setattr(TrainingSession, "after_step", signalled)
        with pytest.raises(InterruptedRunError, match="bpnet resume") as caught:
            begin(table, "stop")
    assert caught.value.exit_code == 143
    run = table / "runs" / "stop-001"
    assert run_status(run / "run.json") == "interrupted"
    assert load_ensemble(run / "model").members
    go_on(run)
    assert written(run) == written(whole)


def test_more_epochs_are_those_of_a_longer_run(table):
    longer = begin(table, "longer", "training.epochs=20")
    run = begin(table, "short")
    result = go_on(run, "training.epochs=20")
    assert result.epochs == 20
    assert written(run)["metrics.csv"] == written(longer)["metrics.csv"]
    assert written(run)["model/weights.safetensors"] == written(longer)["model/weights.safetensors"]


def test_a_damaged_newest_checkpoint_falls_back(table, monkeypatch):
    whole = begin(table, "torn-whole")
    with monkeypatch.context() as patched:
        kill_after(patched, 30)
        with pytest.raises(Killed):
            begin(table, "torn")
    run = table / "runs" / "torn-001"
    newest = max((run / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:-100])
    go_on(run)
    assert written(run) == written(whole)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((), "has finished; to train on, give it more epochs"),
        (
            ("training.learning_rate=0.5",),
            r"can change only .* --from \S+ --set training.learning_",
        ),
        (("architecture.output.bias=false",), "can change only training.epochs"),
        (("training.epochs=3",), "has trained 12 epochs already"),
    ],
)
def test_what_cannot_go_on_says_why(table, settings, message):
    run = begin(table, "refused")
    with pytest.raises((RunError, UsageError), match=message):
        go_on(run, *settings)


def test_a_checkpoint_of_another_version_is_refused(table):
    run = begin(table, "version")
    checkpoints = Checkpoints(run / "checkpoints")
    state = checkpoints.latest()
    del state["fit"]["_record"]
    checkpoints.write(state)
    with pytest.raises(RunError, match="does not suit the data, the config or this version"):
        go_on(run, "training.epochs=20")


def test_changed_data_is_refused(table, tmp_path):
    for name in ("t.csv", "c.yaml"):
        shutil.copy(table / name, tmp_path)
    run = begin(tmp_path, "data")
    with open(tmp_path / "t.csv", "a") as file:
        file.write("1,1,1,yes\n")
    with pytest.raises((RunError, DataError), match="has changed"):
        go_on(run, "training.epochs=20")


def test_a_run_in_training_is_refused(table):
    run = begin(table, "busy")
    with in_training(run), pytest.raises(RunError, match="is in training, by process"):
        go_on(run, "training.epochs=20")


def full_disk(monkeypatch, calls):
    """Let the first checkpoints meet a full disk."""
    write, count = Checkpoints.write, iter(range(10**6))

    def failing(self, state, *, flush=True):
        if next(count) < calls:
            raise RunError(f"{self.folder}: cannot be written: No space left on device")
        return write(self, state, flush=flush)

    monkeypatch.setattr(Checkpoints, "write", failing)


def test_a_full_disk_ends_a_training_with_its_command(table, monkeypatch):
    with monkeypatch.context() as patched:
        full_disk(patched, 10**6)
        with pytest.raises(RunError, match=r"No space left on device.*bpnet resume") as caught:
            begin(table, "full")
    assert caught.value.exit_code == 5
    assert run_status(table / "runs/full-001/run.json") == "failed"


def test_a_training_goes_on_in_memory_while_the_disk_is_full(table, monkeypatch):
    whole = begin(table, "room")
    with monkeypatch.context() as patched:
        full_disk(patched, 20)
        run = begin(table, "full-continue", "checkpoint.on_write_error=continue")
    found, expected = written(run), written(whole)
    assert found == expected
    assert run_status(run / "run.json") == "finished"


@pytest.mark.slow
def test_a_run_in_training_is_read_whole(table, monkeypatch):
    """After every step the model of the checkpoint predicts, as that of the end does."""
    after_step, kinds = TrainingSession.after_step, set()

    def reading(self):
        after_step(self)
        run = table / "runs" / "read-001"
        if (run / "checkpoints").is_dir():
            found = open_run_model(run)
            kinds.add((len(found.model.members), "is in training" in found.notes[0]))

    with monkeypatch.context() as patched:
        patched.setattr(TrainingSession, "after_step", reading)
        begin(table, "read")
    assert kinds == {(1, True)}


def test_a_model_that_is_removed_while_it_is_read_is_that_of_the_checkpoint(table, monkeypatch):
    run = begin(table, "removed")
    (run / "run.json").write_text(
        (run / "run.json").read_text().replace('"finished"', '"interrupted"', 1)
    )

    def removing(folder):
        (folder / "model.json").unlink()
        return load_ensemble(folder)

    monkeypatch.setattr("bpnet.models.run_model.load_ensemble", removing)
    found = open_run_model(run)
    assert found.checkpoint is not None
    assert "bpnet resume" in found.notes[0]
