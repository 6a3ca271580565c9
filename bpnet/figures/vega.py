"""Parts of Vega-Lite specifications that the figures share.

Names of the table are values and titles in a specification, never names of its fields, whose dots
and brackets Vega-Lite would read as paths.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bpnet.engine.component import Array
from bpnet.messages import visible

Spec = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
COLORS = (
    *("#3b82c4", "#cf6a17", "#2a9468", "#9a6cc6", "#d4505a"),
    *("#987344", "#cc5a9c", "#7d8590", "#8a861c", "#1b92a6"),
)
"""Colors of series: each has a contrast of 3 or more to white and to the dark page."""
FILL = COLORS[0]
MOST_SERIES = len(COLORS)
MOST_POINTS = 300
"""Points of a line; more are thinned out evenly."""
HOVER = "hover"
"""The name of a layer that is there for the pointer only, and not in a picture."""
_LONGEST = 28

CONFIG: Spec = {
    "background": None,
    "font": "system-ui, sans-serif",
    "aria": False,  # a figure has one text alternative, not one for each mark
    "mark": {"aria": False},
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "domainColor": "currentColor",
        "tickColor": "currentColor",
        "gridColor": "currentColor",
        "gridOpacity": 0.14,
        "ticks": False,
        "labelPadding": 5,
        "labelLimit": 150,
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 12,
    },
    # the fonts of browsers are wider than those that the labels are measured in
    "axisX": {"tickCount": {"signal": "ceil(width/70)"}, "labelSeparation": 8},
    "axisY": {"titlePadding": 12},
    "legend": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "orient": "bottom",
        "columns": 3,
        "labelLimit": 170,
        "titleFontWeight": "normal",
        "title": None,
        "symbolLimit": 24,
        "layout": {"bottom": {"anchor": "start", "direction": "vertical"}},
    },
    "title": {"color": "currentColor", "anchor": "start", "fontWeight": "normal", "fontSize": 13},
    "range": {"category": list(COLORS)},
    "line": {"strokeWidth": 2, "color": FILL},
    "point": {"color": FILL, "filled": True},
    "bar": {"color": FILL},
    "rect": {"color": FILL},
    "rule": {"color": "currentColor"},
    "text": {"color": "currentColor"},
}


def short_names(names: Sequence[str]) -> list[str]:
    """Return names that fit a figure, with visible control characters; those that differ still do.

    Of a longer name the middle is left out.
    """
    half = _LONGEST // 2 - 1
    cut = [
        name if len(name) <= _LONGEST else f"{name[:half]}…{name[-half:]}"
        for name in (visible(" ".join(name.split()) or "(blank)") for name in names)
    ]
    repeated = {name for name in cut if cut.count(name) > 1}
    return [f"{name} ({k})" if name in repeated else name for k, name in enumerate(cut, start=1)]


def short_name(name: str) -> str:
    """Return one name, or a text that need not differ from others, that fits a figure."""
    return short_names([name])[0]


def records(**columns: Sequence[Any] | Array) -> Spec:
    """Return columns of one length as the data of a panel."""
    values = [
        [_rounded(cell) for cell in (each.tolist() if isinstance(each, np.ndarray) else each)]
        for each in columns.values()
    ]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
    return {"values": rows}


def _rounded(cell: Any) -> Any:
    """Return a number to the digits that a drawing can show, and more; others as they are."""
    return float(f"{cell:.7g}") if isinstance(cell, float) else cell


def thinned(count: int, keep: Sequence[int] = (), most: int = MOST_POINTS) -> list[int]:
    """Return at most about `most` positions of `count`, evenly spaced, with some to keep."""
    spaced = np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()
    return sorted({*spaced, *keep})


def number(field: str, title: str, **options: Any) -> Spec:
    """Return the encoding of a quantity."""
    return {"field": field, "type": "quantitative", "title": title, **options}


def category(field: str, title: str | None = None, **options: Any) -> Spec:
    """Return the encoding of a name, in the order of the data."""
    return {"field": field, "type": "nominal", "title": title, "sort": None, **options}


def bands(count: int, step: int) -> int:
    """Return the height of a panel with a band of `step` pixels for each name."""
    return step * max(count, 2)


def tooltip(*fields: tuple[str, str]) -> list[Spec]:
    """Return what the pointer shows of a mark: fields with their titles."""
    return [{"field": field, "title": title} for field, title in fields]


def zoom(*channels: str) -> Spec:
    """Return the parameter by which the pointer moves and enlarges a panel's axes."""
    select = {"type": "interval", "encodings": list(channels), "zoom": "wheel![event.shiftKey]"}
    return {"name": "zoom", "select": select, "bind": "scales"}


