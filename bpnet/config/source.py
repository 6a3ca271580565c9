"""A config as it was written: plain data, and for each key the line or the `--set` it came from."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from bpnet.config.yaml_tree import TAG, Dumper, KeyPath, Tree, shortened
from bpnet.errors import ConfigError
from bpnet.messages import closest_match

Lines = Mapping[KeyPath, int | str]


@dataclass(frozen=True)
class Source:
    """The plain data of a config, and where each key path of it was written.

    `lines` gives, for a key path, its line in the file, or the option that it came from, such as
    `--set KEY=VALUE`.
    """

    name: str  # the file as the user typed it
    data: dict[str, Any]
    lines: Lines
    folder: Path = Path()  # that the config's paths are relative to

    def where(self, path: KeyPath) -> str:
        """Name the place of `path`, or of the closest key around it that was written."""
        place = _closest(self.lines, path)
        if place is None:
            return self.name
        return place if isinstance(place, str) else f"{self.name}, line {place}"


def read(path: Path) -> Source:
    """Read a config file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        near = closest_match(path.name, (file.name for file in _configs(path.parent)))
        hint = f"did you mean '{path.with_name(near)}'?" if near else "see configs/ for examples"
        raise ConfigError(f"{path}: no such config file; {hint}") from None
    except IsADirectoryError:
        inside = ", ".join(f"'{file}'" for file in _configs(path)[:3])
        raise ConfigError(
            f"{path}: is a folder; give a YAML file{', such as ' if inside else ''}{inside}"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: the config file cannot be read: {error.strerror}") from None
    try:
        return parse(content.decode("utf-8-sig"), str(path), path.parent)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{content[error.start]:02x}"
        raise ConfigError(
            f"{path}, line {line}: {byte} is not UTF-8 text; save the file as UTF-8"
        ) from None


def parse(text: str, name: str = "<text>", folder: Path = Path()) -> Source:
    """Read a config from its text.

    `name` is the file's name in messages, `folder` the folder that the config's paths are relative
    to.
    """
    tree = Tree(lambda line: f"{name}, line {line}")
    root = tree.compose(text)
    if root is None or root.tag == TAG + "null":
        raise ConfigError(f"{name}: is empty or holds only comments; see configs/ for examples")
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
    return Source(name, tree.build(root), tree.lines, folder)


def override(source: Source, assignments: Sequence[str], option: str = "--set") -> Source:
    """Return the source with each `KEY.PATH=VALUE` applied in order; values are read as YAML.

    `option` is what the user gave them with.
    """
    data, lines = copy.deepcopy(source.data), dict(source.lines)
    for assignment in assignments:
        _assign(data, lines, assignment, f"{option} {assignment}")
    return replace(source, data=data, lines=lines)


def write(data: Mapping[str, Any]) -> str:
    """Write plain data as YAML that `parse`, and any other YAML reader, takes for the same data."""
    return yaml.dump(
        data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None
    )


def _assign(
    data: dict[str, Any], lines: dict[KeyPath, int | str], assignment: str, place: str
) -> None:
    """Set one value in place, making the mappings on the way to it."""
    dotted, equals, text = assignment.partition("=")
    parts = dotted.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"{place}: is not of the form KEY.PATH=VALUE, such as training.epochs=50")
    tree = Tree(lambda _: place)
    root = tree.compose(text)

    holder: Any = data
    path: KeyPath = (parts[0],)
    for part in parts[1:]:
        child = holder.get(path[-1]) if isinstance(holder, dict) else holder[path[-1]]
        owner = ".".join(map(str, path))
        if child is None:
            child, lines[path] = {}, place
        elif (
            isinstance(child, str)
            and child.isidentifier()
            and (path[0] != "dataset" or "preprocessing" in path)
        ):
            # `optimizer: adam` is {kind: adam}; in a dataset only preprocessing holds components
            lines[*path, "kind"] = _closest(lines, path) or place
            child, lines[path] = {"kind": child}, place
        elif not isinstance(child, dict | list):
            raise ConfigError(
                f"{place}: {owner} is {child!r}, which has no keys inside; set {owner} itself"
            )
        holder[path[-1]] = child
        holder = child
        path = (*path, _position(holder, part, owner, place) if isinstance(holder, list) else part)
    holder[path[-1]] = None if root is None else tree.build(root)
    for inside in [known for known in lines if known[: len(path)] == path]:
        del lines[inside]
    lines[path] = place


def _position(items: list[Any], part: str, owner: str, place: str) -> int:
    """Read one part of a key path as a position in a list."""
    positions = [str(index) for index in range(len(items))]
    if part in positions:
        return int(part)
    allowed = (
        f"allowed is 0 to {len(items) - 1}" if items else f"set the whole list with {owner}=[…]"
    )
    raise ConfigError(
        f"{place}: '{part}' is not a position in {owner}, a list of {len(items)}; {allowed}"
    )


def _closest(lines: Lines, path: KeyPath) -> int | str | None:
    """Return the place of the longest beginning of `path` that has one."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), None)


def _configs(folder: Path) -> list[Path]:
    """List the YAML files in a folder; none when there is no such folder."""
    return sorted(file for file in folder.glob("*") if file.suffix in {".yaml", ".yml"})
