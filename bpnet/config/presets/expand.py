"""A preset expanded: its keys written into a config, beneath those that the user has set."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bpnet.config.loading import LoadedConfig, load_config
from bpnet.config.members import SHORT_KEYS, merged
from bpnet.config.presets.choose import TableSize, preset_keys
from bpnet.config.schema import PresetName

_MODEL_KEYS = frozenset(
    ("architecture", "training", "replicas", "folds", "rounds", "refit", "members", "calibration")
)
"""The keys of which a config without a preset sets at least one."""


def preset_of(loaded: LoadedConfig) -> PresetName | None:
    """Return the preset of a config: `default` if it says nothing of the network or its training.

    It is None where the config says all by itself.
    """
    given = loaded.config.preset
    if given is not None or "preset" in loaded.source.data:
        return given
    preprocessing = loaded.source.data.get("dataset", {}).get("preprocessing")
    says = _MODEL_KEYS & set(loaded.source.data) or preprocessing is not None
    return None if says else "default"


def takes_default_layers(loaded: LoadedConfig) -> bool:
    """Return whether a config trains the default layers without naming them.

    Its other keys keep it from having a preset, and it names no layers.
    """
    named = {"preset", "architecture", "members"} & set(loaded.source.data)
    return not named and preset_of(loaded) is None


def expand(loaded: LoadedConfig, table: TableSize) -> LoadedConfig:
    """Return a config with the keys of its preset written out, and no preset.

    What the user has set stays: within a member, too, it takes the place of the preset's key.
    """
    name = preset_of(loaded)
    if name is None:
        return loaded
    source = loaded.source
    own = {key: value for key, value in source.data.items() if key != "preset"}
    preset = preset_keys(name, table)
    data = merged(_without_replaced(preset, own), own)
    if "members" not in own and "members" in preset:
        data["members"] = [_without(member, own) for member in preset["members"]]
    expanded = load_config(replace(source, data={"preset": None, **data}))
    if "calibration" in own or expanded.config.validates:
        return expanded
    data["calibration"] = "none"  # the user's split leaves no rows to fit it to
    return load_config(replace(source, data={"preset": None, **data}))


def _without(member: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a preset's member without the keys that the user has set for all.

    The layers of a member are what makes it another kind of network, and stay.
    """
    kept = {}
    for key, value in member.items():
        if key not in own or key == "architecture":
            kept[key] = value
        elif isinstance(value, dict) and isinstance(own[key], dict):
            if "kind" in own[key] and own[key]["kind"] != value.get("kind"):
                continue  # another component
            kept[key] = _without(value, own[key])
        elif key == "kind":
            kept[key] = value
    return kept


def _without_replaced(section: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a preset's keys without the layers, or `hidden`, in whose place the user's are."""
    given, architecture = own.get("architecture"), section.get("architecture")
    if not isinstance(given, dict) or not isinstance(architecture, dict):
        return dict(section)
    gone = SHORT_KEYS if "layers" in given else ("layers",) if set(SHORT_KEYS) & set(given) else ()
    left = {key: value for key, value in architecture.items() if key not in gone}
    return {**section, "architecture": left}
