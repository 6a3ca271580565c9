"""The base of all metrics."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from bpnet.engine.component import Array
from bpnet.engine.ranks import Ranks


class BoundMetric:
    """A metric over one batch's scores and targets, each (R, O, B), that `add` sums up."""

    __slots__ = ()

    def add(self, sums: Array) -> None:
        """Add the batch's amounts to sums (R, M)."""
        raise TypeError(f"{type(self).__name__} adds nothing")

    def add_rest(self, sums: Array) -> None:
        """Add the amounts of batches that are kept: see `Metric.bind_several`."""


@dataclass(frozen=True, eq=False)
class Metric:
    """Base of all metrics: M amounts are summed over rows, and `values` turns sums into metrics.

    `threshold` is the score above which a single output, or a label, predicts 1. `scale` (O,), or
    (S, O) where each of S replicas has its own rows, is one unit of each output in the user's unit,
    by default 1.
    """

    threshold: float = 0.5
    scale: Array | None = None

    task: ClassVar[str | None]
    """The task that it belongs to, as a config names it; None if it suits every task."""
    names: ClassVar[tuple[str, ...]]
    higher_is_better: ClassVar[frozenset[str]] = frozenset()
    """Those of its names of which a higher value is better; of the others a lower one is."""
    on_request: ClassVar[bool] = False
    """True if it is measured only where `training.metrics` names it."""

    @property
    def width(self) -> int:
        """The number M of amounts that are summed."""
        return len(self.names)

    def over(self, targets: Array | Sequence[Array], ranks: Ranks | None = None) -> "Metric":
        """Return the metric for rows with these targets (N, O), of any type.

        Replicas with rows of their own have (S, N, O), or one (N, O) each. Of rows that several
        `ranks` share, each has its own.
        """
        return self

    def of_replicas(self, replicas: slice | Sequence[int]) -> "Metric":
        """Return the metric of only these replicas."""
        if self.scale is None or self.scale.ndim < 2 or len(self.scale) == 1:
            return self
        return replace(self, scale=self.scale[replicas])

    def bind(self, scores: Array, targets: Array, counted: Array | None = None) -> BoundMetric:
        """Bind the metric to a batch's scores and targets, each (R, O, B).

        Where only some rows count, a mask (R, B) says which.
        """
        raise TypeError(f"{type(self).__name__} binds nothing")

    def bind_several(
        self, scores: Array, targets: Array, counted: Array | None = None
    ) -> BoundMetric:
        """Bind the metric as `bind` does, where it may keep small batches until `add_rest`."""
        return self.bind(scores, targets, counted)

    def values(self, sums: Array, rows: int | Array) -> dict[str, Array]:
        """Return each metric (R,) of `rows` rows by its name, from their sums (R, M).

        Replicas with different numbers of rows have (R, 1).
        """
        raise TypeError(f"{type(self).__name__} has no values")
