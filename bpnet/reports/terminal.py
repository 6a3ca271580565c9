"""Text for a terminal, wrapped at words."""

import re
from collections.abc import Iterator

_ATOM = re.compile(
    r"""
    bpnet\ [a-z]+ (?:\ [^\s;]+)*? (?=;|\.?$|\ (?:to|or|and|for|lists|with)\ ) ;?   # a command
    | (?:\(?--set\ )? (?:
        [^\s'"`]* (?:'[^'\n]{1,60}' | "[^"\n]{1,60}" | `[^`\n]{1,60}`) \S*  # in quotes
        | \S+
    )
    """,
    re.VERBOSE,
)
"""A part of a text that is not divided: a word, a quoted name, a command."""


def wrapped(text: str, width: int) -> str:
    """Return text whose lines are wrapped at words to `width` columns; later parts are indented.

    Rows of tables, indented lines, quoted names and commands stay whole.
    """
    return "\n".join(line for whole in text.split("\n") for line in _wrapped_line(whole, width))


def _wrapped_line(line: str, width: int) -> Iterator[str]:
    if len(line) <= width or line.startswith(" ") or "  " in line:
        yield line
        return
    current = ""
    for match in _ATOM.finditer(line):
        atom = match[0]
        if current and len(current) + 1 + len(atom) > width:
            yield current
            current = f"  {atom}"
        else:
            current = f"{current} {atom}" if current else atom
    yield current
