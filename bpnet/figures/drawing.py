"""Drawings of figures by Vega-Lite: SVG, PNG and PDF, and what a page needs; nothing is fetched.

The only importer of vl-convert, which is an optional package.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, TracebackType
from typing import Any, Self

from bpnet.errors import UsageError
from bpnet.figures.figure import Figure, Panel
from bpnet.figures.vega import CONFIG, SCHEMA, still
from bpnet.runs.files import json_text

_APART = """
import json, sys, vl_convert
library = vl_convert.javascript_bundle() if sys.argv[1:] else ""
vl_convert.vegalite_to_svg({"mark": "point", "data": {"values": []}})
svgs = [vl_convert.vegalite_to_svg(spec) for spec in json.load(sys.stdin)]
json.dump([svgs, library], sys.stdout)
"""
"""What the processes of a page's drawing run: the first drawing is a slow one."""
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


def picture(figure: Figure, suffix: str, scale: float = SCALE) -> bytes:
    """Return a figure as .svg, .png or .pdf, on white; a PNG has `scale` pixels for each."""
    return _PICTURES[suffix](_document(figure), scale)


class PageDrawing:
    """The drawings of a page: panels as SVG, and the JavaScript of the library.

    Two processes draw: the library takes a second to make and half a second to get ready, in which
    Python cannot go on beside it. Enter the drawing for as long as it is needed.
    """

    def __enter__(self) -> Self:
        vl_convert()
        self._processes = [
            subprocess.Popen(  # noqa: S603 (it runs the text below)
                [sys.executable, "-c", _APART, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            for words in (["library"], [])
        ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()

    def finish(self, panels: Sequence[Panel]) -> tuple[list[str], str]:
        """Return the panels as SVG in the colors of the page around them, and the library."""
        specs = [_text({**still(panel), "width": WIDTH}, CONFIG) for panel in panels]
        half = len(specs) // 2
        with ThreadPoolExecutor(len(self._processes)) as threads:
            (first, library), (others, _) = threads.map(
                _answer, self._processes, (specs[:half], specs[half:])
            )
        svgs = [_short(_own_ids(svg, k)) for k, svg in enumerate(first + others)]
        return svgs, library or _library().javascript_bundle()


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


def _answer(process: "subprocess.Popen[bytes]", specs: Sequence[str]) -> tuple[list[str], str]:
    """Return the SVG of specifications that a process has drawn, and its library if it made it."""
    output, _ = process.communicate(json.dumps(specs).encode())
    if process.returncode:  # it was killed, say
        return [_library().vegalite_to_svg(spec) for spec in specs], ""
    svgs, library = json.loads(output)
    return svgs, library


def page_spec(panel: Panel) -> dict[str, Any]:
    """Return a panel for the page's script, as wide as its place; CONFIG is for all of them."""
    spec: dict[str, Any] = finite({"$schema": SCHEMA, **panel, "width": "container"})
    return spec


def finite(value: Any) -> Any:
    """Return a value without NaN and infinity, which JSON lacks, as null."""
    return json.loads(json_text(value))


def _library() -> ModuleType:
    return vl_convert()


def _document(figure: Figure) -> str:
    title = {"text": figure.title, "subtitle": list(figure.notes)[:1]}
    panels = [{**still(panel), "width": WIDTH} for panel in figure.panels]
    return _text({"title": title, "vconcat": panels}, {**CONFIG, "background": "white"})


def _text(spec: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    return json_text({"$schema": SCHEMA, **spec, "config": config})


_PICTURES: Mapping[str, Callable[[str, float], bytes]] = {
    ".svg": lambda spec, _: _library().vegalite_to_svg(spec).encode(),
    ".png": lambda spec, scale: _library().vegalite_to_png(spec, scale=scale),
    ".pdf": lambda spec, _: _library().vegalite_to_pdf(spec),
}
SUFFIXES: Sequence[str] = tuple(_PICTURES)
