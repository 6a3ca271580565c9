"""Training on folds: an ensemble of one or several kinds of network, into one run directory."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from bpnet.config.presets.expand import preset_record
from bpnet.data.splitting import Indices
from bpnet.engine.component import Array
from bpnet.errors import DivergedError, InterruptedRunError
from bpnet.messages import shell_path
from bpnet.preparation.encode import EncodedDataset, encode_dataset
from bpnet.preparation.open import OpenedDataset
from bpnet.preparation.training_folds import without_validation
from bpnet.runs import files
from bpnet.runs.config_file import write_config
from bpnet.runs.directory import RunPaths
from bpnet.runs.members_log import MembersLog
from bpnet.runs.predictions import FoldPredictions, write_predictions
from bpnet.runs.run_file import RunFile, Status
from bpnet.runs.splits import write_splits
from bpnet.scoring.constant_comparison import ConstantComparison, compare_with_constant
from bpnet.scoring.metric_values import metric_values
from bpnet.scoring.metrics import EVALUATION_METRICS, LOG_LOSS
from bpnet.workflows.combine_members import CombinedMembers, combine_members
from bpnet.workflows.draws_table import write_draws
from bpnet.workflows.member_session import MemberSession, pass_count
from bpnet.workflows.member_training import TrainedMember
from bpnet.workflows.members_plan import MembersPlan, plan_members
from bpnet.workflows.model_folder import save_model_folder
from bpnet.workflows.prediction_columns import numbers
from bpnet.workflows.row_groups import read_groups
from bpnet.workflows.run_place import NewRun, Place
from bpnet.workflows.run_rows import save_fingerprints
from bpnet.workflows.session import MemberWatcher, divergence_cause

Metrics = dict[str, float | None]


@dataclass(frozen=True)
class MemberResult:
    """A member: its weight in the blend, its epochs, and its own metrics on held-out rows."""

    name: str
    weight: float
    temperature: float
    best_epoch: int
    epochs: int
    stop_reason: str
    left_out: list[int]
    """The networks that diverged, numbered from 1."""
    out_of_fold: Metrics
    draw: int | None = None
    """The number of the draw, from 1; None of a member without a pack."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the draw in which it differs from the config."""


@dataclass(frozen=True)
class FoldsResult:
    """A finished run: its directory, its members, and the scores on rows it has not seen."""

    run: Path
    folds: int
    repeats: int
    refit: bool
    networks: int
    members: list[MemberResult]
    rows: dict[str, int]
    """Number of rows that are scored, by part: `out_of_fold`, and `test` if rows are held out."""
    metrics: dict[str, Metrics]
    """The metrics of the whole model on these."""
    positive: str | None
    """The class, of two, whose average precision it is; None of more, or of other tasks."""
    class_weighted: bool
    constant: ConstantComparison
    """The loss of held-out rows beside that of the best constant prediction."""
    seconds: float
    training_seconds: float
    """The part of the seconds in which networks trained."""
    rounds: int = 1
    """The rounds in which members trained, each over folds of its own."""
    draws: int = 0
    """The draws of packs that trained, from which members were picked; 0 without packs."""
    budget: float | None = None
    """The time budget in seconds."""
    not_begun: list[str] = field(default_factory=list)
    """What the time budget left out."""
    cut_short: bool = False
    """True if the time budget left something out, or ended the training of networks."""


def train_folds(
    opened: OpenedDataset,
    *,
    runs: Path,
    name: str,
    command: Sequence[str],
    watcher: MemberWatcher,
) -> FoldsResult:
    """Train the networks of every fold, member by member; the model blends their predictions.

    `opened` is the dataset of a config with folds; the other parameters are those of `train`, whose
    run has the `name`. Raises ConfigError, DataError or RunError before the run
    directory exists; DivergedError, if every network diverged, or InterruptedRunError after what
    has been trained is saved.
    """
    return train_folds_in(NewRun(runs, name, command), opened, watcher)


def train_folds_in(place: Place, opened: OpenedDataset, watcher: MemberWatcher) -> FoldsResult:
    """Train the networks of every fold into a new run directory, or go on in one."""
    start = time.perf_counter()
    session = begin_folds(place, plan_folds(opened), start, watcher)
    status = session.run()
    session.remove_checkpoints(status)
    session.raise_unless_finished(status)
    return session.result()


