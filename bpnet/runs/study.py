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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpnet.errors import RunError
from bpnet.runs import files
from bpnet.runs.directory import STUDY
from bpnet.runs.lock import exclusively


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
