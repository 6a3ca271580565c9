"""Assignments: `KEY.PATH=VALUE`, as `--set` takes it, as a key path and a value.

A shell passes every character on, so plain text is taken where YAML cannot read it, or would read
it as something that the key does not take: `dataset.target=a: b`, `dataset.path=-`. Names of
columns may hold dots and equals signs; in quotes they may hold anything.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from bpnet.config.key_tree import ROOT, Place
from bpnet.config.shorthand import item_hint, value_hint
from bpnet.config.written_texts import fits, takes_text
from bpnet.config.yaml_tree import KeyPath, Tree
from bpnet.errors import ConfigError

_QUOTED = re.compile(r"""(?P<quote>["'])(?P<name>.*?)(?P=quote)\s*(?P<mark>[.=])""", re.DOTALL)
_PLAIN = re.compile(r"(?P<name>[^.=]*)(?P<mark>[.=])", re.DOTALL)


@dataclass(frozen=True)
class Assignment:
    """A key path, in words, and the text of the value to set there."""

    parts: Sequence[str]
    text: str

    def value(self, place: str) -> tuple[Any, Mapping[KeyPath, str]]:
        """Return the value, and the texts of what in it is not text, by the path inside it.

        `place` is where it was given, for messages. Raises ConfigError if it cannot be read.
        """
        hint = _hint_of(self.parts)
        tree = Tree(lambda _: place)
        if not takes_text(hint, self.text):
            root = tree.compose(self.text)
            return None if root is None else tree.build(root), tree.texts
        if self.text == r"\t":
            return "\t", {}  # a tab is not easily typed
        try:
            root = tree.compose(self.text)
            value = None if root is None else tree.build(root)
        except ConfigError:
            root = value = None  # it is not YAML, but text
        if root is not None and not _is_plain_text(root, self.text) and fits(value, hint):
            return value, tree.texts
        # an empty value is null, as in a file; blanks are text
        return (self.text.strip() or self.text or None), {}


def split_assignment(text: str, data: Mapping[str, Any]) -> Assignment | None:
    """Return the key path and the value of `KEY.PATH=VALUE`, or None if it is not of that form.

    `data` is the config that it is for: of several ways to read the name of a column, the one that
    `data` has is taken.
    """
    parts: list[str] = []
    rest = text
    while True:
        place = _place_of(parts)
        named = place is not None and place.takes_item("") and _QUOTED.match(rest) is None
        if place is not None and named:
            inside, equals, value = _split_name(place, rest, _data_at(data, parts))
            parts += inside
            return Assignment(parts, value) if equals and all(parts) else None
        match = _QUOTED.match(rest) or _PLAIN.match(rest)
        if match is None:
            return None
        parts.append(match["name"] if "quote" in match.groupdict() else match["name"].strip())
        rest = rest[match.end() :]
        if match["mark"] == "=":
            return Assignment(parts, rest) if all(parts) else None


def _split_name(place: Place, text: str, data: Any) -> tuple[list[str], str, str]:
    """Split `NAME=VALUE` or `NAME.KEY=VALUE`, inside a key that maps names to values."""
    settings = {key.name for kind in place.kinds for key in kind.keys} | {"kind"}
    if not place.kinds:
        # the value is a word or a number, so the last equals sign ends the name
        name, equals, value = text.rpartition("=")
        return [name.strip()], equals, value
    path, equals, value = text.partition("=")
    path = path.strip()
    name, _, key = path.rpartition(".")
    if name and key in settings and not (isinstance(data, Mapping) and path in data):
        return [name, key], equals, value
    return [path], equals, value


def _place_of(parts: Sequence[str]) -> Place | None:
    """Return the key of a config that a path leads to; None for no key, or what is in a mapping."""
    place, unknown = ROOT.descend(parts)
    return None if unknown or _is_item(parts, place) else place


def _is_item(parts: Sequence[str], place: Place) -> bool:
    """Return whether the last part is a position in a list, or a name in a mapping."""
    return bool(parts) and ROOT.descend(parts[:-1])[0] == place


def _hint_of(parts: Sequence[str]) -> Any:
    """Return the type hint of the value at a key path, or None if it is not a config's."""
    place, unknown = ROOT.descend(parts)
    if unknown:
        return None
    if _is_item(parts, place):
        return value_hint(place.hint) or item_hint(place.hint)
    return place.hint


def _data_at(data: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data


def _is_plain_text(node: yaml.Node, text: str) -> bool:
    """Return whether YAML would leave out some of the text, or make a block of it."""
    if isinstance(node, yaml.CollectionNode):
        return not node.flow_style
    if isinstance(node, yaml.ScalarNode) and node.style:
        return node.style not in "\"'"
    return bool(node.value != text.strip())  # a comment or a mark of YAML would be cut off
