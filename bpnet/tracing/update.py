"""The update of a step: gradients with penalty and clipping, and the optimizer's moves."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from bpnet.engine.loop.settings import Training
from bpnet.engine.network import Network
from bpnet.engine.optimizers import Muon
from bpnet.engine.parameters import Block
from bpnet.engine.step_trace import StepTrace
from bpnet.tracing.expressions import (
    Constant,
    Expression,
    Holds,
    Quantity,
    Symbol,
    call,
    extended,
    over,
    plus,
    root,
    square,
    times,
    total,
)
from bpnet.tracing.layers import LayerEquations, largest, left_out, parameter_sign
from bpnet.tracing.matrix_update import MatrixUpdate
from bpnet.tracing.optimizers import Line, ParameterEntry, update
from bpnet.tracing.structure import Entry, Number, Place

MAX_WEIGHTS = 16
"""The number of entries of a parameter that are shown."""
_SMALL_MATRIX = 4
"""The shorter side of a matrix up to which Muon's products are shown."""


class UpdateEquations:
    """The equations of one step's update."""

    def __init__(
        self,
        step: StepTrace,
        training: Training,
        network: Network,
        layers: Sequence[LayerEquations],
    ) -> None:
        self._step, self._training, self._layers = step, training, layers
        self._optimizer = training.optimizer
        self._blocks: Mapping[str, Block] = dict(zip(network.declared, network.blocks, strict=True))
        self._matrices = self._optimizer.matrices(network.blocks)
        self.rate = Quantity(Symbol("η"), step.learning_rate)

    def clipping(self) -> Iterator[Entry]:
        """Yield the norm of the whole gradient, where it is bounded."""
        clipping = self._training.gradient_clipping
        if clipping is None or clipping.norm is None:
            return
        yield Number(
            "norm of the gradient", Symbol("|g|"), self._norm, self._norm.value, Place("update")
        )

    def entries(self, k: int) -> Iterator[Entry]:
        """Yield the numbers of layer k's parameters."""
        layer = self._step.layers[k]
        for name, gradient in layer.gradients.items():
            shown, others = largest(np.abs(gradient).ravel(), MAX_WEIGHTS)
            indices = [
                tuple(int(i) for i in np.unravel_index(flat, gradient.shape)) for flat in shown
            ]
            matrix = self._matrix(k, name)
            if matrix is not None:
                yield from self._matrix_numbers(k, name, matrix, indices)
            else:
                for index in indices:
                    yield from self._gradient(k, name, index)
                    for line in update(self._optimizer, self._updated(k, name, index)):
                        yield self._number(k, name, index, line)
            yield from left_out(others, f"entries of {name}", "smaller gradients")

    def _number(
        self, k: int, name: str, index: tuple[int, ...], line: Line, step: int | None = None
    ) -> Number:
        what, quantity, equation = line
        shown = tuple(i + 1 for i in index)
        place = Place("update", layer=k + 1, parameter=name, index=shown, step=step)
        label = f"{name}[{','.join(map(str, shown))}]" if index else name
        return Number(what, quantity.symbol, equation, quantity.number, place, label)

    def _g(self, k: int, name: str, index: tuple[int, ...]) -> Quantity:
        sign = parameter_sign(self._step.layers[k].layer, name)
        shown = tuple(i + 1 for i in index)
        value = self._step.layers[k].gradients[name][index]
        return Quantity(Symbol(f"dL/d{sign}", shown, k + 1), float(value))

    def _w(self, k: int, name: str, index: tuple[int, ...]) -> Quantity:
        sign = parameter_sign(self._step.layers[k].layer, name)
        value = self._step.layers[k].before[name][index]
        return Quantity(Symbol(sign, tuple(i + 1 for i in index), k + 1), float(value))

    def _bounded(self, g: Expression) -> Expression:
        """Return an entry of the gradient within its bounds."""
        clipping = self._training.gradient_clipping
        if clipping is None or clipping.value is None or abs(g.value) <= clipping.value:
            return g
        return call("min", Constant(clipping.value), call("max", Constant(-clipping.value), g))

    def _gradient(self, k: int, name: str, index: tuple[int, ...]) -> Iterator[Number]:
        """Yield the gradient of an entry, with its penalty, and as it is clipped."""
        training, layer = self._training, self._step.layers[k]
        equation = self._layers[k].gradient(name, index)
        w = self._w(k, name, index)
        if self._is_weight(k, name):
            if training.l1:
                equation = extended(equation, times(Constant(training.l1), call("sign", w)))
            if training.l2:
                equation = extended(equation, times(Constant(training.l2), w))
        g = self._g(k, name, index)
        yield self._number(k, name, index, ("gradient", g, equation))
        clipped = layer.clipped[name][index]
        if self._step.clipped_norm == self._step.gradient_norm:
            return
        bounded, clipping = self._bounded(g), training.gradient_clipping
        if clipping is not None and clipping.norm is not None:
            norm = self._norm.value
            if norm > clipping.norm:
                share = over(Constant(clipping.norm), Quantity(Symbol("|g|"), norm))
                bounded = times(bounded, share)
        quantity = Quantity(Symbol("g", g.symbol.index, g.symbol.layer), float(clipped))
        yield self._number(k, name, index, ("clipped gradient", quantity, bounded))

    @cached_property
    def _norm(self) -> Expression:
        """|g| after entries are cut, and before the whole is scaled."""
        return root(
            total(
                square(self._bounded(self._g(k, name, index)))
                for k, layer in enumerate(self._step.layers)
                for name, gradient in layer.gradients.items()
                for index in np.ndindex(gradient.shape)
            )
        )

    def _is_weight(self, k: int, name: str) -> bool:
        return self._blocks[f"layers.{k}.{name}"].parameter.is_weight

    def _updated(self, k: int, name: str, index: tuple[int, ...]) -> ParameterEntry:
        step, layer = self._step, self._step.layers[k]
        block = self._blocks[f"layers.{k}.{name}"]
        factors = self._training.learning_rate_factors
        factor = 1.0 if factors is None else factors.of(block.parameter)
        g = self._g(k, name, index)
        if step.clipped_norm != step.gradient_norm:
            value = float(layer.clipped[name][index])
            g = Quantity(Symbol("g", g.symbol.index, g.symbol.layer), value)
        return ParameterEntry(
            index=index,
            rate=times(self.rate, Constant(factor)),
            plain_rate=self.rate,
            w=self._w(k, name, index),
            g=g,
            before={
                slot: float(arrays[name][index]) for slot, arrays in layer.slots_before.items()
            },
            after={slot: float(arrays[name][index]) for slot, arrays in layer.slots_after.items()},
            new=float(layer.after[name][index]),
            count=step.count,
            momentum_product=step.momentum_product,
            place=step.place,
            decays=block.parameter.is_weight,
        )

    def _matrix(self, k: int, name: str) -> MatrixUpdate | None:
        """Return Muon's step of a parameter that it moves as a matrix."""
        columns = self._blocks[f"layers.{k}.{name}"].columns
        if (columns.start, columns.stop) not in self._matrices:
            return None
        assert isinstance(self._optimizer, Muon)
        layer = self._step.layers[k]
        slots = {slot: arrays[name] for slot, arrays in layer.slots_after.items()}
        sign = parameter_sign(layer.layer, name)
        return MatrixUpdate(self._optimizer, sign, k + 1, layer.clipped[name], slots)

    def _matrix_numbers(
        self, k: int, name: str, matrix: MatrixUpdate, indices: Sequence[tuple[int, ...]]
    ) -> Iterator[Entry]:
        """Yield Muon's step of a matrix, iteration by iteration."""
        entries = {index: self._updated(k, name, index) for index in indices}
        for index, entry in entries.items():
            yield from self._gradient(k, name, index)
            for line in matrix.first_lines(entry):
                yield self._number(k, name, index, line)
        yield self._number(k, name, (), matrix.norm())
        small = min(self._step.layers[k].before[name].shape) <= _SMALL_MATRIX
        for iteration in range(matrix.iterations + 1):
            if iteration and small:
                for line in matrix.products(iteration):
                    yield self._number(k, name, (), line, iteration)
            for index, entry in entries.items():
                yield self._number(k, name, index, matrix.entry(entry, iteration), iteration)
        for index, entry in entries.items():
            for line in matrix.last_lines(entry):
                yield self._number(k, name, index, line)

    def trial(self) -> Iterator[Entry]:
        """Yield what a search tried: the change of one parameter, before it is judged."""
        trial = self._step.trial
        assert trial is not None
        k, name, index = trial.layer, trial.name, trial.index
        noise = Quantity(Symbol("n"), trial.noise)
        yield self._number(k, name, index, ("random number", noise, None))
        w = self._w(k, name, index)
        tried = self._step.layers[k].tried[name][index]
        symbol = Symbol(w.symbol.base + "'", w.symbol.index, w.symbol.layer)
        line = "tried parameter", Quantity(symbol, float(tried)), plus(w, times(self.rate, noise))
        yield self._number(k, name, index, line)

    def verdict(self) -> Iterator[Entry]:
        """Yield what is kept of a trial."""
        trial, step = self._step.trial, self._step
        assert trial is not None
        k, name, index = trial.layer, trial.name, trial.index
        w = self._w(k, name, index)
        lower = Holds(Quantity(Symbol("L'"), trial.loss), "<", Quantity(Symbol("L"), step.loss))
        noise = Quantity(Symbol("n"), trial.noise)
        equation = plus(w, times(lower, self.rate, noise))
        symbol = Symbol(w.symbol.base + "''", w.symbol.index, w.symbol.layer)
        value = float(step.layers[k].after[name][index])
        yield self._number(k, name, index, ("kept parameter", Quantity(symbol, value), equation))
