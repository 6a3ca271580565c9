"""Errors of a config that does not fit the schema: a message for each problem.

Problems are unknown and missing keys, and values of the wrong type, out of bounds or of an unknown
kind.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bpnet.config.other_names import usual_key, usual_kind
from bpnet.config.schema import Config
from bpnet.config.shorthand import dataclasses_in, hint_at, hints, kind_of, section_at
from bpnet.config.source import Source
from bpnet.config.yaml_tree import KeyPath, dotted
from bpnet.engine.component import FieldError
from bpnet.errors import ConfigError
from bpnet.messages import did_you_mean

_EXPECTED = {
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


_MOST_MESSAGES = 20
"""Problems of a config that are listed one by one."""

Problems = Mapping[KeyPath, list[ErrorDetails]]
"""The errors of pydantic at each key path."""


def config_error(error: ValidationError, source: Source, data: Any) -> ConfigError:
    """Return the error to raise: a message for each problem, in the order of the file.

    `data` is the source's data with every component spelled out, which pydantic refused.
    """
    problems: dict[KeyPath, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        problems.setdefault(_key_path(details, data), []).append(details)
    # if a member of a union failed inside, ignore the errors of the other members
    around = {path[:end] for path in problems for end in range(len(path))}
    problems = {
        path: details
        for path, details in problems.items()
        if path not in around or not _is_container(details[0])
    }
    paths = _in_file_order(source, problems)
    messages = [
        f"{source.where(path)}: {source.advised(path, _message(path, problems[path], data))}"
        for path in paths[:_MOST_MESSAGES]
    ]
    if len(paths) > _MOST_MESSAGES:
        messages.append(f"{source.name}: {len(paths)} problems in all; the first are above")
    return ConfigError(messages, _with_kinds(paths[0], data))


def _in_file_order(source: Source, paths: Iterable[KeyPath]) -> list[KeyPath]:
    """Return key paths in the order of the file: a missing key's place is the key around it."""
    order = {path: k for k, path in enumerate(source.lines)}
    return sorted(
        paths,
        key=lambda path: next(
            (order[path[:n]] for n in range(len(path), 0, -1) if path[:n] in order), -1
        ),
    )


def _with_kinds(path: KeyPath, data: Any) -> str:
    """Return a key path as `bpnet explain` takes it: a component by its kind, not position."""
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


def _is_container(detail: ErrorDetails) -> bool:
    """Return whether the invalid value is a mapping or list, and not by a rule of its own."""
    return isinstance(detail["input"], dict | list) and detail["type"] != "value_error"


def _key_path(detail: ErrorDetails, data: Any) -> KeyPath:
    """Return the path of an error as the file has it.

    Pydantic adds a name for each member of a union, which is left out.
    """
    path: list[str | int] = []
    location = list(detail["loc"])
    tagged = False  # whether the kind of the component `data` has been passed
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
    """Return the problem at one key, what is allowed there, and what to do."""
    name, value = dotted(path), details[0]["input"]
    types = {detail["type"] for detail in details}
    if "unexpected_keyword_argument" in types:
        return _unknown_key(path, data)
    if "missing" in types:
        return f"the key {name} is missing; {_purpose(str(path[-1]))}"
    allowed = _kinds(path, data)
    if "union_tag_not_found" in types:
        return f"{name} needs a key `kind`; allowed are {', '.join(allowed)}"
    if "union_tag_invalid" in types:
        return _unknown_kind(name, str(details[0]["ctx"]["tag"]), allowed)
    if types <= {"dict_type", "dataclass_type"} and allowed:
        return (
            f"{name} is {_shown(value)}; it must be one of {', '.join(allowed)}, "
            "or a mapping with such a `kind`"
        )
    if "value_error" in types:
        return f"{name} {details[0]['ctx']['error']}"
    return _unfit_value(name, value, details)


