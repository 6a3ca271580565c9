"""The text of `bpnet quiz`: a trace with gaps, hints, and the score."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bpnet.messages import counted
from bpnet.reports.notation import Notation
from bpnet.reports.outline import Heading, Line
from bpnet.reports.trace import equation_line, prefixed_entries
from bpnet.tracing.structure import Number, Remark, Section
from bpnet.workflows.quiz import Score
from bpnet.workflows.trace import Trace

HELP = "Type each, or:\n? for the formula, = for its numbers, s to skip, q to end."


@dataclass(frozen=True)
class Question:
    """A number that is asked, and what its line begins with."""

    number: Number
    prefix: str

    def line(self, notation: Notation) -> str:
        """Return the line with a gap: `unit 1: z = ?`."""
        return f"{self.prefix}{notation.base(self.number.symbol)} = ?"

    def formula(self, notation: Notation) -> str:
        """Return the equation with symbols."""
        assert self.number.equation is not None
        return (
            f"{self.number.name}: {notation.symbol(self.number.symbol)} = "
            f"{notation.symbols(self.number.equation)}"
        )

    def numbers(self, notation: Notation) -> str:
        """Return the equation with numbers, without its value."""
        assert self.number.equation is not None
        symbol, text = notation.base(self.number.symbol), notation.numbers(self.number.equation)
        return f"{symbol} = {text}"

    def solution(self, notation: Notation) -> str:
        """Return the line of the trace."""
        return f"{self.prefix}{equation_line(self.number, notation)}"


def quiz_script(
    traced: Trace, asked: Sequence[Number], notation: Notation
) -> Iterator[Line | Question]:
    """Yield the lines of the trace up to the last number that is asked, with the questions."""
    left = [id(number) for number in asked]
    for section in traced.explanation.rows:
        yield from _section(section, left, notation)
    for step in traced.explanation.steps:
        if not left:
            return
        yield Heading(1, f"Step {step.number}")
        for section in step.sections:
            if not left:
                return
            yield from _section(section, left, notation)


def _section(section: Section, left: list[int], notation: Notation) -> Iterator[Line | Question]:
    yield Heading(section.level, section.title)
    for prefix, entry in prefixed_entries(section):
        if isinstance(entry, Remark):
            yield f"{prefix}{entry.text}"
        elif left and id(entry) == left[0]:
            left.pop(0)
            yield Question(entry, prefix)
            if not left:
                return
        else:
            yield f"{prefix}{equation_line(entry, notation)}"


def score_line(score: Score, questions: int) -> str:
    """Return the score in words."""
    if not score.asked:
        return "No question was answered."
    rest = questions - score.asked
    left = f", {rest} not asked" if rest else ""
    return (
        f"{score.points:g} of {counted(score.asked, 'point')}: "
        f"{score.right_at_once} right at once{left}"
    )
