"""The report of `bpnet trace`: its explanation as lines of text."""

from collections.abc import Iterator

from bpnet.messages import visible
from bpnet.reports.notation import Notation
from bpnet.reports.outline import Heading, Line
from bpnet.reports.tables import table
from bpnet.tracing.expressions import Quantity
from bpnet.tracing.structure import Entry, Number, Remark, Section, Summary
from bpnet.workflows.trace import Trace

_MOST = 1000
"""The length up to which a line of a trace is written."""


def trace_lines(name: str, traced: Trace, digits: int) -> Iterator[Line]:
    """Yield the lines of every step, with numbers to `digits` significant digits.

    `name` is what the user called the config or run. Headings of level 1 are steps, those of
    level 2 parts of a step, those of level 3 layers.
    """
    notation = Notation(digits)
    yield Heading(1, title(name, traced))
    yield from (f"note: {note}" for note in traced.notes)
    explanation = traced.explanation
    for section in explanation.rows:
        yield from _section_lines(section, notation)
    for step in explanation.steps:
        yield Heading(1, f"Step {step.number}")
        for section in step.sections:
            yield from _section_lines(section, notation)
    if len(explanation.steps) > 1:
        yield Heading(1, f"All {len(explanation.steps)} steps")
        yield from summary_table(explanation.summary, notation)


def title(name: str, traced: Trace) -> str:
    """Return the heading of a trace: its config or run, and the rows."""
    rows = ", ".join(map(str, traced.rows))
    return f"{name}: {'row' if len(traced.rows) == 1 else 'rows'} {rows}"


def _section_lines(section: Section, notation: Notation) -> Iterator[Line]:
    yield Heading(section.level, section.title)
    for prefix, entry in prefixed_entries(section):
        text = entry.text if isinstance(entry, Remark) else equation_line(entry, notation)
        yield f"{prefix}{text}"


def prefixed_entries(section: Section) -> Iterator[tuple[str, Entry]]:
    """Yield the entries, each with what its line begins with: a label, or blanks under one."""
    label = ""
    for entry in section.entries:
        if isinstance(entry, Remark):
            yield "", Remark(one_line(entry.text))
            label = ""
        else:
            same = entry.label and entry.label == label
            yield "    " if same else _prefix(entry.label), entry
            label = entry.label


def one_line(text: str) -> str:
    """Return text of a table on one line, without control characters, and cut if very long."""
    line = visible(" ".join(text.split()))
    return line if len(line) < _MOST else f"{line[: _MOST - 1]}…"


def _prefix(label: str) -> str:
    label = one_line(label)
    return "" if not label else f"{label} " if label.endswith("->") else f"{label}: "


def equation_line(number: Number, notation: Notation) -> str:
    """Return `z = 0.2·0.35 + 0.2·0.7 = 0.21`, without what would be said twice."""
    parts = [notation.base(number.symbol)]
    value = notation.number(number.value)
    if number.equation is not None:
        numbers = notation.numbers(number.equation)
        if numbers != value:
            parts.append(numbers)
        elif isinstance(number.equation, Quantity) and not number.equation.symbol.is_name:
            parts.append(notation.base(number.equation.symbol))  # what it is equal to
    return " = ".join([*parts, value])


def summary_table(summary: Summary, notation: Notation) -> list[str]:
    """Return the table of all steps as lines."""
    rows = [[notation.number(value) for value in row] for row in summary.rows]
    return table(list(summary.columns), rows, numbers=True)
