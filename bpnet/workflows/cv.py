"""Cross-validating: a network for each fold, in one pass where their shapes agree, and what they estimate."""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.engine.loop.batches import stacked
from bpnet.engine.loop.fit import Record, fit
from bpnet.errors import DivergedError, InterruptedRunError
from bpnet.models.build import describe
from bpnet.models.description import Description
from bpnet.models.ensemble import Ensemble, separate
from bpnet.models.model import Model
from bpnet.models.training_metrics import measure_replicas, training_metrics
from bpnet.preparation.folds import check_foldable, draw_folds
from bpnet.preparation.prepare import Contents, Prepared, contents
from bpnet.runs import directory, files
from bpnet.runs.journal import metric_columns
from bpnet.runs.log import MetricsLog
from bpnet.runs.naming import run_name
from bpnet.runs.predictions import FoldPredictions, write_predictions
from bpnet.runs.run_file import RunFile, Status
from bpnet.runs.splits import write_folds
from bpnet.scoring.estimates import Estimate, FoldResult, estimate_metrics, metrics_document
from bpnet.workflows.cv_plan import PlannedFold, encoded, in_passes, plan
from bpnet.workflows.out_of_fold import predict_fold
from bpnet.workflows.session import (
    EpochWatcher,
    Interruption,
    interruptible_once,
    likely_cause,
    threads,
    write_config,
)


class Watcher(EpochWatcher, Protocol):
    """Who looks on while folds train."""

    def begin_pass(
        self, run: Path, first: Prepared, parameters: int, number: int, passes: Sequence[int]
    ) -> None:
        """A pass begins, the `number`-th from 1 of those with so many folds each; `first` is its first fold."""


@dataclass(frozen=True)
class CVResult:
    """A finished cross-validation: where it is, its estimates, how each fold ended, and in how many passes."""

    run: Path
    folds: int
    repeats: int
    passes: int
    estimates: dict[str, Estimate]
    results: list[FoldResult]
    left_out: list[dict[str, int]]
    """Repetition and number of each fold whose network diverged."""
    seconds: float
    training_seconds: float
    """Of these, the time in which networks trained."""


class _Done(NamedTuple):
    """What a fold left that has trained."""

    result: FoldResult
    member: Model
    answered: FoldPredictions


@dataclass
class _Learnt:
    """What the folds that have trained so far left, and the time they took."""

    done: list[_Done] = field(default_factory=list)
    left_out: list[dict[str, int]] = field(default_factory=list)
    """Repetition and number of each fold whose network diverged."""
    seconds: float = 0.0

    @property
    def results(self) -> list[FoldResult]:
        """How each fold ended."""
        return [own.result for own in self.done]


def cross_validate(
    loaded: LoadedConfig,
    *,
    folds: int,
    repeats: int,
    runs: Path,
    name: str | None,
    command: Sequence[str],
    watcher: Watcher,
) -> CVResult:
    """Train a network for each fold of each repetition, and leave a run directory whose model is all of them.

    Network k has the seed `seed` + k - 1. Raises ConfigError, DataError or RunError before the run directory exists;
    DivergedError where no fold's network stayed finite, or InterruptedRunError, after what was learnt is saved.
    """
    start = time.perf_counter()
    config = loaded.config
    check_foldable(loaded, folds, repeats)
    name = f"{run_name(loaded)}-cv" if name is None else directory.valid_name(name)
    found = contents(loaded)
    drawn = draw_folds(found, folds, repeats)
    passes = in_passes([plan(fold, config.seed + k, found) for k, fold in enumerate(drawn)])
    ready = [encoded(passes[0], runs)]  # in most tables every bad cell is met here
    run = directory.RunPaths(directory.create(runs, name))
    write_config(config, run_name(loaded), loaded.folder, run)
    write_folds(run.splits, drawn, len(found.answers.values))
    run_file = RunFile(
        run.run,
        seed=config.seed,
        data_sha256=found.opened.table.digest,
        command=command,
        start=start,
        folds=[],
    )
    learnt = _Learnt()
    status: Status = "failed"
    try:
        with interruptible_once() as interruption:
            try:
                _train(passes, ready, run, runs, learnt, watcher, interruption)
                status = "finished" if learnt.done else "diverged"
            except KeyboardInterrupt:
                status = "interrupted"
            finally:
                interruption.saving = True
                found_estimates = _save(learnt, run, found)
    finally:
        run_file.close(status, **_ending(learnt, status))
    if status == "interrupted":
        saved = f"the networks of {len(learnt.done)} folds are saved in {run.folder}"
        raise InterruptedRunError(
            f"interrupted; {saved if learnt.done else 'no fold had been trained'}"
        )
    if status == "diverged":
        raise DivergedError(
            f"training diverged in every fold: {likely_cause(config.training.learning_rate)}"
        )
    return CVResult(
        run=run.folder,
        folds=folds,
        repeats=repeats,
        passes=len(passes),
        estimates=found_estimates,
        results=learnt.results,
        left_out=learnt.left_out,
        seconds=time.perf_counter() - start,
        training_seconds=learnt.seconds,
    )


