"""The configs of trials, read once for all that differ only in the numbers of ranges.

A number has one place in a config, as its keys are the fields of the sections. So the config of a
trial is that of one read before with other numbers in these places. Every section around them is
made anew, which checks its bounds and its rules; what that refuses is read, for its message.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bpnet.config.loading import LoadedConfig, load_config
from bpnet.config.schema import Config
from bpnet.config.search_space import Space, Values, settings_of, with_values
from bpnet.config.source import Source
from bpnet.engine.component import Component


@dataclass(frozen=True)
class TrialConfigs:
    """The configs of the trials of a space, which complete one base."""

    base: Source
    space: Space
    _read: dict[str, LoadedConfig | None] = field(default_factory=dict)
    """A config read for each choice that trials have made; None if its numbers have no place."""

    def loaded(self, values: Values) -> LoadedConfig:
        """Return the config of a trial, as `load_config` reads it; raises ConfigError."""
        numbers = {key: one for key, one in values.items() if self._is_number(key, one)}
        key = json.dumps({**values, **dict.fromkeys(numbers)}, sort_keys=True)
        settings = settings_of(self.base, numbers)
        if template := self._read.get(key):
            try:
                return replace(template, config=_with_numbers(template.config, settings))
            except ValueError:  # a number is not allowed
                pass
        loaded = load_config(with_values(self.base, values))
        if key not in self._read:
            self._read[key] = loaded if _has_numbers(loaded.config, settings) else None
        return loaded

    def _is_number(self, key: str, value: Any) -> bool:
        return self.space.dimensions[key].choices is None and type(value) in (int, float)


def _with_numbers(config: Config, settings: Mapping[str, Any]) -> Any:
    """Return a config with other numbers at its keys; raises ValueError if one is not allowed."""
    changed: Any = config
    for key, value in settings.items():
        changed = _put(changed, key.split("."), value)
    return changed


def _put(section: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        if type(section) is int and type(value) is not int:
            raise ValueError(f"{value} is not a whole number")
        return type(section)(value)  # a whole number is a float where the schema has one
    name, *inside = path
    if isinstance(section, list):
        k = int(name)
        return [*section[:k], _put(section[k], inside, value), *section[k + 1 :]]
    if isinstance(section, dict):
        return {**section, name: _put(section[name], inside, value)}
    return replace(section, **{name: _put(getattr(section, name), inside, value)})


def _has_numbers(config: Config, settings: Mapping[str, Any]) -> bool:
    """Return whether a config has these numbers at their keys, in sections that check them."""
    return all(_has_number(config, key.split("."), value) for key, value in settings.items())


def _has_number(section: Any, path: Sequence[str], value: Any) -> bool:
    name, *inside = path
    if isinstance(section, list):
        child = section[int(name)] if name.isdecimal() and int(name) < len(section) else None
    else:
        child = section.get(name) if isinstance(section, dict) else getattr(section, name, None)
    if inside:
        return _has_number(child, inside, value)
    checks = isinstance(section, Component)
    return bool(checks and child == value and type(child) in (float, type(value)))
