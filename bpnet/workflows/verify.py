"""Verification: a run's training repeated, and whether all that it left comes out again."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bpnet.config.loading import LoadedConfig, read_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.schema import Config
from bpnet.errors import DivergedError, InterruptedRunError, RunError
from bpnet.messages import quoted_list, shell_path
from bpnet.models.build import build_model
from bpnet.paths import is_dir, is_file
from bpnet.preparation.prepare import prepare_opened
from bpnet.preparation.preset import open_with_preset
from bpnet.runs import directory
from bpnet.runs.comparison import TOLERANCE, Difference, compare_runs
from bpnet.runs.directory import RunPaths
from bpnet.runs.lock import is_locked
from bpnet.runs.run_file import config_digest, environment, known_config, read_run_file
from bpnet.workflows.cv import cross_validate
from bpnet.workflows.first_weights import saved_first_weights
from bpnet.workflows.grid import train_grid_in
from bpnet.workflows.grid_runs import new_grid_of, runs_of_grid
from bpnet.workflows.session import AnyWatcher
from bpnet.workflows.train import train, train_prepared
from bpnet.workflows.training_table import reopen_table

_NO_CHECKPOINTS = "checkpoint.every_seconds=null"
_NO_TRACKERS = "logging=[]"
_NO_END = "budget=1000h"
"""In place of a budget that has ended nothing, and could end the repetition."""


@dataclass(frozen=True)
class Verification:
    """What was compared of a run and its repetition, and how they differ."""

    run: Path
    same_machine: bool
    """True if the platform, the versions, the BLAS library and the one process are the run's."""
    changed: list[str]
    """What is not as it was when the run was trained: its keys in run.json."""
    tolerance: float
    """Of the final metrics, as a share of the larger of 1 and their value; 0 on the same machine.
    """
    compared: dict[str, str]
    """What was compared, by kind: weights, metrics, splits, logs, predictions."""
    largest: Difference | None
    """The largest difference of numbers; None if all are the same bit for bit."""
    largest_of_weights: Difference | None
    """The largest difference of weights."""
    differences: list[str]
    """What must agree and does not: on another machine only splits and final metrics must."""
    notes: list[str]
    of_grid: bool
    """True if the whole grid of the run was trained again."""

    @property
    def agrees(self) -> bool:
        """True if nothing differs that must agree."""
        return not self.differences


def verify(path: Path, *, command: Sequence[str], watcher: AnyWatcher) -> Verification:
    """Train a run again in a temporary place, from its config and data, and compare what is left.

    Of a run of a grid the whole grid is trained. On the machine of the run all must be the same bit
    for bit; elsewhere the splits must be, and the final metrics nearly: see `compare_runs`.

    Raises
    ------
    RunError
        The run has not ended, its config has changed, or nothing can repeat it.
    DataError
        Its table is gone or has changed.
    """
    run = directory.open_run(path)
    run.require("config.yaml")
    content = read_run_file(run.run)
    _check_ended(run, content)
    if not known_config(content, config_digest(run.folder)):
        raise RunError(f"{run.config}: has changed since the run was trained by it; restore it")
    loaded = read_config(run.config, [_NO_CHECKPOINTS, _NO_TRACKERS])
    if loaded.config.budget is not None:
        loaded = loaded.override([_NO_END])
    reopen_table(run, command=f"bpnet verify {shell_path(run.folder)}")
    notes, here = _notes(run, content, loaded.config), environment()
    with tempfile.TemporaryDirectory(prefix="bpnet-verify-") as scratch:
        again = Path(scratch)
        try:
            _train_again(run, content, loaded, again, command, watcher)
        except InterruptedRunError as error:
            raise InterruptedRunError(
                f"interrupted; {run.folder} was not compared", error.exit_code - 128
            ) from None
        except DivergedError:  # as the run itself: it is compared, too
            pass
        number = _number(run.folder)
        repeated = next((path for path in again.iterdir() if _number(path) == number), None)
        if repeated is None:
            raise RunError(f"{run.folder}: its grid, trained again, has no run {number}")
        changed = [key for key, value in here.items() if not _always(content, key, value)]
        if not _always({"processes": 1, **content}, "processes", 1):  # which add up otherwise
            changed.append("processes")
        compared = compare_runs(run, RunPaths(repeated), same_machine=not changed)
    return Verification(
        run=run.folder,
        same_machine=not changed,
        changed=changed,
        tolerance=TOLERANCE if changed else 0.0,
        compared=compared.compared,
        largest=compared.largest,
        largest_of_weights=compared.largest_of_weights,
        differences=compared.differences,
        notes=[*notes, *compared.remarks],
        of_grid=content.get("kind") == "grid",
    )


def _always(content: Mapping[str, Any], key: str, value: object) -> bool:
    """Return whether a key of the environment had a value whenever the run was in training."""
    resumed = [one for one in content.get("resumed") or [] if isinstance(one, dict)]
    begun = content.get(key)
    return all(one.get(key, begun) == value for one in (content, *resumed))


