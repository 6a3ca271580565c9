"""Resuming: a run whose training was cut off, or is to have more epochs, goes on."""

import contextlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bpnet.config.loading import as_data, read_config
from bpnet.engine.loop.fit import fit
from bpnet.engine.stateful import StateDict
from bpnet.errors import DivergedError, RunError, UsageError
from bpnet.messages import shell_path, shell_quoted
from bpnet.models.build import build_model
from bpnet.models.saved_ensemble import load_ensemble
from bpnet.models.training_metrics import training_metrics
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.prepare import prepare_opened
from bpnet.preparation.preset import open_with_preset
from bpnet.runs import directory
from bpnet.runs.checkpoints import Checkpoints
from bpnet.runs.directory import RunPaths
from bpnet.runs.lock import RunLock
from bpnet.runs.outcomes import SavedPasses
from bpnet.runs.run_file import config_digest, known_config, read_run_file
from bpnet.runs.splits import restore_splits, write_splits
from bpnet.workflows.cv import CVResult, cross_validate_in
from bpnet.workflows.data_parallel import Together
from bpnet.workflows.given_thresholds import typed_thresholds
from bpnet.workflows.grid import GridResult, train_grid_in
from bpnet.workflows.grid_runs import grid_of, locked_folder
from bpnet.workflows.run_place import OF_PASSES, ResumedRun, check_data, train_again
from bpnet.workflows.session import AnyWatcher
from bpnet.workflows.tracking import require_trackers
from bpnet.workflows.train import TrainResult, resume_training
from bpnet.workflows.train_folds import FoldsResult, train_folds_in
from bpnet.workflows.training_table import require_given_table

CHANGEABLE = (
    "training.epochs",
    "training.early_stopping",
    "budget",
    "checkpoint",
    "logging",
    "dataset.path",  # of the same data, in another place
)
"""The keys of a config that may change when its training goes on."""
CHANGEABLE_OF_PASSES = ("budget", "checkpoint", "logging")
"""Those of a cross-validation or an ensemble, of which networks have ended already."""

Resumed = TrainResult | FoldsResult | CVResult | GridResult


def resume(
    path: Path,
    assignments: Sequence[str],
    *,
    force: bool,
    command: Sequence[str],
    watcher: AnyWatcher,
    together: Together | None = None,
) -> Resumed:
    """Go on with the training of a run from its last checkpoint.

    Parameters
    ----------
    path
        The run directory.
    assignments
        Changes to its config, KEY.PATH=VALUE, of the keys in `CHANGEABLE`.
    force
        Whether to go on although the data or the config has changed.
    command
        The command line, for run.json.
    watcher
        The observer of the training.
    together
        The processes that train the network together, if there are several.

    Raises
    ------
    RunError
        The run is in training, or has finished and gets no more epochs, or it cannot go on.
    UsageError
        A key cannot change.
    ConfigError, DataError, DivergedError, InterruptedRunError
        As `train` does.
    """
    run = directory.open_run(path)
    run.require("config.yaml")
    # what is read from here on is what no other process changes any more
    locked = together is None or together.world.leads
    with RunLock(locked_folder(run)).held() if locked else contextlib.nullcontext():
        try:
            return _resume(
                run,
                assignments,
                force=force,
                command=command,
                watcher=watcher,
                together=together,
            )
        except DivergedError as error:
            again = train_again(run, read_run_file(run.run))
            raise DivergedError(
                [f"{one}; add settings to: {again}" for one in error.problems], error.run
            ) from error


