"""The journal of a run: run.json at its start and end, and metrics.csv epoch by epoch."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.record import Record
from bpnet.engine.loop.sharded_rows import ranks_of
from bpnet.engine.stateful import StateDict
from bpnet.errors import RunError
from bpnet.preparation.encode import EncodedDataset
from bpnet.runs.directory import RunPaths
from bpnet.runs.metrics import PartMetrics
from bpnet.runs.metrics_log import MetricsLog, SilentLog, raise_error
from bpnet.runs.run_file import RunFile, SilentRunFile, Status, config_digest


@dataclass(frozen=True)
class ReplicaResult:
    """The result of one network: why it stopped, the epoch of its weights, its final metrics."""

    seed: int
    stop_reason: str
    best_epoch: int
    figures: PartMetrics


class EpochRow(Mapping[str, float]):
    """An epoch's row of metrics.csv by column name, without the cost of a dict for each row."""

    __slots__ = ("_columns", "_values")

    def __init__(self, columns: Mapping[str, int], values: Sequence[float]) -> None:
        self._columns, self._values = columns, values

    def __getitem__(self, name: str) -> float:
        return self._values[self._columns[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


def blank(row: Sequence[float]) -> list[float | None]:
    """Return a row of an epoch without a check: nan, which was not measured, is an empty cell."""
    return [None if number != number else number for number in row]


class Journal:
    """The record of a training of R replicas on the same rows.

    metrics.csv has a row for each epoch. With several replicas its metrics are their means, and
    replicas.csv has a row for each epoch and replica. Enter the journal while epochs are logged.
    Of processes that train together the first one writes it.
    """

    def __init__(
        self,
        run: RunPaths,
        prepared: EncodedDataset,
        command: Sequence[str],
        seeds: Sequence[int] | None = None,
        state: StateDict | None = None,
        kind: Mapping[str, Any] = MappingProxyType({"kind": "train"}),
    ) -> None:
        """Begin run.json, or go on from the state of a journal of the same run.

        `seeds` are those of the networks, by default the config's; `kind` is
        the kind of run, for run.json.
        """
        config = prepared.config
        self.seeds = config.seeds if seeds is None else list(seeds)
        self.chosen: list[int] | None = None
        """The replicas that a grid's run keeps, from 0; None for those that have not diverged."""
        self.epoch = 0
        """The last epoch."""
        self.on_write_error: Callable[[RunError], None] = raise_error
        """What to do when rows of the logs cannot be written: see `MetricsLog`."""
        self._kept = np.zeros(len(self.seeds), np.int64)  # (R,) the epoch whose weights are kept
        self._diverged: Array = np.zeros(len(self.seeds), bool)
        self._stops: Sequence[str] | None = None
        self._run, self._warnings = run, list(prepared.warnings)
        self._metrics = prepared.resolved.metric_columns(validated="validation" in prepared.rows)
        self._sizes: Mapping[str, int] = {}
        self._ranks = ranks_of(prepared.rows["train"])
        if state is None:
            self.file = self._begin(prepared, command, kind)
        else:
            self.file = self._go_on(state, command)
        self.start = self.file.start
        """The performance counter when the run began."""

    @property
    def _writes(self) -> bool:
        return self._ranks is None or self._ranks.leads

    def _begin(
        self, prepared: EncodedDataset, command: Sequence[str], kind: Mapping[str, Any]
    ) -> RunFile:
        if not self._writes:
            return SilentRunFile(self._run.run, command)
        return RunFile(
            self._run.run,
            seed=prepared.config.seed,
            data_sha256=prepared.split.table.digest,
            command=command,
            stop_reason=None,
            best_epoch=None,
            epochs=None,
            rows={part: len(rows) for part, rows in prepared.parts.items()},
            warnings=self._warnings,
            advice=[],
            replicas=[],
            **kind,
        )

    def _go_on(self, state: StateDict, command: Sequence[str]) -> RunFile:
        self.epoch, self._kept, self._diverged = state["epoch"], state["kept"], state["diverged"]
        self._warnings, self._sizes = list(state["warnings"]), state["sizes"]
        path, seconds = self._run.run, state["seconds"]
        if not self._writes:
            return SilentRunFile(path, command, seconds=seconds)
        processes = 1 if self._ranks is None else self._ranks.size
        return RunFile.reopened(path, command, seconds=seconds, processes=processes)

    def go_on_with(self, config: str, data_sha256: str, settings: Sequence[str]) -> None:
        """Replace the config and the data of a run that goes on: see `RunFile.go_on_with`."""
        self.file.go_on_with(config, data_sha256, settings)

    def state(self, *, flush: bool = False) -> dict[str, Any]:
        """Return what another journal needs to go on from here; the logs are written so far.

        With `flush` they are forced onto the disk.
        """
        sizes = {self._run.metrics_csv.name: self._log.size(flush=flush)}
        if self._replica_log is not None:
            sizes[self._run.replicas_csv.name] = self._replica_log.size(flush=flush)
        return {
            "epoch": self.epoch,
            "kept": self._kept,
            "diverged": self._diverged,
            "warnings": list(self._warnings),
            "sizes": sizes,
            "seconds": time.perf_counter() - self.start,
        }

    def _open_log(self, path: Path, columns: Sequence[str]) -> MetricsLog:
        size, kind = self._sizes.get(path.name), MetricsLog if self._writes else SilentLog
        return self._logs.enter_context(
            kind(path, columns, size=size, on_error=self.on_write_error)
        )

    def __enter__(self) -> Self:
        several = len(self.seeds) > 1
        columns = [*self._metrics, "learning_rate", "gradient_norm"]
        spread = [f"{name}_deviation" for name in self._metrics] if several else []
        names = ["epoch", "step", *columns, "seconds", *spread]
        self._columns = {name: k for k, name in enumerate(names)}
        self._logs = ExitStack()
        self._log = self._open_log(self._run.metrics_csv, names)
        self._replica_log = None
        if several:
            self._replica_log = self._open_log(
                self._run.replicas_csv, ["epoch", "replica", *columns]
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._logs.__exit__(kind, error, trace)

    def log_epoch(self, record: Record) -> EpochRow:
        """Log an epoch, and return its row of metrics.csv.

        The means of several replicas are over those that still train and are finite.
        """
        spread: Iterable[float] = ()
        values = (*record.metrics.values(), record.learning_rate, record.gradient_norm)
        if self._replica_log is None:
            means: Iterable[float] = map(np.ndarray.item, values)  # each (1,)
        else:
            means, spread = self._log_replicas(record, self._replica_log, np.array(values))
        now = time.perf_counter()
        row = [record.epoch, record.step, *means, now - self.start, *spread]
        self._log.append(row if record.checked else blank(row), now=now)
        self.epoch, self._kept, self._diverged = record.epoch, record.kept_epoch, record.diverged
        if record.warnings:
            self._warnings += record.warnings
        if record.stops:
            self._stops = record.stops
        return EpochRow(self._columns, row)

    def _log_replicas(
        self, record: Record, log: MetricsLog, values: Array
    ) -> tuple[list[float], list[float]]:
        """Log each replica's values (C, R); return the means (C,) and deviations (M,) to log.

        C counts all columns, M the metrics among them.
        """
        each = zip(values.T.tolist(), record.running.tolist(), strict=True)
        rows = [
            [record.epoch, replica, *cells]
            for replica, (cells, running) in enumerate(each, start=1)
            if running
        ]
        log.append(*(rows if record.checked else map(blank, rows)), now=time.perf_counter())
        counted = record.running & ~record.diverged
        # where none is left, the first replica's
        chosen = values[:, counted] if counted.any() else values[:, :1]
        metrics = chosen[: len(self._metrics)]
        spread = metrics.std(axis=1, ddof=1) if metrics.shape[1] > 1 else np.zeros(len(metrics))
        return chosen.mean(axis=1).tolist(), spread.tolist()

    def end_by_budget(self) -> None:
        """Note that the time budget has ended the training."""
        self._stops = ["diverged" if gone else "budget" for gone in self._diverged.tolist()]

    @property
    def finite(self) -> Array:
        """Mask (R,) of the replicas that have not diverged."""
        return np.asarray(~self._diverged)

    @property
    def survivors(self) -> list[int]:
        """The replicas that the run keeps, from 0: the finite ones, or all where all diverged."""
        if self.chosen is not None:
            return self.chosen
        return np.flatnonzero(self.finite).tolist() or list(range(len(self.seeds)))

    def stop_and_epoch(self, replica: int) -> tuple[str | None, int]:
        """Return why a replica stopped, and the epoch whose weights it keeps.

        The reason is None if the training was interrupted.
        """
        return self._stops[replica] if self._stops else None, int(self._kept[replica])

    @property
    def stop_reason(self) -> str | None:
        """Why the first survivor stopped, which run.json reports for the run."""
        return self.stop_and_epoch(self.survivors[0])[0]

    @property
    def kept_epoch(self) -> int:
        """The epoch whose weights the first survivor keeps."""
        return self.stop_and_epoch(self.survivors[0])[1]

    def replicas(self, metrics: Sequence[PartMetrics], status: Status) -> list[ReplicaResult]:
        """Return how each survivor ended, given its final metrics."""
        endings = [(k, *self.stop_and_epoch(k)) for k in self.survivors]
        return [
            ReplicaResult(self.seeds[k], stop or status, epoch, final)
            for (k, stop, epoch), final in zip(endings, metrics, strict=True)
        ]

    def close(
        self, status: Status, advice: Sequence[str], replicas: Sequence[ReplicaResult]
    ) -> None:
        """Write how the run ended, and the doctor's advice, into run.json."""
        details: dict[str, Any] = {}
        if self.chosen:
            details["seed"] = self.seeds[self.survivors[0]]
            details["config_sha256"] = config_digest(self._run.folder)
        if "budget" in (self._stops or ()):  # of a grid's networks run.json has only the best
            details["cut_by_budget"] = True
        several = len(replicas) > 1 or len(self.seeds) > 1
        self.file.close(
            status,
            **details,
            stop_reason=self.stop_reason or status,
            best_epoch=self.kept_epoch,
            epochs=self.epoch,
            advice=list(advice),
            replicas=[asdict(replica) for replica in replicas] if several else [],
            warnings=self._warnings,
        )
