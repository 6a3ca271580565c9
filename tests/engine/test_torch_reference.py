"""PyTorch as an independent reference: networks forward and backward, and shared optimizers."""

from collections.abc import Callable

import numpy as np
import pytest
from engine_cases import in_precision, linear, named, network_of, some_rows, train

from bpnet.engine.activations import (
    Elu,
    Gelu,
    Identity,
    LeakyRelu,
    Mish,
    Relu,
    Selu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
from bpnet.engine.layers import (
    BatchNormalization,
    CategoryTable,
    Dense,
    Embedding,
    LayerNormalization,
    Parametric,
    Periodic,
    Scale,
)
from bpnet.engine.loop.batches import Rows
from bpnet.engine.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Quantile,
    SquaredError,
)
from bpnet.engine.optimizers import (
    Adagrad,
    Adam,
    AdamW,
    GradientDescent,
    Momentum,
    NAdam,
    Nesterov,
    RmsProp,
    Rprop,
)

torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
nn, functional = torch.nn, torch.nn.functional

DTYPE = {"float64": torch.float64, "float32": torch.float32}
PRECISIONS = [
    pytest.param("float64", 1e-12, id="float64"),
    pytest.param("float32", 1e-6, id="float32"),
]


@pytest.fixture(autouse=True)
def _default_dtype(request):
    """Torch keeps its optimizers' counters, such as NAdam's momenta, in the default type."""
    before = torch.get_default_dtype()
    given = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    torch.set_default_dtype(DTYPE[given.get("precision", "float64")])
    yield
    torch.set_default_dtype(before)


ACTIVATIONS: list[tuple[object, Callable]] = [
    (Identity(), lambda z: z),
    (Sigmoid(), torch.sigmoid),
    (Tanh(), torch.tanh),
    (Relu(), torch.relu),
    (LeakyRelu(slope=0.2), lambda z: functional.leaky_relu(z, 0.2)),
    (Elu(alpha=0.7), lambda z: functional.elu(z, 0.7)),
    (Selu(), functional.selu),
    (Gelu(), lambda z: functional.gelu(z, approximate="tanh")),
    (Silu(), functional.silu),
    (Mish(), functional.mish),
    (Softplus(), functional.softplus),
    (Softmax(), lambda z: functional.softmax(z, dim=1)),
]


def weighted_mean(each):
    """The weighted mean over rows of the sum or mean over outputs that `each` leaves to do."""
    return lambda y, t, w: (w * each(y, t)).mean()


LOSSES: list[tuple[object, Callable]] = [
    (
        SquaredError(),
        weighted_mean(lambda y, t: functional.mse_loss(y, t, reduction="none").mean(1)),
    ),
    (
        SquaredError(half=True, outputs="sum"),
        weighted_mean(lambda y, t: functional.mse_loss(y, t, reduction="none").sum(1) / 2),
    ),
    (
        AbsoluteError(),
        weighted_mean(lambda y, t: functional.l1_loss(y, t, reduction="none").mean(1)),
    ),
    (
        Huber(delta=0.6),
        weighted_mean(
            lambda y, t: functional.huber_loss(y, t, reduction="none", delta=0.6).mean(1)
        ),
    ),
    (
        Quantile(quantile=0.8),
        weighted_mean(lambda y, t: torch.maximum(0.8 * (t - y), 0.2 * (y - t)).mean(1)),
    ),
    (
        BinaryCrossEntropy(),
        weighted_mean(
            lambda y, t: functional.binary_cross_entropy_with_logits(y, t, reduction="none").sum(1)
        ),
    ),
    (CrossEntropy(), weighted_mean(lambda y, t: functional.cross_entropy(y, t, reduction="none"))),
    (
        CrossEntropy(label_smoothing=0.2),
        weighted_mean(
            lambda y, t: functional.cross_entropy(y, t, reduction="none", label_smoothing=0.2)
        ),
    ),
]


def tensor(array: np.ndarray) -> "torch.Tensor":
    return torch.from_numpy(np.array(array))


