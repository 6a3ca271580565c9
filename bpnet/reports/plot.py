"""The result of `bpnet plot`: a picture or a page, and its words, or the numbers as JSON."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bpnet.errors import UsageError
from bpnet.figures.animation import gif
from bpnet.figures.drawing import SUFFIXES, pictures, undrawn
from bpnet.figures.figure import Figure

HTML, GIF = ".html", ".gif"


def check_suffix(path: Path, *, animated: bool) -> None:
    """Raise UsageError if figures are not written into files with this ending."""
    suffixes = (HTML, GIF) if animated else (*SUFFIXES, HTML)
    if path.suffix.lower() not in suffixes:
        what = " of an animation" if animated else ""
        hint = "; --animate makes one" if path.suffix.lower() == GIF else ""
        raise UsageError(
            f"{path}: the ending{what} must be one of {', '.join(suffixes)}{hint}; "
            f"give -o FILE{suffixes[0]}"
        )


def plot_content(figure: Figure, path: Path, run: str) -> bytes:
    """Return the content of a file with the figure, by the file's ending."""
    if path.suffix.lower() == GIF:
        return gif(figure)
    if path.suffix.lower() != HTML:
        return pictures([figure], path.suffix.lower())[0]
    from bpnet.reports.page.page import PageMaker, figure_page  # deferred: only for a page

    with PageMaker() as maker:
        page = maker.html(figure_page(figure, run)).encode()
    for problem in maker.problems:
        raise undrawn(*problem)
    return page


def plot_lines(figure: Figure, path: Path) -> Iterator[str]:
    """Yield what the figure shows, and where it is."""
    yield figure.text
    for note in figure.notes:
        yield f"note: {note}"
    yield ""
    yield f"{'Figure:':<15}{path}"


def plot_data(figure: Figure, path: Path | None) -> dict[str, Any]:
    """Return the figure's numbers for `--json`, each row in the order of the columns."""
    return {
        "kind": figure.kind,
        "title": figure.title,
        "text": figure.text,
        "notes": list(figure.notes),
        "columns": list(figure.columns),
        "rows": [list(row) for row in figure.rows],
        "file": None if path is None else str(path),
    }
