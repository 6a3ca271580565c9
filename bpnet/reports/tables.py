"""Tables of text: aligned columns, folded by groups of columns where they are too wide."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from bpnet.messages import on_one_line
from bpnet.reports.text import MAX_WIDTH

LABEL_WIDTH = 36
"""Columns that the labels of a wide table take at most; longer ones are shortened in the middle."""
NAME_WIDTH = 12
"""Columns that the name of a class takes at most within a label."""
_HEAD_WIDTH, _NARROW_HEAD = 12, 8
_PART, _LONGEST_PART = re.compile(r"[^._]*[._]|[^._]+"), 16
"""What a key consists of, and the width of a part up to which its column is widened."""
_GAP = "  "
_WITHOUT_WIDTH = {"Mn", "Me", "Cf"}


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: bool = False,
    repeated: int = 1,
) -> list[str]:
    """Return lines of aligned columns; with `numbers` all but the first are aligned right.

    The header takes several lines where the table would be wider than 80 columns. A table of
    numbers that is still too wide has shortened labels, and is folded: groups of columns follow
    each other, each after the first `repeated` columns, and blank lines are between them. A cell
    is one line: line breaks and control characters in it are written as codes.
    """
    header, rows = _one_line(header), [_one_line(row) for row in rows]
    lines = aligned([header, *rows], numbers=numbers)
    if fits(lines):
        return lines
    for width in (_HEAD_WIDTH, _NARROW_HEAD):
        lines = aligned([*_tall_header(header, rows, width), *rows], numbers=numbers)
        if fits(lines) or not numbers:
            return lines
    columns = list(zip(header, *rows, strict=True))
    labels = [column[0] for column in columns[:repeated]]
    shortened_labels = [
        (head, *shortened(cells[1:], LABEL_WIDTH))
        for head, cells in zip(labels, columns[:repeated], strict=True)
    ]
    room = MAX_WIDTH - sum(_width(column) + len(_GAP) for column in shortened_labels)
    others = [_narrowed(column, room) for column in columns[repeated:]]
    blocks = [
        aligned(list(zip(*_level(shortened_labels + group), strict=True)), numbers=numbers)
        for group in _groups(others, room)
    ]
    return [line for k, block in enumerate(blocks) for line in ([""] if k else []) + block]


def shortened(texts: Sequence[str], width: int) -> list[str]:
    """Return texts of at most `width` columns: of longer ones the middle is left out, visibly.

    Texts that differ still do: where what is left would be equal, their numbers end them.
    """
    short = [_without_middle(text, width) for text in texts]
    whole: dict[str, set[str]] = {}
    for text, cut in zip(texts, short, strict=True):
        whole.setdefault(cut, set()).add(text)
    return [
        cut if len(whole[cut]) == 1 else _ending(cut, f"({k})", width)
        for k, cut in enumerate(short, start=1)
    ]


def fits(lines: Iterable[str]) -> bool:
    """Return whether lines take at most 80 columns of a terminal."""
    return all(display_width(line) <= MAX_WIDTH for line in lines)


def display_width(text: str) -> int:
    """Return the columns that a terminal takes: 2 for a wide character, 0 for an accent."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.category(character) in _WITHOUT_WIDTH
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )


def _without_middle(text: str, width: int) -> str:
    if display_width(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{_beginning(text, width - 1 - end)}…{_beginning(text[::-1], end)[::-1]}"


def _beginning(text: str, width: int) -> str:
    """Return the beginning of a text that takes at most `width` columns."""
    text = text[: 2 * width]  # accents take none
    while display_width(text) > width:
        text = text[:-1]
    return text


def _ending(text: str, ending: str, width: int) -> str:
    return f"{_beginning(text.split('…')[0], width - len(ending) - 1)}…{ending}"


def _tall_header(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> list[tuple[str, ...]]:
    """Return the header as rows, in which no head is much wider than its column, or `width`."""
    cells = zip(*rows, strict=True) if rows else ((),) * len(header)
    widths = [max(width, *map(display_width, column), 1) for column in cells]
    heads = [
        wrap(head, width, break_long_words=False) or [""]
        for head, width in zip(header, widths, strict=True)
    ]
    height = max(map(len, heads))
    return list(zip(*[[""] * (height - len(head)) + head for head in heads], strict=True))


def _narrowed(column: Sequence[str], room: int) -> tuple[str, ...]:
    """Return a column, the header first, with the parts of its head in lines and cells that fit."""
    head, *cells = column
    width = max(_HEAD_WIDTH, *map(display_width, cells), 0)
    marks = _PART.findall(head) if any(mark in head for mark in "._") else []
    width = max(width, min(max(map(display_width, marks), default=0), _LONGEST_PART))
    lines = _head_lines(head, min(width, room)) or [""]
    return ("\n".join(lines), *(_without_middle(cell, room) for cell in cells))


def _head_lines(head: str, width: int) -> list[str]:
    """Return a head in lines; a word that is too long ends one after a dot or underscore."""
    lines = []
    for words in wrap(head, width, break_long_words=False):
        parts = [""] if display_width(words) > width else [words]
        for part in _PART.findall(words) if not parts[0] else ():
            if parts[-1] and display_width(parts[-1] + part) > width:
                parts.append("")
            parts[-1] += part
        lines += parts
    return [line for part in lines for line in wrap(part, width)]


def _level(columns: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return columns whose heads take the same number of lines, each a cell of its own."""
    heads = [column[0].split("\n") for column in columns]
    height = max(map(len, heads))
    return [
        [*[""] * (height - len(head)), *head, *column[1:]]
        for head, column in zip(heads, columns, strict=True)
    ]


def _groups(columns: Sequence[tuple[str, ...]], room: int) -> Iterator[list[tuple[str, ...]]]:
    """Yield the columns in groups that fit the room side by side."""
    group: list[tuple[str, ...]] = []
    left = room
    for column in columns:
        width = _width(column)
        if group and width > left:
            yield group
            group, left = [], room
        group.append(column)
        left -= width + len(_GAP)
    yield group


def _width(column: Sequence[str]) -> int:
    return max(display_width(line) for cell in column for line in cell.split("\n"))


def aligned(rows: Sequence[Sequence[str]], *, numbers: bool = True) -> list[str]:
    """Return lines of aligned columns, however wide; all but the first to the right if numbers."""
    rows = [_one_line(row) for row in rows]
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    return [
        _GAP.join(
            _padded(cell, width, right=numbers and k > 0)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _one_line(cells: Sequence[str]) -> list[str]:
    return [on_one_line(cell) for cell in cells]


def _padded(cell: str, width: int, *, right: bool) -> str:
    blanks = " " * (width - display_width(cell))
    return blanks + cell if right else cell + blanks
