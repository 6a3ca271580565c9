"""The list of the guide's pages."""

from collections.abc import Sequence

from bpnet.reports.tables import table
from bpnet.workflows.guide import Page


def page_lines(pages: Sequence[Page]) -> list[str]:
    """Return the list of pages, one line each, and the command that shows one."""
    header, *rows = table(["page", ""], [[page.topic, page.summary] for page in pages])
    return [header, *rows, "", f"Next: bpnet guide {pages[0].topic}"]
