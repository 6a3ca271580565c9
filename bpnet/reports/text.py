"""Text that reports are made of: tables, counts, durations and scores."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap

from bpnet.messages import shell_path

MAX_WIDTH = 80
"""Columns of a terminal, and of a line of Markdown."""
_HEAD_WIDTH = 12

CLASS_WEIGHT_NOTE = (
    "the classes were weighted in training (dataset.class_weight), so the probabilities are not "
    "calibrated to the class shares of the table: log loss, Brier score and calibration error "
    "suffer from it"
)


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False
) -> list[str]:
    """Return lines of aligned columns; with `numbers` all but the first are aligned right.

    The header takes several lines where the table would be wider than 80 columns.
    """
    lines = _aligned([header, *rows], numbers)
    if max(map(len, lines)) <= MAX_WIDTH:
        return lines
    widths = [max(_HEAD_WIDTH, *map(len, cells)) for cells in zip(*rows, strict=True)]
    heads = [
        wrap(head, width, break_long_words=False)
        for head, width in zip(header, widths, strict=True)
    ]
    height = max(map(len, heads))
    heads = [[""] * (height - len(head)) + head for head in heads]
    return _aligned([*zip(*heads, strict=True), *rows], numbers)


def _aligned(rows: Sequence[Sequence[str]], numbers: bool) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if numbers and k else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 row, 1,000 rows, 2 categories."""
    if number == 1:
        return f"{number:,} {noun}"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("y") else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """Return a time to two digits, in the unit that suits it."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{_two_digits(seconds / size)} {unit}"
    return f"{_two_digits(seconds)} s" if seconds >= 1 else f"{_two_digits(1000 * seconds)} ms"


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):g}"


def score_text(value: float | None) -> str:
    """Return a score to four decimals, or to six digits where it is 10 or more."""
    return "undefined" if value is None else f"{value:.4f}" if abs(value) < 10 else f"{value:.6g}"


def interval_text(low: float | None, high: float | None) -> str:
    """Return the limits of an interval, or nothing where there is none."""
    return "" if low is None or high is None else f"{score_text(low)} … {score_text(high)}"


def closing_lines(title: str, run: Path, verb: str, *others: str) -> Iterator[str]:
    """Yield where the run is, and the command to type next: a verb, the run and other words."""
    yield ""
    yield f"{title + ':':<15}{run}"
    yield f"{'Next:':<15}{' '.join(['bpnet', verb, shell_path(run), *others])}"
