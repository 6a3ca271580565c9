"""The trials of a study that have ended: what is known of each, and the file that has them."""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from bpnet.errors import RunError
from bpnet.runs import files

TrialState = Literal["finished", "stopped", "cut", "diverged", "refused"]
"""How a trial ended: trained to its end, stopped at a rung, cut off by the time budget, diverged,
or refused as a config that cannot be trained.
"""


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
            size = trim(self._path)
            try:
                with open(self._path, "ab") as file:
                    file.write(text.encode())
                    file.flush()
                    os.fsync(file.fileno())
            finally:
                cut_damaged(self._path, size)
        except OSError as error:
            raise files.cannot_write(self._path, error) from error


def cut_damaged(path: Path, size: int) -> None:
    """Cut a file of JSON lines back to a size, if what follows are not whole lines of JSON.

    A write that fails in the middle is tried again as the file is closed: half a line is then
    followed by all of it.
    """
    with contextlib.suppress(FileNotFoundError), open(path, "r+b") as file:
        file.seek(size)
        *lines, rest = file.read().split(b"\n")
        try:
            for line in lines:
                json.loads(line)
        except ValueError:
            rest = b"damaged"
        if rest:
            file.truncate(size)


def trim(path: Path) -> int:
    """Cut off what a process has left of a line that it could not write; return the size."""
    size = 0
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
    return size


def in_order(trials: Iterator[Trial]) -> list[Trial]:
    """Return trials by their numbers; of the same number the first."""
    first: dict[int, Trial] = {}
    for trial in trials:
        first.setdefault(trial.number, trial)
    return [first[number] for number in sorted(first)]
