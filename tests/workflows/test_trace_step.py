"""trace RUN --epoch E --step S: the step is the training's own, from its weights to new ones."""

import numpy as np
import pytest
from command_line import bpnet
from short_runs import begin, write_table

from bpnet.config.loading import read_config
from bpnet.engine.loop.fit import fit
from bpnet.errors import UsageError
from bpnet.models.build import build_model
from bpnet.preparation.prepare import prepare
from bpnet.workflows.trace import trace_rows

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 0.2, test: 0.1}}
architecture: {hidden: [4], activation: tanh}
training: {epochs: 7, batch_size: 16, precision: float64, snapshots: 3}
"""
CASES = {
    "adam": ["training.optimizer=adam", "training.schedule=cosine"],
    "momentum": ["training.optimizer={kind: momentum, momentum: 0.8}", "training.l2=0.01"],
    "nadam": ["training.optimizer=nadam", "training.gradient_clipping={norm: 0.05}"],
    "weighted": [
        "dataset.class_weight=balanced",
        "training.loss={kind: cross_entropy, label_smoothing: 0.1}",
    ],
    "dropout": ["architecture.dropout=0.3", "training.optimizer=rmsprop"],
    "plateau": [
        "training.schedule={kind: reduce_on_plateau, patience: 1}",
        "training.learning_rate=1",
    ],
    "averaged": ["training.averaging={decay: 0.5}", "training.optimizer=adamw"],
    "full": ["training.batch_size=full", "training.optimizer=gradient_descent"],
    "replicas": ["replicas=3", "training.optimizer=adam"],
    "spread": ["training.last_batch=spread"],
    "perturbation": ["training.optimizer=perturbation"],
    "normalized": ["architecture={layers: [{kind: dense, units: 3}, {kind: batch_normalization}]}"],
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("epochs")
    write_table(folder / "t.csv", 70)
    (folder / "c.yaml").write_text(CONFIG)
    return folder


class Reached(BaseException):
    """The step whose parameters are compared."""


def around_step(table, settings, epoch, step):
    """Return theta of the first replica before and after a step of an epoch."""
    prepared = prepare(read_config(table / "c.yaml", settings))
    network = build_model(prepared).network
    seen = [network.theta[0].copy()]  # before the epoch, and after each of its steps

    def after_step():
        if fitting.epoch == epoch - 1:
            seen.append(network.theta[0].copy())
            if len(seen) > step:
                raise Reached

    fitting = fit(
        prepared.config.training,
        network,
        prepared.rows["train"],
        prepared.rows["validation"],
        keep_before=True,
        after_step=after_step,
    )
    try:
        for record in fitting:
            if record.epoch == epoch:
                break
            seen = [network.theta[0].copy()]
    except Reached:
        return seen[step - 1], seen[step]
    return seen[step - 1], network.theta[0].copy()  # the epoch's last step


def traced_theta(trace, moment):
    """Return the traced parameters before or after the step, in the network's order."""
    layers = [getattr(layer, moment) for layer in trace.steps[0].layers]
    names = [name.split(".") for name in trace.model.network.parameters.views]
    return np.concatenate([layers[int(layer)][name].ravel() for _, layer, name in names])


@pytest.mark.parametrize("name", CASES)
def test_the_step_is_that_of_the_training(table, name):
    run = begin(table, name, *CASES[name])
    last = {"full": 1, "spread": 3}.get(name, 4)
    for epoch, step in ((1, None), (2, last), (6, min(2, last))):
        compare(table, run, name, epoch, step)


