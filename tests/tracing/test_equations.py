"""Every number of a trace is what its printed equation gives, in text, JSON, LaTeX and words.

The calculator of `printed_equations` reads what is printed and knows nothing of bpnet. The values
are the engine's; so an equation that is not what the engine does fails here.
"""

import math
import re
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from engine_cases import ACTIVATIONS, LAYERS, LOSSES, STEPPING, named, targets_for
from printed_equations import computed, computed_latex, computed_words

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.columns import NumericColumn
from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.targets import Labels, Quantities
from bpnet.engine import (
    Adam,
    AdamW,
    BatchNormalization,
    Cosine,
    CrossEntropy,
    Dense,
    Dropout,
    Equilibrium,
    FlatCosine,
    GradientClipping,
    GradientDescent,
    LayerNormalization,
    Momentum,
    Muon,
    Network,
    Position,
    Rows,
    Sigmoid,
    SquaredError,
    Tanh,
    Training,
    trace,
)
from bpnet.engine.bugs import UpdatedWeights
from bpnet.engine.layers import CategoryTable, Embedding, Parametric, Periodic, Scale
from bpnet.engine.learning_rate_factors import LearningRateFactors
from bpnet.engine.losses import AnyLoss
from bpnet.engine.optimizers import AnyOptimizer
from bpnet.engine.schedules import AnySchedule, OneCycle, StepDecay
from bpnet.reports.latex_notation import Latex
from bpnet.reports.notation import Notation, Words
from bpnet.tracing import activations, explain, optimizers
from bpnet.tracing.cells import Cell
from bpnet.tracing.expressions import Constant, Expression, Quantity, Rest

PLAIN = LinearScaler(by="none", subtract=0.0, divide=1.0)
STACKS = {
    "dense": [Dense(units=3, activation=Tanh())],
    "dropout": [Dense(units=4, activation=Sigmoid()), Dropout(rate=0.4)],
    "batch_normalization": [Dense(units=3), BatchNormalization(activation=Tanh(), momentum=0.8)],
    "layer_normalization": [Dense(units=3), LayerNormalization(activation=Sigmoid())],
    "equilibrium": [Equilibrium(units=4, output_units=2, activation=Tanh())],
    "scale": [Scale(), Dense(units=3, activation=Tanh())],
    "parametric": [Dense(units=3), Parametric(), Scale()],
    "periodic": [Scale(), Periodic(inputs=[0, 2], frequencies=3, size=2), Dense(units=2)],
    "embedding": [
        Embedding(tables=[CategoryTable(position=1, levels=3, size=2)]),
        Dense(units=3, activation=Tanh()),
    ],
}
"""A stack for each kind of layer, to which an output layer is added."""


def rows_of(count: int, outputs: int, *, weighted: bool = True) -> Rows:
    rng = np.random.default_rng(count)
    x = rng.normal(size=(count, 3))
    x[:, 1] = np.arange(count) % 3  # codes, for embeddings
    weights = np.linspace(0.5, 1.5, count) if weighted else None
    return Rows(x, rng.normal(size=(count, outputs)), weights)


def explained(layers, training, loss, rows, *, steps=2, epochs_done=0, seed=3):
    network = Network(layers, 3, seeds=[seed], precision="float64", output_activation=loss.link)
    first = network.theta.copy(), network.statistics.flat.copy()
    traced = trace(
        replace(training, precision="float64"),
        network,
        loss,
        rows,
        steps,
        Position(epochs_done=epochs_done, steps_per_epoch=2),
    )
    outputs = rows.y.shape[1]
    names = [f"out {k}" for k in range(outputs)]
    target = (
        Labels(names=names)
        if loss.kind.endswith("cross_entropy")
        else Quantities(names=names, scales=[PLAIN] * outputs)
    )
    columns = [
        NumericColumn(name=name, scale=PLAIN, fill=0.0, lowest=-1.0, highest=1.0)
        for name in ("a", "b", "c")
    ]
    subject = explain.Subject(
        network,
        training,
        loss,
        Encoder(columns=columns),
        target,
        [
            explain.TracedRow(
                row + 1,
                [Cell("a", "", [Constant(value)]) for value in rows.x[row]],
                rows.y[row].tolist(),
                None,
            )
            for row in range(len(rows.x))
        ],
    )
    return explain.explain(subject, traced), traced, first


