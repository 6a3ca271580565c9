"""The trials of the study that a run is the best of, for its figure."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bpnet.engine.metrics import HIGHER_IS_BETTER
from bpnet.errors import RunError
from bpnet.figures.figure import Figure
from bpnet.figures.search import SearchedTrial, search_figure
from bpnet.paths import is_file
from bpnet.runs import files
from bpnet.runs.directory import RunPaths
from bpnet.runs.study import StudyFolder


def study_of(run: RunPaths) -> StudyFolder | None:
    """Return the study whose best run this is, if it is one."""
    folder = Path(run.folder.resolve())
    study = StudyFolder(folder.parent)
    if not is_file(study.study) or not is_file(study.table):
        return None
    try:
        best = study.read().get("best")
    except RunError:
        return None
    return study if isinstance(best, dict) and best.get("run") == folder.name else None


def searched_figure(study: StudyFolder) -> Figure:
    """Return the figure of a study's trials; raise RunError if a file is damaged."""
    content = study.read()
    try:
        dimensions = content["space"]["dimensions"]
        metric, keys = str(content["metric"]), list(dimensions)
        log = {key for key, one in dimensions.items() if one.get("log")}
        importance: Mapping[str, float] = content.get("importance") or {}
        trials = _trials(study, metric, keys)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise RunError(
            f"{study.table}: does not suit {study.study}; restore both from a copy"
        ) from None
    return search_figure(
        trials, metric, keys, importance, log=log, maximizes=metric in HIGHER_IS_BETTER
    )


def _trials(study: StudyFolder, metric: str, keys: Sequence[str]) -> list[SearchedTrial]:
    with files.open_text(study.table) as file:
        rows = list(csv.DictReader(files.short_lines(file, study.table)))
    return [
        SearchedTrial(
            int(row["trial"]),
            {key: _value(row[key]) for key in keys if row[key]},
            float(row[metric]),
            row["state"],
        )
        for row in rows
        if row[metric]
    ]


def _value(text: str) -> Any:
    """Return a value of trials.csv: a number where it is one."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text
