"""A layer: frozen hyperparameters that say which parameters it has and bind it to one batch's buffers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bpnet.engine.activations import Activation
from bpnet.engine.buffers import empty_like, empty_units
from bpnet.engine.component import Array, Component
from bpnet.engine.initializers import Shape
from bpnet.engine.parameters import Parameter


@dataclass(frozen=True)
class Wiring:
    """What a layer is bound to: the array it reads, its parameters, their gradients, and its place."""

    x: Array
    """The layer's input (R, I, B): the buffer that the layer before writes."""
    parameters: Mapping[str, Array]
    gradients: Mapping[str, Array]
    statistics: Mapping[str, Array]
    """What the layer learns without a gradient, such as running means; saved with the parameters."""
    generators: list[np.random.Generator]
    """One for each replica, renewed by the network at the start of each epoch; none where the layer draws nothing."""
    training: bool
    """Whether backward will be called, and chance and batch statistics apply."""
    wants_input_gradient: bool
    """Whether a layer before this one needs dL/dx."""
    keeps_sums: bool
    """Whether z must stay readable after forward, rather than be overwritten by f(z)."""
    warn: Callable[[str], None]
    """Tells the user something that happened in this layer."""
    each: Sequence["Layer"] = ()
    """The layers of the replicas, where these differ in what leaves shapes alone."""

    def empty(self, units: int) -> Array:
        """A new buffer (R, units, B) of the input's type."""
        return empty_units(self.x.shape[0], units, self.x.shape[2], self.x.dtype)


class BoundLayer:
    """A layer wired to the buffers of one batch shape; forward and backward allocate nothing."""

    output: Array
    """(R, O, B); written by forward."""
    input_gradient: Array | None = None
    """dL/dx (R, I, B) where it is wanted; written by backward."""

    def forward(self) -> None:
        """Write `output` from the input buffer."""

    def backward(self, delta: Array) -> None:
        """From delta = dL/d output, which may be overwritten, write dL/dx and this layer's parameter gradients."""


@dataclass(frozen=True, kw_only=True)
class Layer(Component):
    """The base of all layers."""

    draws: ClassVar[bool] = False
    """Whether training draws random numbers in this layer."""

    def outputs(self, inputs: int) -> int:
        """The number of outputs for so many inputs."""
        return inputs

    def parameters(self, inputs: int) -> dict[str, Parameter]:
        """What training changes, by name."""
        return {}

    def statistics(self, inputs: int) -> dict[str, tuple[Shape, float]]:
        """Shape and first value of what the layer keeps beside its parameters, by name."""
        return {}

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers."""
        raise TypeError(f"{type(self).__name__} binds nothing")


class BoundActivation:
    """An activation over the pre-activations z of one batch shape; `output` is z itself where that is possible."""

    def __init__(self, activation: Activation, z: Array, *, keeps_sums: bool) -> None:
        self._activation, self._z = activation, z
        self.elementwise = activation.elementwise
        self.output = z if activation.derivative_from_output and not keeps_sums else empty_like(z)
        self._scratch = activation.scratch(z)

    def forward(self) -> None:
        """Write `output` = f(z)."""
        self._activation.forward(self._z, self.output, self._scratch)

    def backward(self, delta: Array) -> None:
        """Turn delta from dL/d output into dL/dz, in place."""
        self._activation.backward(self._z, self.output, delta, self._scratch)
