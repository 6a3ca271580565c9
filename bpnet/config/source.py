"""The source of a config: its plain data, and the line or the `--set` that each key came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bpnet.config.yaml_tree import TAG, Dumper, KeyPath, Tree, dotted, shortened
from bpnet.data.formats import READABLE
from bpnet.data.reading.compression import without_compression_suffix
from bpnet.errors import ConfigError
from bpnet.messages import closest_match, shell_path
from bpnet.paths import files_in, is_dir, is_file

_CONFIG_SUFFIXES = {".yaml", ".yml"}
_LARGEST = 10_000_000
"""The most bytes of a config, which may hold a few rows."""

Lines = Mapping[KeyPath, int | str]


@dataclass(frozen=True)
class Source:
    """The plain data of a config, and the place where each key path was written.

    `lines` gives, for a key path, its line in the file, or the option that it came from, such as
    `--set KEY=VALUE`.
    """

    name: str  # of the file, as the user typed it
    data: dict[str, Any]
    lines: Lines
    folder: Path = Path()  # the config's paths are relative to it
    texts: Mapping[KeyPath, str] = field(default_factory=dict)  # of values that are not text
    preset: str = ""
    """The preset whose keys are in the data, beside those that were written."""
    preset_paths: frozenset[KeyPath] = frozenset()
    """The paths of these keys."""

    def where(self, path: KeyPath) -> str:
        """Return the place of `path`, or of the closest key around it that was written.

        A key that a preset has set is placed where the config names the preset.
        """
        if self._is_of_preset(path):
            return f"{self._place(('preset',))}, preset {self.preset}"
        return self._place(path)

    def advised(self, path: KeyPath, text: str) -> str:
        """Return a message on `path`, with the way to change a key that a preset has set."""
        if not self._is_of_preset(path) or "--set " in text:
            return text
        own = path[2:] if path[0] == "members" and len(path) > 2 else path
        return f"{text}; set it yourself: --set {dotted(own)}=VALUE"

    def _is_of_preset(self, path: KeyPath) -> bool:
        return path in self.preset_paths and path not in self.lines

    def _place(self, path: KeyPath) -> str:
        place = closest_place(self.lines, path)
        if place is None:
            return self.name
        return place if isinstance(place, str) else f"{self.name}, line {place}"


def read_file(path: Path, reader: Path | None = None) -> Source:
    """Read one config file, without those that it extends: see `inheritance.read_source`.

    `reader` is the config that extends it, which a message does not advise to read in its place.
    Raises ConfigError if it cannot be read or is not YAML.
    """
    if _is_table(path):
        raise ConfigError(f"{path}: is a table, not a config; write a config with: {_init(path)}")
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)  # a device may have no end
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such config file; {_hint(path, reader)}") from None
    except IsADirectoryError:
        inside = ", ".join(f"'{file}'" for file in _configs(path)[:3])
        raise ConfigError(
            f"{path}: is a folder; give a YAML file{', such as ' if inside else ''}{inside}"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path}: the config file cannot be read: {error.strerror}; "
            "check its path and permissions"
        ) from None
    if len(content) > _LARGEST:
        raise ConfigError(
            f"{path}: is larger than {_LARGEST / 1e6:.0f} MB, which no config is; "
            f"if it is a table, write a config with: {_init(path)}"
        )
    try:
        return _parsed(content, path)
    except ConfigError as error:
        if path.suffix.lower() in _CONFIG_SUFFIXES:
            raise
        raise ConfigError(
            [*error.problems, f"{path}: if it is a table, write a config with: {_init(path)}"]
        ) from None


def _parsed(content: bytes, path: Path) -> Source:
    try:
        return parse_source(content.decode("utf-8-sig"), str(path), path.parent)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{content[error.start]:02x}"
        raise ConfigError(
            f"{path}, line {line}: {byte} is not UTF-8 text; save the file as UTF-8"
        ) from None


def parse_source(text: str, name: str = "<text>", folder: Path = Path()) -> Source:
    """Read a config from its text.

    `name` is the file's name in messages, `folder` the folder that the config's paths are relative
    to.
    """
    tree = Tree(lambda line: f"{name}, line {line}")
    root = tree.compose(text)
    if root is None or root.tag == TAG + "null":
        raise ConfigError(f"{name}: is empty or holds only comments; {_examples()}")
    if not isinstance(root, yaml.MappingNode):
        top = (
            "a list"
            if isinstance(root, yaml.SequenceNode)
            else f"the value {shortened(root.value)}"
        )
        raise ConfigError(
            f"{tree.place(root)}: the top level is {top}; "
            "a config is a mapping of keys such as `dataset:`"
        )
    return Source(name, tree.build(root), tree.lines, folder, tree.texts)


def yaml_text(data: Mapping[str, Any]) -> str:
    """Return plain data as YAML, which `parse_source` and any other YAML reader read back."""
    return yaml.dump(
        data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None
    )


def closest_place(lines: Lines, path: KeyPath) -> int | str | None:
    """Return the place of the longest beginning of `path` that has one, or None."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), None)


def _is_table(path: Path) -> bool:
    """Return whether a file exists and is a table by its name."""
    endings = [suffix for file_format in READABLE for suffix in file_format.suffixes]
    endings = [ending for ending in endings if ending not in (".txt", ".json")]  # may be a config
    name = without_compression_suffix(path.name).lower()
    return name.endswith(tuple(endings)) and is_file(path)


def _hint(path: Path, reader: Path | None) -> str:
    """Return what to do about a config that does not exist."""
    beside = (file for file in files_in(path.parent) if file.name.startswith(f"{path.stem}."))
    table = next((file for file in sorted(beside) if _is_table(file)), None)
    if table is None:
        others = [file for file in _configs(path.parent) if file != reader]
        near = closest_match(path.name, (file.name for file in others))
        return f"did you mean '{path.with_name(near)}'?" if near else _examples()
    output = [] if path == Path(f"{path.stem}.yaml") else [f"-o {shell_path(path)}"]
    return f"write one for {table} with: {_init(table, *output)}"


def _examples() -> str:
    """Return where to find a config to start from."""
    if is_dir("configs"):
        return "see configs/ for examples"
    return "write one with: bpnet init TABLE --target COLUMN"


def _init(table: Path, *options: str) -> str:
    """Return the command that writes a config for a table, and the one that lists its columns."""
    command = f"bpnet init {shell_path(table)}"
    return f"{' '.join([command, '--target COLUMN', *options])}; {command} lists the columns"


def _configs(folder: Path) -> list[Path]:
    """Return the YAML files in a folder, none if there is no such folder."""
    return sorted(file for file in files_in(folder) if file.suffix in _CONFIG_SUFFIXES)
