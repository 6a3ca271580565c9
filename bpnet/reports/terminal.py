"""Text for a terminal: wrapped at words, with control characters made visible."""

import re
import unicodedata
from collections.abc import Iterator

_HARMFUL = {
    *"\u061c\u200e\u200f",  # marks of direction
    *map(chr, range(0x2028, 0x202F)),  # separators of lines, and overrides of direction
    *map(chr, range(0x2066, 0x206A)),  # isolates
}

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


def visible(text: str) -> str:
    r"""Return text whose control characters are written as \x1b, \u202e and the like.

    A table's names may hold codes that clear the screen, or turn the direction of what follows.
    Line breaks and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(
        _escaped(character) if _is_control(character) else character for character in text
    )


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


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


def _is_control(character: str) -> bool:
    control = unicodedata.category(character) == "Cc" and character not in "\n\t"
    return control or character in _HARMFUL
