"""The journal of a run: run.json, written when it begins and when it ends, and the logs of its epochs."""

import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from bpnet import __version__
from bpnet.config.schema import Config
from bpnet.data.splitting import Part
from bpnet.engine.component import Array
from bpnet.engine.loop.fit import Record
from bpnet.preparation.prepare import Prepared
from bpnet.preparation.resolve import METRICS
from bpnet.runs import directory, files
from bpnet.runs.log import MetricsLog

Status = Literal["finished", "diverged", "interrupted", "failed"]
Figures = dict[Part, dict[str, float]]


@dataclass(frozen=True)
class Replica:
    """How one network of several ended: its seed, why and with which epoch's weights, and its final figures."""

    seed: int
    stop_reason: str
    best_epoch: int
    figures: Figures


class Row(Mapping[str, float]):
    """An epoch's row of metrics.csv, by the names of its columns; to make a dict of each would take longer."""

    __slots__ = ("_columns", "_values")

    def __init__(self, columns: Mapping[str, int], values: Sequence[float]) -> None:
        self._columns, self._values = columns, values

    def __getitem__(self, name: str) -> float:
        return self._values[self._columns[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


class Journal:
    """Writes what happens: metrics.csv, with several replicas their means, and replicas.csv with a row for each."""

    def __init__(
        self,
        run: directory.RunPaths,
        prepared: Prepared,
        command: Sequence[str],
        seeds: Sequence[int] | None = None,
    ) -> None:
        """Begin run.json; `seeds` are those of the networks, by default the config's."""
        self.start = time.perf_counter()
        config = prepared.config
        self.seeds = config.seeds if seeds is None else list(seeds)
        self.chosen: list[int] | None = None
        """The networks of a grid that the run keeps."""
        self.epoch, self.kept = 0, np.zeros(len(self.seeds), np.int64)
        """The last epoch, and for each replica (R,) the epoch whose weights it keeps."""
        self._diverged: Array = np.zeros(len(self.seeds), bool)
        self._stops: Sequence[str] | None = None
        self._run, self._warnings = run, list(prepared.warnings)
        self._measured = measured(config, validated="validation" in prepared.rows)
        self._content: dict[str, Any] = {
            **begun(config.seed, prepared.survey.table.digest, command),
            "stop_reason": None,
            "best_epoch": None,
            "epochs": None,
            "rows": {part: len(rows) for part, rows in prepared.parts.items()},
            "warnings": self._warnings,
            "advice": [],
            "replicas": [],
        }
        self._write()

    def __enter__(self) -> Self:
        several = len(self.seeds) > 1
        figures = [*self._measured, "learning_rate", "gradient_norm"]
        spread = [f"{name}_deviation" for name in self._measured] if several else []
        self._columns = {
            name: k for k, name in enumerate(["epoch", "step", *figures, "seconds", *spread])
        }
        self._open = ExitStack()
        self._log = self._open.enter_context(MetricsLog(self._run.metrics_csv, list(self._columns)))
        self._each = None
        if several:
            self._each = self._open.enter_context(
                MetricsLog(self._run.replicas_csv, ["epoch", "replica", *figures])
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def note(self, record: Record) -> Row:
        """Log an epoch, and return its row of metrics.csv; of several replicas the finite ones that train count."""
        spread: Iterable[float] = ()
        figures = (*record.figures.values(), record.learning_rate, record.gradient_norm)
        if self._each is None:
            means: Iterable[float] = map(np.ndarray.item, figures)
        else:
            means, spread = self._note_each(record, self._each, np.array(figures))
        now = time.perf_counter()
        row = [record.epoch, record.step, *means, now - self.start, *spread]
        self._log.append(row, now=now)
        self.epoch, self.kept, self._diverged = record.epoch, record.kept_epoch, record.diverged
        if record.warnings:
            self._warnings += record.warnings
        if record.stops:
            self._stops = record.stops
        return Row(self._columns, row)

    def _note_each(
        self, record: Record, log: MetricsLog, figures: Array
    ) -> tuple[list[float], list[float]]:
        """Log the figures (C, R) of each replica that trains; the means and deviations of those that are finite."""
        each = zip(figures.T.tolist(), record.running.tolist(), strict=True)
        rows = [
            [record.epoch, replica, *own]
            for replica, (own, running) in enumerate(each, start=1)
            if running
        ]
        log.append(*rows, now=time.perf_counter())
        counted = record.running & ~record.diverged
        chosen = figures[:, counted] if counted.any() else figures[:, :1]
        measured = chosen[: len(self._measured)]
        spread = measured.std(axis=1, ddof=1) if measured.shape[1] > 1 else np.zeros(len(measured))
        return chosen.mean(axis=1).tolist(), spread.tolist()

    @property
    def finite(self) -> Array:
        """Which replicas (R,) have not diverged."""
        return np.asarray(~self._diverged)

    @property
    def survivors(self) -> list[int]:
        """The replicas that the run keeps: those that have not diverged, or all of them where every one has."""
        if self.chosen is not None:
            return self.chosen
        return np.flatnonzero(self.finite).tolist() or list(range(len(self.seeds)))

    def how_ended(self, replica: int) -> tuple[str | None, int]:
        """Why a replica, counted from 0, ended, None where it was interrupted, and the epoch whose weights it keeps."""
        return self._stops[replica] if self._stops else None, int(self.kept[replica])

    @property
    def stop_reason(self) -> str | None:
        """Why the run ended: why the first of its survivors did."""
        return self.how_ended(self.survivors[0])[0]

    @property
    def kept_epoch(self) -> int:
        """The epoch whose weights the first of its survivors keeps."""
        return self.how_ended(self.survivors[0])[1]

    def replicas(self, figures: Sequence[Figures], status: Status) -> list[Replica]:
        """How each survivor ended, with its figures."""
        found = []
        for k, own in zip(self.survivors, figures, strict=True):
            stop, epoch = self.how_ended(k)
            found.append(Replica(self.seeds[k], stop or status, epoch, own))
        return found

    def close(self, status: Status, advice: Sequence[str], replicas: Sequence[Replica]) -> None:
        """Write how the run ended, and the doctor's advice."""
        self._content |= {
            **ended(status, self.start),
            "seed": self.seeds[self.survivors[0]] if self.chosen else self._content["seed"],
            "stop_reason": self.stop_reason or status,
            "best_epoch": self.kept_epoch,
            "epochs": self.epoch,
            "advice": list(advice),
            "replicas": [asdict(replica) for replica in replicas]
            if len(replicas) > 1 or len(self.seeds) > 1
            else [],
        }
        self._write()

    def _write(self) -> None:
        files.write_json(self._run.run, self._content)


def measured(config: Config, *, validated: bool) -> list[str]:
    """The figures that a resolved config's training measures in each epoch."""
    assert config.task is not None
    names = ["loss", *METRICS[config.task], *config.training.metrics]
    return [*names, *(f"val_{name}" for name in names if validated)]


def begun(seed: int, digest: str, command: Sequence[str]) -> dict[str, Any]:
    """What run.json says of any run when it begins; `digest` is the SHA-256 of its data."""
    return {
        "status": "running",
        "seed": seed,
        "command": list(command),
        "started": _now(),
        "finished": None,
        "seconds": None,
        "data_sha256": digest,
        "versions": {
            "bpnet": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "platform": platform.platform(),
    }


def ended(status: Status, start: float) -> dict[str, Any]:
    """What run.json says of any run when it ends, which began at `start` of the performance counter."""
    return {"status": status, "finished": _now(), "seconds": round(time.perf_counter() - start, 6)}


def mean_figures(each: Sequence[Figures]) -> Figures:
    """The means of several networks' figures."""
    return _over(each, np.mean)


def deviations(each: Sequence[Figures]) -> Figures:
    """The standard deviations of several networks' figures, by their number less one."""
    return _over(each, lambda values: np.std(values, ddof=1))


def _over(each: Sequence[Figures], figure: Any) -> Figures:
    parts: Mapping[Part, dict[str, float]] = each[0]
    return {
        part: {name: float(figure([own[part][name] for own in each])) for name in parts[part]}
        for part in parts
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
