"""The base of all layers: immutable settings that declare parameters and bind to buffers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from bpnet.engine.activations import Activation
from bpnet.engine.buffers import empty_like, empty_units
from bpnet.engine.component import Array, Component
from bpnet.engine.initializers import Shape
from bpnet.engine.parameters import Parameter
from bpnet.engine.progress import Progress


class Share:
    """The rows of a batch that are bound, where others of it are in other processes or threads.

    What draws numbers for each row draws those of the whole batch.
    """

    def __init__(self, rows: int, columns: Array) -> None:
        self.rows = rows
        """Number of rows of the whole batch."""
        self.columns = columns
        """The place (R, B) of each bound row in the whole batch."""


@dataclass(frozen=True)
class Wiring:
    """The arrays that a layer is bound to, and what it must know of its place in the network."""

    x: Array
    """The layer's input (R, I, B): the buffer that the layer before writes."""
    parameters: Mapping[str, Array]
    """Views (R, *shape) into theta, by the names that the layer declares."""
    gradients: Mapping[str, Array]
    """Views of the same shapes into the gradient."""
    statistics: Mapping[str, Array]
    """Numbers that change without a gradient, such as running means; saved with the parameters."""
    generators: Sequence[np.random.Generator]
    """One for each replica, renewed at the start of each epoch; empty where nothing is drawn."""
    training: bool
    """True if backward will be called, and random masks and batch statistics apply."""
    wants_input_gradient: bool
    """True if a layer before this one needs dL/dx."""
    keeps_sums: bool
    """True if z must stay readable after forward, rather than be overwritten by f(z)."""
    rows_apart: bool
    """True if no row may depend on the others of its batch, as outside training."""
    warn: Callable[[str], None]
    """Reports to the user something that happened in this layer."""
    each: Sequence["Layer"] = ()
    """The layer of each replica, where they differ in settings that change no shape."""
    takes_factors: bool = False
    """True if the next layer multiplies its weights by this one's factors, where it has some."""
    factors: "Factors | None" = None
    """The factors of the inputs that the layer before leaves to this one's weights."""
    progress: Progress = field(default_factory=Progress)
    """Place in the training, for settings with a schedule."""
    draws_as: np.dtype | None = None
    """The type in which random numbers are drawn; None for the input's own."""
    share: Share | None = None
    """The place of the rows in a batch of which they are a part; None where they are all."""
    shared: bool = False
    """True if threads may share a large product: those of slices and of chunks share these."""

    def empty(self, units: int) -> Array:
        """Return a new buffer (R, units, B) of the input's type."""
        return empty_units(self.x.shape[0], units, self.x.shape[2], self.x.dtype)


class Factors(NamedTuple):
    """Factors s of a layer's inputs: W (s x) = (W s) x needs no pass over the rows."""

    values: Array
    """s (R, I), a view into theta."""
    gradient: Array
    """dL/ds (R, I), which the layer with the weights writes."""


class BoundLayer:
    """A layer over the buffers of one batch shape; forward and backward allocate nothing."""

    output: Array
    """(R, O, B); written by forward."""
    input_gradient: Array | None = None
    """dL/dx (R, I, B) where it is wanted; written by backward."""
    factors: Factors | None = None
    """Factors that it leaves to the next layer."""

    def adapt(self, generators: Sequence[np.random.Generator]) -> None:
        """Draw the first values that follow from the rows in the input buffer, before forward.

        The generators are one for each replica.
        """

    def forward(self) -> None:
        """Write `output` from the input buffer."""

    def backward(self, delta: Array) -> None:
        """Write dL/dx and the gradients of the parameters from delta = dL/d output (R, O, B).

        The delta may be overwritten.
        """

    def backward_rows(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Do as `backward`, and write each row's share of the gradients into `out`.

        `out` has an array (R, *shape, B) by each parameter's name: the terms of the sum over rows.
        """
        raise TypeError(f"{type(self).__name__} has no gradient of each row")


class BoundPassThrough(BoundLayer):
    """A layer that does nothing to the rows: y = x, dL/dx = dL/dy."""

    def __init__(self, wiring: Wiring, factors: Factors | None = None) -> None:
        self.output, self.factors = wiring.x, factors

    def backward(self, delta: Array) -> None:
        """Hand dL/dy on as dL/dx."""
        self.input_gradient = delta


@dataclass(frozen=True, kw_only=True)
class Layer(Component):
    """Base of all layers."""

    draws: ClassVar[bool] = False
    """True if training draws random numbers in this layer."""
    needs_whole_batch: ClassVar[bool] = False
    """True if in training a row's output depends on the other rows of the batch."""
    takes_factors: ClassVar[bool] = False
    """True if its weights can be multiplied by factors of its inputs."""
    has_row_gradients: ClassVar[bool] = False
    """True if the bound layer has `backward_rows`, or nothing to train and no draws."""

    @property
    def sliceable(self) -> bool:
        """True if slices of a batch's rows may go through it by themselves."""
        return not (self.draws or self.needs_whole_batch)

    @property
    def keeps_generators(self) -> bool:
        """True if its generators move to each epoch's place; otherwise each epoch has new ones."""
        return False

    def outputs(self, inputs: int) -> int:
        """Return the number of outputs for a number of inputs."""
        return inputs

    def parameters(self, inputs: int) -> dict[str, Parameter]:
        """Return the arrays that training changes, by name."""
        return {}

    def statistics(self, inputs: int) -> dict[str, tuple[Shape, float]]:
        """Return the shape and first value of each of the layer's statistics, by name."""
        return {}

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers."""
        raise TypeError(f"{type(self).__name__} binds nothing")


class BoundActivation:
    """An activation over the pre-activations z (R, O, B) of one batch shape.

    `output` (R, O, B) is z itself where the derivative follows from the output.
    """

    def __init__(self, activation: Activation, z: Array, *, keeps_sums: bool) -> None:
        self._activation, self._z = activation, z
        self.elementwise = activation.elementwise
        # a overwrites z where f' follows from a and nobody reads z
        if activation.derivative_from_output and not keeps_sums:
            self.output = z
        else:
            self.output = empty_like(z)
        self._scratch = activation.scratch(z)

    def forward(self) -> None:
        """Write `output` = f(z)."""
        self._activation.forward(self._z, self.output, self._scratch)

    def backward(self, delta: Array) -> None:
        """Turn delta from dL/d output into dL/dz = f'(z) dL/d output, in place."""
        self._activation.backward(self._z, self.output, delta, self._scratch)


def runs(positions: list[int]) -> list[tuple[slice, slice]]:
    """Return neighboring positions together, as slices of the inputs and of the outputs."""
    found: list[tuple[slice, slice]] = []
    for target, source in enumerate(positions):
        if found and found[-1][0].stop == source:
            (first, _), (start, _) = ((one.start, one.stop) for one in found[-1])
            found[-1] = (slice(first, source + 1), slice(start, target + 1))
        else:
            found.append((slice(source, source + 1), slice(target, target + 1)))
    return found
