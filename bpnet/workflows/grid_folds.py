"""A grid over ensembles on folds: one for each point, ranked by the rows that folds hold out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bpnet.config.grid import Point
from bpnet.integrations import engines
from bpnet.preparation.open import open_dataset
from bpnet.preparation.preset import with_preset
from bpnet.preparation.table import DatasetTable, open_dataset_table
from bpnet.runs.directory import RunPaths
from bpnet.runs.run_file import Status
from bpnet.scoring.metrics import EVALUATION_METRICS, LOG_LOSS, RMSE
from bpnet.workflows.grid_plan import not_comparable, table_key, with_split_seed
from bpnet.workflows.grid_ranking import PointResult
from bpnet.workflows.grid_runs import GridRuns, TrainedPart
from bpnet.workflows.member_session import pass_count
from bpnet.workflows.members_plan import MembersPlan
from bpnet.workflows.session import MemberWatcher
from bpnet.workflows.train_folds import FoldsSession, begin_folds, plan_folds


@dataclass(frozen=True)
class PlannedEnsemble:
    """A point, and the plan of its ensemble."""

    point: Point
    plan: MembersPlan


def plan_ensembles(points: Sequence[Point], seed: int) -> list[PlannedEnsemble]:
    """Plan the ensemble of each point; `seed` is that of the split.

    Raises DataError, or ConfigError if a point trains a single network, or points predict different
    targets.
    """
    planned = []
    tables: dict[str, DatasetTable] = {}
    targets = set()
    for point in points:
        loaded = with_split_seed(point, seed).loaded
        key = table_key(loaded.config.dataset)
        if key not in tables:
            tables[key] = open_dataset_table(loaded).kept()
        opened = with_preset(open_dataset(loaded, tables[key]))
        if opened.loaded.config.folds is None:
            raise not_comparable(points, "do not all train on folds")
        targets.add((opened.target_values.task, tuple(opened.target_values.names)))
        planned.append(PlannedEnsemble(point, plan_folds(opened)))
    if len(targets) > 1:
        raise not_comparable(points, "predict different things")
    return planned


def ensemble_metric(planned: Sequence[PlannedEnsemble]) -> str:
    """Return the metric that ranks the points: the log loss, or the RMSE."""
    regression = planned[0].plan.members[0].resolved.task == "regression"
    return RMSE.name if regression else LOG_LOSS.name


def train_ensembles(
    planned: Sequence[PlannedEnsemble], metric: str, grid: GridRuns, watcher: MemberWatcher
) -> tuple[list[PointResult], int]:
    """Train one ensemble after another, as `GridRuns.in_turn` does.

    Where workers are given, they share the passes of each.
    """
    if engines.jobs():
        several = any(pass_count(one.plan) > 1 for one in planned)
        watcher.warn(
            "the points of this grid are ensembles on folds, which train one after another; "
            + (
                "workers share the members, rounds and packs of each"
                if several
                else "as each has a single member, workers have nothing to do: leave them out"
            )
        )

    def train(number: int) -> TrainedPart:
        one = planned[number - 1]
        values = ", ".join(f"{key}={value}" for key, value in one.point.values.items())
        session = begin_folds(
            grid.place(number),
            one.plan,
            time.perf_counter(),
            watcher,
            title=f"point {number} of {len(planned)}, {values}",
            details=grid.details(number, len(planned)),
        )
        run = RunPaths(session.run_folder)
        grid.begin(number, run)
        status = session.run()
        results = [_result(one, session, status, metric)]
        grid.keep(run, results)
        return TrainedPart(results, status, session.interruption)

    return grid.in_turn(len(planned), train)


def _result(
    one: PlannedEnsemble, session: FoldsSession, status: Status, metric: str
) -> PointResult:
    """Return the result of a point, with the metric that ranks it and the task's first one."""
    trained = session.trained
    first = EVALUATION_METRICS[one.plan.members[0].resolved.task][0].name
    scores = session.metrics.get("out_of_fold", {})
    shown = {name: scores.get(name) for name in dict.fromkeys((metric, first))}
    networks = list(range(1, session.networks + 1))
    return PointResult(
        values=one.point.values,
        run=session.run_folder,
        networks=networks,
        survivors=networks,
        stop_reason=trained[0].stop_reason if trained else status,
        best_epoch=trained[0].best_epoch if trained else 0,
        score=scores.get(metric),
        figures={"out_of_fold": {name: v for name, v in shown.items() if v is not None}},
        deviation=None,
    )