class Twin(nn.Module):
    """The torch network of the same layers, with the parameters of one replica."""

    def __init__(self, network, replica=0):
        super().__init__()
        self.names, self.parts = [], []
        functions = {type(ours): theirs for ours, theirs in ACTIVATIONS}
        dtype = DTYPE[str(network.dtype)]
        for k, layer in enumerate(network.layers):
            units, own = network.widths[k], network.parameters.part(f"layers.{k}")
            names = {"weight": "weight", "bias": "bias"}
            if isinstance(layer, Dense):
                part = nn.Linear(units, layer.units, bias=layer.bias, dtype=dtype)
            else:
                names = {"gamma": "weight", "beta": "bias"}
                if isinstance(layer, BatchNormalization):
                    part = nn.BatchNorm1d(
                        units, eps=layer.epsilon, momentum=1 - layer.momentum, dtype=dtype
                    )
                else:
                    part = nn.LayerNorm(units, eps=layer.epsilon, dtype=dtype)
            for name in own:
                with torch.no_grad():
                    getattr(part, names[name]).copy_(tensor(own[name][replica]))
                self.names.append((f"layers.{k}.{name}", k, names[name]))
            self.add_module(f"part_{k}", part)
            self.parts.append((part, functions[type(layer.activation)]))

    def forward(self, x):
        for part, activation in self.parts:
            x = activation(part(x))
        return x

    def named(self):
        """Each parameter under our name for it."""
        return {ours: getattr(self.parts[k][0], theirs) for ours, k, theirs in self.names}


def agree(ours, theirs, tolerance):
    theirs = theirs.detach().numpy()
    np.testing.assert_allclose(
        ours, theirs, rtol=tolerance, atol=tolerance * max(1.0, np.abs(theirs).max())
    )


def moved_off_the_start(network, seed=9):
    """Give biases, scales and shifts values of their own, so that each matters."""
    rest = network.theta[:, network.weights :]
    rest += np.random.default_rng(seed).normal(0, 0.3, rest.shape).astype(rest.dtype)
    return network


def one_pass(network, loss, rows):
    """The loss of each replica, with the gradient left in the network."""
    y = loss.prepare(rows.y).T[None]
    replicas = len(network.seeds)
    bound = network.bind(rows.x.T[None], training=True)
    weights = (
        None if rows.weights is None else np.broadcast_to(rows.weights, (replicas, 1, len(rows)))
    )
    bound_loss = loss.bind(bound.output, np.broadcast_to(y, (replicas, *y.shape[1:])), weights)
    network.begin_epoch(0)
    bound.forward()
    bound_loss.evaluate()
    value = bound_loss.value()
    bound.backward(bound_loss.gradient)
    return value


def compare_pass(layers, loss, their_loss, precision, tolerance, *, weighted=True):
    network = moved_off_the_start(network_of(layers, seeds=(1, 2), precision=precision))
    rows = in_precision(some_rows(loss, weighted=weighted), precision)
    twins = [Twin(network, replica) for replica in range(2)]
    values = one_pass(network, loss, rows)
    for replica, twin in enumerate(twins):
        w = torch.ones(len(rows)) if rows.weights is None else tensor(rows.weights)
        theirs = their_loss(twin(tensor(rows.x)), tensor(rows.y), w)
        theirs.backward()
        agree(values[replica], theirs, tolerance)
        for name, parameter in twin.named().items():
            agree(network.gradients.views[name][replica], parameter.grad, tolerance)
    return network, twins, rows


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize(
    ("loss", "theirs"), [pytest.param(*case, id=repr(case[0])) for case in LOSSES]
)
@pytest.mark.parametrize("activation", named([ours for ours, _ in ACTIVATIONS]))
def test_value_and_gradients_of_dense_layers(activation, loss, theirs, precision, tolerance):
    layers = [
        Dense(units=5, activation=activation),
        Dense(units=4, activation=activation, bias=False),
        *linear(3),
    ]
    compare_pass(layers, loss, theirs, precision, tolerance)


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize(
    "activation", [Identity(), Tanh(), Softmax()], ids=["identity", "tanh", "softmax"]
)
@pytest.mark.parametrize("normalization", [BatchNormalization, LayerNormalization])
def test_value_and_gradients_of_normalization(normalization, activation, precision, tolerance):
    loss, theirs = LOSSES[0]
    layers = [
        Dense(units=5, bias=False),
        normalization(activation=activation, epsilon=1e-3),
        *linear(3),
    ]
    compare_pass(layers, loss, theirs, precision, tolerance)


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
def test_batch_normalization_outside_training(precision, tolerance):
    loss, theirs = LOSSES[0]
    layers = [Dense(units=5), BatchNormalization(momentum=0.7, activation=Tanh()), *linear(3)]
    network, twins, rows = compare_pass(layers, loss, theirs, precision, tolerance)
    one_pass(network, loss, rows)
    for replica, twin in enumerate(twins):
        twin(tensor(rows.x))  # a second batch through both
        part = twin.parts[1][0]
        statistics = network.statistics.part("layers.1")
        agree(statistics["running_mean"][replica], part.running_mean, tolerance)
        agree(statistics["running_variance"][replica], part.running_var, tolerance)
        agree(network.predict(rows.x)[replica], twin.eval()(tensor(rows.x)), tolerance)


