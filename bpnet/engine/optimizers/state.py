"""An optimizer's state: the arrays that its rule reads and writes, in parts that fit the cache."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import numpy as np

from bpnet.engine.buffers import empty
from bpnet.engine.component import Array, Passes
from bpnet.engine.progress import Progress
from bpnet.engine.stateful import Stateful

Rate = float | Array
Work = tuple[Array, ...]

PART = 1 << 17
"""Most parameters that a rule moves at a time: its passes over 512 kB stay in the cache."""

SHARED = 1 << 16
"""Number of parameters from which threads share them; of a single replica they are two pieces."""
MOST_RUNS = 8


class Piece(NamedTuple):
    """The rows and columns of theta (R, P) that are one part of a state."""

    rows: slice
    columns: slice
    matrix: tuple[int, int] | None = None
    """The shape of the matrix that the columns are, where a rule moves it as a whole."""

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


class Run(NamedTuple):
    """Neighboring parts of a state, which one thread moves; of a single replica, some columns."""

    number: int
    columns: slice
    parts: "Sequence[State]"


@dataclass(frozen=True)
class Memory:
    """What a training keeps of one replica's earlier steps, beside its parameters."""

    slots: Mapping[str, Array]
    """The rule's own arrays (P,) by name."""
    count: int
    """Number of steps taken."""
    momentum_product: float
    reduction: float = 1.0
    """The factor of the learning rate to which a schedule, or a divergence, has reduced it."""
    search_draws: Sequence[Mapping[str, Any]] = ()
    """The state of the search's generator, if it is one, which each epoch renews."""
    layer_draws: Sequence[Mapping[str, Any]] = ()
    """The states of the layers' generators, which each epoch renews."""


class Factors:
    """The factors (P,) of the learning rate in some columns of theta."""

    def __init__(self, factors: Array) -> None:
        self._factors, self._rates = factors, np.empty_like(factors)
        self._rate = float("nan")

    def times(self, rate: Rate) -> Array:
        """Return the rate times the factors, computed again only for another rate."""
        if isinstance(rate, np.ndarray):
            return np.asarray(rate * self._factors)
        if rate != self._rate:
            np.multiply(self._factors, rate, out=self._rates)
            self._rate = rate
        return self._rates


