"""Members: the partial configs of an ensemble, each completed by what the config around it says."""

from collections.abc import Mapping
from typing import Any

from bpnet.config.source import Lines
from bpnet.config.yaml_tree import KeyPath

SHORT_KEYS = ("hidden", "activation", "dropout")
"""The keys of `architecture` that `layers` takes the place of."""

_SECTIONS = ("architecture", "training")


def with_inherited(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config's data with every member's sections written in full.

    A member keeps the keys that it has, and takes all others from the config around it. A component
    of another kind replaces the whole component.
    """
    shared = {key: data[key] for key in _SECTIONS if isinstance(data.get(key), dict)}
    dataset = data.get("dataset")
    if isinstance(dataset, dict) and isinstance(dataset.get("preprocessing"), dict):
        shared["dataset"] = {"preprocessing": dataset["preprocessing"]}
    if data.get("pack") is not None:
        shared["pack"] = data["pack"]
    members = data["members"]
    if isinstance(members, list):
        members = [
            merged(without_other_layers(shared, member), member)
            if isinstance(member, dict)
            else member
            for member in members
        ]
    return {**data, "members": members}


def written_path(lines: Lines, member: int, path: KeyPath) -> KeyPath:
    """Return the path of a member's key as the user wrote it: within the member, or outside."""
    inside = ("members", member, *path)
    return inside if any(line[: len(inside)] == inside for line in lines) else path


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return `own` completed by `base`, mapping by mapping.

    Settings without a kind complete the component in `base`, whatever its kind.
    """
    result = {**base, **own}
    for key, value in own.items():
        inherited = base.get(key)
        if isinstance(inherited, str):
            inherited = {"kind": inherited}  # a component as a bare word
        if isinstance(value, dict) and isinstance(inherited, dict):
            kind = value.get("kind")
            other = kind is not None and kind != inherited.get("kind")
            result[key] = value if other else merged(inherited, value)
    return result


def without_other_layers(shared: dict[str, Any], member: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a config inherits without the layers, or `hidden`, that its own replace."""
    own = member.get("architecture")
    if not isinstance(own, dict) or not isinstance(shared.get("architecture"), dict):
        return shared
    replaced: tuple[str, ...] = ()
    if own.get("layers") is not None:
        replaced = SHORT_KEYS
    elif any(own.get(key) is not None for key in SHORT_KEYS):
        replaced = ("layers",)
    inherited = {key: value for key, value in shared["architecture"].items() if key not in replaced}
    return {**shared, "architecture": inherited}
