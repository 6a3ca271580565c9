"""The report of an inspection: what a model relies on, and how predictions depend on a column."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bpnet.messages import counted, on_one_line, quoted_list, set_option
from bpnet.reports.tables import shortened, table
from bpnet.reports.text import interval_text, score_text

if TYPE_CHECKING:
    from bpnet.inspection.dependence import PartialDependence
    from bpnet.inspection.importance import Importance, ShuffledColumns
    from bpnet.workflows.inspect_run import Inspection
    from bpnet.workflows.row_groups import DrawnGroups

MOST_LINES = 12
"""Lines of the table of importance; `--json` has all columns."""
NAME_WIDTH = 32
MOST_OUTPUTS = 4
_NEARLY_ALL = 0.9
_ENOUGH_COLUMNS = 3
"""Columns, or groups of them, from which on it is noted that one carries nearly all."""


def inspection_lines(inspection: "Inspection") -> Iterator[str]:
    """Yield the table of importance, what follows from it, and each partial dependence."""
    if inspection.importance is not None:
        yield from _importance_lines(inspection, inspection.importance)
    for number, dependence in enumerate(inspection.dependences):
        if number or inspection.importance is not None:
            yield ""
        shares = inspection.task != "regression"
        yield from _dependence_lines(dependence, bounded=shares)


def rows_text(inspection: "Inspection") -> str:
    """Return what rows were looked at, in words."""
    count = counted(inspection.rows, "row")
    if inspection.of_rows > inspection.rows:
        count = f"{inspection.rows:,} of {counted(inspection.of_rows, 'row')}"
    return {
        "test": f"the run's test part, {count}",
        "out_of_fold": f"out of fold, {count}",
        "validation": f"the run's validation part, {count}",
        "table": f"{inspection.table.name}, {count}",
    }[inspection.rows_of]


def inspection_data(inspection: "Inspection") -> dict[str, Any]:
    """Return the inspection for `--json`."""
    data: dict[str, Any] = {
        "inspected": {
            "data": inspection.table.name,
            "rows_of": inspection.rows_of,
            "rows": inspection.rows,
            "of_rows": inspection.of_rows,
            "groups": asdict(inspection.groups) if inspection.groups else None,
        }
    }
    if inspection.importance is not None:
        importance = asdict(inspection.importance)
        for column in importance["columns"]:
            column["column"] = column.pop("columns")[0]
        data["importance"] = importance
    data["partial_dependence"] = [_dependence_data(one) for one in inspection.dependences]
    return data


def _dependence_data(dependence: "PartialDependence") -> dict[str, Any]:
    data = asdict(dependence)
    return data | {name: data[name].tolist() for name in ("mean", "quantiles", "curves")}


def _importance_lines(inspection: "Inspection", importance: "Importance") -> Iterator[str]:
    change = change_title(importance)
    yield f"What the model relies on: {rows_text(inspection)}"
    yield (
        f"{importance.score_title} {score_text(importance.score_value)}; its {change.split()[0]} "
        f"with a column's cells shuffled, mean of {counted(importance.shuffles, 'shuffle')}"
    )
    yield ""
    lines, hidden = _shown(importance)
    labels = shortened([label for label, _ in lines], NAME_WIDTH)
    rows = [[label, *_numbers(each)] for label, (_, each) in zip(labels, lines, strict=True)]
    yield from table(["", change, "95 % interval", "± shuffles"], rows, numbers=True)
    if hidden:
        yield f"and {counted(len(hidden), 'column')} {_between(hidden)}; all: --json"
    yield ""
    if inspection.rows < inspection.of_rows:
        yield f"{inspection.rows:,} of {inspection.of_rows:,} rows: drawn by the run's seed"
    if inspection.rows_of == "out_of_fold":
        yield "out of fold: each row is predicted by the networks that held it out"
    elif inspection.rows_of == "validation":
        yield "the validation rows chose the epoch, too: elsewhere it predicts a little worse"
    yield from importance_notes(importance, inspection.groups)


def _between(columns: Sequence["ShuffledColumns"]) -> str:
    """Return the range of the importance of columns, of which some may be below 0."""
    low, high = (_short(end(each.value for each in columns)) for end in (min, max))
    return f"of {low}" if low == high else f"between {low} and {high}"


def change_title(importance: "Importance") -> str:
    """Return what importance is: `rise of log loss`, or `fall of R²`."""
    return f"{'fall' if importance.score == 'r2' else 'rise'} of {importance.score_title}"


def _shown(
    importance: "Importance",
) -> tuple[list[tuple[str, "ShuffledColumns"]], list["ShuffledColumns"]]:
    """Return the lines of the table, a label with each, and the columns that have none."""
    lines: list[tuple[str, ShuffledColumns]] = []
    hidden: list[ShuffledColumns] = []
    for each in importance.ranked:
        inner = [one for one in importance.columns if one.columns[0] in each.columns]
        # below a line that is left out there is none, and a group has two of its columns
        if hidden or len(lines) + (3 if len(inner) > 1 else 1) > MOST_LINES:
            hidden += inner
            continue
        if len(inner) == 1:
            lines.append((each.columns[0], each))
            continue
        lines.append((f"{len(inner)} columns together:", each))
        room = MOST_LINES - len(lines)
        lines += [(f"  {one.columns[0]}", one) for one in inner[:room]]
        hidden += inner[room:]
    return lines, hidden


def _numbers(each: "ShuffledColumns") -> list[str]:
    interval = ""
    if each.low is not None and each.high is not None:
        interval = f"{_short(each.low)} … {_short(each.high)}"
    error = "" if each.shuffle_error is None else _short(each.shuffle_error)
    return [_short(each.value), interval, error]


def _short(value: float) -> str:
    """Return a number to four decimals, without a minus before 0."""
    return score_text(round(value, 4) + 0.0, bounded=True)


def importance_notes(
    importance: "Importance", groups: "DrawnGroups | None" = None
) -> Iterator[str]:
    """Yield what follows from the importance of columns, a sentence a line.

    The intervals draw whole groups of rows, if there are `groups`.
    """
    ranked = importance.ranked
    if any(each.low is not None for each in ranked):
        yield ("95 % interval: over rows, by a paired bootstrap; ±: standard error over shuffles")
        if groups is not None:
            yield groups.note
    if importance.weighted:
        yield "rows count by their weights in training"
    if importance.groups:
        yield ("columns associated by 0.7 or more are shuffled together, too, for what they share")
    if any(each.value > 0 and importance.stands_out(each) for each in ranked):
        yield from _nearly_all(importance)
    elif ranked:
        yield f"nothing that it relies on beats the noise of {counted(importance.rows, 'row')}"
    yield from _below_zero(importance)
    if importance.unused:
        yield f"not read by the model: {quoted_list(importance.unused, 6)}"
    if importance.left_out:
        yield (
            f"left out, for lack of time: {counted(len(importance.left_out), 'column')} that moved "
            "predictions least in a first look"
        )


def _nearly_all(importance: "Importance") -> Iterator[str]:
    """Yield advice where one column, or one group, carries nearly all."""
    ranked = importance.ranked
    total, first = sum(max(each.value, 0.0) for each in ranked), ranked[0]
    nearly_all = first.value >= _NEARLY_ALL * total and importance.stands_out(first)
    if len(ranked) < _ENOUGH_COLUMNS or not nearly_all:
        return
    one = len(first.columns) == 1
    what, it = quoted_list(first.columns, 3), "it is" if one else "they are"
    yield (
        f"{what} {'carries' if one else 'carry'} {100 * first.value / total:.0f} % of it: if "
        f"{it} known only after the target, the scores are those of a leak; `bpnet check` looks "
        "for such columns"
    )


def _below_zero(importance: "Importance") -> Iterator[str]:
    below = [each for each in importance.columns if each.value < 0]
    clearly = [each for each in below if importance.stands_out(each)]
    for each in clearly[:1]:
        name = each.columns[0]
        yield (
            f"predictions are better with {quoted_list([one.columns[0] for one in clearly], 3)} "
            "shuffled, beyond the noise of the rows: what the model learned from it does not hold "
            f"here; train without it: {set_option('dataset.roles', 'ignored', name)}"
        )
    within = len(below) - len(clearly)
    if within and any(
        each.value > 0 and importance.stands_out(each) for each in importance.columns
    ):
        are = "is" if within == 1 else "are"
        yield f"{counted(within, 'column')} {are} below 0 by no more than the noise of the rows"


def _dependence_lines(dependence: "PartialDependence", *, bounded: bool) -> Iterator[str]:
    """Yield a table of predictions; `bounded` ones are probabilities."""
    several = len(dependence.outputs) > 1
    yield f"Partial dependence on {shortened([on_one_line(dependence.column)], NAME_WIDTH)[0]}"
    yield (
        f"the mean prediction of {counted(dependence.rows, 'row')} if all had this value"
        + ("" if several else f", of {shortened(dependence.outputs, NAME_WIDTH)[0]}")
    )
    yield ""
    labels = shortened(dependence.labels, NAME_WIDTH)
    numbers = [f"{count:,}" for count in dependence.counts]
    if several:
        order = sorted(range(len(dependence.outputs)), key=lambda k: -dependence.range[k])
        chosen = sorted(order[:MOST_OUTPUTS])
        names = shortened(dependence.outputs, NAME_WIDTH // 2)
        header = ["", "rows", *(names[k] for k in chosen)]
        cells = [
            [score_text(value, bounded=bounded) for value in line]
            for line in dependence.mean[:, chosen].tolist()
        ]
    else:
        header = ["", "rows", "mean", "of 80 % of the rows"]
        low, _, high = dependence.quantiles[:, :, 0].tolist()
        cells = [
            [score_text(mean, bounded=bounded), interval_text(below, above, bounded=bounded)]
            for mean, below, above in zip(dependence.mean[:, 0].tolist(), low, high, strict=True)
        ]
    rows = [[*each[:2], *each[2]] for each in zip(labels, numbers, cells, strict=True)]
    yield from table(header, rows, numbers=True)
    left = len(dependence.outputs) - MOST_OUTPUTS
    if left > 0:
        yield f"and {counted(left, 'output')} that change less; all: --json"
    if dependence.categories is not None and dependence.categories > len(dependence.values):
        more = dependence.categories - sum(value is not None for value in dependence.values)
        yield f"and {counted(more, 'category')} with fewer rows"
