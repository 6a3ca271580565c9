"""The README and the pages of the guide, parsed: headings, links, code, and shown commands."""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from command_line import ROOT

GUIDE = ROOT / "bpnet" / "guide"
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
README = ROOT / "README.md"
GAP = "…"
"""A line of its own where output is left out; inside a line, text that is left out."""


@dataclass(frozen=True)
class Shown:
    """A command in a `console` block, and the lines of output below it."""

    command: str
    output: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The words of the command, without its comment."""
        return shlex.split(self.command, comments=True)


@dataclass(frozen=True)
class Document:
    """A Markdown file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return re.sub(r"^```.*?^```$", "", self.text, flags=re.DOTALL | re.MULTILINE)

    def blocks(self, language: str) -> list[str]:
        """Return the fenced blocks of a language, in order."""
        return re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.DOTALL | re.MULTILINE)

    def anchors(self) -> set[str]:
        """Return the anchors of the headings, as GitHub makes them."""
        titles = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}

    def links(self) -> list[str]:
        """Return the targets of all links."""
        return re.findall(r"\]\(([^)\s]+)\)", self.prose)

    def quoted(self) -> list[str]:
        """Return everything in backquotes outside the fenced blocks."""
        return re.findall(r"`([^`\n]+)`", self.prose)

    def rows(self) -> list[list[str]]:
        """Return the cells of every row of every table."""
        return [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in self.prose.splitlines()
            if line.startswith("|")
        ]

    def shown(self) -> list[Shown]:
        """Return the commands of the `console` blocks with their output, in order."""
        found: list[Shown] = []
        for block in self.blocks("console"):
            assert block.startswith("$ "), f"{self}: a console block begins with a command"
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, *output = part.splitlines()
                while output and not output[-1]:
                    output.pop()
                found.append(Shown(command, tuple(output)))
        return found


@cache
def guide_pages() -> list[Document]:
    return [Document(path) for path in sorted(GUIDE.glob("*.md"))]


@cache
def documents() -> list[Document]:
    """Return the README, the guide and every other document for users and contributors."""
    others = [README, CONTRIBUTING, ROOT / "datasets" / "README.md"]
    return [*(Document(path) for path in others if path.exists()), *guide_pages()]