SEEN: set[str] = set()
"""Equations, digits apart, that have been checked in LaTeX and words, too."""


def notations(printed: str):
    """Yield the notations to check: text, and of an equation of a new form the others, too."""
    yield Notation(), computed
    form = re.sub(r"[\d.]+", "#", printed)
    if form not in SEEN:
        SEEN.add(form)
        yield Latex(), computed_latex
        yield Words(), computed_words


def check(explanation) -> int:
    """Compute every equation again; return their number."""
    count = 0
    sections = [*explanation.rows, *(s for step in explanation.steps for s in step.sections)]
    for section in sections:
        for number in section.numbers:
            if number.equation is None:
                continue
            for notation, calculator in notations(Notation().numbers(number.equation)):
                printed = notation.numbers(number.equation)
                value = calculator(printed)
                assert abs(value - number.value) <= 1e-12 * max(1, abs(number.value)), (
                    f"{section.title}, {number.label}: {number.name} = {printed} = {number.value}"
                    f", not {value}"
                )
            count += 1
    return count


def leaves(expression: Expression):
    """Yield every quantity and rest of an expression."""
    if isinstance(expression, Quantity | Rest):
        yield expression
    for part in vars(expression).values():
        for inner in part if isinstance(part, tuple) else (part,):
            if isinstance(inner, Expression):
                yield from leaves(inner)


def check_chain(explanation, traced, first, rows) -> None:
    """Each number in an equation was given, or is the value of an equation before it."""
    theta, statistics = first
    known = {0.0, *theta[0].tolist(), *statistics[0].tolist(), *rows.x.ravel().tolist()}
    known |= set(rows.y.ravel().tolist())
    known |= set([] if rows.weights is None else rows.weights.tolist())
    known |= {step.learning_rate for step in traced}
    for step in explanation.steps:
        for number in step.numbers:
            for leaf in leaves(number.equation) if number.equation else ():
                assert not isinstance(leaf, Rest), number
                assert leaf.number in known, f"{number.name} of {number.label}: {leaf}"
            known.add(number.value)


def case(layers=None, training=None, loss=None, *, rows=3, outputs=2, steps=2, chain=True, **more):
    loss = loss or SquaredError()
    training = training or Training(optimizer=GradientDescent(), learning_rate=0.3)
    layers = [*(layers or STACKS["dense"]), Dense(units=outputs)]
    data = rows_of(rows, outputs)
    data = Rows(data.x, targets_for(loss, np.random.default_rng(1), rows, outputs), data.weights)
    explanation, traced, first = explained(layers, training, loss, data, steps=steps, **more)
    assert check(explanation) > 20
    if chain:
        check_chain(explanation, traced, first, data)
    return explanation


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("rows", [1, 3])
def test_every_layer(kind, rows):
    case(STACKS[kind.kind], rows=rows)


@pytest.mark.parametrize("activation", named(ACTIVATIONS))
def test_every_activation_of_a_dense_layer_and_of_a_normalization(activation):
    case([Dense(units=3, activation=activation), BatchNormalization(activation=activation)])


@pytest.mark.parametrize("activation", named([a for a in ACTIVATIONS if a.elementwise]))
def test_every_activation_of_layers_that_mix_it(activation):
    settled = Equilibrium(units=3, activation=activation, tolerance=1e-3, max_steps=6)
    case([Dense(units=3), Parametric(activation=activation), settled])


@pytest.mark.parametrize("loss", named(LOSSES))
@pytest.mark.parametrize("rows", ["mean", "sum"])
def test_every_loss(loss, rows):
    case(loss=replace(loss, rows=rows))


def test_smoothed_targets_with_a_schedule():
    loss = CrossEntropy(label_smoothing=0.3, label_smoothing_schedule=FlatCosine(flat=0.1))
    case(loss=loss, outputs=3, epochs_done=40)


@pytest.mark.parametrize("optimizer", named(STEPPING))
def test_every_optimizer(optimizer):
    training = Training(optimizer=optimizer, learning_rate=0.02)
    case(
        [Dense(units=3, activation=Tanh())],
        training,
        steps=4,
        chain=optimizer.kind not in ("nadam", "muon"),
    )


def test_long_histories_of_the_momenta():
    training = Training(optimizer=AnyKind("nadam"), learning_rate=0.02)
    case([Dense(units=1)], training, steps=10, outputs=1, rows=1, chain=False)


