"""Searches: configs drawn from a space, trained many at a time, and the best trained as a run.

A study is a folder that several processes may share: each takes a pass of the present generation,
trains it, and notes what it has found; who finds a generation complete draws the next.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bpnet.config.loading import load_config
from bpnet.config.search import Search
from bpnet.config.source import Source
from bpnet.errors import RunError, UsageError
from bpnet.messages import counted
from bpnet.runs import directory
from bpnet.runs.naming import run_name
from bpnet.runs.study import StudyFolder
from bpnet.runs.trial_log import Trial
from bpnet.workflows.saved_study import (
    check_config,
    check_given,
    open_study,
    saved_plan,
    trial_store,
    write_study,
)
from bpnet.workflows.search_best import SearchResult
from bpnet.workflows.search_plan import SearchPlan, plan_search
from bpnet.workflows.search_rows import TrialRows
from bpnet.workflows.search_work import SearchWatcher, SearchWork


def search(
    source: Source,
    *,
    runs: Path,
    name: str | None,
    command: Sequence[str],
    watcher: SearchWatcher,
) -> SearchResult:
    """Search as a config says, in a new study in the folder `runs`.

    Raises ConfigError, DataError or UsageError before the study exists; InterruptedRunError and
    RunError after what has been found is saved.
    """
    loaded = load_config(source)
    name = f"{run_name(loaded)}-search" if name is None else directory.valid_name(name)
    plan, rows, notes = plan_search(source)
    for note in notes:
        watcher.warn(note)
    study = StudyFolder(directory.create(runs, name))
    write_study(study, source, plan, rows.digest, command)
    return SearchWork(study, plan, rows, watcher).run()


def join(
    folder: Path, source: Source, given: Mapping[str, Any], watcher: SearchWatcher
) -> SearchResult:
    """Take part in the search of a study, beside other processes.

    `source` is the config that the study is to have, `given` what options say of the number of
    trials and the budget. Raises UsageError if these or the table are not the study's, RunError if
    the folder holds no study.
    """
    study = open_study(folder)
    content = study.read()
    check_config(study, content, source)
    check_given(study, content, given)
    return _go_on(study, content, {}, watcher)


def _go_on(
    study: StudyFolder,
    content: Mapping[str, Any],
    settings: Mapping[str, Any],
    watcher: SearchWatcher,
) -> SearchResult:
    """Work on a study; `settings` are a number of trials or a budget in place of its own."""
    folder, plan = study.folder, saved_plan(study, content)
    rows = TrialRows(plan.base, study.folder)
    if rows.digest != content.get("data_sha256"):
        raise RunError(
            f"{folder}: the table is not the one that the study began with: its content has "
            "changed; restore it, or begin another study"
        )
    if settings:
        plan = replace(plan, settings=replace(plan.settings, **settings))
        with study.lock():
            _warn_of_reached(plan, trial_store(study, plan).read(), settings, watcher)
            study.update(settings=asdict(plan.settings), status="running")
    return SearchWork(study, plan, rows, watcher).run()


def resume_search(
    folder: Path, assignments: Sequence[str], *, force: bool, watcher: SearchWatcher
) -> SearchResult:
    """Go on with a study; `assignments` may give it other trials or another budget.

    Raises UsageError for anything else.
    """
    if force:
        raise UsageError(
            f"--force: {folder} goes on only with the data and the config that it began with; "
            "leave it out, or begin another study"
        )
    settings: dict[str, Any] = {}
    for one in assignments:
        key, _, value = one.partition("=")
        if key.strip() not in ("search.trials", "search.budget") or not value.strip():
            raise UsageError(
                f"--set {one}: a study that goes on can change only search.trials and "
                "search.budget; begin another study"
            )
        # a text from Python is quoted
        settings[key.strip().removeprefix("search.")] = value.strip().strip("\"'")
    if "trials" in settings:
        if not settings["trials"].isdecimal():
            raise UsageError(
                f"--set search.trials={settings['trials']}: must be a whole number, at least 1"
            )
        settings["trials"] = int(settings["trials"])
    study = open_study(folder)
    return _go_on(study, study.read(), trials_setting(**settings), watcher)


def _warn_of_reached(
    plan: SearchPlan,
    trials: Sequence[Trial],
    settings: Mapping[str, Any],
    watcher: SearchWatcher,
) -> None:
    """Warn if a study has as many trials, or has taken as long, as it is now to."""
    most, seconds = settings.get("trials"), plan.settings.seconds
    if most is not None and len(trials) >= most:
        watcher.warn(
            f"search.trials={most}: the study has {counted(len(trials), 'trial')} already; "
            "no more are drawn, and none is dropped"
        )
    spent = max((one.seconds for one in trials), default=0.0)
    if "budget" in settings and seconds is not None and spent >= seconds:
        watcher.warn(
            f"search.budget={settings['budget']}: the study has taken {spent:.1f} s already, which "
            "count; no more are trained"
        )


def trials_setting(trials: int | None = None, budget: str | None = None) -> dict[str, Any]:
    """Return the settings of a search that options give, checked; raise UsageError."""
    given = {"trials": trials, "budget": budget}
    settings = {key: value for key, value in given.items() if value is not None}
    try:
        Search(budget=budget)
    except ValueError as error:
        raise UsageError(f"--budget {error}") from None
    return settings
