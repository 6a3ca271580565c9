"""Preambles: the lines of a text before its column names, such as Excel's `sep=;` or comments."""

import io
import re
from dataclasses import dataclass, replace

from bpnet.data.reading.separators import detect_separator, first_records
from bpnet.data.reading.settings import Reading

_SEPARATOR = re.compile(r'"?sep=(.)"?[;,\t ]*\r?\n?', re.IGNORECASE)


@dataclass(frozen=True)
class Preamble:
    """The lines before the column names, and the settings with what they say."""

    lines: int
    settings: Reading
    warnings: list[str]


def read_preamble(head: str, name: str, settings: Reading) -> Preamble:
    """Return the preamble of a text that begins with `head`."""
    lines = lines_of(head)
    skipped, warnings = min(settings.skip_lines, len(lines)), []
    if skipped < len(lines) and (match := _SEPARATOR.fullmatch(lines[skipped])):
        skipped += 1
        separator = match[1]
        if separator.isascii() and separator != settings.quote:
            settings = replace(settings, separator=settings.separator or separator)
    comments = 0
    while skipped + comments < len(lines) and lines[skipped + comments].startswith("#"):
        comments += 1
    if comments and _is_header(lines[skipped:], comments, name, settings):
        comments -= 1
    if comments:
        first, last = skipped + 1, skipped + comments
        warnings.append(
            f"{name}: line {first} begins with #, and is left out as a comment"
            if comments == 1
            else f"{name}: lines {first} to {last} begin with #, and are left out as comments"
        )
        skipped += comments
    return Preamble(skipped, settings, warnings)


def lines_of(text: str) -> list[str]:
    """Return a text's lines with their ends; str.splitlines splits at other characters too."""
    return list(io.StringIO(text, newline="\n"))


def _is_header(lines: list[str], comments: int, name: str, settings: Reading) -> bool:
    """Return whether the last line that begins with # has the cells of a header.

    It has not if the line after it has names above numbers.
    """
    rest = "".join(lines[comments:])
    if not rest.strip():
        return True
    separator = settings.separator or detect_separator(rest, name, settings.quote)
    last = first_records(lines[comments - 1].lstrip("# "), separator, settings.quote)
    first, *others = first_records(rest, separator, settings.quote)
    if not last or not len(first) == len(last[0]) > 1:
        return False
    return _has_number(first) or not any(map(_has_number, others))


def _has_number(cells: list[str]) -> bool:
    return any(re.fullmatch(r"\s*[-+]?[\d.,]*\d([eE][-+]?\d+)?\s*", cell) for cell in cells)
