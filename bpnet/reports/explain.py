"""The text of an explanation, in 80 columns, and the config reference as Markdown."""

import re
import textwrap
from collections.abc import Sequence

from bpnet.config.examples import one_line
from bpnet.config.key_types import bounds_words
from bpnet.messages import shell_quoted
from bpnet.reports.text import MAX_WIDTH
from bpnet.workflows.explain import Explanation, Key, Kind, Matches, Section

_MOST_OTHERS = 6
"""Other places of a key that are listed by name."""


def explanation_lines(explained: Explanation | Matches) -> list[str]:
    """Return the text for a key, or the keys that a word may mean."""
    if isinstance(explained, Matches):
        lines = [f"'{explained.word}' names several keys; explain one of them:", ""]
        for match in explained.matches:
            lines += [match.key, *_wrapped(match.doc, "  ")]
        return lines
    paragraphs = explained.doc.split("\n\n")
    return [
        explained.key,
        *(line for paragraph in paragraphs for line in ("", *_wrapped(paragraph))),
        *_blank_first(_facts(explained)),
        *_blank_first(_list([(kind.kind, kind.doc) for kind in explained.kinds])),
        *_blank_first(_keys_inside(explained)),
        *_example(explained),
        *_blank_first(_next(explained)),
    ]


def overview_lines(sections: Sequence[Section]) -> list[str]:
    """Return the text of `bpnet explain`: the top keys, then the names of each section's keys."""
    top, *others = sections
    names = {section.key for section in others}
    lines = ["Keys at the top of a config:", ""]
    lines += _list([(key.key, key.doc) for key in top.keys if key.key not in names])
    lines += ["", "Sections, and the keys in them:", ""]
    for section in others:
        lines += [section.key, *_wrapped(", ".join(map(_last, section.keys)), "  ")]
    return [*lines, "", "Next: bpnet explain training"]


def _facts(explained: Explanation) -> list[str]:
    """Return type, bounds, default and other places of a key, one line each."""
    facts = _other_places(explained)
    if explained.setting is not None:
        facts = _setting_facts(explained.setting) | facts
        if explained.keys and explained.setting.default == {}:
            facts["default"] = "those of the keys inside"
    return [
        line
        for name, text in facts.items()
        if text
        for line in _wrapped(f"{name:<9}{text}", following=" " * 9)
    ]


def _setting_facts(key: Key) -> dict[str, str]:
    return {
        "type": key.type,
        "bounds": bounds_words(key.bounds),
        "default": "none, a value is required" if key.required else one_line(key.default),
    }


def _other_places(explained: Explanation) -> dict[str, str]:
    """Return the other places of a key, or where these are too long the keys that they are in."""
    places, name = explained.also, "also at"
    if any(len(place) > MAX_WIDTH - 10 for place in places):
        ends = [place.split(".")[::-1] for place in (explained.key, *places)]
        same = next(k for k, parts in enumerate(zip(*ends, strict=False)) if len(set(parts)) > 1)
        places, name = [place.rsplit(".", same)[0] for place in places], "also in"
    more = len(places) - _MOST_OTHERS
    return {name: ", ".join(places[:_MOST_OTHERS]) + (f" and {more} more" if more > 0 else "")}


def _keys_inside(explained: Explanation) -> list[str]:
    """Return the keys of a section with a sentence each, or those of a kind in full."""
    if explained.setting is not None:
        return _list([(_last(key), key.doc) for key in explained.keys])
    lines = []
    for key in explained.keys:
        facts = [
            f"{name} {text}" if name == "default" else text
            for name, text in _setting_facts(key).items()
        ]
        lines += [
            _last(key),
            *_wrapped("; ".join(filter(None, facts)), "  "),
            *_wrapped(key.doc, "  "),
        ]
    return lines


def _example(explained: Explanation) -> list[str]:
    options = [f"--set {shell_quoted(setting)}" for setting in explained.example.settings]
    lines = ["", "In the config:", ""]
    lines += [f"  {line}" for line in explained.example.yaml.splitlines()]
    if options:
        lines += ["", "On the command line:", "", *(f"  {option}" for option in options)]
    return lines


def _next(explained: Explanation) -> list[str]:
    """Return the command that explains the first kind of a key, or the first key of a section."""
    inside: list[Kind | Key] = [*explained.kinds, *explained.keys] if explained.setting else []
    return [f"Next: bpnet explain {inside[0].key}"] if inside else []


def _last(key: Key) -> str:
    return key.key.rpartition(".")[2]


def _list(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return names, with the first sentences of their texts beside them."""
    width = max((len(name) for name, _ in pairs), default=0)
    return [
        line
        for name, doc in pairs
        for line in _wrapped(
            f"{name:<{width}}  {_first_sentence(doc)}", following=" " * (width + 2)
        )
    ]


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s+(?=[A-Z\[`-])", text, maxsplit=1)[0]


def _wrapped(text: str, indent: str = "", following: str | None = None) -> list[str]:
    """Return the text in lines of at most 80 columns."""
    return textwrap.wrap(
        text,
        MAX_WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if following is None else following,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _blank_first(lines: Sequence[str]) -> list[str]:
    return ["", *lines] if lines else []
