"""Configs from Python: a file, a mapping or a typed `Config`, with settings, as a loaded config."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.config.dataset_paths import relocated
from bpnet.config.inheritance import completed_source, read_source
from bpnet.config.loading import LoadedConfig, as_data, load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.schema import Config
from bpnet.config.source import Source
from bpnet.config.yaml_tree import KeyPath, dotted
from bpnet.errors import ConfigError

_NAME = "config"


def load_python_config(
    config: str | Path | Mapping[str, Any] | Config,
    settings: Mapping[str, Any] | None = None,
    *,
    table: str | None = None,
) -> LoadedConfig:
    """Return a config with each of the settings, by dotted key, in place of its own.

    `table` is the path of a table, relative to the working folder, or of one in memory, which takes
    the place of the config's. Raises ConfigError.
    """
    source = _source(config)
    if table is not None:
        source = _with_table(source, table)
    return load_config(apply_overrides(source, assignments(settings or {}), "settings:"))


def assignments(settings: Mapping[str, Any]) -> list[str]:
    """Return settings by dotted key as `--set` takes them; raises ConfigError."""
    if not isinstance(settings, Mapping):
        raise ConfigError(
            f"settings: is of the type {type(settings).__name__}; give a dict such as "
            '{"training.epochs": 50}'
        )
    return [f"{key}={json.dumps(_plain(value, (str(key),)))}" for key, value in settings.items()]


def config_data(config: str | Path | Mapping[str, Any] | Config) -> dict[str, Any]:
    """Return the plain data of a config, as it is written; raises ConfigError."""
    return _source(config).data


def _source(config: str | Path | Mapping[str, Any] | Config) -> Source:
    if isinstance(config, str | Path):
        return read_source(Path(config))
    if isinstance(config, Config):
        return Source(_NAME, as_data(config), {})
    if isinstance(config, Mapping):
        data = _plain(config, ())
        return completed_source(Source(_NAME, data, {}, texts=dict(_texts(data))))
    raise ConfigError(
        f"{_NAME}: is of the type {type(config).__name__}; give the path of a YAML file, or a "
        'dict such as {"dataset": {"path": "flowers.csv", "target": "species"}}'
    )


def _with_table(source: Source, path: str) -> Source:
    """Return a source whose table is the one that `table=` gives."""
    dataset = source.data.get("dataset")
    if not isinstance(dataset, dict):
        return source  # which is not valid, as its own message says
    for key in ("rows", "columns"):
        if dataset.get(key) is not None:
            raise ConfigError(
                f"{source.where(('dataset', key))}: dataset.{key} holds a table, and `table=` is "
                "another; give one of them"
            )
    # relative to the working folder, as it is given, and not to the config's
    path = relocated(path, Path(), source.folder)
    data = {**source.data, "dataset": {**dataset, "path": path}}
    return dataclasses.replace(source, data=data)


def _texts(data: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Yield the text of each number and truth value, which may name a column or a class."""
    if isinstance(data, dict):
        for key, item in data.items():
            yield from _texts(item, (*path, key))
    elif isinstance(data, list):
        for k, item in enumerate(data):
            yield from _texts(item, (*path, k))
    elif isinstance(data, bool | int | float):
        yield path, json.dumps(data)


def _plain(value: Any, path: KeyPath) -> Any:
    """Return a value as the plain data that YAML has; raise ConfigError if it is none."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        value = {str(key) if type(key) is int else key: item for key, item in value.items()}
        for key in value:
            if not isinstance(key, str):
                raise ConfigError(
                    f"{_NAME}: {dotted((*path, str(key)))} has the key {key!r}, which is not text"
                )
        return {key: _plain(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item, (*path, k)) for k, item in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ConfigError(
        f"{_NAME}: {dotted(path)} is of the type {type(value).__name__}; a config holds numbers, "
        "text, true and false, lists and mappings of these"
    )
