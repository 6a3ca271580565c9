"""The folder of a study: what a search has drawn and found, and who works on it.

study.json          what is searched, how it stands, and which run is the best
config.yaml         the config that the trials complete
generations/        0001.json and so on: the trials that were drawn together, pass by pass
trials.jsonl        the trials that have ended, a line each; or journal.log, in Optuna's format
workers/            a file of each process that works on it: the pass that it has, and a heartbeat
trials.csv          the trials as a table, once the search has ended
best-001            the run of the best trial

Several processes may share the folder. What changes it is done under one lock, which the system
takes back from a process that ends. A pass has the same results whoever trains it, so that it does
no harm if two processes do: what is noted first counts.
"""

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from bpnet.errors import RunError
from bpnet.runs import files
from bpnet.runs.directory import STUDY
from bpnet.runs.lock import exclusively

HEARTBEAT = 2.0
"""Seconds between two signs of life of a process."""
STALE = 30.0
"""Seconds without one after which its pass is given to another."""

TrialState = Literal["finished", "stopped", "cut", "diverged", "refused"]
"""How a trial ended: trained to its end, stopped at a rung, cut off by the time budget, diverged,
or refused as a config that cannot be trained.
"""


@dataclass(frozen=True)
class Drawn:
    """A trial that is to be trained: its number, from 1, and its values."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True)
class Generation:
    """Trials that were drawn together: they know what all before them have found."""

    number: int
    passes: list[list[Drawn]]
    last: bool = False
    """True if there is nothing left to draw after it."""


@dataclass(frozen=True)
class Trial:
    """A trial that has ended."""

    number: int
    generation: int
    values: dict[str, Any]
    state: TrialState
    score: float | None
    """The metric that is compared, by the weights that were kept; None if it has none."""
    rungs: list[tuple[int, float]]
    """The epochs of each rung, and the score there."""
    epochs: int
    best_epoch: int
    seconds: float
    """Time from the beginning of the study to the end of the trial."""
    worker: str
    reason: str = ""
    """Why it was refused."""


class TrialStore(Protocol):
    """Where the trials are kept that have ended."""

    def read(self) -> list[Trial]:
        """Return the trials in the order of their numbers, each once."""

    def append(self, trials: Sequence[Trial]) -> None:
        """Note trials; raises RunError."""


class TrialLog:
    """The trials in a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Trial]:
        """Return the trials; a line that is not complete is not yet one of them."""
        lines = files.read_text(self._path).split("\n")[:-1] if self._path.exists() else []
        try:
            return in_order(Trial(**json.loads(line)) for line in lines)
        except (ValueError, TypeError):
            raise RunError(
                f"{self._path}: holds a line that bpnet did not write; restore it from a copy"
            ) from None

    def append(self, trials: Sequence[Trial]) -> None:
        """Note trials behind the last complete line."""
        text = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in trials)
        try:
            trim(self._path)
            with open(self._path, "ab") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise files.cannot_write(self._path, error) from error


def trim(path: Path) -> None:
    """Cut off what a process has left of a line that it could not write to its end."""
    with contextlib.suppress(FileNotFoundError), open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        while size:
            start = max(0, size - 65536)
            file.seek(start)
            end = file.read(size - start).rfind(b"\n")
            if end >= 0:
                size = start + end + 1
                break
            size = start
        file.truncate(size)


def in_order(trials: Iterator[Trial]) -> list[Trial]:
    """Return trials by their numbers; of the same number the first."""
    first: dict[int, Trial] = {}
    for trial in trials:
        first.setdefault(trial.number, trial)
    return [first[number] for number in sorted(first)]


