"""A page: figures, tables and words as one HTML file, which fetches nothing.

Whatever its template shows is escaped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import TracebackType
from typing import Any, Self

from bpnet import __version__
from bpnet.figures.drawing import PageDrawing, finite, page_spec, vl_convert
from bpnet.figures.figure import MOVING, Cell, Figure
from bpnet.figures.vega import CONFIG
from bpnet.reports.page.template import environment, markup, packed, part, policy
from bpnet.reports.text import rounded, score_text

_DIGITS = 6


@dataclass(frozen=True)
class PageTable:
    """A table of scores; a cell that is a number is sorted as one."""

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
    """Makes a page; enter it before what the page shows is computed, so that it gets ready.

    `problems` says which figures of the page could not be drawn, and why. Raises UsageError if the
    packages that it needs are not installed.
    """

    @staticmethod
    def check() -> None:
        """Raise UsageError if the packages are not installed."""
        vl_convert()
        environment()

    def __enter__(self) -> Self:
        self.check()
        self._environment = environment()
        self.problems: list[tuple[Figure, str]] = []
        self._environment.globals |= {"cell": _cell, "score": _score}
        self._environment.tests["number"] = _is_number
        self._drawing = PageDrawing().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._drawing.__exit__(kind, error, trace)

    def html(self, page: Page) -> str:
        """Return the page as HTML; a figure that cannot be drawn has its numbers only."""
        every = [*page.figures, *(one for section in page.sections for one in section.figures)]
        panels = [panel for figure in every for panel in figure.panels]
        drawings, library = self._drawing.finish(panels)
        numbered = enumerate(drawings)
        frames: list[dict[str, Any]] = []

        def drawn(figure: Figure, place: str) -> dict[str, Any]:
            own = []
            every = list(islice(numbered, len(figure.panels)))
            problems = [drawing.problem for _, drawing in every if drawing.problem]
            if problems:
                self.problems.append((figure, problems[0]))
                note = f"could not be drawn: Vega-Lite says '{problems[0]}'"
                figure = replace(figure, notes=[note, *figure.notes])
                every = []
            for k, drawing in every:
                # text in an SVG is escaped by the library that draws it
                svg = markup(drawing.svg)
                own.append({"number": k, "svg": svg, "frames": figure.frames})
                if figure.frames is not None:
                    values = [list(each) for each in figure.frames.values]
                    frames.append({"panel": k, "name": MOVING, "values": finite(values)})
            return {"figure": figure, "panels": own, "id": f"{place}{figure.kind}"}

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
        specs = [page_spec(panel) for panel in panels]
        data = {"library": library, "config": CONFIG, "panels": specs, "frames": frames}
        script = part("script.js")
        text: str = self._environment.get_template("page.html").render(
            page=content,
            data=packed(data) if specs else None,
            policy=policy(library, script),
            version=__version__,
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


def _score(value: Cell) -> str:
    """Return a cell of a table of scores as text."""
    return score_text(value) if isinstance(value, float) else _cell(value)
