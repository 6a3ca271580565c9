"""The model of a run: the one it has saved, or that of its newest checkpoint."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.errors import RunError
from bpnet.messages import shell_path
from bpnet.models.checkpoint_model import description_of, model_of
from bpnet.models.description import Description
from bpnet.models.ensemble import Ensemble
from bpnet.models.saved_ensemble import load_ensemble, read_descriptions
from bpnet.paths import is_file
from bpnet.runs import directory
from bpnet.runs.checkpoints import Checkpoints
from bpnet.runs.directory import RunPaths
from bpnet.runs.run_file import run_status

_CAUSES = {
    "died": "its training was cut off",
    "interrupted": "its training was interrupted",
    "failed": "its training ended with an error",
}


@dataclass(frozen=True)
class RunModel:
    """A model, what to note about its run, and the checkpoint that it was read from, if it was."""

    model: Ensemble
    notes: list[str]
    checkpoint: Mapping[str, Any] | None = None

    @property
    def kept_epoch(self) -> tuple[int, int] | None:
        """The first network's number in the training, and the epoch of its weights."""
        if self.checkpoint is None:
            return None
        finite = np.flatnonzero(self.checkpoint["model"]["finite"]).tolist()
        first = finite[0] if finite else 0
        return first, int(self.checkpoint["journal"]["kept"][first])


def open_run_model(path: Path) -> RunModel:
    """Read the model of a run directory, or of a folder that was copied out of one.

    A run whose training has not ended, or was cut off, has the model of its newest checkpoint.
    Raises RunError if it has none.
    """
    paths = None if is_file(path / "model.json") else directory.open_run(path)
    status = None
    if paths is not None:
        with contextlib.suppress(RunError):  # a run.json that is damaged says nothing
            status = run_status(paths.run)
    whole = paths is not None and is_file(paths.model / "model.json")
    if paths is None or whole or status in (None, "finished"):
        notes = [] if paths is None else _notes(paths, status, "the model is what it had trained")
        try:
            return RunModel(load_ensemble(directory.model_folder(path)), notes)
        except RunError:
            if paths is None or not whole or is_file(paths.model / "model.json"):
                raise
            return open_run_model(path)  # a training that goes on has removed it meanwhile
    checkpoints = Checkpoints(paths.checkpoints)
    state = checkpoints.latest()
    if state is None and is_file(paths.model / "model.json"):  # it has ended meanwhile
        return open_run_model(path)
    if state is None or "model" not in state:
        raise RunError(_without_model(paths, status, begun=state is not None))
    model = model_of(state["model"], paths.checkpoints)
    notes = _notes(paths, status, "the model is that of its last checkpoint")
    return RunModel(Ensemble([model], model.description.combination), notes, state)


def read_run_descriptions(paths: RunPaths) -> list[Description]:
    """Return the description of each member of a run's model, or of that of its checkpoint.

    There are none if the run has neither, or keeps no model. Raises RunError if one is damaged.
    """
    if is_file(paths.model / "model.json"):
        return read_descriptions(paths.model)
    state = Checkpoints(paths.checkpoints).latest()
    if state is None or "model" not in state:
        return []
    try:
        return [description_of(state["model"])]
    except (ValueError, KeyError, TypeError) as error:  # pydantic's error is a ValueError
        raise RunError(f"{paths.checkpoints}: its model cannot be read: {error}") from None


def _notes(paths: RunPaths, status: str | None, which: str) -> list[str]:
    """Return the one line to say about a run that has not finished."""
    if status == "running":
        return [f"{paths.folder} is in training: {which}"]
    if status in _CAUSES:
        return [f"{paths.folder}: {_CAUSES[status]}, and {which}; to go on: {_resume(paths)}"]
    return []


def _without_model(paths: RunPaths, status: str | None, *, begun: bool) -> str:
    """Return why a run has no model; `begun` is True if it has a checkpoint, of several fits."""
    if begun and status == "running":
        return f"{paths.folder}: is in training; a run of several trainings has a model at its end"
    if begun:
        cause = _CAUSES.get(status or "", "its training has ended")
        return (
            f"{paths.folder}: {cause}, and a run of several trainings has a model at its end; "
            f"to go on: {_resume(paths)}"
        )
    if status == "running":
        return (
            f"{paths.folder}: is in training and has no checkpoint yet; wait for the first one "
            "(checkpoint.every_seconds in its config)"
        )
    cause = _CAUSES.get(status or "", "its training has ended")
    return (
        f"{paths.folder}: {cause} before the first checkpoint, so that it has no model; "
        f"to train it: {_resume(paths)}"
    )


def _resume(paths: RunPaths) -> str:
    return f"bpnet resume {shell_path(paths.folder)}"
