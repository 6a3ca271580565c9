"""The guide: Markdown pages that are shipped with bpnet, one per topic."""

import re
from dataclasses import dataclass
from pathlib import Path

from bpnet.errors import UsageError
from bpnet.messages import did_you_mean

FOLDER = Path(__file__).parents[1] / "guide"
ORDER = (
    "tables",
    "values",
    "encodings",
    "config",
    "config-reference",
    "editors",
    "ensembles",
    "packs",
    "training",
    "networks",
    "second-order",
    "evaluation",
    "inspection",
    "thresholds",
    "figures",
    "grids-and-cross-validation",
    "search",
    "workers",
    "processes",
    "scale",
    "python",
    "production",
    "many-tables",
    "export",
    "trackers",
    "runs",
    "run-directory",
    "promises",
    "backpropagation",
    "performance",
    "ablations",
    "architecture",
    "changelog",
)
"""The pages in reading order; any other page comes after them."""


@dataclass(frozen=True)
class Page:
    """A page of the guide."""

    topic: str
    text: str
    """The page in Markdown: a title, a line that sums it up, and the sections."""

    @property
    def summary(self) -> str:
        """The first line under the title."""
        return next(line for line in self.text.splitlines()[1:] if line)

    def mentions(self, word: str) -> bool:
        """Return whether the page contains a word, ignoring case."""
        return re.search(rf"\b{re.escape(word)}\b", self.text, re.IGNORECASE) is not None


def pages() -> list[Page]:
    """Return every page, in reading order."""
    files = {file.stem: file for file in sorted(FOLDER.glob("*.md"))}
    topics = [topic for topic in ORDER if topic in files]
    topics += [topic for topic in files if topic not in ORDER]
    return [Page(topic, files[topic].read_text("utf-8")) for topic in topics]


def find_page(topic: str) -> Page:
    """Return the page of a topic, ignoring case.

    Raises UsageError if there is no such page; the message names the closest one, or the pages
    that mention the word.
    """
    by_topic = {page.topic: page for page in pages()}
    page = by_topic.get(topic.casefold().removesuffix(".md"))
    if page is not None:
        return page
    text = f"the guide has no page '{topic}'"
    if hint := did_you_mean(topic, by_topic):
        raise UsageError(text + hint)
    mentioned = [page.topic for page in by_topic.values() if page.mentions(topic)]
    if mentioned:
        raise UsageError(f"{text}; pages that mention it: {', '.join(mentioned)}")
    raise UsageError(f"{text}; list the pages with: bpnet guide")
