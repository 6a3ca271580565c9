"""A preset expanded: its keys written into a config, beneath those that the user has set."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bpnet.config.loading import LoadedConfig, load_config
from bpnet.config.members import SHORT_KEYS, merged
from bpnet.config.presets.choose import TableSize, preset_keys
from bpnet.config.schema import PresetName
from bpnet.config.yaml_tree import KeyPath, dotted

_MODEL_KEYS = frozenset(
    ("architecture", "training", "replicas", "folds", "rounds", "refit", "members", "calibration")
)
"""The keys of which a config without a preset sets at least one."""

_PRESET, _SET_BESIDE = "preset", "set_beside_preset"
_MOST_RECORDED = 1000


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
    source = replace(source, preset=name, preset_paths=frozenset(_paths_besides(data, own)))
    expanded = load_config(replace(source, data={"preset": None, **data}))
    if "calibration" not in own and not expanded.config.validates:
        data["calibration"] = "none"  # the user's split leaves no rows to fit it to
        expanded = load_config(replace(source, data={"preset": None, **data}))
    return replace(expanded, written_preset=name)


def _paths_besides(data: Any, own: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the paths of all that is in a config's data, but not in the user's own."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        written = isinstance(own, dict) and key in own
        if not written:
            yield (*path, key)
        if isinstance(value, dict | list) and not (written and own[key] == value):
            yield from _paths_besides(value, own[key] if written else None, (*path, key))


def preset_record(loaded: LoadedConfig) -> dict[str, Any]:
    """Return what run.json tells of a config whose preset is written out; empty without one.

    It is the preset's name, and the keys that the user has set of those that a preset may write.
    """
    if loaded.written_preset is None:
        return {}
    paths = [path for path in loaded.source.lines if _may_be_written(path)]
    above = {path[:length] for path in paths for length in range(1, len(path))}
    keys = [dotted(path) for path in paths if path not in above]
    return {_PRESET: loaded.written_preset, _SET_BESIDE: keys[:_MOST_RECORDED]}


def recorded_preset(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run.json has recorded of a preset."""
    return {key: run[key] for key in (_PRESET, _SET_BESIDE) if key in run}


def _may_be_written(path: KeyPath) -> bool:
    return path[0] in _MODEL_KEYS or path[:2] == ("dataset", "preprocessing")


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
