"""The embedding layer: level numbers of categories replaced by learned vectors."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bpnet.engine.component import Array, Component, number
from bpnet.engine.initializers import Normal
from bpnet.engine.layers.base import BoundLayer, Layer, Wiring
from bpnet.engine.parameters import Parameter


@dataclass(frozen=True, kw_only=True)
class CategoryTable(Component):
    """The input at `position`, from 0, holds level numbers 0 … levels - 1; each level has a vector of `size`."""

    position: int = number(ge=0)
    """Position of the input that holds the codes, from 0."""
    levels: int = number(ge=1)
    """Number of codes."""
    size: int = number(ge=1)
    """Numbers in each vector."""


@dataclass(frozen=True, kw_only=True)
class Embedding(Layer):
    """Each code is replaced by its level's vector: E (levels, size), one for each of the K `tables`.

    The outputs are first all other inputs, in their order, then the vectors, in the order of the tables:
    O = I - K + Σ size. With delta = dL/d output, dL/dE[l] = delta summed over the rows that hold level l; dL/dx of the
    other inputs is their delta, and of the codes 0, for they are names and not quantities.

    Codes are whole numbers in the network's type, exact below 2048 in float16 and 2^24 in float32. What encodes the
    data keeps them within 0 … levels - 1; forward raises ValueError for any other, rather than read a wrong vector.

    Vectors start normal with deviation 1/√size: their squared length is then 1 on average whatever the size, that of
    a one-hot column and the mean square of a standardized number, so that every column of the table begins alike.
    """

    kind: Literal["embedding"] = "embedding"
    tables: list[CategoryTable]
    """One table of vectors for each input of codes."""

    def others(self, inputs: int) -> list[int]:
        """The positions of the inputs that are no codes; raises ValueError where the tables' do not fit."""
        positions = [table.position for table in self.tables]
        if len(set(positions)) < len(positions):
            raise ValueError(f"the embedding's positions are {positions}; each must be there once")
        if positions and max(positions) >= inputs:
            raise ValueError(
                f"the embedding reads position {max(positions)}, but there are {inputs} inputs, from 0"
            )
        return [k for k in range(inputs) if k not in positions]

    def outputs(self, inputs: int) -> int:
        """The other inputs and all vectors side by side; raises ValueError where positions do not fit."""
        return len(self.others(inputs)) + sum(table.size for table in self.tables)

    def parameters(self, inputs: int) -> dict[str, Parameter]:
        """E (levels, size) of each table, as table_0, table_1, …; raises ValueError where positions do not fit."""
        self.others(inputs)
        return {
            f"table_{k}": Parameter(
                (table.levels, table.size),
                Normal(deviation=table.size**-0.5),
                table.levels,
                table.size,
                is_weight=True,
            )
            for k, table in enumerate(self.tables)
        }

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers."""
        return _BoundEmbedding(self, wiring)


class _BoundTable:
    """One table's vectors over one batch; entry s of the vector of code c stands at c size + s of the flat table.

    Adding up through these flat places was the fastest way measured, for 32 to 1024 rows and 5 to 1000 levels: a
    product with one-hot codes takes as long for 5 levels but up to 16 times as long for 1000, and sorting the codes
    first two to four times as long everywhere.
    """

    def __init__(self, table: CategoryTable, name: str, wiring: Wiring, output: Array) -> None:
        replicas, size, rows = output.shape
        self._table, self._output = table, output
        self._code = wiring.x[:, table.position]
        self._level = np.empty((replicas, rows), np.intp)
        self._place = np.empty((replicas, size, rows), np.intp)
        self._entry = np.arange(size)[:, None]
        self._vectors = wiring.parameters[name].reshape(replicas, -1)
        if wiring.training:
            self._gradient = wiring.gradients[name].reshape(replicas, -1)

    def forward(self) -> None:
        """Write the vectors (R, size, B) of the batch's codes."""
        np.copyto(self._level, self._code, casting="unsafe")
        if self._level.min() < 0 or self._level.max() >= self._table.levels:
            raise ValueError(
                f"input {self._table.position} holds levels {self._level.min()} to {self._level.max()}; "
                f"its embedding has those of 0 to {self._table.levels - 1}"
            )
        np.multiply(self._level[:, None], self._table.size, out=self._place)
        np.add(self._place, self._entry, out=self._place)
        for vectors, place, output in zip(self._vectors, self._place, self._output, strict=True):
            # every place exists; with the default mode, take would go through a copy
            np.take(vectors, place, out=output, mode="clip")

    def backward(self, delta: Array) -> None:
        """Sum delta (R, size, B) over the rows of each level."""
        self._gradient.fill(0)
        for gradient, place, own in zip(self._gradient, self._place, delta, strict=True):
            np.add.at(gradient, place.reshape(-1), own.reshape(-1))


class _BoundEmbedding(BoundLayer):
    def __init__(self, layer: Embedding, wiring: Wiring) -> None:
        inputs = wiring.x.shape[1]
        self._x, self.output = wiring.x, wiring.empty(layer.outputs(inputs))
        self._runs = _runs(layer.others(inputs))
        self._tables: list[tuple[slice, _BoundTable]] = []
        start = len(layer.others(inputs))
        for k, table in enumerate(layer.tables):
            columns = slice(start, start := start + table.size)
            self._tables.append(
                (columns, _BoundTable(table, f"table_{k}", wiring, self.output[:, columns]))
            )
        if wiring.training and wiring.wants_input_gradient:
            self.input_gradient = wiring.empty(inputs)
            self.input_gradient.fill(0)

    def forward(self) -> None:
        for source, target in self._runs:
            np.copyto(self.output[:, target], self._x[:, source])
        for _, table in self._tables:
            table.forward()

    def backward(self, delta: Array) -> None:
        for columns, table in self._tables:
            table.backward(delta[:, columns])
        if self.input_gradient is not None:
            for source, target in self._runs:
                np.copyto(self.input_gradient[:, source], delta[:, target])


def _runs(positions: list[int]) -> list[tuple[slice, slice]]:
    """Neighbouring positions together, as slices of where they are and of where they go."""
    runs: list[tuple[slice, slice]] = []
    for target, source in enumerate(positions):
        if runs and runs[-1][0].stop == source:
            runs[-1] = (slice(runs[-1][0].start, source + 1), slice(runs[-1][1].start, target + 1))
        else:
            runs.append((slice(source, source + 1), slice(target, target + 1)))
    return runs
