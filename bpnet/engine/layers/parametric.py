"""The parametric activation: a trained mixture of a function and the identity for each unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.activations import AnyActivation, Silu
from bpnet.engine.component import Array, choice
from bpnet.engine.initializers import Constant
from bpnet.engine.layers.base import BoundActivation, BoundLayer, Layer, Wiring
from bpnet.engine.matmul import BoundSum
from bpnet.engine.parameters import Parameter


@dataclass(frozen=True, kw_only=True)
class Parametric(Layer):
    """An activation with a trained share of the identity: y = x + p (f(x) - x), p (I,) from 1.

    With p = 1 a unit applies f, with p = 0 nothing, and training may go beyond both. It follows a
    dense layer without an activation (Holzmüller, Grinsztajn and Steinwart 2024).

    dL/dp = Σ (f(x) - x) dL/dy over the rows,  dL/dx = (1 - p + p f'(x)) dL/dy.
    """

    kind: Literal["parametric"] = "parametric"
    activation: AnyActivation = choice(Silu())
    """Function f. Example: `activation: mish`."""
    has_row_gradients: ClassVar[bool] = True

    def parameters(self, inputs: int) -> dict[str, Parameter]:
        """Return p (I,) as `share`, from 1."""
        share = Parameter(
            (inputs,), Constant(value=1.0), inputs, inputs, is_weight=False, group="activation"
        )
        return {"share": share}

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers."""
        return BoundParametric(self, wiring)


class BoundParametric(BoundLayer):
    """A parametric activation over one batch's buffers."""

    def __init__(self, layer: Parametric, wiring: Wiring) -> None:
        units = wiring.x.shape[1]
        self._x, self._share = wiring.x, wiring.parameters["share"][:, :, None]  # (R, I, 1)
        # x is another layer's output, which f must not overwrite
        self._activation = BoundActivation(layer.activation, wiring.x, keeps_sums=True)
        self._difference, self.output = wiring.empty(units), wiring.empty(units)
        if wiring.training:
            self._work = wiring.empty(units)
            self._sum_rows = BoundSum(self._work, wiring.gradients["share"])
            self._hands_on = wiring.wants_input_gradient

    def forward(self) -> None:
        """Write y = x + p (f(x) - x)."""
        self._activation.forward()
        np.subtract(self._activation.output, self._x, out=self._difference)  # f(x) - x
        np.multiply(self._difference, self._share, out=self.output)
        np.add(self.output, self._x, out=self.output)

    def backward(self, delta: Array) -> None:
        """Write dL/dp, and turn delta from dL/dy into dL/dx, in place.

        With e = p dL/dy, of which f sends f'(x) e back:  dL/dx = dL/dy - e + f'(x) e.
        """
        np.multiply(delta, self._difference, out=self._work)  # (f(x) - x) dL/dy
        self._sum_rows.compute()
        if self._hands_on:
            np.multiply(delta, self._share, out=self._work)  # e
            np.subtract(delta, self._work, out=delta)
            self._activation.backward(self._work)  # f'(x) e
            np.add(delta, self._work, out=delta)
            self.input_gradient = delta

    def backward_rows(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Do as `backward`, and write (f(x) - x) dL/dy of each row into `out`."""
        np.multiply(delta, self._difference, out["share"])
        self.backward(delta)
