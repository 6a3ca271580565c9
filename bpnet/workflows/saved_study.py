"""A study as its folder has it: its plan, and who may take part."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bpnet import __version__
from bpnet.config.budget import budget_seconds
from bpnet.config.search import Search
from bpnet.config.search_space import Space
from bpnet.config.source import Source, parse_source, yaml_text
from bpnet.errors import RunError, UsageError
from bpnet.integrations import optuna
from bpnet.messages import shell_path
from bpnet.runs.directory import STUDY
from bpnet.runs.files import write_json, write_text
from bpnet.runs.study import StudyFolder
from bpnet.runs.trial_log import TrialLog, TrialStore
from bpnet.workflows.search_plan import SearchPlan

PER_PROCESS = ("trials", "budget")
"""Settings of the search that each process may be given anew."""


def open_study(folder: Path) -> StudyFolder:
    """Return a study; raise RunError if the folder holds none."""
    study = StudyFolder(folder)
    if not study.study.is_file():
        kind = f"it has no {STUDY}"
        if not folder.exists():
            kind = "there is no such folder"
        elif not folder.is_dir():
            kind = "it is a file, and a study is a folder"
        raise RunError(f"{folder}: is not a study: {kind}; `bpnet search CONFIG` makes one")
    return study


def write_study(
    study: StudyFolder, source: Source, plan: SearchPlan, digest: str, command: Sequence[str]
) -> None:
    """Write the config and study.json of a study that begins."""
    base = plan.base
    write_text(study.config, yaml_text(source.data))
    folder = os.path.relpath(os.path.realpath(base.folder), os.path.realpath(study.folder))
    content = {
        "kind": "search",
        "bpnet": __version__,
        "status": "running",
        "command": list(command),
        "data_sha256": digest,
        "metric": plan.metric,
        "part": plan.part,
        "seed": plan.seed,
        "settings": asdict(plan.settings),
        "space": plan.space.to_data(),
        "config": _compared(source),
        "base": yaml_text(base.data),
        "file": base.name,
        "folder": Path(folder).as_posix(),
        "texts": [[list(path), text] for path, text in base.texts.items()],
        "best": None,
    }
    write_json(study.study, content)


def saved_plan(study: StudyFolder, content: Mapping[str, Any]) -> SearchPlan:
    """Return the plan that study.json describes; raises RunError."""
    try:
        base = parse_source(content["base"], content["file"], study.folder / content["folder"])
        texts = {tuple(path): text for path, text in content["texts"]}
        settings = Search(**content["settings"])
        plan = SearchPlan(
            replace(base, texts=texts),
            settings,
            Space.from_data(content["space"]),
            content["metric"],
            content["seed"],
        )
    except (KeyError, TypeError, ValueError):
        raise RunError(
            f"{study.study}: does not describe the study; restore it from a copy"
        ) from None
    if settings.sampler == "tpe":
        optuna.require(f"{study.folder}: its study")
    return plan


def trial_store(study: StudyFolder, plan: SearchPlan) -> TrialStore:
    """Return where the trials of a study are kept: in Optuna's journal where it draws."""
    if plan.settings.sampler == "tpe":
        return optuna.TrialJournal(study.journal, plan.space, maximizes=plan.maximizes)
    return TrialLog(study.trial_log)


def _compared(source: Source) -> dict[str, Any]:
    """Return the keys of a config that all processes of a study must agree on."""
    data = dict(source.data)
    section = {
        key: one for key, one in (data.get("search") or {}).items() if key not in PER_PROCESS
    }
    data.pop("search", None)
    return {**data, **({"search": section} if section else {})}


def check_config(study: StudyFolder, content: Mapping[str, Any], source: Source) -> None:
    """Raise UsageError with the differences if a config is not that of the study."""
    ours, theirs = _flat(_compared(source)), _flat(content.get("config") or {})
    differences = [
        f"{key} is {_set_to(ours, key)}, and in the study {_set_to(theirs, key)}"
        for key in dict.fromkeys([*theirs, *ours])
        if ours.get(key) != theirs.get(key) and key != "dataset.path"
    ]
    if differences:
        raise UsageError(
            [
                *(f"--join {study.folder}: {one}" for one in differences),
                f"--join {study.folder}: the study is of another config; join it with its own, "
                f"{study.config}, or begin another study without --join",
            ]
        )


def _set_to(values: Mapping[str, Any], key: str) -> str:
    return repr(values[key]) if key in values else "not set"


def check_given(study: StudyFolder, content: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise UsageError if options give a study that there is another end."""
    settings = content.get("settings") or {}
    for name, value in given.items():
        own = settings.get(name)
        if _end(name, own) != _end(name, value):
            raise UsageError(
                f"--join {study.folder}: --{name} {value} is not the study's, "
                f"{'which has none' if own is None else f'{own}'}; leave it out to take part, or "
                f"give the study another end once it has ended: bpnet resume "
                f"{shell_path(study.folder)} --set search.{name}={value}"
            )


def _end(name: str, value: Any) -> Any:
    """Return a number of trials, or the seconds of a budget."""
    return budget_seconds(value) if name == "budget" and value is not None else value


def _flat(data: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(data, Mapping) or not data:
        return {path: data}
    return {
        key: value
        for name, inner in data.items()
        for key, value in _flat(inner, f"{path}.{name}" if path else str(name)).items()
    }