def _unknown_key(path: KeyPath, data: Any) -> str:
    """Return the message for a key that its section does not have."""
    section, key = section_at(path[:-1], data, Config), str(path[-1])
    # `kind` first, the others as declared
    keys = sorted(hints(section) if section else [], key=lambda key: key != "kind")
    meant = usual_key(key)
    suggestion = f"; did you mean '{meant}'?" if meant in keys else did_you_mean(key, keys)
    # at the top, perhaps a key of a section, such as epochs
    if len(path) == 1 and meant not in keys:
        homes = [name for name, hint in hints(Config).items() if meant in _keys_in(hint)]
        suggestion = f"; did you mean '{homes[0]}.{meant}'?" if homes else suggestion
    return f"unknown key {dotted(path)}; allowed here: {', '.join(keys)}{suggestion}"


def _unknown_kind(name: str, kind: str, allowed: list[str]) -> str:
    """Return the message for a component of a kind that is not allowed here."""
    meant = usual_kind(kind)
    suggestion = did_you_mean(kind, allowed)
    if meant in allowed:
        suggestion = f"; did you mean '{meant}'?"
    return f"{name} is '{kind}'; allowed are {', '.join(allowed)}{suggestion}"


def _unfit_value(name: str, value: Any, details: list[ErrorDetails]) -> str:
    """Return the message for a value of the wrong type or out of bounds."""
    expected = list(dict.fromkeys(_expected(detail) for detail in details))
    if "a number" in expected:
        # a whole number is a number, too
        expected = [words for words in expected if words != "a whole number"]
    hint = ""
    if isinstance(value, str):
        hint = did_you_mean(value, _literals(details))
        number_expected = any(detail["type"] in ("float_type", "int_type") for detail in details)
        if number_expected and _reads_as_number(value):
            hint = "; it is text: remove the quotes"
    return f"{name} is {_shown(value)}; it must be {' or '.join(expected)}{hint}"


def _keys_in(hint: Any) -> set[str]:
    """Return the keys of the sections that a hint allows."""
    return {key for section in dataclasses_in(hint) for key in hints(section)}


def _expected(detail: ErrorDetails) -> str:
    """Return what a value must be, in the words of a message."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        bound = context[key]
        return f"{words} {int(bound) if float(bound).is_integer() else bound}"
    if kind == "list_type":
        return _expected_list(detail["input"], str(detail["loc"][-1]))
    if kind == "string_too_short":
        return "text that is not empty"
    if kind == "literal_error":
        expected = str(context["expected"])
        # marks such as , stay in quotes
        return expected if re.search(r"['\"]\W['\"]", expected) else expected.replace("'", "")
    if kind == "too_short":
        return "a list of at least one entry, or left out"
    return _EXPECTED.get(kind, detail["msg"])


def _expected_list(given: Any, key: str) -> str:
    """Return that a value must be a list, with one that it could be, if that can be typed."""
    if key == "members":
        return "a list of members, such as [{name: deep}, {name: linear}]"
    if isinstance(given, str) or (isinstance(given, int | float) and given > 0 and key != "layers"):
        return f"a list, such as [{given}]"
    return "a list"


def _literals(details: Iterable[ErrorDetails]) -> list[str]:
    """Return the words that are allowed."""
    expected = " or ".join(
        str(d["ctx"]["expected"]) for d in details if d["type"] == "literal_error"
    )
    return [word.strip(" '") for word in expected.replace(" or ", ",").split(",") if word]


def _kinds(path: KeyPath, data: Any) -> list[str]:
    """Return the kinds of component that the schema allows at a key path."""
    return [kind for kind in map(kind_of, dataclasses_in(hint_at(path, data, Config))) if kind]


def _purpose(key: str) -> str:
    """Return what a missing key is for."""
    return {
        "dataset": "it names the table to read: `dataset: {path: ..., target: ...}`",
        "path": "it names the table file, relative to the config",
        "target": "it names the column to predict",
        "train": "it names the file of the training rows",
        "units": "it is the number of the layer's units",
        "values": "it holds the numbers themselves",
    }.get(key, "it has no default")


def _reads_as_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _shown(value: Any) -> str:
    """Return a value for a message, cut if it is long."""
    if isinstance(value, dict | list):
        return ("a mapping" if isinstance(value, dict) else "a list") if value else "empty"
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else f"'{value}'"
    return text if len(text) <= 60 else text[:59] + "…"