def plan_folds(opened: OpenedDataset) -> MembersPlan:
    """Return the plan of an ensemble whose split holds out test rows only."""
    return plan_members(replace(opened, loaded=without_validation(opened.loaded)))


def begin_folds(
    place: Place,
    plan: MembersPlan,
    start: float,
    watcher: MemberWatcher,
    *,
    title: str = "",
    details: Mapping[str, Any] = MappingProxyType({"kind": "folds"}),
) -> "FoldsSession":
    """Open the run directory of an ensemble, and return the session that trains it.

    `start` is the performance counter when the run began; `title` says which ensemble of several it
    is; `details` are the kind of the run, for run.json. Raises DataError or RunError before the run
    directory exists.
    """
    first = encode_dataset(plan.members[0], place.scratch)

    def describe(run: RunPaths, name: str) -> None:
        write_config(plan.config, name, plan.loaded.folder, run)
        save_fingerprints(run, first)

    run, run_file = place.open(
        lambda path: write_splits(path, first.split.part_numbers),
        describe,
        seed=plan.config.seed,
        data_sha256=first.split.table.digest,
        start=start,
        rows={part: len(rows) for part, rows in first.parts.items() if len(rows)},
        warnings=[*plan.warnings, *first.warnings],
        members=[],
        **details,
        **preset_record(plan.loaded),
    )
    for text in plan.warnings:
        watcher.warn(text)
    return FoldsSession(plan, first, run, run_file, place, watcher, title)


