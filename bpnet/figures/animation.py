"""Animations: one panel over the epochs of a training, as frames of the same axes."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bpnet.figures.drawing import missing_package, pictures
from bpnet.figures.figure import MOVING, Figure, Frames, Panel
from bpnet.messages import counted

FRAME_SECONDS = 0.25
LAST_SECONDS = 2.0
"""How long a GIF shows each frame, and the last one before it begins again."""


def animated(figures: Sequence[Figure], numbers: Sequence[int], name: str = "epoch") -> Figure:
    """Return the last of some figures, with the moving data of all of them as frames.

    Each has one panel whose first layer is what moves. The table has the rows of every frame.
    """
    last = figures[-1]
    panels = [_named(figure.panels[0]) for figure in figures]
    values = [panel["layer"][0]["data"]["values"] for panel in panels]
    rows = [
        (number, *row)
        for number, figure in zip(numbers, figures, strict=True)
        for row in figure.rows
    ]
    return replace(
        last,
        text=f"{last.text} This is after {name} {numbers[-1]}, the last of "
        f"{counted(len(numbers), 'frame')} from {name} {numbers[0]} on.",
        columns=(name, *last.columns),
        rows=rows,
        panels=[panels[-1]],
        frames=Frames(name, list(numbers), values),
    )


def gif(figure: Figure) -> bytes:
    """Return an animated figure as a GIF, on white; raises UsageError without Pillow."""
    try:
        from PIL import Image  # deferred: an optional package
    except ImportError:
        raise missing_package("pillow") from None
    assert figure.frames is not None
    frames = [
        replace(
            figure,
            panels=[_with_values(figure.panels[0], values)],
            notes=[f"{figure.frames.name} {number}"],
            frames=None,
        )
        for number, values in zip(figure.frames.numbers, figure.frames.values, strict=True)
    ]
    images = []
    for content in pictures(frames, ".png", scale=1):
        with Image.open(io.BytesIO(content)) as image:
            images.append(image.convert("RGB").quantize(128))
    written = io.BytesIO()
    durations = [int(1000 * FRAME_SECONDS)] * (len(images) - 1) + [int(1000 * LAST_SECONDS)]
    images[0].save(
        written, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0
    )
    return written.getvalue()


def _named(panel: Panel) -> dict[str, Any]:
    """Return a panel whose first layer's data have the name MOVING."""
    first, *others = panel["layer"]
    data = {"name": MOVING, "values": first["data"]["values"]}
    return {**panel, "layer": [{**first, "data": data}, *others]}


def _with_values(panel: Panel, values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first, *others = panel["layer"]
    return {**panel, "layer": [{**first, "data": {"values": list(values)}}, *others]}
