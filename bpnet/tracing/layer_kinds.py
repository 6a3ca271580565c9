"""Equations of each kind of layer but those that normalize, and those that settle."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np

from bpnet.engine.step_trace import LayerTrace
from bpnet.tracing.activations import activated, evaluate, slope
from bpnet.tracing.expressions import (
    ONE,
    PI,
    TWO,
    ZERO,
    Constant,
    Expression,
    Negative,
    call,
    extended,
    minus,
    over,
    plus,
    times,
    total,
)
from bpnet.tracing.layers import LayerEquations, LayerPass, row_prefix
from bpnet.tracing.structure import Entry, Number, Remark


class DenseEquations(LayerEquations):
    """z = Σ w·x + b and a = f(z); delta = f'(z)·dL/da."""

    sends_back = "Σ w·delta"
    gradient_rules: ClassVar[Mapping[str, str]] = {
        "weight": "dL/dw = {}delta·x",
        "bias": "dL/db = {}delta",
    }

    @property
    def rule(self) -> str:  # type: ignore[override]
        """The forward pass in symbols."""
        bias = " + b" if "bias" in self.trace.before else ""
        activation = self.layer.activation.kind
        return f"z = Σ w·x{bias}" + ("" if activation == "identity" else f", a = {activation}(z)")

    def _unit(self, passed: LayerPass, row: int, unit: int) -> Iterator[Number]:
        weights = passed.parameters["weight"]
        terms = [
            times(
                self.parameter(passed.parameters, "weight", unit, i), self.x(passed.inputs, row, i)
            )
            for i in range(weights.shape[1])
        ]
        equation = total(terms)
        if "bias" in passed.parameters:
            equation = extended(equation, self.parameter(passed.parameters, "bias", unit))
        assert passed.sums is not None
        z = self.of("z", passed.sums[row, unit], unit)
        yield self.unit_number("weighted sum", z, equation, passed.phase, row, unit)
        yield from self.activation_numbers(passed, row, unit, passed.sums)

    def backward(self, row: int, unit: int) -> Iterator[Number]:
        """Yield f'(z) and delta."""
        assert self.trace.sums is not None
        yield from self.delta_numbers(row, unit, self.trace.sums, self.trace.slopes)

    def input_gradient(self, row: int, i: int) -> Expression:
        """Return Σ w·delta."""
        return self.weighted_deltas(row, i)

    def gradient(self, name: str, index: tuple[int, ...]) -> Expression:
        """Return Σ delta·x over the rows, or Σ delta."""
        rows = range(len(self.rows))
        deltas = [self.delta(row, index[0], named=self.several) for row in rows]
        if name == "bias":
            return total(deltas)
        xs = [self.x(self.trace.inputs, row, index[1], named=self.several) for row in rows]
        return total([times(delta, x) for delta, x in zip(deltas, xs, strict=True)])


class UpdatedWeightsEquations(DenseEquations):
    """A dense layer with a bug: it sends the error back through its new weights."""

    sends_back = "Σ w'·delta"

    def input_gradient(self, row: int, i: int) -> Expression:
        """Return Σ w'·delta."""
        weights = self.trace.after["weight"]
        return total(
            [
                times(self.of("w'", weights[o, i], o, i), self.delta(row, o))
                for o in range(len(weights))
            ]
        )


class DropoutEquations(LayerEquations):
    """a = x / (1 - rate), or 0 where left out."""

    def __init__(self, k: int, trace: LayerTrace, rows: Sequence[int]) -> None:
        super().__init__(k, trace, rows)
        self._mask = np.zeros(trace.inputs.shape) if trace.left_out is None else trace.left_out
        self.rule = f"a = m·x/(1 - rate), with m = 0 where left out, else 1; rate {self._rate:.4g}"
        self.backward_rule = "dL/dx = m·dL/da/(1 - rate)"

    @property
    def _rate(self) -> float:
        return self.trace.dropout_rate

    def forward(self, passed: LayerPass) -> Iterator[Entry]:
        """Yield the units that are left out, then the numbers."""
        if passed.phase == "forward":
            for row in range(len(self.rows)):
                units = ", ".join(map(str, np.flatnonzero(self._mask[row]) + 1)) or "none"
                count, of = int(self._mask[row].sum()), self._mask.shape[1]
                prefix = row_prefix(self.rows, row)
                yield Remark(f"{prefix}units left out, {count} of {of}: {units}")
        yield from super().forward(passed)

    def _keeps(self, row: int, unit: int) -> Expression:
        return ZERO if self._mask[row, unit] else ONE

    def _scaled(self, value: Expression) -> Expression:
        if self._rate == 0:
            return value
        return over(value, minus(ONE, Constant(self._rate)))

    def _unit(self, passed: LayerPass, row: int, unit: int) -> Iterator[Number]:
        quantity = self.of("a", passed.outputs[row, unit], unit)
        x = self.x(passed.inputs, row, unit)
        equation = self._scaled(times(self._keeps(row, unit), x))
        yield self.unit_number("activation", quantity, equation, passed.phase, row, unit)

    def input_gradient(self, row: int, i: int) -> Expression:
        """Return m·dL/da / (1 - rate)."""
        return self._scaled(times(self._keeps(row, i), self.flow(row, i)))


