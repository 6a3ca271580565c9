"""Text: what reports share."""

from collections.abc import Sequence


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False
) -> list[str]:
    """Columns of text, each as wide as its widest cell; with `numbers` all but the first to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if numbers and k else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [header, *rows]
    ]


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 row, 1,000 rows."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """A time in the unit that suits it, to two digits."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{float(f'{seconds / size:.2g}'):g} {unit}"
    return (
        f"{float(f'{seconds:.2g}'):g} s"
        if seconds >= 1
        else f"{float(f'{1000 * seconds:.2g}'):g} ms"
    )


def score_text(value: float | None) -> str:
    """Return a score to four decimals, or to six digits where it is 10 or more."""
    return "undefined" if value is None else f"{value:.4f}" if abs(value) < 10 else f"{value:.6g}"
