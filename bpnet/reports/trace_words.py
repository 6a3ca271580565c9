"""A trace in words: every number as a sentence."""

from collections.abc import Iterator

from bpnet.reports.notation import Words
from bpnet.reports.outline import Heading, Line
from bpnet.reports.trace import one_line, summary_table, title
from bpnet.tracing.structure import Number, Remark, Section
from bpnet.workflows.trace import Trace


def words_lines(name: str, traced: Trace, digits: int) -> Iterator[Line]:
    """Yield every number as a sentence."""
    notation = Words(digits)
    yield Heading(1, title(name, traced))
    yield from (f"Note: {note}." for note in traced.notes)
    explanation, seen = traced.explanation, set[str]()
    for section in explanation.rows:
        yield from _section_words(section, notation, seen)
    for step in explanation.steps:
        yield Heading(1, f"Step {step.number}")
        for section in step.sections:
            yield from _section_words(section, notation, seen)
    if len(explanation.steps) > 1:
        yield Heading(1, f"All {len(explanation.steps)} steps")
        yield from summary_table(explanation.summary, notation)


def _section_words(section: Section, notation: Words, seen: set[str]) -> Iterator[Line]:
    yield Heading(section.level, section.title)
    for entry in section.entries:
        if isinstance(entry, Remark):
            continue
        yield sentence(
            entry, notation, _MEANINGS.get(entry.name) if entry.name not in seen else None
        )
        seen.add(entry.name)


def sentence(number: Number, notation: Words, meaning: str | None) -> str:
    """Return a number as a sentence, with what it means where that is given."""
    label = one_line(number.label.removesuffix(" ->"))
    place = f"{label}: the" if label else "The"
    # the label has the name of an input, or of a target in a row
    name = number.name.split()[0] if number.name.startswith(("input ", "target ")) else number.name
    named = f"{place} {name}"
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