def _train_again(
    run: RunPaths,
    content: Mapping[str, Any],
    loaded: LoadedConfig,
    runs: Path,
    command: Sequence[str],
    watcher: AnyWatcher,
) -> None:
    """Train a run again as it was, into a folder of run directories."""
    if content.get("kind") == "grid":
        grid = new_grid_of(run, runs, command)
        budget = [_NO_END] if grid.source.data.get("budget") is not None else []
        source = apply_overrides(grid.source, [_NO_CHECKPOINTS, _NO_TRACKERS, *budget])
        source = replace(source, lines=grid.source.lines)  # the grid may have that key itself
        train_grid_in(replace(grid, source=source, name="again"), watcher)
    elif run.folds_csv.is_file() or content.get("kind") == "cv":
        folds, repeats = _folds_and_repeats(content)
        cross_validate(
            loaded,
            folds=folds,
            repeats=repeats,
            runs=runs,
            name="again",
            command=command,
            watcher=watcher,
        )
    elif is_file(run.first_weights):
        prepared = prepare_opened(open_with_preset(loaded), scratch=runs)
        model = build_model(prepared)
        first = saved_first_weights(run, content, model)
        train_prepared(prepared, model, first, runs, "again", command=command, watcher=watcher)
    else:
        train(loaded, runs=runs, name="again", command=command, watcher=watcher)


def _number(run: Path) -> int | None:
    """Return the number of a run in its grid; None if it is of no grid."""
    grid = read_run_file(RunPaths(run).run).get("grid")
    return grid.get("number") if isinstance(grid, dict) else None


def _folds_and_repeats(content: Mapping[str, Any]) -> tuple[int, int]:
    """Return the folds and repetitions of a cross-validation, by its run.json."""
    told = content.get("cv")
    if isinstance(told, dict):
        return int(told["folds"]), int(told["repeats"])
    every = [*content.get("folds", []), *content.get("left_out", [])]
    return max(one["fold"] for one in every), max(one["repeat"] for one in every)


def _check_ended(run: RunPaths, content: Mapping[str, Any]) -> None:
    """Raise RunError unless a run has ended by itself, so that it can be repeated."""
    status, folder = content["status"], shell_path(run.folder)
    if status == "running" and is_locked(run.folder):
        raise RunError(f"{run.folder}: is in training; wait for its end")
    if status not in ("finished", "diverged"):
        raise RunError(
            f"{run.folder}: has not finished, so that there is nothing to compare with; "
            f"first: bpnet resume {folder}"
        )
    if content.get("kind") == "grid":
        if is_dir(run.checkpoints):  # they go when the whole grid has finished
            raise RunError(
                f"{run.folder}: its grid has not finished, so that there is nothing to compare "
                f"with; first: bpnet resume {folder}"
            )
    elif is_file(run.folder / "grid.csv") or _of_grid(content):
        raise RunError(
            f"{run.folder}: is of a grid that an earlier bpnet trained, which did not record its "
            f"points; to train this one by itself: bpnet train {shell_path(run.config)}"
        )
    if _cut_by_budget(content):
        raise RunError(
            f"{run.folder}: its time budget ended the training, which ends elsewhere each time; "
            "only a run that ends by itself can be repeated"
        )
    if content.get("kind") == "grid":
        for other in runs_of_grid(run).values():
            if _cut_by_budget(read_run_file(other.run)):
                raise RunError(
                    f"{run.folder}: a time budget ended the training of {other.folder}, of the "
                    "same grid, which ends elsewhere each time; only a grid that ends by itself "
                    "can be repeated"
                )


def _cut_by_budget(content: Mapping[str, Any]) -> bool:
    """Return whether a time budget has ended a part of a training, by its run.json."""
    stops = {one.get("stop_reason") for one in (content, *_parts(content))}
    return "budget" in stops or bool(content.get("not_begun") or content.get("cut_by_budget"))


def _of_grid(content: Mapping[str, Any]) -> bool:
    command = content.get("command")
    return isinstance(command, list) and any(str(word).startswith("--grid") for word in command)


def _parts(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what run.json tells of replicas, folds and members."""
    lists = (content.get(key) for key in ("replicas", "folds", "members"))
    return [one for each in lists if isinstance(each, list) for one in each]


def _notes(run: RunPaths, content: Mapping[str, Any], config: Config) -> list[str]:
    """Return remarks on a run that was resumed with other settings.

    Raises RunError if no training from the beginning can repeat it.
    """
    settings = [
        setting.partition("=")[0]
        for one in content.get("resumed") or []
        for setting in one.get("settings") or []
        if setting.startswith("training.")
    ]
    if not settings:
        return []
    changed = quoted_list(sorted(set(settings)))
    dependent = [
        name
        for name, schedule in (
            ("training.schedule", config.training.schedule),
            *(
                ("a layer's schedule", getattr(layer, "schedule", None))
                for layer in _layers(config)
            ),
        )
        if _depends_on_epochs(schedule)
    ]
    if dependent or config.training.check_every > 1:
        reason = dependent[0] if dependent else "training.check_every"
        raise RunError(
            f"{run.folder}: was resumed with another {changed}, which {reason} depends on, so that "
            "no training from its beginning repeats it; to have a run that can be repeated: "
            f"bpnet train {shell_path(run.config)}"
        )
    return [f"it was resumed with another {changed}: it is repeated with the last values"]


def _layers(config: Config) -> Sequence[object]:
    return config.architecture.layers or []


def _depends_on_epochs(schedule: Any) -> bool:
    """Return whether a schedule gives other factors if there are more epochs in all."""
    if schedule is None:
        return False
    return any(
        schedule.factor(step, 10, 20) != schedule.factor(step, 10, 40) for step in range(200)
    )