class ScaleEquations(LayerEquations):
    """a = s·x."""

    rule = "a = s·x"
    backward_rule = "dL/dx = s·dL/da"
    gradient_rules: ClassVar[Mapping[str, str]] = {"factor": "dL/ds = {}x·dL/da"}

    def _unit(self, passed: LayerPass, row: int, unit: int) -> Iterator[Number]:
        factor = self.parameter(passed.parameters, "factor", unit)
        equation = times(factor, self.x(passed.inputs, row, unit))
        quantity = self.of("a", passed.outputs[row, unit], unit)
        yield self.unit_number("activation", quantity, equation, passed.phase, row, unit)

    def input_gradient(self, row: int, i: int) -> Expression:
        """Return s·dL/da."""
        return times(self.parameter(self.trace.before, "factor", i), self.flow(row, i))

    def gradient(self, name: str, index: tuple[int, ...]) -> Expression:
        """Return Σ x·dL/da over the rows."""
        (unit,) = index
        x, named = self.trace.inputs, self.several
        return total(
            times(self.x(x, row, unit, named=named), self.flow(row, unit, named=named))
            for row in range(len(self.rows))
        )


class ParametricEquations(LayerEquations):
    """a = x + p·(f(x) - x)."""

    gradient_rules: ClassVar[Mapping[str, str]] = {"share": "dL/dp = {}(f(x) - x)·dL/da"}

    def __init__(self, k: int, trace: LayerTrace, rows: Sequence[int]) -> None:
        super().__init__(k, trace, rows)
        self.rule = f"a = x + p·(f(x) - x) with f = {self.layer.activation.kind}"
        self.backward_rule = "dL/dx = (1 - p + p·f'(x))·dL/da"
        self._values, self._slopes = evaluate(self.layer.activation, trace.inputs)

    def _unit(self, passed: LayerPass, row: int, unit: int) -> Iterator[Number]:
        x, p = self.x(passed.inputs, row, unit), self.parameter(passed.parameters, "share", unit)
        equation = plus(x, times(p, minus(activated(self.layer.activation, x), x)))
        quantity = self.of("a", passed.outputs[row, unit], unit)
        yield self.unit_number("activation", quantity, equation, passed.phase, row, unit)

    def backward(self, row: int, unit: int) -> Iterator[Number]:
        """Yield f'(x)."""
        x = self.x(self.trace.inputs, row, unit)
        value = self.of("f(x)", self._values[row, unit], unit)
        bend = self.of("f'(x)", self._slopes[row, unit], unit)
        activation = self.layer.activation
        yield self.unit_number("value", value, activated(activation, x), "backward", row, unit)
        yield self.unit_number("slope", bend, slope(activation, x, value), "backward", row, unit)

    def input_gradient(self, row: int, i: int) -> Expression:
        """Return (1 - p + p·f'(x))·dL/da."""
        p = self.parameter(self.trace.before, "share", i)
        bend = self.of("f'(x)", self._slopes[row, i], i)
        return times(plus(ONE, Negative(p), times(p, bend)), self.flow(row, i))

    def gradient(self, name: str, index: tuple[int, ...]) -> Expression:
        """Return Σ (f(x) - x)·dL/da over the rows."""
        (unit,) = index
        named, terms = self.several, list[Expression]()
        for row in range(len(self.rows)):
            value = self.of("f(x)", self._values[row, unit], unit, row=row if named else None)
            x = self.x(self.trace.inputs, row, unit, named=named)
            terms.append(times(minus(value, x), self.flow(row, unit, named=named)))
        return total(terms)


class EmbeddingEquations(LayerEquations):
    """The inputs that are not codes, then the vector of each code."""

    rule = "the inputs that are not codes, then row c of the table E of each code c - 1"
    backward_rule = "dL/dE[c] = Σ dL/da over the rows that hold the code"

    def _source(self, row: int, unit: int) -> tuple[int, tuple[int, int] | None]:
        """Return the input of an output, or its table and the entry there."""
        others = self.layer.others(self.trace.inputs.shape[1])
        if unit < len(others):
            return others[unit], None
        start = len(others)
        for k, table in enumerate(self.layer.tables):
            if unit < start + table.size:
                code = int(self.trace.inputs[row, table.position])
                return k, (code, unit - start)
            start += table.size
        raise IndexError(unit)

    def _unit(self, passed: LayerPass, row: int, unit: int) -> Iterator[Number]:
        place, entry = self._source(row, unit)
        equation: Expression = (
            self.x(passed.inputs, row, place)
            if entry is None
            else self.parameter(passed.parameters, f"table_{place}", *entry)
        )
        quantity = self.of("a", passed.outputs[row, unit], unit)
        yield self.unit_number("activation", quantity, equation, passed.phase, row, unit)

    def input_gradient(self, row: int, i: int) -> Expression:
        """Return dL/da of an input that is not a code."""
        others = self.layer.others(self.trace.inputs.shape[1])
        return self.flow(row, others.index(i)) if i in others else ZERO

    def gradient(self, name: str, index: tuple[int, ...]) -> Expression:
        """Return Σ dL/da over the rows that hold the code."""
        which = int(name.removeprefix("table_"))
        tables = self.layer.tables
        start = len(self.layer.others(self.trace.inputs.shape[1])) + sum(
            table.size for table in tables[:which]
        )
        codes = self.trace.inputs[:, tables[which].position]
        rows = [row for row in range(len(self.rows)) if codes[row] == index[0]]
        return total(self.flow(row, start + index[1], named=self.several) for row in rows)


