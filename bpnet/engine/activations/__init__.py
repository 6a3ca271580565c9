"""The activations that a layer may have, a family in each file.

A new one is a frozen dataclass with a `kind` of its own, and a name in `AnyActivation`.
"""

from bpnet.engine.activations.base import Activation, Identity
from bpnet.engine.activations.gated import Gelu, Mish, Silu
from bpnet.engine.activations.rectifiers import Elu, LeakyRelu, Relu, Selu, Softplus, softplus
from bpnet.engine.activations.sigmoids import Sigmoid, Tanh, sigmoid
from bpnet.engine.activations.softmax import Softmax

AnyActivation = (
    Identity
    | Sigmoid
    | Tanh
    | Relu
    | LeakyRelu
    | Elu
    | Selu
    | Gelu
    | Silu
    | Mish
    | Softplus
    | Softmax
)
"""The activations that a config may name."""

__all__ = [
    "Activation",
    "AnyActivation",
    "Elu",
    "Gelu",
    "Identity",
    "LeakyRelu",
    "Mish",
    "Relu",
    "Selu",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Softplus",
    "Tanh",
    "sigmoid",
    "softplus",
]
