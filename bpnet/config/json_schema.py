"""The JSON schema of a config, by which editors check and complete a YAML file.

It allows what a file may say: a component as a word, or without the `kind` that it has by default;
text that reads as a number; and in a member, or in a file that extends another, a part of what is
needed. What only a table or two keys together decide is left to `bpnet check`.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from bpnet.config.docstrings import class_doc, summary
from bpnet.config.examples import one_line
from bpnet.config.key_tree import MEMBERS, Place, alternatives, keys_of
from bpnet.config.key_types import bounds_words, constraints_in, type_words
from bpnet.config.schema import Config
from bpnet.config.shorthand import default_kinds, kind_of
from bpnet.engine.component import BOUNDS, declared_bounds

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The draft that all editors know."""
TITLE = "bpnet config"

_SCALARS = ["string", "number", "boolean", "null"]
"""Types that a text may have: a column may be named 2, true or null."""

_KEYWORDS = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
}
assert _KEYWORDS.keys() == BOUNDS.keys()


def config_schema() -> Schema:
    """Return the JSON schema (draft 7) of a config file."""
    whole = _Definitions()
    part = replace(whole, partial=True)
    return {
        "$schema": DRAFT,
        "title": TITLE,
        "description": summary(Config),
        "type": "object",
        "if": {"required": ["extends"]},
        "then": part.of_class(Config),
        "else": whole.of_class(Config),
        "definitions": whole.definitions,
    }


