"""The plan of a grid: the points that train together, and the metric that ranks them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bpnet.config.dataset_schema import Dataset, Preprocessing
from bpnet.config.grid import Point
from bpnet.config.loading import load_config
from bpnet.config.schema import Config
from bpnet.config.source import Source
from bpnet.data.splitting import Part
from bpnet.engine.metrics import metric_names
from bpnet.errors import ConfigError
from bpnet.models.build import architecture_errors, describe, most_at_once
from bpnet.models.description import Description
from bpnet.preparation.fit import FittedDataset, fit_dataset
from bpnet.preparation.open import open_dataset
from bpnet.preparation.resolve import resolve
from bpnet.preparation.split import split_dataset
from bpnet.preparation.table import DatasetTable, open_dataset_table


@dataclass(frozen=True)
class PlannedPoint:
    """A point with its config, resolved for the table, and the description of its network."""

    point: Point
    config: Config
    description: Description


@dataclass(frozen=True)
class GridPass:
    """Points whose networks train as replicas of one network, on rows encoded for all of them."""

    points: Sequence[PlannedPoint]
    fitted: FittedDataset


def plan_points(points: Sequence[Point], common: Sequence[str], source: Source) -> list[GridPass]:
    """Plan the passes, and check every point against the table.

    `common` has a text for each point; points with equal texts can train together. Raises
    ConfigError or DataError.
    """
    groups: dict[str, list[int]] = {}
    for k, shape in enumerate(common):
        groups.setdefault(shape, []).append(k)
    seed = split_seed(source, points)
    tables: dict[str, DatasetTable] = {}
    passes = []
    for group in groups.values():
        alike = [with_split_seed(points[k], seed) for k in group]
        first, dataset = alike[0].loaded, alike[0].loaded.config.dataset
        key = table_key(dataset)
        if key not in tables:
            table = open_dataset_table(first)
            tables[key] = table.kept() if len(groups) > 1 else table
        opened = open_dataset(first, tables[key])
        fitted = fit_dataset(split_dataset(opened))
        fitted.weights()  # raises if they are all 0 in a part
        with architecture_errors(first):
            single = describe(fitted).network()
        rows = len(fitted.split.parts["train"])
        most = min(most_at_once(point.loaded, single, rows) for point in alike)
        planned = [_planned(point, fitted) for point in alike]
        # as many points as fit into memory together
        size = max(1, most // max(point.config.replicas for point in planned))
        passes += [
            GridPass(planned[start : start + size], fitted)
            for start in range(0, len(planned), size)
        ]
    return passes


def table_key(dataset: Dataset) -> str:
    """Return a text that points share if they read the same table."""
    return repr((dataset.path, dataset.columns, dataset.rows, dataset.reading))


def with_split_seed(point: Point, seed: int) -> Point:
    """Return the point with this seed for the split, unless its config gives one."""
    config, split = point.loaded.config, point.loaded.config.dataset.split
    if split.seed is not None:
        return point
    dataset = replace(config.dataset, split=replace(split, seed=seed))
    return replace(point, loaded=replace(point.loaded, config=replace(config, dataset=dataset)))


def _planned(point: Point, fitted: FittedDataset) -> PlannedPoint:
    resolved = resolve(
        point.loaded,
        fitted.resolved.task,
        fitted.resolved.target_width,
        fitted.split.column_roles.features,
        fitted.config.dataset.roles,
        fitted.encoder,
        fitted.config.dataset.positive,
    )
    description = describe(replace(fitted, resolved=resolved))
    config = resolved.config
    return PlannedPoint(point, config, replace(description, seeds=config.seeds))


def split_seed(source: Source, points: Sequence[Point]) -> int:
    """Return the config's seed of the split, or the first point's if only points are valid."""
    try:
        return load_config(source).config.split_seed
    except ConfigError:
        return points[0].loaded.config.split_seed


def ranking_of(passes: Sequence[GridPass]) -> tuple[str, Part]:
    """Return the metric and the part of the split that rank the points.

    The metric is the loss, or the task's first metric if the points' losses are not comparable.
    Raises ConfigError if points predict different targets, or only some have validation rows.
    """
    splits = [group.fitted.split for group in passes]
    points = [point for group in passes for point in group.points]
    targets = {(split.target_values.task, tuple(split.target_values.names)) for split in splits}
    validated = {bool(len(split.parts["validation"])) for split in splits}
    for problem, values in (
        ("predict different things", targets),
        ("do not all have validation rows", validated),
    ):
        if len(values) > 1:
            raise not_comparable([one.point for one in points], problem)
    task = targets.pop()[0]
    losses = {_loss_key(point) for point in points}
    metric = "loss" if len(losses) == 1 else metric_names(task)[0]
    return metric, "validation" if validated.pop() else "train"


def not_comparable(points: Sequence[Point], problem: str) -> ConfigError:
    """Return the error for points that cannot be ranked together."""
    keys = [key for key in points[0].values if len({point.values[key] for point in points}) > 1]
    return ConfigError(
        f"--grid {', '.join(keys)}: the points {problem}, and cannot be ranked; make a grid of each"
    )


def _loss_key(point: PlannedPoint) -> str:
    """Return a text that points share if their losses are comparable."""
    description = point.description
    dataset = _without_columns(point.config.dataset)
    return repr((description.loss, description.output_activation, dataset))


def _without_columns(dataset: Dataset) -> Dataset:
    """Return what changes the losses of a dataset: its rows, weights and the target's scale."""
    target = Preprocessing(target=dataset.preprocessing.target)
    return replace(
        dataset, features=None, roles={}, preprocessing=target, storage="auto", positive=None
    )
