"""Gridding: the points of a grid trained, in one pass where their shapes agree, and ranked by the validation rows."""

import csv
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.config.grid import Point, dividing_keys, in_common, points_of
from bpnet.config.loading import load
from bpnet.config.schema import Config, Dataset, Preprocessing
from bpnet.config.source import Source
from bpnet.engine.metrics import HIGHER_IS_BETTER
from bpnet.errors import ConfigError, DivergedError, InterruptedRunError
from bpnet.experiment.building import architecture_errors, describe, memory_of_one
from bpnet.experiment.ending import interruptible_once, likely_cause
from bpnet.experiment.journal import Figures, Journal, Status, deviations, mean_figures
from bpnet.experiment.measuring import measure_each
from bpnet.experiment.model import Model
from bpnet.experiment.naming import run_name
from bpnet.experiment.running import (
    Watcher,
    epochs,
    figures_of,
    judged_part,
    new_run,
    save,
    threads,
    write_config,
)
from bpnet.preparation.preparing import Prepared, prepare
from bpnet.preparation.resolving import METRICS, resolve
from bpnet.runs import directory, files


@dataclass(frozen=True)
class PointResult:
    """How the networks of one point ended: where, which they are in replicas.csv, and the means of their figures.

    `score` is the figure that points are ranked by, None where every network diverged.
    """

    values: Mapping[str, str]
    run: Path
    networks: list[int]
    stop_reason: str
    best_epoch: int
    score: float | None
    figures: Figures
    deviation: Figures | None


@dataclass(frozen=True)
class Ranked:
    """The points of a finished grid, the best first, by which figure, and in how many passes they trained."""

    run: Path
    ranked_by: str
    part: str
    passes: int
    dividing_keys: list[str]
    points: list[PointResult]
    seconds: float


@dataclass(frozen=True)
class _Planned:
    """A point and its config, as it is written and as it is resolved for the table."""

    point: Point
    config: Config


def train_grid(
    source: Source,
    folder: Path,
    grids: Sequence[str],
    *,
    runs: Path,
    name: str | None,
    command: Sequence[str],
    watcher: Watcher,
) -> Ranked:
    """Train every point of a grid, and leave a run directory for each pass, whose model is the pass's best point.

    The rows are split by the config's own seed for all points. The best run's grid.csv holds the ranking. Raises
    UsageError, ConfigError, DataError or RunError; DivergedError where no network stayed finite; InterruptedRunError
    after what was learnt is saved.
    """
    start = time.perf_counter()
    points = points_of(source, grids)
    planned = [_Planned(point, load(point.source)) for point in points]
    common = [in_common(own.config) for own in planned]
    divided = dividing_keys(points, common)
    groups: dict[str, list[_Planned]] = {}
    for own, shape in zip(planned, common, strict=True):
        groups.setdefault(shape, []).append(own)
    name = run_name(planned[0].config, source) if name is None else directory.valid_name(name)
    seed = _own_seed(source, planned[0].config)
    ranked_by = _figure(planned)
    results: list[PointResult] = []
    status: Status = "finished"
    prepared: Prepared | None = None
    passes = 0
    for group in groups.values():
        config, first = replace(group[0].config, seed=seed), group[0].point.source
        prepared = prepare(config, first, folder, scratch=runs)
        for part in _fitting(group, prepared, first):
            passes += 1
            one = _Pass(part, prepared, folder, ranked_by)
            status = one.train(runs, name, command, watcher)
            results += one.results
            if status == "interrupted":
                break
        if status == "interrupted":
            break
    assert prepared is not None
    figure = ranked_by or METRICS[prepared.survey.answers.task][0]
    ranked = _ranked(results, figure)
    if status != "interrupted" and ranked[0].score is None:
        raise DivergedError(
            f"training diverged at every point: {likely_cause(planned[0].config.training.learning_rate)}"
        )
    _write(ranked[0].run / "grid.csv", ranked, figure)
    if status == "interrupted":
        raise InterruptedRunError(f"interrupted; the points that had begun are ranked in {ranked[0].run}/grid.csv")
    return Ranked(
        run=ranked[0].run,
        ranked_by=figure,
        part=judged_part(prepared.rows),
        passes=passes,
        dividing_keys=divided,
        points=ranked,
        seconds=time.perf_counter() - start,
    )


def _own_seed(source: Source, first: Config) -> int:
    """The seed that the config has without the grid; that of its first point where it makes sense with one alone."""
    try:
        return load(source).seed
    except ConfigError:
        return first.seed


def _figure(planned: Sequence[_Planned]) -> str | None:
    """The figure that points are ranked by: the loss, or where theirs cannot be compared the task's first metric."""
    compared = {
        repr((own.config.training.loss, own.config.architecture.output, own.config.task, _rows_of(own.config.dataset)))
        for own in planned
    }
    return "loss" if len(compared) == 1 else None


def _rows_of(dataset: Dataset) -> Dataset:
    """What of a dataset changes its losses, whatever becomes of the columns: rows, weights, and the target's scale."""
    target = Preprocessing(target=dataset.preprocessing.target)
    return replace(dataset, features=None, roles={}, preprocessing=target, storage="auto")


