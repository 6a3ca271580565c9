"""training.snapshots: the states along the way, from each of which the training ends the same."""

import numpy as np
import pytest
from short_runs import begin, write_table
from workflow_runs import Watcher

from bpnet.config.loading import read_config
from bpnet.engine.loop.fit import fit
from bpnet.errors import ConfigError, InterruptedRunError, RunError
from bpnet.models.build import build_model
from bpnet.models.checkpoint_model import model_of
from bpnet.models.saved_ensemble import load_ensemble
from bpnet.preparation.prepare import prepare
from bpnet.runs.snapshots import Snapshots, snapshot_epochs
from bpnet.workflows.resume import resume
from bpnet.workflows.session import TrainingSession

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 0.2, test: 0.2}}
architecture: {hidden: [5], activation: tanh, dropout: 0.2}
training: {epochs: 9, batch_size: 16, keep: last, snapshots: 4}
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("snapshots")
    write_table(folder / "t.csv", 90)
    (folder / "c.yaml").write_text(CONFIG)
    return folder


@pytest.mark.parametrize(
    ("count", "last", "epochs"),
    [
        (2, 9, {0, 9}),
        (4, 9, {0, 3, 6, 9}),
        (30, 4, {0, 1, 2, 3, 4}),
        (3, 10**9, {0, 5 * 10**8, 10**9}),
    ],
)
def test_epochs_are_spread_evenly(count, last, epochs):
    assert snapshot_epochs(count, last) == epochs


@pytest.mark.parametrize("replicas", [1, 3])
def test_from_each_snapshot_the_training_ends_the_same(table, replicas):
    run = begin(table, f"ends-{replicas}", f"replicas={replicas}")
    snapshots = Snapshots(run / "snapshots")
    assert snapshots.epochs() == [0, 3, 6, 9]
    last = model_of(snapshots.read(9)["model"], snapshots.path(9)).network.theta
    kept = np.concatenate([member.network.theta for member in load_ensemble(run / "model").members])
    assert np.array_equal(last, kept)
    prepared = prepare(read_config(table / "c.yaml", [f"replicas={replicas}"]))
    rows = prepared.rows
    for epoch in (0, 3, 6):
        network = build_model(prepared).network
        goes_on = fit(
            prepared.config.training,
            network,
            rows["train"],
            rows["validation"],
            keep_before=True,
            state=snapshots.read(epoch)["fit"],
        )
        assert [record.epoch for record in goes_on] == list(range(epoch + 1, 10))
        assert np.array_equal(network.theta, last)


def test_the_first_snapshot_holds_the_first_weights(table):
    run = begin(table, "first")
    snapshots = Snapshots(run / "snapshots")
    drawn = build_model(prepare(read_config(table / "c.yaml"))).network.theta
    first = model_of(snapshots.read(0)["model"], snapshots.path(0)).network.theta
    assert np.array_equal(first, drawn)


def test_the_weights_are_those_of_a_run_without_snapshots(table):
    plain = load_ensemble(begin(table, "plain", "training.snapshots=null") / "model").members[0]
    with_them = load_ensemble(begin(table, "with") / "model").members[0]
    assert np.array_equal(plain.network.theta, with_them.network.theta)


def test_a_resumed_training_has_them_all(table, monkeypatch):
    whole = begin(table, "whole")
    calls = 0
    after_step = TrainingSession.after_step

    def interrupt(session):
        nonlocal calls
        calls += 1
        if calls == 14:
            session.interruption.number = 2
        after_step(session)

    monkeypatch.setattr(TrainingSession, "after_step", interrupt)
    with pytest.raises(InterruptedRunError):
        begin(table, "cut")
    monkeypatch.undo()
    run = table / "runs" / "cut-001"
    assert Snapshots(run / "snapshots").epochs() == [0, 3]
    resume(run, (), force=False, command=[], watcher=Watcher())
    assert Snapshots(run / "snapshots").epochs() == [0, 3, 6, 9]
    for epoch in (0, 3, 6, 9):
        one, other = (Snapshots(path / "snapshots").read(epoch) for path in (whole, run))
        assert np.array_equal(one["model"]["parameters"], other["model"]["parameters"])


@pytest.mark.parametrize(("failures", "epochs"), [(1, [1, 3, 6, 9]), (2, [2, 3, 6, 9])])
def test_one_that_cannot_be_written_is_tried_again(table, monkeypatch, failures, epochs):
    write, count = Snapshots.write, iter(range(10**6))

    def failing(snapshots, epoch, state):
        if next(count) < failures:
            raise RunError(f"{snapshots.folder}: cannot be written: No space left on device")
        write(snapshots, epoch, state)

    with monkeypatch.context() as patched:
        patched.setattr(Snapshots, "write", failing)
        watcher = Watcher()
        settings = "checkpoint.on_write_error=continue"
        run = begin(table, f"full-{failures}", settings, watcher=watcher)
    assert Snapshots(run / "snapshots").epochs() == epochs
    assert [text for text in watcher.warnings if "tries again" in text] == watcher.warnings[:1]


def test_a_damaged_one_is_refused_by_name(table):
    run = begin(table, "damaged")
    snapshots = Snapshots(run / "snapshots")
    snapshots.path(3).write_bytes(snapshots.path(3).read_bytes()[:-9])
    with pytest.raises(RunError, match="epoch-000000003"):
        snapshots.read(3)


@pytest.mark.parametrize("settings", [["folds=3"], ["preset=default"]])
def test_folds_keep_none(table, settings):
    with pytest.raises(ConfigError, match=r"folds is \d, but only a training without folds keeps"):
        begin(table, "folds", *settings)
