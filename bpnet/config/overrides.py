"""Overrides: `KEY.PATH=VALUE` assignments, as `--set` takes them, applied to a config's source."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bpnet.config.assignments import split_assignment
from bpnet.config.source import Source, closest_place
from bpnet.config.yaml_tree import KeyPath, dotted
from bpnet.errors import ConfigError


def apply_overrides(source: Source, assignments: Sequence[str], option: str = "--set") -> Source:
    """Return the source with each `KEY.PATH=VALUE` applied in order.

    Values are read as YAML, and as plain text where a key takes text and they are not YAML.
    `option` is the option that the user gave them to. Raises ConfigError if one cannot be set.
    """
    data, lines, texts = copy.deepcopy(source.data), dict(source.lines), dict(source.texts)
    for assignment in assignments:
        _assign(data, lines, texts, assignment, f"{option} {assignment}")
    return replace(source, data=data, lines=lines, texts=texts)


def _assign(
    data: dict[str, Any],
    lines: dict[KeyPath, int | str],
    texts: dict[KeyPath, str],
    text: str,
    place: str,
) -> None:
    """Set one value in place, and make the mappings on the way to it that are missing."""
    assignment = split_assignment(text, data)
    if assignment is None:
        raise ConfigError(f"{place}: is not of the form KEY.PATH=VALUE, such as training.epochs=50")
    parts = assignment.parts
    value, written = assignment.value(place)

    holder: Any = data
    path: KeyPath = (parts[0],)
    for part in parts[1:]:
        child = holder.get(path[-1]) if isinstance(holder, dict) else holder[path[-1]]
        owner = dotted(path)
        if child is None:
            if path == ("members",):
                raise ConfigError(
                    f"{place}: the config lists no members; a preset's are in the config.yaml of "
                    "each run, which can be changed and trained"
                )
            child, lines[path] = {}, place
        elif (
            isinstance(child, str)
            and child.isidentifier()
            and (path[0] != "dataset" or "preprocessing" in path)
        ):
            # `optimizer: adam` is {kind: adam}; inside dataset, only preprocessing holds components
            lines[*path, "kind"] = closest_place(lines, path) or place
            child, lines[path] = {"kind": child}, place
        elif not isinstance(child, dict | list):
            raise ConfigError(
                f"{place}: {owner} is {child!r}, which has no keys inside; set {owner} itself"
            )
        holder[path[-1]] = child
        holder = child
        path = (*path, _position(holder, part, owner, place) if isinstance(holder, list) else part)
    present = holder.get(path[-1]) if isinstance(holder, dict) else holder[path[-1]]
    if isinstance(value, str) and isinstance(present, dict) and present.get("kind") == value:
        return  # a component of this kind is there already, and keeps its settings
    holder[path[-1]] = value
    # forget what was written for the keys inside the value that was replaced
    records: tuple[dict[KeyPath, Any], ...] = (lines, texts)
    for record in records:
        for inside in [key for key in record if key[: len(path)] == path]:
            del record[inside]
    lines[path] = place
    texts |= {(*path, *inside): text for inside, text in written.items()}


def _position(items: list[Any], part: str, owner: str, place: str) -> int:
    """Return one part of a key path as a position in a list; raise ConfigError otherwise."""
    positions = [str(index) for index in range(len(items))]
    if part in positions:
        return int(part)
    allowed = (
        f"allowed is 0 to {len(items) - 1}" if items else f"set the whole list with {owner}=[…]"
    )
    raise ConfigError(
        f"{place}: '{part}' is not a position in {owner}, a list of {len(items)}; {allowed}"
    )
