"""Equations of the layers: forward, back through the layer, and the gradient of each parameter."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.layers import Layer
from bpnet.engine.step_trace import LayerTrace, StepTrace
from bpnet.tracing.activations import activated, is_softmax, slope, softmax, softmax_delta
from bpnet.tracing.expressions import Expression, Quantity, Symbol, times, total
from bpnet.tracing.structure import Entry, Number, Phase, Place, Remark

MAX_UNITS = 8
"""The number of units of a layer that are shown."""


@dataclass(frozen=True)
class LayerPass:
    """One layer in one forward pass. Arrays are (B, I) or (B, O)."""

    phase: Phase
    parameters: Mapping[str, Array]
    inputs: Array
    sums: Array | None
    outputs: Array
    relaxation: Sequence[Array] = ()
    """The states (B, units) after each step in which an equilibrium layer settles."""


def first_pass(layer: LayerTrace) -> LayerPass:
    """Return a layer's forward pass with the weights before the step."""
    states = layer.relaxation.units if layer.relaxation else ()
    return LayerPass("forward", layer.before, layer.inputs, layer.sums, layer.outputs, states)


def second_pass(step: StepTrace, k: int) -> LayerPass:
    """Return a layer's forward pass with the new weights, or with those that a search tried."""
    layer = step.layers[k]
    return LayerPass(
        "after",
        layer.tried or layer.after,
        step.outputs_after[k - 1] if k else layer.inputs,
        step.sums_after[k],
        step.outputs_after[k],
        layer.relaxation.units_after if layer.relaxation else (),
    )


def largest(sizes: Array, most: int) -> tuple[list[int], int]:
    """Return the indices of the `most` largest entries, ascending, and the number of others."""
    if len(sizes) <= most:
        return list(range(len(sizes))), 0
    chosen = np.sort(np.argsort(-sizes, kind="stable")[:most])
    return [int(i) for i in chosen], len(sizes) - most


def left_out(count: int, noun: str, reason: str) -> Iterator[Remark]:
    """Yield a remark on what is left out, if anything is."""
    if count:
        yield Remark(f"({count} more {noun} with {reason} are left out)")


