"""An outline: lines under headings of three levels, as plain text or Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from bpnet.reports.text import MAX_WIDTH


@dataclass(frozen=True)
class Heading:
    """A heading of level 1, 2 or 3."""

    level: int
    text: str


Line = Heading | str


def as_text(lines: Iterator[Line]) -> str:
    """Return plain text, in which headings of levels 1 and 2 are underlined.

    Lines are wrapped at 80 columns, and go on further to the right.
    """
    out: list[str] = []
    for line in lines:
        if not isinstance(line, Heading):
            out += _wrapped(f"  {line}")
        else:
            text = _wrapped(line.text)
            rule = {1: "=", 2: "-"}.get(line.level, "") * min(max(map(len, text)), MAX_WIDTH)
            out += ["", *text, *([rule] if rule else [])]
    return "\n".join(out).strip("\n") + "\n"


def _wrapped(line: str) -> list[str]:
    """Return a line as lines of at most 80 columns, divided at blanks."""
    if len(line) <= MAX_WIDTH:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    return wrap(
        line.lstrip(),
        MAX_WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}      ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_markdown(lines: Iterator[Line]) -> str:
    """Return Markdown, in which the lines under a heading form a code block."""
    out: list[str] = []
    in_block = False
    for line in lines:
        if isinstance(line, Heading):
            out += ["```", ""] if in_block else []
            out += [f"{'#' * line.level} {line.text}", ""]
            in_block = False
        else:
            out += [line] if in_block else ["```", line]
            in_block = True
    return "\n".join([*out, "```"] if in_block else out).strip("\n") + "\n"
