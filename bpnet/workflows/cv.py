"""Cross-validation: a network for each fold, trained together where shapes agree, and estimates."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.config.presets.expand import preset_record
from bpnet.data.encoding.fingerprints import (
    CellReading,
    Fingerprints,
    cell_readings,
    table_fingerprints,
)
from bpnet.errors import DivergedError, InterruptedRunError
from bpnet.integrations.trackers.tracker import Series
from bpnet.messages import counted, shell_path
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import Model
from bpnet.models.training_metrics import infinite_from_start, measure_replicas
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.folds import Fold, check_foldable, draw_folds
from bpnet.preparation.open import OpenedDataset, open_dataset
from bpnet.preparation.positive_class import with_positive_class
from bpnet.preparation.preset import with_possible_folds, with_preset
from bpnet.preparation.rare_classes import rare_class_warnings
from bpnet.preparation.row_keys import read_row_keys
from bpnet.preparation.table import open_dataset_table
from bpnet.preparation.training_folds import without_validation
from bpnet.runs import directory, files
from bpnet.runs.config_file import write_config
from bpnet.runs.directory import RunPaths
from bpnet.runs.fingerprints import write_fingerprints
from bpnet.runs.metrics_log import MetricsLog
from bpnet.runs.naming import run_name
from bpnet.runs.predictions import FoldPredictions, write_predictions
from bpnet.runs.run_file import RunFile, Status
from bpnet.runs.splits import write_folds
from bpnet.scoring.estimates import Estimate, FoldResult, estimate_metrics, metrics_document
from bpnet.workflows.calibrate import calibrate
from bpnet.workflows.cv_baselines import (
    BaselineFold,
    CVBaselines,
    baselines_document,
    score_baselines,
)
from bpnet.workflows.cv_members import MembersCVSession, plan_folds
from bpnet.workflows.cv_pass import FoldPass
from bpnet.workflows.cv_plan import PlannedFold, encode_pass, in_passes, plan_fold
from bpnet.workflows.model_folder import save_model_folder
from bpnet.workflows.out_of_fold import predict_fold
from bpnet.workflows.passes import PassesSession
from bpnet.workflows.run_place import NewRun, Place
from bpnet.workflows.session import CVWatcher, FoldWatcher, MemberWatcher, divergence_cause
from bpnet.workflows.side_by_side import Elsewhere, side_by_side
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
    run, run_file = _opened_run(place, opened, drawn, start, baselines=baselines)
    write_fingerprints(run.fingerprints, *_fingerprints(opened, drawn, first[0]))
    session = _CVSession(passes, first, opened, run, run_file, place, watcher)
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
    place: Place, opened: OpenedDataset, drawn: Sequence[Fold], start: float, *, baselines: bool
) -> tuple[RunPaths, RunFile]:
    """Return the run directory, with the config and the folds of the rows, and its run.json."""
    loaded = opened.loaded
    return place.open(
        lambda path: write_folds(path, drawn, len(opened.target_values.values)),
        lambda run, _: write_config(loaded.config, run_name(loaded), loaded.folder, run),
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


class _TrainedFold(NamedTuple):
    """A fold whose network has trained, and its predictions for the fold's test rows."""

    result: FoldResult
    member: Model
    predictions: FoldPredictions


@dataclass
class _TrainedFolds:
    """The folds that have trained so far."""

    folds: list[_TrainedFold] = field(default_factory=list)
    left_out: list[dict[str, int]] = field(default_factory=list)
    """Repetition and number of each fold whose network diverged."""
    from_start: bool = True
    """True if no network that diverged had a finite loss with its first weights."""

    @property
    def results(self) -> list[FoldResult]:
        """The results of the folds."""
        return [fold.result for fold in self.folds]


