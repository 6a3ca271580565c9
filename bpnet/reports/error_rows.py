"""The surest errors in the report of `bpnet eval`: each row with its most telling cells."""

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING

from bpnet.messages import counted, on_one_line
from bpnet.reports.tables import LABEL_WIDTH, shortened
from bpnet.reports.text import MAX_WIDTH, score_text

if TYPE_CHECKING:
    from bpnet.workflows.error_rows import ErrorRow, ErrorRows

_ALL_COLUMNS, _MOST_TELLING = 6, 4
"""Columns of which all are shown, and those that are shown of more."""
_CELL_WIDTH = 24
_INDENT = "    "


def error_lines(errors: "ErrorRows") -> Iterator[str]:
    """Yield the errors, surest first: a line for each, and its cells below."""
    if not errors.listed:
        yield "\nno prediction is wrong"
        return
    if errors.listed[0].error is not None:
        shown, of = counted(len(errors.listed), "largest error"), f"{errors.count:,}"
    else:
        shown = counted(len(errors.listed), "surest error")
        of = counted(errors.count, "wrong prediction")
    yield f"\nThe {shown} of {of}"
    columns = list(errors.listed[0].cells)
    count = _MOST_TELLING if len(columns) > _ALL_COLUMNS else len(columns)
    most = f" of {count} of {len(columns)} columns" if count < len(columns) else ""
    yield f"(below each the cells{most}, first those that its prediction hangs on most)\n"
    targets = {error.target for error in errors.listed}
    for error in errors.listed:
        yield from _wrapped(_error_text(error, named=len(targets) > 1), "")
        cells = list(error.cells.items())[:count]
        yield from _wrapped(", ".join(_cell_text(name, cell) for name, cell in cells), _INDENT)


def _error_text(error: "ErrorRow", *, named: bool) -> str:
    target = f"{_short(error.target, LABEL_WIDTH)} " if named else ""
    if error.error is None:
        true, predicted = (_short(str(said), LABEL_WIDTH) for said in (error.true, error.predicted))
        assert error.probability is not None
        sure = score_text(error.probability, bounded=True)
        return f"row {error.row}: {target}{true}, predicted {predicted} ({sure})"
    assert isinstance(error.true, float)
    assert isinstance(error.predicted, float)
    return (
        f"row {error.row}: {target}{error.true:.6g}, predicted {error.predicted:.6g} "
        f"({error.error:+.6g})"
    )


def _cell_text(name: str, cell: str) -> str:
    return f"{_short(name, LABEL_WIDTH)}: {_short(cell, _CELL_WIDTH) or '(blank)'}"


def _short(text: str, width: int) -> str:
    return shortened([on_one_line(text)], width)[0]


def _wrapped(text: str, indent: str) -> list[str]:
    """Return lines of at most 80 columns."""
    return wrap(
        text,
        MAX_WIDTH,
        initial_indent=indent,
        subsequent_indent=indent or _INDENT,
        break_on_hyphens=False,
    )