def compare(table, run, name, epoch, step):
    traced = trace_rows(run, None, 1, epoch=epoch, step=step)
    before, after = around_step(table, CASES[name], epoch, step or 1)
    assert (traced.steps[0].epoch, traced.steps[0].number) == (epoch, step or 1)
    np.testing.assert_allclose(traced_theta(traced, "before"), before, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(traced_theta(traced, "after"), after, rtol=1e-9, atol=1e-12)
    if name != "perturbation":  # which keeps what it has in most trials
        assert not np.array_equal(before, after)


def test_every_equation_holds_with_the_optimizers_past(table):
    run = begin(table, "equations", "training.optimizer=adam")
    step = trace_rows(run, None, 1, epoch=5).explanation.steps[0]
    for number in step.numbers:
        if number.equation is not None:
            assert number.equation.value == pytest.approx(number.value, rel=1e-9, abs=1e-12)
    moments = [number for number in step.numbers if number.name == "mean gradient"]
    assert moments
    assert all(moment.equation is not None for moment in moments)


def test_without_snapshots_the_epochs_are_repeated(table):
    run = begin(table, "bare", "training.snapshots=null")
    with_them = begin(table, "kept")
    one, other = (trace_rows(path, None, 1, epoch=6) for path in (run, with_them))
    assert one.steps[0].loss == other.steps[0].loss
    assert any("5 epochs of training had to be repeated" in note for note in one.notes)
    assert any("1 epoch of training had to be repeated" in note for note in other.notes)


def test_named_rows_are_another_step_of_the_same_weights(table):
    run = begin(table, "rows")
    own, named = trace_rows(run, None, 1, epoch=3), trace_rows(run, "1,2", 1, epoch=3)
    assert np.array_equal(traced_theta(own, "before"), traced_theta(named, "before"))
    assert len(own.rows) == 16
    assert named.rows == [1, 2]
    assert "as the training took it" in own.notes[0]
    assert "but other rows: its batch had 16 rows" in named.notes[0]


@pytest.mark.parametrize(
    ("settings", "epoch", "message"),
    [
        ([], 8, "the training ended after epoch 7"),
        (
            ["training.early_stopping={patience: 1}", "training.learning_rate=1"],
            7,
            "ended after epoch",
        ),
        (["training.batch_size=full", "dataset.path=long.csv"], 2, "name rows with --row"),
    ],
)
def test_steps_that_cannot_be_traced(table, settings, epoch, message):
    write_table(table / "long.csv", 200)
    run = begin(table, "refused", *settings)
    with pytest.raises(UsageError, match=message):
        trace_rows(run, None, 1, epoch=epoch)


@pytest.mark.parametrize(
    ("settings", "words", "message"),
    [
        ([], {"epoch": 2, "step": 5}, "--step 5: an epoch of this training has 4 steps; name one"),
        (["training.batch_size=full"], {"epoch": 2, "step": 2}, "has 1 step; leave --step out"),
        ([], {"step": 2}, "name the epoch: --epoch 1 --step 2"),
    ],
)
def test_steps_that_are_not_there(table, settings, words, message):
    run = begin(table, "absent", *settings)
    with pytest.raises(UsageError, match=message):
        trace_rows(run, None, 1, **words)


def test_the_steps_of_an_epoch_take_each_row_once(table):
    run = begin(table, "walk")
    rows = [
        row for step in range(1, 5) for row in trace_rows(run, None, 1, epoch=2, step=step).rows
    ]
    prepared = prepare(read_config(table / "c.yaml"))
    assert sorted(rows) == [int(row) + 1 for row in prepared.parts["train"]]


def test_several_steps_need_the_same_rows(table):
    run = begin(table, "steps")
    with pytest.raises(UsageError, match=r"each step of the epoch has other rows.*--step 2"):
        trace_rows(run, None, 2, epoch=2)
    assert len(trace_rows(run, "1,2", 2, epoch=2).steps) == 2


def test_on_the_command_line(table):
    begin(table, "words")
    said = bpnet("trace", table / "runs" / "words-001", "--epoch", "2", "--digits", "4")
    assert (said.code, said.err) == (0, "")
    assert "step 1 of epoch 2, as the training took it" in " ".join(said.out.split())
    refused = bpnet("trace", table / "c.yaml", "--epoch", "2")
    assert refused.code == 2
    assert "bpnet train" in refused.err