class State(Stateful):
    """The arrays of one optimizer over theta and gradient (R, P).

    `slots` are the rule's own arrays (R, P) by name; `work` is scratch. `parts` are states over a
    piece each: some whole rows, or a stretch of one, which lie together in memory. A small state is
    its own only part.
    """

    stateful: ClassVar[tuple[str, ...]] = ("slots", "count", "momentum_product", "generators")

    def __init__(
        self,
        theta: Array,
        gradient: Array,
        weights: int,
        slots: Mapping[str, Array],
        work: Work,
        piece: Piece,
    ) -> None:
        self.theta, self.gradient, self.weights, self.slots = theta, gradient, weights, slots
        self.work, self.rows, self.matrix = work, piece.rows, piece.matrix
        self.progress = Progress()
        """The place in the training, for settings with a schedule."""
        self.factors: Factors | None = None
        """The factors of the learning rate; None where all are 1."""
        self._number, self.epsilon = np.empty((), theta.dtype), np.empty((), theta.dtype)
        """The number ε of the present step, where it changes from step to step."""
        self.parts = [self]
        self.runs = [Run(0, slice(0, theta.shape[1]), self.parts)]
        """The parts in runs that threads share, each with work arrays of its own."""
        self.passes: Passes = ()
        """The operations of a rule that are the same in each step, once it has bound them."""
        self.count = 0
        """Number of steps taken."""
        self.momentum_product = 1.0
        """The product of the momenta so far, which NAdam's bias correction needs."""
        self.generators: list[np.random.Generator] = []
        """One for each replica, renewed at each epoch's start; empty if the rule draws nothing."""

    @classmethod
    def fresh(
        cls,
        theta: Array,
        gradient: Array,
        weights: int,
        slots: Sequence[str],
        work_arrays: int,
        factors: Array | None = None,
        matrices: Mapping[tuple[int, int], tuple[int, int]] | None = None,
        progress: Progress | None = None,
    ) -> "State":
        """Return the state before the first step, with slots of 0.

        `factors` (P,) multiply the learning rate. `matrices` are the shapes of columns that are a
        part each, by their start and stop.
        """
        replicas, parameters = theta.shape
        pieces = list(_pieces(replicas, parameters, matrices or {}))
        widest = max((piece.shape[0] * piece.shape[1] for piece in pieces), default=0)
        runs = _runs(pieces)
        rooms = [[empty((widest,), theta.dtype) for _ in range(work_arrays)] for _ in runs]
        zeros = {name: _zeros_like(theta) for name in slots}
        whole = Piece(slice(0, replicas), slice(0, parameters))
        alone = len(pieces) == 1
        work = _work(rooms[0], pieces[0]) if alone else ()
        state = cls(theta, gradient, weights, zeros, work, pieces[0] if alone else whole)
        if not alone:
            state.runs = [
                Run(
                    number,
                    slice(pieces[run][0].columns.start, pieces[run][-1].columns.stop),
                    [state._part(piece, _work(room, piece)) for piece in pieces[run]],
                )
                for number, (room, run) in enumerate(zip(rooms, runs, strict=True))
            ]
            state.parts = [part for run in state.runs for part in run.parts]
        shared: dict[tuple[int, int], Factors] = {}  # by columns, so that rows share them
        for piece, part in zip(pieces, state.parts, strict=False):
            if factors is not None:
                key = piece.columns.start, piece.columns.stop
                shared.setdefault(key, Factors(factors[piece.columns]))
                part.factors = shared[key]
        state.progress = progress or state.progress
        return state

    def _part(self, piece: Piece, work: Work) -> "State":
        """Return the state over a piece, as views."""
        rows, columns = piece.rows, piece.columns
        slots = {name: array[rows, columns] for name, array in self.slots.items()}
        # may exceed the part's columns, which a slice `[:, :weights]` allows
        weights = max(self.weights - columns.start, 0)
        theta, gradient = self.theta[rows, columns], self.gradient[rows, columns]
        return State(theta, gradient, weights, slots, work, piece)

    def share(self, rank: int, size: int) -> list[int] | None:
        """Move from now on only one of `size` shares of the parts; return the shares' ends.

        They count the parameters in the order of memory, from 0. None if the parts are too few, or
        matrices of several rows, which lie apart; then all of them move.
        """
        apart = len(self.theta) > 1 and any(part.matrix is not None for part in self.parts)
        if apart or len(self.parts) < size:
            return None
        cuts = [len(self.parts) * k // size for k in range(size + 1)]
        own = self.parts[cuts[rank] : cuts[rank + 1]]
        runs = [(run, [part for part in run.parts if part in own]) for run in self.runs]
        self.runs = [run._replace(parts=parts) for run, parts in runs if parts]
        sizes = [part.theta.size for part in self.parts]
        return [sum(sizes[:cut]) for cut in cuts]

    def memory(self, row: int, reduction: float = 1.0) -> Memory:
        """Return a copy of what is kept of a row of theta."""
        slots = {name: slot[row].copy() for name, slot in self.slots.items()}
        draws = [one.bit_generator.state for one in self.generators[row : row + 1]]
        return Memory(slots, self.count, self.momentum_product, reduction, draws)

    def remember(self, row: int, memory: Memory) -> None:
        """Go on with what was kept of a row."""
        for name, slot in self.slots.items():
            slot[row] = memory.slots[name]
        self.count, self.momentum_product = memory.count, memory.momentum_product

    def as_array(self, number: Rate) -> Array:
        """Return the number as an array without axes (see `constant`); the next call reuses it."""
        if isinstance(number, np.ndarray):
            return number
        self._number.fill(number)
        return self._number

    def as_rate(self, rate: Rate) -> Array:
        """Return the learning rate as an array, times the factor of each column; as `as_array`."""
        return self.as_array(rate) if self.factors is None else self.factors.times(rate)


def _pieces(
    replicas: int, parameters: int, matrices: Mapping[tuple[int, int], tuple[int, int]]
) -> Iterator[Piece]:
    """Yield the pieces of theta (R, P): matrices, and between them whole rows or parts of rows."""
    start = 0
    for (first, stop), shape in [*sorted(matrices.items()), ((parameters, parameters), None)]:
        if first > start or (parameters == 0 and not matrices):
            yield from _between(replicas, start, first)
        if shape is not None:
            yield Piece(slice(0, replicas), slice(first, stop), shape)
        start = stop


def _between(replicas: int, start: int, stop: int) -> Iterator[Piece]:
    """Yield pieces of at most `PART` parameters; columns of several rows are not cut."""
    rows = max(1, min(PART // max(stop - start, 1), replicas))
    cuts = 1
    if rows == 1:
        cuts = max(-(-(stop - start) // PART), 2 if stop - start >= SHARED else 1)
    width = -(-(stop - start) // max(cuts, 1))
    for row in range(0, replicas, rows):
        for cut in range(start, stop, width) if width else [start]:
            yield Piece(slice(row, min(row + rows, replicas)), slice(cut, min(cut + width, stop)))


def _runs(pieces: Sequence[Piece]) -> list[slice]:
    """Return the runs of pieces that threads share: a single one where they are small."""
    values = sum(piece.shape[0] * piece.shape[1] for piece in pieces)
    count = min(len(pieces), MOST_RUNS) if values >= SHARED else 1
    ends = [len(pieces) * k // count for k in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(ends)]


def _work(room: Sequence[Array], piece: Piece) -> Work:
    """Return work arrays for a piece, which those of a run share."""
    rows, columns = piece.shape
    return tuple(array[: rows * columns].reshape(rows, columns) for array in room)


def _zeros_like(theta: Array) -> Array:
    """Return zeros (R, P) that begin where a cache line does."""
    zeros = empty(theta.shape, theta.dtype)
    zeros.fill(0)
    return zeros
