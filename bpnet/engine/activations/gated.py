"""Gated activations: z times a smooth gate, near 0 for negative z and near 1 for positive."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.activations.base import Activation
from bpnet.engine.activations.rectifiers import softplus
from bpnet.engine.activations.sigmoids import sigmoid
from bpnet.engine.component import Array, constant

_C, _K = math.sqrt(2 / math.pi), 0.044715  # c and k of Gelu


@dataclass(frozen=True, kw_only=True)
class Gelu(Activation):
    """f(z) = z (1 + t) / 2 with t = tanh(c (z + k z³)), c = √(2/π), k = 0.044715.

    f' = (1 + t) / 2 + z (1 - t²) c (1 + 3 k z²) / 2. It is the tanh form of Hendrycks and Gimpel
    (2016), within 5e-4 of the one with erf.
    """

    kind: Literal["gelu"] = "gelu"
    scratch_arrays: ClassVar[int] = 2
    derivative_from_output: ClassVar[bool] = False

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and largest output."""
        return -0.17, math.inf

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write f(z); t stays in scratch."""
        t, dtype = scratch[0], z.dtype
        np.multiply(z, z, t)  # z²
        np.multiply(t, constant(_K, dtype), t)  # k z²
        np.add(t, constant(1, dtype), t)
        np.multiply(t, z, t)  # z + k z³
        np.multiply(t, constant(_C, dtype), t)
        np.tanh(t, t)  # tanh(c (z + k z³))
        np.add(t, constant(1, dtype), a)  # 1 + t
        np.multiply(a, z, a)  # z (1 + t)
        np.multiply(a, constant(0.5, dtype), a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by f', with 1 - t² as (1 - t)(1 + t), which is 0 where t is ±1."""
        (t, slope), dtype = scratch, z.dtype
        np.multiply(z, z, slope)  # z²
        np.multiply(slope, constant(3 * _K, dtype), slope)
        np.add(slope, constant(1, dtype), slope)  # 1 + 3 k z²
        np.multiply(slope, z, slope)
        np.multiply(slope, constant(_C, dtype), slope)  # c z (1 + 3 k z²)
        np.multiply(slope, delta, slope)
        np.add(t, constant(1, dtype), t)  # 1 + t
        np.multiply(slope, t, slope)
        np.multiply(delta, t, delta)  # (1 + t) dL/da
        np.subtract(constant(2, dtype), t, t)  # 1 - t
        np.multiply(slope, t, slope)  # c z (1 + 3 k z²) (1 - t²) dL/da
        np.add(delta, slope, delta)  # 2 f' dL/da
        np.multiply(delta, constant(0.5, dtype), delta)


@dataclass(frozen=True, kw_only=True)
class Silu(Activation):
    """f(z) = z s with s = sigmoid(z);  f' = s + a (1 - s) (Elfwing, Uchibe and Doya 2018).

    It is also called swish.
    """

    kind: Literal["silu"] = "silu"
    scratch_arrays: ClassVar[int] = 2
    derivative_from_output: ClassVar[bool] = False

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and largest output."""
        return -0.2785, math.inf

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write z s; s stays in scratch."""
        sigmoid(z, scratch[0], scratch[1])
        np.multiply(z, scratch[0], out=a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by s + a (1 - s)."""
        s, slope = scratch
        np.subtract(constant(1, a.dtype), s, slope)
        np.multiply(slope, a, slope)  # a (1 - s)
        np.add(slope, s, slope)  # f'
        np.multiply(delta, slope, delta)


@dataclass(frozen=True, kw_only=True)
class Mish(Activation):
    """f(z) = z t with t = tanh(softplus(z));  f' = t + z (1 - t²) sigmoid(z) (Misra 2020)."""

    kind: Literal["mish"] = "mish"
    scratch_arrays: ClassVar[int] = 3
    derivative_from_output: ClassVar[bool] = False

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and largest output."""
        return -0.3089, math.inf

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write z t; t and the sigmoid s, which is 1 - e^-softplus(z), stay in scratch."""
        t, s, _ = scratch
        softplus(z, t, s)  # into t, with s as scratch
        np.negative(t, out=s)
        np.expm1(s, out=s)  # accurate where softplus(z) is near 0
        np.negative(s, out=s)  # 1 - e^-softplus(z)
        np.tanh(t, out=t)
        np.multiply(z, t, out=a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by t + z (1 - t²) s."""
        t, s, slope = scratch
        np.multiply(t, t, out=slope)
        np.subtract(constant(1, a.dtype), slope, out=slope)  # 1 - t²
        np.multiply(slope, z, out=slope)
        np.multiply(slope, s, out=slope)  # z (1 - t²) s
        np.add(slope, t, out=slope)  # f'
        np.multiply(delta, slope, out=delta)
