"""Loading: from a config's source to the typed `Config`, with every problem of the file reported at once."""

import dataclasses
import functools
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from bpnet.config.other_names import OTHER_NAMES
from bpnet.config.schema import Config
from bpnet.config.shorthand import dataclasses_in, hint_at, hints, kind_of, section_at, spell_out
from bpnet.config.source import Source, override, read
from bpnet.config.yaml_tree import KeyPath
from bpnet.engine.component import FieldError
from bpnet.errors import ConfigError
from bpnet.messages import did_you_mean

_WANTED = {
    "bool_type": "true or false",
    "dataclass_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "string_type": "text",
}
_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


@dataclass(frozen=True)
class LoadedConfig:
    """A config with its source: the typed sections, and the file and line of each key for messages."""

    config: Config
    source: Source

    @property
    def folder(self) -> Path:
        """The folder that the config's paths are relative to."""
        return self.source.folder

    def override(self, assignments: Sequence[str]) -> "LoadedConfig":
        """Return the config with each `KEY.PATH=VALUE` applied in order; raises ConfigError."""
        return load_config(override(self.source, assignments))

    def problem(self, path: KeyPath, text: str) -> str:
        """Return a message about the key at `path`: its file and line, the dotted key, then `text`."""
        return f"{self.source.where(path)}: {dotted(path)} {text}"

    def error(self, path: KeyPath, text: str) -> ConfigError:
        """Return an error about the key at `path`, to be raised."""
        return ConfigError(self.problem(path, text))


def read_config(path: Path, assignments: Sequence[str] = ()) -> LoadedConfig:
    """Read a config file, with each `--set KEY.PATH=VALUE` applied in order; raises ConfigError."""
    return load_config(override(read(path), assignments))


def load_config(source: Source) -> LoadedConfig:
    """Validate a source; raises ConfigError with one message for each problem, in the order of the file."""
    data = spell_out(source.data, Config)
    try:
        # strict: text is no number and 1 is not true; as JSON, for strict Python input would ask for instances
        return LoadedConfig(_schema().validate_json(json.dumps(data), strict=True), source)
    except ValidationError as error:
        places: dict[KeyPath, list[ErrorDetails]] = {}
        for detail in error.errors(include_url=False):
            places.setdefault(_key_path(detail, data), []).append(detail)
        # where a union failed inside one of its members, what the other members say is beside the point
        places = {
            path: found for path, found in places.items() if not _fails_inside(path, found, places)
        }
        paths = _in_file_order(source, places)
        problems = [f"{source.where(path)}: {_message(path, places[path], data)}" for path in paths]
        raise ConfigError(problems, _with_kinds(paths[0], data)) from None


@functools.cache
def _schema() -> TypeAdapter[Config]:
    return TypeAdapter(Config)


def as_data(config: Config) -> dict[str, Any]:
    """A config as plain data, every default written out and each `kind` first; `load_config` reads it back."""

    def tidy(value: Any) -> Any:
        if isinstance(value, dict):
            keys = sorted(value, key=lambda key: key != "kind")
            return {key: tidy(value[key]) for key in keys}
        return [tidy(item) for item in value] if isinstance(value, list) else value

    data: dict[str, Any] = tidy(dataclasses.asdict(config))
    short = ("hidden", "activation") if config.architecture.layers is not None else ("layers",)
    for key in short:
        del data["architecture"][key]
    return data


def _in_file_order(source: Source, paths: Iterable[KeyPath]) -> list[KeyPath]:
    """Return key paths in the order in which the file has them, or what is around them."""
    order = {path: k for k, path in enumerate(source.lines)}
    return sorted(
        paths,
        key=lambda path: next(
            (order[path[:n]] for n in range(len(path), 0, -1) if path[:n] in order), -1
        ),
    )


def _with_kinds(path: KeyPath, data: Any) -> str:
    """Return a key path as `bpnet explain` takes it: a component by its kind, not by its position."""
    names: list[str] = []
    for part in path:
        if isinstance(data, list) and isinstance(part, int):
            data = data[part] if part < len(data) else None
            continue
        kind = data.get("kind") if isinstance(data, dict) else None
        names += [kind] if isinstance(kind, str) and part != "kind" else []
        names.append(str(part))
        data = data.get(part) if isinstance(data, dict) else None
    return ".".join(names)


def _fails_inside(path: KeyPath, details: list[ErrorDetails], places: Iterable[KeyPath]) -> bool:
    container = isinstance(details[0]["input"], dict | list) and details[0]["type"] != "value_error"
    return container and any(
        len(other) > len(path) and other[: len(path)] == path for other in places
    )


