"""Parts of messages: quoted names and cells, totals, suggestions for a misspelled word."""

import difflib
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TypeVar

_Value = TypeVar("_Value", str, int)

_HARMFUL = {
    *"\u061c\u200e\u200f",  # marks of direction
    *map(chr, range(0x2028, 0x202F)),  # separators of lines, and overrides of direction
    *map(chr, range(0x2066, 0x206A)),  # isolates
}

MAX_PROBLEMS = 5
"""The number of problems of one kind that are listed one by one."""


def total_line(count: int, problem: str) -> list[str]:
    """Return one line with the total if more than `MAX_PROBLEMS` were found, or no line."""
    return [f"in all, {count} {problem}"] if count > MAX_PROBLEMS else []


def like_it(count: int, noun: str = "cells") -> str:
    """Return ` (cells like it: 3)` to follow the first of several, or the empty string."""
    return f" ({noun} like it: {count})" if count > 1 else ""


def first_repeated(values: Iterable[_Value]) -> list[_Value]:
    """Return a list of the first value that occurs a second time, or an empty list."""
    seen: set[_Value] = set()
    for value in values:
        if value in seen:
            return [value]
        seen.add(value)
    return []


def byte_size(count: int) -> str:
    """Return a number of bytes in a unit that shows at least one digit: 3.2 MB."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return counted(count, "byte")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 row, 1,000 rows, 2 categories, 3 classes."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Return the plural of a noun: rows, categories, classes."""
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def quoted_list(names: Sequence[str], most: int = 12) -> str:
    """Return the names in quotes: all of them, or the first `most` and the number of others."""
    shown = ", ".join(f"'{on_one_line(name)}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence has them: a, b and c."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def named(noun: str, names: Sequence[str], most: int = 12) -> str:
    """Return a noun in the number of its names, and these in quotes: `columns 'a', 'b'`."""
    return f"{noun if len(names) == 1 else plural(noun)} {quoted_list(names, most)}"


def shell_quoted(word: str) -> str:
    r"""Return a word as it is typed in a shell: in double quotes if it holds single ones.

    One with line breaks is typed on one line, as bash and zsh read it: $'a\nb'.
    """
    if "\n" in word:
        escaped = word.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
        return f"$'{escaped}'"
    if "'" in word and not any(mark in word for mark in '"$`\\!'):
        return f'"{word}"'
    return shlex.quote(word)


def shell_path(path: object) -> str:
    """Return a path as it is typed in a shell, where it must not look like an option."""
    text = str(path)
    return shell_quoted(f"./{text}" if text.startswith("-") else text)


def set_option(key: str, value: str, column: str | None = None, inner: str = "") -> str:
    """Return `--set KEY=VALUE` as it is typed in a shell, or `--set KEY.COLUMN.INNER=VALUE`.

    A column's name that could be read in two ways is put in quotes.
    """
    if column is not None:
        plain = column.strip() == column != "" and not set(column) & set("=\"'")
        dotted = "." in column and not inner and key.endswith(".columns")
        quote = "'" if '"' in column else '"'
        key = f"{key}.{column if plain and not dotted else f'{quote}{column}{quote}'}"
    if inner:
        key = f"{key}.{inner}"
    return f"--set {shell_quoted(f'{key}={value}')}"


def text_value(text: str) -> str:
    """Return a text as a value for `--set`, which would take some for null or for quoted."""
    if text.lower() in ("null", "~", "") or text[0] in "'\"" or text.strip() != text:
        return "'" + text.replace("'", "''") + "'"
    return text


def quoted_cell(cell: str) -> str:
    """Return a cell in quotes, cut after 40 characters, or `a blank cell`."""
    return repr(cell if len(cell) <= 40 else cell[:39] + "…") if cell else "a blank cell"


def closest_match(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word closest to `word`, ignoring case, or None if none is close."""
    by_folded = {choice.casefold(): choice for choice in allowed}
    matches = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return by_folded[matches[0]] if matches else None


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'epochs'?` to end an error message with, or the empty string."""
    match = closest_match(word, allowed)
    return f"; did you mean '{match}'?" if match else ""


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


def on_one_line(text: str) -> str:
    r"""Return text as a cell of a table: visible, with line breaks as \n and tabs as \t."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _is_control(character: str) -> bool:
    control = unicodedata.category(character) == "Cc" and character not in "\n\t"
    return control or character in _HARMFUL
