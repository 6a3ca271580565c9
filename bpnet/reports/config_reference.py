"""The config reference: every key and every kind of component, as one page of the guide."""

import re
import textwrap
from collections.abc import Iterator, Sequence

from bpnet.config.examples import one_line
from bpnet.config.key_types import bounds_words
from bpnet.messages import plural
from bpnet.reports.text import MAX_WIDTH
from bpnet.workflows.explain import Explanation, Family, Key, Reference, Section

_INTRODUCTION = """\
# Config reference

Every config key, with type, bounds and default.

`bpnet explain KEY` shows the same for one key in the terminal, with an example:
`bpnet explain training.optimizer.adam`, or only `bpnet explain adam`. This page
is written from the docstrings of the code by `bpnet explain --reference`.
[The config](config.md) shows how a file is written.

A key is set in the file or on the command line: `--set training.epochs=50`. A
component, such as an optimizer or a layer, is a word, `optimizer: adam`, or a
mapping with that word as its `kind`: `optimizer: {kind: adam, beta_1: 0.8}`."""

_TOP = "Top of a config"
_SPECIAL = re.compile(r"[*<]|(?<!\w)_|_(?!\w)")
"""Characters that Markdown would take for a mark: `*`, `<`, and `_` unless it is inside a word."""


def reference_text(reference: Reference) -> str:
    """Return the page as Markdown."""
    links = _Links(reference)
    contents = [
        *_wrapped(f"Sections: {', '.join(map(links.to, links.sections))}."),
        "",
        *_wrapped(f"Components: {', '.join(map(links.to, links.families))}."),
    ]
    sections = [line for one in reference.sections for line in _section(one, links)]
    families = [line for one in reference.families for line in _family(one, links)]
    return "\n".join([_INTRODUCTION, "", *contents, *sections, *families]) + "\n"


class _Links:
    """Links from keys to the heading of the section, or of the family of components, at them."""

    def __init__(self, reference: Reference) -> None:
        self.sections = [section.key or _TOP for section in reference.sections]
        self.families = [_heading(family) for family in reference.families]
        self._at = {key: _heading(family) for family in reference.families for key in family.at}

    def to(self, heading: str) -> str:
        """Return a link to a heading of the page, which GitHub's anchors lead to."""
        anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        return f"[{heading}](#{anchor})"

    def target(self, key: Key) -> str:
        """Return a link to what the value of a key may be, or nothing."""
        heading = key.key if key.key in self.sections else self._at.get(key.key)
        return f" See {self.to(heading)}." if heading else ""


def _heading(family: Family) -> str:
    return plural(family.name) if family.name.isalpha() else f"Kinds of {family.name}"


def _section(section: Section, links: _Links) -> Iterator[str]:
    yield from ("", f"## {section.key or _TOP}", "", *_wrapped(_text(section.doc)), "")
    yield from _table([(key.key, key) for key in section.keys], links)


def _family(family: Family, links: _Links) -> Iterator[str]:
    kinds = [f"`{kind.key.rpartition('.')[2]}`" for kind in family.kinds]
    also = [f"`{kind}`" for kind in family.elsewhere]
    yield from ("", f"## {_heading(family)}", "")
    at = _listed([f"`{key}`" for key in family.at])
    yield from _wrapped(f"At {at}: {_listed([*also, *kinds])}.")
    for kind in family.kinds:
        yield from _kind(kind, links)


def _kind(kind: Explanation, links: _Links) -> Iterator[str]:
    yield from ("", f"### {kind.key.rpartition('.')[2]}")
    for paragraph in kind.doc.split("\n\n"):
        yield from ("", *_wrapped(_text(paragraph)))
    if kind.keys:
        yield ""
        yield from _table([(key.key.rpartition(".")[2], key) for key in kind.keys], links)


def _table(keys: Sequence[tuple[str, Key]], links: _Links) -> list[str]:
    rows = [
        (
            f"`{name}`",
            "; ".join(filter(None, (_text(key.type), bounds_words(key.bounds)))),
            "required"
            if key.required
            else ""
            if key.default == {}
            else f"`{one_line(key.default)}`",
            _text(key.doc) + links.target(key),
        )
        for name, key in keys
    ]
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    return lines + [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
    ]


def _text(text: str) -> str:
    """Return text as Markdown, in which `_` and `*` outside of code are themselves."""
    parts = text.split("`")
    parts[::2] = [_SPECIAL.sub(r"\\\g<0>", part) for part in parts[::2]]
    return "`".join(parts)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, MAX_WIDTH, break_long_words=False, break_on_hyphens=False)


def _listed(words: Sequence[str]) -> str:
    *rest, last = words
    return f"{', '.join(rest)} and {last}" if rest else last
