"""Ranks: processes that train one network together, each with its share of the rows."""

from collections.abc import Callable, Sequence

import numpy as np

from bpnet.engine.component import Array

VOTES = 4
"""Numbers that ride along with the gradient of a step, for what the processes have to agree on."""


def _nothing() -> Sequence[float]:
    """Vote for nothing."""
    return ()


class Ranks:
    """The processes of a training, of which this one is number `rank` of `size`, from 0.

    `add_up` replaces an array in C order by its sum over all processes, and gives each of them the
    same bits. `gather` gives each of them an array (P,) of which process k has written the numbers
    from `ends[k]` to `ends[k + 1]`. Both are called by all at the same places of the program.
    """

    def __init__(
        self,
        rank: int,
        size: int,
        add_up: Callable[[Array], None],
        gather: Callable[[Array, Sequence[int]], None] | None = None,
    ) -> None:
        if not 0 <= rank < size:
            raise ValueError(f"rank is {rank}; it must be from 0 to {size - 1}")
        self.rank, self.size, self._add_up, self._gather = rank, size, add_up, gather
        self.shares_steps = gather is not None
        """True if each process moves its share of the parameters, and gathers those of others."""
        self.vote: Callable[[], Sequence[float]] = _nothing
        """What to call before each step for up to `VOTES` numbers of this process."""
        self.votes = np.zeros(VOTES)
        """The sums (VOTES,) of all processes' votes in the last step."""

    @property
    def leads(self) -> bool:
        """True in the one process that writes and reports."""
        return self.rank == 0

    def add_up(self, array: Array) -> None:
        """Replace an array by its sum over the processes."""
        self._add_up(array)

    def gather(self, array: Array, ends: Sequence[int]) -> None:
        """Give each process the numbers (P,) of which each has written a share."""
        assert self._gather is not None
        self._gather(array, ends)

    def of_first(self, flag: bool) -> bool:
        """Return the first process's flag in all of them."""
        flags = np.array([float(flag and self.leads)])
        self._add_up(flags)
        return bool(flags[0])

    def add_up_step(self, gradient: Array) -> None:
        """Add up the gradient of a step, of which the last `VOTES` numbers are room for votes."""
        room = gradient[-VOTES:]
        room.fill(0)
        own = self.vote()
        room[: len(own)] = own
        self._add_up(gradient)
        self.votes[:] = room
