"""Grids: the points of a grid trained, together where their shapes agree, and ranked."""

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.config.grid import Point, dividing_keys, expand_grid, pass_key
from bpnet.config.loading import load_config
from bpnet.config.presets.expand import preset_of
from bpnet.config.source import Source
from bpnet.doctor.doctor import Doctor
from bpnet.engine.loop.fit import Fit
from bpnet.engine.loop.record import Record
from bpnet.errors import CutOffRunError, DivergedError, InterruptedRunError, RunError
from bpnet.integrations.trackers.tracker import Setting
from bpnet.messages import shell_path
from bpnet.models.build import architecture_errors
from bpnet.models.model import Model
from bpnet.models.training_metrics import measure_parts, measure_replicas, ranking_part
from bpnet.paths import is_file
from bpnet.preparation.encode import EncodedDataset, encode_dataset
from bpnet.preparation.preset import open_with_preset
from bpnet.runs import directory, files
from bpnet.runs.checkpoints import Checkpoints
from bpnet.runs.config_file import write_config
from bpnet.runs.directory import RunPaths
from bpnet.runs.journal import Journal
from bpnet.runs.metrics import PartMetrics, deviations, mean_metrics
from bpnet.runs.naming import run_name
from bpnet.runs.run_file import Status
from bpnet.runs.splits import restore_splits, write_splits
from bpnet.workflows.grid_folds import ensemble_metric, plan_ensembles, train_ensembles
from bpnet.workflows.grid_plan import GridPass, PlannedPoint, plan_points, ranking_of, split_seed
from bpnet.workflows.grid_ranking import PointResult, rank, write_grid
from bpnet.workflows.grid_runs import GridRuns, TrainedPart
from bpnet.workflows.replica_session import ReplicaSession, new_run
from bpnet.workflows.run_place import check_data
from bpnet.workflows.session import RunWatcher, TrainWatcher, cut_off, divergence_cause
from bpnet.workflows.side_by_side import side_by_side
from bpnet.workflows.tracking import require_trackers


@dataclass(frozen=True)
class GridResult:
    """A finished grid: its best run, the ranked points, and the number of passes they took."""

    run: Path
    ranked_by: str
    part: str
    """The part of the rows, or `out_of_fold`."""
    passes: int
    dividing_keys: list[str]
    points: list[PointResult]
    seconds: float
    ensembles: bool = False
    """True if each point is an ensemble on folds, with a run of its own."""


def train_grid(
    source: Source,
    grids: Sequence[str],
    *,
    runs: Path,
    name: str | None,
    command: Sequence[str],
    watcher: TrainWatcher,
) -> GridResult:
    """Train every point of a grid, into a run directory for each pass.

    A pass trains points whose networks have the same shape; its run keeps the model of its best
    point. Ensembles on folds train one after another, each into a run of its own, and are ranked by
    held-out rows. The rows are split by the config's own seed for all points. The best run's
    grid.csv holds the ranking. `grids` are KEY=V1,V2,…; the other parameters are those of `train`.
    Raises UsageError, ConfigError, DataError or RunError before anything trains; DivergedError or
    InterruptedRunError after what has been trained is saved.
    """
    points = expand_grid(_with_fast_preset(source), grids)
    name = run_name(points[0].loaded) if name is None else directory.valid_name(name)
    return train_grid_in(GridRuns(source, grids, runs, name, command), watcher)


def train_grid_in(grid: GridRuns, watcher: TrainWatcher) -> GridResult:
    """Train a grid into new run directories, or go on in those that there are."""
    with grid:
        try:
            return _train_grid_in(grid, watcher)
        except CutOffRunError:
            raise
        except RunError as error:  # between two of its runs
            begun = [run for run in grid.begun.values() if is_file(run.run)]
            if not begun:
                raise
            raise cut_off(error, begun[0].folder) from error


