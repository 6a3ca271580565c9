"""Rectifiers: near z where z is positive, and near a constant or a small multiple of z below."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.activations.base import Activation
from bpnet.engine.buffers import empty_like, filled_like
from bpnet.engine.component import Array, constant, number

FEW = 1024
"""Number of z up to which a slope of 0 and 1 in their own type takes less time than a mask, which
NumPy converts in a buffer."""


@dataclass(frozen=True, kw_only=True)
class Relu(Activation):
    """f(z) = max(z, 0);  f' = 1 where a > 0, else 0 (also at the kink z = 0)."""

    kind: Literal["relu"] = "relu"

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and largest output."""
        return 0.0, math.inf

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write max(z, 0)."""
        np.maximum(z, scratch[1], out=a)

    def scratch(self, z: Array) -> tuple[Array, ...]:
        """Return room for [a > 0], and zeros.

        One byte for each of many numbers leaves more of the cache to other arrays.
        """
        room = empty_like(z) if z.size <= FEW else empty_like(z, np.dtype(np.bool_))
        return room, filled_like(z, 0)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by [a > 0]."""
        positive = scratch[0]
        if positive.dtype == np.bool_:
            np.greater(a, constant(0, a.dtype), positive)
        else:
            np.sign(a, positive)  # 0 or 1, as a ≥ 0
        np.multiply(delta, positive, delta)


@dataclass(frozen=True, kw_only=True)
class LeakyRelu(Activation):
    """f(z) = max(z, slope z);  f' = 1 where a > 0, else the slope (Maas, Hannun and Ng 2013)."""

    kind: Literal["leaky_relu"] = "leaky_relu"
    slope: float = number(0.01, gt=0, lt=1)
    """Slope below 0: near 0 the function is relu, near 1 the identity. Example: `slope: 0.1`."""
    scratch_arrays: ClassVar[int] = 1

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write max(z, slope z)."""
        np.multiply(z, constant(self.slope, z.dtype), scratch[0])
        np.maximum(z, scratch[0], out=a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by slope + (1 - slope) [a > 0]."""
        slope = scratch[0]
        np.greater(a, 0, out=slope)  # 1 where z > 0, else 0
        np.multiply(slope, constant(1 - self.slope, a.dtype), slope)
        np.add(slope, constant(self.slope, a.dtype), slope)  # 1 where z > 0, else the slope
        np.multiply(delta, slope, delta)


@dataclass(frozen=True, kw_only=True)
class _ExponentialLinear(Activation):
    """f(z) = λ z where z > 0, else λ α (e^z - 1);  f' = λ where a > 0, else a + λ α."""

    def constants(self) -> tuple[float, float]:
        """Return λ and α."""
        raise TypeError(f"{type(self).__name__} has no constants")

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and largest output: -λ α, and no limit above."""
        scale, alpha = self.constants()
        return -scale * alpha, math.inf

    def scratch(self, z: Array) -> tuple[Array, ...]:
        """Return two work arrays, and zeros."""
        return empty_like(z), empty_like(z), filled_like(z, 0)

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write λ (max(z, 0) + α (e^min(z, 0) - 1))."""
        scale, alpha = self.constants()
        below, _, zeros = scratch
        np.minimum(z, zeros, out=below)  # e^z of a large z would overflow
        np.expm1(below, out=below)  # 0 where z > 0
        np.multiply(below, constant(scale * alpha, z.dtype), below)
        np.maximum(z, zeros, out=a)  # λ z where z > 0, added to the other part
        np.multiply(a, constant(scale, z.dtype), a)
        np.add(a, below, a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by min(a, 0) + λ α + (λ - λ α) [a > 0]."""
        scale, alpha = self.constants()
        slope, above, zeros = scratch
        np.greater(a, 0, out=above)
        np.multiply(above, constant(scale - scale * alpha, a.dtype), above)  # (λ - λ α) [a > 0]
        np.minimum(a, zeros, out=slope)
        np.add(slope, constant(scale * alpha, a.dtype), slope)  # a + λ α, or λ α where a > 0
        np.add(slope, above, slope)  # λ where a > 0
        np.multiply(delta, slope, delta)


@dataclass(frozen=True, kw_only=True)
class Elu(_ExponentialLinear):
    """f(z) = z where z > 0, else alpha (e^z - 1) (Clevert, Unterthiner and Hochreiter 2016)."""

    kind: Literal["elu"] = "elu"
    alpha: float = number(1.0, gt=0)
    """Size of the limit below: f(z) falls to -alpha as z falls."""

    def constants(self) -> tuple[float, float]:
        """Return λ and α."""
        return 1.0, self.alpha


@dataclass(frozen=True, kw_only=True)
class Selu(_ExponentialLinear):
    """Exponential linear unit that keeps mean 0 and variance 1 (Klambauer et al. 2017).

    λ = 1.0507 and α = 1.6733 follow from that; there are no settings.
    """

    kind: Literal["selu"] = "selu"

    def constants(self) -> tuple[float, float]:
        """Return λ and α."""
        return 1.0507009873554805, 1.6732632423543772


@dataclass(frozen=True, kw_only=True)
class Softplus(Activation):
    """f(z) = log(1 + e^z);  f' = 1 - e^-a."""

    kind: Literal["softplus"] = "softplus"
    scratch_arrays: ClassVar[int] = 1

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and largest output."""
        return 0.0, math.inf

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write log(1 + e^z)."""
        softplus(z, a, scratch[0])

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by 1 - e^-a."""
        slope = scratch[0]
        np.negative(a, out=slope)
        np.expm1(slope, out=slope)  # e^-a - 1 = -f'
        np.multiply(delta, slope, out=delta)
        np.negative(delta, out=delta)


def softplus(z: Array, out: Array, scratch: Array) -> None:
    """Write log(1 + e^z) as max(z, 0) + log(1 + e^-|z|), which cannot overflow; out may be z."""
    np.abs(z, scratch)
    np.negative(scratch, scratch)  # np.copysign takes six times as long
    np.exp(scratch, out=scratch)  # e^-|z|
    np.log1p(scratch, out=scratch)  # accurate where e^-|z| is near 0
    np.maximum(z, constant(0, z.dtype), out=out)  # z is not read after this: out may be z
    np.add(out, scratch, out=out)
