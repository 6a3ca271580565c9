"""Explain: look up a key of a config, or a kind of component, in the schema."""

import functools
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from bpnet.config.docstrings import class_doc, summary
from bpnet.config.examples import Example, example_of
from bpnet.config.key_tree import MEMBER, MEMBERS, ROOT, Place
from bpnet.config.key_types import family_of, type_words
from bpnet.config.other_names import usual_key, usual_kind
from bpnet.config.source import yaml_text
from bpnet.config.yaml_tree import shortened
from bpnet.engine.component import declared_bounds
from bpnet.errors import UsageError
from bpnet.messages import closest_match


@dataclass(frozen=True)
class Key:
    """A key of a config: its type in words, its bounds by name and its default as plain data."""

    key: str
    doc: str
    type: str
    bounds: Mapping[str, float]
    required: bool
    default: Any
    kinds: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Kind:
    """A kind of component at a key, and the first paragraph of its docstring."""

    key: str
    kind: str
    doc: str


@dataclass(frozen=True)
class Explanation:
    """The explanation of a key or a kind: its text, its kinds and the keys inside it.

    `doc` is the docstring of the key, or the whole docstring of the kind. `setting` is None for a
    kind. `also` are other places where the same key or kind can be.
    """

    key: str
    doc: str
    setting: Key | None
    kinds: list[Kind]
    keys: list[Key]
    example: Example
    also: list[str]


@dataclass(frozen=True)
class Section:
    """A section of a config, with its keys; the name of the config as a whole is empty."""

    key: str
    doc: str
    keys: list[Key]


@dataclass(frozen=True)
class Family:
    """The kinds of component that some keys take, such as the optimizers.

    `at` are those keys; `elsewhere` are kinds that an earlier family has already.
    """

    name: str
    at: list[str]
    kinds: list[Explanation]
    elsewhere: list[str]


@dataclass(frozen=True)
class Matches:
    """The different keys and kinds that a word names."""

    word: str
    matches: list[Key | Kind]


@dataclass(frozen=True)
class Reference:
    """Everything that a config may hold: its sections, and the families of components."""

    sections: list[Section]
    families: list[Family]


def explain(key: str) -> Explanation | Matches:
    """Return what a key is, or the keys that a word names.

    `key` is a path such as training.optimizer.adam, or the end of one. Raises UsageError with the
    nearest key where there is no such key.
    """
    names = _names(key)
    if names[0] == MEMBERS and len(names) > 1:
        return _of_member(key, names[1:])
    place, rest = ROOT.descend(names)
    if not rest:
        return _explanation(place)
    groups: dict[object, list[Place]] = {}
    for place in _search(names):
        groups.setdefault(_identity(place), []).append(place)
    if not groups:
        raise UsageError(f"{shortened(key)} is not a key of a config; {_hint(place, rest)}")
    if len(groups) == 1:
        (places,) = groups.values()
        return _explanation(places[0])
    return Matches(".".join(names), [_entry(places[0]) for places in groups.values()])


def _of_member(key: str, names: Sequence[str]) -> Explanation:
    """Return what a key of a member is, such as 0.training.epochs, and how one member is set."""
    number, names = (names[0], names[1:]) if names[0].isdecimal() else ("0", names)
    place, rest = MEMBER.descend(names)
    if rest:
        near = next(_near(place, rest), None)
        inside = near is not None and not MEMBER.descend(near.path)[1]
        hint = f"did you mean '{MEMBERS}.{number}.{near.dotted}'?" if near and inside else ""
        may = "a member may change name, architecture, training, dataset.preprocessing and pack"
        raise UsageError(f"{shortened(key)} is not a key of a member; {hint or may}")
    if place is MEMBER:
        return _explanation(ROOT.descend([MEMBERS])[0])
    explained = _explanation(place)
    settings = explained.example.settings
    one = yaml.safe_load(explained.example.yaml)
    before = int(number) if len(number) == 1 and int(number) < 5 else 0
    example = Example(
        yaml_text({MEMBERS: [*[{}] * before, one]}),
        [f"{MEMBERS}.{number}.{setting}" for setting in settings],
    )
    return replace(
        explained, key=f"{MEMBERS}.{number}.{place.dotted}", example=example, also=[place.dotted]
    )


def _names(key: str) -> list[str]:
    """Return the parts of a key; raises UsageError if one is empty."""
    names = key.strip().split(".")
    whole = [name for name in names if name]
    if not whole:
        raise UsageError(
            "KEY is empty; give a key such as training.epochs, or leave it out to list all sections"
        )
    if whole != names:
        hint = "give a key such as training.epochs"
        if not ROOT.descend(whole)[1] or _search(whole):
            hint = f"did you mean '{'.'.join(whole)}'?"
        raise UsageError(f"{shortened(key)} has a part that is empty; {hint}")
    return names


