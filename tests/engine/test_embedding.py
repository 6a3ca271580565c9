"""The embedding layer: by hand, against one-hot columns, and in all that looks at a network."""

import dataclasses

import numpy as np
import pytest
from engine_cases import SOME_METRICS, in_precision, linear, network_of, some_rows
from evidence_cases import evidence
from hypothesis import given
from hypothesis import strategies as st

from bpnet.doctor.examiner import Examiner
from bpnet.doctor.history import History
from bpnet.doctor.rules import advise
from bpnet.engine.activations import Relu, Tanh
from bpnet.engine.gradient_check import check_gradient
from bpnet.engine.layers import BatchNormalization, CategoryTable, Dense, Embedding
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.optimizers import Adam, GradientDescent
from bpnet.engine.tracing import trace


def table(position, levels, size):
    return CategoryTable(position=position, levels=levels, size=size)


def run(network, x):
    """The output (R, O, B) for x, (N, I) or (R, I, B), and the bound network just run forward."""
    x = np.asarray(x, network.dtype)
    bound = network.bind(x.T[None] if x.ndim == 2 else x, training=True)
    bound.forward()
    return bound.output, bound


def test_by_hand():
    # inputs a, code, b; level 0 is (1, 2), level 1 (3, 4): others first, then the vector
    network = network_of([Embedding(tables=[table(1, 2, 2)])])
    network.parameters.views["layers.0.table_0"][:] = [[1.0, 2.0], [3.0, 4.0]]
    output, bound = run(network, [[10.0, 1.0, 20.0], [30.0, 0.0, 40.0], [50.0, 1.0, 60.0]])
    assert output[0].T.tolist() == [[10, 20, 3, 4], [30, 40, 1, 2], [50, 60, 3, 4]]
    # level 1 is on the first row and the last
    bound.backward(np.array([[[0.1, 0.2, 0.3], [1, 2, 3], [10, 20, 30], [100, 200, 300]]]))
    assert network.gradients.views["layers.0.table_0"].tolist() == [[[20, 200], [40, 400]]]


def test_vectors_stand_in_the_order_of_the_tables():
    layer = Embedding(tables=[table(3, 2, 1), table(0, 4, 2)])
    assert layer.others(5) == [1, 2, 4]
    assert layer.outputs(5) == 3 + 1 + 2
    network = network_of([layer], inputs=5)
    network.parameters.views["layers.0.table_0"][0] = [[-1.0], [-2.0]]
    network.parameters.views["layers.0.table_1"][0] = np.arange(8).reshape(4, 2)
    assert run(network, [[2.0, 11, 12, 1, 13]])[0][0, :, 0].tolist() == [11, 12, 13, -2, 4, 5]


@st.composite
def cases(draw):
    inputs = draw(st.integers(1, 6))
    positions = draw(st.lists(st.integers(0, inputs - 1), unique=True, max_size=inputs))
    tables = [
        table(position, draw(st.integers(1, 5)), draw(st.integers(1, 4))) for position in positions
    ]
    return inputs, tables, draw(st.integers(1, 9)), draw(st.sampled_from([(1,), (1, 2, 3)]))


@given(cases())
def test_it_is_one_hot_columns_times_the_tables(case):
    """Forward and every gradient, where each replica has codes of its own."""
    inputs, tables, rows, seeds = case
    rng = np.random.default_rng(0)
    x = rng.normal(size=(len(seeds), inputs, rows))
    for one in tables:
        x[:, one.position] = rng.integers(0, one.levels, (len(seeds), rows))
    # a layer with parameters before it makes dL/dx wanted; what it gives is replaced by x
    network = network_of([BatchNormalization(), Embedding(tables=tables)], inputs, seeds)
    bound = network.bind(x, training=True)
    np.copyto(bound.layers[0].output, x)
    bound.layers[1].forward()
    delta = rng.normal(size=bound.output.shape)
    bound.layers[1].backward(delta.copy())

    others = [k for k in range(inputs) if k not in [one.position for one in tables]]
    expected, start = [x[:, others]], len(others)
    for k, one in enumerate(tables):
        one_hot = np.eye(one.levels)[x[:, one.position].astype(int)]
        vectors = network.parameters.views[f"layers.1.table_{k}"]
        expected.append(np.einsum("rbl,rls->rsb", one_hot, vectors))
        gradient = np.einsum("rbl,rsb->rls", one_hot, delta[:, start : start + one.size])
        start += one.size
        np.testing.assert_allclose(
            network.gradients.views[f"layers.1.table_{k}"], gradient, rtol=1e-12, atol=1e-13
        )
    assert np.array_equal(bound.output, np.concatenate(expected, axis=1))
    flow = np.zeros_like(x)
    flow[:, others] = delta[:, : len(others)]
    assert np.array_equal(bound.layers[1].input_gradient, flow)


