"""Recurrent backpropagation and perturbation against the reference: solutions and their cost."""

import numpy as np
import pytest

from bpnet.engine.activations import Sigmoid
from bpnet.engine.initializers import Normal, Uniform
from bpnet.engine.layers import Dense, Equilibrium
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.metrics import Accuracy
from bpnet.engine.network import Network
from bpnet.engine.optimizers import Adam, GradientDescent, Perturbation

X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
XOR = Rows(X, np.array([[0.0], [1], [1], [0]]))


def fit_all(network, **settings):
    training = Training(batch_size="full", precision="float64", **settings)
    for record in fit(training, network, XOR, None, [Accuracy()]):
        last = record
    return last


def reference_starts(network, seeds):
    """Put the reference's first weights into the replicas: W, U, b, drawn in order from -1 to 1."""
    for replica, seed in enumerate(seeds):
        rng = np.random.default_rng(seed)
        for name in ("recurrent", "weight", "bias"):
            view = network.parameters.views[f"layers.0.{name}"][replica]
            view[...] = rng.uniform(-1, 1, view.shape)


@pytest.mark.parametrize("learning_rate", ["0.5", "2.0", "5.0"])
def test_recurrent_xor_is_solved_on_all_of_the_reference_runs(reference, learning_rate):
    runs = reference["002"]["recurrent_backpropagation"]["xor"]["runs"][learning_rate]
    seeds = [run["seed"] for run in runs]
    network = Network([Equilibrium(units=4, output_units=1)], 2, seeds=seeds, precision="float64")
    reference_starts(network, seeds)
    point = reference["002"]["recurrent_backpropagation"]["point"]
    np.testing.assert_array_equal(network.parameters.views["layers.0.recurrent"][0], point["W"])
    loss = SquaredError(half=True)
    last = fit_all(
        network,
        loss=loss,
        optimizer=GradientDescent(),
        learning_rate=float(learning_rate),
        epochs=3000,
        target_loss=0.01,
    )
    assert last.stops == ("target_loss",) * 10
    # the epoch whose loss is below the target is one more than the number of updates before it
    found = [int(epoch) - 1 for epoch in last.kept_epoch]
    expected = [run["stats"]["first_half_sq_loss_below_0_01"] for run in runs]
    # the reference stops its adjoint at an absolute change of 1e-6, this layer at one relative to
    # the error, which is tighter: at rate 5 the paths part by up to 3 updates of 276
    np.testing.assert_allclose(found, expected, atol=1, rtol=0.025)
    assert network.warnings == {}


def test_recurrent_xor_config(run_tutorial):
    trained, rows = run_tutorial("recurrent-xor")
    assert trained.stop_reason == "target_loss"
    assert trained.figures["train"]["accuracy"] == 1
    assert rows.warnings == []


def test_recurrent_iris_config(run_tutorial):
    trained, _ = run_tutorial("recurrent-iris", "training.epochs=300")
    assert trained.figures["train"]["accuracy"] >= 0.96
    assert trained.figures["test"]["accuracy"] >= 0.9


def test_a_relaxation_that_does_not_settle_warns_and_the_warning_is_kept(run_tutorial):
    _, rows = run_tutorial(
        "recurrent-xor", "architecture.layers.0.max_steps=3", "training.epochs=5"
    )
    (warning,) = rows.warnings
    assert "layer 1 (equilibrium)" in warning
    assert "did not settle in 3 steps" in warning


@pytest.mark.parametrize("seeds", [[0], [0, 1, 2]])
def test_an_equilibrium_layer_trains_with_any_optimizer_between_dense_layers(seeds):
    layers = [Dense(units=3, activation=Sigmoid()), Equilibrium(units=4), Dense(units=1)]
    network = Network(layers, 2, seeds=seeds, precision="float64")
    last = fit_all(network, optimizer=Adam(), learning_rate=0.05, epochs=400, target_loss=0.005)
    assert (last.metrics["accuracy"] == 1).all()


