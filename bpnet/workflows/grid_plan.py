"""Planning points: which points of a grid train together, each checked against the table, and how they are ranked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bpnet.config.grid import Point
from bpnet.config.loading import load_config
from bpnet.config.schema import Config, Dataset, Preprocessing
from bpnet.config.source import Source
from bpnet.data.splitting import Part
from bpnet.engine.metrics import metric_names
from bpnet.errors import ConfigError
from bpnet.models.build import architecture_errors, describe, most_at_once
from bpnet.models.description import Description
from bpnet.preparation.dataset import Opened
from bpnet.preparation.prepare import Fitted, contents, fit
from bpnet.preparation.resolve import resolve
from bpnet.preparation.split import divide


@dataclass(frozen=True)
class PlannedPoint:
    """A point, its config resolved for the table, and what its network is."""

    point: Point
    config: Config
    description: Description


@dataclass(frozen=True)
class GridPass:
    """Points whose networks train as replicas of one network, and the table as it is encoded for all of them."""

    points: Sequence[PlannedPoint]
    fitted: Fitted


def plan(points: Sequence[Point], common: Sequence[str], source: Source) -> list[GridPass]:
    """The passes, every point of which is checked against the table; raises ConfigError or DataError."""
    groups: dict[str, list[int]] = {}
    for k, shape in enumerate(common):
        groups.setdefault(shape, []).append(k)
    seed = _split_seed(source, points[0].loaded.config)
    opened: dict[str, Opened] = {}
    passes = []
    for group in groups.values():
        alike = [_with_split_seed(points[k], seed) for k in group]
        first, dataset = alike[0].loaded, alike[0].loaded.config.dataset
        key = repr((dataset.path, dataset.columns, dataset.rows, dataset.reading))
        found = contents(first, opened.get(key))
        opened[key] = found.opened
        fitted = fit(found.survey(divide(first.config, found.opened, found.answers, found.aside)))
        fitted.weights()  # which must not all be 0 in a part
        with architecture_errors(first):
            alone = describe(fitted).network()
        rows = len(fitted.survey.parts["train"])
        most = min(most_at_once(point.loaded, alone, rows) for point in alike)
        planned = [_planned(point, fitted) for point in alike]
        size = max(1, most // max(own.config.replicas for own in planned))
        passes += [
            GridPass(planned[start : start + size], fitted)
            for start in range(0, len(planned), size)
        ]
    return passes


def _with_split_seed(point: Point, seed: int) -> Point:
    """Return the point with this seed for the split, unless its config gives one."""
    config, split = point.loaded.config, point.loaded.config.dataset.split
    if split.seed is not None:
        return point
    dataset = replace(config.dataset, split=replace(split, seed=seed))
    return replace(point, loaded=replace(point.loaded, config=replace(config, dataset=dataset)))


def _planned(point: Point, fitted: Fitted) -> PlannedPoint:
    dataset, answers = fitted.config.dataset, fitted.survey.answers
    assert dataset.features is not None
    resolved = resolve(
        point.loaded,
        answers.task,
        answers.wanted,
        dataset.features,
        dataset.roles,
        fitted.encoder,
    )
    description = replace(describe(replace(fitted, config=resolved)), seeds=resolved.seeds)
    return PlannedPoint(point, resolved, description)


def _split_seed(source: Source, first: Config) -> int:
    """The seed that the config has without the grid; that of its first point where it makes sense with one alone."""
    try:
        return load_config(source).config.split_seed
    except ConfigError:
        return first.split_seed


def judged_by(passes: Sequence[GridPass]) -> tuple[str, Part]:
    """The figure and the part that points are ranked by: the loss, or where theirs differ the task's first metric.

    Raises ConfigError where points predict different things, or only some have validation rows.
    """
    every = [own for one in passes for own in one.points]
    answers = {
        (one.fitted.survey.answers.task, tuple(one.fitted.survey.answers.names)) for one in passes
    }
    validated = {bool(len(one.fitted.survey.parts["validation"])) for one in passes}
    for what, found in (
        ("predict different things", answers),
        ("do not all have validation rows", validated),
    ):
        if len(found) > 1:
            first = every[0].point.values
            keys = [key for key in first if len({own.point.values[key] for own in every}) > 1]
            raise ConfigError(
                f"--grid {', '.join(keys)}: the points {what}, and cannot be ranked; make a grid of each"
            )
    compared = {
        repr(
            (own.description.loss, own.description.output_activation, _rows_of(own.config.dataset))
        )
        for own in every
    }
    figure = "loss" if len(compared) == 1 else metric_names(answers.pop()[0])[0]
    return figure, "validation" if validated.pop() else "train"


def _rows_of(dataset: Dataset) -> Dataset:
    """What of a dataset changes its losses, whatever becomes of the columns: rows, weights, and the target's scale."""
    target = Preprocessing(target=dataset.preprocessing.target)
    return replace(dataset, features=None, roles={}, preprocessing=target, storage="auto")