def test_matrices_that_muon_turns():
    """A wide one, 2 by 3, and a tall one, 4 by 2, whose products are of the shorter side."""
    layers = [Dense(units=2, activation=Tanh()), Dense(units=4, activation=Tanh())]
    case(layers, Training(optimizer=Muon(weight_decay=0.3), learning_rate=0.02), steps=3)


@pytest.mark.parametrize("kind", get_args(AnySchedule))
@pytest.mark.parametrize(("epochs_done", "warmup"), [(0, 0), (0, 2.5), (40, 0), (99, 5)])
def test_every_schedule(kind, epochs_done, warmup):
    training = Training(
        optimizer=Adam(), schedule=kind(warmup_epochs=warmup), learning_rate=0.1, epochs=100
    )
    case(training=training, epochs_done=epochs_done, steps=3)


@pytest.mark.parametrize(
    "settings",
    [
        {"l1": 0.1, "l2": 0.2},
        {"gradient_clipping": GradientClipping(norm=0.01)},
        {"gradient_clipping": GradientClipping(value=0.01)},
        {"gradient_clipping": GradientClipping(norm=0.02, value=0.01)},
        {"optimizer": AdamW(weight_decay=0.4, decay_schedule=Cosine())},
        {
            "optimizer": Momentum(),
            "learning_rate_factors": LearningRateFactors(weight="fan_in", bias=0.1),
        },
        {"schedule": OneCycle()},
        {"schedule": StepDecay(every_epochs=1)},
    ],
    ids=str,
)
def test_settings_of_the_step(settings):
    training = Training(**{"optimizer": GradientDescent(), "learning_rate": 0.1, **settings})
    clips = training.gradient_clipping is not None
    layers = [Dense(units=2, activation=Tanh())]
    data = rows_of(2, 1)
    explanation, traced, first = explained(
        [*layers, Dense(units=1)], training, SquaredError(), data, epochs_done=3
    )
    assert check(explanation) > 20
    if not (clips or training.l1):  # sums over all parameters are cut
        check_chain(explanation, traced, first, data)


def test_a_wide_layer_is_cut_to_its_largest_terms_and_still_adds_up():
    explanation = case([Dense(units=40, activation=Tanh()), LayerNormalization()], chain=False)
    printed = [
        Notation().numbers(number.equation)
        for number in explanation.steps[0].numbers
        if number.equation
    ]
    assert any(" from 32 smaller terms" in text for text in printed)


def test_numbers_far_from_1_are_written_so_that_they_can_be_read_again():
    data = rows_of(2, 1)
    data = Rows(data.x * 1e6, data.y * 1e-9, None)
    explanation, _, _ = explained(
        [Dense(units=2, activation=Tanh()), Dense(units=1)],
        Training(optimizer=Adam(), learning_rate=1e-7),
        SquaredError(),
        data,
    )
    assert check(explanation) > 20


def test_every_component_has_its_equation():
    assert set(explain.LAYERS) == {*LAYERS, UpdatedWeights}
    kinds = {type(one) for one in ACTIVATIONS}
    assert {k for k in kinds if k().elementwise} == set(activations._VALUES)
    assert set(activations._VALUES) == set(activations._SLOPES)
    stepping = {kind for kind in get_args(AnyOptimizer) if not kind().searches}
    assert stepping == set(optimizers._UPDATES) == set(optimizers._RULES)
    assert {type(loss) for loss in LOSSES} == set(get_args(AnyLoss))


def AnyKind(kind: str):  # noqa: N802 - reads as the union it picks from
    return next(one for one in STEPPING if one.kind == kind)


def test_the_calculators_catch_a_wrong_number():
    """Half of the digits of pi, a lost sign and a lost bracket are each told from the right one."""
    assert computed("2·(0.5 - (-1))²/√(4)") == 2.25
    assert computed("[0.3 > 0]·max(1, 2) + Φ⁻¹(0.5)") == 2
    assert computed_latex(r"\frac{1}{\sqrt{4}} \cdot \left(-1\right)^{2} + 1 \times 10^{-1}") == 0.6
    assert computed_words("the sigmoid of (0) times 2 plus 3 squared") == 10
    assert math.isclose(computed("cos(2·π·0.5)"), -1)
    with pytest.raises(KeyError):
        computed("__import__('os')")