def by_torch(x, p):
    """Scores (N, 3) of `SINGLE_INPUTS` for x (N, 3), by its parameters by name."""
    picked = x[:, [2, 0]]
    u = 2 * torch.pi * p["0.frequency"] * picked[:, :, None] + p["0.phase"]  # (N, n, K)
    e = torch.einsum("nik,imk->nim", torch.cos(u), p["0.weight"]) + p["0.bias"]
    x = torch.cat([x, e.flatten(1)], dim=1) * p["1.factor"]
    x = x @ p["2.weight"].T + p["2.bias"]
    x = x + p["3.share"] * (functional.mish(x) - x)
    return (x * p["4.factor"]) @ p["5.weight"].T + p["5.bias"]


SINGLE_INPUTS = [
    Periodic(inputs=[2, 0], frequencies=5, size=2, deviation=0.5), Scale(), Dense(units=4),
    Parametric(activation=Mish()), Scale(), Dense(units=3),
]  # fmt: skip


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize(("loss", "theirs"), LOSSES[:1] + LOSSES[-1:])
def test_layers_of_single_inputs(loss, theirs, precision, tolerance):
    tolerance *= 10
    rows = in_precision(some_rows(loss, weighted=True), precision)
    network = moved_off_the_start(network_of(SINGLE_INPUTS, seeds=(1, 2), precision=precision))
    for name, view in network.parameters.views.items():
        if name.endswith("factor"):
            view[...] = np.random.default_rng(5).uniform(0.5, 2, view.shape)
    losses = one_pass(network, loss, rows)
    for replica in range(2):
        parameters = {
            name.removeprefix("layers."): tensor(view[replica]).requires_grad_()
            for name, view in network.parameters.views.items()
        }
        value = theirs(by_torch(tensor(rows.x), parameters), tensor(rows.y), tensor(rows.weights))
        value.backward()
        agree(losses[replica], value, tolerance)
        for name, view in network.gradients.views.items():
            agree(view[replica], parameters[name.removeprefix("layers.")].grad, tolerance)


def test_lazy_embeddings_are_sparse_adam():
    """Both leave vectors of absent categories where they are, and count all steps.

    The two add ε at different places, where it must not matter.
    """
    rng = np.random.default_rng(0)
    codes, targets = rng.integers(0, 9, (40, 1)).astype(float), rng.normal(size=(40, 2))
    network = network_of([Embedding(tables=[CategoryTable(position=0, levels=12, size=2)])], 1)
    vectors = nn.Embedding(12, 2, sparse=True)
    with torch.no_grad():
        vectors.weight.copy_(tensor(network.parameters.views["layers.0.table_0"][0]))
    optimizer = torch.optim.SparseAdam(vectors.parameters(), lr=0.05, eps=1e-30)
    for start in [*range(0, 40, 4)] * 3:
        optimizer.zero_grad()
        batch = slice(start, start + 4)
        predicted = vectors(tensor(codes[batch, 0]).long())
        functional.mse_loss(predicted, tensor(targets[batch])).backward()
        optimizer.step()
    train(
        network, Rows(codes, targets), optimizer=Adam(epsilon=1e-30), learning_rate=0.05, epochs=3,
        batch_size=4, shuffle=False, lazy_embeddings=True,
    )  # fmt: skip
    agree(network.parameters.views["layers.0.table_0"][0], vectors.weight, 1e-9)


