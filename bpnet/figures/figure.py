"""A figure: what it shows in words, as a table of numbers, and as panels to draw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Cell = str | int | float | None
Panel = Mapping[str, Any]
"""A Vega-Lite specification without width; `bpnet.figures.vega` has what all share."""


MOVING = "moving"
"""The name of the data that differ from frame to frame."""


@dataclass(frozen=True)
class Frames:
    """The frames of a figure's only panel, in which the data named MOVING take each one's place."""

    name: str
    """What is counted, such as epoch."""
    numbers: Sequence[int]
    values: Sequence[Sequence[Mapping[str, Any]]]
    """The records of each frame; the panel itself has those of the last."""


@dataclass(frozen=True)
class Figure:
    """A declaration from which a page, an SVG, a PNG and a PDF are made.

    Its rows are the numbers that it shows. The panels stand one below the other.
    """

    kind: str
    title: str
    text: str
    """The text alternative: what there is to see, in sentences."""
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    panels: Sequence[Panel]
    notes: Sequence[str] = ()
    """What to know before it is trusted: which rows, and what was left out."""
    frames: Frames | None = None
    """The states that its only panel goes through, if it is animated."""