def _key_path(detail: ErrorDetails, data: Any) -> KeyPath:
    """The path of an error as the file has it: without the names pydantic adds for the members of a union."""
    path: list[str | int] = []
    location = list(detail["loc"])
    tagged = False  # whether the kind of the component that `data` is has been passed
    for k, part in enumerate(location):
        if isinstance(data, dict) and data.get("kind") == part and not tagged:
            tagged = True
            continue
        absent = detail["type"] == "missing" and k == len(location) - 1
        if isinstance(data, dict) and (part in data or absent):
            data, tagged = data.get(part), False
            path.append(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data, tagged = data[part], False
            path.append(part)
    problem = detail.get("ctx", {}).get("error")
    return (*path, problem.field) if isinstance(problem, FieldError) else tuple(path)


def _message(path: KeyPath, details: list[ErrorDetails], data: Any) -> str:
    """What is wrong at one key, what is allowed there, and what to do."""
    name, value = dotted(path), details[0]["input"]
    types = {detail["type"] for detail in details}
    if "unexpected_keyword_argument" in types:
        section = section_at(path[:-1], data, Config)
        keys = sorted(hints(section) if section else [], key=lambda key: key != "kind")
        nested = [
            f"{key}.{path[-1]}" for key, hint in hints(Config).items() if path[-1] in _keys_in(hint)
        ]
        hint = (
            f"; did you mean '{nested[0]}'?"
            if nested and len(path) == 1
            else did_you_mean(str(path[-1]), keys)
        )
        return f"unknown key {name}; allowed here: {', '.join(keys)}{hint}"
    if "missing" in types:
        return f"the key {name} is missing; {_purpose(str(path[-1]))}"
    if types & {"union_tag_invalid", "union_tag_not_found"}:
        allowed = _kinds(path, data)
        if "union_tag_not_found" in types:
            return f"{name} needs a key `kind`; allowed are {', '.join(allowed)}"
        kind = str(details[0]["ctx"]["tag"])
        meant = OTHER_NAMES.get(kind.lower().replace("-", "_"), kind)
        hint = f"; did you mean '{meant}'?" if meant in allowed else did_you_mean(kind, allowed)
        return f"{name} is '{kind}'; allowed are {', '.join(allowed)}{hint}"
    if types <= {"dict_type", "dataclass_type"} and (kinds := _kinds(path, data)):
        return f"{name} is {_shown(value)}; it must be one of {', '.join(kinds)}, or a mapping with such a `kind`"
    if "value_error" in types:
        return f"{name} {details[0]['ctx']['error']}"
    wanted = list(dict.fromkeys(_wanted(detail) for detail in details))
    if "a number" in wanted:
        wanted = [words for words in wanted if words != "a whole number"]
    hint = did_you_mean(value, _words(details)) if isinstance(value, str) else ""
    if isinstance(value, str) and types & {"float_type", "int_type"} and _reads_as_number(value):
        hint = "; it is text: remove the quotes"
    return f"{name} is {_shown(value)}; it must be {' or '.join(wanted)}{hint}"


def _keys_in(hint: Any) -> set[str]:
    """The keys of the sections that a hint allows."""
    return {key for section in dataclasses_in(hint) for key in hints(section)}


def _wanted(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        bound = context[key]
        return f"{words} {int(bound) if float(bound).is_integer() else bound}"
    if kind == "list_type" and isinstance(detail["input"], int | float | str):
        return f"a list, such as [{detail['input']}]"
    if kind == "string_too_short":
        return "text that is not empty"
    if kind == "literal_error":
        return str(context["expected"]).replace("'", "")
    if kind == "too_short":
        return "a list of at least one entry, or left out"
    return _WANTED.get(kind, detail["msg"])


def _words(details: Iterable[ErrorDetails]) -> list[str]:
    """The words that literals allow."""
    expected = " or ".join(
        str(d["ctx"]["expected"]) for d in details if d["type"] == "literal_error"
    )
    return [word.strip(" '") for word in expected.replace(" or ", ",").split(",") if word]


def _kinds(path: KeyPath, data: Any) -> list[str]:
    """The kinds of component that the schema allows at a key path."""
    return [kind for kind in map(kind_of, dataclasses_in(hint_at(path, data, Config))) if kind]


def _purpose(key: str) -> str:
    return {
        "dataset": "it says which table to read: `dataset: {path: ..., target: ...}`",
        "path": "it names the table file, relative to the config",
        "target": "it names the column to predict",
        "train": "it names the file of the rows that train",
        "units": "it is the number of the layer's units",
        "values": "it holds the numbers themselves",
    }.get(key, "it has no default")


def _reads_as_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return ("a mapping" if isinstance(value, dict) else "a list") if value else "empty"
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else f"'{value}'"
    return text if len(text) <= 60 else text[:59] + "…"


def dotted(path: KeyPath) -> str:
    """A key path as `--set` takes it: training.epochs, architecture.layers.0.units."""
    return ".".join(str(part) for part in path)
