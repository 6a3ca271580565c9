"""Expressions: the right-hand sides of a trace's equations, with a number for each symbol.

An expression knows its value, computed in float64 from the numbers in it. How it is written, with
symbols or with numbers, in text, LaTeX or words, is decided by a notation.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

MAX_TERMS = 8
"""The number of terms of a sum that are written out."""


@dataclass(frozen=True)
class Symbol:
    """A name in an equation, such as w⁽²⁾[1,3]: its base, the layer, and the indices from 1."""

    base: str
    index: tuple[int, ...] = ()
    layer: int | None = None
    row: int | None = None
    """The number of the table's row, in sums over rows."""
    is_name: bool = False
    """True if the base is a column's name, rather than a sign of mathematics."""

    @property
    def primed(self) -> "Symbol":
        """The symbol of the same after the step."""
        return replace(self, base=f"{self.base}'")


class Expression:
    """Base of all expressions."""

    @property
    def value(self) -> float:
        """The value, computed from the numbers in it."""
        raise TypeError(f"{type(self).__name__} has no value")


@dataclass(frozen=True)
class Constant(Expression):
    """A number that is part of the equation itself, such as 2, or π by its sign."""

    number: float
    sign: str | None = None

    @property
    def value(self) -> float:
        """The number."""
        return self.number


@dataclass(frozen=True)
class Quantity(Expression):
    """A symbol with its number."""

    symbol: Symbol
    number: float

    @property
    def value(self) -> float:
        """The number."""
        return self.number


@dataclass(frozen=True)
class Rest(Expression):
    """The smaller terms of a sum, which are not written out."""

    number: float
    count: int

    @property
    def value(self) -> float:
        """The sum of those terms."""
        return self.number


@dataclass(frozen=True)
class Sum(Expression):
    """Terms that are added; one that is Negative is subtracted."""

    terms: tuple[Expression, ...]

    @property
    def value(self) -> float:
        """The sum."""
        return math.fsum(term.value for term in self.terms)


@dataclass(frozen=True)
class Negative(Expression):
    """An expression with the other sign."""

    of: Expression

    @property
    def value(self) -> float:
        """The value with the other sign."""
        return -self.of.value


@dataclass(frozen=True)
class Product(Expression):
    """Factors that are multiplied."""

    factors: tuple[Expression, ...]

    @property
    def value(self) -> float:
        """The product."""
        return math.prod(factor.value for factor in self.factors)


@dataclass(frozen=True)
class Quotient(Expression):
    """One expression over another."""

    over: Expression
    under: Expression

    @property
    def value(self) -> float:
        """The quotient."""
        return self.over.value / self.under.value


@dataclass(frozen=True)
class Power(Expression):
    """A base with an exponent, either of which may be an expression."""

    base: Expression
    exponent: Expression

    @property
    def value(self) -> float:
        """The power."""
        return float(self.base.value**self.exponent.value)


@dataclass(frozen=True)
class Call(Expression):
    """A function of FUNCTIONS at its arguments."""

    function: str
    arguments: tuple[Expression, ...]

    @property
    def value(self) -> float:
        """The function's value."""
        return FUNCTIONS[self.function](*(argument.value for argument in self.arguments))


@dataclass(frozen=True)
class Holds(Expression):
    """1 where a relation (<, >, = or ≤) holds, else 0: Iverson's bracket."""

    left: Expression
    relation: str
    right: Expression

    @property
    def value(self) -> float:
        """1 or 0."""
        left, right = self.left.value, self.right.value
        holds = {"<": left < right, ">": left > right, "=": left == right, "≤": left <= right}
        return float(holds[self.relation])


def _sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def _softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def _sign(value: float) -> float:
    return float((value > 0) - (value < 0))


FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "sigmoid": _sigmoid,
    "tanh": math.tanh,
    "softplus": _softplus,
    "exp": math.exp,
    "log": math.log,
    "log2": math.log2,
    "sqrt": math.sqrt,
    "cos": math.cos,
    "sin": math.sin,
    "abs": abs,
    "sign": _sign,
    "floor": lambda value: float(math.floor(value)),
    "max": lambda *values: max(values),
    "min": lambda *values: min(values),
    "Φ⁻¹": lambda share: NormalDist().inv_cdf(share),
}
"""The functions that an equation may have, by the names that text writes."""


def parts(expression: Expression) -> Iterator[Expression]:
    """Yield the expressions of which another is directly made."""
    for value in vars(expression).values():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Expression):
                yield part


def primed(expression: Expression) -> Expression:
    """Return an expression in which every quantity of a layer is the one after the step, as w'."""
    if isinstance(expression, Quantity):
        symbol = expression.symbol
        return expression if symbol.layer is None else replace(expression, symbol=symbol.primed)
    changed: dict[str, Any] = {}
    for name, value in vars(expression).items():
        if isinstance(value, tuple):
            changed[name] = tuple(map(primed, value))
        elif isinstance(value, Expression):
            changed[name] = primed(value)
    return replace(expression, **changed) if changed else expression  # type: ignore[type-var]


ZERO, HALF, ONE, TWO = Constant(0.0), Constant(0.5), Constant(1.0), Constant(2.0)
PI = Constant(math.pi, "π")


def plus(*terms: Expression) -> Expression:
    """Return the sum, which of a single term is that term."""
    return terms[0] if len(terms) == 1 else Sum(terms)


def minus(left: Expression, right: Expression) -> Sum:
    """Return left - right."""
    return Sum((left, Negative(right)))


def times(*factors: Expression) -> Expression:
    """Return the product without factors that are the constant 1."""
    left = tuple(factor for factor in factors if factor != ONE)
    if not left:
        return ONE
    return left[0] if len(left) == 1 else Product(left)


def over(left: Expression, right: Expression) -> Expression:
    """Return left / right, which over the constant 1 is left."""
    return left if right == ONE else Quotient(left, right)


def square(base: Expression) -> Power:
    """Return the square."""
    return Power(base, TWO)


def root(of: Expression) -> Call:
    """Return the square root."""
    return Call("sqrt", (of,))


def call(function: str, *arguments: Expression) -> Call:
    """Return a function at its arguments."""
    return Call(function, arguments)


def total(terms: Iterable[Expression]) -> Expression:
    """Return the sum of the largest terms, in their order, and of the others as one number."""
    every: Sequence[Expression] = list(terms)
    if len(every) > MAX_TERMS:
        sizes = [abs(term.value) for term in every]
        chosen = set(sorted(range(len(every)), key=lambda k: -sizes[k])[:MAX_TERMS])
        rest = math.fsum(term.value for k, term in enumerate(every) if k not in chosen)
        kept = [term for k, term in enumerate(every) if k in chosen]
        every = [*kept, Rest(rest, len(sizes) - MAX_TERMS)]
    return plus(*every) if every else ZERO


def extended(summed: Expression, *terms: Expression) -> Expression:
    """Return a sum with more terms, which are never left out."""
    before = summed.terms if isinstance(summed, Sum) else (summed,)
    return plus(*before, *terms)


def mean(terms: Sequence[Expression]) -> Expression:
    """Return the mean of terms."""
    return over(total(terms), Constant(float(len(terms))))
