"""Equations of the step of a whole matrix, as Muon takes it."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.optimizers import Muon
from bpnet.engine.optimizers.muon import COEFFICIENTS
from bpnet.tracing.expressions import (
    Constant,
    Quantity,
    Symbol,
    over,
    plus,
    root,
    square,
    times,
    total,
)
from bpnet.tracing.optimizers import Line, ParameterEntry, averaged, decayed, moved


class MatrixUpdate:
    """Muon's step of one matrix: its numbers that all entries share, and those of an entry."""

    def __init__(
        self, optimizer: Muon, sign: str, layer: int, gradient: Array, slots: Mapping[str, Array]
    ) -> None:
        self._optimizer, self._sign, self._layer = optimizer, sign, layer
        share = optimizer.momentum
        self._g, self._m = gradient, slots["mean"]
        self._u = share * self._m + (1 - share) * gradient
        self._rows, self._columns = gradient.shape
        self._norm = float(np.sqrt((self._u**2).sum()))
        self._transposed = self._rows > self._columns
        x = self._u / (self._norm + 1e-7)
        x = x.T if self._transposed else x
        a, b, c = COEFFICIENTS
        self._states, self._grams = [x], list[tuple[Array, Array]]()
        for _ in range(optimizer.iterations):
            gram = x @ x.T
            mixed = b * gram + c * (gram @ gram)
            self._grams.append((gram, mixed))
            x = a * x + mixed @ x
            self._states.append(x)

    def _of(self, base: str, value: Any, *index: int) -> Quantity:
        return Quantity(Symbol(base, tuple(i + 1 for i in index), self._layer), float(value))

    def first_lines(self, e: ParameterEntry) -> Iterator[Line]:
        """Yield the averages of an entry, which the length of the whole matrix scales."""
        share = self._optimizer.momentum
        m, old = e.of("m'", e.after["mean"]), e.of("m", e.before["mean"])
        yield "mean gradient", m, averaged(share, old, e.g)
        u = e.of("u", self._u[e.index])
        yield "step before scaling", u, averaged(share, m, e.g)

    def norm(self) -> Line:
        """Return |u|."""
        squares = [
            square(self._of("u", self._u[index], *index)) for index in np.ndindex(self._u.shape)
        ]
        return "length of u", self._of("|u|", self._norm), root(total(squares))

    @property
    def iterations(self) -> int:
        """The number of iterations."""
        return len(self._grams)

    def products(self, number: int) -> Iterator[Line]:
        """Yield G and B of an iteration, counted from 1."""
        _, b, c = COEFFICIENTS
        gram, mixed = self._grams[number - 1]
        short, columns = range(len(gram)), range(self._states[0].shape[1])
        for o in short:
            for k in short:
                rows = [
                    times(self._x(number - 1, o, i), self._x(number - 1, k, i)) for i in columns
                ]
                yield "product of rows", self._of("G", gram[o, k], o, k), total(rows)
        for o in short:
            for k in short:
                squares = [
                    times(self._of("G", gram[o, j], o, j), self._of("G", gram[j, k], j, k))
                    for j in short
                ]
                equation = plus(
                    times(Constant(b), self._of("G", gram[o, k], o, k)),
                    times(Constant(c), total(squares)),
                )
                yield "mixture", self._of("B", mixed[o, k], o, k), equation

    def _x(self, state: int, o: int, i: int) -> Quantity:
        return self._of(f"X_{state}", self._states[state][o, i], o, i)

    def entry(self, e: ParameterEntry, number: int) -> Line:
        """Return an entry of X after an iteration; 0 is its start."""
        row, column = e.index
        o, i = (column, row) if self._transposed else (row, column)
        if number == 0:
            length = plus(self._of("|u|", self._norm), Constant(1e-7))
            return "scaled entry", self._x(0, o, i), over(e.of("u", self._u[e.index]), length)
        _, mixed = self._grams[number - 1]
        terms = [
            times(self._of("B", mixed[o, k], o, k), self._x(number - 1, k, i))
            for k in range(len(mixed))
        ]
        rotated = plus(times(Constant(COEFFICIENTS[0]), self._x(number - 1, o, i)), total(terms))
        return "orthogonal entry", self._x(number, o, i), rotated

    def last_lines(self, e: ParameterEntry) -> Iterator[Line]:
        """Yield the weight decay of an entry, and its new value."""
        start, shrinking = decayed(self._optimizer, e)
        yield from shrinking
        size = times(Constant(0.2), root(Constant(float(max(self._rows, self._columns)))))
        last = self.entry(e, self.iterations)[1]
        yield moved(e, times(e.rate, size, last), start)
