"""Cost of writing the logs: the training loop of `bpnet train` against `fit` without a journal.

    python tests/benchmarks/logging_cost.py [CONFIG] [--repeats 9] [--seconds 5]

The default is the 5,000 full batches of configs/tutorials/iris-4-2-3.yaml, whose steps are as small
as they get. Four loops take turns in one process: only `fit`; with the parameters before each last
step, which the doctor needs; with the journal too; and with everything that training does,
including the doctor and the watcher of a stderr that is not a terminal. The result is how much
longer the third takes than the second, the median over the rounds; the goal is at most 5 %. Then
comes the time of each part when it is given the same records by itself. Times are the thread's CPU
time, which other processes disturb least; the wall time, which includes the waiting for the disk,
is printed too.

Last comes the delay until rows reach the disk: trainings that pause in each epoch run for SECONDS
each, while a second thread reads the file; the goal is at most 1.1 s.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from measuring import machine, show

from bpnet.cli.training_view import TrainingView
from bpnet.config.loading import LoadedConfig, read_config
from bpnet.doctor.doctor import Doctor
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.record import Record
from bpnet.models.build import build_model
from bpnet.models.threads import shared_work
from bpnet.models.training_metrics import training_metrics
from bpnet.preparation.prepare import prepare
from bpnet.runs.directory import RunPaths
from bpnet.runs.journal import Journal
from bpnet.runs.metrics_log import MetricsLog

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "tutorials" / "iris-4-2-3.yaml"
PAUSES = (0.01, 0.3, 0.7)
"""Pauses in each epoch (seconds), to see when its row is on disk."""


class Job:
    """A prepared config, trained repeatedly into one run directory."""

    def __init__(self, loaded: LoadedConfig, folder: Path) -> None:
        self.prepared = prepare(loaded)
        self.model = build_model(self.prepared)
        self.training, self.run = self.prepared.config.training, RunPaths(folder)
        self.rows, self.validation = (
            self.prepared.rows["train"],
            self.prepared.rows.get("validation"),
        )

    def fit(self, *, keep_before: bool = True) -> Iterator[Record]:
        """Train from the start, and yield the records."""
        network = self.model.network
        network.initialize()
        metrics = training_metrics(self.model.description)
        return fit(
            self.training, network, self.rows, self.validation, metrics, keep_before=keep_before
        )

    def doctor(self) -> Doctor:
        """Return a doctor that has made its check at the start."""
        return Doctor(self.training, self.model.network, self.rows, self.validation)

    def journal(self) -> Journal:
        """Return a new journal."""
        return Journal(self.run, self.prepared, [])

    def view(self) -> TrainingView:
        """Return a watcher after its `begin`."""
        view = TrainingView()
        view.begin(self.run.folder, self.prepared, self.model.network.theta.shape[1], 1)
        return view


class Time(NamedTuple):
    """CPU time of this thread, and wall time (seconds)."""

    cpu: float
    wall: float


def timed(work: Callable[[], object]) -> Time:
    """Return the time of a call."""
    wall, cpu = time.perf_counter(), time.thread_time()
    work()
    return Time(time.thread_time() - cpu, time.perf_counter() - wall)


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of a call."""
    return timed(work).cpu


def drained(job: Job, *, keep_before: bool) -> Time:
    """Return the time of only `fit`."""

    def work() -> None:
        for _ in job.fit(keep_before=keep_before):
            pass

    return timed(work)


def journaled(job: Job, *, watched: bool) -> Time:
    """Return the time of `fit` with the journal, and if `watched` with watcher and doctor."""
    journal, view, doctor = job.journal(), job.view(), job.doctor()

    def work() -> None:
        with journal:
            for record in job.fit():
                row = journal.log_epoch(record)
                if watched:
                    view.epoch(row, record.kept_epoch)
                    doctor.note(record)

    return timed(work)


def alone(job: Job) -> dict[str, float]:
    """Return the seconds that each part takes for the records of a whole training, by itself."""
    records = [record._replace(before=None) for record in job.fit()]
    journal, view, doctor = job.journal(), job.view(), job.doctor()
    rows: list[Mapping[str, float]] = []
    with journal:
        noted = seconds(lambda: rows.extend([journal.log_epoch(record) for record in records]))
    logged = [list(row.values()) for row in rows]
    log = MetricsLog(job.run.metrics_csv, list(rows[0]))

    def append() -> None:
        with log:
            for row in logged:
                log.append(row, now=time.perf_counter())

    appended = seconds(append)
    return {
        "Journal.note: the row": noted - appended,
        "MetricsLog.append": appended,
        # at the last record the doctor makes its check
        "Doctor.note": seconds(lambda: [doctor.note(record) for record in records[:-1]]),
        "TrainingView.epoch": seconds(
            lambda: [view.epoch(row, records[-1].kept_epoch) for row in rows]
        ),
    }


