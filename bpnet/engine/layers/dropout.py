"""Dropout: in training, each value is set to 0 with a given probability."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.buffers import empty_like
from bpnet.engine.component import Array, choice, number
from bpnet.engine.layers.base import BoundLayer, BoundPassThrough, Layer, Share, Wiring
from bpnet.engine.schedules import PlannedSchedule

STEPS = 1 << 8
"""Number of rates that 8 random bits tell apart."""
WORDS = 1 << 11
"""Number of words of 64 bits that are drawn at a time, for a generator makes an array of them."""


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
    schedule: PlannedSchedule | None = choice(None)
    """Change of the rate during training, to a multiple of 1/256. By default the rate is
    constant; constant is the same with masks that are drawn in a third of the time.
    Example: `schedule: flat_cosine`.
    """
    draws: ClassVar[bool] = True

    @property
    def keeps_generators(self) -> bool:
        """True with a schedule."""
        return self.schedule is not None

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers; outside training its output is its input."""
        rates = [layer.rate for layer in wiring.each if isinstance(layer, Dropout)] or [self.rate]
        if wiring.training and any(rates):
            if self.schedule is not None:
                return BoundScheduledDropout(rates, self.schedule, wiring)
            return BoundDropout(rates, wiring)
        return BoundPassThrough(wiring)


class BoundDropout(BoundLayer):
    """Dropout in training, with one rate for all replicas or one for each."""

    def __init__(self, rates: Sequence[float], wiring: Wiring) -> None:
        self._x, self._generators = wiring.x, wiring.generators
        self.rates = np.array(rates, wiring.x.dtype)[:, None, None]
        """The rates (1 or R, 1, 1) of the last forward pass."""
        self._scales = np.array([1 / (1 - rate) for rate in rates], wiring.x.dtype)[:, None, None]
        self.output = wiring.empty(wiring.x.shape[1])
        # m / (1 - rate) (R, I, B), in C order since a generator fills each replica's part at once
        self._mask = np.empty(self.output.shape, self.output.dtype)
        # what is drawn, in the mask itself where both are of one type, and what it is compared with
        self._uniform, self._least, self._share = self._mask, self.rates, wiring.share
        if wiring.draws_as not in (None, self._mask.dtype):
            self._uniform = np.empty(self._mask.shape, wiring.draws_as)
            self._least = self.rates.astype(wiring.draws_as)

    def forward(self) -> None:
        """Draw a mask m and write y = m x / (1 - rate)."""
        self._draw()
        np.multiply(self._x, self._mask, out=self.output)

    def _draw(self) -> None:
        """Write m / (1 - rate)."""
        if self._share is not None:
            self._draw_share(self._share)
        else:
            for uniform, generator in zip(self._uniform, self._generators, strict=True):
                generator.random(out=uniform, dtype=uniform.dtype)
        np.greater_equal(self._uniform, self._least, out=self._mask)  # uniform in [0, 1) -> 0 or 1
        np.multiply(self._mask, self._scales, out=self._mask)  # m / (1 - rate)

    def _draw_share(self, share: Share) -> None:
        """Draw as for the whole batch, and keep what its share of the rows has."""
        units = self.output.shape[1]
        for k, (uniform, generator) in enumerate(zip(self._uniform, self._generators, strict=True)):
            drawn = np.empty((units, share.rows), uniform.dtype)
            generator.random(out=drawn, dtype=drawn.dtype)
            drawn.take(share.columns[k], 1, uniform, "clip")

    @property
    def left_out(self) -> Array:
        """Mask (R, I, B) of the values that the last forward pass set to 0."""
        return np.asarray(self._mask == 0)

    def backward(self, delta: Array) -> None:
        """Turn delta from dL/dy into dL/dx = m dL/dy / (1 - rate), in place."""
        np.multiply(delta, self._mask, out=delta)
        self.input_gradient = delta


class BoundScheduledDropout(BoundDropout):
    """Dropout whose rates change from step to step, with 8 random bits for each value.

    A rate is a multiple of 1/256 here, so that the mask is 0 with exactly that probability.
    """

    def __init__(self, rates: Sequence[float], schedule: PlannedSchedule, wiring: Wiring) -> None:
        super().__init__(rates, wiring)
        self._schedule, self._progress = schedule, wiring.progress
        self._full = np.array(rates)[:, None, None]
        self._factor = -1.0  # unequal to any, so that the first step sets the rates
        _, units, rows = self.output.shape
        # laid out as x is, so that its passes meet long runs
        self._mask = empty_like(self.output)
        self._bits = empty_like(self.output, np.dtype(np.uint8))
        self._drawn = np.empty((units, -(-rows // 8)), np.uint64)  # for one replica
        # 64 bits at a time where the rows allow it
        whole = rows % 8 == 0 and self._bits.strides[2] == 1
        self._at_once = whole and self._drawn.size <= WORDS
        self._target = self._bits.view(np.uint64) if whole else self._bits
        self._source = self._drawn if whole else self._drawn.view(np.uint8)[:, :rows]
        self._chunks = [
            self._drawn.reshape(-1)[start : start + WORDS]
            for start in range(0, self._drawn.size, WORDS)
        ]

    def _draw(self) -> None:
        """Write m / (1 - rate) with the rates of this step."""
        factor = self._progress.factor(self._schedule)
        if factor != self._factor:
            self._set_rates(factor)
        if self._share is not None:
            self._draw_share(self._share)
        else:
            self._draw_bits()
        np.greater_equal(self._bits, self._dropped, out=self._mask)
        np.multiply(self._mask, self._scales, out=self._mask)

    def _draw_share(self, share: Share) -> None:
        """Draw as for the whole batch, and keep what its share of the rows has."""
        units, words = self._bits.shape[1], -(-share.rows // 8)
        for k, (bits, generator) in enumerate(zip(self._bits, self._generators, strict=True)):
            drawn = generator.bit_generator.random_raw(units * words).reshape(units, words)
            np.copyto(bits, drawn.view(np.uint8)[:, share.columns[k]])

    def _draw_bits(self) -> None:
        """Draw 8 bits for each value."""
        for target, generator in zip(self._target, self._generators, strict=True):
            draw = generator.bit_generator.random_raw
            if self._at_once:
                target[:] = draw(target.size).reshape(target.shape)
                continue
            for chunk in self._chunks:
                chunk[:] = draw(chunk.size)
            target[:] = self._source

    def _set_rates(self, factor: float) -> None:
        """Set the rates to their multiple, and to what 8 bits can tell."""
        self._factor = factor
        dropped = np.minimum(np.rint(self._full * factor * STEPS), STEPS - 1)  # of STEPS values
        self.rates = dropped / STEPS
        self._dropped = dropped.astype(np.uint8)
        self._scales = (1 / (1 - self.rates)).astype(self._mask.dtype)
