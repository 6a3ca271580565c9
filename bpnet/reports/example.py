"""The text of `bpnet example`: the list, and what was written."""

import textwrap
from collections.abc import Sequence

from bpnet.messages import shell_path
from bpnet.reports.text import MAX_WIDTH
from bpnet.workflows.example import Example, WrittenExample


def example_lines(examples: Sequence[Example]) -> list[str]:
    """Return the name of each example, and what it is about."""
    width = max(len(example.name) for example in examples) + 2
    lines = []
    for example in examples:
        line = f"{example.name:<{width}}{example.summary}"
        lines += textwrap.wrap(
            line, MAX_WIDTH, subsequent_indent=" " * width, break_on_hyphens=False
        )
    return [*lines, "", "Next: bpnet example iris"]


def written_lines(written: WrittenExample) -> list[str]:
    """Return the files that were written, and what to type next."""
    files = [str(path) for path in (written.config, written.table) if path is not None]
    return [
        f"{', '.join(files)}: {written.example.summary}",
        f"Next: bpnet {written.example.verb} {shell_path(written.config)}",
    ]