def _resume(
    run: RunPaths,
    assignments: Sequence[str],
    *,
    force: bool,
    command: Sequence[str],
    watcher: AnyWatcher,
    together: Together | None,
) -> Resumed:
    """Go on with a run that is locked: see `resume`."""
    content = read_run_file(run.run)
    kind, finished = content.get("kind"), content["status"] in ("finished", "diverged")
    if kind is None and "replicas" not in content:
        raise RunError(
            f"{run.folder}: an earlier bpnet trained it, which saved no checkpoints; train again: "
            f"bpnet train {shell_path(run.config)}"
        )
    settings = "".join(f" --set {shell_quoted(one)}" for one in assignments)
    typed = f"bpnet resume {shell_path(run.folder)}{settings}{' --force' if force else ''}"
    if force and kind in OF_PASSES:
        raise UsageError(
            f"--force: {run.folder} goes on only with the data and the config that it began with, "
            "by which some of its networks may have been trained; leave it out, or train again: "
            f"{train_again(run, content)}"
        )
    if together is not None:
        if kind in OF_PASSES:
            raise together.refuse_passes(run, kind)
        watcher = together.watched_by(watcher)
    if kind == "grid":
        if assignments:
            raise UsageError(
                f"--set {assignments[0]}: a grid goes on with the config that it began with; "
                "leave it out"
            )
        grid = grid_of(run, command)
        require_given_table(read_config(run.config), run, typed)
        return train_grid_in(grid, watcher)
    if not known_config(content, config_digest(run.folder)) and not force:
        forced = "" if kind in OF_PASSES else ", or go on all the same with --force"
        raise RunError(
            f"{run.config}: has changed since the run was trained by it; restore it{forced}; keys "
            "are changed with --set"
        )
    saved = read_config(run.config)
    loaded = saved.override(assignments)
    require_trackers(loaded)
    if kind in ("cv", "folds"):
        if finished:
            again = "there is nothing to go on with"
            if assignments:
                again = (
                    "only a single training goes on then; train again: "
                    f"{train_again(run, content)}{settings}"
                )
            raise RunError(f"{run.folder}: has finished; {again}")
        anew = f"train again: {train_again(run, content)}{settings}"
        _check_changes(as_data(saved.config), as_data(loaded.config), CHANGEABLE_OF_PASSES, anew)
        require_given_table(loaded, run, typed)
        place = ResumedRun(run, command, SavedPasses.read(run.checkpoints))
        _warn_of_threshold(run, watcher)
        if kind == "folds":
            return train_folds_in(place, open_with_preset(loaded), watcher)
        baselines = content.get("baselines") is True  # which older runs have not
        return cross_validate_in(
            place, loaded, **content["cv"], watcher=watcher, baselines=baselines
        )
    anew = (
        "to begin another with the run's weights: "
        f"bpnet train {shell_path(run.config)} --from {shell_path(run.folder)}{settings}"
    )
    _check_changes(as_data(saved.config), as_data(loaded.config), CHANGEABLE, anew)
    if content["status"] == "finished" and not assignments:
        more = 2 * saved.config.training.epochs
        raise RunError(
            f"{run.folder}: has finished; to train on, give it more epochs: "
            f"bpnet resume {shell_path(run.folder)} --set training.epochs={more}"
        )
    require_given_table(loaded, run, typed)
    if together is not None:
        together.agree_on(loaded)
    opened = open_with_preset(loaded)
    if not force:
        check_data(run, opened.table.digest, opened.table.name)
    world = None if together is None else together.world
    prepared = prepare_opened(opened, scratch=run.folder.parent, ranks=world)
    state = Checkpoints(run.checkpoints).latest()
    if state is None and (content.get("epochs") or "kind" not in content):
        raise RunError(
            f"{run.folder}: has no checkpoint to go on from (bpnet 0.4.0 and older wrote none); "
            f"train again: bpnet train {shell_path(run.config)}"
        )
    model = build_model(prepared)
    if together is not None:
        together.begin(prepared, model, state)
    if state is not None:
        _check_state(prepared, state, run)
    done, epochs = (0 if state is None else state["fit"]["epoch"]), loaded.config.training.epochs
    if done > epochs:
        raise UsageError(
            f"--set training.epochs={epochs}: {run.folder} has trained {done} epochs already; "
            f"give it more, such as --set training.epochs={2 * done}"
        )
    if not force and (world is None or world.leads):
        restore_splits(run.splits, partial(write_splits, parts=prepared.split.part_numbers))
    _warn_of_threshold(run, watcher)
    with contextlib.nullcontext() if together is None else together.training():
        result = resume_training(
            prepared,
            model,
            run,
            state,
            settings=assignments,
            rewrites=bool(assignments) or force,
            command=command,
            watcher=watcher,
        )
        return result if together is None else together.of_leader(result)


def _warn_of_threshold(run: RunPaths, watcher: AnyWatcher) -> None:
    """Warn that the model of a run that goes on keeps a threshold, which another will not have."""
    with contextlib.suppress(RunError):  # a run without a model goes on, or with a damaged one
        if (text := typed_thresholds(load_ensemble(run.model))) is not None:
            watcher.warn(
                f"the model keeps the threshold {text}, which suits the weights that it has: the "
                "training goes on without it; choose another afterwards, or keep it: "
                f"bpnet eval {shell_path(run.folder)} --threshold {shell_quoted(text)} --save"
            )


def _check_changes(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    changeable: Sequence[str],
    anew: str,
    path: str = "",
) -> None:
    """Raise UsageError if two configs as data differ in a key that must stay as it is.

    `anew` says what trains with the change instead.
    """
    for key in before.keys() | after.keys():
        old, new, place = before.get(key), after.get(key), f"{path}{key}"
        if old == new or place in changeable:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            _check_changes(old, new, changeable, anew, f"{place}.")
            continue
        raise UsageError(
            f"--set {place}: a training that goes on can change only {', '.join(changeable)}; "
            f"{anew}"
        )


def _check_state(prepared: EncodedDataset, state: StateDict, run: RunPaths) -> None:
    """Raise RunError if a checkpoint does not suit the data, the config or this version."""
    model, rows = build_model(prepared), prepared.rows
    validation, metrics = rows.get("validation"), training_metrics(model.description)
    try:
        fit(
            prepared.config.training,
            model.network,
            rows["train"],
            validation,
            metrics,
            keep_before=True,
            state=state["fit"],
        )
    except (ValueError, KeyError, IndexError) as error:
        raise RunError(
            f"{run.checkpoints}: the checkpoint does not suit the data, the config or this version "
            f"of bpnet: {error}; restore them, or train again: bpnet train {shell_path(run.config)}"
        ) from None