def overview() -> list[Section]:
    """Return every section, from the top of the config on, with its keys."""
    sections = [place for place in ROOT.walk() if not place.is_kind and place.keys]
    return [_section(place) for place in (ROOT, *sections)]


def reference() -> Reference:
    """Return every section and every kind of component, a kind in the first family that has it."""
    families: dict[str, Family] = {}
    seen: set[object] = set()
    for place in ROOT.walk():
        if not place.kinds:
            continue
        name = family_of(place.hint) or place.dotted
        new = [kind for kind in place.kinds if kind.hint not in seen]
        if name in families:
            families[name].at.append(place.dotted)
            # some keys take fewer kinds of a family than others
            families[name].kinds.extend(_explanation(kind) for kind in new)
            seen |= {kind.hint for kind in new}
            continue
        old = [kind.name for kind in place.kinds if kind.hint in seen]
        seen |= {kind.hint for kind in new}
        families[name] = Family(name, [place.dotted], [_explanation(kind) for kind in new], old)
    return Reference(overview(), list(families.values()))


def _section(place: Place) -> Section:
    doc = summary(place.hint) if place is ROOT else place.doc.text
    return Section(place.dotted, doc, [_key(key) for key in place.keys])


def _explanation(place: Place) -> Explanation:
    same = _everywhere().get(_identity(place), ())
    return Explanation(
        key=place.dotted,
        doc=class_doc(place.hint) if place.is_kind else place.doc.text,
        setting=None if place.is_kind else _key(place),
        kinds=[_kind(kind) for kind in place.kinds],
        keys=[_key(key) for key in place.keys],
        example=example_of(place),
        also=[other for other in same if other != place.dotted],
    )


def _entry(place: Place) -> Key | Kind:
    return _kind(place) if place.is_kind else _key(place)


def _key(place: Place) -> Key:
    return Key(
        key=place.dotted,
        doc=place.doc.text,
        type=type_words(place.hint),
        bounds=declared_bounds(place.field),
        required=place.required,
        default=place.default,
        kinds=[kind.name for kind in place.kinds],
    )


def _kind(place: Place) -> Kind:
    return Kind(place.dotted, place.name, summary(place.hint))


def _identity(place: Place) -> object:
    """Return what is equal for two places that hold the same key or the same kind."""
    if place.is_kind:
        return place.hint
    assert place.owner is not None
    declares = [base for base in place.owner.__mro__ if place.name in inspect.get_annotations(base)]
    return declares[-1], place.name


@functools.cache
def _everywhere() -> Mapping[object, Sequence[str]]:
    """Return, for each key and kind, every place where a config may have it."""
    found: dict[object, list[str]] = {}
    for place in ROOT.walk():
        found.setdefault(_identity(place), []).append(place.dotted)
    return found


def _search(names: Sequence[str]) -> list[Place]:
    """Return the places whose path ends in these names, the shortest path first."""
    found = []
    for start in ROOT.walk():
        if start.name == names[0]:
            place, rest = start.descend(names[1:])
            if not rest:
                found.append(place)
    by_path = {place.path: place for place in sorted(found, key=lambda place: len(place.path))}
    return list(by_path.values())


def _hint(place: Place, rest: Sequence[str]) -> str:
    """Return what to type instead, given the place that was found and the names that were not."""
    nearest = next(_near(place, rest), None)
    if nearest:
        return f"did you mean '{nearest.dotted}'?"
    if re.fullmatch("-[0-9]+", rest[0]) and place.takes_item("0"):
        return f"positions in {place.dotted} count from 0"
    if place is ROOT:
        return "bpnet explain lists all sections"
    inside = [one.name for one in place.keys or place.kinds]
    return (
        f"inside {place.dotted} are {', '.join(inside)}"
        if inside
        else f"{place.dotted} has no keys inside"
    )


def _near(place: Place, rest: Sequence[str]) -> Iterator[Place]:
    """Return places that the rest of a path may mean, the likeliest first."""
    word, *following = rest
    inside = [one.name for one in place.walk()]
    meant = usual_kind(usual_key(word))
    spelled = closest_match(word, [one.name for one in (*place.keys, *place.kinds)])
    anywhere = closest_match(word, inside) or closest_match(word, [one.name for one in ROOT.walk()])
    for name in dict.fromkeys(filter(None, (meant, spelled, anywhere))):
        found = sorted(_search([name]), key=lambda one: one.path[: len(place.path)] != place.path)
        for start in found:
            end, unknown = start.descend(following)
            if not unknown:
                yield end
        for start in found:
            yield from _near(start, following) if following else [start]
            yield start
