"""The flat parameter vector of all replicas, and the named views into it.

One list of (name, shape) is the only source of both. Weights come before biases and the like, so
that penalties and weight decay act on one slice.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bpnet.engine.buffers import empty
from bpnet.engine.component import Array
from bpnet.engine.initializers import Initializer, Shape

Group = Literal["weight", "bias", "scale", "activation", "embedding", "encoding"]
"""The groups of parameters whose learning rates a training may set apart."""


@dataclass(frozen=True)
class Parameter:
    """Declaration of one array that training changes, as a layer makes it.

    The shape is that in one replica; the fans scale what the initializer draws.
    """

    shape: Shape
    initializer: Initializer
    fan_in: int
    fan_out: int
    is_weight: bool
    """True if penalties and weight decay act on it: for weights, not for biases."""
    group: Group
    """Group by which its learning rate may differ from that of others."""


@dataclass(frozen=True)
class Block:
    """A parameter array in theta (R, P): its columns, and its declaration."""

    columns: slice
    parameter: Parameter

    def moved(self, by: int) -> "Block":
        """Return the block with its columns moved."""
        return Block(slice(self.columns.start + by, self.columns.stop + by), self.parameter)


class Vector:
    """An array `flat` (R, P) and its named `views` (R, *shape), one after another.

    Behind it in memory there is `room` for more numbers, which `whole` (R P + room,) has too.
    """

    def __init__(
        self, shapes: Mapping[str, Shape], replicas: int, dtype: np.dtype, room: int = 0
    ) -> None:
        sizes = {name: int(np.prod(shape)) for name, shape in shapes.items()}
        values = replicas * sum(sizes.values())
        self._shapes, self._replicas = shapes, replicas
        self.live_in(empty((values + room,), dtype))

    def live_in(self, memory: Array) -> None:
        """Take other memory (R P + room,), filled with 0, before anything is bound to the array."""
        self.whole = memory
        self.whole.fill(0)
        sizes = {name: int(np.prod(shape)) for name, shape in self._shapes.items()}
        values = self._replicas * sum(sizes.values())
        self.flat = self.whole[:values].reshape(self._replicas, -1 if values else 0)
        self.views: dict[str, Array] = {}
        start = 0
        for name, shape in self._shapes.items():
            # splitting the columns of a slice needs no copy, so this stays a view
            columns = self.flat[:, start : start + sizes[name]]
            self.views[name] = columns.reshape(self._replicas, *shape)
            start += sizes[name]

    def __reduce__(self) -> tuple[Any, ...]:
        """Let copies and pickles have views of their own array, too."""
        shapes = {name: view.shape[1:] for name, view in self.views.items()}
        room = len(self.whole) - self.flat.size
        return _with_values, (shapes, self.flat, room)

    def load(self, values: Array) -> None:
        """Copy values (R, P) into the array. Raises ValueError if they have another shape."""
        if values.shape != self.flat.shape or values.dtype != self.flat.dtype:
            raise ValueError(
                f"the values are {values.dtype} {values.shape}, "
                f"not {self.flat.dtype} {self.flat.shape}"
            )
        self.flat[:] = values

    def picked(self, replicas: Sequence[int]) -> "Vector":
        """Return a copy that has only these replicas."""
        shapes = {name: view.shape[1:] for name, view in self.views.items()}
        room = len(self.whole) - self.flat.size
        vector = Vector(shapes, len(replicas), self.flat.dtype, room)
        vector.flat[:] = self.flat[replicas]
        return vector

    def of_replicas(self, replicas: slice) -> "Vector":
        """Return the rows of neighboring replicas, as views."""
        vector = copy.copy(self)
        vector.flat = self.flat[replicas]
        vector.views = {name: view[replicas] for name, view in self.views.items()}
        return vector

    def repeated(self, count: int) -> "Vector":
        """Return the only replica this many times over, as read-only views."""
        vector = copy.copy(self)
        vector.flat = np.broadcast_to(self.flat, (count, *self.flat.shape[1:]))
        vector.views = {
            name: np.broadcast_to(view, (count, *view.shape[1:]))
            for name, view in self.views.items()
        }
        return vector

    def part(self, prefix: str) -> dict[str, Array]:
        """Return the views whose name begins with `prefix` and a dot, by the rest of their name."""
        start = prefix + "."
        return {
            name.removeprefix(start): view
            for name, view in self.views.items()
            if name.startswith(start)
        }


def _with_values(shapes: Mapping[str, Shape], values: Array, room: int) -> Vector:
    """Return a vector with these values (R, P)."""
    vector = Vector(shapes, len(values), values.dtype, room)
    vector.flat[:] = values
    return vector


def blocks_of(parameters: Mapping[str, Parameter]) -> list[Block]:
    """Return the blocks of theta, in which the parameters lie in this order."""
    blocks, start = [], 0
    for parameter in parameters.values():
        columns = slice(start, start := start + math.prod(parameter.shape))
        blocks.append(Block(columns, parameter))
    return blocks


def weights_first(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return the parameters with weights before all others, else in the given order."""
    # sorted is stable, and False comes before True
    return dict(sorted(parameters.items(), key=lambda item: not item[1].is_weight))
