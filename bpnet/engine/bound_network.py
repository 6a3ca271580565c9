"""A network bound to the buffers of one batch shape: its layers forward and backward."""

from collections.abc import Sequence

from bpnet.engine.component import Array
from bpnet.engine.layers import BoundLayer


class BoundNetwork:
    """A network over the buffers of one batch shape; forward and backward allocate nothing."""

    def __init__(self, layers: Sequence[BoundLayer], output: Array) -> None:
        self.layers, self.output = layers, output
        self._backward = tuple(reversed(layers))

    def forward(self) -> None:
        """Write the scores, `output` (R, O, B), from the input buffer."""
        for layer in self.layers:
            layer.forward()

    def backward(self, delta: Array) -> None:
        """Write dL/dθ of every parameter from delta = dL/d output (R, O, B), which is overwritten.

        Each layer's dL/dx is the delta of the one before; the first that is trained ends it.
        """
        for layer in self._backward:
            layer.backward(delta)
            if layer.input_gradient is None:
                return
            delta = layer.input_gradient