def coded(rows=40, seed=0, levels=6):
    """Two numbers with a code between them, and a target that depends on the code alone."""
    rng = np.random.default_rng(seed)
    code = rng.integers(0, levels, rows)
    effect = np.random.default_rng(9).normal(size=levels)
    return Rows(
        np.stack([rng.normal(size=rows), code, rng.normal(size=rows)], axis=1),
        effect[code][:, None],
    )


def training(**how):
    return Training(**{
        "loss": SquaredError(), "optimizer": Adam(), "learning_rate": 0.05, "epochs": 30,
        "batch_size": 8, **how
    })  # fmt: skip


def test_a_table_of_single_numbers_is_the_weights_of_one_hot_columns():
    """Vectors of one number into a linear model: the table is the weights of one-hot columns."""
    rows = coded()
    embedded = network_of([Embedding(tables=[table(1, 6, 1)]), *linear()])
    one_hot = network_of(linear(), inputs=8)
    views, theirs = embedded.parameters.views, one_hot.parameters.views["layers.0.weight"]
    theirs[0, 0, :2] = views["layers.1.weight"][0, 0, :2]
    theirs[0, 0, 2:] = views["layers.0.table_0"][0, :, 0] * views["layers.1.weight"][0, 0, 2]
    wide = np.hstack([rows.x[:, [0, 2]], np.eye(6)[rows.x[:, 1].astype(int)]])
    np.testing.assert_allclose(
        embedded.predict(rows.x), one_hot.predict(wide), rtol=1e-12, atol=1e-14
    )
    losses = []
    for network, x in ((embedded, rows.x), (one_hot, wide)):
        *_, last = fit(training(epochs=150), network, Rows(x, rows.y), None, SOME_METRICS)
        losses.append(last.metrics["loss"][0])
    assert max(losses) < 1e-3 * rows.y.var()  # both learn the effect of every level


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_many_levels_are_exact(precision):
    levels = 70_000
    network = network_of([Embedding(tables=[table(0, levels, 1)])], inputs=1, precision=precision)
    network.parameters.views["layers.0.table_0"][0, :, 0] = np.arange(levels)
    codes = np.array([0, 1, 2047, 2049, 65_535, 65_537, levels - 1])
    assert run(network, codes[:, None])[0][0, 0].tolist() == codes.tolist()


@pytest.mark.parametrize("size", [1, 4, 50])
def test_a_vector_begins_as_long_as_a_one_hot_column(size):
    vectors = network_of([Embedding(tables=[table(0, 5000, size)])], inputs=1).parameters.views[
        "layers.0.table_0"
    ]
    assert (vectors**2).sum(axis=2).mean() == pytest.approx(1, rel=0.1)
    assert vectors.mean() == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("code", [-1.0, 3.0, 1e9])
@pytest.mark.parametrize("training", [False, True])
def test_a_level_without_a_vector_is_refused(code, training):
    network = network_of([Embedding(tables=[table(1, 3, 2)])])
    bound = network.bind(np.array([[[0.0, 0.0], [1.0, code], [0.0, 0.0]]]), training=training)
    with pytest.raises(ValueError, match=f"input 1 holds levels.*{int(code)}.*0 to 2"):
        bound.forward()


@pytest.mark.parametrize("call", ["others", "outputs", "parameters"])
@pytest.mark.parametrize(
    ("positions", "text"),
    [([0, 2, 0], r"\[0, 2, 0\]; each must be there once"), ([3], "position 3.*3 inputs")],
)
def test_positions_that_do_not_fit_are_refused(positions, text, call):
    layer = Embedding(tables=[table(position, 2, 1) for position in positions])
    with pytest.raises(ValueError, match=text):
        getattr(layer, call)(3)