@pytest.mark.parametrize("order", ["random", "cyclic"])
def test_perturbation_never_makes_the_loss_worse(order):
    layers = [
        Dense(units=4, activation=Sigmoid(), initializer=Normal()),
        Dense(units=1, activation=Sigmoid()),
    ]
    network = Network(layers, 2, seeds=[0, 1], precision="float64")
    training = Training(
        optimizer=Perturbation(order=order),
        learning_rate=0.5,
        epochs=300,
        batch_size="full",
        precision="float64",
    )
    losses = np.array(
        [record.metrics["loss"] for record in fit(training, network, XOR, None, [Accuracy()])]
    )
    changes = np.diff(losses, axis=0)
    assert (changes <= 0).all()
    assert (changes < 0).any(axis=0).all()


def test_perturbation_changes_one_parameter_at_a_time():
    layers = [
        Dense(units=4, activation=Sigmoid(), initializer=Uniform()),
        Dense(units=1, activation=Sigmoid()),
    ]
    network = Network(layers, 2, seeds=[0], precision="float64")
    training = Training(
        optimizer=Perturbation(),
        learning_rate=0.5,
        epochs=50,
        batch_size="full",
        precision="float64",
    )
    before = network.theta.copy()
    for _ in fit(training, network, XOR, None, [Accuracy()]):
        assert (network.theta != before).sum() <= 1
        before = network.theta.copy()


def test_on_xor_perturbation_needs_fewer_passes_than_the_text_s_learning_rate(reference):
    """Refute that perturbation is inefficient, by the factor that the reference measured."""
    expected = reference["003"]["perturbation_vs_backprop"]["results"]["xor"]
    layers = [
        Dense(units=4, activation=Sigmoid(), initializer=Normal()),
        Dense(units=1, activation=Sigmoid(), initializer=Normal()),
    ]
    passes = {}
    for name, optimizer, rate, epochs in (
        ("perturb random sigma 1.0", Perturbation(), 1.0, 4000),
        ("backprop seed lr 0.1 (=0.2 on the mean)", GradientDescent(), 0.2, 9000),
    ):
        network = Network(layers, 2, seeds=range(20), precision="float64")
        last = fit_all(
            network, optimizer=optimizer, learning_rate=rate, epochs=epochs, target_loss=0.01
        )
        passes[name] = np.median(last.kept_epoch)
        hits = expected[name]["hits"] if isinstance(expected[name], dict) else expected[name]
        # the fourth level is 0.01; the starts are not the reference's, and the passes vary by start
        assert hits[3]["min"] <= passes[name] <= hits[3]["max"]
    assert (
        passes["perturb random sigma 1.0"] * 5 < passes["backprop seed lr 0.1 (=0.2 on the mean)"]
    )


@pytest.mark.parametrize(
    ("name", "loss"), [("perturbation-xor", 0.00196), ("perturbation-iris", 0.05)]
)
def test_perturbation_configs_reach_the_loss_of_the_comparison(run_tutorial, reference, name, loss):
    trained, _ = run_tutorial(name)
    assert trained.stop_reason == "target_loss"
    assert trained.figures["train"]["loss"] <= loss
    results = reference["003"]["perturbation_vs_backprop"]["results"]
    hits, level = (results["xor"], 4) if name == "perturbation-xor" else (results["iris_l2"], 2)
    slowest = hits["perturb random sigma 1.0"]["hits"][level]["max"]
    assert trained.epochs <= 2 * slowest  # one start, beside the slowest of the reference's twenty


@pytest.mark.slow
def test_recurrent_iris_ends_where_the_reference_ends(run_tutorial, reference):
    runs = reference["002"]["recurrent_backpropagation"]["iris"]["runs"]
    last = [run["curve"]["2000"] for run in runs]
    trained, _ = run_tutorial("recurrent-iris")
    assert min(run["acc"] for run in last) <= trained.figures["train"]["accuracy"]
    # other rows are held out than in the reference, so that one of 50 may turn out otherwise
    assert trained.figures["test"]["accuracy"] >= min(run["test_acc"] for run in last) - 0.02
