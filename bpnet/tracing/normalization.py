"""Equations of batch and layer normalization."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.layers import BatchNormalization
from bpnet.engine.step_trace import LayerTrace
from bpnet.tracing.activations import evaluate, is_softmax
from bpnet.tracing.expressions import (
    Constant,
    Expression,
    Negative,
    Quantity,
    Sum,
    minus,
    over,
    plus,
    root,
    square,
    times,
    total,
)
from bpnet.tracing.expressions import mean as mean_of
from bpnet.tracing.layers import MAX_UNITS, LayerEquations, LayerPass, largest, row_prefix
from bpnet.tracing.structure import Entry, Number, Phase, Place


class _Normalized:
    """The arrays of a normalization, over rows (axis 0) or over units (axis 1) of x (B, I)."""

    def __init__(self, x: Array, gamma: Array, beta: Array, epsilon: float, axis: int) -> None:
        self.mean = x.mean(axis=axis, keepdims=True)
        self.variance = ((x - self.mean) ** 2).mean(axis=axis, keepdims=True)
        self.n = (x - self.mean) / np.sqrt(self.variance + epsilon)
        self.z = gamma * self.n + beta


class NormalizationEquations(LayerEquations):
    """a = f(γ·n + β) with n = (x - mean)/√(variance + ε)."""

    backward_rule = (
        "delta = f'·dL/da, d = γ·delta; "
        "dL/dx = (d - mean(d) - n·mean(d·n))/√(variance + ε), means over what shares a mean"
    )
    gradient_rules: ClassVar[Mapping[str, str]] = {
        "gamma": "dL/dγ = {}delta·n",
        "beta": "dL/dβ = {}delta",
    }

    def __init__(self, k: int, trace: LayerTrace, rows: Sequence[int]) -> None:
        super().__init__(k, trace, rows)
        self._by_batch = isinstance(self.layer, BatchNormalization)
        self._axis = 0 if self._by_batch else 1
        kind = self.layer.activation.kind
        function = "γ·n + β" if kind == "identity" else f"{kind}(γ·n + β)"
        self.rule = (
            f"a = {function} with n = (x - mean)/√(variance + ε), ε = {self.layer.epsilon:g}"
        )
        self._before = self._arrays(trace.before, trace.inputs)
        flows = trace.output_gradients
        if is_softmax(self.layer.activation):
            inner = (trace.outputs * flows).sum(axis=1, keepdims=True)
            self._slopes, self._deltas = None, trace.outputs * (flows - inner)
        else:
            self._slopes = evaluate(self.layer.activation, self._before.z)[1]
            self._deltas = self._slopes * flows
        self._d = trace.before["gamma"] * self._deltas
        self._mean_d = self._d.mean(axis=self._axis, keepdims=True)
        self._mean_dn = (self._d * self._before.n).mean(axis=self._axis, keepdims=True)

    @property
    def deltas(self) -> Array:
        """dL/dz (B, I)."""
        return np.asarray(self._deltas)

    def _arrays(self, parameters: Mapping[str, Array], inputs: Array) -> _Normalized:
        return _Normalized(
            inputs, parameters["gamma"], parameters["beta"], self.layer.epsilon, self._axis
        )

    def _shared(self, base: str, values: Array, row: int, unit: int) -> Quantity:
        """Return a mean, which all rows of a unit share, or all units of a row."""
        if self._by_batch:
            return self.of(base, values[0, unit], unit)
        return self.of(base, values[row, 0])

    def _group(self, row: int, unit: int) -> list[tuple[int, int]]:
        """Return the rows and units that share a mean."""
        if self._by_batch:
            return [(other, unit) for other in range(len(self.rows))]
        return [(row, other) for other in range(self.trace.inputs.shape[1])]

    def _shared_number(
        self, name: str, quantity: Quantity, equation: Expression, phase: Phase, at: tuple[int, int]
    ) -> Number:
        row, unit = at
        if self._by_batch:
            return self.unit_number(name, quantity, equation, phase, None, unit)
        place = Place(phase, layer=self.number, row=self.rows[row])
        label = f"row {self.rows[row]}" if row_prefix(self.rows, row) else "all units"
        return Number(name, quantity.symbol, equation, quantity.number, place, label)

    def _places(self, units: Sequence[int]) -> list[tuple[int, int]]:
        """Return a row and unit for each mean that is shown."""
        if self._by_batch:
            return [(0, unit) for unit in units]
        return [(row, 0) for row in range(len(self.rows))]

    def _batch_numbers(self, passed: LayerPass, units: Sequence[int]) -> Iterator[Entry]:
        arrays = self._arrays(passed.parameters, passed.inputs)
        for at in self._places(units):
            named = self._by_batch and self.several
            xs = [self.x(passed.inputs, r, u, named=named) for r, u in self._group(*at)]
            mean = self._shared("mean", arrays.mean, *at)
            yield self._shared_number("mean", mean, mean_of(xs), passed.phase, at)
            variance = self._shared("variance", arrays.variance, *at)
            spread = mean_of([square(minus(x, mean)) for x in xs])
            yield self._shared_number("variance", variance, spread, passed.phase, at)
            if self._by_batch and passed.phase == "forward":
                yield from self._running(at, mean, variance)

    def _running(self, at: tuple[int, int], mean: Quantity, variance: Quantity) -> Iterator[Number]:
        """Yield the running mean and variance, which predictions use."""
        _, unit = at
        rows, before = len(self.rows), self.trace.statistics_before
        momentum = self.layer.momentum if rows > 1 else 1.0
        unbiased = over(times(Constant(float(rows)), variance), Constant(float(max(rows - 1, 1))))
        for name, batch in (("running_mean", mean), ("running_variance", unbiased)):
            old = self.of(name.replace("_", " "), before[name][unit], unit)
            equation: Expression = plus(
                times(Constant(momentum), old), times(Constant(1 - momentum), batch)
            )
            if momentum == 1:  # a single row has no variance
                equation = old
            new = self.of(name.replace("_", " "), self.trace.statistics_after[name][unit], unit)
            yield self.unit_number(
                f"new {name.replace('_', ' ')}", new, equation, "forward", None, unit
            )

    def _unit(self, passed: LayerPass, row: int, unit: int) -> Iterator[Number]:
        arrays, parameters = self._arrays(passed.parameters, passed.inputs), passed.parameters
        n = self.of("n", arrays.n[row, unit], unit)
        length = root(
            plus(self._shared("variance", arrays.variance, row, unit), Constant(self.layer.epsilon))
        )
        centered = minus(
            self.x(passed.inputs, row, unit), self._shared("mean", arrays.mean, row, unit)
        )
        equation = over(centered, length)
        yield self.unit_number("normalized value", n, equation, passed.phase, row, unit)
        z = self.of("z", arrays.z[row, unit], unit)
        scaled = plus(
            times(self.parameter(parameters, "gamma", unit), n),
            self.parameter(parameters, "beta", unit),
        )
        if self.layer.activation.kind == "identity":
            a = self.of("a", passed.outputs[row, unit], unit)
            yield self.unit_number("activation", a, scaled, passed.phase, row, unit)
            return
        yield self.unit_number("scaled value", z, scaled, passed.phase, row, unit)
        yield from self.activation_numbers(passed, row, unit, arrays.z)

    def backward(self, row: int, unit: int) -> Iterator[Number]:
        """Yield f'(z) and delta."""
        yield from self.delta_numbers(row, unit, self._before.z, self._slopes)

    def backward_batch(self) -> Iterator[Entry]:
        """Yield d, mean(d) and mean(d·n)."""
        units, _ = largest(np.abs(self._deltas).max(axis=0), MAX_UNITS)
        for row in range(len(self.rows)):
            for unit in units:
                d = self.of("d", self._d[row, unit], unit)
                equation = times(
                    self.parameter(self.trace.before, "gamma", unit),
                    self.delta(row, unit),
                )
                yield self.unit_number("scaled delta", d, equation, "backward", row, unit)
        for at in self._places(units):
            named = self._by_batch and self.several
            group = self._group(*at)
            ds = [self.of("d", self._d[r, u], u, row=r if named else None) for r, u in group]
            ns = [self.of("n", self._before.n[r, u], u, row=r if named else None) for r, u in group]
            mean_d = self._shared("mean(d)", self._mean_d, *at)
            yield self._shared_number("mean of d", mean_d, mean_of(ds), "backward", at)
            products = [times(d, n) for d, n in zip(ds, ns, strict=True)]
            mean_dn = self._shared("mean(d·n)", self._mean_dn, *at)
            yield self._shared_number("mean of d·n", mean_dn, mean_of(products), "backward", at)

    def input_gradient(self, row: int, i: int) -> Expression:
        """Return (d - mean(d) - n·mean(d·n))/√(variance + ε)."""
        d = self.of("d", self._d[row, i], i)
        n = self.of("n", self._before.n[row, i], i)
        difference = Sum(
            (
                d,
                Negative(self._shared("mean(d)", self._mean_d, row, i)),
                Negative(times(n, self._shared("mean(d·n)", self._mean_dn, row, i))),
            )
        )
        variance = self._shared("variance", self._before.variance, row, i)
        return over(difference, root(plus(variance, Constant(self.layer.epsilon))))

    def gradient(self, name: str, index: tuple[int, ...]) -> Expression:
        """Return Σ delta·n, or Σ delta, over the rows."""
        (unit,) = index
        terms: list[Expression] = []
        for row in range(len(self.rows)):
            of_row = row if self.several else None
            delta = self.delta(row, unit, named=self.several)
            n = self.of("n", self._before.n[row, unit], unit, row=of_row)
            terms.append(times(delta, n) if name == "gamma" else delta)
        return total(terms)
