"""Examples: for each key of a config, and each kind of component, the lines that set it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import yaml

from bpnet.config.key_tree import EXTENDS, Place, alternatives, classes_in
from bpnet.config.source import parse_source, yaml_text
from bpnet.config.yaml_tree import Dumper

NAME = "NAME"
"""The placeholder for the name of a column."""


@dataclass(frozen=True)
class Example:
    """The same settings as part of a config file, and as the values of `--set` that reach them."""

    yaml: str
    settings: list[str]


def example_of(place: Place) -> Example:
    """Return an example of a key, or of a kind at its key.

    It is the example in the key's docstring, or a value other than the default. Raises LookupError
    for a key that has neither.
    """
    levels = list(_levels(place))
    written = levels[-1][1]
    if place.path == (EXTENDS,):
        return Example(yaml_text(written), [])
    key, entries = next(level for level in levels if _settable(level[0]))
    inside = ".".join(one.name for one in _ancestors(key) if not one.is_kind and one.name)
    prefix = f"{inside}." if inside else ""
    settings = [f"{prefix}{name}={one_line(value)}" for name, value in entries.items()]
    return Example(yaml_text(written), settings)


def _levels(place: Place) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Yield a key and the values beside it, then the same for each key around it, the top last."""
    if place.is_kind:
        place, entries = _with_kind(place, _kind_value(place))
    else:
        entries = _key_values(place)
    yield place, entries
    while place.parent is not None and place.parent.parent is not None:
        around = place.parent
        if around.is_kind:
            value = {"kind": around.name, **_required(around), **entries}
            place, entries = _with_kind(around, value)
        else:
            required = {} if around.required else _required(around)
            value = {**required, **entries}
            named = dict in {get_origin(member) for member, _ in alternatives(around.hint)}
            example = around.doc.example if named else None
            if example is not None:  # of a mapping by names, which the example has
                names = parse_source(f"{{{example}}}").data[around.name]
                value = {next(iter(names)): value}
            place, entries = around, {around.name: value}
        yield place, entries


def _with_kind(kind: Place, value: Any) -> tuple[Place, dict[str, Any]]:
    """Return the key of a kind, and its value with a component of that kind."""
    assert kind.parent is not None
    return kind.parent, {kind.parent.name: _shaped(kind.parent.hint, value)}


def _ancestors(place: Place) -> list[Place]:
    """Return the places around a place, the root first."""
    return [] if place.parent is None else [*_ancestors(place.parent), place.parent]


def _settable(key: Place) -> bool:
    """Return whether `--set` reaches a key in a config without the keys around it."""
    return all(
        around.parent is None
        or (around.is_kind and around.parent.default_kind == around.name)
        or (not around.is_kind and _is_one_component(around.hint))
        for around in _ancestors(key)
    )


def _is_one_component(hint: Any) -> bool:
    """Return whether a key's value is always a section or a component, or null."""
    members = [member for member, _ in alternatives(hint) if member is not type(None)]
    return members == classes_in(hint)


def _key_values(key: Place) -> dict[str, Any]:
    """Return an example of a key, with what it needs beside it."""
    example = key.doc.example
    if example is not None:
        return parse_source(f"{{{example}}}").data
    if key.kinds:
        other = next(kind for kind in key.kinds if kind.name != key.default_kind)
        return {key.name: _shaped(key.hint, _kind_value(other))}
    return {key.name: _other_value(key)}


def _other_value(key: Place) -> Any:
    members = [member for member, _ in alternatives(key.hint)]
    words = [word for one in members if get_origin(one) is Literal for word in get_args(one)]
    if bool in members:
        return not key.default
    if words:
        return next(word for word in words if word != key.default)
    if isinstance(key.default, int | float):
        return key.default
    raise LookupError(f"the docstring of {key.dotted} gives no example")


def _kind_value(kind: Place) -> Any:
    required = _required(kind)
    return {"kind": kind.name, **required} if required else kind.name


def _required(place: Place) -> dict[str, Any]:
    """Return the keys of a section or kind that have no default."""
    keys = [key for key in place.keys if key.required]
    return {key.name: _key_values(key)[key.name] for key in keys}


def _shaped(hint: Any, component: Any) -> Any:
    """Return a component as the value of a key that takes one, a list of them, or one by name."""
    origins = {get_origin(member) for member, _ in alternatives(hint)}
    if list in origins:
        return [component]
    return {NAME: component} if dict in origins else component


def one_line(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.dump(
        [value],
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=10**6,
        default_flow_style=True,
    )
    return text.strip()[1:-1]
