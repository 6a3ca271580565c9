"""The report of `bpnet trace --bug`: where a number goes wrong, and what follows from it."""

from collections.abc import Iterator
from itertools import groupby

from bpnet.reports.notation import Notation
from bpnet.reports.outline import Heading, Line
from bpnet.reports.tables import shortened, table
from bpnet.reports.trace import equation_line, one_line, title
from bpnet.tracing.comparison import Difference
from bpnet.workflows.trace import BugTrace, Trace

_MOST = 40
"""The number of numbers that are shown side by side."""
_CELL_DIGITS = 8
_NAME_WIDTH = 46
"""Columns that the place of a number takes at most."""


def bug_lines(name: str, traced: Trace, digits: int) -> Iterator[Line]:
    """Yield the first wrong number with both equations, and all that differ side by side."""
    assert traced.bug is not None
    bug, notation = traced.bug, Notation(digits)
    yield Heading(1, f"{title(name, traced)}, with the bug {bug.bug.name}")
    yield f"the bug: {bug.bug.description}"
    yield from (f"note: {note}" for note in traced.notes)
    if not bug.differences:
        yield "no number of these steps differs: nothing flows back through what is wrong"
        return
    yield from _first(bug.differences[0], notation)
    yield from _side_by_side(bug, Notation(min(digits, _CELL_DIGITS)))
    yield from _losses(traced, bug, notation)


def _first(first: Difference, notation: Notation) -> Iterator[Line]:
    """Yield the number that goes wrong first."""
    yield Heading(1, "Where it goes wrong first")
    yield f"step {first.step}, {_place(first)}, {first.right.name}"
    yield f"right: {equation_line(first.right, notation)}"
    yield f"wrong: {equation_line(first.wrong, notation)}"


def _place(difference: Difference) -> str:
    layer = "" if difference.section.layer is None else f"layer {difference.section.layer}, "
    label = one_line(difference.right.label) or "all rows"
    return f"{difference.section.phase}, {layer}{label}"


def _side_by_side(bug: BugTrace, notation: Notation) -> Iterator[Line]:
    yield Heading(1, "What follows from it")
    for step, of_step in groupby(bug.differences[:_MOST], key=lambda one: one.step):
        if len(bug.steps) > 1:
            yield Heading(2, f"Step {step}")
        shown = list(of_step)
        names = [f"{_place(one)}: {notation.base(one.right.symbol)}" for one in shown]
        rows = [
            [name, notation.number(one.right.value), notation.number(one.wrong.value)]
            for name, one in zip(shortened(names, _NAME_WIDTH), shown, strict=True)
        ]
        yield from table(["", "right", "wrong"], rows, numbers=True)
    rest = len(bug.differences) - _MOST
    if rest > 0:
        yield f"({rest} more numbers that differ are left out)"


def _losses(traced: Trace, bug: BugTrace, notation: Notation) -> Iterator[Line]:
    """Yield the loss after each step, right and wrong."""
    yield Heading(1, "The loss after each step")
    rows = [
        [str(k), notation.number(right.loss_after), notation.number(wrong.loss_after)]
        for k, (right, wrong) in enumerate(zip(traced.steps, bug.steps, strict=True), start=1)
    ]
    yield from table(["step", "right", "wrong"], rows, numbers=True)