@dataclass(frozen=True)
class _Definitions:
    """The definitions of sections and components, each made when it is first referred to.

    A `partial` one is completed by another: no key is required, and settings without a kind may be
    those of any.
    """

    definitions: dict[str, Schema] = field(default_factory=dict)
    names: dict[object, str] = field(default_factory=dict)
    """The name of each definition, by what it defines."""
    partial: bool = False

    def of_class(self, section: type, *, kind_is_given: bool = False) -> Schema:
        """Return a reference to a section, or a component whose kind may have to be given."""
        title = f"{'part of ' if self.partial else ''}{section.__name__}"
        reference = self._defined(title, (section,), lambda: self._object(section))
        return {"allOf": [reference], "required": ["kind"]} if kind_is_given else reference

    def _defined(self, title: str, identity: object, make: Callable[[], Schema]) -> Schema:
        """Return a reference to a definition, which is made if there is none of this identity."""
        identity = (self.partial, identity)
        if identity not in self.names:
            # two classes may have the same name
            number = sum(re.sub(r" \d+$", "", name) == title for name in self.definitions) + 1
            name = self.names[identity] = f"{title} {number}" if number > 1 else title
            self.definitions[name] = {}  # before the keys inside, which may refer to it
            self.definitions[name].update(make())
        return {"$ref": f"#/definitions/{self.names[identity]}"}

    def _object(self, section: type) -> Schema:
        kind, keys = kind_of(section), keys_of(section)
        required = [] if self.partial else [key.name for key in keys if key.required]
        properties = {key.name: self._key(key) for key in keys}
        if kind is not None:
            properties = {"kind": {"const": kind, "description": class_doc(section)}, **properties}
        schema = {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        }
        return schema | ({"required": required} if required else {})

    def _key(self, key: Place) -> Schema:
        """Return the schema of the value of a key, with the text that an editor shows."""
        assert key.owner is not None
        if key.owner is Config and key.name == MEMBERS:
            schema = replace(self, partial=True)._value(key.hint, key)
        else:
            schema = self._value(key.hint, key)
        schema = {"description": _description(key), **schema}
        if "$ref" in schema:  # beside which a description would be ignored
            schema = {"description": schema["description"], "allOf": [{"$ref": schema["$ref"]}]}
        if not key.required and key.default not in (None, {}, []):
            schema["default"] = key.default
        return schema

    def _value(self, hint: Any, key: Place | None = None, *, named: bool = False) -> Schema:
        """Return the schema of a type; `named` is a value in a mapping from names.

        The bounds of a key are those of its numbers, and its component may have a default kind.
        """
        members = list(alternatives(hint))
        components = [one for one, _ in members if _kind_in(one)]
        if key is not None:
            components = [one for one in components if not key.refuses(one)]
        options = [self._union(components, key, named=named)] if components else []
        for member, annotations in members:
            if not _kind_in(member):
                options.append(self._member(member, constraints_in(annotations), key))
        if any(_KEYWORDS.values() & option.keys() for option in options):
            for option in options:  # a number with bounds is not text
                if option.get("type") == _SCALARS:
                    option["type"] = [one for one in _SCALARS if one != "number"]
        return options[0] if len(options) == 1 else {"anyOf": options}

    def _union(self, components: Sequence[type], key: Place | None, *, named: bool) -> Schema:
        """Return a reference to the choice among components, which many keys share."""
        default = default_kinds(key.owner).get(key.name) if key and key.owner else None
        return self._defined(
            f"{'part of ' if self.partial else ''}choice",
            (tuple(components), default, named),
            lambda: {"anyOf": list(self._components(components, default, named=named))},
        )

    def _components(
        self, components: Sequence[type], default: str | None, *, named: bool
    ) -> Iterator[Schema]:
        """Yield the ways to write a component: as a word, and as a mapping of each kind."""
        kinds = {str(kind_of(one)): one for one in components}
        short = [
            kind
            for kind, one in kinds.items()
            if self.partial or not any(inner.required for inner in keys_of(one))
        ]
        if short:
            texts = [summary(kinds[kind]) for kind in short]
            yield {"enum": short, "enumDescriptions": texts}
        for kind, component in kinds.items():
            yield self.of_class(component, kind_is_given=not named and kind != default)
        if self.partial and not named:
            yield self._of_any_kind(components)

    def _of_any_kind(self, components: Sequence[type]) -> Schema:
        """Return the schema of settings without a kind, which another file or section names."""
        properties: dict[str, list[Schema]] = {}
        for component in components:
            for key in keys_of(component):
                schemas = properties.setdefault(key.name, [])
                schema = self._key(key)
                if schema not in schemas:
                    schemas.append(schema)
        return {
            "type": "object",
            "properties": {
                name: schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
                for name, schemas in properties.items()
            },
            "additionalProperties": False,
        }

    def _member(self, member: Any, constraints: Mapping[str, Any], key: Place | None) -> Schema:
        """Return the schema of one type of a union."""
        bounds = constraints if key is None else {**declared_bounds(key.field), **constraints}
        limits = {_KEYWORDS[name]: bounds[name] for name in _KEYWORDS if name in bounds}
        least = constraints.get("min_length")
        if member in (int, float):
            return {"type": "integer" if member is int else "number", **limits}
        if member is str:
            return {"type": _SCALARS, **({"minLength": least} if least else {})}
        if member is bool:
            return {"type": "boolean"}
        if member is NoneType:
            return {"type": "null"}
        if member is Any:
            return {}
        if get_origin(member) is Literal:
            return {"enum": list(get_args(member))}
        if get_origin(member) is list:
            items = self._value(get_args(member)[0])
            return {"type": "array", "items": items, **({"minItems": least} if least else {})}
        if get_origin(member) is dict:
            values = self._value(get_args(member)[1], named=True)
            return {"type": "object", "additionalProperties": values}
        return self.of_class(member)


def _kind_in(member: Any) -> str | None:
    """Return the kind of a component; None for any other type."""
    return kind_of(member) if is_dataclass(member) and isinstance(member, type) else None


@functools.cache
def _description(key: Place) -> str:
    """Return the docstring of a key, then its type, bounds and default, and its example."""
    facts = [type_words(key.hint), bounds_words(declared_bounds(key.field))]
    if key.required:
        facts.append("required")
    elif key.default not in (None, {}, []):
        facts.append(f"default {one_line(key.default)}")
    paragraphs = [key.doc.text, "; ".join(filter(None, facts))]
    if key.doc.example is not None:
        paragraphs.append(f"Example: `{key.doc.example}`")
    return "\n\n".join(paragraphs)
