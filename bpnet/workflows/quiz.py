"""A quiz on a training step: which of its numbers are asked, and whether an answer is right."""

from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest

from bpnet.tracing.expressions import Constant, Expression, Quantity, Rest, Sum, parts
from bpnet.tracing.structure import Explanation, Number

MOST_TERMS = 6
"""Terms of a sum up to which its number is asked."""
TRIES = 3
"""Answers to a question, before it is told."""
TOLERANCE = 0.01
"""How far an answer may be from the number, relative to it: two or three digits are enough."""


class Judgment(Enum):
    """What an answer is."""

    RIGHT = "right"
    OTHER_SIGN = "the other sign"
    WRONG = "not yet"


@dataclass
class Score:
    """Points so far: 1 for the first answer, a half for a later one or one with a hint."""

    asked: int = 0
    points: float = 0.0
    right_at_once: int = 0

    def count(self, *, tries: int, hinted: bool, right: bool) -> None:
        """Count a question that is done after some tries."""
        self.asked += 1
        if right and tries == 1 and not hinted:
            self.points += 1
            self.right_at_once += 1
        elif right:
            self.points += 0.5


def judge(answer: float, value: float) -> Judgment:
    """Return whether an answer is the value, to about two digits."""
    margin = max(TOLERANCE * abs(value), 1e-9)
    if abs(answer - value) <= margin:
        return Judgment.RIGHT
    return Judgment.OTHER_SIGN if abs(answer + value) <= margin else Judgment.WRONG


def chosen_numbers(explanation: Explanation, count: int) -> list[Number]:
    """Return at most `count` numbers to ask, in their order: as many kinds of them as can be."""
    every = [
        number
        for section in (
            *explanation.rows,
            *(section for step in explanation.steps for section in step.sections),
        )
        for number in section.numbers
        if _can_be_asked(number)
    ]
    kinds: dict[str, list[int]] = {}
    for k, number in enumerate(every):
        kinds.setdefault(number.name, []).append(k)
    # the first of each kind, then the second of each, and so on
    in_turn = [k for turn in zip_longest(*kinds.values()) for k in turn if k is not None]
    if len(kinds) > count:  # spread over the step
        first = [places[0] for places in kinds.values()]
        in_turn = [first[j * len(first) // count] for j in range(count)]
    return [every[k] for k in sorted(in_turn[:count])]


def _can_be_asked(number: Number) -> bool:
    """Return whether a number takes a computation that can be done by hand."""
    if number.equation is None or isinstance(number.equation, Quantity | Constant):
        return False
    return _is_short(number.equation)


def _is_short(expression: Expression) -> bool:
    """Return whether no sum in an expression has many terms, or leaves out some."""
    if isinstance(expression, Rest):
        return False
    if isinstance(expression, Sum) and len(expression.terms) > MOST_TERMS:
        return False
    return all(map(_is_short, parts(expression)))
