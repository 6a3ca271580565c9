"""S-shaped activations, with a limit at either end: the logistic sigmoid and tanh."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.activations.base import Activation
from bpnet.engine.component import Array, constant


@dataclass(frozen=True, kw_only=True)
class Sigmoid(Activation):
    """f(z) = 1 / (1 + e^-z);  f' = a (1 - a)."""

    kind: Literal["sigmoid"] = "sigmoid"
    scratch_arrays: ClassVar[int] = 1

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and largest output."""
        return 0.0, 1.0

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write the sigmoid."""
        sigmoid(z, a, scratch[0])

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by a (1 - a)."""
        slope = scratch[0]
        np.subtract(constant(1, a.dtype), a, out=slope)
        np.multiply(slope, a, out=slope)
        np.multiply(delta, slope, out=delta)


@dataclass(frozen=True, kw_only=True)
class Tanh(Activation):
    """f(z) = tanh z;  f' = 1 - a²."""

    kind: Literal["tanh"] = "tanh"
    scratch_arrays: ClassVar[int] = 1

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and largest output."""
        return -1.0, 1.0

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write tanh z."""
        np.tanh(z, out=a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by 1 - a²."""
        slope = scratch[0]
        np.multiply(a, a, out=slope)  # a²
        np.subtract(constant(1, a.dtype), slope, out=slope)
        np.multiply(delta, slope, out=delta)


def sigmoid(z: Array, out: Array, scratch: Array) -> None:
    """Write e^z / (e^z + 1); out may be z. Large z are cut, so that e^z stays finite."""
    # float32 holds e^88 but not e^89, float64 e^709 but not e^710
    limit = constant(88 if z.dtype == np.float32 else 709, z.dtype)
    # looking for a large z takes a sixth of the time that cutting all does
    if np.maximum.reduce(z, axis=None, initial=-np.inf) <= limit:
        np.exp(z, out=out)  # e^z
    else:  # or a nan, which stays one
        np.minimum(z, limit, out=out)
        np.exp(out, out=out)
    np.add(out, constant(1, z.dtype), out=scratch)
    np.divide(out, scratch, out=out)