def _train_grid_in(grid: GridRuns, watcher: TrainWatcher) -> GridResult:
    start, source = time.perf_counter(), grid.source
    points = expand_grid(_with_fast_preset(source), grid.grids)
    for point in points:
        require_trackers(point.loaded)
    keys = [pass_key(point.loaded.config) for point in points]
    ensembles = any(map(_on_folds, points))
    part: str = "out_of_fold"
    if ensembles:
        planned = plan_ensembles(points, split_seed(source, points))
        metric, count = ensemble_metric(planned), len(planned)
        results, number = train_ensembles(planned, metric, grid, watcher)
    else:
        passes = plan_points(points, keys, source)
        (metric, part), count = ranking_of(passes), len(passes)
        results, number = _train_passes(passes, metric, grid, watcher)
    ranked = rank(results, metric)
    write_grid(ranked[0].run / "grid.csv", ranked, metric)
    if number:
        run = ranked[0].run
        raise InterruptedRunError(
            f"interrupted; the points that had begun are ranked in {run}/grid.csv; "
            f"next: bpnet resume {shell_path(run)}",
            number,
            run,
        )
    grid.finish()
    if ranked[0].score is None:
        lowest = min(point.loaded.config.training.learning_rate for point in points)
        from_start = not ensembles and not any(
            np.isfinite(point.figures["train"]["loss"]) for point in ranked
        )
        cause = divergence_cause(lowest, from_start=from_start)
        raise DivergedError(f"training diverged at every point: {cause}", ranked[0].run)
    return GridResult(
        run=ranked[0].run,
        ranked_by=metric,
        part=part,
        passes=count,
        dividing_keys=[] if ensembles else dividing_keys(points, keys),
        points=ranked,
        seconds=time.perf_counter() - start,
        ensembles=ensembles,
    )


def _with_fast_preset(source: Source) -> Source:
    """Return the source with the keys of its preset, if that trains one network, written out."""
    loaded = load_config(source)
    if preset_of(loaded) != "fast":
        return source
    expanded = open_with_preset(loaded).loaded
    return source if expanded.config.folds is not None else expanded.source


def _on_folds(point: Point) -> bool:
    """Return whether a point trains an ensemble on folds, by itself or by its preset."""
    return point.loaded.config.folds is not None or preset_of(point.loaded) is not None


def _train_passes(
    passes: Sequence[GridPass], metric: str, grid: GridRuns, watcher: RunWatcher
) -> tuple[list[PointResult], int]:
    """Train one pass after another, as `GridRuns.in_turn` does, or several side by side."""
    begun: dict[int, _PassSession] = {}

    def sessions() -> Iterator[_PassSession]:
        for number, group in enumerate(passes, start=1):
            if grid.results(number) is None:
                prepared = encode_dataset(group.fitted, grid.runs)
                details = grid.details(number, len(passes))
                begun[number] = _PassSession(
                    group, prepared, metric, grid, number, details, watcher
                )
                del prepared  # which the next one needs no more
                yield begun[number]

    ahead = side_by_side(sessions(), _PassSession.task_of_workers, len(passes))

    def train(number: int) -> TrainedPart:
        session, elsewhere = next(ahead)
        del begun[number]
        session.train_elsewhere(elsewhere)
        status = session.run()
        session.warn_of_diverged_networks()
        return TrainedPart(session.results, status, session.interruption)

    try:
        with closing(ahead):
            return grid.in_turn(len(passes), train)
    finally:  # runs that were made for workers, and have not trained
        for number, session in begun.items():
            session.discard(number)


