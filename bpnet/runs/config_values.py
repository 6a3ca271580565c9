"""The values of a run's config.yaml by dotted key: read quickly, for lists of many runs.

The file is not checked against the schema, which is that of one version: a run of any version has
its keys.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from bpnet.config.yaml_tree import PlainLoader
from bpnet.errors import RunError
from bpnet.runs import files

Value = str | int | float | bool | None
"""A value of a config: of a list its text."""

_SECTION = re.compile(r"^(?=[^\s#-])", re.MULTILINE)
"""The beginnings of the lines at which a key of the top level begins."""
_ROLES = "dataset.roles"
"""The key that has the role of each column, which are summed up."""
_DEEPEST, _MOST_VALUES = 20, 100_000  # a few nested aliases can make billions of values


def read_config_values(path: Path) -> dict[str, Value]:
    """Return the values of a config.yaml by dotted key; raises RunError.

    A component is its kind, beside its settings; layers are also a summary, and members a number.
    The calibration of members' blend, if the config leaves it out, is the one that they have.
    """
    text = files.read_text(path)
    try:
        data = _data(text)
    except (yaml.YAMLError, ValueError, RecursionError, MemoryError):
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("dataset"), dict):
        raise RunError(f"{path}: is not the config of a run; restore it from a copy")
    members = data.get("members")
    data["members"] = len(members) if isinstance(members, list) else None
    if isinstance(members, list) and data.get("task") != "regression":
        data["calibration"] = data.get("calibration") or "temperature"
    values, layers = dict(_flat(data, "", 0, iter(range(_MOST_VALUES)))), _layers(data)
    if layers is not None:
        values["architecture.layers"] = layers_text(layers)
    return values


def value_text(value: object) -> str:
    """Return a value as a config has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "null" if value is None else str(value)


def layers_text(layers: Sequence[Any]) -> str:
    """Return a summary of hidden layers: `64-64 relu + dropout 0.1`; `none` if there are none."""
    units: list[str] = []
    activations: list[str] = []
    others: list[str] = []
    for layer in (one for one in layers if isinstance(one, dict)):
        activation, dense = layer.get("activation"), layer.get("kind") == "dense"
        kind = activation.get("kind") if isinstance(activation, dict) else activation
        if dense:
            units.append(str(layer.get("units")))
        else:
            rate = f" {value_text(layer['rate'])}" if "rate" in layer else ""
            others.append(f"{layer.get('kind')}{rate}")
        if kind and kind != "identity":
            activations.append(str(kind))
    shapes = " ".join(["-".join(units), *dict.fromkeys(activations)]).strip()
    return " + ".join(filter(None, [shapes, *dict.fromkeys(others)])) or "none"


def roles_text(roles: Mapping[str, Any]) -> str:
    """Return how many columns have each role: `4 numeric, 2 categorical`."""
    counts = Counter(map(value_text, roles.values()))
    return ", ".join(f"{count} {role}" for role, count in counts.items())


def _data(text: str) -> Any:
    """Return the data of a config: key by key, since most runs share most of theirs."""
    try:
        return {key: value for part in _SECTION.split(text) for key, value in _section(part)}
    except (yaml.YAMLError, AttributeError):  # laid out by hand
        return yaml.load(text, PlainLoader)  # noqa: S506 (a safe loader)


@lru_cache(maxsize=1000)
def _section(text: str) -> tuple[tuple[str, Any], ...]:
    """Return the keys and values of a part of a config."""
    return tuple((yaml.load(text, PlainLoader) or {}).items())  # noqa: S506 (a safe loader)


def _layers(data: dict[str, Any]) -> list[Any] | None:
    """Return the layers of a config, which a cross-validation may have as `hidden` units."""
    architecture = data.get("architecture")
    if not isinstance(architecture, dict):
        return None
    layers, hidden = architecture.get("layers"), architecture.get("hidden")
    if layers is None and isinstance(hidden, list):
        activation = architecture.get("activation")
        return [{"kind": "dense", "units": units, "activation": activation} for units in hidden]
    return layers if isinstance(layers, list) else None


def _flat(value: Any, path: str, depth: int, visits: Iterator[int]) -> Iterator[tuple[str, Value]]:
    """Yield the values inside a value by their dotted keys, until the `visits` are used up."""
    if depth > _DEEPEST or next(visits, None) is None:
        return
    if path == _ROLES and isinstance(value, dict):
        yield path, roles_text(value) or None
    elif isinstance(value, dict):
        if isinstance(value.get("kind"), str):
            yield path, value["kind"]
        elif "." in path:  # so that it differs from null
            yield path, "set" if value else None
        for key, inner in value.items():
            if key != "kind":
                name = value_text(key)
                yield from _flat(inner, f"{path}.{name}" if path else name, depth + 1, visits)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{path}.{number}", depth + 1, visits)
    elif isinstance(value, list):
        yield path, f"[{', '.join(map(value_text, value))}]"
    else:
        yield path, value