def _train(
    passes: Sequence[Sequence[PlannedFold]],
    ready: list[list[Prepared]],
    run: directory.RunPaths,
    scratch: Path,
    learnt: _Learnt,
    watcher: Watcher,
    interruption: Interruption,
) -> None:
    """Train one pass after another, whose epochs go to folds.csv; an interrupted one leaves what it has learnt.

    `ready` holds the folds of the first pass, and is emptied.
    """
    validated = bool(len(passes[0][0].fold.parts["validation"]))
    names = metric_columns(passes[0][0].fitted.config, validated=validated)
    columns = ["epoch", "repeat", "fold", *names, "learning_rate", "gradient_norm"]
    with MetricsLog(run.folds_csv, columns) as log:
        for number, group in enumerate(passes, start=1):
            prepared = ready.pop() if ready else encoded(group, scratch)
            descriptions = [
                replace(describe(fold), seeds=[own.seed])
                for own, fold in zip(group, prepared, strict=True)
            ]
            together = replace(descriptions[0], seeds=[own.seed for own in group])
            model = Model(together, together.network())
            parameters = model.network.theta.shape[1]
            watcher.begin_pass(
                run.folder, prepared[0], parameters, number, [len(one) for one in passes]
            )
            last: Record | None = None
            start = time.perf_counter()
            try:
                with closing(_epochs(prepared, descriptions, model)) as records:
                    for record in records:
                        last = record
                        _log(log, record, group)
                        watcher.epoch(_means(record))
                        for warning in record.warnings:
                            watcher.warn(warning)
            finally:
                interruption.saving = True
                learnt.seconds += time.perf_counter() - start
                log.flush()
                if last is not None:
                    _learn(learnt, group, prepared, separate(model, descriptions), last, watcher)
                interruption.saving = False
            del prepared, model  # before the next pass is encoded
            if interruption.asked:
                raise KeyboardInterrupt


def _epochs(
    prepared: Sequence[Prepared], descriptions: Sequence[Description], model: Model
) -> Generator[Record, None, None]:
    rows = stacked([fold.rows["train"] for fold in prepared])
    validation = None
    if "validation" in prepared[0].rows:
        validation = stacked([fold.rows["validation"] for fold in prepared])
    records = fit(
        prepared[0].config.training,
        model.network,
        rows,
        validation,
        training_metrics(*descriptions),
    )
    with closing(records), threads(prepared[0], model.network):
        yield from records


def _log(log: MetricsLog, record: Record, group: Sequence[PlannedFold]) -> None:
    figures = np.array([*record.metrics.values(), record.learning_rate, record.gradient_norm])
    rows = [
        [record.epoch, own.fold.repeat, own.fold.fold, *values]
        for own, values, running in zip(
            group, figures.T.tolist(), record.running.tolist(), strict=True
        )
        if running
    ]
    log.append(*rows, now=time.perf_counter())


def _means(record: Record) -> dict[str, float]:
    counted = record.running & ~record.diverged
    chosen = counted if counted.any() else ~counted
    return {
        "epoch": record.epoch,
        **{name: float(values[chosen].mean()) for name, values in record.metrics.items()},
    }


def _learn(
    learnt: _Learnt,
    group: Sequence[PlannedFold],
    prepared: Sequence[Prepared],
    members: Sequence[Model],
    last: Record,
    watcher: Watcher,
) -> None:
    """Take in the networks of a pass: what each says of its fold's rows, and how it ended."""
    for k, (own, fold, member) in enumerate(zip(group, prepared, members, strict=True)):
        stop = last.stops[k] if last.stops else "interrupted"
        if last.diverged[k]:
            learnt.left_out.append({"repeat": own.fold.repeat, "fold": own.fold.fold})
            watcher.warn(
                f"fold {own.fold.fold} of repetition {own.fold.repeat} diverged and is left out"
            )
            continue
        answered, figures = predict_fold(own.fold, member, fold)
        result = FoldResult(
            own.fold.repeat,
            own.fold.fold,
            own.seed,
            {part: len(rows) for part, rows in own.fold.parts.items()},
            stop,
            int(last.kept_epoch[k]),
            figures,
        )
        losses = measure_replicas(member, fold.rows.get("validation", fold.rows["train"]))[
            "loss"
        ].tolist()
        learnt.done.append(_Done(result, member.with_losses(losses), answered))


def _save(learnt: _Learnt, run: directory.RunPaths, found: Contents) -> dict[str, Estimate]:
    """Write the model, the predictions and the figures, by the folds' numbers; what they estimate."""
    learnt.done.sort(key=lambda own: (own.result.repeat, own.result.fold))
    if not learnt.done:
        return {}
    Ensemble([own.member for own in learnt.done]).save(run.model)
    description = learnt.done[0].member.description
    digits = 7 if description.precision == "float32" else 16
    answered = [own.answered for own in learnt.done]
    write_predictions(run.predictions, answered, description.target, found.answers.values, digits)
    estimated = estimate_metrics(learnt.results)
    files.write_json(run.metrics_json, metrics_document(estimated, learnt.results))
    return estimated


def _ending(learnt: _Learnt, status: Status) -> dict[str, Any]:
    return {
        "stop_reason": learnt.results[0].stop_reason if status == "finished" else status,
        "folds": [asdict(result) for result in learnt.results],
        "left_out": learnt.left_out,
    }
