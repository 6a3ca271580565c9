"""The list of runs in a folder: which of them, in which order, and the keys to show of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bpnet.errors import UsageError
from bpnet.runs.entry import RunEntry, read_entries
from bpnet.runs.query import differing_keys, parse_condition, resolve_key, sort_runs
from bpnet.runs.study_entry import StudyEntry, read_studies


@dataclass(frozen=True)
class RunsList:
    """Runs of a folder, those that were asked for, in order."""

    folder: Path
    runs: list[RunEntry]
    total: int
    """The number of runs in the folder."""
    scores: list[str]
    """The keys of metrics to show: those that sum up the runs, and the one they are sorted by."""
    columns: list[str]
    """Keys of configs, or others, to show: those that were asked for, or in which runs differ."""
    asked: bool
    """True if the columns were asked for."""
    is_run: bool
    """True if the folder is a run directory itself."""
    studies: list[StudyEntry] = field(default_factory=list)
    """The studies of searches in the folder."""


def list_runs(
    folder: Path,
    *,
    where: Sequence[str] = (),
    sort: str | None = None,
    reverse: bool = False,
    columns: Sequence[str] = (),
    limit: int | None = None,
) -> RunsList:
    """List the runs in a folder, the newest first.

    Parameters
    ----------
    folder
        The folder of run directories.
    where
        Conditions KEY=VALUE that all hold.
    sort
        The key to sort by: the best metric first, other values from low to high.
    reverse
        Whether to turn the order round.
    columns
        The keys to show; by default those of configs in which the runs differ.
    limit
        The largest number of runs to list.

    Raises
    ------
    RunError
        The folder cannot be listed.
    UsageError
        No run has a key, or a condition is not one.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit}: must be at least 1")
    every = read_entries(folder)
    is_run = (folder / "run.json").is_file()
    studies = [] if where else read_studies(folder)
    if not every:
        return RunsList(folder, [], 0, [], [], bool(columns), is_run, studies)
    conditions = [parse_condition(text, every) for text in where]
    key = "started" if sort is None else resolve_key(sort, every, "--sort")
    words = [word for text in columns for word in text.split(",") if word]
    asked = [resolve_key(word, every, "--columns") for word in words]
    runs = [run for run in every if all(one.holds(run.values) for one in conditions)]
    runs = sort_runs(runs, key, reverse=reverse)[:limit]
    scores = dict.fromkeys(run.main_score for run in runs if run.main_score is not None)
    if sort is not None and key not in asked:
        scores = {key: None, **scores}
    shown = [one for one in scores if one not in (*asked, "run", "status", "started", "dataset")]
    return RunsList(
        folder=folder,
        runs=runs,
        total=len(every),
        scores=shown,
        columns=asked or [one for one in differing_keys(runs) if one not in shown],
        asked=bool(words),
        is_run=is_run,
        studies=studies,
    )
