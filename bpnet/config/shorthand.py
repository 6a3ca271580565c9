"""Shorthand: components written as a bare word, and the type hints of the schema's keys."""

import dataclasses
import functools
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from bpnet.config.yaml_tree import KeyPath


def dataclasses_in(hint: Any) -> Iterator[type]:
    """Yield every dataclass that a type hint allows, through unions, lists and annotations."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        yield hint
    elif typing.get_origin(hint) in (typing.Union, types.UnionType, typing.Annotated):
        arguments = typing.get_args(hint)
        # of Annotated only the type: the rest are bounds
        for argument in arguments[:1] if typing.get_origin(hint) is typing.Annotated else arguments:
            yield from dataclasses_in(argument)


def kind_of(component: type) -> str | None:
    """Return the `kind` of a component class, or None for a section."""
    hint = hints(component).get("kind")
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Literal else None


@functools.cache
def hints(section: type) -> Mapping[str, Any]:
    """Return the type hint of each field of a dataclass."""
    all_hints = typing.get_type_hints(section, include_extras=True)
    return {field.name: all_hints[field.name] for field in dataclasses.fields(section)}


def member(hint: Any, value: Any) -> type | None:
    """Return the dataclass of a value with this hint, or None if it is not determined."""
    allowed = list(dataclasses_in(hint))
    kinds = {kind_of(one): one for one in allowed}
    if None in kinds:
        return kinds[None]
    word = value.get("kind") if isinstance(value, Mapping) else value
    return kinds.get(word) if isinstance(word, str) else None


def spell_out(value: Any, hint: Any) -> Any:
    """Return the value with every component written out.

    A bare word becomes {kind: word}; a mapping without a kind gets that of the default, or, under
    a name, that of the one component with these keys.
    """
    if isinstance(value, str):
        return {"kind": value} if any(kind_of(one) for one in dataclasses_in(hint)) else value
    if isinstance(value, Mapping):
        values_hint = value_hint(hint)
        if values_hint is not None:
            return {
                key: spell_out(_with_kind(item, values_hint), values_hint)
                for key, item in value.items()
            }
        section = member(hint, value)
        inside = hints(section) if section else {}
        kinds = default_kinds(section) if section else {}
        return {
            key: spell_out(
                {"kind": kinds[key], **item} if key in kinds and isinstance(item, dict) else item,
                inside.get(key),
            )
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [spell_out(item, item_hint(hint)) for item in value]
    return value


def _with_kind(value: Any, hint: Any) -> Any:
    """Return a mapping with the kind of the only component that has its keys, if it names none."""
    if not isinstance(value, Mapping) or not value or "kind" in value:
        return value
    kinds = [kind_of(one) for one in dataclasses_in(hint) if set(value) <= set(hints(one))]
    return {"kind": kinds[0], **value} if len(kinds) == 1 and kinds[0] else value


def default_kinds(section: type) -> dict[str, str]:
    """Return the kind of each component that a section has by default.

    `optimizer: {beta_1: 0.8}` therefore sets adam's.
    """
    defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(section)}
    return {name: default.kind for name, default in defaults.items() if hasattr(default, "kind")}


def hint_at(path: KeyPath, data: Any, hint: Any) -> Any:
    """Return the type hint of the schema at a key path of this data, or None if it has none."""
    for part in path:
        if isinstance(data, list) and isinstance(part, int):
            data, hint = data[part], item_hint(hint)
            continue
        if not isinstance(data, Mapping):
            return None
        section = member(hint, data)
        inside = hints(section).get(str(part)) if section else value_hint(hint)
        data, hint = data.get(part), inside
    return hint


def section_at(path: KeyPath, data: Any, hint: Any) -> type | None:
    """Return the dataclass of the schema at a key path of this data, or None."""
    place: Any = data
    for part in path:
        place = place.get(part) if isinstance(place, Mapping) else place[part]
    return member(hint_at(path, data, hint), place)


def value_hint(hint: Any) -> Any:
    """Return the hint of the values of a mapping from names, or None if it allows none."""
    return typing.get_args(hint)[1] if typing.get_origin(hint) is dict else None


def item_hint(hint: Any) -> Any:
    """Return the hint of a list's items, or None if it allows no list."""
    if typing.get_origin(hint) is list:
        return typing.get_args(hint)[0]
    if typing.get_origin(hint) is typing.Annotated:
        return item_hint(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return next(filter(None, map(item_hint, typing.get_args(hint))), None)
    return None
