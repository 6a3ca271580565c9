"""A grid: every combination of the values given for some keys, each with its own config."""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from bpnet.config.assignments import split_assignment
from bpnet.config.loading import LoadedConfig, as_data, load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.schema import Config
from bpnet.config.source import Source
from bpnet.engine.schedules import ReduceOnPlateau
from bpnet.errors import UsageError
from bpnet.messages import first_repeated

MAX_POINTS = 10_000
"""The most combinations of values: each is a config, and a network to train."""
EXAMPLE = "--grid training.learning_rate=0.01,0.03,0.1"


@dataclass(frozen=True)
class Point:
    """One point of a grid: the text of each key's value, and the config with these values."""

    values: Mapping[str, str]
    loaded: LoadedConfig


def expand_grid(source: Source, grids: Sequence[str]) -> list[Point]:
    """Return every combination of the values that `KEY.PATH=VALUE,VALUE,…` assignments list.

    The last key varies fastest; values are read as `--set` reads them. Raises UsageError if an
    assignment is not of that form or there are too many combinations, ConfigError if a key cannot
    be set or a point is not a valid config.
    """
    values: dict[str, list[str]] = {}
    for grid in grids:
        key, listed = _assignment(source, grid)
        if key in values:
            raise UsageError(f"--grid {grid}: {key} is given twice; give all of its values at once")
        values[key] = listed
    count = math.prod(map(len, values.values()))
    if count > MAX_POINTS:
        raise UsageError(
            f"--grid: {count:,} combinations are more than {MAX_POINTS:,}; give fewer values"
        )
    combinations = itertools.product(*values.values())
    points = [dict(zip(values, combination, strict=True)) for combination in combinations]
    sources = [
        apply_overrides(source, [f"{key}={value}" for key, value in point.items()], "--grid")
        for point in points
    ]
    return [
        Point(point, load_config(config)) for point, config in zip(points, sources, strict=True)
    ]


def _assignment(source: Source, grid: str) -> tuple[str, list[str]]:
    """Return the key and the values of one assignment; raise UsageError if it makes no grid."""
    assignment = split_assignment(grid, source.data)
    values = _values(assignment.text) if assignment else None
    if assignment is None or not values:
        raise UsageError(
            f"--grid {grid}: is not of the form KEY.PATH=VALUE,VALUE,…, such as {EXAMPLE}"
        )
    # as it was typed, and as `apply_overrides` splits it again
    key = grid.removesuffix(assignment.text).removesuffix("=").strip()
    if any(_sets(source, str(place), assignment.parts) for place in set(source.lines.values())):
        raise UsageError(f"--grid {grid}: the key is given to --set, too; remove one of them")
    if key == "name":
        raise UsageError(
            f"--grid {grid}: name only names the run; give keys that change the training"
        )
    twice = first_repeated(values)
    if twice:
        raise UsageError(f"--grid {grid}: names {twice[0]} twice; give each value once")
    return key, values


def _sets(source: Source, place: str, parts: Sequence[str]) -> bool:
    """Return whether a place of the source is a `--set` of this key path."""
    given = split_assignment(place.removeprefix("--set "), source.data)
    return place.startswith("--set ") and given is not None and given.parts == parts


def _values(text: str) -> list[str] | None:
    """Split at commas outside brackets and quotes; at every comma if the text is not YAML.

    Return None if a value would be empty.
    """
    # as one YAML list, whose parser knows brackets and quotes
    listed = f"[{text}]"
    try:
        root = yaml.compose(listed, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        values = [value.strip() for value in text.split(",")]
        return values if all(values) and not set(text) & set("[]{}") else None
    # a `]` in the text may close the list early
    if not isinstance(root, yaml.SequenceNode) or root.end_mark.index != len(listed):
        return None
    return [listed[node.start_mark.index : node.end_mark.index].strip() for node in root.value]


def pass_key(config: Config) -> str:
    """Return a key that is equal for configs whose networks can train as replicas in one pass.

    It leaves out what changes no shape, row or batch: seed, learning rate with its factors and
    schedule, optimizer, penalties and clipping, the rates of dropout, and initializers. An
    optimizer that searches looks at all replicas at once, and so does a schedule that waits for a
    plateau: their settings must agree.
    """
    data = as_data(config)
    del data["seed"], data["name"], data["pack"], data["search"]
    training = data["training"]
    if not config.training.optimizer.searches:
        for key in (
            "learning_rate",
            "learning_rate_factors",
            "optimizer",
            "l1",
            "l2",
            "gradient_clipping",
        ):
            del training[key]
        if not isinstance(config.training.schedule, ReduceOnPlateau):
            del training["schedule"]
    architecture = data["architecture"]
    for layer in [*(architecture.get("layers") or []), architecture["output"] or {}]:
        for key in [key for key in layer if key.endswith("initializer") or key == "rate"]:
            del layer[key]
    return json.dumps(data, sort_keys=True)


def dividing_keys(points: Sequence[Point], pass_keys: Sequence[str]) -> list[str]:
    """Return the keys that by themselves keep points from training in one pass.

    `pass_keys` are the results of `pass_key` for each point.
    """
    dividing = []
    for key in points[0].values:
        by_others: dict[tuple[str, ...], set[str]] = {}
        for point, shared in zip(points, pass_keys, strict=True):
            others = tuple(value for name, value in point.values.items() if name != key)
            by_others.setdefault(others, set()).add(shared)
        if any(len(shared) > 1 for shared in by_others.values()):
            dividing.append(key)
    return dividing
