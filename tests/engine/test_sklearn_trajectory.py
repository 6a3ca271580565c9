"""A 4-16-3 network on iris takes the steps of scikit-learn's MLPClassifier, one by one."""

import numpy as np
import pytest
from engine_cases import network_of
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier

from bpnet.engine.activations import Relu, Softmax
from bpnet.engine.layers import Dense
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import CrossEntropy
from bpnet.engine.metrics import Accuracy
from bpnet.engine.network import Network
from bpnet.engine.optimizers import Adam, GradientDescent, Momentum, Nesterov

STEPS = 50
OPTIMIZERS = {
    "sgd": (GradientDescent(), {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False}),
    "momentum": (
        Momentum(momentum=0.8),
        {"solver": "sgd", "momentum": 0.8, "nesterovs_momentum": False},
    ),
    "nesterov": (
        Nesterov(momentum=0.8),
        {"solver": "sgd", "momentum": 0.8, "nesterovs_momentum": True},
    ),
    # scikit-learn adds epsilon to √v, we to the corrected √v̂: with next to none of it both are
    # the same
    "adam": (Adam(epsilon=1e-300), {"solver": "adam", "epsilon": 1e-300}),
}
# batches of 40 end each epoch with one of 30; scikit-learn's penalty is alpha / 2 Σ w² / rows of
# the batch, which one l2 can equal only where all batches have the same number of rows
BATCHES = [pytest.param(size, alpha, id=f"{size}-{alpha}") for size, alpha in
           [("full", 0.0), ("full", 3.0), (40, 0.0), (50, 0.0), (50, 3.0)]]  # fmt: skip


def iris() -> tuple[np.ndarray, np.ndarray]:
    """Standardized features and class numbers, in an order that mixes the classes."""
    x, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    return ((x - x.mean(axis=0)) / x.std(axis=0))[order], y[order]


class FromTheSameWeights(MLPClassifier):
    """The classifier, begun with the first replica's weights in place of its own draw."""

    def begin_with(self, network: Network) -> "FromTheSameWeights":
        views = network.parameters.views
        self.given = [
            (views[f"layers.{k}.weight"][0].T.copy(), views[f"layers.{k}.bias"][0].copy())
            for k in (0, 1)
        ]
        return self

    def _init_coef(self, fan_in, fan_out, dtype):
        weight, bias = self.given.pop(0)
        assert weight.shape == (fan_in, fan_out)
        assert weight.dtype == dtype == np.float64
        return weight, bias


def network_4_16_3() -> Network:
    network = network_of(
        [Dense(units=16, activation=Relu()), Dense(units=3)], inputs=4, seeds=(11,)
    )
    network.theta[:, network.weights :] = np.random.default_rng(5).normal(0, 0.1, 19)
    network.output_activation = Softmax()
    return network


def same_weights(network: Network, theirs: MLPClassifier) -> None:
    views = network.parameters.views
    for k in (0, 1):
        for ours, other in (("weight", theirs.coefs_[k].T), ("bias", theirs.intercepts_[k])):
            np.testing.assert_allclose(
                views[f"layers.{k}.{ours}"][0], other, rtol=1e-12, atol=1e-12
            )


@pytest.mark.parametrize(("batch_size", "alpha"), BATCHES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_steps(name, batch_size, alpha):
    ours, theirs = OPTIMIZERS[name]
    x, classes = iris()
    size = len(x) if batch_size == "full" else batch_size
    epochs = -(-STEPS // -(-len(x) // size))
    network = network_4_16_3()
    classifier = FromTheSameWeights(
        hidden_layer_sizes=(16,),
        activation="relu",
        learning_rate="constant",
        learning_rate_init=0.01,
        batch_size=size,
        alpha=alpha,
        shuffle=False,
        **theirs,
    ).begin_with(network)
    training = Training(
        loss=CrossEntropy(),
        optimizer=ours,
        learning_rate=0.01,
        batch_size=batch_size,
        shuffle=False,
        epochs=epochs,
        l2=alpha / size,
        precision="float64",
    )
    for record in fit(training, network, Rows(x, np.eye(3)[classes]), None, [Accuracy()]):
        classifier.partial_fit(x, classes, classes=[0, 1, 2])
        same_weights(network, classifier)
        assert record.metrics["loss"][0] == pytest.approx(classifier.loss_, rel=1e-12)
    assert record.step >= STEPS
    np.testing.assert_allclose(
        network.predict(x)[0], classifier.predict_proba(x), rtol=1e-10, atol=1e-12
    )


def test_fifty_steps_with_weighted_rows():
    pytest.importorskip("sklearn", minversion="1.7", reason="older ones take no weights here")
    x, classes = iris()
    weights = np.random.default_rng(1).uniform(0.2, 3.0, len(x))
    network = network_4_16_3()
    classifier = FromTheSameWeights(
        hidden_layer_sizes=(16,), solver="sgd", momentum=0.0, learning_rate_init=0.1,
        batch_size=len(x), alpha=0.0, shuffle=False,
    ).begin_with(network)  # fmt: skip
    training = Training(
        loss=CrossEntropy(),
        optimizer=GradientDescent(),
        learning_rate=0.1,
        batch_size="full",
        epochs=STEPS,
        precision="float64",
    )
    for record in fit(training, network, Rows(x, np.eye(3)[classes], weights), None, [Accuracy()]):
        classifier.partial_fit(x, classes, sample_weight=weights, classes=[0, 1, 2])
        same_weights(network, classifier)
        assert record.metrics["loss"][0] == pytest.approx(classifier.loss_, rel=1e-12)
