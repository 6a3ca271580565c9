"""Activations: a = f(z) for each unit and row, and the step back through f.

Arrays are (R, O, B): replicas, units, rows of the batch. `forward` writes a; `backward` turns dL/da into
dL/dz in place, by the chain rule dL/dz = f'(z) dL/da. Where f' follows from the output alone, a may stand in
the memory of z. Nothing is allocated: `scratch` makes, once, the arrays that both work in, usually
`scratch_arrays` like z, and what forward leaves there backward may read.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.buffers import empty_like
from bpnet.engine.component import Array, Component, constant, number


@dataclass(frozen=True, kw_only=True)
class Activation(Component):
    """The base of all activations: the identity, whose derivative is 1."""

    scratch_arrays: ClassVar[int] = 0
    derivative_from_output: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    """Whether each unit's value depends on that unit's z alone."""

    def scratch(self, z: Array) -> tuple[Array, ...]:
        """The arrays in which forward and backward work."""
        return tuple(empty_like(z) for _ in range(self.scratch_arrays))

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write f(z) into a; a may be z itself where `derivative_from_output`."""
        if a is not z:
            np.copyto(a, z)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Turn delta from dL/da into dL/dz, in place."""


@dataclass(frozen=True, kw_only=True)
class Identity(Activation):
    """f(z) = z."""

    kind: Literal["identity"] = "identity"


@dataclass(frozen=True, kw_only=True)
class Sigmoid(Activation):
    """f(z) = 1 / (1 + e^-z);  f' = a (1 - a)."""

    kind: Literal["sigmoid"] = "sigmoid"
    scratch_arrays: ClassVar[int] = 1

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

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write tanh z."""
        np.tanh(z, out=a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by 1 - a²."""
        slope = scratch[0]
        np.multiply(a, a, out=slope)
        np.subtract(constant(1, a.dtype), slope, out=slope)
        np.multiply(delta, slope, out=delta)


@dataclass(frozen=True, kw_only=True)
class Relu(Activation):
    """f(z) = max(z, 0);  f' = 1 where a > 0, else 0 (also at the kink z = 0)."""

    kind: Literal["relu"] = "relu"
    scratch_arrays: ClassVar[int] = 1

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write max(z, 0)."""
        np.maximum(z, constant(0, z.dtype), out=a)

    def scratch(self, z: Array) -> tuple[Array, ...]:
        """A mask, whose byte for each number leaves the cache to others."""
        return (empty_like(z, np.dtype(np.bool_)),)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by [a > 0]."""
        np.greater(a, constant(0, a.dtype), out=scratch[0])
        np.multiply(delta, scratch[0], out=delta)


@dataclass(frozen=True, kw_only=True)
class LeakyRelu(Activation):
    """f(z) = max(z, slope z);  f' = 1 where a > 0, else the slope (Maas, Hannun and Ng 2013)."""

    kind: Literal["leaky_relu"] = "leaky_relu"
    slope: float = number(0.01, gt=0, lt=1)
    """Slope below 0: near 0 the function is relu, near 1 the identity."""
    scratch_arrays: ClassVar[int] = 1

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write max(z, slope z)."""
        np.multiply(z, self.slope, out=scratch[0])
        np.maximum(z, scratch[0], out=a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by slope + (1 - slope) [a > 0]."""
        slope = scratch[0]
        np.greater(a, 0, out=slope)
        np.multiply(slope, 1 - self.slope, out=slope)
        np.add(slope, self.slope, out=slope)
        np.multiply(delta, slope, out=delta)


