"""Cross-validation: a network for each fold, trained together where shapes agree, and estimates."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.config.presets.expand import preset_record
from bpnet.data.encoding.fingerprints import (
    CellReading,
    Fingerprints,
    cell_readings,
    table_fingerprints,
)
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.folds import Fold, check_foldable, draw_folds
from bpnet.preparation.open import OpenedDataset, open_dataset
from bpnet.preparation.positive_class import with_positive_class
from bpnet.preparation.preset import with_possible_folds, with_preset
from bpnet.preparation.rare_classes import rare_class_warnings
from bpnet.preparation.row_keys import read_row_keys
from bpnet.preparation.table import open_dataset_table
from bpnet.preparation.training_folds import without_validation
from bpnet.runs import directory
from bpnet.runs.config_file import write_config
from bpnet.runs.directory import RunPaths
from bpnet.runs.fingerprints import write_fingerprints
from bpnet.runs.naming import run_name
from bpnet.runs.run_file import RunFile
from bpnet.runs.splits import write_folds
from bpnet.scoring.estimates import Estimate, FoldResult
from bpnet.workflows.cv_baselines import (
    CVBaselines,
)
from bpnet.workflows.cv_members import MembersCVSession, plan_folds
from bpnet.workflows.cv_plan import encode_pass, in_passes, plan_fold
from bpnet.workflows.cv_session import CVSession
from bpnet.workflows.run_place import NewRun, Place
from bpnet.workflows.session import CVWatcher, MemberWatcher
from bpnet.workflows.tracking import require_trackers


@dataclass(frozen=True)
class CVResult:
    """A finished cross-validation: its run directory, the estimates, and how each fold ended."""

    run: Path
    folds: int
    repeats: int
    passes: int
    estimates: dict[str, Estimate]
    positive: str | None
    """The class, of two, whose average precision it is; None of more, or of other tasks."""
    class_weighted: bool
    """True if classes had different weights in training: probabilities then follow the weights."""
    results: list[FoldResult]
    left_out: list[dict[str, int]]
    """Repetition and number of each fold whose network diverged."""
    seconds: float
    training_seconds: float
    """The part of the seconds in which networks trained."""
    baselines: CVBaselines | None = None
    """The baselines beside the networks; None if they were not asked for."""
    keeps_model: bool = True
    """True if the run keeps the networks, False if each fold's was an ensemble."""


def cross_validate(
    loaded: LoadedConfig,
    *,
    folds: int,
    repeats: int,
    runs: Path,
    name: str | None,
    command: Sequence[str],
    watcher: CVWatcher,
    baselines: bool = False,
) -> CVResult:
    """Train a network for each fold of each repetition; the run's model is all of them.

    If the config trains an ensemble on folds of its own, each fold's other rows train one, which
    the run does not keep. Network k has the seed `seed` + k - 1. With `baselines`, simple models
    are fitted to the training rows of each fold, too. The other parameters are those of `train`.
    Raises ConfigError, DataError or RunError before the run directory exists;
    DivergedError, if every fold's network diverged, or InterruptedRunError after what has been
    trained is saved.
    """
    name = f"{run_name(loaded)}-cv" if name is None else directory.valid_name(name)
    place = NewRun(runs, name, command)
    return cross_validate_in(
        place, loaded, folds=folds, repeats=repeats, watcher=watcher, baselines=baselines
    )