def _fitting(group: Sequence[_Planned], prepared: Prepared, source: Source) -> list[list[_Planned]]:
    """The points of a group in as few passes as the memory allows."""
    with architecture_errors(source):
        alone = describe(prepared).network()
    _, most = memory_of_one(prepared.config.training, alone, len(prepared.rows["train"]))
    size = int(max(1, min(most // max(own.config.replicas for own in group), len(group))))
    return [list(group[start : start + size]) for start in range(0, len(group), size)]


class _Pass:
    """Points whose networks train as replicas of one network."""

    def __init__(self, planned: Sequence[_Planned], prepared: Prepared, folder: Path, ranked_by: str | None) -> None:
        assert prepared.config.task is not None
        self._planned, self._prepared, self._folder = planned, prepared, folder
        self._figure = ranked_by or METRICS[prepared.config.task][0]
        self._configs = [_resolved(own, prepared) for own in planned]
        self._descriptions = [
            replace(describe(replace(prepared, config=config)), seeds=config.seeds) for config in self._configs
        ]
        self.results: list[PointResult] = []

    def train(self, runs: Path, name: str, command: Sequence[str], watcher: Watcher) -> Status:
        """Train the points into a run directory of their own; why that ended."""
        each = [
            (config.training, description.layers)
            for config, description in zip(self._configs, self._descriptions, strict=True)
            for _ in config.seeds
        ]
        seeds = [seed for config in self._configs for seed in config.seeds]
        with architecture_errors(self._planned[0].point.source):
            together = replace(self._descriptions[0], seeds=seeds)
            model = Model(together, together.network([layers for _, layers in each]))
        run = new_run(self._prepared, runs, name)
        journal = Journal(run, self._prepared, command, seeds)
        status: Status = "failed"
        with interruptible_once(), threads(self._prepared, model.network):
            try:
                watcher.begin(run.folder, self._prepared, model.network.theta.shape[1])
                for record, row in epochs(self._prepared, model, journal, [training for training, _ in each]):
                    watcher.epoch(row)
                    for warning in record.warnings:
                        watcher.warn(warning)
                status = "finished" if journal.finite.any() else "diverged"
            except KeyboardInterrupt:
                status = "interrupted"
            finally:
                self._save(model, run, journal, status, name)
        return status

    def _save(self, model: Model, run: directory.RunPaths, journal: Journal, status: Status, name: str) -> None:
        """Note how each point ended, and write the model and the figures of the best."""
        start = 0
        kept: list[tuple[list[int], Model, list[Figures]]] = []
        for own, description in zip(self._planned, self._descriptions, strict=True):
            networks = list(range(start, start + len(description.seeds)))
            start += len(networks)
            alive = [k for k in networks if journal.finite[k]]
            chosen = model.picked(alive or networks)
            chosen = Model(replace(description, seeds=chosen.description.seeds), chosen.network)
            figures = figures_of(chosen, self._prepared.rows)
            kept.append((alive or networks, chosen, figures))
            journal.chosen = alive or networks
            self.results.append(
                PointResult(
                    values=own.point.values,
                    run=run.folder,
                    networks=[k + 1 for k in networks],
                    stop_reason=journal.stop_reason or status,
                    best_epoch=journal.kept_epoch,
                    score=self._score(chosen) if alive else None,
                    figures=mean_figures(figures),
                    deviation=deviations(figures) if len(figures) > 1 else None,
                )
            )
        best = self.results.index(_ranked(self.results, self._figure)[0])
        journal.chosen, chosen, figures = kept[best]
        write_config(self._configs[best], name, self._folder, run)
        save(chosen, figures, self._prepared.rows, run)
        journal.close(status, [], journal.replicas(figures, status))

    def _score(self, model: Model) -> float:
        """The figure that points are ranked by, on the rows that judge; a loss without penalties, which differ."""
        bare = Model(replace(model.description, l1=0.0, l2=0.0), model.network)
        return float(measure_each(bare, self._prepared.rows[judged_part(self._prepared.rows)])[self._figure].mean())


def _resolved(own: _Planned, prepared: Prepared) -> Config:
    dataset, answers = prepared.config.dataset, prepared.survey.answers
    assert dataset.features is not None
    return resolve(
        own.config, own.point.source, answers.task, answers.wanted, dataset.features, dataset.roles, prepared.encoder
    )


def _ranked(results: Sequence[PointResult], figure: str) -> list[PointResult]:
    """The best first; those that diverged last."""
    sign = -1.0 if figure in HIGHER_IS_BETTER else 1.0

    def place(result: PointResult) -> float:
        return np.inf if result.score is None or not np.isfinite(result.score) else sign * result.score

    return sorted(results, key=place)


def _write(path: Path, ranked: Sequence[PointResult], figure: str) -> None:
    """Write grid.csv: a line for each point, the best first."""
    parts = ranked[0].figures
    columns = [f"{part}_{name}" for part in parts for name in parts[part]]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    names = ["rank", *ranked[0].values, f"ranked_by_{figure}"]
    writer.writerow([*names, "run", "networks", "stop_reason", "best_epoch", *columns])
    for rank, own in enumerate(ranked, start=1):
        networks = " ".join(map(str, own.networks))
        cells: list[Any] = [own.figures[part].get(name, "") for part in parts for name in parts[part]]
        score = "" if own.score is None else repr(own.score)
        writer.writerow(
            [rank, *own.values.values(), score, own.run.name, networks, own.stop_reason, own.best_epoch, *cells]
        )
    files.write_text(path, text.getvalue())
