"""What the doctor measured of each layer: activations and gradients over epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bpnet.figures.figure import Cell, Figure
from bpnet.figures.vega import Spec, category, lines, number, records, tooltip
from bpnet.messages import counted

MEASURES: Mapping[str, str] = {
    "mean": "mean of the outputs",
    "spread": "standard deviation of the outputs",
    "saturated": "share of saturated outputs",
    "dead": "share of dead units",
    "gradient": "gradient, root mean square",
    "update_ratio": "size of the last step, to the weights",
}
"""The measurements that are drawn, and their titles."""


@dataclass(frozen=True)
class LayerMeasures:
    """The measurements of a layer after an epoch, by name; one without a meaning is None."""

    epoch: int
    layer: str
    values: Mapping[str, float | None]


def layers_figure(measured: Sequence[LayerMeasures], notes: Sequence[str] = ()) -> Figure:
    """Return the measurements over epochs, a panel for each that has a meaning."""
    names = [name for name in MEASURES if any(one.values.get(name) is not None for one in measured)]
    epochs = sorted({one.epoch for one in measured})
    layers = list(dict.fromkeys(one.layer for one in measured))
    rows: list[Sequence[Cell]] = [
        (one.epoch, one.layer, *(one.values.get(name) for name in names)) for one in measured
    ]
    last = [one for one in measured if one.epoch == epochs[-1]]
    gradients = ", ".join(
        f"{one.layer} {one.values['gradient']:.3g}"
        for one in last
        if one.values.get("gradient") is not None
    )
    return Figure(
        "layers",
        "Layers in training",
        f"Activations and gradients of {counted(len(layers), 'layer')} at "
        f"{counted(len(epochs), 'look')} of the doctor, from epoch {epochs[0]} to {epochs[-1]}. "
        f"The gradients at the last look: {gradients or 'none'}.",
        ("epoch", "layer", *(MEASURES[name] for name in names)),
        rows,
        [_panel(measured, name, (epochs[0], epochs[-1])) for name in names],
        notes,
    )


def _panel(measured: Sequence[LayerMeasures], name: str, ends: tuple[int, int]) -> Spec:
    """Return the panel of a measurement, from the first epoch to the last."""
    measures = [(one, one.values.get(name)) for one in measured]
    known = [(one, value) for one, value in measures if value is not None]
    data = records(
        epoch=[one.epoch for one, _ in known],
        layer=[one.layer for one, _ in known],
        value=[value for _, value in known],
    )
    positive = all(value > 0 for _, value in known)
    scale = {"type": "log"} if name in ("gradient", "update_ratio") and positive else {}
    panel = lines(
        data,
        number("epoch", "epoch", axis={"tickMinStep": 1}, scale={"domain": ends, "nice": False}),
        number("value", "", scale=scale),
        series=category("layer"),
        shown=tooltip(("layer", "layer"), ("epoch", "epoch"), ("value", MEASURES[name])),
        mark={"point": {"size": 30}},
        height=160,
    )
    return {"title": MEASURES[name], **panel}
