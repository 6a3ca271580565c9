"""Notations: an expression of a trace written with its symbols or its numbers.

As text, which a reader may compute again with any calculator, and in words.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from bpnet.tracing.expressions import (
    Call,
    Constant,
    Expression,
    Holds,
    Negative,
    Power,
    Product,
    Quantity,
    Quotient,
    Rest,
    Sum,
    Symbol,
)

SUM, NEGATIVE, PRODUCT, POWER, ATOM = range(5)
"""How tightly an expression is bound, from the loosest."""
_LONG = 8
"""The length up to which a constant is written in full, however few digits are asked for."""
_NAME = 40
"""The length up to which a column's name is written."""
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Notation:
    """Text: `z⁽¹⁾[1] = w⁽¹⁾[1,1]·x[1]` with symbols, `0.2·0.35` with numbers."""

    times, plus, minus = "·", " + ", " - "
    of_terms = " from "

    def __init__(self, digits: int = 17) -> None:
        self._digits = digits

    # what is written

    def symbols(self, expression: Expression) -> str:
        """Return an expression with a symbol for each quantity."""
        return self._write(expression, self.symbol, SUM)

    def numbers(self, expression: Expression) -> str:
        """Return an expression with the number of each quantity."""
        return self._write(expression, None, SUM)

    def number(self, value: float) -> str:
        """Return a number to the digits that are asked for; 17 or more are all it has."""
        return self._number_text(plain_number(value, self._digits))

    def constant(self, value: float) -> str:
        """Return a number of the equation itself, in full if that is short."""
        full = plain_number(value, 17)
        return self._number_text(full) if len(full) <= _LONG else self.number(value)

    def symbol(self, symbol: Symbol) -> str:
        """Return a symbol with its layer and indices."""
        base = self.base(symbol)
        layer = "" if symbol.layer is None else f"⁽{symbol.layer}⁾".translate(_SUPERSCRIPTS)
        index = ",".join(map(str, symbol.index))
        if symbol.row is not None:
            index += f";{symbol.row}"
        if index and " " in base and not symbol.is_name:  # a difference, such as t - y
            base = f"({base})"
        return f"{base}{layer}" + (f"[{index}]" if index else "")

    def base(self, symbol: Symbol) -> str:
        """Return a symbol without its layer and indices, where a label says them."""
        return shortened_name(symbol.base) if symbol.is_name else symbol.base

    # how it is composed

    def _number_text(self, text: str) -> str:
        return text

    def _write(
        self, expression: Expression, name: Callable[[Symbol], str] | None, level: int
    ) -> str:
        """Return an expression, in brackets if it is bound more loosely than `level`."""
        text, bound = self._bound(expression, name)
        return self._brackets(text) if bound < level else text

    def _bound(
        self, expression: Expression, name: Callable[[Symbol], str] | None
    ) -> tuple[str, int]:
        """Return the text of an expression, and how tightly it is bound."""
        match expression:
            case Constant(number, sign):
                text = self._sign(sign) if sign else self.constant(number)
                return text, NEGATIVE if number < 0 else ATOM
            case Quantity(symbol, number):
                if name is not None:
                    return name(symbol), ATOM
                return self.number(number), NEGATIVE if number < 0 else ATOM
            case Rest(number, count):
                words = f"{count} smaller {'term' if count == 1 else 'terms'}"
                inner = f"{self.number(number)}{self.of_terms}{words}"
                return self._rest(inner), ATOM
            case Sum(terms):
                return self._sum(terms, name), SUM
            case Negative(of):
                return f"-{self._write(of, name, PRODUCT)}", NEGATIVE
            case Product(factors):
                return self._product(factors, name), PRODUCT
            case Quotient(over, under):
                return self._quotient(over, under, name)
            case Power(base, exponent):
                return self._power(base, exponent, name), POWER
            case Call(function, arguments):
                written = [self._write(argument, name, SUM) for argument in arguments]
                return self._call(function, written), ATOM
            case Holds(left, relation, right):
                sides = self._write(left, name, SUM), self._write(right, name, SUM)
                return self._holds(sides[0], relation, sides[1]), ATOM
        raise TypeError(f"{type(expression).__name__} has no notation")

    def _sum(self, terms: Sequence[Expression], name: Callable[[Symbol], str] | None) -> str:
        text = ""
        for k, term in enumerate(terms):
            if isinstance(term, Negative) and k:
                text += self.minus + self._write(term.of, name, PRODUCT)
            elif k:
                text += self.plus + self._write(term, name, PRODUCT)
            else:
                text += self._write(term, name, NEGATIVE)
        return text

    def _product(self, factors: Sequence[Expression], name: Callable[[Symbol], str] | None) -> str:
        written = []
        for k, factor in enumerate(factors):
            level = POWER if k or not isinstance(factor, Quotient) else PRODUCT
            written.append(self._write(factor, name, level))
        return self.times.join(written)

    def _quotient(
        self, over: Expression, under: Expression, name: Callable[[Symbol], str] | None
    ) -> tuple[str, int]:
        return f"{self._write(over, name, PRODUCT)}/{self._write(under, name, POWER)}", PRODUCT

    def _power(
        self, base: Expression, exponent: Expression, name: Callable[[Symbol], str] | None
    ) -> str:
        written = self._write(base, name, ATOM)
        if isinstance(exponent, Constant) and exponent.number in (2, 3):
            return written + ("²" if exponent.number == 2 else "³")
        return f"{written}^{self._write(exponent, name, ATOM)}"

    def _brackets(self, text: str) -> str:
        return f"({text})"

    def _rest(self, text: str) -> str:
        return f"({text})"

    def _sign(self, sign: str) -> str:
        return sign

    def _call(self, function: str, arguments: Sequence[str]) -> str:
        return f"{'√' if function == 'sqrt' else function}({', '.join(arguments)})"

    def _holds(self, left: str, relation: str, right: str) -> str:
        return f"[{left} {relation} {right}]"


