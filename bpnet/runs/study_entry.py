"""A study as its small files describe it: how far its search is, and its best score so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpnet.errors import RunError
from bpnet.paths import is_file
from bpnet.runs.directory import STUDY
from bpnet.runs.study import StudyFolder
from bpnet.runs.study_processes import processes_alive


@dataclass(frozen=True)
class StudyEntry:
    """A study, and how its search stands."""

    folder: Path
    status: str
    """done, running, died, interrupted or diverged; damaged if study.json cannot be read."""
    processes: int = 0
    """Processes at work on it."""
    trials: int = 0
    """Trials that have ended."""
    goal: int | None = None
    """Trials at which it ends; None if its budget ends it."""
    budget: str | None = None
    seconds: float = 0.0
    metric: str = ""
    """The metric that compares trials, after the part of the rows, such as validation.loss."""
    score: float | None = None
    """The best so far."""
    values: Mapping[str, Any] | None = None
    """The values of the best trial so far."""
    importance: Mapping[str, float] | None = None
    """The share of each key in how good trials are, at the end of a search."""
    best_run: str | None = None
    """The name of the run of the best trial, once it is trained."""


def read_study(folder: Path) -> StudyEntry:
    """Read how a study stands; one that cannot be read is damaged."""
    study = StudyFolder(folder)
    try:
        content = study.read()
    except RunError:
        return StudyEntry(folder, "damaged")
    processes, status = processes_alive(study), content.get("status")
    if status == "running" and not processes:
        status = "died"
    settings, progress = _mapping(content.get("settings")), _mapping(content.get("progress"))
    budget = settings.get("budget")
    return StudyEntry(
        folder,
        "done" if status == "finished" else str(status),
        processes,
        progress.get("trials") or 0,
        settings.get("trials"),
        None if budget is None else str(budget),
        progress.get("seconds") or 0.0,
        f"{content.get('part')}.{content.get('metric')}",
        progress.get("score"),
        progress.get("values"),
        content.get("importance"),
        _mapping(content.get("best")).get("run"),
    )


def read_studies(parent: Path) -> list[StudyEntry]:
    """Read the studies in a folder, in the order of their names."""
    return [read_study(path) for path in sorted(parent.iterdir()) if is_file(path / STUDY)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
