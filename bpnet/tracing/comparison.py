"""Two traces of the same steps side by side: the right numbers, and those that a bug makes."""

from collections.abc import Iterator
from dataclasses import dataclass

from bpnet.tracing.structure import ExplainedStep, Explanation, Number, Section

TOLERANCE = 1e-9
"""The relative difference above which two numbers are not the same."""


@dataclass(frozen=True)
class Difference:
    """One number of both traces, where they differ."""

    step: int
    section: Section
    right: Number
    wrong: Number


def differences(right: Explanation, wrong: Explanation) -> list[Difference]:
    """Return the numbers that differ, in the order in which they are computed."""
    pairs = zip(right.steps, wrong.steps, strict=True)
    return [difference for steps in pairs for difference in _of_step(*steps)]


def _of_step(right: ExplainedStep, wrong: ExplainedStep) -> Iterator[Difference]:
    others = {_key(number): number for number in wrong.numbers}
    for section in right.sections:
        for number in section.numbers:
            other = others.get(_key(number))
            if other is not None and not same(number.value, other.value):
                yield Difference(right.number, section, number, other)


def _key(number: Number) -> tuple[object, ...]:
    return number.place, number.name, number.symbol.base


def same(left: float, right: float) -> bool:
    """Return whether two numbers are the same but for rounding."""
    return abs(left - right) <= TOLERANCE * max(abs(left), abs(right))