@dataclass(frozen=True)
class StudyFolder:
    """The paths of a study, and what is read and written there."""

    folder: Path

    @property
    def study(self) -> Path:
        """What is searched, and how it stands."""
        return self.folder / STUDY

    @property
    def config(self) -> Path:
        """The config that the trials complete."""
        return self.folder / "config.yaml"

    @property
    def journal(self) -> Path:
        """The journal of Optuna, if it draws."""
        return self.folder / "journal.log"

    @property
    def trial_log(self) -> Path:
        """The trials that have ended, if Optuna does not draw."""
        return self.folder / "trials.jsonl"

    @property
    def table(self) -> Path:
        """The trials as a table."""
        return self.folder / "trials.csv"

    def lock(self, name: str = "study") -> contextlib.AbstractContextManager[None]:
        """Hold a lock that all processes of the study respect."""
        return exclusively(self.folder / f".{name}.lock")

    def read(self) -> dict[str, Any]:
        """Return the content of study.json; raises RunError."""
        content = files.read_json(self.study)
        if not isinstance(content, dict) or content.get("kind") != "search":
            raise RunError(f"{self.study}: does not describe a study; restore it from a copy")
        return content

    def update(self, **changes: Any) -> dict[str, Any]:
        """Change study.json."""
        content = self.read() | changes
        files.write_json(self.study, content)
        return content

    def write_generation(self, generation: Generation) -> None:
        """Write the trials that are to be trained next."""
        path = self._generations / f"{generation.number:04d}.json"
        path.parent.mkdir(exist_ok=True)
        files.write_json(path, generation)

    def generations(self) -> list[Generation]:
        """Return all trials that were drawn, in their order."""
        found = []
        for path in sorted(self._generations.glob("*.json")):
            data = files.read_json(path)
            try:
                passes = [[Drawn(**one) for one in each] for each in data["passes"]]
                found.append(Generation(data["number"], passes, data["last"]))
            except (KeyError, TypeError):
                raise RunError(f"{path}: is not a file of bpnet; restore it from a copy") from None
        return found

    @property
    def _generations(self) -> Path:
        return self.folder / "generations"

    @property
    def workers(self) -> Path:
        """The folder of the files of the processes."""
        return self.folder / "workers"


def _host() -> str:
    """Return what tells apart the machines, and on one of them the spaces of process numbers."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return f"{socket.gethostname()} {space}".strip()


@dataclass
class Workers:
    """The processes of a study as one of them sees them: itself, and whether others are alive."""

    study: StudyFolder
    name: str = field(default_factory=lambda: f"{os.getpid()}-{secrets.token_hex(4)}")
    _seen: dict[str, tuple[Any, float]] = field(default_factory=dict)
    _work: list[int] | None = None
    _beat: int = 0
    _ends: threading.Event = field(default_factory=threading.Event)
    _writing: Any = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.study.workers.mkdir(exist_ok=True)
        self.take(None)
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ends.set()
        if self._thread is not None:
            self._thread.join()
        with contextlib.suppress(OSError):
            self._path(self.name).unlink()

    def _path(self, name: str) -> Path:
        return self.study.workers / f"{name}.json"

    def _renew(self) -> None:
        while not self._ends.wait(HEARTBEAT):
            with contextlib.suppress(RunError):  # a full disk; others wait for a while
                self._write()

    def _write(self) -> None:
        with self._writing:
            self._beat += 1
            content = {
                "host": _host(),
                "process": os.getpid(),
                "beat": self._beat,
                "pass": self._work,
            }
            text = json.dumps(content)
            files.write_text(self._path(self.name), text, flush=False)

    def take(self, work: tuple[int, int] | None) -> None:
        """Say which pass this process trains: its generation, and its position there."""
        self._work = None if work is None else list(work)
        self._write()

    def taken(self) -> set[tuple[int, int]]:
        """Return the passes that other processes have which are alive.

        The files of those that are dead are removed, under the lock of the study.
        """
        taken = set()
        for path in self.study.workers.glob("*.json"):
            if path.stem == self.name:
                continue
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):  # it has just been removed
                continue
            if self._dead(path.stem, content):
                with contextlib.suppress(OSError):
                    path.unlink()
            elif content.get("pass"):
                taken.add(tuple(content["pass"]))
        return taken

    def _dead(self, name: str, content: Mapping[str, Any]) -> bool:
        """Return whether a process has ended, or given no sign of life for long.

        Clocks of machines differ, so that only the time counts in which this process has seen no
        change.
        """
        if content.get("host") == _host() and not _runs(content.get("process")):
            return True
        now = time.monotonic()
        beat, since = self._seen.get(name, (None, now))
        if beat != content.get("beat"):
            since = now
        self._seen[name] = content.get("beat"), since
        return now - since > STALE


def _runs(process: Any) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError, TypeError):
        return False
    except OSError:  # that of another user
        return True
    return True