class _CVSession(PassesSession):
    """The training of all folds, one pass after another."""

    def __init__(
        self,
        passes: Sequence[Sequence[PlannedFold]],
        first: list[EncodedDataset],
        opened: OpenedDataset,
        run: RunPaths,
        run_file: RunFile,
        place: Place,
        watcher: FoldWatcher,
    ) -> None:
        super().__init__(run, watcher, opened.loaded.config, run_file, place.saved)
        self._begin_pass = watcher.begin_pass
        self._passes, self._opened = passes, opened
        self._run, self._run_file, self._scratch = run, run_file, place.scratch
        self._ready = [first]
        """The encoded folds of the first pass, until they train."""
        self.trained = _TrainedFolds()
        self.estimates: dict[str, Estimate] = {}
        self.with_baselines = False
        self.baselines: CVBaselines | None = None

    def train(self) -> Status:
        """Train every pass, whose epochs go to folds.csv; all have diverged if no fold is left."""
        first = self._passes[0][0]
        validated = bool(len(first.fold.parts["validation"]))
        names = first.fitted.resolved.metric_columns(validated=validated)
        columns = ["epoch", "repeat", "fold", *names, "learning_rate", "gradient_norm"]
        path, sizes = self._run.folds_csv, self._saved.sizes
        self._log = MetricsLog(
            path, columns, size=sizes.get(path.name), on_error=self.on_write_error
        )
        with self._log, self.saved_between_passes():
            passes = side_by_side(
                self._fold_passes(),
                lambda one: self.task_of(_key(one[0]), one[1]),
                len(self._passes),
            )
            with closing(passes):
                for (number, training), elsewhere in passes:
                    self._train_pass(number, training, elsewhere)
            # passes group folds by shape, not by number
            self.trained.folds.sort(key=lambda fold: (fold.result.repeat, fold.result.fold))
            if self.with_baselines and self.trained.folds:
                self._score_baselines()
        return "finished" if self.trained.folds else "diverged"

    def _score_baselines(self) -> None:
        """Fit and score the baselines; an interruption is as one between two passes."""
        fitted = {id(one.fold): one.fitted for group in self._passes for one in group}
        folds = [
            BaselineFold(one.result, fitted[id(one.predictions.fold)], one.predictions)
            for one in self.trained.folds
        ]
        self.baselines = score_baselines(self._opened.table, folds)

    def _fold_passes(self) -> Iterator[tuple[int, FoldPass]]:
        """Yield the passes with their numbers, each as soon as its rows are encoded."""
        for number, group in enumerate(self._passes, start=1):
            prepared = self._ready.pop() if self._ready else encode_pass(group, self._scratch)
            training = FoldPass(group, prepared, self._log)
            del prepared  # which the next one needs no more
            yield number, training

    def _train_pass(self, number: int, training: FoldPass, elsewhere: Elsewhere | None) -> None:
        """Train the folds of a pass; an interrupted pass leaves its networks, too."""
        group, prepared = training.folds, training.prepared
        if len(self._passes) > 1:  # the means of one fold are that fold's own curves
            several = len(group) > 1
            training.series = Series(f"pass-{number}") if several else training.network_series()[0]
        self._begin_pass(
            self._run.folder,
            prepared[0],
            training.model.network.theta.shape[1],
            number,
            [len(one) for one in self._passes],
        )
        self.begin_budget(prepared[0].config.seconds)
        self.train_pass(_key(number), training, lambda: self._collect_networks(training), elsewhere)
        self._log.flush()

    def log_sizes(self, *, flush: bool) -> dict[str, int]:
        """Return the number of bytes of each log, with all rows so far."""
        return {self._run.folds_csv.name: self._log.size(flush=flush)}

    def _collect_networks(self, training: FoldPass) -> None:
        """Collect the networks of a pass, with their predictions and how they ended."""
        last, ended = training.last, "budget" if training.out_of_time else "interrupted"
        assert last is not None
        members = [
            replace(training.model.select([k]), description=description)
            for k, description in enumerate(training.descriptions)
        ]
        for k, (planned, prepared, member) in enumerate(
            zip(training.folds, training.prepared, members, strict=True)
        ):
            fold = planned.fold
            if last.diverged[k]:
                self.trained.left_out.append({"repeat": fold.repeat, "fold": fold.fold})
                self.trained.from_start &= infinite_from_start(member, prepared.rows["train"])
                self._watcher.warn(
                    f"fold {fold.fold} of repetition {fold.repeat} diverged and is left out"
                )
                continue
            calibrated, _ = calibrate(member, prepared, prepared.config.calibration)
            predictions, metrics = predict_fold(fold, calibrated, prepared)
            result = FoldResult(
                repeat=fold.repeat,
                fold=fold.fold,
                seed=planned.seed,
                rows={part: len(rows) for part, rows in fold.parts.items()},
                stop_reason=last.stops[k] if last.stops else ended,
                best_epoch=int(last.kept_epoch[k]),
                figures=metrics,
            )
            rows = prepared.rows.get("validation", prepared.rows["train"])
            losses = measure_replicas(member, rows)["loss"].tolist()
            member = calibrated.members[0].with_losses(losses)
            self.trained.folds.append(_TrainedFold(result, member, predictions))

    def save(self, status: Status) -> None:
        """Write the model, the predictions, the metrics and the end of run.json."""
        # passes group folds by shape, not by number
        self.trained.folds.sort(key=lambda fold: (fold.result.repeat, fold.result.fold))
        if self.trained.folds:
            self._save_folds(self.trained.folds)
        results = self.trained.results
        self._run_file.close(
            status,
            stop_reason=results[0].stop_reason if status == "finished" else status,
            folds=[asdict(result) for result in results],
            left_out=self.trained.left_out,
        )
        self.remove_checkpoints(status)

    def _save_folds(self, folds: Sequence[_TrainedFold]) -> None:
        description = folds[0].member.description
        write_predictions(
            self._run.predictions,
            [fold.predictions for fold in folds],
            description.target,
            self._opened.target_values.values,
        )
        results = [fold.result for fold in folds]
        self.estimates = estimate_metrics(results)
        save_model_folder(
            Ensemble([fold.member for fold in folds]),
            self._run,
            self._opened.table,
            {},
            {"cross_validation": {name: one.mean for name, one in self.estimates.items()}},
        )
        files.write_json(
            self._run.metrics_json,
            {
                **metrics_document(self.estimates, results, self._passes[0][0].fitted.positive),
                **baselines_document(self.baselines),
            },
        )

    def raise_unless_finished(self, status: Status, learning_rate: float) -> None:
        """Raise InterruptedRunError or DivergedError if the training ended so."""
        if status == "interrupted":
            count = len(self.trained.folds)
            saved = f"the networks of {counted(count, 'fold')} are saved in {self._run.folder}"
            raise InterruptedRunError(
                f"interrupted; {saved if count else 'no fold had been trained'}; "
                f"next: bpnet resume {shell_path(self._run.folder)}",
                self.interruption.number,
                self._run.folder,
            )
        if status == "diverged":
            cause = divergence_cause(learning_rate, from_start=self.trained.from_start)
            raise DivergedError(f"training diverged in every fold: {cause}", self._run.folder)


def _key(number: int) -> str:
    """Return the key of a pass."""
    return f"{number:06d}"
