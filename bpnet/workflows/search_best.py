"""The end of a search: its best trial trained as an ordinary run, its table and importances."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpnet.config.loading import load_config
from bpnet.config.search_space import with_values
from bpnet.errors import DivergedError, InterruptedRunError, RunError
from bpnet.messages import shell_path
from bpnet.paths import is_file
from bpnet.runs import files
from bpnet.runs.directory import RunPaths
from bpnet.runs.run_file import read_run_file
from bpnet.runs.study import StudyFolder
from bpnet.runs.trial_log import Trial, TrialStore
from bpnet.workflows.resume import resume
from bpnet.workflows.search_importance import importance
from bpnet.workflows.search_plan import SearchPlan
from bpnet.workflows.session import AnyWatcher
from bpnet.workflows.train import train

BEST = "best"


@dataclass(frozen=True)
class SearchResult:
    """A finished search: its study, the run of its best trial, and all trials, the best first."""

    study: Path
    run: Path
    metric: str
    part: str
    """The rows that trials are compared by: validation, out_of_fold or mean_of_folds."""
    sampler: str
    trials: list[Trial]
    importance: dict[str, float] | None
    """Share of each key in how good trials are; None if there are too few trials."""
    importance_by: str
    """How the importances are computed."""
    confounded: list[list[str]]
    """Keys whose shares cannot be told apart: they have changed only together, or not at all."""
    shape: list[str]
    """The keys that decide about the shape, with one value of each in a pass."""
    shapes: int
    """The number of shapes that were tried."""
    seconds: float
    """Time of the search."""
    best_seconds: float
    """Time of the training of the best."""
    metrics: Mapping[str, Mapping[str, float]]
    """The metrics of the best run, by part of the rows: those of test rows are used here only."""


def ranked(trials: Sequence[Trial], *, maximizes: bool) -> list[Trial]:
    """Return trials, the best first: those that were trained to the end before those that stopped.

    Those without a score are last.
    """
    sign = -1.0 if maximizes else 1.0

    def place(trial: Trial) -> tuple[int, float, int]:
        if trial.score is None:
            return 2, 0.0, trial.number
        return 0, sign * trial.score, trial.number

    return sorted(trials, key=place)


def conclude(
    study: StudyFolder, plan: SearchPlan, store: TrialStore, watcher: AnyWatcher
) -> SearchResult:
    """Train the best trial of a study as a run in its folder, and write the table of the trials.

    Of several processes the first does it, and the others take what it has found. Raises
    DivergedError if no trial has a score, RunError if none has had the time, InterruptedRunError.
    """
    with study.lock("best"):
        trials = ranked(store.read(), maximizes=plan.maximizes)
        if not trials or trials[0].score is None:
            with study.lock():
                study.update(status="diverged" if trials else "interrupted")
            if not trials:
                raise RunError(_out_of_time(study, plan))
            raise DivergedError(_without_best(study, trials))
        found = importance(plan, trials)
        _write_table(study, plan, trials)
        content = study.read()
        best = content.get("best") or {}
        known = best.get("trial") == trials[0].number and best.get("seconds") is not None
        if not known or not is_file(RunPaths(study.folder / best["run"]).run):
            best = _trained(study, plan, trials[0], content, watcher)
        with study.lock():
            study.update(status="finished", trials=len(trials), best=best, importance=found.shares)
    run = study.folder / best["run"]
    return SearchResult(
        study=study.folder,
        run=run,
        metric=plan.metric,
        part=plan.part,
        sampler=plan.settings.sampler,
        trials=trials,
        importance=found.shares,
        importance_by=found.by,
        confounded=found.confounded,
        shape=[key for key in plan.space.dimensions if key in plan.space.shape],
        shapes=len(found.shapes),
        seconds=max(trial.seconds for trial in trials),
        best_seconds=best["seconds"],
        metrics=_metrics(RunPaths(run)),
    )


def _without_best(study: StudyFolder, trials: Sequence[Trial]) -> str:
    reasons = [trial.reason for trial in trials if trial.reason]
    cause = f"; the first was refused: {reasons[0]}" if reasons else ""
    return f"{study.folder}: every trial diverged or was refused{cause}; give other ranges"


def _out_of_time(study: StudyFolder, plan: SearchPlan) -> str:
    return (
        f"{study.folder}: search.budget of {plan.settings.budget} has ended before any trial had "
        f"a score; give it more: bpnet resume {shell_path(study.folder)} --set search.budget=10m"
    )


def _trained(
    study: StudyFolder,
    plan: SearchPlan,
    trial: Trial,
    content: Mapping[str, Any],
    watcher: AnyWatcher,
) -> dict[str, Any]:
    """Train a trial as a run, or go on with the run that has begun; return what names it."""
    start = time.perf_counter()
    run = _begun(study) if content.get("best_begun") == trial.number else None
    if run is None or read_run_file(run.run)["status"] not in ("finished", "diverged"):
        with study.lock():
            study.update(best_begun=trial.number)
        command = list(content.get("command") or [])  # by which the search began
        try:
            if run is None:
                loaded = load_config(with_values(plan.base, trial.values))
                result: Any = train(
                    loaded, runs=study.folder, name=BEST, command=command, watcher=watcher
                )
            else:
                result = resume(run.folder, [], force=False, command=command, watcher=watcher)
        except InterruptedRunError as error:
            raise InterruptedRunError(
                f"interrupted while the best trial trained; next: bpnet resume "
                f"{shell_path(study.folder)}",
                error.exit_code - 128,
            ) from None
        run = RunPaths(result.run)
    seconds = round(time.perf_counter() - start, 3)
    return {"trial": trial.number, "run": run.folder.name, "seconds": seconds}


def _begun(study: StudyFolder) -> RunPaths | None:
    """Return the newest run in a study, if there is one."""
    runs = sorted(path.parent for path in study.folder.glob(f"{BEST}-*/run.json"))
    return RunPaths(runs[-1]) if runs else None


def _metrics(run: RunPaths) -> dict[str, dict[str, float]]:
    """Return the means of the metrics of a run, by part."""
    if not is_file(run.metrics_json):
        return {}
    content = files.read_json(run.metrics_json)
    means = content.get("mean", content) if isinstance(content, dict) else {}
    return {part: one for part, one in means.items() if isinstance(one, dict)}


def value_text(value: Any) -> str:
    """Return a drawn value as text: a word as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _write_table(study: StudyFolder, plan: SearchPlan, trials: Sequence[Trial]) -> None:
    """Write trials.csv, the best first; a cell is blank if a trial lacks the key."""
    keys = list(plan.space.dimensions)
    header = ["rank", "trial", *keys, plan.metric, "state", "epochs", "best_epoch"]
    files.write_csv(
        study.table,
        [*header, "generation", "seconds", "worker", "reason"],
        (
            [
                rank,
                trial.number,
                *(value_text(trial.values[key]) if key in trial.values else "" for key in keys),
                "" if trial.score is None else trial.score,
                trial.state,
                trial.epochs,
                trial.best_epoch,
                trial.generation,
                trial.seconds,
                trial.worker,
                trial.reason,
            ]
            for rank, trial in enumerate(trials, start=1)
        ),
    )
