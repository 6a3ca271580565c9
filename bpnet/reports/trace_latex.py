"""A trace as a LaTeX document."""

from collections.abc import Iterator

from bpnet.reports.latex_notation import Latex, latex_text
from bpnet.reports.notation import shortened_name
from bpnet.reports.trace import title
from bpnet.tracing.structure import Number, Section, Summary
from bpnet.workflows.trace import Trace


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
        rf"\title{{{latex_text(title(name, traced))}}}",
        r"\author{}",
        r"\date{}",
        r"\begin{document}",
        r"\maketitle",
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
    yield rf"\{heading}*{{{latex_text(section.title)}}}"
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
    yield " & ".join(latex_text(column) for column in summary.columns) + r" \\ \hline"
    for row in summary.rows:
        yield " & ".join(f"${notation.number(value)}$" for value in row) + r" \\"
    yield r"\end{tabular}"
