"""What a model relies on: the importance of columns, and the partial dependence on them."""

from collections.abc import Sequence

from bpnet.data.targets import AnyTarget, Quantities
from bpnet.figures.figure import Cell, Figure
from bpnet.figures.vega import (
    FILL,
    MOST_SERIES,
    Spec,
    bands,
    category,
    lines,
    number,
    records,
    short_names,
    tooltip,
)
from bpnet.inspection.dependence import PartialDependence
from bpnet.inspection.importance import Importance
from bpnet.messages import counted

MOST_COLUMNS = 30


def importance_figure(importance: Importance, notes: Sequence[str]) -> Figure:
    """Return the importance of each column, and of groups of associated ones, with intervals."""
    ranked = importance.ranked
    inner = {group.columns: group for group in importance.groups}
    shown = []
    for each in ranked:
        shown.append(each)
        if each.columns in inner:
            shown += [importance.of(name) for name in each.columns]
    drawn = shown[:MOST_COLUMNS]
    notes = [*notes, *_left_out(importance, len(shown))]
    names = [_name(each.columns) for each in drawn]
    title = f"{'fall' if importance.score == 'r2' else 'rise'} of {importance.score_title}"
    data = records(
        name=names,
        value=[each.value for each in drawn],
        low=[each.low for each in drawn],
        high=[each.high for each in drawn],
    )
    y = category("name", axis={"grid": True, "labelLimit": 300})
    shown_by_pointer = (("name", "column"), ("value", title), ("low", "from"), ("high", "to"))
    panel = {
        "data": data,
        "height": bands(len(drawn), 22),
        "layer": [
            {
                "mark": {"type": "rule", "color": FILL, "strokeWidth": 2},
                "encoding": {"x": number("low", title), "x2": {"field": "high"}, "y": y},
            },
            {
                "mark": {"type": "point", "color": FILL, "size": 80},
                "encoding": {
                    "x": number("value", title),
                    "y": y,
                    "tooltip": tooltip(*shown_by_pointer),
                },
            },
        ],
    }
    first = drawn[0]
    return Figure(
        "importance",
        "Importance of the columns",
        f"How much the {importance.score_title} of {counted(importance.rows, 'row')}, "
        f"{importance.score_value:.4g}, gets worse if the cells of a column are shuffled, the mean "
        f"of {counted(importance.shuffles, 'shuffle')}. The model relies most on {names[0]}: "
        f"{first.value:.4g}. Lines are 95 % intervals over rows. Columns joined by a plus are "
        "associated, and shuffled together, too.",
        ("columns", title, "95 % from", "to", "± shuffles"),
        [
            (" + ".join(each.columns), each.value, each.low, each.high, each.shuffle_error)
            for each in shown
        ],
        [panel],
        notes,
    )


def _name(columns: Sequence[str]) -> str:
    """Return the name of a column, or of several that are shuffled together."""
    more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
    return " + ".join(short_names(columns)[:3]) + more


def _left_out(importance: Importance, shown: int) -> list[str]:
    notes = []
    if shown > MOST_COLUMNS:
        notes.append(f"drawn are the first {MOST_COLUMNS} of {shown}")
    if importance.left_out:
        notes.append(
            f"not measured, for lack of time: {counted(len(importance.left_out), 'column')} that "
            "move predictions least"
        )
    return notes


def dependence_figure(
    dependences: Sequence[PartialDependence], target: AnyTarget, notes: Sequence[str]
) -> Figure:
    """Return the mean prediction by the value of each column, a panel for each column."""
    unit = "mean prediction" if isinstance(target, Quantities) else "mean probability"
    rows: list[Sequence[Cell]] = []
    sentences = []
    for each in dependences:
        rows += [
            (each.column, label, output, *_numbers(each, g, k), each.counts[g])
            for g, label in enumerate(each.labels)
            for k, output in enumerate(each.outputs)
        ]
        k = int(each.range.argmax())
        mean = each.mean[:, k]
        low, high = int(mean.argmin()), int(mean.argmax())
        name, output = short_names([each.column])[0], short_names([each.outputs[k]])[0]
        sentences.append(
            f"By {name} that of {output} goes from {mean[low]:.4g} at "
            f"{short_names([each.labels[low]])[0]} to {mean[high]:.4g} at "
            f"{short_names([each.labels[high]])[0]}."
        )
    outputs = dependences[0].outputs
    quantiles = [f"{level:g} quantile" for level in dependences[0].levels]
    notes = list(notes)
    if len(outputs) > MOST_SERIES:
        notes.append(f"drawn are the first {MOST_SERIES} of {len(outputs)} outputs")
    return Figure(
        "dependence",
        "Partial dependence",
        f"The {unit} if a column had the same value in every row, of the most important columns. "
        + " ".join(sentences),
        ("column", "value", "of", "mean", *quantiles, "rows with the value"),
        rows,
        [_dependence_panel(each, unit, _ends(dependences)) for each in dependences],
        [*notes, "values that do not occur together are asked for, too"],
    )


def _numbers(each: PartialDependence, g: int, k: int) -> list[float]:
    """Return the mean and the quantiles of output k at value g."""
    return [float(each.mean[g, k]), *(float(q) for q in each.quantiles[:, g, k])]


def _ends(dependences: Sequence[PartialDependence]) -> tuple[float, float]:
    """Return the least and the greatest value that is drawn, for panels of the same scale."""
    drawn = [each.mean[:, :MOST_SERIES] for each in dependences]
    if len(dependences[0].outputs) == 1:
        drawn += [each.quantiles for each in dependences]
    return min(float(one.min()) for one in drawn), max(float(one.max()) for one in drawn)


def _dependence_panel(each: PartialDependence, unit: str, ends: tuple[float, float]) -> Spec:
    outputs = short_names(each.outputs)[:MOST_SERIES]
    # a missing value has a place of its own only among categories
    known = [g for g, v in enumerate(each.values) if v is not None or each.kind == "category"]
    labels = short_names(each.labels)
    places = [(g, k) for k in range(len(outputs)) for g in known]
    data = records(
        value=[labels[g] if each.kind == "category" else each.values[g] for g, _ in places],
        label=[labels[g] for g, _ in places],
        mean=[float(each.mean[g, k]) for g, k in places],
        low=[float(each.quantiles[0, g, k]) for g, k in places],
        high=[float(each.quantiles[-1, g, k]) for g, k in places],
        of=[outputs[k] for _, k in places],
        rows=[each.counts[g] for g, _ in places],
    )
    name = short_names([each.column])[0]
    y = number("mean", unit, scale={"zero": False, "domain": ends})
    series = category("of", scale={"domain": outputs})
    shown = tooltip(("of", "of"), ("label", name), ("mean", unit), ("rows", "rows"))
    if each.kind == "category":
        return {
            "data": data,
            "height": bands(len(known), 24),
            "mark": {"type": "point", "size": 80},
            "encoding": {
                "x": y,
                "y": category("value", name, axis={"grid": True}),
                "color": series,
                "tooltip": shown,
            },
        }
    x = number("value", name, scale={"zero": False, "nice": False})
    if each.kind == "date":
        x = {"field": "value", "type": "temporal", "title": name}
    behind = []
    if len(outputs) == 1:
        behind.append(
            {
                "mark": {"type": "area", "opacity": 0.15, "color": FILL},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            }
        )
    return lines(data, x, y, series=series, shown=shown, behind=behind, height=200)
