"""Dropout: in training, each value is set to 0 with a given probability."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.component import Array, number
from bpnet.engine.layers.base import BoundLayer, BoundPassThrough, Layer, Wiring


@dataclass(frozen=True, kw_only=True)
class Dropout(Layer):
    """Each value set to 0 at random, in training only (Srivastava et al. 2014).

    y = m x / (1 - rate);  dL/dx = m dL/dy / (1 - rate). The mask m is 0 with probability `rate`,
    else 1, drawn again for each value and step. Dividing by 1 - rate keeps the expected value, so
    that outside training y = x. Replicas may have rates of their own.
    """

    kind: Literal["dropout"] = "dropout"
    rate: float = number(0.5, ge=0, lt=1)
    """Probability that a value is set to 0 in a step of training. With 0 none is.
    Example: `rate: 0.2`.
    """
    draws: ClassVar[bool] = True

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers; outside training its output is its input."""
        rates = [layer.rate for layer in wiring.each if isinstance(layer, Dropout)] or [self.rate]
        if wiring.training and any(rates):
            return BoundDropout(rates, wiring)
        return BoundPassThrough(wiring)


class BoundDropout(BoundLayer):
    """Dropout in training, with one rate for all replicas or one for each."""

    def __init__(self, rates: Sequence[float], wiring: Wiring) -> None:
        self._x, self._generators = wiring.x, wiring.generators
        self._rates = np.array(rates, wiring.x.dtype)[:, None, None]  # (1 or R, 1, 1)
        self._scales = np.array([1 / (1 - rate) for rate in rates], wiring.x.dtype)[:, None, None]
        self.output = wiring.empty(wiring.x.shape[1])
        # m / (1 - rate) (R, I, B), in C order since a generator fills each replica's part at once
        self._mask = np.empty(self.output.shape, self.output.dtype)

    def forward(self) -> None:
        """Draw a mask m and write y = m x / (1 - rate)."""
        for mask, generator in zip(self._mask, self._generators, strict=True):
            generator.random(out=mask, dtype=mask.dtype)
        np.greater_equal(self._mask, self._rates, out=self._mask)  # uniform in [0, 1) -> 0 or 1
        np.multiply(self._mask, self._scales, out=self._mask)  # m / (1 - rate)
        np.multiply(self._x, self._mask, out=self.output)

    @property
    def left_out(self) -> Array:
        """Mask (R, I, B) of the values that the last forward pass set to 0."""
        return np.asarray(self._mask == 0)

    def backward(self, delta: Array) -> None:
        """Turn delta from dL/dy into dL/dx = m dL/dy / (1 - rate), in place."""
        np.multiply(delta, self._mask, out=delta)
        self.input_gradient = delta