def measure(job: Job, repeats: int) -> None:
    """Print the share of the logs, and the parts that it is made of."""
    loops: dict[str, Callable[[], Time]] = {
        "fit alone": lambda: drained(job, keep_before=False),
        "with keep_before": lambda: drained(job, keep_before=True),
        "and the journal": lambda: journaled(job, watched=False),
        "and watcher, doctor": lambda: journaled(job, watched=True),
    }
    times: dict[str, list[Time]] = {name: [] for name in loops}
    parts: dict[str, list[float]] = {}
    for repeat in range(repeats + 1):
        for name, loop in loops.items():
            times[name].append(loop())
        for name, spent in alone(job).items():
            parts.setdefault(name, []).append(spent)
        if not repeat:  # the first round warms up
            times, parts = {name: [] for name in loops}, {}
    epochs, before = job.training.epochs, [spent.cpu for spent in times["with keep_before"]]
    body = [
        [name, *figures([spent.cpu for spent in own], epochs, before)]
        for name, own in times.items()
    ]
    show(["", "seconds", "range", "µs an epoch", "of the second"], body)
    print()
    base = [statistics.median(before)] * repeats
    show(
        ["by itself", "seconds", "range", "µs an epoch", "of fit"],
        [[n, *figures(o, epochs, base)] for n, o in parts.items()],
    )
    share, wall = added(times["and the journal"], times["with keep_before"])
    print(
        f"\nwriting the logs costs {share:.1%} of fit, goal at most 5 %: "
        f"{'met' if share <= 0.05 else 'MISSED'}"
    )
    print(f"by wall time, the disk included: {wall:.1%}")
    share, wall = added(times["and watcher, doctor"], times["fit alone"])
    print(
        f"all that training does beside fit, the doctor's last look included: {share:.1%}, "
        f"by wall time {wall:.1%}"
    )


def added(longer: Sequence[Time], shorter: Sequence[Time]) -> tuple[float, float]:
    """Return by which share one took longer than the other, in CPU and in wall time.

    Both are medians over the rounds.
    """
    pairs = list(zip(longer, shorter, strict=True))
    cpu = statistics.median(a.cpu / b.cpu for a, b in pairs)
    return cpu - 1, statistics.median(a.wall / b.wall for a, b in pairs) - 1


def figures(times: Sequence[float], epochs: int, beside: Sequence[float]) -> list[str]:
    """Format median, range, microseconds an epoch, and the median ratio to other times."""
    median = statistics.median(times)
    ratio = statistics.median(a / b for a, b in zip(times, beside, strict=True))
    spread = f"{min(times):.4f} to {max(times):.4f}"
    return [f"{median:.4f}", spread, f"{median / epochs * 1e6:.2f}", f"{ratio:.3f}"]


def lateness(job: Job, pause: float, length: float) -> list[float]:
    """Return the delay (seconds) after which a second reader sees each row in the file.

    The training pauses in every epoch.
    """
    journal, seen, over = job.journal(), [], threading.Event()

    def look() -> None:
        while not over.is_set():
            text = job.run.metrics_csv.read_text()
            now = time.perf_counter() - journal.start
            lines = text[: text.rfind("\n")].split("\n")  # the last may be half written
            column = lines[0].split(",").index("seconds")
            seen.extend(now - float(line.split(",")[column]) for line in lines[len(seen) + 1 :])
            time.sleep(0.005)

    with journal:
        reader = threading.Thread(target=look)
        reader.start()
        for record in job.fit():
            journal.log_epoch(record)
            time.sleep(pause)
            if time.perf_counter() - journal.start > length:
                break
        over.set()
        reader.join()
    return seen


def measure_lateness(job: Job, length: float) -> None:
    """Print the delay until rows reach the disk while a training runs."""
    body, worst = [], 0.0
    for pause in PAUSES:
        late = lateness(job, pause, length)
        worst = max(worst, *late)
        body.append(
            [
                f"{pause:g} s",
                str(len(late)),
                f"{statistics.median(late):.3f} s",
                f"{max(late):.3f} s",
            ]
        )
    print()
    show(["an epoch takes", "rows seen", "late: median", "most"], body)
    print(
        f"\nrows are on disk at most {worst:.2f} s late, goal 1.1 s: "
        f"{'met' if worst <= 1.1 else 'MISSED'}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("config", type=Path, nargs="?", default=CONFIG, help="what is trained")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="of the config",
    )
    parser.add_argument(
        "--repeats", type=int, default=9, help="rounds that count, after one that does not"
    )
    parser.add_argument(
        "--seconds", type=float, default=5, help="how long each training with pauses runs"
    )
    given = parser.parse_args()
    print(f"{machine()}; {given.config.name}\n")
    with tempfile.TemporaryDirectory() as scratch, open(os.devnull, "w") as nowhere:
        job = Job(read_config(given.config, given.settings), Path(scratch))
        with shared_work(), contextlib.redirect_stderr(nowhere):
            measure(job, given.repeats)
            measure_lateness(job, given.seconds)
