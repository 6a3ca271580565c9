"""The periodic layer: trained waves of single inputs, beside the inputs themselves."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bpnet.engine.component import Array, number
from bpnet.engine.initializers import Normal, Uniform
from bpnet.engine.layers.base import BoundLayer, Layer, Wiring, runs
from bpnet.engine.matmul import BoundSum
from bpnet.engine.parameters import Parameter


@dataclass(frozen=True, kw_only=True)
class Periodic(Layer):
    """Beside each input x, `size` mixtures of its waves: e = V h + c with h = cos(2π (w x) + b).

    Each of n inputs has its own frequencies w (K,), phases b (K,), mixture V (size, K) and c
    (size,), all trained. The outputs are first all I inputs, in their order, then e of the first of
    the n, of the second and so on: O = I + n size. It is the embedding "PBLD" of Holzmüller,
    Grinsztajn and Steinwart (2024), after Gorishniy, Rubachev and Babenko (2022).

    With δ = dL/de and u = 2π w x + b:  dL/dV = δ hᵀ and dL/dc = Σ δ over the rows;
    g = dL/du = -sin(u) (Vᵀ δ);  dL/dw = 2π Σ x g and dL/db = Σ g;  dL/dx = dL/da + 2π wᵀ g, with
    dL/da of x itself among the outputs.

    Weight decay and penalties leave them as they are: a smaller frequency is another wave.
    """

    kind: Literal["periodic"] = "periodic"
    inputs: list[str | int] | None = None
    """Inputs that have waves: in the first layer names of numeric columns, elsewhere positions,
    from 0. By default all numeric columns in the first layer, elsewhere all inputs.
    Example: `inputs: [age, income]`.
    """
    frequencies: int = number(16, ge=1)
    """Number K of waves of each input. Example: `frequencies: 8`."""
    deviation: float = number(0.1, gt=0)
    """Standard deviation of the first frequencies, in waves for each unit of the input: a large one
    lets the network tell close values apart, and overfit. Example: `deviation: 0.3`.
    """
    size: int = number(3, ge=1)
    """Number of mixtures of each input. Example: `size: 4`."""

    def positions(self, inputs: int) -> list[int]:
        """Return the positions of the inputs that have waves.

        Raises ValueError if they do not fit the number of inputs, or are still names.
        """
        if self.inputs is None:
            return list(range(inputs))
        positions = [position for position in self.inputs if isinstance(position, int)]
        if len(set(positions)) < len(self.inputs):
            raise ValueError(
                f"the periodic layer's inputs are {self.inputs}; give different positions"
            )
        if positions and not (min(positions) >= 0 and max(positions) < inputs):
            raise ValueError(
                f"the periodic layer's inputs are {self.inputs}; "
                f"there are {inputs} inputs, from 0 to {inputs - 1}"
            )
        return positions

    def outputs(self, inputs: int) -> int:
        """Return the number of inputs and of all mixtures."""
        return inputs + self.size * (inputs if self.inputs is None else len(self.inputs))

    def parameters(self, inputs: int) -> dict[str, Parameter]:
        """Return w (n, K) as `frequency`, b (n, K) as `phase`, V as `weight` and c as `bias`."""
        n, k, bound = len(self.positions(inputs)), self.frequencies, self.frequencies**-0.5
        normal, phase = Normal(deviation=self.deviation), Uniform(low=-math.pi, high=math.pi)
        mixture = Uniform(low=-bound, high=bound)
        declared = {
            "frequency": ((n, k), normal),
            "phase": ((n, k), phase),
            "weight": ((n, self.size, k), mixture),
            "bias": ((n, self.size), mixture),
        }
        return {
            name: Parameter(shape, initializer, k, self.size, is_weight=False, group="encoding")
            for name, (shape, initializer) in declared.items()
        }

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers."""
        return BoundPeriodic(self, wiring)


class BoundPeriodic(BoundLayer):
    """A periodic layer over one batch's buffers; all n inputs go through each operation at once."""

    def __init__(self, layer: Periodic, wiring: Wiring) -> None:
        replicas, inputs, rows = wiring.x.shape
        dtype = wiring.x.dtype
        positions = layer.positions(inputs)
        n, k, size = len(positions), layer.frequencies, layer.size
        self._x, self._inputs, self._runs = wiring.x, inputs, runs(positions)
        self._frequency = wiring.parameters["frequency"][..., None]  # (R, n, K, 1)
        self._phase = wiring.parameters["phase"][..., None]
        self._weight = wiring.parameters["weight"]  # (R, n, size, K)
        self._bias = wiring.parameters["bias"][..., None]  # (R, n, size, 1)
        self._turns = np.empty((replicas, n, 1, rows), dtype)  # 2π x
        self._angles = np.empty((replicas, n, k, rows), dtype)  # u
        self._waves = np.empty_like(self._angles)  # h
        self.output = wiring.empty(layer.outputs(inputs))
        self._shape = (replicas, n, size, rows)
        self._mixtures = self.output[:, inputs:].reshape(self._shape)  # e, a view
        if wiring.training:
            self._slopes = np.empty_like(self._angles)  # g
            self._gradients = wiring.gradients
            self._sum_angles = BoundSum(
                self._slopes.reshape(replicas, n * k, rows),
                wiring.gradients["phase"].reshape(replicas, n * k),
            )
            self._flow = np.empty_like(self._turns) if wiring.wants_input_gradient else None

    def forward(self) -> None:
        """Write the inputs, then e = V cos(2π w x + b) + c."""
        np.copyto(self.output[:, : self._inputs], self._x)
        for source, target in self._runs:
            np.multiply(self._x[:, source, None], 2 * math.pi, out=self._turns[:, target])
        np.multiply(self._frequency, self._turns, out=self._angles)
        np.add(self._angles, self._phase, out=self._angles)
        np.cos(self._angles, out=self._waves)
        np.matmul(self._weight, self._waves, out=self._mixtures)  # (size, K) (K, B) each
        np.add(self._mixtures, self._bias, out=self._mixtures)

    def backward(self, delta: Array) -> None:
        """Write the gradients of w, b, V and c, and dL/dx.

        With δ = dL/de:  dL/dV = δ hᵀ,  dL/dc = Σ δ,  g = -sin(u) (Vᵀ δ),  dL/dw = 2π Σ x g,
        dL/db = Σ g,  dL/dx = dL/da + 2π wᵀ g.
        """
        error = delta[:, self._inputs :].reshape(self._shape)  # δ (R, n, size, B), a view
        np.matmul(error, self._waves.swapaxes(2, 3), out=self._gradients["weight"])
        np.add.reduce(error, axis=3, out=self._gradients["bias"])
        np.matmul(self._weight.swapaxes(2, 3), error, out=self._slopes)  # Vᵀ δ (R, n, K, B)
        np.sin(self._angles, out=self._waves)  # h is used up
        np.multiply(self._slopes, self._waves, out=self._slopes)
        np.negative(self._slopes, out=self._slopes)  # g
        np.matmul(
            self._slopes,
            self._turns.swapaxes(2, 3),
            out=self._gradients["frequency"][..., None],  # (K, B) (B, 1) each
        )
        self._sum_angles.compute()
        if self._flow is not None:
            np.matmul(self._frequency.swapaxes(2, 3), self._slopes, out=self._flow)  # wᵀ g
            np.multiply(self._flow, 2 * math.pi, out=self._flow)
            self.input_gradient = flow = delta[:, : self._inputs]
            for source, target in self._runs:
                np.add(flow[:, source], self._flow[:, target, 0], out=flow[:, source])