def test_one_pass_after_the_other_is_the_same():
    loss = SquaredError()
    network = network_of([Dense(units=5, activation=Gelu()), LayerNormalization(), *linear(3)])
    first = one_pass(network, loss, some_rows(loss)), network.gradient.copy()
    second = one_pass(network, loss, some_rows(loss)), network.gradient.copy()
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def torch_adamw(model, rate):
    weights = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim == 1]
    return torch.optim.AdamW(
        [{"params": weights, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=rate,
        eps=1e-8,
    )


OPTIMIZERS = {
    "sgd": (GradientDescent(), lambda m, rate: torch.optim.SGD(m.parameters(), lr=rate)),
    "momentum": (
        Momentum(momentum=0.8),
        lambda m, rate: torch.optim.SGD(m.parameters(), lr=rate, momentum=0.8),
    ),
    "nesterov": (
        Nesterov(momentum=0.8),
        lambda m, rate: torch.optim.SGD(m.parameters(), lr=rate, momentum=0.8, nesterov=True),
    ),
    "rmsprop": (
        RmsProp(decay=0.95, epsilon=1e-6),
        lambda m, rate: torch.optim.RMSprop(m.parameters(), lr=rate, alpha=0.95, eps=1e-6),
    ),
    "adagrad": (Adagrad(), lambda m, rate: torch.optim.Adagrad(m.parameters(), lr=rate)),
    "adam": (Adam(), lambda m, rate: torch.optim.Adam(m.parameters(), lr=rate)),
    "adamw": (AdamW(weight_decay=0.1), torch_adamw),
    "nadam": (NAdam(), lambda m, rate: torch.optim.NAdam(m.parameters(), lr=rate)),
    "rprop": (Rprop(), lambda m, rate: torch.optim.Rprop(m.parameters(), lr=rate)),
}


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("steps", [1, 20])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_full_batch_steps(name, steps, precision, tolerance):
    ours, theirs = OPTIMIZERS[name]
    loss = SquaredError()
    rows = in_precision(some_rows(loss, rows=16), precision)
    network = moved_off_the_start(
        network_of(
            [Dense(units=6, activation=Tanh()), *linear(3)], seeds=(1, 2), precision=precision
        )
    )
    twins = [Twin(network, replica) for replica in range(2)]
    train(
        network,
        rows,
        optimizer=ours,
        learning_rate=0.01,
        batch_size="full",
        epochs=steps,
        precision=precision,
    )
    for replica, twin in enumerate(twins):
        optimizer = theirs(twin, 0.01)
        for _ in range(steps):
            optimizer.zero_grad()
            functional.mse_loss(twin(tensor(rows.x)), tensor(rows.y)).backward()
            optimizer.step()
        for parameter_name, parameter in twin.named().items():
            agree(network.parameters.views[parameter_name][replica], parameter, tolerance)


def test_l2_is_torchs_weight_decay_on_weights():
    loss = SquaredError()
    rows = some_rows(loss, rows=16)
    network = moved_off_the_start(network_of([Dense(units=6, activation=Tanh()), *linear(3)]))
    twin = Twin(network)
    train(
        network, rows, learning_rate=0.05, l2=0.3, batch_size="full", epochs=20, precision="float64"
    )
    weights = [p for p in twin.parameters() if p.ndim == 2]
    others = [p for p in twin.parameters() if p.ndim == 1]
    optimizer = torch.optim.SGD(
        [{"params": weights, "weight_decay": 0.3}, {"params": others}], lr=0.05
    )
    for _ in range(20):
        optimizer.zero_grad()
        functional.mse_loss(twin(tensor(rows.x)), tensor(rows.y)).backward()
        optimizer.step()
    for name, parameter in twin.named().items():
        agree(network.parameters.views[name][0], parameter, 1e-12)


def test_mini_batches_with_batch_normalization_and_clipping():
    """20 epochs of mini-batches in file order, the last one short, with statistics and clipping."""
    from bpnet.engine.penalties import GradientClipping

    loss = CrossEntropy()
    rows = some_rows(loss, rows=22)
    layers = [Dense(units=6, bias=False), BatchNormalization(activation=Relu()), *linear(3)]
    network = moved_off_the_start(network_of(layers))
    twin = Twin(network)
    train(
        network,
        rows,
        loss=loss,
        optimizer=Momentum(momentum=0.8),
        learning_rate=0.02,
        batch_size=8,
        shuffle=False,
        epochs=20,
        gradient_clipping=GradientClipping(norm=0.5),
        precision="float64",
    )
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.02, momentum=0.8)
    for _ in range(20):
        for start in range(0, 22, 8):
            part = Rows(rows.x[start : start + 8], rows.y[start : start + 8])
            optimizer.zero_grad()
            functional.cross_entropy(twin(tensor(part.x)), tensor(part.y)).backward()
            total = torch.sqrt(sum((p.grad**2).sum() for p in twin.parameters()))
            for p in twin.parameters():
                p.grad *= min(1.0, 0.5 / float(total))
            optimizer.step()
    for name, parameter in twin.named().items():
        agree(network.parameters.views[name][0], parameter, 1e-12)
    agree(network.predict(rows.x)[0], twin.eval()(tensor(rows.x)), 1e-12)
