"""Layers and activations, in NumPy alone: source of exported files of Python.

Arrays have a row for each row of the table. What a function is told of the model, such as a layer,
is a dictionary. It may use no names but those of NumPy, the standard library and such functions.
"""

# mypy: disable-error-code="no-any-return"
# (most of NumPy's arithmetic is of any type; casts would be in every exported file)

import math
from collections.abc import Sequence

import numpy as np

from bpnet.integrations.export.numpy_columns import Array, Part

# Layers: x (rows, inputs) to (rows, outputs)


def network(layers: Sequence[Part], x: Array) -> Array:
    """Return the scores of a network: the output of its last layer."""
    for layer in layers:
        x = LAYERS[layer["kind"]](x, layer)
    return x


def activate(z: Array, activation: Part) -> Array:
    """Return a = f(z)."""
    return ACTIVATIONS[activation["kind"]](z, activation)


def dense(x: Array, layer: Part) -> Array:
    """Return f(W x + b)."""
    z = x @ layer["weight"].T
    if "bias" in layer:
        z = z + layer["bias"]
    return activate(z, layer["activation"])


def dropout(x: Array, _: Part) -> Array:
    """Return x: values are set to 0 in training only."""
    return x


def embedding(x: Array, layer: Part) -> Array:
    """Return the inputs that are not codes, then the vector of each code."""
    vectors = [
        layer[f"table_{k}"][x[:, table["position"]].astype(int)]
        for k, table in enumerate(layer["tables"])
    ]
    codes = [table["position"] for table in layer["tables"]]
    return np.hstack([np.delete(x, codes, axis=1), *vectors])


def batch_normalization(x: Array, layer: Part) -> Array:
    """Return f(γ n + β) with n = (x - mean) / √(variance + epsilon), both of the training rows."""
    n = (x - layer["running_mean"]) / np.sqrt(layer["running_variance"] + layer["epsilon"])
    return activate(layer["gamma"] * n + layer["beta"], layer["activation"])


def layer_normalization(x: Array, layer: Part) -> Array:
    """Return f(γ n + β) with n = (x - mean) / √(variance + epsilon) over each row."""
    mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    n = (x - mean) / np.sqrt(variance + layer["epsilon"])
    return activate(layer["gamma"] * n + layer["beta"], layer["activation"])


def scale(x: Array, layer: Part) -> Array:
    """Return s x."""
    return layer["factor"] * x


def parametric(x: Array, layer: Part) -> Array:
    """Return x + p (f(x) - x)."""
    return x + layer["share"] * (activate(x, layer["activation"]) - x)


def periodic(x: Array, layer: Part) -> Array:
    """Return the inputs, then V cos(2π w x + b) + c of those that have waves."""
    chosen = x if layer["inputs"] is None else x[:, layer["inputs"]]
    turns = (2 * math.pi * chosen)[:, :, None]
    h = np.cos(turns * layer["frequency"] + layer["phase"])  # (rows, n, frequencies)
    e = np.einsum("nsk,rnk->rns", layer["weight"], h) + layer["bias"]
    return np.hstack([x, *np.moveaxis(e, 1, 0)])  # input after input


def equilibrium(x: Array, layer: Part) -> Array:
    """Return y = f(W y + U x + b), relaxed from 0; a row that has settled rests."""
    drive = x @ layer["weight"].T
    if "bias" in layer:
        drive = drive + layer["bias"]
    y = np.zeros_like(drive)
    moving = np.ones((len(y), 1), bool)
    for _ in range(layer["max_steps"]):
        after = activate(y @ layer["recurrent"].T + drive, layer["activation"])
        change = np.abs(after - y).max(axis=1, keepdims=True, initial=0)
        y = np.where(moving, after, y)
        moving &= change > layer["tolerance"]
        if not moving.any():
            break
    outputs = layer["output_units"] or y.shape[1]
    return y[:, y.shape[1] - outputs :]


# Activations


def identity(z: Array, _: Part) -> Array:
    """Return z."""
    return z


def sigmoid(z: Array, _: Part) -> Array:
    """Return 1 / (1 + e^-z), in a form that cannot overflow."""
    power = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, power) / (1 + power)


def tanh(z: Array, _: Part) -> Array:
    """Return tanh z."""
    return np.tanh(z)


def relu(z: Array, _: Part) -> Array:
    """Return max(z, 0)."""
    return np.maximum(z, 0)


def leaky_relu(z: Array, activation: Part) -> Array:
    """Return max(z, slope z)."""
    return np.maximum(z, activation["slope"] * z)


def elu(z: Array, activation: Part) -> Array:
    """Return z where it is positive, else alpha (e^z - 1)."""
    return np.where(z > 0, z, activation["alpha"] * np.expm1(np.minimum(z, 0)))


def selu(z: Array, _: Part) -> Array:
    """Return λ z where it is positive, else λ α (e^z - 1), which keeps mean 0 and variance 1."""
    below = 1.6732632423543772 * np.expm1(np.minimum(z, 0))
    return 1.0507009873554805 * np.where(z > 0, z, below)


def gelu(z: Array, _: Part) -> Array:
    """Return z (1 + tanh(√(2/π) (z + 0.044715 z³))) / 2."""
    inner = math.sqrt(2 / math.pi) * z * (1 + 0.044715 * z * z)
    return z * (1 + np.tanh(inner)) / 2


def silu(z: Array, activation: Part) -> Array:
    """Return z sigmoid(z)."""
    return z * sigmoid(z, activation)


def softplus(z: Array, _: Part) -> Array:
    """Return log(1 + e^z)."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def mish(z: Array, activation: Part) -> Array:
    """Return z tanh(log(1 + e^z))."""
    return z * np.tanh(softplus(z, activation))


def softmax(z: Array, _: Part) -> Array:
    """Return e^z / Σ e^z over each row."""
    power = np.exp(z - z.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True)


LAYERS = {
    "dense": dense,
    "dropout": dropout,
    "embedding": embedding,
    "batch_normalization": batch_normalization,
    "layer_normalization": layer_normalization,
    "scale": scale,
    "parametric": parametric,
    "periodic": periodic,
    "equilibrium": equilibrium,
}
ACTIVATIONS = {
    "identity": identity,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "silu": silu,
    "mish": mish,
    "softplus": softplus,
    "softmax": softmax,
}
