"""Mistakes in backpropagation that are often made, to be looked at and to be caught.

A bug replaces layers of a network by ones that go back wrongly; forward they are the same. Nothing
in training uses it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from bpnet.engine.activations import Activation, Identity
from bpnet.engine.buffers import empty_like
from bpnet.engine.component import Array, choice, number
from bpnet.engine.layers import BoundLayer, Dense, Layer, Wiring
from bpnet.engine.layers.dense import BoundDense


@dataclass(frozen=True, kw_only=True)
class DoubleDerivative(Activation):
    """An activation whose derivative is taken at a = f(z), in place of z: dL/dz = f'(a) dL/da."""

    of: Activation = choice()
    """The activation f."""
    derivative_from_output: ClassVar[bool] = False

    @property
    def kind(self) -> str:
        """The kind of f."""
        kind: str = self.of.kind  # type: ignore[attr-defined]
        return kind

    def scratch(self, z: Array) -> tuple[Array, ...]:
        """Return the work arrays of f for z, those of f for a, and an array for f(a)."""
        return (*self.of.scratch(z), *self.of.scratch(z), empty_like(z))

    def forward(self, z: Array, a: Array, scratch: Sequence[Array]) -> None:
        """Write f(z) into a."""
        self.of.forward(z, a, scratch[: len(scratch) // 2])

    def backward(self, z: Array, a: Array, delta: Array, scratch: Sequence[Array]) -> None:
        """Turn delta from dL/da into f'(a) dL/da, in place."""
        *work, twice = scratch[len(scratch) // 2 :]
        self.of.forward(a, twice, work)
        self.of.backward(a, twice, delta, work)


@dataclass(frozen=True, kw_only=True)
class UpdatedWeights(Dense):
    """A dense layer that is updated before it sends the error back: dL/dx = (W - η dL/dW)ᵀ delta.

    η is the learning rate of gradient descent.
    """

    learning_rate: float = number(1.0)

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers."""
        return BoundUpdatedWeights(self, wiring)


class BoundUpdatedWeights(BoundDense):
    """Such a layer over one batch's buffers."""

    def __init__(self, layer: UpdatedWeights, wiring: Wiring) -> None:
        super().__init__(layer, wiring)
        self._rate, self._weights = layer.learning_rate, wiring.parameters["weight"]

    def backward(self, delta: Array) -> None:
        """Do as a dense layer does, but write dL/dx from the weights after the step."""
        super().backward(delta)
        if self.input_gradient is not None:
            changed = self._weights - self._rate * self._weight_gradient
            np.matmul(changed.transpose(0, 2, 1), delta, out=self.input_gradient)


@dataclass(frozen=True)
class Bug:
    """A mistake: its name, what is done wrongly, and how it changes a network's layers."""

    name: str
    description: str
    spoil: Callable[[Sequence[Layer], float], list[Layer]]
    """Return layers with the mistake, given the learning rate; the same where it has no effect."""
    spoils: str
    """What it changes in a network."""
    needs_plain_descent: bool = False
    """True if it is a mistake of plain gradient descent, without penalties or clipping."""


def _double_derivative(layers: Sequence[Layer], _rate: float) -> list[Layer]:
    return [_with_double_derivative(layer) for layer in layers]


def _with_double_derivative(layer: Layer) -> Layer:
    activation = getattr(layer, "activation", None)
    if not isinstance(layer, Dense) or activation is None or not activation.elementwise:
        return layer
    if isinstance(activation, Identity):
        return layer
    return replace(layer, activation=DoubleDerivative(of=activation))  # type: ignore[arg-type]


def _updated_weights(layers: Sequence[Layer], rate: float) -> list[Layer]:
    """Let every dense layer, but the first that is trained, send back from its new weights."""
    spoiled, trained_before = list[Layer](), False
    for layer in layers:
        if isinstance(layer, Dense) and trained_before:
            fields = {name: value for name, value in vars(layer).items() if name != "kind"}
            spoiled.append(UpdatedWeights(**fields, learning_rate=rate))
        else:
            spoiled.append(layer)
        # whether it has parameters does not depend on the number of inputs
        trained_before = trained_before or isinstance(layer, Dense) or bool(_parameters(layer))
    return spoiled


def _parameters(layer: Layer) -> Mapping[str, object]:
    try:
        return layer.parameters(1)
    except ValueError:  # its inputs are named by positions beyond the first: it has parameters
        return {"": None}


BUGS: Mapping[str, Bug] = {
    bug.name: bug
    for bug in (
        Bug(
            "double-derivative",
            "the derivative of the activation is taken at a = f(z), where it belongs at z",
            _double_derivative,
            "dense layer with an activation other than identity",
        ),
        Bug(
            "updated-weights",
            "a layer's weights are updated before the error goes back through them",
            _updated_weights,
            "dense layer behind another trained one",
            needs_plain_descent=True,
        ),
    )
}
"""The mistakes by name."""
