"""YAML text as plain data: the scalar rules of YAML 1.2, and the line of each key.

PyYAML's own loaders follow YAML 1.1, where `1e-3` is text and `no` is false; here `1e-3` is a
number, `no` is text, and so are a date and a code with leading zeros such as 007.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml
from yaml.reader import ReaderError

from bpnet.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""The keys and list positions on the way to a value."""

TAG = "tag:yaml.org,2002:"
_DEEPEST, _MOST_VALUES = 50, 100_000  # a few nested aliases can make billions of values
_MOST_DIGITS = 300
"""Digits of a whole number: more do not fit a float, which JSON and arrays may make of it."""
_SCALARS = {  # type -> its form and first characters; "int" is before "float", which it fits too
    "null": (r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    "bool": (r"(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    "int": (r"(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    "float": (
        r"(?:[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
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
    "merge": str,  # `<<` if it is not a key
    "str": str,
}
_PLAIN_WORDS = {  # part of the parser's message -> a plainer one
    "\\t": "YAML does not allow tabs for indentation or between values; use spaces",
    "mapping values": "a ': ' that does not belong here; "
    "check the indentation, quote text that holds ': '",
    "expected ':'": "a key without ': ' after it",
    "<document start>": "this does not belong to what is above; "
    "check the indentation and the brackets",
    "<block end>": "this does not fit the lines above; "
    "check the indentation, the brackets and the quotes",
    "expected ','": "a ',' or a closing bracket is missing",
    "end of stream": "a quote that is never closed",
    "escape ": "inside double quotes a backslash starts an escape; use single quotes",
    "cannot start any token": "text cannot begin with this character; put it in quotes",
    "node content": "a value is missing in front of this",
}


_AFTER_MISSING_COLON = ("mapping values", "expected ':'", "<block end>")
"""Parts of the parser's messages after which the line before may lack its colon."""


def _key_without_colon(lines: Sequence[str]) -> tuple[int, str | None]:
    """Return the number of the last line that has content, and its key if no colon follows it."""
    number = len(lines)
    while number and not lines[number - 1].partition("#")[0].strip():
        number -= 1
    last = lines[number - 1] if number else ""
    key = re.fullmatch(r"\s*([A-Za-z_]\w*)(\s+[^\s:#][^:#]*)?\s*(\s#.*)?", last)
    return number, key[1] if key else None


def dotted(path: KeyPath) -> str:
    """Return a key path as `--set` takes it, such as architecture.layers.0.units."""
    return ".".join(str(part) for part in path)


def shortened(text: str) -> str:
    """Quote a value for a message, on one line and not too long."""
    text = " ".join(text.split())
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


class _Loader(yaml.SafeLoader):
    """Composes nodes, with the scalar rules of this module in place of PyYAML's."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (annotated in the base class)


for _type, (_form, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(TAG + _type, re.compile(_form), _first)


class PlainLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads text that bpnet wrote, many times faster than `Tree`, and knows no lines."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


_LINE_BREAKS = "\r\x85\u2028\u2029"  # beside the newline, by YAML 1.1


class Dumper(yaml.SafeDumper):
    """Quotes text that would read as something else by this module's rules or by PyYAML's own."""

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

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Represent text; escape the line breaks that PyYAML would fold into spaces."""
        style = '"' if any(mark in data for mark in _LINE_BREAKS) else None
        return self.represent_scalar(TAG + "str", data, style=style)


Dumper.add_representer(str, Dumper.represent_str)


_Pairs = Mapping[str, tuple[int, yaml.Node]]
"""The line and the value of each key of a mapping."""


class Tree:
    """One YAML text: its nodes, their data, and the line of each key path."""

    def __init__(self, locate: Callable[[int], str]) -> None:
        self.locate = locate  # line -> its place in messages
        self.lines: dict[KeyPath, int | str] = {}
        self.texts: dict[KeyPath, str] = {}  # what was written for a value that is not text
        self._open: list[yaml.Node] = []  # the nodes around the one being built
        self._pairs_of: dict[yaml.Node, _Pairs] = {}
        self._merging: set[yaml.Node] = set()
        self._merged = 0  # keys that came from `<<`

    def place(self, node: yaml.Node) -> str:
        """Return the place of a node for messages."""
        return self.locate(node.start_mark.line + 1)

    def compose(self, text: str) -> yaml.Node | None:
        """Return the root node of the one document in the text, or None if it is empty."""
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
            raise ConfigError(self._explain(error, text)) from None
        except RecursionError:
            raise ConfigError(
                f"{self.locate(1)}: brackets or lists are nested too deeply"
            ) from None
        if second is not None:
            raise ConfigError(
                f"{self.place(second)}: a second document begins; "
                "a config is one document: remove the `---`"
            )
        return root

    def _explain(self, error: yaml.MarkedYAMLError, text: str) -> str:
        """Return the parser's problem in plain words, with its place in the text."""
        mark, start, problem = error.problem_mark, error.context_mark, str(error.problem)
        assert mark is not None  # every error in composing has one
        if any(part in problem for part in _AFTER_MISSING_COLON):
            line, key = _key_without_colon(text.split("\n")[: mark.line])
            if key:
                return (
                    f"{self.locate(line)}: not valid YAML: '{key}' has no ': ' after it; "
                    "is a colon missing?"
                )
        words = next((words for part, words in _PLAIN_WORDS.items() if part in problem), problem)
        inside = (
            f" (in what begins on line {start.line + 1})"
            if start and start.line < mark.line
            else ""
        )
        place = f"{self.locate(mark.line + 1)}: not valid YAML at column {mark.column + 1}"
        return f"{place}{inside}: {words}"

    def build(self, node: yaml.Node, path: KeyPath = ()) -> Any:
        """Return the plain data of a node, and record the line of every key path inside it."""
        if node in self._open:
            raise ConfigError(
                f"{self.place(node)}: this value contains itself through an alias; write it out"
            )
        if len(path) > _DEEPEST or len(self.lines) > _MOST_VALUES:
            raise self._too_many(node)
        if isinstance(node, yaml.ScalarNode):
            value = self._scalar(node)
            if not isinstance(value, str):
                self.texts[path] = node.value
            return value
        if node.tag not in {TAG + "map", TAG + "seq"}:
            raise self._bad_tag(node)
        children: Mapping[Any, tuple[int, yaml.Node]]
        if isinstance(node, yaml.MappingNode):
            children = self._pairs(node)
        else:
            children = {
                index: (item.start_mark.line + 1, item) for index, item in enumerate(node.value)
            }
        self._open.append(node)
        built = {}
        for key, (line, child) in children.items():
            # before the keys inside, so that `lines` is in the order of the file
            self.lines[*path, key] = line
            built[key] = self.build(child, (*path, key))
        self._open.pop()
        return built if isinstance(node, yaml.MappingNode) else list(built.values())

    def _pairs(self, node: yaml.MappingNode) -> _Pairs:
        """Return the line and the value of each key of a mapping.

        Its own keys come before those of `<<`. A mapping is merged once, however many aliases of it
        there are: without that a few lines of merges take for ever.
        """
        if node in self._pairs_of:
            return self._pairs_of[node]
        self._merging.add(node)
        pairs: dict[str, tuple[int, yaml.Node]] = {}
        bases: dict[yaml.Node, None] = {}
        for key, value in node.value:
            if key.tag == TAG + "merge":
                bases |= dict.fromkeys(
                    value.value if isinstance(value, yaml.SequenceNode) else [value]
                )
                continue
            # a column may be named 2 or true: a key is the text that is written
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(
                    f"{self.place(key)}: the key in brackets is not text; put it in quotes"
                )
            if key.tag.removeprefix(TAG) not in _READERS:
                raise self._bad_tag(key)
            if not key.value and key.tag == TAG + "null":
                raise ConfigError(f"{self.place(key)}: a key is empty; put it in front of its ':'")
            if key.value in pairs:
                line = pairs[key.value][0]
                raise ConfigError(
                    f"{self.place(key)}: the key '{key.value}' is on line {line} already; "
                    "keep one of the two"
                )
            pairs[key.value] = (key.start_mark.line + 1, value)
        for base in bases:
            inside = base in self._merging or base in self._open
            if not isinstance(base, yaml.MappingNode) or inside:
                raise ConfigError(
                    f"{self.place(node)}: `<<` takes another mapping, such as `<<: *defaults`"
                )
            # of a key in both, the mapping's own value
            pairs = {**self._pairs(base), **pairs}
            self._merged += len(pairs)
            if self._merged > _MOST_VALUES:
                raise self._too_many(node)
        self._merging.remove(node)
        self._pairs_of[node] = pairs
        return pairs

    def _too_many(self, node: yaml.Node) -> ConfigError:
        return ConfigError(
            f"{self.place(node)}: too many or too deeply nested values; check the aliases"
        )

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind = node.tag.removeprefix(TAG)
        if kind not in _READERS:
            raise self._bad_tag(node)
        if kind in _SCALARS and not re.match(
            _SCALARS[kind][0], node.value
        ):  # after an explicit tag
            raise ConfigError(
                f"{self.place(node)}: {shortened(node.value)} is not of the type !!{kind}"
            )
        if kind == "int" and len(node.value) > _MOST_DIGITS:
            raise ConfigError(
                f"{self.place(node)}: {shortened(node.value)} is too long for a number"
            )
        return _READERS[kind](node.value)

    def _bad_tag(self, node: yaml.Node) -> ConfigError:
        tag = node.tag.replace(TAG, "!!")
        return ConfigError(
            f"{self.place(node)}: the tag '{tag}' is not allowed in a config; remove it"
        )
