"""Layers and activations in ONNX: the pass forward of one network, rows before units."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bpnet.engine.activations import (
    Activation,
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
from bpnet.engine.component import Array
from bpnet.engine.layers import (
    BatchNormalization,
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
from bpnet.integrations.export.graph import WHOLE, Tensor
from bpnet.integrations.export.kinds import form_of
from bpnet.integrations.export.onnx_columns import FORMAT

Arrays = Mapping[str, Array]
"""The parameters and statistics of a layer, of one network, by name."""


@dataclass(frozen=True)
class Place:
    """What a layer reads: x (N, inputs), and its arrays."""

    x: Tensor
    inputs: int
    arrays: Arrays


def scores_of(layers: Sequence[Layer], arrays: Sequence[Arrays], x: Tensor, inputs: int) -> Tensor:
    """Return the scores (N, O) of one network for x (N, I) with a number of inputs."""
    for layer, of_layer in zip(layers, arrays, strict=True):
        x = form_of(LAYERS, layer, "layer", FORMAT)(layer, Place(x, inputs, of_layer))
        inputs = layer.outputs(inputs)
    return x


def activated(activation: Activation, z: Tensor) -> Tensor:
    """Return a = f(z), each (N, O)."""
    return form_of(ACTIVATIONS, activation, "activation", FORMAT)(activation, z)


def _dense(layer: Any, at: Place) -> Tensor:
    """Return f(W x + b)."""
    assert isinstance(layer, Dense)
    x, arrays = at.x, at.arrays
    z = x @ arrays["weight"].T
    return activated(layer.activation, z + arrays["bias"] if "bias" in arrays else z)


def _dropout(_: Any, at: Place) -> Tensor:
    return at.x


def _embedding(layer: Any, at: Place) -> Tensor:
    """Return the inputs that are not codes, then the vectors of the codes."""
    assert isinstance(layer, Embedding)
    x, arrays = at.x, at.arrays
    codes = [x.take([table.position]).squeeze(1) for table in layer.tables]
    vectors = [
        # of a row that is refused the code is NaN
        x.graph.apply("Gather", x.constant(arrays[f"table_{k}"]), _whole(each), axis=0)
        for k, each in enumerate(codes)
    ]
    others = layer.others(at.inputs)
    return x.graph.concat([*([x.take(others)] if others else []), *vectors])


def _whole(codes: Tensor) -> Tensor:
    missing = codes.apply("IsNaN", dtype=np.dtype(bool))
    return codes.graph.where(missing, np.array(0.0, codes.dtype), codes).cast(WHOLE)


def _batch_normalization(layer: Any, at: Place) -> Tensor:
    """Return f(γ n + β) with n = (x - mean) / √(variance + epsilon), both as they ran."""
    assert isinstance(layer, BatchNormalization)
    x, arrays = at.x, at.arrays
    inverse = 1 / np.sqrt(arrays["running_variance"] + layer.epsilon)
    n = (x - arrays["running_mean"]) * inverse.astype(x.dtype)
    return activated(layer.activation, n * arrays["gamma"] + arrays["beta"])


def _layer_normalization(layer: Any, at: Place) -> Tensor:
    """Return f(γ n + β) with n = (x - mean) / √(variance + epsilon) over the units of a row."""
    assert isinstance(layer, LayerNormalization)
    x, arrays = at.x, at.arrays
    difference = x - x.reduce("ReduceMean")
    variance = (difference * difference).reduce("ReduceMean")
    n = difference / (variance + layer.epsilon).apply("Sqrt")
    return activated(layer.activation, n * arrays["gamma"] + arrays["beta"])


def _scale(layer: Any, at: Place) -> Tensor:
    assert isinstance(layer, Scale)
    x, arrays = at.x, at.arrays
    return x * arrays["factor"]


def _parametric(layer: Any, at: Place) -> Tensor:
    """Return x + p (f(x) - x)."""
    assert isinstance(layer, Parametric)
    x, arrays = at.x, at.arrays
    return x + (activated(layer.activation, x) - x) * arrays["share"]


def _periodic(layer: Any, at: Place) -> Tensor:
    """Return the inputs, then V cos(2π w x + b) + c of each of those that have waves."""
    assert isinstance(layer, Periodic)
    x, arrays = at.x, at.arrays
    inputs, _ = arrays["frequency"].shape
    chosen = x if layer.inputs is None else x.take([int(each) for each in layer.inputs])
    graph = x.graph
    turns = graph.apply("Unsqueeze", chosen, np.array([2])) * (2 * np.pi)  # (N, n, 1)
    waves = (turns * arrays["frequency"] + arrays["phase"]).apply("Cos")  # (N, n, K)
    # one product for all: (n, N, K) (n, K, size) = (n, N, size)
    by_input = graph.apply("Transpose", waves, perm=[1, 0, 2])
    mixed = by_input @ np.ascontiguousarray(arrays["weight"].swapaxes(1, 2))
    mixed = graph.apply("Transpose", mixed, perm=[1, 0, 2]) + arrays["bias"]
    flat = graph.apply("Reshape", mixed, np.array([-1, inputs * layer.size]))
    return graph.concat([x, flat])


def _equilibrium(layer: Any, at: Place) -> Tensor:
    """Return y = f(W y + U x + b), relaxed from 0; a row that has settled rests."""
    assert isinstance(layer, Equilibrium)
    x, arrays = at.x, at.arrays
    drive, graph = x @ arrays["weight"].T, x.graph
    if "bias" in arrays:
        drive = drive + arrays["bias"]
    y = drive * 0.0
    moving = y.reduce("ReduceMax").equals(0.0)  # (N, 1); false for a row of nan

    def step(states: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
        y, moving = states
        after = activated(layer.activation, y @ arrays["recurrent"].T + drive)
        change = (after - y).apply("Abs").reduce("ReduceMax")
        y = graph.where(moving, after, y)
        moving = moving & (change > layer.tolerance)
        goes_on = graph.apply("ReduceMax", moving.cast(WHOLE), keepdims=0) > 0
        return goes_on, [y, moving]

    y, _ = graph.repeat(layer.max_steps, [y, moving], step)
    first = layer.units - layer.outputs(at.inputs)
    return y.take(range(first, layer.units)) if first else y


def _elu(activation: Any, z: Tensor) -> Tensor:
    """Return λ (max(z, 0) + α (e^min(z, 0) - 1))."""
    assert isinstance(activation, Elu | Selu)
    scale, alpha = activation.constants()
    below = (z.graph.apply("Min", z, 0.0).apply("Exp") - 1.0) * (scale * alpha)
    return z.apply("Relu") * scale + below


def _gelu(_: Any, z: Tensor) -> Tensor:
    t = ((z * z * 0.044715 + 1.0) * z * float(np.sqrt(2 / np.pi))).apply("Tanh")
    return (t + 1.0) * z * 0.5


def _leaky_relu(activation: Any, z: Tensor) -> Tensor:
    assert isinstance(activation, LeakyRelu)
    return z.graph.apply("Max", z, z * activation.slope)


def _softplus(_: Any, z: Tensor) -> Tensor:
    """Return log(1 + e^z) as max(z, 0) + log(1 + e^-|z|)."""
    return z.apply("Relu") + ((-z.apply("Abs")).apply("Exp") + 1.0).apply("Log")


LAYERS: Mapping[str, Callable[[Any, Place], Tensor]] = {
    Dense.kind: _dense,
    Dropout.kind: _dropout,
    Embedding.kind: _embedding,
    BatchNormalization.kind: _batch_normalization,
    LayerNormalization.kind: _layer_normalization,
    Scale.kind: _scale,
    Parametric.kind: _parametric,
    Periodic.kind: _periodic,
    Equilibrium.kind: _equilibrium,
}
"""What each layer becomes."""
ACTIVATIONS: Mapping[str, Callable[[Any, Tensor], Tensor]] = {
    Identity.kind: lambda _, z: z,
    Sigmoid.kind: lambda _, z: z.apply("Sigmoid"),
    Tanh.kind: lambda _, z: z.apply("Tanh"),
    Relu.kind: lambda _, z: z.apply("Relu"),
    LeakyRelu.kind: _leaky_relu,
    Elu.kind: _elu,
    Selu.kind: _elu,
    Gelu.kind: _gelu,
    Silu.kind: lambda _, z: z * z.apply("Sigmoid"),
    Mish.kind: lambda _, z: z * _softplus(_, z).apply("Tanh"),
    Softplus.kind: _softplus,
    Softmax.kind: lambda _, z: z.apply("Softmax", axis=-1),
}
"""What each activation becomes."""
