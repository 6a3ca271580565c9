"""Drawings of figures by Vega-Lite: SVG, PNG and PDF, and what a page needs; nothing is fetched.

The only importer of vl-convert, which is an optional package.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from bpnet.errors import UsageError
from bpnet.figures.figure import Figure, Panel
from bpnet.figures.vega import CONFIG, SCHEMA, still
from bpnet.runs.files import json_text

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


def page_svg(panel: Panel) -> str:
    """Return a panel as SVG in the colors of the page around it."""
    svg: str = _library().vegalite_to_svg(_text({**still(panel), "width": WIDTH}, CONFIG))
    return svg


def page_spec(panel: Panel) -> dict[str, Any]:
    """Return a panel for the page's script, as wide as its place; CONFIG is for all of them."""
    spec: dict[str, Any] = finite({"$schema": SCHEMA, **panel, "width": "container"})
    return spec


def page_library() -> str:
    """Return the JavaScript of the library, which a page needs once."""
    bundle: str = _library().javascript_bundle()
    return bundle


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
