"""A page: figures, tables and words as one HTML file, which fetches nothing.

The only importer of jinja2, an optional package: whatever the template shows is escaped.
"""

import base64
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from bpnet import __version__
from bpnet.figures.drawing import (
    missing_package,
    page_library,
    page_spec,
    page_svg,
    vl_convert,
)
from bpnet.figures.figure import Cell, Figure
from bpnet.figures.vega import CONFIG
from bpnet.messages import visible
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
        _environment()

    def __init__(self) -> None:
        self.check()
        self._environment = _environment()
        self._threads = ThreadPoolExecutor(1)
        self._library = self._threads.submit(page_library)

    def html(self, page: Page) -> str:
        """Return the page as HTML."""
        from markupsafe import Markup  # deferred: an optional package, as jinja2 is

        specs: list[dict[str, Any]] = []

        def drawn(figure: Figure, place: str) -> dict[str, Any]:
            panels = []
            for panel in figure.panels:
                # text in an SVG is escaped by the library that draws it
                svg = Markup(page_svg(panel))  # noqa: S704
                panels.append({"number": len(specs), "svg": svg})
                specs.append(page_spec(panel))
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
        script, style = _part("script.js"), _part("style.css")
        # hashes stand for the scripts: no other is run, whatever a table's names hold
        hashes = " ".join(_hash(text) for text in (library, script) if text)
        policy = (
            f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
            "base-uri 'none'; form-action 'none'"
        )
        text: str = self._environment.get_template("page.html").render(
            page=content,
            specs={"config": CONFIG, "panels": specs} if specs else None,
            policy=policy,
            version=__version__,
            library=Markup(library),  # noqa: S704
            script=Markup(script),  # noqa: S704
            style=Markup(style),  # noqa: S704
        )
        return text


def figure_page(figure: Figure, run: str) -> Page:
    """Return the page of one figure."""
    return Page(f"{figure.title}: {run}", figures=[figure])


def _environment() -> Any:
    try:
        import jinja2  # deferred: an optional package
    except ImportError:
        raise missing_package("jinja2") from None
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_part),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["cell"] = _cell
    environment.tests["number"] = _is_number
    return environment


def _part(name: str) -> str:
    return (files("bpnet.reports.page") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _shown(value: Any) -> Any:
    """Return a text with visible control characters; what is markup already stays."""
    return visible(value) if type(value) is str else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Cell) -> str:
    """Return a cell as text: a number to six digits."""
    if value is None:
        return ""
    return rounded(value, _DIGITS) if isinstance(value, float) else str(value)
