"""The page of a trace: the network drawn, each number with its equation, and the steps to walk."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from bpnet import __version__
from bpnet.engine.component import Array
from bpnet.engine.step_trace import StepTrace
from bpnet.errors import UsageError
from bpnet.figures.vega import short_names
from bpnet.reports.notation import Notation
from bpnet.reports.page.template import environment, markup, packed, part, policy
from bpnet.reports.trace import equation_line, prefixed_entries
from bpnet.reports.trace_data import trace_data
from bpnet.tracing.rows import output_names
from bpnet.tracing.structure import Remark, Section
from bpnet.workflows.trace import Trace
from bpnet.workflows.unit_surfaces import UnitSurfaces, unit_surfaces

MOST_BYTES = 300_000
"""The size of a page."""
MOST_UNITS = 10
"""Units of a layer that are drawn."""

_WIDTH, _ROW, _TOP, _SIDE = 720, 66, 48, 70


@dataclass(frozen=True)
class Node:
    """A unit in the drawing: its column, which is 0 for inputs, and its number from 1."""

    column: int
    unit: int
    x: float
    y: float
    name: str
    value: str


@dataclass(frozen=True)
class Edge:
    """A weight in the drawing, or the way of a value that has none."""

    layer: int
    unit: int
    source: int
    ends: tuple[float, float, float, float]
    weighs: bool


@dataclass(frozen=True)
class Column:
    """The title of a column, and how many of its units are not drawn."""

    x: float
    title: str
    left_out: int


def trace_page(name: str, traced: Trace, digits: int) -> str:
    """Return the page as HTML.

    Raises UsageError if a package is missing, or the page would be larger than MOST_BYTES.
    """
    template = environment().get_template("trace.html")
    notation = Notation(digits)
    columns, nodes, edges = _drawing(traced, notation)
    surfaces = unit_surfaces(traced.model.network, traced.steps, traced.train_inputs)
    script = part("trace.js")
    data = {
        "trace": trace_data(name, traced),
        "digits": digits,
        "surfaces": None if surfaces is None else _surfaces(surfaces),
    }
    step = traced.explanation.steps[0]
    text: str = template.render(
        title=f"Trace of {name}",
        rows=traced.rows,
        notes=traced.notes,
        steps=len(traced.steps),
        epoch=step.epoch,
        loss=notation.number(traced.steps[0].loss),
        loss_after=notation.number(traced.steps[0].loss_after),
        columns=columns,
        nodes=nodes,
        edges=edges,
        width=_WIDTH,
        height=max(node.y for node in nodes) + 50,
        sections=[_lines(one, notation) for one in (*traced.explanation.rows, *step.sections)],
        surfaces=[] if surfaces is None else _surface_titles(surfaces),
        policy=policy(script),
        version=__version__,
        data=packed(data),
        script=markup(script),
        style=markup(part("style.css") + part("trace.css")),
    )
    if (size := len(text.encode())) > MOST_BYTES:
        raise UsageError(
            f"the page would have {size // 1000} kB, and at most {MOST_BYTES // 1000} kB are "
            "readable; take fewer --steps or --row, or a smaller network, such as --set "
            "architecture.hidden=[4]"
        )
    return text


def _drawing(traced: Trace, notation: Notation) -> tuple[list[Column], list[Node], list[Edge]]:
    """Return the columns, nodes and edges of the network, with the values of the first step."""
    step = traced.steps[0]
    widths = [step.layers[0].inputs.shape[1], *(one.outputs.shape[1] for one in step.layers)]
    drawn = [min(width, MOST_UNITS) for width in widths]
    between = (_WIDTH - 2 * _SIDE) / max(len(widths) - 1, 1)
    names = _names(traced, widths)
    columns, nodes = [], []
    places: list[list[tuple[float, float]]] = []
    for column, (width, count) in enumerate(zip(widths, drawn, strict=True)):
        x = _SIDE + column * between
        first = _TOP + (max(drawn) - count) * _ROW / 2
        places.append([(x, first + k * _ROW + 20) for k in range(count)])
        title = "inputs" if not column else _title(column, step)
        columns.append(Column(x, title, width - count))
        values = step.layers[0].inputs[0] if not column else step.layers[column - 1].outputs[0]
        nodes += [
            Node(column, k + 1, *places[-1][k], names[column][k], notation.number(float(values[k])))
            for k in range(count)
        ]
    edges = [edge for k in range(len(step.layers)) for edge in _edges(k, step, places)]
    return columns, nodes, edges


def _title(column: int, step: StepTrace) -> str:
    kind: str = step.layers[column - 1].layer.kind  # type: ignore[attr-defined]
    return f"{column}: {kind.replace('_', ' ')}"


def _edges(k: int, step: StepTrace, places: list[list[tuple[float, float]]]) -> list[Edge]:
    """Return the edges into layer k, from 0: a weight each, or one from each unit to its own."""
    weight: Array | None = step.layers[k].before.get("weight")
    inputs, outputs = step.layers[k].inputs.shape[1], step.layers[k].outputs.shape[1]
    weighs = weight is not None and weight.shape == (outputs, inputs)
    if not weighs and inputs != outputs:
        return []
    return [
        Edge(k + 1, unit + 1, source + 1, (*places[k][source], *places[k + 1][unit]), weighs)
        for unit in range(len(places[k + 1]))
        for source in range(len(places[k]))
        if weighs or unit == source
    ]


def _names(traced: Trace, widths: list[int]) -> list[list[str]]:
    """Return what is written beside the nodes of each column."""
    inputs = short_names(traced.model.description.encoder.inputs)
    outputs = short_names(output_names(traced.model.description.target, widths[-1]))
    hidden = [[str(k + 1) for k in range(width)] for width in widths[1:-1]]
    return [_filled(inputs, widths[0]), *hidden, _filled(outputs, widths[-1])]


def _filled(names: list[str], width: int) -> list[str]:
    """Return as many names as units; others have their number."""
    return names if len(names) == width else [str(k + 1) for k in range(width)]


def _lines(section: Section, notation: Notation) -> dict[str, Any]:
    """Return a section as lines, for readers without scripts."""
    return {
        "title": section.title,
        "level": section.level,
        "lines": [
            f"{prefix}{entry.text if isinstance(entry, Remark) else equation_line(entry, notation)}"
            for prefix, entry in prefixed_entries(section)
        ],
    }


def _surfaces(surfaces: UnitSurfaces) -> dict[str, Any]:
    """Return surfaces as bytes between the least and the greatest output of each unit."""
    steps = [
        [[_quantized(unit) for unit in layer[:MOST_UNITS]] for layer in layers]
        for layers in surfaces.layers
    ]
    return {"axes": [axis.tolist() for axis in surfaces.axes], "steps": steps}


def _quantized(values: Array) -> dict[str, Any]:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    span = high - low if high > low else 1.0
    levels = np.nan_to_num((values - low) / span * 255).clip(0, 255).round().astype(np.uint8)
    return {"low": low, "high": high, "levels": base64.b64encode(levels.tobytes()).decode()}


def _surface_titles(surfaces: UnitSurfaces) -> list[dict[str, Any]]:
    """Return the layer, the unit and the title of each surface."""
    return [
        {"layer": k + 1, "unit": unit + 1, "title": f"layer {k + 1}, unit {unit + 1}"}
        for k, layer in enumerate(surfaces.layers[0])
        for unit in range(min(len(layer), MOST_UNITS))
    ]