@dataclass(frozen=True, kw_only=True)
class _ExponentialLinear(Activation):
    """f(z) = λ z where z > 0, else λ α (e^z - 1);  f' = λ where a > 0, else a + λ α."""

    scratch_arrays: ClassVar[int] = 2

    def _constants(self) -> tuple[float, float]:
        """λ and α."""
        raise TypeError(f"{type(self).__name__} has no constants")

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write λ (max(z, 0) + α (e^min(z, 0) - 1))."""
        scale, alpha = self._constants()
        below = scratch[0]
        np.minimum(z, 0, out=below)
        np.expm1(below, out=below)
        np.multiply(below, scale * alpha, out=below)
        np.maximum(z, constant(0, z.dtype), out=a)
        np.multiply(a, scale, out=a)
        np.add(a, below, out=a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by min(a, 0) + λ α + (λ - λ α) [a > 0]."""
        scale, alpha = self._constants()
        slope, above = scratch
        np.greater(a, 0, out=above)
        np.multiply(above, scale - scale * alpha, out=above)
        np.minimum(a, 0, out=slope)
        np.add(slope, scale * alpha, out=slope)
        np.add(slope, above, out=slope)
        np.multiply(delta, slope, out=delta)


@dataclass(frozen=True, kw_only=True)
class Elu(_ExponentialLinear):
    """f(z) = z where z > 0, else alpha (e^z - 1) (Clevert, Unterthiner and Hochreiter 2016)."""

    kind: Literal["elu"] = "elu"
    alpha: float = number(1.0, gt=0)
    """Size of the limit below: f(z) falls to -alpha as z falls."""

    def _constants(self) -> tuple[float, float]:
        return 1.0, self.alpha


@dataclass(frozen=True, kw_only=True)
class Selu(_ExponentialLinear):
    """The exponential linear unit that keeps mean 0 and variance 1 (Klambauer et al. 2017); has no settings."""

    kind: Literal["selu"] = "selu"

    def _constants(self) -> tuple[float, float]:
        return 1.0507009873554805, 1.6732632423543772


@dataclass(frozen=True, kw_only=True)
class Gelu(Activation):
    """f(z) = z (1 + t) / 2 with t = tanh(c (z + k z³)), c = √(2/π), k = 0.044715 (Hendrycks and Gimpel 2016).

    f' = (1 + t) / 2 + z (1 - t²) c (1 + 3 k z²) / 2. It is the tanh form of the paper, within 5e-4 of the one with erf.
    """

    kind: Literal["gelu"] = "gelu"
    scratch_arrays: ClassVar[int] = 2
    derivative_from_output: ClassVar[bool] = False

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write f(z); t stays in scratch."""
        t, _ = scratch
        np.multiply(z, z, out=t)
        np.multiply(t, 0.044715, out=t)
        np.add(t, 1, out=t)
        np.multiply(t, z, out=t)
        np.multiply(t, math.sqrt(2 / math.pi), out=t)
        np.tanh(t, out=t)
        np.add(t, 1, out=a)
        np.multiply(a, z, out=a)
        np.multiply(a, 0.5, out=a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by f'; the first factor of the second term, 1 - t² = (1 - t)(1 + t), is 0 where t is ±1."""
        t, slope = scratch
        np.multiply(z, z, out=slope)
        np.multiply(slope, 3 * 0.044715, out=slope)
        np.add(slope, 1, out=slope)
        np.multiply(slope, z, out=slope)
        np.multiply(slope, math.sqrt(2 / math.pi), out=slope)
        np.multiply(slope, delta, out=slope)
        np.add(t, 1, out=t)
        np.multiply(slope, t, out=slope)
        np.multiply(delta, t, out=delta)
        np.subtract(2, t, out=t)
        np.multiply(slope, t, out=slope)
        np.add(delta, slope, out=delta)
        np.multiply(delta, 0.5, out=delta)


@dataclass(frozen=True, kw_only=True)
class Silu(Activation):
    """f(z) = z s with s = sigmoid(z), also called swish;  f' = s + a (1 - s) (Elfwing, Uchibe and Doya 2018)."""

    kind: Literal["silu"] = "silu"
    scratch_arrays: ClassVar[int] = 2
    derivative_from_output: ClassVar[bool] = False

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write z s; s stays in scratch."""
        sigmoid(z, scratch[0], scratch[1])
        np.multiply(z, scratch[0], out=a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by s + a (1 - s)."""
        s, slope = scratch
        np.subtract(1, s, out=slope)
        np.multiply(slope, a, out=slope)
        np.add(slope, s, out=slope)
        np.multiply(delta, slope, out=delta)