@pytest.mark.parametrize(("name", "bad"), [("position", -1), ("levels", 0), ("size", 0)])
def test_impossible_tables_are_refused(name, bad):
    with pytest.raises(ValueError, match=f"CategoryTable.{name} is {bad}"):
        CategoryTable(**{"position": 0, "levels": 2, "size": 1, name: bad})


# What looks at a network.

NETWORK = [Embedding(tables=[table(1, 6, 3)]), Dense(units=4, activation=Tanh()), Dense(units=1)]


def test_a_trace_shows_the_vectors_and_their_steps():
    rows = Rows(coded().x[:3], coded().y[:3])
    network = network_of(NETWORK)
    first, _ = trace(training(optimizer=GradientDescent()), network, SquaredError(), rows, steps=2)
    embedding = first.layers[0]
    assert embedding.sums is None
    assert embedding.slopes is None
    vectors, gradient = embedding.before["table_0"], embedding.gradients["table_0"]
    codes = rows.x[:, 1].astype(int)
    np.testing.assert_array_equal(embedding.outputs, np.hstack([rows.x[:, [0, 2]], vectors[codes]]))
    absent = np.setdiff1d(np.arange(6), codes)
    assert (gradient[absent] == 0).all()
    assert (gradient[codes] != 0).all()
    np.testing.assert_allclose(embedding.after["table_0"], vectors - 0.05 * gradient, rtol=1e-13)


def test_the_gradient_check_reaches_every_table():
    layers = [Embedding(tables=[table(1, 6, 3), table(0, 2, 1)]), *NETWORK[1:]]
    rows = coded()
    x = rows.x.copy()
    x[:, 0] = np.arange(len(x)) % 2
    checks = check_gradient(network_of(layers, seeds=(1, 2)), SquaredError(), Rows(x, rows.y))
    assert {check.name for check in checks} >= {"layers.0.table_0", "layers.0.table_1"}
    assert max(check.relative_error for check in checks) < 1e-6


@pytest.mark.parametrize("every", [False, True])
def test_codes_have_no_size(every):
    rows = some_rows(SquaredError(), rows=12, outputs=1)
    x = rows.x.copy()
    x[:, 1] = np.arange(12) * 100
    tables = [table(1, 1101, 2)]
    if every:
        x[:, 0], x[:, 2] = 50, 50
        tables += [table(0, 51, 1), table(2, 51, 1)]
    look = Examiner(
        training(), network_of([Embedding(tables=tables), *linear()]), Rows(x, rows.y)
    ).examine()
    numbers = np.sqrt((x[:, [0, 2]] ** 2).mean(axis=0).max())
    assert look.input_size == pytest.approx(1.0 if every else numbers)
    assert look.layers[0].kind == "embedding"
    assert look.layers[0].gradient_norm > 0


def look_at(scale=1.0, levels=6, layers=None):
    rows = coded(levels=levels)
    x = rows.x.copy()
    x[:, [0, 2]] *= scale
    tables = [table(1, levels, 3)]
    network = network_of([Embedding(tables=tables), *(layers or NETWORK[1:])])
    return Examiner(training(), network, Rows(x, rows.y)).examine()


def test_rare_levels_are_not_taken_for_vanishing_gradients():
    look = look_at(levels=1_000_000)
    first, last = look.layers[0], look.layers[-1]
    assert first.gradient_size < 1e-3 * last.gradient_size
    assert advise(evidence(start=look, now=look, history=History())) == []


def test_large_inputs_explain_the_saturated_layer_that_reads_them():
    look = look_at(scale=1e4)
    assert look.layers[1].saturated > 0.8
    # the layer after it is not explained
    deeper = dataclasses.replace(
        look,
        layers=(*look.layers[:2], dataclasses.replace(look.layers[1], layer=3), look.layers[2]),
    )
    for diagnosis, saturated in ((look, []), (deeper, [3])):
        found = advise(evidence(start=diagnosis, now=diagnosis, history=History()))
        assert [one.layer for one in found if one.cause == "saturated units"] == saturated
        assert "input scale" in {one.cause for one in found}


def test_training_in_float32_after_relu():
    rows = in_precision(coded(200), "float32")
    network = network_of(
        [NETWORK[0], Dense(units=8, activation=Relu()), Dense(units=1)],
        precision="float32",
        seeds=(1, 2),
    )
    *_, last = fit(training(precision="float32"), network, rows, rows, SOME_METRICS)
    assert (last.metrics["val_r2"] > 0.95).all()
