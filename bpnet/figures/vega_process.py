"""Drawings of Vega-Lite specifications, made in a process of their own, which runs this file.

It imports the standard library and vl-convert only, so that it begins at once. The library writes
some of its errors to the error stream of the process and returns an empty picture.
"""

import base64
import contextlib
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

Drawn = tuple[bytes, str]
"""A picture, and why there is none, which is empty if there is one."""


def drawings(specs: Sequence[str], suffix: str, scale: float = 1) -> list[Drawn]:
    """Return each specification as .svg, .png (`scale` pixels for each) or .pdf."""
    with tempfile.TemporaryFile() as said, _standard_error(said):
        return [_drawing(spec, suffix, scale, said) for spec in specs]


def _drawing(spec: str, suffix: str, scale: float, said: BinaryIO) -> Drawn:
    import vl_convert  # deferred: an optional package

    said.seek(0)
    said.truncate()
    content = b""
    try:
        svg = vl_convert.vegalite_to_svg(spec)
        if suffix == ".png":
            content = vl_convert.svg_to_png(svg, scale=scale)
        elif suffix == ".pdf":
            content = vl_convert.svg_to_pdf(svg)
        else:
            content = svg.encode()
        problem = ""
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library is not an Exception
        problem = _first_line(str(error)) or type(error).__name__
    said.seek(0)
    errors = [line for line in said.read().decode(errors="replace").splitlines() if "ERROR" in line]
    return content, problem or (_first_line(errors[0]) if errors else "")


def _first_line(text: str) -> str:
    """Return what an error says, without its heading and the places in the library."""
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line and not line.endswith("failed:")]
    return said[0].removeprefix("ERROR ").removeprefix("Error: ") if said else ""


@contextlib.contextmanager
def _standard_error(file: BinaryIO) -> Iterator[None]:
    """Write what the process writes to its error stream into a file, that of libraries, too."""
    kept = os.dup(2)
    try:
        os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _main(words: Sequence[str]) -> None:
    vl_convert: Any = importlib.import_module("vl_convert")  # its types lack the default
    library = vl_convert.javascript_bundle() if "library" in words else ""
    drawings(['{"mark": "point", "data": {"values": []}}'], ".svg")  # the first one is slow
    order = json.load(sys.stdin.buffer)
    drawn = [
        (base64.b64encode(content).decode(), problem) for content, problem in drawings(**order)
    ]
    json.dump([drawn, library], sys.stdout)


if __name__ == "__main__":
    _main(sys.argv[1:])
