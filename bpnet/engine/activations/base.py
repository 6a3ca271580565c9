"""The base of all activations: a = f(z) for each unit and row, and the step back through f.

Arrays are (R, O, B): replicas, units, rows of the batch. `forward` writes a; `backward` turns dL/da
into dL/dz in place, by the chain rule dL/dz = f'(z) dL/da. Where f' follows from a, the buffer of a
may be that of z. Nothing is allocated in a step: `scratch` makes the work arrays of both once, and
`backward` may read what `forward` left in them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.buffers import empty_like
from bpnet.engine.component import Array, Component


@dataclass(frozen=True, kw_only=True)
class Activation(Component):
    """Base of all activations: the identity, whose derivative is 1."""

    scratch_arrays: ClassVar[int] = 0
    """Number of work arrays."""
    derivative_from_output: ClassVar[bool] = True
    """True if f' follows from a, so that a may overwrite z."""
    elementwise: ClassVar[bool] = True
    """True if a unit's value depends on no other unit's z."""

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and largest output, infinite where there is none."""
        return -math.inf, math.inf

    def scratch(self, z: Array) -> tuple[Array, ...]:
        """Return the arrays that forward and backward work in, usually like z; or of constants."""
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
