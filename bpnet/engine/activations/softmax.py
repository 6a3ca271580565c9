"""Softmax: the one activation that mixes the units of a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.activations.base import Activation
from bpnet.engine.component import Array


@dataclass(frozen=True, kw_only=True)
class Softmax(Activation):
    """f(z)_i = e^z_i / Σ_j e^z_j over the units of a row.

    dL/dz_i = a_i (dL/da_i - Σ_j a_j dL/da_j).
    """

    kind: Literal["softmax"] = "softmax"
    scratch_arrays: ClassVar[int] = 2
    elementwise: ClassVar[bool] = False

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write the softmax, after subtracting a row's largest z, so that nothing overflows."""
        total = scratch[0][:, :1]  # (R, 1, B)
        np.maximum.reduce(z, axis=1, out=total, keepdims=True)
        np.subtract(z, total, out=a)
        np.exp(a, out=a)
        np.add.reduce(a, axis=1, out=total, keepdims=True)  # Σ_j e^z_j
        np.divide(a, total, out=a)

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Write a dL/da - a Σ_j a_j dL/da_j into delta."""
        product, total = scratch[0], scratch[1][:, :1]
        np.multiply(delta, a, out=delta)  # a dL/da
        np.add.reduce(delta, axis=1, out=total, keepdims=True)  # Σ_j a_j dL/da_j
        np.multiply(a, total, out=product)
        np.subtract(delta, product, out=delta)
