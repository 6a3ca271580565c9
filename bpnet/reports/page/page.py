"""A page: figures, tables and words as one HTML file, which fetches nothing.

Whatever its template shows is escaped.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bpnet import __version__
from bpnet.figures.drawing import (
    finite,
    page_library,
    page_spec,
    page_svg,
    vl_convert,
)
from bpnet.figures.figure import MOVING, Cell, Figure
from bpnet.figures.vega import CONFIG
from bpnet.reports.page.template import environment, markup, part, policy
from bpnet.reports.text import rounded

_DIGITS = 6


@dataclass(frozen=True)
class PageTable:
    """A table of a page; a cell that is a number is sorted as one."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Document:
    """A text that is shown as it is, folded up under its title."""

    title: str
    text: str


@dataclass(frozen=True)
class Section:
    """A part of a page, about one run."""

    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[PageTable] = ()
    figures: Sequence[Figure] = ()
    documents: Sequence[Document] = ()


@dataclass(frozen=True)
class Page:
    """A page: a summary, a table and figures of all runs, and a section for each."""

    title: str
    summary: Sequence[str] = ()
    table: PageTable | None = None
    figures: Sequence[Figure] = ()
    sections: Sequence[Section] = ()


class PageMaker:
    """Makes a page; its library is made in the meantime, which takes a second.

    Raises UsageError if the packages that it needs are not installed.
    """

    @staticmethod
    def check() -> None:
        """Raise UsageError if the packages are not installed."""
        vl_convert()
        environment()

    def __init__(self) -> None:
        self.check()
        self._environment = environment()
        self._environment.filters["cell"] = _cell
        self._environment.tests["number"] = _is_number
        self._threads = ThreadPoolExecutor(1)
        self._library = self._threads.submit(page_library)

    def html(self, page: Page) -> str:
        """Return the page as HTML."""
        specs: list[dict[str, Any]] = []
        frames: list[dict[str, Any]] = []

        def drawn(figure: Figure, place: str) -> dict[str, Any]:
            panels = []
            for panel in figure.panels:
                # text in an SVG is escaped by the library that draws it
                svg = markup(page_svg(panel))
                panels.append({"number": len(specs), "svg": svg, "frames": figure.frames})
                spec = page_spec(panel)
                if figure.frames is not None:
                    values = [list(each) for each in figure.frames.values]
                    frames.append({"panel": len(specs), "name": MOVING, "values": finite(values)})
                specs.append(spec)
            return {"figure": figure, "panels": panels, "id": f"{place}{figure.kind}"}

        content = {
            "title": page.title,
            "summary": page.summary,
            "table": page.table,
            "figures": [drawn(figure, "") for figure in page.figures],
            "sections": [
                {
                    **vars(section),
                    "id": f"run-{k}",
                    "figures": [drawn(figure, f"run-{k}-") for figure in section.figures],
                }
                for k, section in enumerate(page.sections, start=1)
            ],
        }
        library = self._library.result() if specs else ""
        self._threads.shutdown()
        script = part("script.js")
        text: str = self._environment.get_template("page.html").render(
            page=content,
            specs={"config": CONFIG, "panels": specs, "frames": frames} if specs else None,
            policy=policy(library, script),
            version=__version__,
            library=markup(library),
            script=markup(script),
            style=markup(part("style.css")),
        )
        return text


def figure_page(figure: Figure, run: str) -> Page:
    """Return the page of one figure."""
    return Page(f"{figure.title}: {run}", figures=[figure])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Cell) -> str:
    """Return a cell as text: a number to six digits."""
    if value is None:
        return ""
    return rounded(value, _DIGITS) if isinstance(value, float) else str(value)
