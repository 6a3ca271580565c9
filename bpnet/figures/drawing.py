"""Drawings of figures by Vega-Lite: SVG, PNG and PDF, and what a page needs; nothing is fetched.

`vega_process.py` and this module are the only importers of vl-convert, an optional package.
"""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any, Self

from bpnet.errors import RunError, UsageError
from bpnet.figures import vega_process
from bpnet.figures.figure import Figure, Panel
from bpnet.figures.vega import CONFIG, SCHEMA, still, widened
from bpnet.runs.files import json_text

SUFFIXES = (".svg", ".png", ".pdf")
_INHERITED = (
    *("constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString"),
    *("toString", "valueOf", "__proto__", "__defineGetter__", "__defineSetter__"),
    *("__lookupGetter__", "__lookupSetter__"),
)
"""Names that every object of JavaScript has."""
_RESERVED = re.compile(rf'"({"|".join((*_INHERITED, "if", "title", "image"))})"(?!\s*:)')
"""Values that Vega takes for its own: it looks texts up in objects, and shows a field named title
or image of what the pointer is on as a heading or an image. No key of a specification matches."""
_UNUSED = re.compile(
    r' (?:(?:class|role|aria-[a-z]+|pointer-events|font-family|version|xmlns[:a-z]*)="[^"]*"'
    r'|(?:opacity|stroke-width)="1"|[xy]2="0"|transform="translate\(0,0\)"|font-weight="normal")'
)
"""Attributes that only the page's script would need, or that have their default value."""
_INVISIBLE = re.compile(r'<path d="(?:" display="none"|M0,0h0v0h0Z")/>')
_DECIMALS = re.compile(r"(\.\d)\d+")
WIDTH = 640
"""Width of a panel in pixels; in a page it is as wide as there is room."""
SCALE = 2
"""Pixels of a PNG for each pixel of the panel."""


def vl_convert() -> ModuleType:
    """Return the library that draws; raises UsageError if it is not installed."""
    try:
        import vl_convert  # deferred: an optional package
    except ImportError:
        raise missing_package("vl-convert-python") from None
    module: ModuleType = vl_convert
    return module


def missing_package(package: str) -> UsageError:
    """Return the error for a package that figures need."""
    return UsageError(
        f"figures need {package}, which is not installed; "
        "install it with: pip install 'bpnet-cli[plots]'"
    )


@dataclass(frozen=True)
class PanelDrawing:
    """A panel of a page as SVG, or why it cannot be drawn."""

    svg: str
    problem: str = ""


def pictures(figures: Sequence[Figure], suffix: str, scale: float = SCALE) -> list[bytes]:
    """Return figures as .svg, .png or .pdf, on white; a PNG has `scale` pixels for each.

    Raises RunError if one cannot be drawn.
    """
    vl_convert()
    with _process() as process:
        drawn, _ = _answer(process, [_document(figure) for figure in figures], suffix, scale)
    for figure, (_, problem) in zip(figures, drawn, strict=True):
        if problem:
            raise undrawn(figure, problem)
    return [content for content, _ in drawn]


def undrawn(figure: Figure, problem: str) -> RunError:
    """Return the error for a figure that the library cannot draw."""
    return RunError(
        f"the figure '{figure.kind}' cannot be drawn: Vega-Lite says '{problem}'; "
        "--json gives its numbers"
    )


class PageDrawing:
    """The drawings of a page: panels as SVG, and the JavaScript of the library.

    Two processes draw: the library takes a second to make and half a second to get ready, in which
    Python cannot go on beside it. Enter the drawing for as long as it is needed.
    """

    def __enter__(self) -> Self:
        vl_convert()
        self._processes = [_start("library"), _start()]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            _end(process)

    def finish(self, panels: Sequence[Panel]) -> tuple[list[PanelDrawing], str]:
        """Return the panels as SVG in the colors of the page around them, and the library."""
        specs = [_text({**still(widened(panel)), "width": WIDTH}, CONFIG) for panel in panels]
        half = len(specs) // 2
        with ThreadPoolExecutor(len(self._processes)) as threads:
            (first, library), (others, _) = threads.map(
                _answer, self._processes, (specs[:half], specs[half:])
            )
        drawn = [
            PanelDrawing(_short(_own_ids(svg.decode(), k)), problem)
            for k, (svg, problem) in enumerate(first + others)
        ]
        return drawn, library or vl_convert().javascript_bundle()


def _start(*words: str) -> "subprocess.Popen[bytes]":
    # -P: the folder of the file is no place for imports
    return subprocess.Popen(  # noqa: S603 (it runs a file of bpnet)
        [sys.executable, "-P", vega_process.__file__, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.communicate()


@contextmanager
def _process() -> "Iterator[subprocess.Popen[bytes]]":
    process = _start()
    try:
        yield process
    finally:
        _end(process)


def _own_ids(svg: str, number: int) -> str:
    """Return an SVG whose ids no other of the page has, nor what its script draws."""
    return re.sub(r'(id="|url\(#)(clip|gradient)', rf"\1still{number}-\2", svg)


def _short(svg: str) -> str:
    """Return an SVG that draws the same in the page, in half of the characters.

    Coordinates have one decimal, and its groups no names; its texts stay as they are.
    """

    def shorter(tag: re.Match[str]) -> str:
        text = re.sub(r"(\.\d\d)\d+", r"\1", _UNUSED.sub("", tag[0]))
        return re.sub(r' (?:d|transform)="[^"]*"', lambda at: _DECIMALS.sub(r"\1", at[0]), text)

    return re.sub(r"<[^>]*>", shorter, _INVISIBLE.sub("", svg))


def _answer(
    process: "subprocess.Popen[bytes]", specs: Sequence[str], suffix: str = ".svg", scale: float = 1
) -> tuple[list[vega_process.Drawn], str]:
    """Return what a process has drawn of specifications, and its library if it made it."""
    order = {"specs": specs, "suffix": suffix, "scale": scale}
    output, _ = process.communicate(json.dumps(order).encode())
    if process.returncode < 0:
        return [(b"", f"its process got signal {-process.returncode}")] * len(specs), ""
    if process.returncode:  # it could not begin: Python may be a part of another program
        return vega_process.drawings(specs, suffix, scale), ""
    drawn, library = json.loads(output)
    return [(base64.b64decode(content), problem) for content, problem in drawn], library


def page_spec(panel: Panel) -> dict[str, Any]:
    """Return a panel for the page's script, as wide as its place; CONFIG is for all of them."""
    spec: dict[str, Any] = finite({"$schema": SCHEMA, **widened(panel), "width": "container"})
    return spec


def finite(value: Any) -> Any:
    """Return data for the page's script: NaN and infinity, which JSON lacks, as null."""
    return json.loads(_json(value))


def _document(figure: Figure) -> str:
    title = {"text": figure.title, "subtitle": list(figure.notes)[:1]}
    panels = [{**still(widened(panel)), "width": WIDTH} for panel in figure.panels]
    return _text({"title": title, "vconcat": panels}, {**CONFIG, "background": "white"})


def _text(spec: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    return _json({"$schema": SCHEMA, **spec, "config": config})


def _json(value: Any) -> str:
    """Return JSON in which no text of a table is a name of Vega's own.

    A space after it makes it another one, and is not drawn.
    """
    return _RESERVED.sub(r'"\1 "', json_text(value))