def nearest(shown: Sequence[Spec], encoding: Mapping[str, Any]) -> Spec:
    """Return the layer that shows the point nearest to the pointer."""
    near = {"type": "point", "on": "pointerover", "nearest": True, "clear": "pointerout"}
    return {
        "name": HOVER,
        "params": [{"name": HOVER, "select": near}],
        "mark": {"type": "point", "size": 60},
        "encoding": {
            **encoding,
            "opacity": {"condition": {"param": HOVER, "empty": False, "value": 1}, "value": 0},
            "tooltip": list(shown),
        },
    }


def lines(
    data: Spec,
    x: Spec,
    y: Spec,
    *,
    series: Spec | None = None,
    dash: Spec | None = None,
    shown: Sequence[Spec] = (),
    behind: Sequence[Spec] = (),
    mark: Mapping[str, Any] | None = None,
    height: int = 240,
) -> Spec:
    """Return a panel of lines that can be enlarged, with the values under the pointer.

    `series` colors and `dash` dashes them; `behind` are layers below them.
    """
    encoding: Spec = {"x": x, "y": y}
    if series:
        encoding["color"] = series
    drawn = {
        "params": [zoom("x", "y")],
        "mark": {"type": "line", "clip": True, **(mark or {})},
        "encoding": encoding | ({"strokeDash": dash} if dash else {}),
    }
    return {
        "data": data,
        "height": height,
        "layer": [*behind, drawn, nearest(shown, encoding)],
    }


def widened(panel: Mapping[str, Any]) -> Spec:
    """Return a panel with room around an axis of one value, whose only tick Vega would round."""
    spec = dict(panel)
    for inner in ("hconcat", "vconcat"):
        if inner in spec:
            return {**spec, inner: [widened(one) for one in spec[inner]]}
    if "layer" in spec:
        spec["layer"] = [dict(one) for one in spec["layer"]]
    units = [spec, *spec.get("layer", [])]
    values: dict[str, set[float]] = {}
    for unit in units:
        rows = unit.get("data", spec.get("data", {})).get("values", ())
        for channel, encoding in unit.get("encoding", {}).items():
            if channel == "tooltip":  # a list of fields
                continue
            cells = (row.get(encoding.get("field")) for row in rows)
            found = {cell for cell in cells if isinstance(cell, int | float)}
            values.setdefault(channel.removesuffix("2"), set()).update(found)
    only = {channel: found.pop() for channel, found in values.items() if len(found) == 1}
    for unit in units:
        if "encoding" in unit:
            unit["encoding"] = {
                channel: _with_room(encoding, only[channel]) if only.get(channel) else encoding
                for channel, encoding in unit["encoding"].items()
            }
    return spec


def _with_room(encoding: Spec, value: float) -> Spec:
    """Return the encoding of one value, not 0, with half of it on each side."""
    scale = encoding.get("scale") or {}
    fixed = encoding.get("type") != "quantitative" or "domain" in scale
    if fixed or scale.get("zero", "scheme" not in scale):
        return encoding
    room = abs(value) / 2
    return {**encoding, "scale": {**scale, "domain": [value - room, value + room]}}


def still(panel: Mapping[str, Any]) -> Spec:
    """Return a panel without what only the pointer uses."""
    spec = {key: value for key, value in panel.items() if key != "params"}
    for inner in ("layer", "hconcat", "vconcat"):
        if inner in spec:
            spec[inner] = [still(one) for one in spec[inner] if one.get("name") != HOVER]
    return spec
