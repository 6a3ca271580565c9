"""How a search stands: a study on a few lines, for `bpnet show` and `bpnet runs`."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from bpnet.messages import counted, on_one_line, shell_path
from bpnet.reports.search import value_words
from bpnet.reports.text import duration, rounded
from bpnet.runs.study_entry import StudyEntry


def study_line(study: StudyEntry) -> str:
    """Return a study on one line: its state, its trials, and its best score."""
    if study.status == "damaged":
        return f"{on_one_line(study.folder.name)}  damaged"
    goal = "" if study.goal is None else f" of {study.goal:,}"
    score = "none yet" if study.score is None else rounded(study.score, 4)
    best = f"best {study.metric.replace('_', '-').replace('.', ' ')} {score}"
    name = on_one_line(study.folder.name)
    return f"{name}  {study.status}  {counted(study.trials, 'trial')}{goal}  {best}"


def study_lines(study: StudyEntry) -> Iterator[str]:
    """Yield how a search stands, its best trial so far, and what to type next."""
    yield f"study  {study_line(study)}"
    limit = "" if study.budget is None else f" of {study.budget}"
    yield f"time   {duration(study.seconds)}{limit}; {counted(study.processes, 'process')} at work"
    for key, value in (study.values or {}).items():
        yield f"best   {key} = {value_words(value)}"
    for key, share in sorted((study.importance or {}).items(), key=lambda one: -one[1]):
        yield f"share  {share:.2f} of the score hangs on {key}"
    path = shell_path(study.folder)
    if study.status == "done":
        yield f"table  {on_one_line(str(study.folder / 'trials.csv'))}"
        yield f"\nNext: bpnet resume {path}  (prints how it ended once more)"
        yield f"      bpnet plot {path} search\n"
        return
    if study.best_run is not None:
        yield f"run    {on_one_line(study.best_run)}, of the trial that was best before"
    if study.processes:
        yield "\nIts trials are saved as they end; the best is trained as a run at the end."
    else:
        yield f"\nNext: bpnet resume {path}"


def study_data(study: StudyEntry) -> dict[str, Any]:
    """Return a study as data for --json."""
    return {**asdict(study), "folder": str(study.folder), "kind": "search"}
