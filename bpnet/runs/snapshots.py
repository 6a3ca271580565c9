"""Snapshots: the whole state of a training after some of its epochs, each in a file that stays."""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpnet.errors import RunError
from bpnet.runs.checkpoints import read_state, write_state
from bpnet.runs.files import cannot_write

_NAME = re.compile(r"epoch-([0-9]{9})\.safetensors")


@dataclass(frozen=True)
class Snapshots:
    """The snapshots in a folder, by the epoch after which they were taken; 0 is the beginning."""

    folder: Path

    def epochs(self) -> list[int]:
        """Return the epochs that have a snapshot, in rising order."""
        try:
            names = [_NAME.fullmatch(entry.name) for entry in self.folder.iterdir()]
        except OSError:
            return []
        return sorted(int(match[1]) for match in names if match)

    def read(self, epoch: int) -> dict[str, Any]:
        """Return the state after an epoch; raises RunError."""
        return read_state(self.path(epoch))

    def path(self, epoch: int) -> Path:
        """Return the file of an epoch."""
        return self.folder / f"epoch-{epoch:09d}.safetensors"

    def write(self, epoch: int, state: Mapping[str, Any]) -> None:
        """Write the state after an epoch; raises RunError."""
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        write_state(self.path(epoch), state, flush=False)


def snapshot_epochs(count: int, last: int) -> set[int]:
    """Return `count` epochs from 0 to the last, spread evenly; fewer if there are not so many."""
    return {round(k * last / (count - 1)) for k in range(count)}


class SnapshotWriter:
    """Writes the snapshots of a training as it comes to their epochs.

    One that cannot be written is tried again after the next epoch, with the state as it is then.
    `begun` is the epoch from which the training goes on: later snapshots are written anew.
    """

    def __init__(self, snapshots: Snapshots, epochs: Collection[int], begun: int = 0) -> None:
        self._snapshots, self._planned = snapshots, sorted(epochs)
        self._latest = max((epoch for epoch in snapshots.epochs() if epoch < begun), default=-1)

    def due(self, epoch: int) -> bool:
        """Return True if a snapshot is due after an epoch."""
        reached = bisect_right(self._planned, epoch)
        return reached > 0 and self._planned[reached - 1] > self._latest

    def take(
        self, epoch: int, state: Mapping[str, Any], on_error: Callable[[RunError], None]
    ) -> None:
        """Write a snapshot; `on_error` takes the error of a failed write."""
        try:
            self._snapshots.write(epoch, state)
        except RunError as error:
            on_error(error)
        else:
            self._latest = epoch