class LayerEquations:
    """The equations of one layer in one step; a kind of layer overrides what is its own.

    Layers and units count from 1 in what is shown, and from 0 in arguments.
    """

    rule: str = ""
    """The forward pass in symbols."""
    backward_rule: str = ""
    """The way back in symbols."""
    sends_back: str = "dL/dx"
    """What the layer before receives, in symbols."""
    gradient_rules: ClassVar[Mapping[str, str]] = {}
    """The gradient of each parameter by name, in symbols, with {} for the sum over the rows."""

    def __init__(self, k: int, trace: LayerTrace, rows: Sequence[int]) -> None:
        self.number, self.trace, self.rows = k + 1, trace, rows
        self.layer: Any = trace.layer
        self.several = len(rows) > 1
        """True if symbols in sums over rows need the number of their row."""

    # forward

    def forward(self, passed: LayerPass) -> Iterator[Entry]:
        """Yield the numbers of a forward pass."""
        if self.rule and passed.phase == "forward":
            yield Remark(self.rule)
        shown, others = largest(np.abs(passed.outputs).max(axis=0), MAX_UNITS)
        yield from self._batch_numbers(passed, shown)
        for row in range(len(self.rows)):
            yield from self.in_order([list(self._unit(passed, row, unit)) for unit in shown])
        yield from left_out(others, "units", "smaller outputs")

    def in_order(self, of_units: Sequence[Sequence[Number]]) -> Iterator[Number]:
        """Yield units one by one; with softmax what all of them need comes first."""
        activation = getattr(self.layer, "activation", None)
        if activation is None or not is_softmax(activation):
            yield from (number for numbers in of_units for number in numbers)
            return
        last = [numbers[-1:] for numbers in of_units]
        yield from (number for numbers in of_units for number in numbers[:-1])
        yield from (number for numbers in last for number in numbers)

    def _batch_numbers(self, passed: LayerPass, units: Sequence[int]) -> Iterator[Entry]:
        """Yield the numbers that all rows share."""
        yield from ()

    def _unit(self, passed: LayerPass, row: int, unit: int) -> Iterator[Number]:
        """Yield the numbers of one unit and row."""
        raise TypeError(f"{type(self).__name__} has no forward equation")

    # backward

    @property
    def deltas(self) -> Array | None:
        """dL/dz (B, O), where the layer has it."""
        return self.trace.deltas

    def backward(self, row: int, unit: int) -> Iterator[Number]:
        """Yield the numbers that follow from dL/da of one unit and row."""
        yield from ()

    def backward_batch(self) -> Iterator[Entry]:
        """Yield what all units or rows share on the way back, after dL/da."""
        yield from ()

    def input_gradient(self, row: int, i: int) -> Expression:
        """Return dL/dx of one input and row."""
        raise TypeError(f"{type(self).__name__} has no input gradient")

    def gradient(self, name: str, index: tuple[int, ...]) -> Expression:
        """Return dL/dθ of one entry of a parameter, without the penalty."""
        raise TypeError(f"{type(self).__name__} has no parameters")

    @property
    def gradient_rule(self) -> str:
        """The gradients of the parameters that the layer has, in symbols."""
        rules = [rule for name, rule in self.gradient_rules.items() if name in self.trace.before]
        text = ", ".join(rules).replace("{}", "Σ " if self.several else "")
        return f"{text}, over the rows" if text and self.several else text

    # quantities

    def x(self, inputs: Array, row: int, i: int, *, named: bool = False) -> Quantity:
        """Return an input; `named` with its row, for sums over rows."""
        base, layer = ("x", None) if self.number == 1 else ("a", self.number - 1)
        return Quantity(
            Symbol(base, (i + 1,), layer, self.rows[row] if named else None), inputs[row, i]
        )

    def of(self, base: str, value: float, *index: int, row: int | None = None) -> Quantity:
        """Return a quantity of this layer, with its row in sums over rows."""
        numbers = tuple(i + 1 for i in index)
        of_row = None if row is None else self.rows[row]
        return Quantity(Symbol(base, numbers, self.number, of_row), float(value))

    def parameter(self, parameters: Mapping[str, Array], name: str, *index: int) -> Quantity:
        """Return an entry of a parameter."""
        return self.of(parameter_sign(self.layer, name), parameters[name][index], *index)

    def flow(self, row: int, unit: int, *, named: bool = False) -> Quantity:
        """Return dL/da of a unit."""
        value = self.trace.output_gradients[row, unit]
        return self.of("dL/da", value, unit, row=row if named else None)

    def delta(self, row: int, unit: int, *, named: bool = False) -> Quantity:
        """Return dL/dz of a unit."""
        assert self.deltas is not None
        return self.of("delta", self.deltas[row, unit], unit, row=row if named else None)

    def weighted_deltas(self, row: int, i: int) -> Expression:
        """Return Σ w·delta: dL/dx of an input that every unit weighs."""
        before = self.trace.before
        return total(
            times(self.parameter(before, "weight", o, i), self.delta(row, o))
            for o in range(len(before["weight"]))
        )

    def unit_number(
        self,
        name: str,
        quantity: Quantity,
        equation: Expression | None,
        phase: Phase,
        row: int | None,
        unit: int,
        step: int | None = None,
    ) -> Number:
        """Return the number of a unit in a row, or in all rows."""
        place = Place(
            phase,
            layer=self.number,
            row=None if row is None else self.rows[row],
            unit=unit + 1,
            step=step,
        )
        label = (
            f"unit {unit + 1}" if row is None else f"{row_prefix(self.rows, row)}unit {unit + 1}"
        )
        return Number(name, quantity.symbol, equation, quantity.number, place, label)

    def activation_numbers(
        self, passed: LayerPass, row: int, unit: int, sums: Array
    ) -> Iterator[Number]:
        """Yield a = f(z), unless f is the identity."""
        activation = getattr(self.layer, "activation", None)
        if activation is None or activation.kind == "identity":
            return
        if is_softmax(activation):
            zs = [self.of("z", sums[row, j], j) for j in range(sums.shape[1])]
            value = softmax(zs, unit)
        else:
            value = activated(activation, self.of("z", sums[row, unit], unit))
        quantity = self.of("a", passed.outputs[row, unit], unit)
        yield self.unit_number("activation", quantity, value, passed.phase, row, unit)

    def delta_numbers(
        self, row: int, unit: int, sums: Array, slopes: Array | None
    ) -> Iterator[Number]:
        """Yield f'(z) and delta = f'(z) dL/da."""
        activation, delta = self.layer.activation, self.delta(row, unit)
        outputs = self.trace.outputs
        if is_softmax(activation):
            width = range(outputs.shape[1])
            equation = softmax_delta(
                [self.of("a", outputs[row, j], j) for j in width],
                [self.flow(row, j) for j in width],
                unit,
            )
        elif activation.kind == "identity" or slopes is None:
            equation = self.flow(row, unit)
        else:
            z, a = self.of("z", sums[row, unit], unit), self.of("a", outputs[row, unit], unit)
            bend = self.of("f'(z)", slopes[row, unit], unit)
            derivative = slope(activation, z, a)
            yield self.unit_number("slope", bend, derivative, "backward", row, unit)
            equation = times(bend, self.flow(row, unit))
        yield self.unit_number("delta", delta, equation, "backward", row, unit)


_SIGNS = {
    ("dense", "weight"): "w",
    ("dense", "bias"): "b",
    ("equilibrium", "recurrent"): "W",
    ("equilibrium", "weight"): "U",
    ("equilibrium", "bias"): "b",
    ("batch_normalization", "gamma"): "γ",
    ("batch_normalization", "beta"): "β",
    ("layer_normalization", "gamma"): "γ",
    ("layer_normalization", "beta"): "β",
    ("scale", "factor"): "s",
    ("parametric", "share"): "p",
    ("periodic", "frequency"): "w",
    ("periodic", "phase"): "b",
    ("periodic", "weight"): "V",
    ("periodic", "bias"): "c",
}


def parameter_sign(layer: Layer, name: str) -> str:
    """Return the sign of a parameter in equations: w for the weight of a dense layer."""
    if name.startswith("table_"):  # of an embedding, counted from 0
        return f"E{int(name.removeprefix('table_')) + 1}"
    return _SIGNS.get((layer.kind, name), name)  # type: ignore[attr-defined]


def row_prefix(rows: Sequence[int], row: int) -> str:
    """Return the beginning of a row's labels, empty where there is a single row."""
    return f"row {rows[row]}, " if len(rows) > 1 else ""