@dataclass(frozen=True, kw_only=True)
class Mish(Activation):
    """f(z) = z t with t = tanh(softplus(z));  f' = t + z (1 - t²) sigmoid(z) (Misra 2020)."""

    kind: Literal["mish"] = "mish"
    scratch_arrays: ClassVar[int] = 3
    derivative_from_output: ClassVar[bool] = False

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write z t; t and the sigmoid, 1 - e^-softplus(z), stay in scratch."""
        t, s, _ = scratch
        softplus(z, t, s)
        np.negative(t, out=s)
        np.expm1(s, out=s)
        np.negative(s, out=s)
        np.tanh(t, out=t)
        np.multiply(z, t, out=a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by t + z (1 - t²) s."""
        t, s, slope = scratch
        np.multiply(t, t, out=slope)
        np.subtract(constant(1, a.dtype), slope, out=slope)
        np.multiply(slope, z, out=slope)
        np.multiply(slope, s, out=slope)
        np.add(slope, t, out=slope)
        np.multiply(delta, slope, out=delta)


@dataclass(frozen=True, kw_only=True)
class Softplus(Activation):
    """f(z) = log(1 + e^z);  f' = 1 - e^-a."""

    kind: Literal["softplus"] = "softplus"
    scratch_arrays: ClassVar[int] = 1

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write log(1 + e^z)."""
        softplus(z, a, scratch[0])

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by 1 - e^-a."""
        slope = scratch[0]
        np.negative(a, out=slope)
        np.expm1(slope, out=slope)
        np.multiply(delta, slope, out=delta)
        np.negative(delta, out=delta)


@dataclass(frozen=True, kw_only=True)
class Softmax(Activation):
    """f(z)_i = e^z_i / Σ_j e^z_j over the units of a row;  dL/dz_i = a_i (dL/da_i - Σ_j a_j dL/da_j)."""

    kind: Literal["softmax"] = "softmax"
    scratch_arrays: ClassVar[int] = 2
    elementwise: ClassVar[bool] = False

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write the softmax; the largest z of a row is subtracted first, so that nothing overflows."""
        total = scratch[0][:, :1]
        np.maximum.reduce(z, axis=1, out=total, keepdims=True)
        np.subtract(z, total, out=a)
        np.exp(a, out=a)
        np.add.reduce(a, axis=1, out=total, keepdims=True)
        np.divide(a, total, out=a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Subtract Σ_j a_j dL/da_j, then multiply by a."""
        product, total = scratch[0], scratch[1][:, :1]
        np.multiply(delta, a, out=delta)
        np.add.reduce(delta, axis=1, out=total, keepdims=True)
        np.multiply(a, total, out=product)
        np.subtract(delta, product, out=delta)


def sigmoid(z: Array, out: Array, scratch: Array) -> None:
    """Write e^z / (e^z + 1), where e^z may grow no further than the largest finite number; out may be z."""
    np.minimum(z, constant(88 if z.dtype == np.float32 else 709, z.dtype), out=out)
    np.exp(out, out=out)
    np.add(out, constant(1, z.dtype), out=scratch)
    np.divide(out, scratch, out=out)


def softplus(z: Array, out: Array, scratch: Array) -> None:
    """Write log(1 + e^z) as max(z, 0) + log(1 + e^-|z|), which cannot overflow; out may be z."""
    np.copysign(z, constant(-1, z.dtype), out=scratch)
    np.exp(scratch, out=scratch)
    np.log1p(scratch, out=scratch)
    np.maximum(z, constant(0, z.dtype), out=out)
    np.add(out, scratch, out=out)


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
