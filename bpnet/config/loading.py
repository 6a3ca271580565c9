"""A config loaded: from its source to the typed `Config`, with every problem reported at once."""

import dataclasses
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bpnet.config.inheritance import read_source
from bpnet.config.key_tree import EXTENDS
from bpnet.config.members import SHORT_KEYS, with_inherited, written_path
from bpnet.config.overrides import apply_overrides
from bpnet.config.schema import Config, PresetName
from bpnet.config.shorthand import spell_out
from bpnet.config.source import Source
from bpnet.config.written_texts import with_texts
from bpnet.config.yaml_tree import KeyPath, dotted
from bpnet.errors import ConfigError


@dataclass(frozen=True)
class LoadedConfig:
    """A config with its source: the typed sections, and each key's file and line for messages."""

    config: Config
    source: Source
    member: int | None = None
    """The position in `members` whose settings the config has; None for the whole config."""
    written_preset: PresetName | None = None
    """The preset whose keys have been written into the config, which then names none."""

    @property
    def folder(self) -> Path:
        """The folder that the config's paths are relative to."""
        return self.source.folder

    def override(self, assignments: Sequence[str]) -> "LoadedConfig":
        """Return the config with each `KEY.PATH=VALUE` applied in order; raises ConfigError."""
        return load_config(apply_overrides(self.source, assignments))

    def of_member(self, position: int) -> "LoadedConfig":
        """Return the config of one member: its own settings in place of those that all share."""
        members = self.config.members
        assert members is not None
        member = members[position]
        dataset = dataclasses.replace(
            self.config.dataset, preprocessing=member.dataset.preprocessing
        )
        config = dataclasses.replace(
            self.config,
            dataset=dataset,
            architecture=member.architecture,
            training=member.training,
            pack=member.pack,
            members=None,
        )
        return dataclasses.replace(self, config=config, member=position)

    def problem(self, path: KeyPath, text: str) -> str:
        """Return a message about the key at `path`: file and line, dotted key, `text`."""
        placed = path
        if self.member is not None:
            path = written_path(self.source.lines, self.member, path)
            inside = ("members", self.member, *placed)
            placed = inside if inside in self.source.preset_paths else path
        message = self.source.advised(placed, f"{dotted(path)} {text}")
        return f"{self.source.where(placed)}: {message}"

    def error(self, path: KeyPath, text: str) -> ConfigError:
        """Return an error about the key at `path`, to be raised."""
        return ConfigError(self.problem(path, text))


def read_config(path: Path, assignments: Sequence[str] = ()) -> LoadedConfig:
    """Read a config file, completed by those that it extends; raises ConfigError.

    Each `--set KEY.PATH=VALUE` is applied in order.
    """
    return load_config(apply_overrides(read_source(path), assignments))


def load_config(source: Source) -> LoadedConfig:
    """Validate a source; raise ConfigError with a message for each problem, in the file's order."""
    data = with_texts(source.data, Config, source.texts)
    if data.get("members"):
        # without the members first, so that a mistake in what they share is reported once
        _validated({key: value for key, value in data.items() if key != "members"}, source)
        data = with_inherited(data)
    return LoadedConfig(_validated(data, source), source)


def _validated(data: dict[str, Any], source: Source) -> Config:
    """Return a source's data as a Config; raises ConfigError."""
    data = spell_out(data, Config)
    try:
        # strict, so that text is not a number and 1 is not true; from JSON, since strict Python
        # input must be instances of the dataclasses
        return _schema().validate_json(json.dumps(data), strict=True)
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
    del data[EXTENDS]  # what is extended is written out
    # the two ways to give layers exclude each other: drop the unused one
    for section in (data, *(data["members"] or [])):
        architecture = section["architecture"]
        unused = ("layers",) if architecture["layers"] is None else SHORT_KEYS
        for key in unused:
            del architecture[key]
    return data
