"""The report of `bpnet trace`: its explanation as lines of text, as words, as LaTeX and as data."""

from collections.abc import Iterator
from typing import Any

from bpnet.messages import visible
from bpnet.reports.notation import Latex, Notation, Words, latex_text, shortened_name
from bpnet.reports.outline import Heading, Line
from bpnet.reports.tables import table
from bpnet.tracing.expressions import Quantity
from bpnet.tracing.structure import Entry, Number, Remark, Section, Summary
from bpnet.workflows.trace import BugTrace, Trace

_MOST = 1000
"""The length up to which a line of a trace is written."""


def trace_lines(name: str, traced: Trace, digits: int) -> Iterator[Line]:
    """Yield the lines of every step, with numbers to `digits` significant digits.

    `name` is what the user called the config or run. Headings of level 1 are steps, those of
    level 2 parts of a step, those of level 3 layers.
    """
    yield from _lines(name, traced, Notation(digits))


def _lines(name: str, traced: Trace, notation: Notation) -> Iterator[Line]:
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


# words


def words_lines(name: str, traced: Trace, digits: int) -> Iterator[Line]:
    """Yield every number as a sentence."""
    notation = Words(digits)
    yield Heading(1, title(name, traced))
    yield from (f"Note: {note}." for note in traced.notes)
    explanation, told = traced.explanation, set[str]()
    for section in explanation.rows:
        yield from _section_words(section, notation, told)
    for step in explanation.steps:
        yield Heading(1, f"Step {step.number}")
        for section in step.sections:
            yield from _section_words(section, notation, told)
    if len(explanation.steps) > 1:
        yield Heading(1, f"All {len(explanation.steps)} steps")
        yield from summary_table(explanation.summary, notation)


def _section_words(section: Section, notation: Words, told: set[str]) -> Iterator[Line]:
    yield Heading(section.level, section.title)
    for entry in section.entries:
        if isinstance(entry, Remark):
            continue
        yield sentence(
            entry, notation, _MEANINGS.get(entry.name) if entry.name not in told else None
        )
        told.add(entry.name)


def sentence(number: Number, notation: Words, meaning: str | None) -> str:
    """Return a number as a sentence, with what it means where that is given."""
    label = one_line(number.label.removesuffix(" ->"))
    place = f"{label}: the" if label else "The"
    named = f"{place} {number.name}" if not number.name.startswith("input ") else f"{place} input"
    explained = f" ({meaning})" if meaning else ""
    value = notation.number(number.value)
    numbers = value if number.equation is None else notation.numbers(number.equation)
    ending = f" {value}" if numbers == value else f" {numbers}, which is {value}"
    return f"{named}{explained} is{ending}."


_MEANINGS = {
    "weighted sum": "each input times its weight, all added up",
    "activation": "what the unit hands on",
    "probability": "the output as a share of 1",
    "error": "the target less the output",
    "loss of the row": "how wrong the outputs of the row are",
    "loss": "what training lowers",
    "penalty": "the price of large weights",
    "gradient of the loss": "how much the loss grows with the output",
    "gradient by the activation": "how much the loss grows with what the unit hands on",
    "slope": "how steeply the activation rises there",
    "delta": "how much the loss grows with the weighted sum",
    "gradient": "how much the loss grows with the parameter",
    "clipped gradient": "the gradient within its bounds",
    "velocity": "the gradients so far, the latest counting most",
    "mean gradient": "the average of the gradients so far, the latest counting most",
    "mean square": "the average of their squares",
    "corrected mean gradient": "as if it had not begun at 0",
    "corrected mean square": "as if it had not begun at 0",
    "shrunk parameter": "after weight decay",
    "new parameter": "after the step",
    "normalized value": "of mean 0 and variance 1 among its like",
    "settling error": "the error on its way back among the units",
    "learning rate": "by its schedule",
}
"""What a number is, where its sentence first occurs."""


# LaTeX


def latex_document(name: str, traced: Trace, digits: int) -> str:
    """Return a LaTeX document of the whole trace."""
    notation = Latex(digits)
    lines = [
        r"\documentclass{article}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage{amsmath}",
        r"\usepackage[margin=2cm]{geometry}",
        r"\setlength{\parindent}{0pt}",
        r"\raggedright",
        r"\begin{document}",
        rf"\section*{{{latex_text(title(name, traced))}}}",
    ]
    lines += [rf"Note: {latex_text(note)}.\par" for note in traced.notes]
    explanation = traced.explanation
    for section in explanation.rows:
        lines += _latex_section(section, notation)
    for step in explanation.steps:
        lines.append(rf"\section*{{Step {step.number}}}")
        for section in step.sections:
            lines += _latex_section(section, notation)
    if len(explanation.steps) > 1:
        lines += _latex_summary(explanation.summary, notation)
    return "\n".join([*lines, r"\end{document}"])


