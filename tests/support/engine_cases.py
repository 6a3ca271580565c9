"""Tables that tests share: instances of every component, read off the unions, and small data.

A class that its union gains and these tables lack fails wherever they are used.
"""

from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np
import pytest

from bpnet.engine.activations import AnyActivation, Elu, Identity, LeakyRelu, Softmax
from bpnet.engine.component import Array
from bpnet.engine.initializers import Orthogonal
from bpnet.engine.layers import (
    AnyStoredLayer,
    BatchNormalization,
    CategoryTable,
    Dense,
    Dropout,
    Embedding,
    Equilibrium,
    Layer,
    LayerNormalization,
    Parametric,
    Periodic,
    Scale,
)
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.record import Record
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import (
    AbsoluteError,
    AnyLoss,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Loss,
    Quantile,
    SquaredError,
)
from bpnet.engine.metrics import RegressionError
from bpnet.engine.network import Network
from bpnet.engine.optimizers import AnyOptimizer, GradientDescent
from bpnet.engine.schedules import FlatCosine

ACTIVATIONS = [*(kind() for kind in get_args(AnyActivation)), LeakyRelu(slope=0.3), Elu(alpha=0.7)]
LOSSES = [
    *(kind() for kind in get_args(AnyLoss)),
    SquaredError(half=True, outputs="sum"),
    AbsoluteError(outputs="sum"),
    Huber(delta=0.4, outputs="sum"),
    Quantile(quantile=0.8, outputs="sum"),
    BinaryCrossEntropy(label_smoothing=0.2),
    CrossEntropy(label_smoothing=0.2),
    BinaryCrossEntropy(label_smoothing=0.2, label_smoothing_schedule=FlatCosine()),
    CrossEntropy(label_smoothing=0.2, label_smoothing_schedule=FlatCosine()),
]
SOME_METRICS = [RegressionError()]
"""For tests that do not look at metrics."""
OPTIMIZERS = [kind() for kind in get_args(AnyOptimizer)]
DESCENDING = [one for one in OPTIMIZERS if not one.searches]
STEPPING = [one for one in OPTIMIZERS if not one.full_batch]
"""Those that take batches of any size."""
LAYERS = get_args(AnyStoredLayer)
CODED = Embedding(tables=[CategoryTable(position=1, levels=3, size=2)])
"""An embedding of the second input, whose three levels `suited` puts there."""


def named(components: Sequence[Any]) -> list[Any]:
    """Make pytest parameters named by kind and by the settings that differ from the defaults."""
    params = []
    for one in components:
        default = {name: field.default for name, field in one.__dataclass_fields__.items()}
        settings = [
            f"{name}={value}"
            for name, value in vars(one).items()
            if value != default[name] and name != "kind"
        ]
        params.append(pytest.param(one, id="-".join([one.kind, *settings])))
    return params


def stack(
    kind: type, activation: Any, outputs: int, units: int = 4, tolerance: float = 1e-13
) -> list[Layer]:
    """Build a small network with a hidden layer of the given kind, and the activation.

    A bias straight before batch normalization has no effect, so there is none. Recurrent weights of
    norm 0.3 let units settle whatever their activation: the steepest, selu, has the slope 1.76.
    """
    hidden: dict[type, list[Layer]] = {
        Dense: [Dense(units=units, activation=activation)],
        Dropout: [Dense(units=units, activation=activation), Dropout(rate=0.4)],
        BatchNormalization: [
            Dense(units=units, bias=False),
            BatchNormalization(activation=activation),
        ],
        Embedding: [CODED, Dense(units=units, activation=activation)],
        LayerNormalization: [Dense(units=units), LayerNormalization(activation=activation)],
        Parametric: [Dense(units=units), Parametric(activation=activation)],
        # of some inputs, then of units, to which it sends a gradient
        Periodic: [
            Periodic(inputs=[2, 0], frequencies=3, size=2),
            Dense(units=units, activation=activation),
            Periodic(inputs=[1, 2], frequencies=2),
        ],
        # the dense layers take the factors of the first and the last, but not of the second
        Scale: [Scale(), Dense(units=units, activation=activation), Scale(), Scale()],
    }
    if kind is Equilibrium:
        recurrent = Orthogonal(gain=0.3)
        hidden[kind] = [
            Equilibrium(
                units=units,
                activation=activation,
                recurrent_initializer=recurrent,
                tolerance=tolerance,
                max_steps=200,  # enough; float32 comes no nearer than its own precision
            )
        ]
    return [*hidden[kind], Dense(units=outputs)]


def fits(kind: type, activation: Any) -> bool:
    """Return whether this kind takes the activation: an equilibrium needs an elementwise one."""
    return not (kind is Equilibrium and isinstance(activation, Softmax))


def targets_for(loss: Loss, rng: np.random.Generator, rows: int, outputs: int) -> Array:
    """Return targets (N, O) that suit the loss."""
    if isinstance(loss, CrossEntropy):
        return np.eye(outputs)[np.arange(rows) % outputs]
    if isinstance(loss, BinaryCrossEntropy):
        return rng.integers(0, 2, (rows, outputs)).astype(float)
    return rng.normal(size=(rows, outputs))


def some_rows(
    loss: Loss,
    rows: int = 12,
    inputs: int = 3,
    outputs: int = 3,
    seed: int = 0,
    *,
    weighted: bool = False,
) -> Rows:
    """Draw random rows with targets that suit the loss."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, inputs))
    y = targets_for(loss, rng, rows, outputs)
    return Rows(x, y, rng.uniform(0.2, 3, rows) if weighted else None)


def suited(kind: type, rows: Rows) -> Rows:
    """Return the rows, with category numbers where a layer of this kind reads them."""
    if kind is not Embedding:
        return rows
    x = rows.x.copy()
    x[:, 1] = np.arange(len(x)) % 3
    return Rows(x, rows.y, rows.weights)


def in_precision(rows: Rows, precision: str) -> Rows:
    """Return the same rows in another type."""
    weights = None if rows.weights is None else rows.weights.astype(precision)
    return Rows(rows.x.astype(precision), rows.y.astype(precision), weights)


def network_of(
    layers: Sequence[Layer],
    inputs: int = 3,
    seeds: Sequence[int] = (1,),
    precision: str = "float64",
) -> Network:
    return Network(layers, inputs, seeds=seeds, precision=precision)


def train(
    network: Network,
    rows: Rows,
    validation: Rows | None = None,
    each: Callable[[Record], None] | None = None,
    **how: Any,
) -> list[Record]:
    """Train, by default by gradient descent on the squared error, and return all records."""
    training = Training(
        **{"loss": SquaredError(), "optimizer": GradientDescent(), "learning_rate": 0.05, **how}
    )
    records = []
    for record in fit(training, network, rows, validation, SOME_METRICS):
        if each:
            each(record)
        records.append(record)
    return records


def linear(outputs: int = 1, **settings: Any) -> list[Layer]:
    """Build one layer without an activation: a linear model."""
    return [Dense(units=outputs, activation=Identity(), **settings)]
