"""An outline: lines under headings of three levels, as plain text or Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    """A heading of level 1, 2 or 3."""

    level: int
    text: str


Line = Heading | str


def as_text(lines: Iterator[Line]) -> str:
    """Return plain text, in which headings of levels 1 and 2 are underlined."""
    out: list[str] = []
    for line in lines:
        if not isinstance(line, Heading):
            out.append(f"  {line}")
        elif line.level == 3:
            out += ["", line.text]
        else:
            out += ["", line.text, ("=" if line.level == 1 else "-") * len(line.text)]
    return "\n".join(out).strip("\n") + "\n"


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
