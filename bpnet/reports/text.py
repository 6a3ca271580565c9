"""Text that reports are made of: counts, durations and scores."""

from collections.abc import Iterator
from pathlib import Path

from bpnet.messages import counted, shell_path

MAX_WIDTH = 80
"""Columns of a terminal, and of a line of Markdown."""

_NO_EXPONENT = 1e7

CLASS_WEIGHT_NOTE = (
    "the classes were weighted in training (dataset.class_weight), so the probabilities are not "
    "calibrated to the class shares of the table: log loss, Brier score and calibration error "
    "suffer from it"
)


def duration(seconds: float) -> str:
    """Return a time to two digits, in the unit that suits it."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{_two_digits(seconds / size)} {unit}"
    return f"{_two_digits(seconds)} s" if seconds >= 1 else f"{_two_digits(1000 * seconds)} ms"


def _two_digits(value: float) -> str:
    return rounded(value, 2)


def rounded(value: float, digits: int) -> str:
    """Return a number to significant digits; below 10 million it has no exponent."""
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e+" in text and abs(value) < _NO_EXPONENT else text


def score_text(value: float | None, *, bounded: bool = False) -> str:
    """Return a score to four decimals, to four digits if small, or to six if it is 10 or more.

    A small score of a `bounded` metric, such as a share, has four decimals too.
    """
    if value is None:
        return "undefined"
    size = abs(value)
    if 0 < size < 0.001 and not bounded:
        return f"{value:.4g}"
    return f"{value:.4f}" if size < 10 else f"{value:.6g}"


def interval_text(low: float | None, high: float | None, *, bounded: bool = False) -> str:
    """Return the limits of an interval, or nothing where there is none."""
    if low is None or high is None:
        return ""
    return f"{score_text(low, bounded=bounded)} … {score_text(high, bounded=bounded)}"


def closing_lines(title: str, run: Path, verb: str, *others: str) -> Iterator[str]:
    """Yield where the run is, and the command to type next: a verb, the run and other words."""
    yield ""
    yield f"{title + ':':<15}{run}"
    yield f"{'Next:':<15}{' '.join(['bpnet', verb, shell_path(run), *others])}"


def default_layers_note(networks: int) -> str:
    """Return a note on the network of a config that names neither a preset nor layers."""
    return (
        "no preset, since the config sets more than its table: "
        f"{counted(networks, 'network')} of 64-64 units; to train the ensemble with these "
        "settings: --set preset=default"
    )
