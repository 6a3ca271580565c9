"""Equations of the equilibrium layer: its units on their way to rest, and the error's way back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.step_trace import LayerTrace
from bpnet.tracing.activations import activated, evaluate, slope
from bpnet.tracing.expressions import ZERO, Expression, extended, times, total
from bpnet.tracing.layers import MAX_UNITS, LayerEquations, LayerPass, largest, left_out
from bpnet.tracing.structure import Entry, Number, Phase, Remark

_MOST = 12
"""The number of steps of a relaxation up to which all are shown."""
_ENDS = 2
"""The number of steps of a longer one that are shown at its start, and at its end."""


class EquilibriumEquations(LayerEquations):
    """y = f(W·y + U·x + b), relaxed from 0; v = Σ W·s·v + dL/dy, relaxed from dL/dy."""

    sends_back = "Σ U·delta"
    gradient_rules: ClassVar[Mapping[str, str]] = {
        "recurrent": "dL/dW = {}delta·y",
        "weight": "dL/dU = {}delta·x",
        "bias": "dL/db = {}delta",
    }

    def __init__(self, k: int, trace: LayerTrace, rows: Sequence[int]) -> None:
        super().__init__(k, trace, rows)
        assert trace.relaxation is not None
        self._kind = self.layer.activation.kind
        bias = " + b" if "bias" in trace.before else ""
        self.rule = (
            f"each step: z = Σ W·y + Σ U·x{bias}, then y = {self._kind}(z), from y = 0 until no "
            f"unit changes by more than {self.layer.tolerance:g}"
        )
        self.backward_rule = (
            "with s = f'(z) of the settled units, each step: v = Σ W·s·v + dL/dy, from v = dL/dy, "
            f"until no v changes by more than {self.layer.tolerance:g} of the largest dL/dy; "
            "then delta = s·v"
        )
        self._relaxation = trace.relaxation
        self._y = trace.relaxation.units[-1]  # (B, units)
        self._z = self._sums(trace.before, trace.inputs, self._y)
        self._a, self._slopes = evaluate(self.layer.activation, self._z)
        self._first = self._y.shape[1] - trace.outputs.shape[1]
        self._errors = np.zeros(self._y.shape)  # dL/dy
        self._errors[:, self._first :] = trace.output_gradients
        errors = trace.relaxation.errors
        self._v = errors[-1] if errors else self._errors
        self._deltas = self._slopes * self._v

    @staticmethod
    def _sums(parameters: Mapping[str, Array], inputs: Array, y: Array) -> Array:
        z = y @ parameters["recurrent"].T + inputs @ parameters["weight"].T
        return np.asarray(z + parameters["bias"] if "bias" in parameters else z)

    @property
    def deltas(self) -> Array:
        """s·v (B, units)."""
        return self._deltas

    def forward(self, passed: LayerPass) -> Iterator[Entry]:
        """Yield the first and last steps of the relaxation."""
        if passed.phase == "forward":
            yield Remark(self.rule)
        states = [np.zeros(passed.relaxation[0].shape), *passed.relaxation]
        units, others = largest(np.abs(states[-1]).max(axis=0), MAX_UNITS)
        for step, omitted in _shown(len(passed.relaxation)):
            if omitted:
                yield from self._omitted(states, omitted, "y", passed.phase, units)
            sums = self._sums(passed.parameters, passed.inputs, states[step - 1])
            for row in range(len(self.rows)):
                for unit in units:
                    yield from self._step(passed, states, sums, step, row, unit)
        yield from left_out(others, "units", "smaller outputs")
        hidden = self._first
        if hidden:
            yield Remark(f"the next layer reads the last {states[-1].shape[1] - hidden}")

    def _omitted(
        self,
        states: Sequence[Array],
        steps: tuple[int, int],
        base: str,
        phase: Phase,
        units: Sequence[int],
    ) -> Iterator[Entry]:
        """Yield what steps that are not shown have come to."""
        yield Remark(f"(steps {steps[0]} to {steps[1]} are left out; they come to)")
        for row in range(len(self.rows)):
            for unit in units:
                state = self.of(base, states[steps[1]][row, unit], unit)
                yield _at_step(
                    self.unit_number("state", state, None, phase, row, unit, step=steps[1]),
                    steps[1],
                )

    def _step(
        self,
        passed: LayerPass,
        states: Sequence[Array],
        sums: Array,
        step: int,
        row: int,
        unit: int,
    ) -> Iterator[Number]:
        """Yield z and y of a unit after a step."""
        parameters, y = passed.parameters, states[step - 1]
        z = self.of("z", sums[row, unit], unit)
        # before the first step every y is 0
        equation = self._sum(parameters, passed.inputs, y if step > 1 else None, row, unit)
        number = self.unit_number("weighted sum", z, equation, passed.phase, row, unit, step=step)
        yield _at_step(number, step)
        new = self.of("y", states[step][row, unit], unit)
        value = activated(self.layer.activation, z)
        yield _at_step(
            self.unit_number("activation", new, value, passed.phase, row, unit, step=step), step
        )

    def backward_batch(self) -> Iterator[Entry]:
        """Yield s, the first and last steps of the error's relaxation, and delta."""
        units, others = largest(np.abs(self._deltas).max(axis=0), MAX_UNITS)
        rows = range(len(self.rows))
        for row in rows:
            for unit in units:
                z, a = (
                    self.of("z", self._z[row, unit], unit),
                    self.of("f(z)", self._a[row, unit], unit),
                )
                s = self.of("s", self._slopes[row, unit], unit)
                settled = self._sum(self.trace.before, self.trace.inputs, self._y, row, unit)
                yield self.unit_number("settled sum", z, settled, "backward", row, unit)
                value = activated(self.layer.activation, z)
                yield self.unit_number("settled activation", a, value, "backward", row, unit)
                derivative = slope(self.layer.activation, z, a)
                yield self.unit_number("slope", s, derivative, "backward", row, unit)
        states = [self._errors, *self._relaxation.errors]
        for step, omitted in _shown(len(self._relaxation.errors)):
            if omitted:
                yield from self._omitted(states, omitted, "v", "backward", units)
            for row in rows:
                for unit in units:
                    yield self._backward_step(states, step, row, unit)
        for row in rows:
            for unit in units:
                delta = self.delta(row, unit)
                equation = times(
                    self.of("s", self._slopes[row, unit], unit),
                    self.of("v", self._v[row, unit], unit),
                )
                yield self.unit_number("delta", delta, equation, "backward", row, unit)
        yield from left_out(others, "units", "smaller deltas")

    def _sum(
        self, parameters: Mapping[str, Array], inputs: Array, y: Array | None, row: int, unit: int
    ) -> Expression:
        """Return Σ W·y + Σ U·x + b, without the first sum if y is None."""
        terms: list[Expression] = []
        if y is not None:
            terms += [
                times(self.parameter(parameters, "recurrent", unit, j), self.of("y", y[row, j], j))
                for j in range(y.shape[1])
            ]
        terms += [
            times(self.parameter(parameters, "weight", unit, i), self.x(inputs, row, i))
            for i in range(inputs.shape[1])
        ]
        if "bias" in parameters:
            terms.append(self.parameter(parameters, "bias", unit))
        return total(terms)

    def _backward_step(self, states: Sequence[Array], step: int, row: int, unit: int) -> Number:
        """Return v of a unit after a step."""
        v = states[step - 1]
        terms = [
            times(
                self.parameter(self.trace.before, "recurrent", j, unit),
                self.of("s", self._slopes[row, j], j),
                self.of("v", v[row, j], j),
            )
            for j in range(v.shape[1])
        ]
        arriving: Expression = (
            self.of("dL/dy", self._errors[row, unit], unit) if unit >= self._first else ZERO
        )
        equation = extended(total(terms), arriving)
        new = self.of("v", states[step][row, unit], unit)
        return _at_step(
            self.unit_number("settling error", new, equation, "backward", row, unit, step=step),
            step,
        )

    def input_gradient(self, row: int, i: int) -> Expression:
        """Return Σ U·delta."""
        return self.weighted_deltas(row, i)

    def gradient(self, name: str, index: tuple[int, ...]) -> Expression:
        """Return Σ delta·y, Σ delta·x or Σ delta over the rows."""
        named, rows = self.several, range(len(self.rows))
        deltas = [self.delta(row, index[0], named=named) for row in rows]
        if name == "bias":
            return total(deltas)
        if name == "recurrent":
            sources: list[Expression] = [
                self.of("y", self._y[row, index[1]], index[1], row=row if named else None)
                for row in rows
            ]
        else:
            sources = [self.x(self.trace.inputs, row, index[1], named=named) for row in rows]
        return total([times(d, source) for d, source in zip(deltas, sources, strict=True)])


def _shown(steps: int) -> Iterator[tuple[int, tuple[int, int] | None]]:
    """Yield the steps that are shown, counted from 1, each with the range left out before it."""
    if steps <= _MOST:
        yield from ((step, None) for step in range(1, steps + 1))
        return
    yield from ((step, None) for step in range(1, _ENDS + 1))
    last = steps - _ENDS + 1
    for step in range(last, steps + 1):
        yield step, (_ENDS + 1, last - 1) if step == last else None


def _at_step(number: Number, step: int) -> Number:
    """Return the number with its step in its label."""
    label = f"step {step}, {number.label}"
    return Number(number.name, number.symbol, number.equation, number.value, number.place, label)
