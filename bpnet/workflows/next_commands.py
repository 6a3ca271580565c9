"""The commands to type next, after a look at a run."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bpnet.messages import shell_path, shell_quoted
from bpnet.paths import is_file
from bpnet.runs.checkpoints import Checkpoints
from bpnet.runs.directory import RunPaths
from bpnet.runs.entry import RunEntry

_GOES_ON = ("died", "interrupted", "failed")


def next_commands(paths: RunPaths, entry: RunEntry, settings: Sequence[str]) -> Iterator[str]:
    """Yield commands that make sense now; `settings` are what the doctor would change."""
    run, old = shell_path(paths.folder), "kind" not in entry.run
    resumes = not old or Checkpoints(paths.checkpoints).numbers()
    if entry.status in _GOES_ON:
        yield f"bpnet resume {run}" if resumes else f"bpnet train {shell_path(paths.config)}"
    if entry.status == "diverged":
        changes = "".join(f" --set {shell_quoted(setting)}" for setting in settings)
        yield f"bpnet train {shell_path(paths.config)}{changes}"
        if entry.kind in ("train", "grid") and resumes:
            yield f"bpnet resume {run}"
    has_model = is_file(paths.model / "model.json")
    if has_model or (entry.kind == "train" and Checkpoints(paths.checkpoints).numbers()):
        rows = entry.run.get("rows")
        if isinstance(rows, dict) and rows.get("test") and entry.kind != "cv":
            yield f"bpnet eval {run}"
        yield f"bpnet predict {run} DATA.csv"
        yield f"bpnet report {run}"
    elif entry.kind == "cv" and entry.status == "done":
        yield f"bpnet train {shell_path(paths.config)}"
    beside = _beside(entry)
    if beside is not None and entry.metrics:
        yield f"bpnet compare {run} {shell_path(beside)}"


def alarm_settings(diagnosis: Mapping[str, Any]) -> list[str]:
    """Return the settings of the doctor's first alarm, KEY=VALUE."""
    findings = diagnosis.get("findings")
    for one in findings if isinstance(findings, list) else []:
        if isinstance(one, dict) and one.get("kind") == "alarm":
            settings = one.get("settings")
            return [str(setting) for setting in settings] if isinstance(settings, list) else []
    return []


def _beside(entry: RunEntry) -> Path | None:
    """Return the finished run of the same name with the nearest number, if there is one."""
    stem, _, number = entry.name.rpartition("-")
    if not number.isdecimal():
        return None
    others = [
        path
        for path in entry.folder.parent.glob("*/metrics.json")
        if path.parent.name.rpartition("-")[0] == stem
        and path.parent.name.rpartition("-")[2].isdecimal()
        and path.parent.name != entry.name
    ]
    distance = {p.parent: abs(int(p.parent.name.rpartition("-")[2]) - int(number)) for p in others}
    return min(sorted(distance), key=lambda path: distance[path], default=None)
