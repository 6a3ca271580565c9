"""Running: what every training does with its run directory, from the first file to the model and the figures."""

import signal
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol

from bpnet.config.loading import as_data
from bpnet.config.schema import Config
from bpnet.config.source import write
from bpnet.data.splitting import Part
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import Record, fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.network import Network
from bpnet.models.model import Model
from bpnet.models.threads import suited_threads
from bpnet.models.training_metrics import measure_replicas, training_metrics
from bpnet.preparation.prepare import Prepared
from bpnet.runs import directory, files
from bpnet.runs.journal import EpochRow, Journal
from bpnet.runs.metrics import PartMetrics, write_metrics
from bpnet.runs.naming import relocated_config
from bpnet.runs.splits import write_splits


class EpochWatcher(Protocol):
    """Who looks on while networks train."""

    def epoch(self, row: Mapping[str, float]) -> None:
        """An epoch is over; the row has its figures, the means of several networks."""

    def warn(self, text: str) -> None:
        """Something happened that the user should know."""


class Watcher(EpochWatcher, Protocol):
    """Who looks on while a run trains."""

    def begin(self, run: Path, prepared: Prepared, parameters: int, networks: int) -> None:
        """The table is read, so many networks built, and the run directory made."""


def new_run(prepared: Prepared, runs: Path, name: str) -> directory.RunPaths:
    """Make the next run directory of this name, with the split of the rows."""
    run = directory.RunPaths(directory.create(runs, name))
    write_splits(run.splits, prepared.survey.part_numbers)
    return run


def write_config(config: Config, name: str, folder: Path, run: directory.RunPaths) -> None:
    """Write a resolved config, whose paths are relative to `folder`, into the run directory."""
    files.write_text(run.config, write(as_data(relocated_config(config, name, folder, run.folder))))


def threads(prepared: Prepared, network: Network) -> AbstractContextManager[None]:
    """The threads that suit the batches of a training."""
    batch = prepared.config.training.batch_size
    return suited_threads(network, len(prepared.rows["train"]) if batch == "full" else batch)


def epochs(
    prepared: Prepared,
    model: Model,
    journal: Journal,
    *,
    each: Sequence[Training] | None = None,
    keep_before: bool = False,
) -> Generator[tuple[Record, EpochRow], None, None]:
    """Each epoch's record and its row of metrics.csv, which is written; `each` and `keep_before` are those of `fit`."""
    rows, training = prepared.rows, prepared.config.training
    metrics = training_metrics(model.description)
    validation = rows.get("validation")
    records = fit(
        training,
        model.network,
        rows["train"],
        validation,
        metrics,
        each=each,
        keep_before=keep_before,
    )
    with journal, closing(records):
        for record in records:
            yield record, journal.note(record)


def judged_part(rows: Mapping[Part, Rows]) -> Part:
    """The part by whose figures networks are compared."""
    return "validation" if "validation" in rows else "train"


def figures_of(model: Model, rows: Mapping[Part, Rows]) -> list[PartMetrics]:
    """The final figures of each replica, part by part."""
    each: list[PartMetrics] = [{} for _ in model.description.seeds]
    for part, own_rows in rows.items():
        for name, values in measure_replicas(model, own_rows).items():
            for own, value in zip(each, values.tolist(), strict=True):
                own.setdefault(part, {})[name] = value
    return each


def save(
    kept: Model, each: Sequence[PartMetrics], rows: Mapping[Part, Rows], run: directory.RunPaths
) -> None:
    """Write the model that is kept and metrics.json, given the figures of each of its replicas."""
    part = judged_part(rows)
    kept.with_losses([own[part]["loss"] for own in each]).save(run.model)
    write_metrics(run.metrics_json, each)


@dataclass
class Interruption:
    """Whether the user has asked to stop, and whether that must wait, for the run is being saved."""

    asked: bool = False
    saving: bool = False


@contextmanager
def interruptible_once() -> Iterator[Interruption]:
    """Let Ctrl-C or SIGTERM interrupt what is inside, but once, and not while it saves: then it is noted alone."""
    found = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield found
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        first, found.asked = not found.asked, True
        if first and not found.saving:
            raise KeyboardInterrupt

    numbers = [
        n
        for n in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(n) is signal.default_int_handler
    ]
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield found
    finally:
        for number in numbers:
            signal.signal(number, signal.default_int_handler)


def likely_cause(learning_rate: float) -> str:
    """What most likely made a training diverge, and what to try."""
    lower = min(learning_rate / 10, 0.01)
    return (
        f"the loss is no longer a finite number. The likely cause is a learning rate that is too high "
        f"({learning_rate:g}): try --set training.learning_rate={lower:g}, "
        "or --set 'training.gradient_clipping={norm: 1}'"
    )
