"""A config loaded: from its source to the typed `Config`, with every problem reported at once."""

import dataclasses
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bpnet.config.overrides import apply_overrides
from bpnet.config.schema import Config
from bpnet.config.shorthand import spell_out
from bpnet.config.source import Source, read_source
from bpnet.config.written_texts import with_texts
from bpnet.config.yaml_tree import KeyPath, dotted
from bpnet.errors import ConfigError


@dataclass(frozen=True)
class LoadedConfig:
    """A config with its source: the typed sections, and each key's file and line for messages."""

    config: Config
    source: Source

    @property
    def folder(self) -> Path:
        """The folder that the config's paths are relative to."""
        return self.source.folder

    def override(self, assignments: Sequence[str]) -> "LoadedConfig":
        """Return the config with each `KEY.PATH=VALUE` applied in order; raises ConfigError."""
        return load_config(apply_overrides(self.source, assignments))

    def problem(self, path: KeyPath, text: str) -> str:
        """Return a message about the key at `path`: file and line, dotted key, `text`."""
        return f"{self.source.where(path)}: {dotted(path)} {text}"

    def error(self, path: KeyPath, text: str) -> ConfigError:
        """Return an error about the key at `path`, to be raised."""
        return ConfigError(self.problem(path, text))


def read_config(path: Path, assignments: Sequence[str] = ()) -> LoadedConfig:
    """Read a config file, with each `--set KEY.PATH=VALUE` applied in order; raises ConfigError."""
    return load_config(apply_overrides(read_source(path), assignments))


def load_config(source: Source) -> LoadedConfig:
    """Validate a source; raise ConfigError with a message for each problem, in the file's order."""
    data = spell_out(with_texts(source.data, Config, source.texts), Config)
    try:
        # strict, so that text is not a number and 1 is not true; from JSON, since strict Python
        # input must be instances of the dataclasses
        return LoadedConfig(_schema().validate_json(json.dumps(data), strict=True), source)
    except ValidationError as error:
        from bpnet.config.validation_errors import config_error  # seldom needed

        raise config_error(error, source, data) from None


@functools.cache
def _schema() -> TypeAdapter[Config]:
    """Return the schema, which takes a while to build."""
    return TypeAdapter(Config)


def as_data(config: Config) -> dict[str, Any]:
    """Return a config as plain data, every default written out and each `kind` first.

    `load_config` reads it back.
    """

    def tidy(value: Any) -> Any:
        if isinstance(value, dict):
            keys = sorted(value, key=lambda key: key != "kind")
            return {key: tidy(value[key]) for key in keys}
        return [tidy(item) for item in value] if isinstance(value, list) else value

    data: dict[str, Any] = tidy(dataclasses.asdict(config))
    # the two ways to give layers exclude each other: drop the unused one
    layers = config.architecture.layers is not None
    for key in ("hidden", "activation", "dropout") if layers else ("layers",):
        del data["architecture"][key]
    return data
