"""Lazy embeddings: the steps of a plain training where they must agree, and rest where they say."""

import numpy as np
import pytest
from engine_cases import network_of

from bpnet.engine.activations import Tanh
from bpnet.engine.component import FieldError
from bpnet.engine.layers import CategoryTable, Dense, Embedding
from bpnet.engine.learning_rate_factors import LearningRateFactors
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.optimizers import Adam, AdamW, GradientDescent, Perturbation
from bpnet.engine.penalties import GradientClipping

LEVELS = 50
TABLES = [
    CategoryTable(position=1, levels=LEVELS, size=3),
    CategoryTable(position=2, levels=4, size=2),
]
LAYERS = [Embedding(tables=TABLES), Dense(units=4, activation=Tanh()), Dense(units=1)]


def coded(rows=22, seed=0, levels=LEVELS):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, levels, rows), rng.integers(0, 4, rows)
    return Rows(np.stack([rng.normal(size=rows), *codes], axis=1), rng.normal(size=(rows, 1)))


def trained(rows, seeds=(1, 2), each=None, **how):
    network = network_of(LAYERS, seeds=seeds)
    training = Training(**{
        "loss": SquaredError(), "optimizer": GradientDescent(), "learning_rate": 0.1, "epochs": 4,
        "batch_size": 8, **how
    })  # fmt: skip
    records = list(fit(training, network, rows, each=each))
    return network, records


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"gradient_clipping": GradientClipping(norm=0.3)},
        {"gradient_clipping": GradientClipping(value=0.01)},
        {"learning_rate_factors": LearningRateFactors(embedding=3.0, bias=0.5)},
        {"batch_size": "full", "optimizer": Adam()},
    ],
    ids=["plain", "norm", "value", "factors", "full-adam"],
)
def test_an_optimizer_without_memory_takes_the_same_steps(how):
    """Gradient descent moves no vector without a gradient; nor does adam, if none ever has one."""
    rows = coded()
    (plain, theirs), (lazy, ours) = (trained(rows, **how, lazy_embeddings=on) for on in (0, 1))
    np.testing.assert_allclose(lazy.theta, plain.theta, rtol=1e-12, atol=1e-14)
    if "gradient_clipping" not in how:
        assert np.array_equal(lazy.theta, plain.theta)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.gradient_norm, other.gradient_norm, rtol=1e-12)
        np.testing.assert_allclose(one.metrics["loss"], other.metrics["loss"], rtol=1e-12)


def test_adamw_by_numpy():
    """One number for each category, into a fixed sum: g = 2 (y - t) / B, summed by category."""
    rate, decay, epsilon = 0.1, 0.2, 1e-8
    codes = np.array([0, 0, 1, 2, 1, 3, 0, 2], float)  # two epochs of two batches of four
    targets = np.arange(8.0)[:, None]
    table = CategoryTable(position=0, levels=6, size=1)
    network = network_of([Embedding(tables=[table])], inputs=1)
    e = network.parameters.views["layers.0.table_0"][0, :, 0].copy()
    m, v = np.zeros(6), np.zeros(6)
    training = Training(
        loss=SquaredError(), optimizer=AdamW(weight_decay=decay), learning_rate=rate, epochs=2,
        batch_size=4, shuffle=False, lazy_embeddings=True,
    )  # fmt: skip
    list(fit(training, network, Rows(codes[:, None], targets)))
    for t in range(1, 5):
        batch = slice(0, 4) if t % 2 else slice(4, 8)
        c = codes[batch].astype(int)
        g = np.bincount(c, 2 * (e[c] - targets[batch, 0]) / 4, minlength=6)
        here = np.unique(c)
        e[here] *= 1 - rate * decay
        m[here] = 0.9 * m[here] + 0.1 * g[here]
        v[here] = 0.999 * v[here] + 0.001 * g[here] ** 2
        e[here] -= rate * m[here] / (1 - 0.9**t) / (np.sqrt(v[here] / (1 - 0.999**t)) + epsilon)
    np.testing.assert_allclose(network.parameters.views["layers.0.table_0"][0, :, 0], e, rtol=1e-12)


def test_vectors_of_absent_categories_are_not_even_read():
    rows = coded(levels=LEVELS // 2)
    network = network_of(LAYERS, seeds=(1, 2))
    vectors = network.parameters.views["layers.0.table_0"]
    first = vectors.copy()
    network.gradients.views["layers.0.table_0"][:] = np.nan  # as is all that is passed over
    training = Training(
        loss=SquaredError(), optimizer=AdamW(), learning_rate=0.1, epochs=2, batch_size=8,
        lazy_embeddings=True, gradient_clipping=GradientClipping(norm=0.1),
    )  # fmt: skip
    *_, last = fit(training, network, rows)
    present = np.unique(rows.x[:, 1]).astype(int)
    absent = np.setdiff1d(np.arange(LEVELS), present)
    assert np.array_equal(vectors[:, absent], first[:, absent])
    assert (vectors[:, present] != first[:, present]).all()
    assert np.isfinite(network.theta).all()
    assert np.isfinite(last.gradient_norm).all()


@pytest.mark.parametrize("different", [False, True])
def test_a_replica_is_its_solo_run(different):
    rows, how = coded(), {"optimizer": AdamW(), "lazy_embeddings": True}
    optimizers = [AdamW(), Adam() if different else AdamW()]
    each = [
        Training(loss=SquaredError(), optimizer=one, learning_rate=0.1, lazy_embeddings=True)
        for one in optimizers
    ]
    together, _ = trained(rows, each=each, **how)
    for replica, seed in enumerate((1, 2)):
        solo, _ = trained(rows, seeds=(seed,), **{**how, "optimizer": optimizers[replica]})
        assert np.array_equal(together.theta[replica], solo.theta[0])


def test_without_embeddings_nothing_changes():
    rows = coded()
    results = []
    for lazy in (False, True):
        network = network_of(LAYERS[1:])
        list(fit(Training(lazy_embeddings=lazy, epochs=2), network, rows))
        results.append(network.theta.copy())
    assert np.array_equal(*results)


@pytest.mark.parametrize(
    ("how", "field", "text"),
    [
        ({"l1": 0.1}, "l1", "lazy_embeddings is true"),
        ({"l2": 0.1}, "l2", "lazy_embeddings is true"),
        ({"optimizer": Perturbation()}, "lazy_embeddings", "searches among all parameters"),
    ],
)
def test_what_moves_all_vectors_is_refused(how, field, text):
    with pytest.raises(FieldError, match=text) as caught:
        Training(**how, lazy_embeddings=True)
    assert caught.value.field == field
