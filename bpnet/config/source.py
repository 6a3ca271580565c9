"""A config as it was written: plain data, and for each key the line or the `--set` it came from.

Scalars follow the YAML 1.2 core rules, which PyYAML's own loaders do not: `1e-3` is a number, `no` is
text, and so is a date.
"""

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import ReaderError

from bpnet.errors import ConfigError
from bpnet.suggest import nearest

KeyPath = tuple[str | int, ...]
Lines = Mapping[KeyPath, int | str]

_TAG = "tag:yaml.org,2002:"
_DEEPEST, _MOST_VALUES = 50, 100_000  # a few nested aliases can stand for billions of values
_SCALARS = {  # type -> its form and first characters; an integer fits both numbers, and is tried first
    "null": (r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    "bool": (r"(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    "int": (r"(?:[-+]?[0-9]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    "float": (
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
    "merge": (r"<<$", ["<"]),
}
_READERS: dict[str, Callable[[str], Any]] = {  # type -> the value of its text
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": lambda text: int(text, 16 if text.startswith("0x") else 10),
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
    "merge": str,  # `<<` where it is not a key
    "str": str,
}
_PLAIN_WORDS = {  # part of the parser's complaint -> what the writer can do about it
    "\\t": "YAML does not allow tabs for indentation or between values; use spaces",
    "mapping values": "a ': ' that does not belong here; check the indentation, quote text that holds ': '",
    "expected ':'": "a key without ': ' after it",
    "<document start>": "this does not belong to what is above; check the indentation and the brackets",
    "<block end>": "this does not fit the lines above; check the indentation, the brackets and the quotes",
    "expected ','": "a ',' or a closing bracket is missing",
    "end of stream": "a quote that is never closed",
    "escape ": "inside double quotes a backslash starts an escape; use single quotes",
    "cannot start any token": "text cannot begin with this character; put it in quotes",
    "node content": "a value is missing in front of this",
}


@dataclass(frozen=True)
class Source:
    """The plain data of a config, and where each key path of it was written.

    `lines` gives, for a key path, its line in the file, or the `KEY=VALUE` of the `--set` it came from.
    """

    name: str  # the file as the user typed it
    data: dict[str, Any]
    lines: Lines

    def where(self, path: KeyPath) -> str:
        """Name the place of `path`, or of the closest key around it that was written."""
        place = _closest(self.lines, path)
        if place is None:
            return self.name
        return f"--set {place}" if isinstance(place, str) else f"{self.name}, line {place}"


def read(path: Path) -> Source:
    """Read a config file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        near = nearest(path.name, (file.name for file in _configs(path.parent)))
        hint = f"did you mean '{path.with_name(near)}'?" if near else "`bpnet init data.csv` writes a config"
        raise ConfigError(f"{path}: no such config file; {hint}") from None
    except IsADirectoryError:
        inside = ", ".join(f"'{file}'" for file in _configs(path)[:3])
        raise ConfigError(f"{path}: is a folder; give a YAML file{', such as ' if inside else ''}{inside}") from None
    except OSError as error:
        raise ConfigError(f"{path}: the config file cannot be read: {error.strerror}") from None
    try:
        return parse(content.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{content[error.start]:02x}"
        raise ConfigError(f"{path}, line {line}: {byte} is not UTF-8 text; save the file as UTF-8") from None


def parse(text: str, name: str = "<text>") -> Source:
    """Read a config from its text; `name` stands for the file in messages."""
    tree = _Tree(lambda line: f"{name}, line {line}")
    root = tree.compose(text)
    if root is None or root.tag == _TAG + "null":
        raise ConfigError(f"{name}: is empty or holds only comments; `bpnet init data.csv` writes a config")
    if not isinstance(root, yaml.MappingNode):
        found = "a list" if isinstance(root, yaml.SequenceNode) else f"the value {_short(root.value)}"
        raise ConfigError(
            f"{tree.place(root)}: the top level is {found}; a config is a mapping of keys such as `dataset:`"
        )
    return Source(name, tree.build(root), tree.lines)


def override(source: Source, assignments: Sequence[str]) -> Source:
    """Return the source with each `KEY.PATH=VALUE` applied in order; values are read as YAML."""
    data, lines = copy.deepcopy(source.data), dict(source.lines)
    for assignment in assignments:
        _assign(data, lines, assignment)
    return Source(source.name, data, lines)


def write(data: Mapping[str, Any]) -> str:
    """Write plain data as YAML that `parse`, and any other YAML reader, takes for the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


def _assign(data: dict[str, Any], lines: dict[KeyPath, int | str], assignment: str) -> None:
    """Set one value in place, making the mappings on the way to it."""
    place = f"--set {assignment}"
    dotted, equals, text = assignment.partition("=")
    parts = dotted.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"{place}: is not of the form KEY.PATH=VALUE, such as training.epochs=50")
    tree = _Tree(lambda _: place)
    root = tree.compose(text)

    holder: Any = data
    path: KeyPath = (parts[0],)
    for part in parts[1:]:
        child = holder.get(path[-1]) if isinstance(holder, dict) else holder[path[-1]]
        owner = ".".join(map(str, path))
        if child is None:
            child, lines[path] = {}, assignment
        elif isinstance(child, str) and child.isidentifier():  # `optimizer: adam` is {kind: adam}
            lines[*path, "kind"] = _closest(lines, path) or assignment
            child, lines[path] = {"kind": child}, assignment
        elif not isinstance(child, dict | list):
            raise ConfigError(f"{place}: {owner} is {child!r}, which has no keys inside; set {owner} itself")
        holder[path[-1]] = child
        holder = child
        path = (*path, _position(holder, part, owner, place) if isinstance(holder, list) else part)
    holder[path[-1]] = None if root is None else tree.build(root)
    for inside in [known for known in lines if known[: len(path)] == path]:
        del lines[inside]
    lines[path] = assignment


def _position(items: list[Any], part: str, owner: str, place: str) -> int:
    """Read one part of a key path as a position in a list."""
    positions = [str(index) for index in range(len(items))]
    if part in positions:
        return int(part)
    allowed = f"allowed is 0 to {len(items) - 1}" if items else f"set the whole list with {owner}=[…]"
    raise ConfigError(f"{place}: '{part}' is not a position in {owner}, a list of {len(items)}; {allowed}")


def _closest(lines: Lines, path: KeyPath) -> int | str | None:
    """Return the place of the longest beginning of `path` that has one."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), None)


def _configs(folder: Path) -> list[Path]:
    """List the YAML files in a folder; none when there is no such folder."""
    return sorted(file for file in folder.glob("*") if file.suffix in {".yaml", ".yml"})


def _short(text: str) -> str:
    """Quote a value for a message, on one line and not too long."""
    text = " ".join(text.split())
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


class _Loader(yaml.SafeLoader):
    """Composes nodes, with the scalar rules of this module in place of PyYAML's."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (annotated in the base class)


for _type, (_form, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(_TAG + _type, re.compile(_form), _first)


class _Dumper(yaml.SafeDumper):
    """Quotes text that would read as something else by the rules of this module or by PyYAML's own."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (annotated in the base class)
        first: [
            *yaml.SafeDumper.yaml_implicit_resolvers.get(first, []),
            *_Loader.yaml_implicit_resolvers.get(first, []),
        ]
        for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *_Loader.yaml_implicit_resolvers}
    }

    def ignore_aliases(self, data: Any) -> bool:
        """Write each value in full."""
        return True


class _Tree:
    """One YAML text: its nodes, the data they stand for, and the line of each key path."""

    def __init__(self, locate: Callable[[int], str]) -> None:
        self.locate = locate  # a line -> the place to name in messages
        self.lines: dict[KeyPath, int | str] = {}
        self._open: list[yaml.Node] = []  # the nodes around the one being built

    def place(self, node: yaml.Node) -> str:
        return self.locate(node.start_mark.line + 1)

    def compose(self, text: str) -> yaml.Node | None:
        """Return the root node of the one document in the text, or None when there is none."""
        try:
            loader = _Loader(text)
            root = loader.get_node() if loader.check_node() else None
            second = loader.get_node() if loader.check_node() else None
        except ReaderError as error:
            line, code = text.count("\n", 0, error.position) + 1, ord(text[error.position])
            raise ConfigError(
                f"{self.locate(line)}: the character U+{code:04X} is not allowed in YAML; remove it"
            ) from None
        except yaml.MarkedYAMLError as error:
            raise ConfigError(self._explain(error)) from None
        except RecursionError:
            raise ConfigError(f"{self.locate(1)}: brackets or lists are nested too deeply") from None
        if second is not None:
            raise ConfigError(f"{self.place(second)}: a second document begins; a config is one, without `---` inside")
        return root

    def _explain(self, error: yaml.MarkedYAMLError) -> str:
        """Say in plain words what the parser stumbled over, and where."""
        mark, start, problem = error.problem_mark, error.context_mark, str(error.problem)
        assert mark is not None  # every error in composing has one
        words = next((words for part, words in _PLAIN_WORDS.items() if part in problem), problem)
        inside = f" (in what begins on line {start.line + 1})" if start and start.line < mark.line else ""
        return f"{self.locate(mark.line + 1)}: not valid YAML at column {mark.column + 1}{inside}: {words}"

    def build(self, node: yaml.Node, path: KeyPath = ()) -> Any:
        """Return the plain data of a node and note the line of every key path inside it."""
        if node in self._open:
            raise ConfigError(f"{self.place(node)}: this value contains itself through an alias; write it out")
        if len(path) > _DEEPEST or len(self.lines) > _MOST_VALUES:
            raise ConfigError(f"{self.place(node)}: too many or too deeply nested values; check the aliases")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in {_TAG + "map", _TAG + "seq"}:
            raise self._bad_tag(node)
        children: dict[Any, tuple[int, yaml.Node]]
        if isinstance(node, yaml.MappingNode):
            children = self._pairs(node)
        else:
            children = {index: (item.start_mark.line + 1, item) for index, item in enumerate(node.value)}
        self._open.append(node)
        built = {}
        for key, (line, child) in children.items():
            self.lines[*path, key] = line
            built[key] = self.build(child, (*path, key))
        self._open.pop()
        return built if isinstance(node, yaml.MappingNode) else list(built.values())

    def _pairs(self, node: yaml.MappingNode) -> dict[str, tuple[int, yaml.Node]]:
        """Return the line and the value of each key of a mapping; its own keys win over those of `<<`."""
        pairs: dict[str, tuple[int, yaml.Node]] = {}
        bases: list[yaml.Node] = []
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                bases += value.value if isinstance(value, yaml.SequenceNode) else [value]
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TAG + "str":
                shown = _short(key.value) if isinstance(key, yaml.ScalarNode) else "in brackets"
                raise ConfigError(f"{self.place(key)}: the key {shown} is not text; put it in quotes")
            if key.value in pairs:
                line = pairs[key.value][0]
                raise ConfigError(
                    f"{self.place(key)}: the key '{key.value}' is on line {line} already; keep one of the two"
                )
            pairs[key.value] = (key.start_mark.line + 1, value)
        for base in bases:
            if not isinstance(base, yaml.MappingNode) or base is node or base in self._open:
                raise ConfigError(f"{self.place(node)}: `<<` takes another mapping, such as `<<: *defaults`")
            pairs = self._pairs(base) | pairs
        return pairs

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if kind not in _READERS:
            raise self._bad_tag(node)
        if kind in _SCALARS and not re.match(_SCALARS[kind][0], node.value):  # after an explicit tag
            raise ConfigError(f"{self.place(node)}: {_short(node.value)} is not of the type !!{kind}")
        try:
            return _READERS[kind](node.value)
        except ValueError:
            raise ConfigError(f"{self.place(node)}: {_short(node.value)} is too long for a number") from None

    def _bad_tag(self, node: yaml.Node) -> ConfigError:
        tag = node.tag.replace(_TAG, "!!")
        return ConfigError(f"{self.place(node)}: the tag '{tag}' is not allowed in a config; remove it")
