"""The outcomes of passes that have ended, in files beside the checkpoints."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bpnet.engine.component import Array
from bpnet.engine.loop.record import Record
from bpnet.engine.network import Network
from bpnet.engine.stateful import StateDict
from bpnet.errors import RunError
from bpnet.runs.checkpoints import Checkpoints, read_state, write_state
from bpnet.runs.files import cannot_write


@dataclass(frozen=True)
class Outcome:
    """The outcome of a pass: its trained networks, and how it ended."""

    record: Mapping[str, Any]
    """The last record, as a mapping."""
    parameters: Array
    statistics: Array
    details: StateDict
    """What the pass itself adds."""
    out_of_time: bool
    """True if a time budget has ended it."""
    seconds: float
    """The time in which it trained."""
    spent: float
    """The part of the time budget that was spent at its end."""

    def load(self, network: Network) -> Record:
        """Give a network of the same shape the parameters, and return the last record."""
        network.parameters.load(self.parameters)
        network.statistics.load(self.statistics)
        network.awaits_rows = False
        return Record(**self.record)


def write_outcome(folder: Path, key: str, outcome: Outcome, *, flush: bool) -> None:
    """Write the outcome of the pass with this key; raises RunError."""
    path = _path(folder, key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path.parent, error) from error
    state = {each.name: getattr(outcome, each.name) for each in fields(outcome)}
    write_state(path, state, flush=flush)


def _path(folder: Path, key: str) -> Path:
    return folder / "passes" / f"{key}.safetensors"


@dataclass
class SavedPasses:
    """What a run's newest whole checkpoint holds of a training of several passes."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """The outcomes of the passes that have ended, by their keys."""
    key: str = ""
    """The key of the pass that was under way; blank if none was."""
    state: StateDict | None = None
    """The checkpoint; None if there is none."""

    @classmethod
    def read(cls, folder: Path) -> "SavedPasses":
        """Read the newest checkpoint of a folder of which every file is whole."""
        for state in Checkpoints(folder).states():
            try:
                return cls(dict(_outcomes(folder, state["outcomes"])), state["key"], state)
            except RunError:
                continue
        return cls()

    @property
    def seconds(self) -> float:
        """The time that the run had taken."""
        return 0.0 if self.state is None else float(self.state["seconds"])

    @property
    def sizes(self) -> Mapping[str, int]:
        """The number of bytes of each log."""
        return {} if self.state is None else self.state["sizes"]


def _outcomes(folder: Path, keys: Iterable[str]) -> Iterable[tuple[str, Outcome]]:
    for key in keys:
        yield key, Outcome(**read_state(_path(folder, key)))