def _latex_section(section: Section, notation: Latex) -> Iterator[str]:
    heading = "subsection" if section.level == 2 else "subsubsection"
    yield rf"\{heading}*{{{latex_text(_ascii(section.title))}}}"
    for entry in section.entries:
        if isinstance(entry, Number):
            label = latex_text(shortened_name(entry.label.removesuffix(" ->")))
            yield rf"{label + ': ' if label else ''}${latex_equation(entry, notation)}$\par"


def latex_equation(number: Number, notation: Latex) -> str:
    """Return the symbol, its equation with symbols and with numbers, and the value."""
    parts, value = [notation.symbol(number.symbol)], notation.number(number.value)
    if number.equation is not None:
        symbols, numbers = notation.symbols(number.equation), notation.numbers(number.equation)
        parts += [text for text in (symbols, numbers) if text != value]
        if symbols == numbers:  # an equation of constants
            parts = [parts[0], *([symbols] if symbols != value else [])]
    return " = ".join([*parts, value])


def _latex_summary(summary: Summary, notation: Latex) -> Iterator[str]:
    yield r"\section*{All steps}"
    yield rf"\begin{{tabular}}{{{'r' * len(summary.columns)}}}"
    yield " & ".join(latex_text(_ascii(column)) for column in summary.columns) + r" \\ \hline"
    for row in summary.rows:
        yield " & ".join(f"${notation.number(value)}$" for value in row) + r" \\"
    yield r"\end{tabular}"


def _ascii(text: str) -> str:
    """Return a heading's signs in words that any font has."""
    for sign, words in (("η", "rate"), ("½", "1/2"), ("²", "^2"), ("Σ", "sum"), ("·", "*")):
        text = text.replace(sign, words)
    return text


# data


def trace_data(name: str, traced: Trace) -> dict[str, Any]:
    """Return the trace as plain data: the numbers, and each with its equation."""
    notation, explanation = Notation(), traced.explanation
    data = traced.as_data()
    for step, explained in zip(data["steps"], explanation.steps, strict=True):
        step["sections"] = [section_data(section, notation) for section in explained.sections]
    summary = [
        dict(zip(explanation.summary.columns, row, strict=True)) for row in explanation.summary.rows
    ]
    return {
        "subject": name,
        **data,
        "encoding": [section_data(section, notation) for section in explanation.rows],
        "summary": summary,
        "bug": None if traced.bug is None else bug_data(traced.bug, notation),
    }


def bug_data(traced: BugTrace, notation: Notation) -> dict[str, Any]:
    """Return the numbers that a bug makes differ, the first of them first."""
    return {
        "name": traced.bug.name,
        "description": traced.bug.description,
        "differences": [
            {
                "step": difference.step,
                "phase": difference.section.phase,
                "layer": difference.section.layer,
                "right": number_data(difference.right, notation),
                "wrong": number_data(difference.wrong, notation),
            }
            for difference in traced.differences
        ],
        "losses": [step.loss_after for step in traced.steps],
    }


def section_data(section: Section, notation: Notation) -> dict[str, Any]:
    """Return a section as plain data."""
    return {
        "phase": section.phase,
        "title": section.title,
        "layer": section.layer,
        "entries": [
            {"text": entry.text} if isinstance(entry, Remark) else number_data(entry, notation)
            for entry in section.entries
        ],
    }


def number_data(number: Number, notation: Notation) -> dict[str, Any]:
    """Return a number as plain data: its equation with symbols, with numbers, and its value."""
    place, equation = number.place, number.equation
    return {
        "name": number.name,
        "label": number.label,
        "symbol": notation.symbol(number.symbol),
        "symbols": None if equation is None else notation.symbols(equation),
        "numbers": None if equation is None else notation.numbers(equation),
        "value": number.value,
        "row": place.row,
        "unit": place.unit,
        "parameter": place.parameter,
        "index": None if place.index is None else list(place.index),
        "iteration": place.step,
    }
