"""Texts of a config as they were written: a column may be named 2, true or null without quotes."""

from collections.abc import Mapping
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from bpnet.config.key_tree import alternatives
from bpnet.config.shorthand import hints, item_hint, member, value_hint
from bpnet.config.yaml_tree import KeyPath

_SCALARS = (str, bool, int, float, NoneType)


def takes_text(hint: Any, text: str | None = None) -> bool:
    """Return whether a key takes any text, or this text as one of its words."""
    return any(
        one is str or (get_origin(one) is Literal and text in get_args(one))
        for one, _ in alternatives(hint)
    )


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value is of a type that a hint allows, whatever is inside it."""
    members = [one for one, _ in alternatives(hint)]
    if isinstance(value, list):
        return item_hint(hint) is not None
    if isinstance(value, Mapping):
        return any(get_origin(one) in (dict, None) and one not in _SCALARS for one in members)
    if isinstance(value, int) and not isinstance(value, bool) and float in members:
        return True
    return type(value) in members or any(
        get_origin(one) is Literal and value in get_args(one) for one in members
    )


def with_texts(data: Any, hint: Any, texts: Mapping[KeyPath, str], path: KeyPath = ()) -> Any:
    """Return data in which a number, boolean or null is a text where the schema takes only that.

    `texts` has what was written at each key path that is not a text.
    """
    if isinstance(data, Mapping):
        section, values_hint = member(hint, data), value_hint(hint)
        inside = hints(section) if section else {}
        return {
            key: with_texts(item, inside.get(key, values_hint), texts, (*path, key))
            for key, item in data.items()
        }
    if isinstance(data, list):
        inner = item_hint(hint)
        return [with_texts(item, inner, texts, (*path, k)) for k, item in enumerate(data)]
    if isinstance(data, str) or hint is None or not takes_text(hint) or fits(data, hint):
        return data
    # nothing, or a tilde, is no name but YAML's way to write null
    return data if data is None and texts.get(path, "~") in ("", "~") else texts.get(path, data)