class Words(Notation):
    """Words: `0.2 times 0.35 plus 0.2 times 0.7`; brackets stay brackets."""

    times, plus, minus = " times ", " plus ", " minus "

    def numbers(self, expression: Expression) -> str:
        """Return an expression with the numbers; a function of one number needs no brackets."""
        match expression:
            case Call(function, (Quantity(_, number),)):
                return f"{_spoken(function)} {self.number(number)}"
        return super().numbers(expression)

    def symbol(self, symbol: Symbol) -> str:
        """Return a symbol, its indices as numbers after it."""
        base = f"“{shortened_name(symbol.base)}”" if symbol.is_name else symbol.base
        index = " ".join(map(str, symbol.index))
        return f"{base} {index}" if index else base

    def _quotient(
        self, over: Expression, under: Expression, name: Callable[[Symbol], str] | None
    ) -> tuple[str, int]:
        upper, lower = self._write(over, name, PRODUCT), self._write(under, name, POWER)
        return f"{upper} divided by {lower}", PRODUCT

    def _power(
        self, base: Expression, exponent: Expression, name: Callable[[Symbol], str] | None
    ) -> str:
        written = self._write(base, name, ATOM)
        if isinstance(exponent, Constant) and exponent.number in (2, 3):
            return f"{written} {'squared' if exponent.number == 2 else 'cubed'}"
        return f"{written} to the power of {self._write(exponent, name, ATOM)}"

    def _call(self, function: str, arguments: Sequence[str]) -> str:
        return f"{_spoken(function)} ({', '.join(arguments)})"

    def _holds(self, left: str, relation: str, right: str) -> str:
        return f"[1 if {left} is {_RELATIONS[relation]} {right}, else 0]"


def _spoken(function: str) -> str:
    """Return a function in words."""
    return _SPOKEN.get(function, f"the {function} of")


_SPOKEN: Mapping[str, str] = {
    "sqrt": "the square root of",
    "exp": "e to the power of",
    "log": "the natural logarithm of",
    "log2": "the logarithm to base 2 of",
    "cos": "the cosine of",
    "sin": "the sine of",
    "abs": "the size of",
    "floor": "the whole part of",
    "max": "the largest of",
    "min": "the smallest of",
    "Φ⁻¹": "the normal quantile of",
}
"""The functions in words; those not named are `the … of`."""
_RELATIONS: Mapping[str, str] = {
    "<": "less than",
    ">": "greater than",
    "=": "equal to",
    "≤": "at most",
}


def plain_number(value: float, digits: int) -> str:
    """Return a number to significant digits; with 17 or more, as short as tells it from others."""
    if digits < 17 or not math.isfinite(value):
        return f"{float(value):.{digits}g}"
    text = repr(float(value))
    return text.removesuffix(".0")


def shortened_name(name: str) -> str:
    """Return a column's name on one line, cut where it is very long."""
    line = "".join(mark if mark.isprintable() else " " for mark in name)
    return line if len(line) <= _NAME else f"{line[: _NAME - 1]}…"