def cross_validate_in(
    place: Place,
    loaded: LoadedConfig,
    *,
    folds: int,
    repeats: int,
    watcher: CVWatcher,
    baselines: bool = False,
) -> CVResult:
    """Cross-validate into a new run directory, or go on in one; see `cross_validate`."""
    start = time.perf_counter()
    require_trackers(loaded)
    check_foldable(loaded, folds, repeats)
    opened = with_preset(open_dataset(loaded, open_dataset_table(loaded).kept()))
    opened = with_positive_class(opened)
    loaded, config = opened.loaded, opened.loaded.config
    if config.folds is not None:
        opened = replace(opened, loaded=without_validation(loaded))
    drawn = draw_folds(opened, folds, repeats)
    for text in rare_class_warnings(opened.target_values, read_row_keys(opened), folds):
        watcher.warn(text)
    if config.folds is not None:
        opened = with_possible_folds(opened, [fold.parts["train"] for fold in drawn])
        return _cross_validate_members(place, opened, drawn, watcher, start, baselines=baselines)
    passes = in_passes([plan_fold(fold, config.seed + k, opened) for k, fold in enumerate(drawn)])
    first = encode_pass(passes[0], place.scratch)  # in most tables every bad cell is met here
    fingerprints = _fingerprints(opened, drawn, first[0])
    run, run_file = _opened_run(
        place, opened, drawn, start, fingerprints=fingerprints, baselines=baselines
    )
    session = CVSession(passes, first, opened, run, run_file, place, watcher)
    session.with_baselines = baselines
    del first  # which the session frees once it has trained
    status = session.run()
    session.raise_unless_finished(status, config.training.learning_rate)
    return CVResult(
        run=run.folder,
        folds=folds,
        repeats=repeats,
        passes=len(passes),
        estimates=session.estimates,
        positive=passes[0][0].fitted.positive,
        class_weighted=passes[0][0].fitted.class_weighted,
        results=session.trained.results,
        left_out=session.trained.left_out,
        baselines=session.baselines,
        seconds=time.perf_counter() - run_file.start,
        training_seconds=session.seconds,
    )


def _cross_validate_members(
    place: Place,
    opened: OpenedDataset,
    drawn: Sequence[Fold],
    watcher: MemberWatcher,
    start: float,
    *,
    baselines: bool,
) -> CVResult:
    """Train an ensemble for each fold; see `cross_validate`."""
    config, plans = opened.loaded.config, plan_folds(opened, drawn)
    run, run_file = _opened_run(place, opened, drawn, start, baselines=baselines)
    session = MembersCVSession(opened, drawn, plans, run, run_file, place, watcher)
    session.with_baselines = baselines
    status = session.run()
    session.raise_unless_finished(status, config.training.learning_rate)
    fitted = plans[0].members[0]
    return CVResult(
        run=run.folder,
        folds=max(fold.fold for fold in drawn),
        repeats=max(fold.repeat for fold in drawn),
        passes=len(drawn),
        estimates=session.estimates,
        positive=fitted.positive,
        class_weighted=fitted.class_weighted,
        results=session.results,
        left_out=session.left_out,
        baselines=session.baselines,
        seconds=time.perf_counter() - run_file.start,
        training_seconds=session.seconds,
        keeps_model=False,
    )


def _opened_run(
    place: Place,
    opened: OpenedDataset,
    drawn: Sequence[Fold],
    start: float,
    *,
    fingerprints: tuple[Fingerprints, Mapping[str, CellReading]] | None = None,
    baselines: bool,
) -> tuple[RunPaths, RunFile]:
    """Return the run directory, with the config and the folds of the rows, and its run.json.

    The fingerprints of the rows are kept beside a model.
    """
    loaded = opened.loaded

    def describe(run: RunPaths, _name: str) -> None:
        write_config(loaded.config, run_name(loaded), loaded.folder, run)
        if fingerprints is not None:
            write_fingerprints(run.fingerprints, *fingerprints, opened.table.digest)

    return place.open(
        lambda path: write_folds(path, drawn, len(opened.target_values.values)),
        describe,
        seed=loaded.config.seed,
        data_sha256=opened.table.digest,
        start=start,
        folds=[],
        kind="cv",
        baselines=baselines,
        cv={
            "folds": max(fold.fold for fold in drawn),
            "repeats": max(fold.repeat for fold in drawn),
        },
        **preset_record(loaded),
    )


def _fingerprints(
    opened: OpenedDataset, drawn: Sequence[Fold], first: EncodedDataset
) -> tuple[Fingerprints, dict[str, CellReading]]:
    """Return the fingerprint (N,) of each row that a fold has, and how its columns are read."""
    used = np.zeros(len(opened.target_values.values), bool)
    for fold in drawn:
        for rows in fold.parts.values():
            used[rows] = True
    return table_fingerprints(first.encoder, opened.table, used), cell_readings(first.encoder)
