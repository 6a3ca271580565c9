"""The embedding layer: codes of categories replaced by trained vectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bpnet.engine.component import Array, Component, number
from bpnet.engine.initializers import Normal
from bpnet.engine.layers.base import BoundLayer, Layer, Wiring, runs
from bpnet.engine.parameters import Parameter


@dataclass(frozen=True, kw_only=True)
class CategoryTable(Component):
    """The table (levels, size) of the input at `position`, whose codes are 0 … levels - 1."""

    position: int = number(ge=0)
    """Position of the input that holds the codes, from 0."""
    levels: int = number(ge=1)
    """Number of codes."""
    size: int = number(ge=1)
    """Numbers in each vector."""


@dataclass(frozen=True, kw_only=True)
class Embedding(Layer):
    """Each code is replaced by a vector: row c of E (levels, size), one E for each of K `tables`.

    The outputs are first all other inputs, in their order, then the vectors, in the order of the
    tables: O = I - K + Σ size. With delta = dL/d output, dL/dE[c] = Σ delta over the rows that hold
    code c; dL/dx of the other inputs is their delta, and of the codes 0: they are not quantities.

    Codes are whole numbers in the network's type, exact below 2048 in float16 and 2^24 in float32.
    The encoding of the data keeps them within 0 … levels - 1; forward raises ValueError for any
    other code, rather than read a wrong vector.

    Vectors start normal with deviation 1/√size. Their squared length is then 1 on average whatever
    the size, like that of a one-hot column and the mean square of a standardized number.
    """

    kind: Literal["embedding"] = "embedding"
    tables: list[CategoryTable]
    """One table of vectors for each input of codes."""

    def others(self, inputs: int) -> list[int]:
        """Return the positions of the inputs that are not codes.

        Raises ValueError if the positions of the tables do not fit the number of inputs.
        """
        positions = [table.position for table in self.tables]
        if len(set(positions)) < len(positions):
            raise ValueError(f"the embedding's positions are {positions}; each must be there once")
        if positions and max(positions) >= inputs:
            raise ValueError(
                f"the embedding reads position {max(positions)}, "
                f"but there are {inputs} inputs, from 0"
            )
        return [k for k in range(inputs) if k not in positions]

    def outputs(self, inputs: int) -> int:
        """Return the number of other inputs and of the numbers in all vectors."""
        return len(self.others(inputs)) + sum(table.size for table in self.tables)

    def parameters(self, inputs: int) -> dict[str, Parameter]:
        """Return E (levels, size) of each table, as table_0, table_1 and so on."""
        self.others(inputs)
        return {
            f"table_{k}": Parameter(
                (table.levels, table.size),
                Normal(deviation=table.size**-0.5),
                table.levels,
                table.size,
                is_weight=True,
                group="embedding",
            )
            for k, table in enumerate(self.tables)
        }

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers."""
        return BoundEmbedding(self, wiring)


class SparseGradient:
    """dL/dE of the codes in a batch only, so that it takes no pass over all levels.

    `codes` are the different codes of each replica, ascending; `values` (R, U, size) are their
    gradients, 0 from the number of a replica's codes on.
    """

    def __init__(self, values: Array) -> None:
        self.values = values
        self.codes: list[Array] = [np.empty(0, np.intp) for _ in values]

    def write(self, rows: Array, entry: Array, delta: Array) -> None:
        """Write Σ delta (R, size, B) over the rows that hold a code, of codes (R, B)."""
        size = self.values.shape[2]
        for replica, codes in enumerate(rows):
            self.codes[replica], place = np.unique(codes, return_inverse=True)
            flat = self.values[replica].reshape(-1)
            flat.fill(0)
            index = place * size + entry  # (size, B)
            np.add.at(flat, index.reshape(-1), delta[replica].reshape(-1))