class FoldsSession(MemberSession):
    """The training of all members, and what the run directory keeps of it."""

    def __init__(
        self,
        plan: MembersPlan,
        first: EncodedDataset,
        run: RunPaths,
        run_file: RunFile,
        place: Place,
        watcher: MemberWatcher,
        title: str = "",
    ) -> None:
        super().__init__(run, run_file, place, watcher, plan.config)
        self._plan, self._title = plan, title
        self._ready = [first]
        """The encoded rows of the first member, until it trains."""
        self.trained: list[TrainedMember] = []
        self._members: list[MemberResult] = []
        self._rows: dict[str, int] = {}
        self.metrics: dict[str, Metrics] = {}
        self.networks = 0
        self.begin_budget(plan.config.seconds, time.perf_counter() - run_file.start)

    def train(self) -> Status:
        """Train every member; all have diverged if none is left."""
        self._log = log = MembersLog(
            self._run.metrics_csv,
            self._run.replicas_csv,
            self._plan.columns,
            self._run_file.start,
            on_error=self.on_write_error,
            sizes=self._saved.sizes,
        )
        with log, self.saved_between_passes():
            steps = self.steps(self._plan, log, self.trained, first=self._ready, title=self._title)
            self.train_steps(steps, pass_count(self._plan))
        return "finished" if self.trained else "diverged"

    def log_sizes(self, *, flush: bool) -> dict[str, int]:
        """Return the number of bytes of each log, with all rows so far."""
        return self._log.sizes(flush=flush)

    def save(self, status: Status) -> None:
        """Write the model, the predictions, the metrics and the end of run.json."""
        if self.trained:
            self._save_model(combine_members(self._plan, self.trained))
        self._run_file.close(
            status,
            stop_reason=self.trained[0].stop_reason if status == "finished" else status,
            members=[asdict(member) for member in self._members],
            not_begun=self.not_begun,
        )

    def _save_model(self, combined: CombinedMembers) -> None:
        plan, target = self._plan, combined.ensemble.description.target
        if plan.packed:
            write_draws(self._run.draws_csv, combined.candidates)
        held_out = np.flatnonzero(np.isfinite(combined.out_of_fold).all(axis=1))
        rows = {"out_of_fold": (plan.folds.rows[held_out], combined.out_of_fold[held_out])}
        if combined.test is not None:
            rows["test"] = (plan.members[0].split.parts["test"], combined.test)
        self.networks = sum(len(one.model.description.seeds) for one in combined.members)
        self._rows = {part: len(numbers) for part, (numbers, _) in rows.items()}
        weights, scored = plan.members[0].weights(), plan.folds.rows[held_out]
        group, table = plan.config.dataset.split.group, plan.members[0].split.table
        groups = read_groups(table, group, scored)
        self._constant = compare_with_constant(
            plan.members[0].target,
            plan.members[0].split.target_values.values[scored],
            combined.out_of_fold[held_out],
            None if weights is None else weights[scored],
            self._level_folds()[held_out] if group else None,
            None if groups is None else groups.numbers,
        )
        every = [metric.name for metric in EVALUATION_METRICS[plan.members[0].resolved.task]]
        self.metrics = {part: self._score(*each, every) for part, each in rows.items()}
        save_model_folder(combined.ensemble, self._run, table, self._rows, self.metrics)
        self._members = [
            MemberResult(
                name=member.name,
                weight=weight,
                temperature=temperature,
                best_epoch=member.best_epoch,
                epochs=member.epochs,
                stop_reason=member.stop_reason,
                left_out=member.left_out,
                out_of_fold=self._score(
                    plan.folds.rows[held_out], own[held_out], (every[0], LOG_LOSS.name)
                ),
                draw=member.draw,
                settings=member.settings,
            )
            for member, weight, temperature, own in zip(
                combined.members,
                combined.weights,
                combined.temperatures,
                combined.each,
                strict=True,
            )
        ]
        write_predictions(
            self._run.predictions,
            self._fold_predictions(combined),
            target,
            plan.members[0].split.target_values.values,
        )
        files.write_json(
            self._run.metrics_json,
            {
                **self.metrics,
                "rows": self._rows,
                "members": [
                    {
                        "name": member.name,
                        "weight": member.weight,
                        "out_of_fold": member.out_of_fold,
                    }
                    for member in self._members
                ],
                "positive": plan.members[0].positive,
                "constant": asdict(self._constant),
            },
        )

    def _level_folds(self) -> np.ndarray:
        """Return the fold (N,) of the first repetition that holds out each row; -1 of none."""
        folds, fold_of = self._plan.folds, np.full(len(self._plan.folds.rows), -1)
        for fold, held_out in zip(folds.folds, folds.held_out, strict=True):
            if fold.repeat == 1:
                fold_of[held_out] = fold.fold
        return fold_of

    def _score(self, rows: Indices, predicted: Array, names: Collection[str]) -> Metrics:
        """Return some metrics of predictions (N, K) for these rows of the table."""
        fitted = self._plan.members[0]
        true = fitted.split.target_values.values[rows]
        return metric_values(fitted.target, true, predicted, names)

    def _fold_predictions(self, combined: CombinedMembers) -> list[FoldPredictions]:
        """Return the model's predictions for the rows of each fold of the first repetition."""
        folds, each = self._plan.folds, []
        for fold, held_out in zip(folds.folds, folds.held_out, strict=True):
            predicted = combined.out_of_fold[held_out]
            if fold.repeat == 1 and np.isfinite(predicted).all():
                columns = numbers(combined.ensemble, predicted)
                each.append(FoldPredictions(fold, predicted, columns))
        return each

    def raise_unless_finished(self, status: Status) -> None:
        """Raise InterruptedRunError or DivergedError if the training ended so."""
        run = self._run.folder
        if status == "interrupted":
            saved = f"nothing had been trained; next: bpnet resume {shell_path(run)}"
            if self.trained:
                several = len(self._plan.first_seeds)
                which = f"{len(self.trained)} of {several} members"
                which = which if several > 1 else "the networks"
                saved = f"{which} are saved in {run}; next: bpnet resume {shell_path(run)}"
                saved += f", or bpnet eval {shell_path(run)}"
            raise InterruptedRunError(f"interrupted; {saved}", self.interruption.number, run)
        if status == "diverged":
            rates = [member.config.training.learning_rate for member in self._plan.members]
            cause = divergence_cause(max(rates), from_start=self.from_start)
            raise DivergedError(f"training diverged in every network: {cause}", self._run.folder)

    def result(self) -> FoldsResult:
        """Return the result of a finished training."""
        plan = self._plan
        return FoldsResult(
            run=self._run.folder,
            folds=len(plan.folds.folds) // plan.folds.repeats,
            repeats=plan.folds.repeats,
            refit=plan.config.refit,
            networks=self.networks,
            rounds=max(member.round for member in self.trained),
            draws=sum(member.draw is not None for member in self.trained),
            budget=plan.config.seconds,
            not_begun=self.not_begun,
            cut_short=bool(self.not_begun)
            or any(member.stop_reason == "budget" for member in self.trained),
            members=self._members,
            rows=self._rows,
            metrics=self.metrics,
            positive=plan.members[0].positive,
            class_weighted=plan.members[0].class_weighted,
            constant=self._constant,
            seconds=time.perf_counter() - self._run_file.start,
            training_seconds=self.seconds,
        )
