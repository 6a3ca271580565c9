"""Keys and values of a config, as completions of `--set`, `--grid` and `bpnet explain`."""

from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from bpnet.config.docstrings import summary
from bpnet.config.inheritance import read_source
from bpnet.config.key_tree import EXTENDS, ROOT, Place, alternatives
from bpnet.config.shorthand import item_hint, kind_of, value_hint
from bpnet.errors import BpnetError

Candidate = tuple[str, str]

_WITHIN = {"init": "dataset.", "predict": "dataset.reading.", "eval": "dataset.reading."}
"""The section that `--set` of a verb is about, if it is not about the whole config."""


def settings(
    verb: str, incomplete: str, given: Sequence[str], *, many: bool = False
) -> Iterator[Candidate]:
    """Yield completions of KEY=VALUE: keys of a section, which more follows, then values.

    `given` are the verb's arguments: the first may be a config, which says what kinds it has. Of
    `many` values between commas the last is completed.
    """
    key, equals, value = incomplete.partition("=")
    if not equals:
        within = _WITHIN.get(verb, "")
        for name, place in _inside(key, _data_of(given)):
            for mark in _marks(place):
                if f"{name}{mark}".startswith(within) or within.startswith(f"{name}{mark}"):
                    yield f"{name}{mark}", place.doc.text
        return
    before = value[: value.rfind(",") + 1] if many else ""
    for word, text in _words(key.split(".")):
        yield f"{key}={before}{word}", text


def explained_keys(incomplete: str) -> Iterator[Candidate]:
    """Yield the keys and kinds of a section, each also with a dot where there are keys inside."""
    section, dot, _ = incomplete.rpartition(".")
    place, unknown = ROOT.descend(section.split(".") if dot else [])
    for child in [] if unknown else [*place.keys, *place.kinds]:
        text = summary(child.hint) if child.is_kind else child.doc.text
        yield f"{section}{dot}{child.name}", text
        if child.keys or child.kinds:
            yield f"{section}{dot}{child.name}.", text


def _inside(key: str, data: Any) -> Iterator[tuple[str, Place]]:
    """Yield the keys of the section that a key is in, as far as it is typed, each by its path.

    A component has the keys of its kind in the config, or of the kind that it has by default.
    """
    section, dot, _ = key.rpartition(".")
    parts = section.split(".") if dot else []
    place, unknown = ROOT.descend(parts)
    for part in parts:
        if isinstance(data, list) and part.isdecimal() and int(part) < len(data):
            data = data[int(part)]
        else:
            data = data.get(part) if isinstance(data, dict) else None
    named = data.get("kind") if isinstance(data, dict) else data
    kinds = {kind.name: kind for kind in place.kinds}
    if kinds and not isinstance(named, str):
        named = place.default_kind
    inside = [*place.keys, *(kinds[named].keys if named in kinds else [])]
    for child in [] if unknown else inside:
        if child.path != (EXTENDS,):
            yield f"{section}{dot}{child.name}", child


def _marks(place: Place) -> list[str]:
    """Return what follows a key: a dot where there are keys inside, = where there is a value."""
    members = [one for one, _ in alternatives(place.hint) if one is not NoneType]
    sections = [one for one in members if is_dataclass(one)]
    inside = bool(sections) or any(get_origin(one) is dict for one in members)
    whole = any(kind_of(one) if one in sections else get_origin(one) is not dict for one in members)
    return [*(["."] if inside else []), *(["="] if whole else [])]


def _words(parts: Sequence[str]) -> Iterator[Candidate]:
    """Yield the words that a key takes: kinds of component, true and false, null and others."""
    place, unknown = ROOT.descend(parts)
    if unknown:
        return
    hint = place.hint
    if ROOT.descend(parts[:-1])[0] == place and parts[-1] != "kind":  # an item
        hint = value_hint(hint) or item_hint(hint)
    for one, _ in alternatives(hint):
        if is_dataclass(one) and isinstance(one, type) and kind_of(one):
            yield str(kind_of(one)), summary(one)
        elif get_origin(one) is Literal:
            yield from ((str(word), "") for word in get_args(one))
        elif one is bool:
            yield from (("true", ""), ("false", ""))
        elif one is NoneType:
            yield "null", ""


def _data_of(given: Sequence[str]) -> Any:
    """Return the data of the config that a verb is given, as far as it can be read."""
    if not given or not given[0].endswith((".yaml", ".yml")):
        return None
    try:
        return read_source(Path(given[0])).data
    except BpnetError:
        return None
