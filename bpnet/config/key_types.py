"""Types of keys in words: a whole number, a list of layers, one of these words."""

import json
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from bpnet.config.key_tree import alternatives, classes_in
from bpnet.config.shorthand import kind_of
from bpnet.engine.component import BOUNDS, Component
from bpnet.messages import plural

_WORDS = {
    int: ("whole number", "whole numbers"),
    float: ("number", "numbers"),
    str: ("text", "texts"),
    NoneType: ("null", "nulls"),
}


def family_of(hint: Any) -> str | None:
    """Return the base class of all components in a hint by name, such as Optimizer, or None."""
    bases = set()
    for component in classes_in(hint):
        if kind_of(component):
            lineage = component.__mro__
            bases.add(lineage[lineage.index(Component) - 1])
    return bases.pop().__name__ if len(bases) == 1 else None


def type_words(hint: Any) -> str:
    """Return the type of a key in words: `whole number or full`."""
    return _either(_words(hint, many=False))


def bounds_words(bounds: Mapping[str, float]) -> str:
    """Return bounds in words: `at least 0, less than 1`."""
    return ", ".join(
        f"{words} {bounds[key]:{',' if bounds[key] > 9999 else ''}}"
        for key, (_, words) in BOUNDS.items()
        if key in bounds
    )


def constraints_in(annotations: Iterable[Any]) -> dict[str, Any]:
    """Return the bounds and the least length in the annotations of a type."""
    each = [one for info in annotations for one in getattr(info, "metadata", (info,))]
    names = (*BOUNDS, "min_length")
    found = [(name, getattr(one, name, None)) for one in each for name in names]
    return {name: value for name, value in found if value is not None}


def _words(hint: Any, *, many: bool) -> list[str]:
    words: dict[str, None] = {}
    for member, annotations in alternatives(hint):
        constraints = constraints_in(annotations)
        least = max(1, constraints.pop("min_length", 1))
        for word in _member_words(member, least, many=many):
            words[f"{word} ({bounds_words(constraints)})" if constraints else word] = None
    plain = _WORDS[float][many]
    return [word for word in words if not (word == _WORDS[int][many] and plain in words)]


def _member_words(member: Any, least: int, *, many: bool) -> list[str]:
    """Return the words for one member of a union; `least` is the fewest entries of a list."""
    if get_origin(member) is list:
        items = _either(_words(get_args(member)[0], many=True))
        return [f"list{'s' if many else ''} of {f'{least} or more ' if least > 1 else ''}{items}"]
    if get_origin(member) is dict:
        return [f"mapping from names to {_either(_words(get_args(member)[1], many=True))}"]
    if get_origin(member) is Literal:
        return [word if word[0].isalpha() else json.dumps(word) for word in get_args(member)]
    if member is bool:
        return ["true", "false"]
    if member is Any:
        return ["values" if many else "value"]
    if member in _WORDS:
        return [_WORDS[member][many]]
    if not kind_of(member):
        return ["mapping of keys"]
    family = (family_of(member) or "component").lower()
    noun = "component" if family == member.__name__.lower() else family
    return [plural(noun) if many else noun]


def _either(words: Iterable[str]) -> str:
    *rest, last = words
    comma = "," if any(" or " in word for word in rest) else ""
    return f"{', '.join(rest)}{comma} or {last}" if rest else last
