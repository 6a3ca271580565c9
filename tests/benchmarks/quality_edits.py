"""Edits of a preset that is written out for a table, and of the code around it.

An edit is one of these, or several of the second with semicolons between them:

    without NAME         the member is left out
    KEY: OLD -> NEW      NEW is in the place of OLD, wherever KEY has it: in the config and in each
                         member. OLD is a value, or the kind of a component; without a NEW the key
                         is left out, or the item of a list
    a name of ALTERED    a part of bpnet does its work in another way

KEY may follow the key around it, or its component's kind: `dropout.rate`, `output.initializer`.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import yaml

from bpnet.engine.loop.pools import Pools
from bpnet.preparation.folds import Fold, draw_training_folds

LEAVING_OUT = "without "
ARROW = "->"


def _draw_one_split(*arguments: Any) -> list[Fold]:
    """Draw folds, but let every network hold out the rows of the first."""
    drawn = draw_training_folds(*arguments)
    return [replace(fold, parts=drawn[0].parts) for fold in drawn]


ALTERED: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "equal blend weights": lambda: patch(
        "bpnet.models.combination_fit.minimize_on_simplex",
        lambda _, size: np.full(size, 1 / size),
    ),
    "an epoch for each network": lambda: patch(
        "bpnet.engine.loop.fit.Pools", lambda _, replicas: Pools((), replicas)
    ),
    "one split for all networks": lambda: patch(
        "bpnet.preparation.training_folds.draw_training_folds", _draw_one_split
    ),
}
"""What no key can change, by its name."""


class NotThereError(Exception):
    """The preset for this table has nothing that the edit would change."""


def is_edit(change: str) -> bool:
    """Return whether a change is an edit, and not an assignment."""
    return change in ALTERED or change.startswith(LEAVING_OUT) or ARROW in change


def altered(edit: str) -> AbstractContextManager[Any]:
    """Return the context in which the edit's part of bpnet works in the other way, if any."""
    return ALTERED[edit]() if edit in ALTERED else nullcontext()


def edited(content: dict[str, Any], edit: str) -> dict[str, Any]:
    """Return a config with the edit made; raise NotThereError if it changes nothing."""
    content = copy.deepcopy(content)
    if edit in ALTERED:
        return content
    if edit.startswith(LEAVING_OUT):
        name = edit.removeprefix(LEAVING_OUT)
        members = [one for one in content["members"] if one["name"] != name]
        if len(members) == len(content["members"]):
            raise NotThereError(f"there is no member {name}")
        return {**content, "members": members}
    changed = sum(_replace(content, part.strip()) for part in edit.split(";"))
    if not changed:
        raise NotThereError(f"nothing is there to change: {edit}")
    return content


def _replace(content: dict[str, Any], edit: str) -> int:
    """Make a replacement in place; return the number of places where it was made."""
    key, values = edit.split(":", 1)
    before, after = (part.strip() for part in values.rsplit(ARROW, 1))
    *around, last = key.split(".")
    old, changed = yaml.safe_load(before), 0
    for names, holder in [*_holders(content, ())]:
        if around and around[0] not in names:
            continue
        value = holder.get(last)
        if isinstance(value, list) and not isinstance(old, list):
            places = [k for k, item in enumerate(value) if _is(item, old)]
            for place in reversed(places):
                value[place : place + 1] = [yaml.safe_load(after)] if after else []
            changed += len(places)
        elif last in holder and _is(value, old):
            changed += 1
            if after:
                holder[last] = yaml.safe_load(after)
            else:
                del holder[last]
    return changed


def _holders(value: Any, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict]]:
    """Yield every mapping in a value, with the key that it is at and its kind."""
    if isinstance(value, dict):
        yield (*names, str(value.get("kind"))), value
        for key, inside in value.items():
            yield from _holders(inside, (key,))
    elif isinstance(value, list):
        for item in value:
            yield from _holders(item, names)


def _is(value: Any, old: Any) -> bool:
    """Return whether a value is the old one, or a component of that kind."""
    return value == old or (isinstance(value, dict) and value.get("kind") == old)
