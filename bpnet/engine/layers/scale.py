"""The scale layer: each input times a trained factor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.initializers import Constant
from bpnet.engine.layers.base import BoundLayer, BoundPassThrough, Factors, Layer, Wiring
from bpnet.engine.matmul import BoundSum
from bpnet.engine.parameters import Parameter


@dataclass(frozen=True, kw_only=True)
class Scale(Layer):
    """Each input times a trained factor: y = s x, with s (I,) from 1.

    dL/ds = Σ x dL/dy over the rows,  dL/dx = s dL/dy. As the first layer it lets training weigh the
    inputs (Holzmüller, Grinsztajn and Steinwart 2024). Weight decay and penalties act on s.

    Before a dense layer it makes no pass over the rows, since W (s x) = (W s) x: with M = delta xᵀ,
    dL/dW_oi = s_i M_oi and dL/ds_i = Σ_o W_oi M_oi.
    """

    kind: Literal["scale"] = "scale"
    has_row_gradients: ClassVar[bool] = True

    def parameters(self, inputs: int) -> dict[str, Parameter]:
        """Return s (I,) as `factor`, from 1."""
        factor = Parameter(
            (inputs,), Constant(value=1.0), inputs, inputs, is_weight=True, group="scale"
        )
        return {"factor": factor}

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers; its factors go to the next layer if that takes them."""
        if wiring.takes_factors:
            return BoundPassThrough(
                wiring, Factors(wiring.parameters["factor"], wiring.gradients["factor"])
            )
        return BoundScale(wiring)


class BoundScale(BoundLayer):
    """A scale layer over one batch's buffers."""

    def __init__(self, wiring: Wiring) -> None:
        self._x = wiring.x
        self._factor = wiring.parameters["factor"][:, :, None]  # (R, I, 1)
        self.output = wiring.empty(wiring.x.shape[1])
        if wiring.training:
            self._work = wiring.empty(wiring.x.shape[1])
            self._sum_rows = BoundSum(self._work, wiring.gradients["factor"])
            self._hands_on = wiring.wants_input_gradient

    def forward(self) -> None:
        """Write y = s x."""
        np.multiply(self._x, self._factor, out=self.output)

    def backward(self, delta: Array) -> None:
        """Write dL/ds = Σ x dL/dy, and turn delta from dL/dy into dL/dx = s dL/dy, in place."""
        np.multiply(delta, self._x, out=self._work)  # x dL/dy
        self._sum_rows.compute()
        if self._hands_on:
            np.multiply(delta, self._factor, out=delta)
            self.input_gradient = delta

    def backward_rows(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Do as `backward`, and write x dL/dy of each row into `out`."""
        np.multiply(delta, self._x, out["factor"])
        self.backward(delta)
