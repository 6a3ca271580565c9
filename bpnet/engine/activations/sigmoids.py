"""S-shaped activations, with a limit at either end: the logistic sigmoid and tanh."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.activations.base import Activation
from bpnet.engine.buffers import empty_like, filled_like
from bpnet.engine.component import Array, constant

FEW = 4096
"""Number of z up to which cutting all of them takes less time than looking for a large one."""


@dataclass(frozen=True, kw_only=True)
class Sigmoid(Activation):
    """f(z) = 1 / (1 + e^-z);  f' = a (1 - a)."""

    kind: Literal["sigmoid"] = "sigmoid"
    scratch_arrays: ClassVar[int] = 1

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and largest output."""
        return 0.0, 1.0

    def scratch(self, z: Array) -> tuple[Array, ...]:
        """Return a work array and, for few z, the largest that `sigmoid` leaves as it is."""
        few = z.size <= FEW
        return (empty_like(z), filled_like(z, largest(z.dtype))) if few else (empty_like(z),)

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write the sigmoid."""
        sigmoid(z, a, *scratch)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by a (1 - a)."""
        slope = scratch[0]
        np.subtract(constant(1, a.dtype), a, slope)
        np.multiply(slope, a, slope)
        np.multiply(delta, slope, delta)


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
        np.tanh(z, a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by 1 - a²."""
        slope = scratch[0]
        np.multiply(a, a, slope)  # a²
        np.subtract(constant(1, a.dtype), slope, slope)
        np.multiply(delta, slope, delta)


def sigmoid(z: Array, out: Array, scratch: Array, limits: Array | None = None) -> None:
    """Write e^z / (e^z + 1); out may be z. Large z are cut, so that e^z stays finite.

    `limits` are those to which they are cut, like z, where it is as fast to cut all.
    """
    if limits is not None:
        np.minimum(z, limits, out=out)
        np.exp(out, out)
    # looking for a large z takes a sixth of the time that cutting all by a number does
    elif np.maximum.reduce(z, axis=None, initial=-np.inf) <= largest(z.dtype):
        np.exp(z, out)  # e^z
    else:  # or a nan, which stays one
        np.minimum(z, constant(largest(z.dtype), z.dtype), out=out)
        np.exp(out, out)
    np.add(out, constant(1, z.dtype), scratch)
    np.divide(out, scratch, out)


def largest(dtype: np.dtype) -> float:
    """Return the largest z with a finite e^z: float32 holds e^88 but not e^89."""
    return 88.0 if dtype == np.float32 else 709.0  # float64 holds e^709 but not e^710
