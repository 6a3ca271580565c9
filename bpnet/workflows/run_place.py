"""The place of a training: a new run directory, or that of a run that goes on."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bpnet.errors import RunError
from bpnet.messages import shell_path, shell_quoted
from bpnet.runs import directory
from bpnet.runs.directory import RunPaths
from bpnet.runs.outcomes import SavedPasses
from bpnet.runs.run_file import RunFile, read_run_file
from bpnet.runs.splits import restore_splits


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
        write_splits: Callable[[Path], None],
        describe: Callable[[RunPaths, str], None],
        *,
        seed: int,
        data_sha256: str,
        start: float,
        **details: Any,
    ) -> tuple[RunPaths, RunFile]:
        """Make the run directory, and begin run.json with these details.

        Before that `write_splits` writes the split of the rows to a path, and `describe`, which is
        given the run directory and the name, the config and what else comes before the training.
        """
        run = RunPaths(directory.create(self.runs, self.name))
        write_splits(run.splits)
        describe(run, self.name)
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
        self,
        write_splits: Callable[[Path], None],
        describe: Callable[[RunPaths, str], None],
        *,
        data_sha256: str,
        **details: Any,
    ) -> tuple[RunPaths, RunFile]:
        """Go on with run.json, after a check that data and split are the same; raises RunError."""
        check_data(self.run, data_sha256)
        restore_splits(self.run.splits, write_splits)
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
        other = "go on all the same with --force"
        if content.get("kind") in OF_PASSES:
            other = f"train again: {train_again(run, content)}"
        raise RunError(
            f"{run.folder}: {table} is not the data that it was trained on: its "
            f"content has changed; restore it, or {other}"
        )


OF_PASSES = ("cv", "folds", "grid")
"""The kinds of run whose networks train one after another, so that some may have ended."""


def train_again(run: RunPaths, content: Mapping[str, Any]) -> str:
    """Return the command that trains as a run was, whose run.json has this content."""
    if content.get("kind") == "grid":
        return " ".join(map(shell_quoted, content["command"]))
    if content.get("kind") == "cv":
        numbers = "".join(f" --{name} {count}" for name, count in content["cv"].items())
        return f"bpnet cv {shell_path(run.config)}{numbers}"
    return f"bpnet train {shell_path(run.config)}"
