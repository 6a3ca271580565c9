"""The tree of keys: every key of a config, and the kinds of component at a key, as places."""

import dataclasses
import functools
import re
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from bpnet.config.docstrings import FieldDoc, field_docs
from bpnet.config.schema import Config, Member
from bpnet.config.shorthand import hints, kind_of
from bpnet.engine.activations import Softmax
from bpnet.engine.initializers import Data
from bpnet.engine.layers import Equilibrium

MEMBERS = "members"
"""The key of a list of partial configs, whose keys are those of the config itself."""

EXTENDS = "extends"
"""The key that only a file may have: what it names is read before `--set` is applied."""

_REFUSED: dict[tuple[type | None, str], type] = {
    (Equilibrium, "activation"): Softmax,
    (Equilibrium, "initializer"): Data,
    (Equilibrium, "recurrent_initializer"): Data,
    (Equilibrium, "bias_initializer"): Data,
}
"""Kinds that a component refuses at a key, although the type of the key allows them."""


@dataclass(frozen=True)
class Place:
    """A key of a config, such as training.optimizer, or a kind of component there, such as adam.

    `hint` is the type of the key's value, or the kind's class; `owner` is the class that declares
    the key, and None for a kind. The root is the whole config, and has no name.
    """

    name: str
    parent: "Place | None"
    hint: Any
    owner: type | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """The names from the root's first key to this place."""
        return () if self.parent is None else (*self.parent.path, self.name)

    @property
    def dotted(self) -> str:
        """The path as `bpnet explain` takes it."""
        return ".".join(self.path)

    @property
    def is_kind(self) -> bool:
        """True for a kind of component, False for a key and the root."""
        return self.owner is None and self.parent is not None

    @property
    def field(self) -> "dataclasses.Field[Any]":
        """The declaration of a key; raises LookupError for the root and for kinds."""
        if self.owner is None:
            raise LookupError(f"{self.dotted or 'the root'} is not a key")
        return next(one for one in dataclasses.fields(self.owner) if one.name == self.name)

    @property
    def doc(self) -> FieldDoc:
        """The docstring of a key."""
        assert self.owner is not None
        return field_docs(self.owner)[self.name]

    @property
    def required(self) -> bool:
        """True for a key that has no default."""
        missing = dataclasses.MISSING
        return self.field.default is missing and self.field.default_factory is missing

    @property
    def default(self) -> Any:
        """The default of a key as plain data; None if it has none."""
        field = self.field
        if field.default_factory is not dataclasses.MISSING:
            return plain(field.default_factory())
        return None if self.required else plain(field.default)

    @property
    def default_kind(self) -> str | None:
        """The kind of component that the key has by default."""
        default = self.default
        kind = default.get("kind") if isinstance(default, dict) else default
        return kind if kind in {place.name for place in self.kinds} else None

    @functools.cached_property
    def keys(self) -> "list[Place]":
        """The keys inside: those of the root, of a section, or of a kind."""
        if self.owner is Config and self.name == MEMBERS:
            return []  # those of the config, which `descend` leads to
        sections = [one for one in classes_in(self.hint) if self.is_kind or kind_of(one) is None]
        return [key for section in sections for key in keys_of(section, self)]

    @functools.cached_property
    def kinds(self) -> "list[Place]":
        """The kinds of component that a key takes."""
        components = [] if self.is_kind else classes_in(self.hint)
        return [
            Place(kind, self, component)
            for component in components
            if not self.refuses(component) and (kind := kind_of(component))
        ]

    def refuses(self, component: type) -> bool:
        """Return whether a key refuses a component that its type allows."""
        return component is _REFUSED.get((self.owner, self.name))

    def child(self, name: str) -> "Place | None":
        """Return the key or kind of this name; a key of several kinds is the default kind's."""
        if name == "kind":
            return self if self.kinds else self.parent if self.is_kind else None
        # the default kind first, so that its key wins over one of the same name
        kinds = sorted(self.kinds, key=lambda kind: kind.name != self.default_kind)
        inside = [*self.keys, *kinds, *(key for kind in kinds for key in kind.keys)]
        return next((place for place in inside if place.name == name), None)

    def takes_item(self, name: str) -> bool:
        """Return whether the name is a position in the list, or a name in the mapping, of a key."""
        if self.is_kind or self.child(name):
            return False
        origins = set(_origins(self.hint))
        return dict in origins or (list in origins and bool(re.fullmatch("[0-9]+", name)))

    def descend(self, names: Sequence[str]) -> "tuple[Place, Sequence[str]]":
        """Return the place that the names lead to, and the names that lead nowhere."""
        place, item = self, False
        # a member has keys of the config itself, such as members.0.training.epochs
        if len(names) > 2 and names[0] == MEMBERS and names[1].isdecimal():
            return self.descend(names[2:])
        for k, name in enumerate(names):
            # after a position or a name comes a key
            item = not item and place.takes_item(name)
            following = place if item else place.child(name)
            if following is None:
                return place, names[k:]
            place = following
        return place, ()

    def walk(self) -> "Iterator[Place]":
        """Yield every place inside, each key before the places inside it."""
        for place in (*self.keys, *self.kinds):
            yield place
            yield from place.walk()


ROOT = Place("", None, Config)
MEMBER = Place("", None, Member)
"""A member of an ensemble by itself, whose keys are below `members.0`, `members.1` and so on."""


def keys_of(section: type, parent: Place = ROOT) -> list[Place]:
    """Return the keys of a section or a component, as places inside `parent`."""
    return [
        Place(name, parent, hint, section)
        for name, hint in hints(section).items()
        if name != "kind"
    ]


def nearest_key(path: str) -> str:
    """Return a dotted path as far as a config has it: for an unknown key, the section it is in."""
    return ROOT.descend(path.split("."))[0].dotted


def classes_in(hint: Any) -> list[type]:
    """Return every dataclass in a type hint, also inside lists and mappings."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return [hint]
    if typing.get_origin(hint) is Literal:
        return []
    classes = [one for argument in typing.get_args(hint) for one in classes_in(argument)]
    return list(dict.fromkeys(classes))


def alternatives(hint: Any) -> Iterator[tuple[Any, Sequence[Any]]]:
    """Yield each member of a union with its annotations, such as bounds."""
    if typing.get_origin(hint) is Annotated:
        bare, *annotations = typing.get_args(hint)
        for member, inner in alternatives(bare):
            yield member, [*inner, *annotations]
    elif typing.get_origin(hint) in (typing.Union, types.UnionType):
        for argument in typing.get_args(hint):
            yield from alternatives(argument)
    else:
        yield hint, []


def plain(value: Any) -> Any:
    """Return a default as plain data: a component as its kind, with the settings that differ."""
    if not dataclasses.is_dataclass(value):
        return value
    changed = {
        field.name: plain(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if field.name != "kind" and getattr(value, field.name) != _default(field)
    }
    kind = kind_of(type(value))
    return {"kind": kind, **changed} if kind and changed else kind or changed


def _default(field: "dataclasses.Field[Any]") -> Any:
    factory = field.default_factory
    return field.default if factory is dataclasses.MISSING else factory()


def _origins(hint: Any) -> Iterator[Any]:
    return (typing.get_origin(member) for member, _ in alternatives(hint))
