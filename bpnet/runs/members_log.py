"""The logs of members: a row for each epoch of each member, and one for each of its networks."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.record import Record
from bpnet.errors import RunError
from bpnet.runs.metrics_log import MetricsLog, raise_error

_LAST = ("learning_rate", "gradient_norm")


class MembersLog:
    """Two CSV files, of members and of their networks; enter the log while epochs are logged.

    The metrics of a member's epoch are the means over its networks. A cell is blank where a metric
    is not measured in the epoch.

    Parameters
    ----------
    members, networks
        The paths of the two files; the second is written only if there is one.
    metrics
        The names of the metrics.
    start
        The performance counter when the run began.
    keys
        The names of the columns that say which training a row is of, from the first on.
    on_error
        What to do when rows cannot be written: see `MetricsLog`.
    sizes
        The number of bytes of each file, by its name, after which it goes on; by default they are
        new.
    """

    def __init__(
        self,
        members: Path,
        networks: Path | None,
        metrics: Sequence[str],
        start: float,
        keys: Sequence[str] = ("member",),
        on_error: Callable[[RunError], None] = raise_error,
        sizes: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._on_error, self._sizes = on_error, sizes
        self._paths, self._metrics, self._start = (members, networks), list(metrics), start
        self._names = list(keys)
        self.keys: Mapping[str, int] = {}
        """The number in each of the first columns but that of the member, for the next rows."""

    def __enter__(self) -> Self:
        columns = [*self._metrics, *_LAST]
        members, networks = self._paths
        self._logs = ExitStack()
        self._members = self._opened(members, [*self._names, "epoch", "step", *columns, "seconds"])
        self._networks = None
        if networks is not None:
            self._networks = self._opened(networks, [*self._names, "epoch", "replica", *columns])
        return self

    def _opened(self, path: Path, columns: Sequence[str]) -> MetricsLog:
        size = self._sizes.get(path.name)
        return self._logs.enter_context(
            MetricsLog(path, columns, size=size, on_error=self._on_error)
        )

    def sizes(self, *, flush: bool = False) -> dict[str, int]:
        """Return the number of bytes of each file, by its name: see `MetricsLog.size`."""
        logs = zip(self._paths, (self._members, self._networks), strict=True)
        return {path.name: log.size(flush=flush) for path, log in logs if path and log}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._logs.__exit__(kind, error, trace)

    def log_epoch(self, member: int, record: Record) -> dict[str, float]:
        """Log an epoch of a member, counted from 1, and return its metrics.

        The means are over the networks that still train and are finite.
        """
        missing = np.full(len(record.running), np.nan)
        each = np.array(
            [
                *(record.metrics.get(name, missing) for name in self._metrics),
                record.learning_rate,
                record.gradient_norm,
            ]
        )  # (M, R)
        counted = record.running & ~record.diverged
        chosen = counted if counted.any() else ~counted
        means = _cells(each[:, chosen].mean(axis=1))
        keys = [{**self.keys, "member": member}[name] for name in self._names]
        now = time.perf_counter()
        self._members.append([*keys, record.epoch, record.step, *means, now - self._start], now=now)
        if self._networks is not None:
            rows = [
                [*keys, record.epoch, network + 1, *_cells(each[:, network])]
                for network in np.flatnonzero(record.running).tolist()
            ]
            self._networks.append(*rows, now=now)
        named = zip([*self._metrics, *_LAST], means, strict=True)
        return {"epoch": record.epoch} | {name: mean for name, mean in named if mean is not None}


def _cells(values: Array) -> list[float | None]:
    """Return numbers, with None for one that is not a number, such as that of a check left out."""
    return [None if value != value else value for value in values.tolist()]
