"""The loss over one or two weights, with the path of a training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.figures.figure import Cell, Figure
from bpnet.figures.vega import Spec, number, records, tooltip, zoom
from bpnet.messages import counted


@dataclass(frozen=True)
class LossSurface:
    """The loss over a grid of values of one or two weights W, and at the S points of a path.

    All other weights are those of the path's last point. `path` (S, W) has the two weights after
    the `epochs` (S,), and `path_losses` (S,) the loss of all weights at that time, which lies on
    the surface only where no other weight moved. `losses` is (A,) for one weight and (A, B) for
    two, over the values in `axes`.
    """

    names: Sequence[str]
    axes: Sequence[Floats]
    losses: Floats
    epochs: Sequence[int]
    path: Floats
    path_losses: Floats
    rows: int
    """The number of training rows."""
    parameters: int
    """The number of all parameters."""
    outputs: Floats | None = None
    """The output (S, N) for each row along the path, where there are few rows and one output."""
    errors: Floats | None = None
    """Output minus target (S, N), in the unit of the network."""


def loss_surface_figure(surface: LossSurface) -> Figure:
    """Return the curve of a loss over one weight, or its map over two, with the path."""
    single = len(surface.names) == 1
    return Figure(
        "loss-surface",
        f"Loss over {' and '.join(surface.names)}",
        _text(surface),
        *_table(surface),
        [_curve(surface) if single else _map(surface)],
        _notes(surface),
    )


def _text(surface: LossSurface) -> str:
    first, last = surface.path[0], surface.path[-1]
    moves = " and ".join(
        f"{name} goes from {a:.4g} to {b:.4g}"
        for name, a, b in zip(surface.names, first, last, strict=True)
    )
    lowest = np.unravel_index(np.nanargmin(surface.losses), surface.losses.shape)
    at = " and ".join(
        f"{name} = {axis[k]:.4g}"
        for name, axis, k in zip(surface.names, surface.axes, lowest, strict=True)
    )
    return (
        f"The loss of {counted(surface.rows, 'training row')}. In "
        f"{counted(surface.epochs[-1], 'epoch')} "
        f"{moves}, and the loss from {surface.path_losses[0]:.4g} to "
        f"{surface.path_losses[-1]:.4g}. Of the values drawn it is lowest, "
        f"{np.nanmin(surface.losses):.4g}, at {at}."
    )


def _notes(surface: LossSurface) -> list[str]:
    others = surface.parameters - len(surface.names)
    notes = []
    if others:
        notes.append(
            f"the {counted(others, 'other parameter')} are those after epoch {surface.epochs[-1]}; "
            "at the time of earlier points the loss was another, which the table has"
        )
    return notes


def _table(surface: LossSurface) -> tuple[list[str], list[Sequence[Cell]]]:
    """Return the points of the path; of few rows with each output, error and the squares' sum."""
    columns = ["epoch", *surface.names, "loss"]
    rows: list[Sequence[Cell]] = []
    for k, epoch in enumerate(surface.epochs):
        row: list[Cell] = [epoch, *map(float, surface.path[k]), float(surface.path_losses[k])]
        if surface.outputs is not None and surface.errors is not None:
            row += [*map(float, surface.outputs[k]), *map(float, surface.errors[k])]
            row.append(float(np.sum(surface.errors[k] ** 2)))
        rows.append(row)
    if surface.outputs is not None:
        count = surface.outputs.shape[1]
        columns += [f"output {n}" for n in range(1, count + 1)]
        columns += [f"error {n}" for n in range(1, count + 1)] + ["sum of squared errors"]
    return columns, rows


def _path(surface: LossSurface) -> Spec:
    names = dict(zip(("a", "b"), surface.path.T, strict=False))
    return records(epoch=list(surface.epochs), loss=surface.path_losses, **names)


def _curve(surface: LossSurface) -> Spec:
    """Return the panel of one weight: the loss as a curve, the path as points on it."""
    (name,) = surface.names
    x = number("a", name, scale={"zero": False, "nice": False})
    y = number("loss", "loss", scale={"zero": False})
    known = np.isfinite(surface.losses)
    data = records(a=surface.axes[0][known], loss=surface.losses[known])
    return {
        "height": 280,
        "layer": [
            {
                "data": data,
                "params": [zoom("x", "y")],
                "mark": {"type": "line", "clip": True},
                "encoding": {"x": x, "y": y},
            },
            *_points(_path(surface), x, y, (("a", name),)),
        ],
    }


def _map(surface: LossSurface) -> Spec:
    """Return the panel of two weights: the loss as colors, the path as a line."""
    a, b = surface.axes
    first, second = surface.names
    half = ((a[1] - a[0]) / 2, (b[1] - b[0]) / 2)
    grid = [
        (float(x), float(y), float(surface.losses[i, j]))
        for i, x in enumerate(a)
        for j, y in enumerate(b)
        if np.isfinite(surface.losses[i, j])
    ]
    xs, ys, losses = zip(*grid, strict=True)
    data = records(
        x=[x - half[0] for x in xs],
        x2=[x + half[0] for x in xs],
        y=[y - half[1] for y in ys],
        y2=[y + half[1] for y in ys],
        a=xs,
        b=ys,
        loss=losses,
    )
    scale = {"scheme": "viridis", "reverse": True}
    if min(losses) > 0 and max(losses) > 10 * min(losses):
        scale["type"] = "log"
    limits = {"zero": False, "nice": False}
    shown = (("a", first), ("b", second), ("loss", "loss"))
    tiles = {
        "data": data,
        "params": [zoom("x", "y")],
        "mark": {"type": "rect", "clip": True, "opacity": 1},
        "encoding": {
            "x": number("x", first, scale=limits),
            "x2": {"field": "x2"},
            "y": number("y", second, scale=limits),
            "y2": {"field": "y2"},
            "color": number("loss", "loss", scale=scale, legend={"title": "loss"}),
            "tooltip": tooltip(*shown),
        },
    }
    x, y = number("a", first, scale=limits), number("b", second, scale=limits)
    return {
        "height": 360,
        "layer": [tiles, *_points(_path(surface), x, y, shown[:2])],
    }


def _points(data: Spec, x: Spec, y: Spec, shown: Sequence[tuple[str, str]]) -> list[Spec]:
    """Return the layers of the path: a line in the order of the epochs, and its points."""
    order = {"field": "epoch", "type": "quantitative"}
    color = "#d4505a"
    return [
        {
            "data": data,
            "mark": {"type": "line", "color": color, "strokeWidth": 1.5, "clip": True},
            "encoding": {"x": x, "y": y, "order": order},
        },
        {
            "data": data,
            "mark": {"type": "point", "color": color, "size": 40, "opacity": 1, "clip": True},
            "encoding": {
                "x": x,
                "y": y,
                "tooltip": tooltip(("epoch", "epoch"), *shown, ("loss", "loss")),
            },
        },
    ]
