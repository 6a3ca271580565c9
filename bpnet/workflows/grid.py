"""Gridding: the points of a grid trained, in one pass where their shapes agree, and ranked by the validation rows."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.config.grid import Point, dividing_keys, in_common, points_of
from bpnet.config.source import Source
from bpnet.data.splitting import Part
from bpnet.engine.metrics import HIGHER_IS_BETTER
from bpnet.errors import DivergedError, InterruptedRunError
from bpnet.models.build import architecture_errors
from bpnet.models.model import Model
from bpnet.models.training_metrics import measure_replicas
from bpnet.preparation.prepare import Prepared, encode
from bpnet.runs import directory, files
from bpnet.runs.journal import Journal
from bpnet.runs.metrics import PartMetrics, deviations, mean_metrics
from bpnet.runs.naming import run_name
from bpnet.runs.run_file import Status
from bpnet.workflows.grid_plan import PlannedPoint, judged_by, plan
from bpnet.workflows.session import (
    Watcher,
    epochs,
    figures_of,
    interruptible_once,
    judged_part,
    likely_cause,
    new_run,
    save,
    threads,
    write_config,
)


@dataclass(frozen=True)
class PointResult:
    """How the networks of one point ended: where, which they are in replicas.csv, and the means of their figures.

    `survivors` are those that did not diverge, to whom the figures belong; why it ended and with which epoch's weights
    is told of the first of them. `score` is the figure that points are ranked by, None where every network diverged.
    """

    values: Mapping[str, str]
    run: Path
    networks: list[int]
    survivors: list[int]
    stop_reason: str
    best_epoch: int
    score: float | None
    figures: PartMetrics
    deviation: PartMetrics | None


@dataclass(frozen=True)
class GridResult:
    """The points of a finished grid, the best first, by which figure, and in how many passes they trained."""

    run: Path
    ranked_by: str
    part: Part
    passes: int
    dividing_keys: list[str]
    points: list[PointResult]
    seconds: float


def train_grid(
    source: Source,
    grids: Sequence[str],
    *,
    runs: Path,
    name: str | None,
    command: Sequence[str],
    watcher: Watcher,
) -> GridResult:
    """Train every point of a grid, and leave a run directory for each pass, whose model is the pass's best point.

    The rows are split by the config's own seed for all points. The best run's grid.csv holds the ranking. Raises
    UsageError, ConfigError, DataError or RunError before anything trains; DivergedError where no network stayed finite,
    or InterruptedRunError, after what was learnt is saved.
    """
    start = time.perf_counter()
    points = points_of(source, grids)
    common = [in_common(point.loaded.config) for point in points]
    name = run_name(points[0].loaded) if name is None else directory.valid_name(name)
    passes = plan(points, common, source)
    figure, part = judged_by(passes)
    results: list[PointResult] = []
    status: Status = "finished"
    try:
        for one in passes:
            run = _Run(one.planned, encode(one.fitted, runs), figure)
            status = run.train(runs, name, command, watcher, results)
            if status == "interrupted":
                break
    except KeyboardInterrupt:  # between two passes
        if not results:
            raise
        status = "interrupted"
    ranked = _ranked(results, figure)
    _write(ranked[0].run / "grid.csv", ranked, figure)
    if status == "interrupted":
        raise InterruptedRunError(
            f"interrupted; the points that had begun are ranked in {ranked[0].run}/grid.csv"
        )
    if ranked[0].score is None:
        lowest = min(point.loaded.config.training.learning_rate for point in points)
        raise DivergedError(f"training diverged at every point: {likely_cause(lowest)}")
    return GridResult(
        run=ranked[0].run,
        ranked_by=figure,
        part=part,
        passes=len(passes),
        dividing_keys=dividing_keys(points, common),
        points=ranked,
        seconds=time.perf_counter() - start,
    )


class _Run:
    """The run of a pass."""

    def __init__(self, planned: Sequence[PlannedPoint], prepared: Prepared, figure: str) -> None:
        self._planned, self._prepared, self._figure = planned, prepared, figure

    def train(
        self,
        runs: Path,
        name: str,
        command: Sequence[str],
        watcher: Watcher,
        results: list[PointResult],
    ) -> Status:
        """Train the points into a run directory of their own, and add how each ended; why the run did."""
        each = [own for own in self._planned for _ in own.config.seeds]
        seeds = [seed for own in self._planned for seed in own.config.seeds]
        with architecture_errors(self._planned[0].point.loaded):
            together = replace(self._planned[0].description, seeds=seeds)
            model = Model(together, together.network([own.description.layers for own in each]))
        run = new_run(self._prepared, runs, name)
        journal = Journal(run, self._prepared, command, seeds)
        status: Status = "failed"
        with interruptible_once() as interruption, threads(self._prepared, model.network):
            try:
                watcher.begin(run.folder, self._prepared, model.network.theta.shape[1], len(seeds))
                settings = [own.config.training for own in each]
                with closing(epochs(self._prepared, model, journal, each=settings)) as records:
                    for record, row in records:
                        watcher.epoch(row)
                        for warning in record.warnings:
                            watcher.warn(warning)
                status = "finished" if journal.finite.any() else "diverged"
            except KeyboardInterrupt:
                status = "interrupted"
            finally:
                interruption.saving = True
                results += self._save(model, run, journal, status, name)
        for k in np.flatnonzero(~journal.finite).tolist():
            watcher.warn(
                f"network {k + 1} ({_said(each[k].point)}, seed {seeds[k]}) diverged and is left out"
            )
        return "interrupted" if interruption.asked else status

    def _save(
        self, model: Model, run: directory.RunPaths, journal: Journal, status: Status, name: str
    ) -> list[PointResult]:
        """Write the model and the figures of the best point; how each ended."""
        start = 0
        kept: list[tuple[list[int], Model, list[PartMetrics]]] = []
        results = []
        for own in self._planned:
            networks = list(range(start, start + len(own.description.seeds)))
            start += len(networks)
            alive = [k for k in networks if journal.finite[k]]
            own_networks = alive or networks
            picked = model.select(own_networks)
            chosen = Model(replace(own.description, seeds=picked.description.seeds), picked.network)
            figures = figures_of(chosen, self._prepared.rows)
            kept.append((own_networks, chosen, figures))
            stop, epoch = journal.ending(own_networks[0])
            results.append(
                PointResult(
                    values=own.point.values,
                    run=run.folder,
                    networks=[k + 1 for k in networks],
                    survivors=[k + 1 for k in alive],
                    stop_reason=(stop or status) if alive else "diverged",
                    best_epoch=epoch,
                    score=self._score(chosen) if alive else None,
                    figures=mean_metrics(figures),
                    deviation=deviations(figures) if len(figures) > 1 else None,
                )
            )
        best = results.index(_ranked(results, self._figure)[0])
        journal.chosen, chosen, figures = kept[best]
        planned = self._planned[best]
        write_config(planned.config, name, planned.point.loaded.folder, run)
        save(chosen, figures, self._prepared.rows, run)
        journal.close(status, [], journal.replicas(figures, status))
        return results

    def _score(self, model: Model) -> float:
        """The figure that points are ranked by, on the rows that judge; a loss without penalties, which differ."""
        bare = Model(replace(model.description, l1=0.0, l2=0.0), model.network)
        return float(
            measure_replicas(bare, self._prepared.rows[judged_part(self._prepared.rows)])[
                self._figure
            ].mean()
        )


def _said(point: Point) -> str:
    return ", ".join(f"{key}={value}" for key, value in point.values.items())


def _ranked(results: Sequence[PointResult], figure: str) -> list[PointResult]:
    """The best first; those that diverged last."""
    sign = -1.0 if figure in HIGHER_IS_BETTER else 1.0

    def place(result: PointResult) -> float:
        return (
            np.inf if result.score is None or not np.isfinite(result.score) else sign * result.score
        )

    return sorted(results, key=place)


def _write(path: Path, ranked: Sequence[PointResult], figure: str) -> None:
    """Write grid.csv: a line for each point, the best first; a cell is blank where a point lacks the figure."""
    columns = list(
        dict.fromkeys(
            (part, name) for own in ranked for part in own.figures for name in own.figures[part]
        )
    )
    about = ["run", "networks", "survivors", "stop_reason", "best_epoch"]
    figures = [f"{part}_{name}" for part, name in columns]

    def line(rank: int, own: PointResult) -> list[Any]:
        networks, survivors = (
            " ".join(map(str, numbers)) for numbers in (own.networks, own.survivors)
        )
        score = "" if own.score is None else own.score
        cells = [own.figures.get(part, {}).get(name, "") for part, name in columns]
        told = [own.run.name, networks, survivors, own.stop_reason, own.best_epoch]
        return [rank, *own.values.values(), score, *told, *cells]

    header = ["rank", *ranked[0].values, f"ranked_by_{figure}", *about, *figures]
    files.write_csv(path, header, (line(rank, own) for rank, own in enumerate(ranked, start=1)))