class PeriodicEquations(LayerEquations):
    """The inputs, then e = V·cos(2π·w·x + b) + c of each that has waves."""

    rule = "the inputs themselves, then e = Σ V·cos(2π·w·x + b) + c of each that has waves"
    backward_rule = (
        "with h = -sin(2π·w·x + b)·Σ V·dL/de: dL/dx = dL/da + 2π·Σ w·h, of an input with waves"
    )
    gradient_rules: ClassVar[Mapping[str, str]] = {
        "frequency": "dL/dw = 2π·{}x·h",
        "phase": "dL/db = {}h",
        "weight": "dL/dV = {}cos(2π·w·x + b)·dL/de",
        "bias": "dL/dc = {}dL/de",
    }

    def __init__(self, k: int, trace: LayerTrace, rows: Sequence[int]) -> None:
        super().__init__(k, trace, rows)
        self._inputs = trace.inputs.shape[1]
        self._positions = self.layer.positions(self._inputs)

    def _angle(self, passed: LayerPass, row: int, n: int, k: int, *, named: bool) -> Expression:
        x = self.x(passed.inputs, row, self._positions[n], named=named)
        frequency = self.parameter(passed.parameters, "frequency", n, k)
        return plus(times(TWO, PI, frequency, x), self.parameter(passed.parameters, "phase", n, k))

    def _unit(self, passed: LayerPass, row: int, unit: int) -> Iterator[Number]:
        quantity = self.of("a", passed.outputs[row, unit], unit)
        if unit < self._inputs:
            equation: Expression = self.x(passed.inputs, row, unit)
        else:
            n, s = divmod(unit - self._inputs, self.layer.size)
            waves = [
                times(
                    self.parameter(passed.parameters, "weight", n, s, k),
                    call("cos", self._angle(passed, row, n, k, named=False)),
                )
                for k in range(self.layer.frequencies)
            ]
            equation = extended(total(waves), self.parameter(passed.parameters, "bias", n, s))
        yield self.unit_number("activation", quantity, equation, passed.phase, row, unit)

    def _mixed(self, row: int, n: int, k: int, *, named: bool) -> Expression:
        """Return h = -sin(2π·w·x + b)·Σ V·dL/de of one wave."""
        before = self._before
        flows = [
            times(
                self.parameter(before.parameters, "weight", n, s, k),
                self.flow(row, self._inputs + n * self.layer.size + s, named=named),
            )
            for s in range(self.layer.size)
        ]
        angle = self._angle(before, row, n, k, named=named)
        return times(Negative(call("sin", angle)), total(flows))

    @property
    def _before(self) -> LayerPass:
        trace = self.trace
        return LayerPass("forward", trace.before, trace.inputs, None, trace.outputs)

    def input_gradient(self, row: int, i: int) -> Expression:
        """Return dL/da + 2π·Σ w·h."""
        if i not in self._positions:
            return self.flow(row, i)
        n = self._positions.index(i)
        waves = [
            times(
                self.parameter(self.trace.before, "frequency", n, k),
                self._mixed(row, n, k, named=False),
            )
            for k in range(self.layer.frequencies)
        ]
        return plus(self.flow(row, i), times(TWO, PI, total(waves)))

    def gradient(self, name: str, index: tuple[int, ...]) -> Expression:
        """Return Σ over the rows of what each kind of parameter has."""
        named, rows, n = self.several, range(len(self.rows)), index[0]
        if name in ("frequency", "phase"):
            mixed = [self._mixed(row, n, index[1], named=named) for row in rows]
            if name == "phase":
                return total(mixed)
            xs = [self.x(self.trace.inputs, row, self._positions[n], named=named) for row in rows]
            return times(TWO, PI, total([times(x, g) for x, g in zip(xs, mixed, strict=True)]))
        unit = self._inputs + n * self.layer.size + index[1]
        flows = [self.flow(row, unit, named=named) for row in rows]
        if name == "bias":
            return total(flows)
        waves = [
            call("cos", self._angle(self._before, row, n, index[2], named=named)) for row in rows
        ]
        return total([times(flow, wave) for flow, wave in zip(flows, waves, strict=True)])
