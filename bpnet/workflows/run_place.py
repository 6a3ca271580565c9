"""The place of a training: a new run directory, or that of a run that goes on."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bpnet.errors import RunError
from bpnet.runs import directory
from bpnet.runs.directory import RunPaths
from bpnet.runs.outcomes import SavedPasses
from bpnet.runs.run_file import RunFile, read_run_file


@dataclass(frozen=True)
class NewRun:
    """A run directory that is yet to be made, in the folder `runs`."""

    runs: Path
    name: str
    command: Sequence[str]

    @property
    def scratch(self) -> Path:
        """The folder for temporary files."""
        return self.runs

    @property
    def saved(self) -> SavedPasses:
        """What has been trained."""
        return SavedPasses()

    def open(
        self,
        write: Callable[[RunPaths, str], None],
        *,
        seed: int,
        data_sha256: str,
        start: float,
        **details: Any,
    ) -> tuple[RunPaths, RunFile]:
        """Make the run directory, and begin run.json with these details.

        Before that `write` is given the run directory and the name, and fills it.
        """
        run = RunPaths(directory.create(self.runs, self.name))
        write(run, self.name)
        run_file = RunFile(
            run.run,
            seed=seed,
            data_sha256=data_sha256,
            command=self.command,
            start=start,
            **details,
        )
        return run, run_file


@dataclass(frozen=True)
class ResumedRun:
    """A run directory whose training goes on."""

    run: RunPaths
    command: Sequence[str]
    saved: SavedPasses = field(default_factory=SavedPasses)

    @property
    def scratch(self) -> Path:
        """The folder for temporary files."""
        return self.run.folder.parent

    def open(
        self, write: Callable[[RunPaths, str], None], *, data_sha256: str, **details: Any
    ) -> tuple[RunPaths, RunFile]:
        """Go on with run.json, after a check that the data is the same; raises RunError."""
        check_data(self.run, data_sha256)
        run_file = RunFile.reopened(self.run.run, self.command, seconds=self.saved.seconds)
        # what an interruption saved may have other members than the model at the end
        shutil.rmtree(self.run.model, ignore_errors=True)
        return self.run, run_file


Place = NewRun | ResumedRun


def check_data(run: RunPaths, digest: str, table: str = "the table") -> None:
    """Raise RunError if the table is not the one that the run has trained on."""
    content = read_run_file(run.run)
    trained = content.get("data_sha256")
    if trained is not None and digest != trained:
        forced = ", or go on all the same with --force" if content.get("kind") == "train" else ""
        raise RunError(
            f"{run.folder}: {table} is not the data that it was trained on: its "
            f"content has changed; restore it{forced}"
        )