class _PassSession(ReplicaSession):
    """The training of a pass: the replicas of every point are replicas of one network."""

    def __init__(
        self,
        group: GridPass,
        prepared: EncodedDataset,
        metric: str,
        grid: GridRuns,
        number: int,
        details: Mapping[str, Any],
        watcher: RunWatcher,
    ) -> None:
        self._points, self._metric, self._grid = group.points, metric, grid
        self._point_of = [point for point in group.points for _ in point.config.seeds]
        self.results: list[PointResult] = []
        """The results of the points, once the pass is saved."""
        seeds = [seed for point in group.points for seed in point.config.seeds]
        with architecture_errors(group.points[0].point.loaded):
            description = replace(group.points[0].description, seeds=seeds)
            layers = [point.description.layers for point in self._point_of]
            model = Model(description, description.network(layers))
        run, state = grid.begun.get(number), None
        self._is_new = run is None
        if run is None:
            run = new_run(prepared, grid.runs, grid.name)
            grid.begin(number, run)
            self._write_config(group.points[0], run)
        else:
            check_data(run, prepared.split.table.digest, prepared.split.table.name)
            restore_splits(run.splits, partial(write_splits, parts=prepared.split.part_numbers))
            state = Checkpoints(run.checkpoints).latest()
        journal = Journal(
            run, prepared, grid.command, seeds, None if state is None else state["journal"], details
        )
        settings = [point.config.training for point in self._point_of]
        super().__init__(
            model,
            prepared,
            run,
            journal,
            watcher,
            each=settings,
            keep_before=True,
            state=state,
        )
        configs = [(point.point.loaded.config, point.config) for point in self._point_of]
        self._doctor = Doctor(configs, model.network, prepared.rows, during=False)
        if state is not None:
            self._doctor.load_state(state["doctor"])

    def discard(self, number: int) -> None:
        """Remove the run of this number, which was made and has not trained."""
        if self._is_new:
            shutil.rmtree(self._run.folder, ignore_errors=True)
            del self._grid.begun[number]

    def settings_of(self, network: int) -> Mapping[str, Setting]:
        """Return the settings of a network's point."""
        values = self._point_of[network].point.values
        return {key: _setting(text) for key, text in values.items()}

    def _write_config(self, planned: PlannedPoint, run: RunPaths) -> None:
        write_config(planned.config, self._grid.name, planned.point.loaded.folder, run)

    def checkpoint_state(self, fitting: Fit, *, flush: bool) -> dict[str, Any]:
        """Return the state of the training, and that of the doctor; there is no model yet."""
        state = super().checkpoint_state(fitting, flush=flush)
        del state["model"]
        return {**state, "doctor": self._doctor.state()}

    def advise(self, record: Record) -> Iterable[str]:
        """Let the doctor take note of an epoch; its findings come with the points' results."""
        return self._doctor.note(record)

    def save(self, status: Status) -> None:
        """Write the model and the metrics of the best point, and the end of run.json."""
        trained = self._trained_points()
        final = {
            network: metrics
            for point in trained
            for network, metrics in zip(point.kept, point.metrics, strict=True)
        }
        self._doctor.finish(final, trained[0].networks)
        results = [self._result(point, status) for point in trained]
        best = trained[results.index(rank(results, self._metric)[0])]
        self._journal.chosen = best.kept
        self._write_config(best.planned, self._run)
        self.save_model(best.model, best.metrics, best.planned.config.calibration)
        self._doctor.findings = self._doctor.findings_of(best.networks)
        points = [{"values": one.values, "findings": one.findings} for one in results]
        files.write_json(self._run.diagnosis, {**self._doctor.report(), "points": points})
        self._grid.keep(self._run, results)  # before the run says that it has ended
        self._journal.close(
            status, self._doctor.advice, self._journal.replicas(best.metrics, status)
        )
        self.results = results

    def _trained_points(self) -> list["_TrainedPoint"]:
        points, first = [], 0
        for planned in self._points:
            networks = list(range(first, first + len(planned.description.seeds)))
            first += len(networks)
            finite = [k for k in networks if self._journal.finite[k]]
            kept = finite or networks
            selected = self._model.select(kept)
            description = replace(planned.description, seeds=selected.description.seeds)
            model = Model(description, selected.network)
            metrics = measure_parts(model, self._prepared.rows)
            points.append(_TrainedPoint(planned, networks, finite, model, metrics))
        return points

    def _result(self, point: "_TrainedPoint", status: Status) -> PointResult:
        stop, epoch = self._journal.stop_and_epoch(point.kept[0])
        return PointResult(
            values=point.planned.point.values,
            run=self._run.folder,
            networks=[k + 1 for k in point.networks],
            survivors=[k + 1 for k in point.finite],
            stop_reason=(stop or status) if point.finite else "diverged",
            best_epoch=epoch,
            score=self._score(point.model) if point.finite else None,
            figures=dict(mean_metrics(point.metrics).items()),
            deviation=dict(deviations(point.metrics).items()) if len(point.metrics) > 1 else None,
            findings=[one.data() for one in self._doctor.findings_of(point.networks)],
        )

    def _score(self, model: Model) -> float:
        """Return the metric that ranks points; of the loss, without penalties, which may differ."""
        bare = Model(replace(model.description, l1=0.0, l2=0.0), model.network)
        rows = self._prepared.rows
        return float(measure_replicas(bare, rows[ranking_part(rows)])[self._metric].mean())

    def warn_of_diverged_networks(self) -> None:
        """Warn of each network that its point leaves out."""
        for k in np.flatnonzero(~self._journal.finite).tolist():
            values = self._point_of[k].point.values
            point = ", ".join(f"{key}={value}" for key, value in values.items())
            seed = self._journal.seeds[k]
            self._watcher.warn(f"network {k + 1} ({point}, seed {seed}) diverged and is left out")


def _setting(text: str) -> Setting:
    """Return a value of a grid as a number, if it is one."""
    try:
        return float(text)
    except ValueError:
        return text


@dataclass(frozen=True)
class _TrainedPoint:
    """A point after training: its networks in the pass, numbered from 0, and those kept."""

    planned: PlannedPoint
    networks: list[int]
    finite: list[int]
    """The networks that have not diverged."""
    model: Model
    metrics: list[PartMetrics]

    @property
    def kept(self) -> list[int]:
        """The networks of the model: the finite ones, or all if every one has diverged."""
        return self.finite or self.networks
