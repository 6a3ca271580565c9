"""Dropout: in training, each value is left out with a given probability."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.component import Array, number
from bpnet.engine.layers.base import BoundLayer, Layer, Wiring


@dataclass(frozen=True, kw_only=True)
class Dropout(Layer):
    """y = m x / (1 - rate) with m = 0 with probability `rate`, else 1, drawn anew for each value and step.

    Replicas may have rates of their own.

    dL/dx = m dL/dy / (1 - rate). The division keeps the expected value, so that outside training y = x (Srivastava et
    al. 2014).
    """

    kind: Literal["dropout"] = "dropout"
    rate: float = number(0.5, ge=0, lt=1)
    """Probability that a value is set to 0 in a step of training. With 0 none is.
    Example: `rate: 0.2`.
    """
    draws: ClassVar[bool] = True

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers; outside training it is its input."""
        rates = [own.rate for own in wiring.each if isinstance(own, Dropout)] or [self.rate]
        return (
            _BoundDropout(rates, wiring) if wiring.training and any(rates) else _PassThrough(wiring)
        )


class _PassThrough(BoundLayer):
    def __init__(self, wiring: Wiring) -> None:
        self.output = wiring.x

    def backward(self, delta: Array) -> None:
        self.input_gradient = delta


class _BoundDropout(BoundLayer):
    def __init__(self, rates: Sequence[float], wiring: Wiring) -> None:
        self._x, self._generators = wiring.x, wiring.generators
        self._rates = np.array(rates, wiring.x.dtype)[:, None, None]
        self._scales = np.array([1 / (1 - rate) for rate in rates], wiring.x.dtype)[:, None, None]
        self.output = wiring.empty(wiring.x.shape[1])
        self._mask = np.empty(
            self.output.shape, self.output.dtype
        )  # generators fill each replica's part as one

    def forward(self) -> None:
        for mask, generator in zip(self._mask, self._generators, strict=True):
            generator.random(out=mask, dtype=mask.dtype)
        np.greater_equal(self._mask, self._rates, out=self._mask)
        np.multiply(self._mask, self._scales, out=self._mask)
        np.multiply(self._x, self._mask, out=self.output)

    def backward(self, delta: Array) -> None:
        np.multiply(delta, self._mask, out=delta)
        self.input_gradient = delta
