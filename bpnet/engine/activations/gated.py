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
        t, _ = scratch
        np.multiply(z, z, out=t)  # z²
        np.multiply(t, 0.044715, out=t)  # k z²
        np.add(t, 1, out=t)
        np.multiply(t, z, out=t)  # z + k z³
        np.multiply(t, math.sqrt(2 / math.pi), out=t)
        np.tanh(t, out=t)  # tanh(c (z + k z³))
        np.add(t, 1, out=a)  # 1 + t
        np.multiply(a, z, out=a)  # z (1 + t)
        np.multiply(a, 0.5, out=a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Multiply by f', with 1 - t² as (1 - t)(1 + t), which is 0 where t is ±1."""
        t, slope = scratch
        np.multiply(z, z, out=slope)  # z²
        np.multiply(slope, 3 * 0.044715, out=slope)
        np.add(slope, 1, out=slope)  # 1 + 3 k z²
        np.multiply(slope, z, out=slope)
        np.multiply(slope, math.sqrt(2 / math.pi), out=slope)  # c z (1 + 3 k z²)
        np.multiply(slope, delta, out=slope)
        np.add(t, 1, out=t)  # 1 + t
        np.multiply(slope, t, out=slope)
        np.multiply(delta, t, out=delta)  # (1 + t) dL/da
        np.subtract(2, t, out=t)  # 1 - t
        np.multiply(slope, t, out=slope)  # c z (1 + 3 k z²) (1 - t²) dL/da
        np.add(delta, slope, out=delta)  # 2 f' dL/da
        np.multiply(delta, 0.5, out=delta)


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
        np.subtract(1, s, out=slope)
        np.multiply(slope, a, out=slope)  # a (1 - s)
        np.add(slope, s, out=slope)  # f'
        np.multiply(delta, slope, out=delta)


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