class BoundTable:
    """One table over one batch; entry s of the vector of code c is c size + s of the flat table.

    Adding up at these flat indices was the fastest way measured, for 32 to 1024 rows and 5 to 1000
    levels: a product with one-hot codes takes as long for 5 levels but up to 16 times as long for
    1000, and sorting the codes first takes two to four times as long for any number.
    """

    def __init__(self, table: CategoryTable, name: str, wiring: Wiring, output: Array) -> None:
        replicas, size, rows = output.shape
        self._table, self._output = table, output
        self._codes = wiring.x[:, table.position]  # (R, B), in the network's type
        self._rows = np.empty((replicas, rows), np.intp)  # of the table, for each row of the batch
        self._index = np.empty((replicas, size, rows), np.intp)  # into the flat table
        self._entry = np.arange(size)[:, None]  # s (size, 1)
        self._vectors = wiring.parameters[name].reshape(replicas, -1)  # (R, levels size)
        if wiring.training:
            self._gradient = wiring.gradients[name].reshape(replicas, -1)
        self.sparse: SparseGradient | None = None
        """Where dL/dE goes instead, if only the codes of the batch are to have one."""

    def forward(self) -> None:
        """Write the vectors (R, size, B) of the batch's codes."""
        np.copyto(self._rows, self._codes, casting="unsafe")  # whole numbers held as floats
        if self._rows.min() < 0 or self._rows.max() >= self._table.levels:
            raise ValueError(
                f"input {self._table.position} holds levels {self._rows.min()} to "
                f"{self._rows.max()}; its embedding has those of 0 to {self._table.levels - 1}"
            )
        np.multiply(self._rows[:, None], self._table.size, out=self._index)
        np.add(self._index, self._entry, out=self._index)  # c size + s
        for vectors, index, output in zip(self._vectors, self._index, self._output, strict=True):
            # every index exists; with the default mode, take would go through a copy
            np.take(vectors, index, out=output, mode="clip")

    def backward(self, delta: Array) -> None:
        """Write dL/dE[c] = Σ delta (R, size, B) over the rows that hold code c."""
        if self.sparse is not None:
            self.sparse.write(self._rows, self._entry, delta)
            return
        self._gradient.fill(0)
        for gradient, index, change in zip(self._gradient, self._index, delta, strict=True):
            # `gradient[index] += change` would count a code that occurs twice only once
            np.add.at(gradient, index.reshape(-1), change.reshape(-1))


class BoundEmbedding(BoundLayer):
    """All tables over one batch's buffers, and the inputs that are not codes."""

    def __init__(self, layer: Embedding, wiring: Wiring) -> None:
        inputs = wiring.x.shape[1]
        self._x, self.output = wiring.x, wiring.empty(layer.outputs(inputs))
        self._runs = runs(layer.others(inputs))
        self._tables: list[tuple[slice, BoundTable]] = []  # with their part of the outputs
        start = len(layer.others(inputs))  # they come first in the output
        for k, table in enumerate(layer.tables):
            columns = slice(start, start := start + table.size)
            self._tables.append(
                (columns, BoundTable(table, f"table_{k}", wiring, self.output[:, columns]))
            )
        if wiring.training and wiring.wants_input_gradient:
            self.input_gradient = wiring.empty(inputs)
            self.input_gradient.fill(0)

    def write_sparse(self, gradients: Mapping[str, SparseGradient]) -> None:
        """Let tables, by name, write the gradients of the batch's codes only."""
        for k, (_, table) in enumerate(self._tables):
            table.sparse = gradients.get(f"table_{k}")

    def forward(self) -> None:
        """Write the other inputs, then the vectors of the codes."""
        for source, target in self._runs:
            np.copyto(self.output[:, target], self._x[:, source])
        for _, table in self._tables:
            table.forward()

    def backward(self, delta: Array) -> None:
        """Write dL/dE of each table, and dL/dx = delta of the other inputs; of codes it stays 0."""
        for columns, table in self._tables:
            table.backward(delta[:, columns])
        if self.input_gradient is not None:
            for source, target in self._runs:
                np.copyto(self.input_gradient[:, source], delta[:, target])
