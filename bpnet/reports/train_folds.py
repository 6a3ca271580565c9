"""The report of `bpnet train` on folds: the scores on rows that the model has not seen."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bpnet.messages import counted
from bpnet.reports.eval import metric_label
from bpnet.reports.tables import table
from bpnet.reports.text import CLASS_WEIGHT_NOTE, closing_lines, rounded, score_text
from bpnet.scoring.metrics import metric_range

if TYPE_CHECKING:
    from bpnet.workflows.train_folds import FoldsResult

_TITLES = {"out_of_fold": "out of fold", "test": "test"}


def folds_lines(result: "FoldsResult") -> Iterator[str]:
    """Yield the members, the metrics of the model, and what to type next."""
    times = f"{result.training_seconds:.2f} s, {result.seconds:.2f} s in all"
    again = f", {result.repeats} times" if result.repeats > 1 else ""
    again += f" in {result.rounds} rounds" if result.rounds > 1 else ""
    refit = ", trained again on all rows" if result.refit else ""
    networks = counted(result.networks, "network")
    packs = f", picked from {result.draws} draws of settings" if result.draws else ""
    yield f"\n{networks} of {result.folds} folds{again}{refit}{packs}, trained in {times}\n"
    if result.budget is not None and result.cut_short:
        yield from _budget_lines(result)
    if len(result.members) > 1:
        yield from _member_lines(result)
        yield ""
    rows = [
        [
            metric_label(name, result.positive),
            *(
                score_text(metrics[name], bounded=math.isfinite(metric_range(name)[1]))
                for metrics in result.metrics.values()
            ),
        ]
        for name in result.metrics["out_of_fold"]
    ]
    header = [
        "",
        *(f"{_TITLES[part]} ({counted(result.rows[part], 'row')})" for part in result.metrics),
    ]
    yield from table(header, rows, numbers=True)
    yield "\nout of fold: each row is scored by the networks that have not trained on it"
    yield "the doctor looks at single networks only, and has not looked at these"
    if not result.constant.learned:
        yield f"\n{_nothing_learned(result)}"
    if result.class_weighted:
        yield f"note: {CLASS_WEIGHT_NOTE}"
    if "test" in result.metrics:
        yield from closing_lines("Run directory", result.run, "eval")
    else:
        yield from closing_lines("Run directory", result.run, "predict", "DATA.csv")


def _nothing_learned(result: "FoldsResult") -> str:
    """Return the remark that the model is no better than a constant prediction."""
    loss, constant = result.constant.loss, result.constant.constant
    compared = f"their log loss is {loss:.4g}, and {constant:.4g} if all are given the same shares"
    if "r2" in result.metrics["out_of_fold"]:
        compared = f"R² is {1 - loss / constant if constant else 0:.2g}"
    level = ""
    if result.constant.by_fold:
        level = ", even if the level of each fold's groups were known"
    return (
        "nothing was learned: rows that the networks have not seen are predicted no better than by "
        f"a constant, or no more than chance explains{level} ({compared}). Other columns, or more "
        "rows, may tell more of the target."
    )


def folds_data(result: "FoldsResult") -> dict[str, Any]:
    """Return the result for `--json`."""
    return {**asdict(result), "run": str(result.run)}


def _budget_lines(result: "FoldsResult") -> Iterator[str]:
    """Yield what the time budget has cut short, or left out."""
    text = f"the time budget of {result.budget:g} s ended the training"
    left = f"; left out: {'; '.join(result.not_begun)}" if result.not_begun else ""
    yield f"{text}{left}\n"


def _member_lines(result: "FoldsResult") -> list[str]:
    """Return the table of members: their weights, epochs and own first metric."""
    first = next(iter(result.members[0].out_of_fold))
    rows = [
        [
            member.name,
            rounded(member.weight, 2),
            f"{member.best_epoch} of {member.epochs}",
            score_text(member.out_of_fold[first], bounded=math.isfinite(metric_range(first)[1])),
        ]
        for member in result.members
        if result.rounds == 1 or member.weight
    ]
    label = metric_label(first, result.positive)
    return table(["member", "weight", "kept epoch", f"{label}, out of fold"], rows, numbers=True)
