"""Notations: an expression of a trace written with its symbols or its numbers.

As text, which a reader may compute again with any calculator; as LaTeX; and in words.
"""

import math
import re
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

_SUM, _NEGATIVE, _PRODUCT, _POWER, _ATOM = range(5)
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
        return self._write(expression, self.symbol, _SUM)

    def numbers(self, expression: Expression) -> str:
        """Return an expression with the number of each quantity."""
        return self._write(expression, None, _SUM)

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
                return text, _NEGATIVE if number < 0 else _ATOM
            case Quantity(symbol, number):
                if name is not None:
                    return name(symbol), _ATOM
                return self.number(number), _NEGATIVE if number < 0 else _ATOM
            case Rest(number, count):
                words = f"{count} smaller {'term' if count == 1 else 'terms'}"
                inner = f"{self.number(number)}{self.of_terms}{words}"
                return self._rest(inner), _ATOM
            case Sum(terms):
                return self._sum(terms, name), _SUM
            case Negative(of):
                return f"-{self._write(of, name, _PRODUCT)}", _NEGATIVE
            case Product(factors):
                return self._product(factors, name), _PRODUCT
            case Quotient(over, under):
                return self._quotient(over, under, name)
            case Power(base, exponent):
                return self._power(base, exponent, name), _POWER
            case Call(function, arguments):
                written = [self._write(argument, name, _SUM) for argument in arguments]
                return self._call(function, written), _ATOM
            case Holds(left, relation, right):
                sides = self._write(left, name, _SUM), self._write(right, name, _SUM)
                return self._holds(sides[0], relation, sides[1]), _ATOM
        raise TypeError(f"{type(expression).__name__} has no notation")

    def _sum(self, terms: Sequence[Expression], name: Callable[[Symbol], str] | None) -> str:
        text = ""
        for k, term in enumerate(terms):
            if isinstance(term, Negative) and k:
                text += self.minus + self._write(term.of, name, _PRODUCT)
            elif k:
                text += self.plus + self._write(term, name, _PRODUCT)
            else:
                text += self._write(term, name, _NEGATIVE)
        return text

    def _product(self, factors: Sequence[Expression], name: Callable[[Symbol], str] | None) -> str:
        written = []
        for k, factor in enumerate(factors):
            level = _POWER if k or not isinstance(factor, Quotient) else _PRODUCT
            written.append(self._write(factor, name, level))
        return self.times.join(written)

    def _quotient(
        self, over: Expression, under: Expression, name: Callable[[Symbol], str] | None
    ) -> tuple[str, int]:
        return f"{self._write(over, name, _PRODUCT)}/{self._write(under, name, _POWER)}", _PRODUCT

    def _power(
        self, base: Expression, exponent: Expression, name: Callable[[Symbol], str] | None
    ) -> str:
        written = self._write(base, name, _ATOM)
        if isinstance(exponent, Constant) and exponent.number in (2, 3):
            return written + ("²" if exponent.number == 2 else "³")
        return f"{written}^{self._write(exponent, name, _ATOM)}"

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


class Latex(Notation):
    """LaTeX for mathematical mode, with amsmath."""

    times = r" \cdot "
    of_terms = r"\ \text{from}\ "

    def symbol(self, symbol: Symbol) -> str:
        """Return a symbol with its layer and indices."""
        if symbol.is_name:
            return rf"\text{{{latex_text(shortened_name(symbol.base))}}}"
        layer = "" if symbol.layer is None else f"^{{({symbol.layer})}}"
        index = ",".join(map(str, symbol.index))
        if symbol.row is not None:
            index += f";{symbol.row}"
        return latex_symbol(symbol.base, layer + (f"_{{{index}}}" if index else ""))

    def base(self, symbol: Symbol) -> str:
        """Return a symbol without its layer and indices."""
        if symbol.is_name:
            return self.symbol(symbol)
        return latex_symbol(symbol.base)

    def _number_text(self, text: str) -> str:
        mantissa, _, exponent = text.partition("e")
        return rf"{mantissa} \times 10^{{{int(exponent)}}}" if exponent else text

    def _quotient(
        self, over: Expression, under: Expression, name: Callable[[Symbol], str] | None
    ) -> tuple[str, int]:
        upper, lower = self._write(over, name, _SUM), self._write(under, name, _SUM)
        return rf"\frac{{{upper}}}{{{lower}}}", _POWER

    def _power(
        self, base: Expression, exponent: Expression, name: Callable[[Symbol], str] | None
    ) -> str:
        written = self._write(base, name, _ATOM)
        if re.search(r"\\times|\\frac|[_^]", written) and not written.startswith(r"\left"):
            symbol = name is not None and r"\frac" not in written
            written = f"{{{written}}}" if symbol else self._brackets(written)
        return f"{written}^{{{self._write(exponent, name, _SUM)}}}"

    def _brackets(self, text: str) -> str:
        return rf"\left({text}\right)"

    def _rest(self, text: str) -> str:
        value, _, words = text.partition(self.of_terms)
        return rf"\left({value}{self.of_terms}\text{{{words}}}\right)"

    def _sign(self, sign: str) -> str:
        return latex_symbol(sign)

    def _call(self, function: str, arguments: Sequence[str]) -> str:
        inner = ", ".join(arguments)
        if function == "sqrt":
            return rf"\sqrt{{{inner}}}"
        if function == "abs":
            return rf"\left|{inner}\right|"
        if function == "floor":
            return rf"\left\lfloor {inner} \right\rfloor"
        named = _LATEX_FUNCTIONS.get(function, rf"\operatorname{{{function}}}")
        return rf"{named}\left({inner}\right)"

    def _holds(self, left: str, relation: str, right: str) -> str:
        sign = {"≤": r"\le"}.get(relation, relation)
        return rf"\left[{left} {sign} {right}\right]"


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
        upper, lower = self._write(over, name, _PRODUCT), self._write(under, name, _POWER)
        return f"{upper} divided by {lower}", _PRODUCT

    def _power(
        self, base: Expression, exponent: Expression, name: Callable[[Symbol], str] | None
    ) -> str:
        written = self._write(base, name, _ATOM)
        if isinstance(exponent, Constant) and exponent.number in (2, 3):
            return f"{written} {'squared' if exponent.number == 2 else 'cubed'}"
        return f"{written} to the power of {self._write(exponent, name, _ATOM)}"

    def _call(self, function: str, arguments: Sequence[str]) -> str:
        return f"{_spoken(function)} ({', '.join(arguments)})"

    def _holds(self, left: str, relation: str, right: str) -> str:
        return f"[1 if {left} is {_RELATIONS[relation]} {right}, else 0]"


def _spoken(function: str) -> str:
    """Return a function in words."""
    return _SPOKEN.get(function, f"the {function} of")


_LATEX_FUNCTIONS: Mapping[str, str] = {
    "tanh": r"\tanh",
    "exp": r"\exp",
    "log": r"\log",
    "log2": r"\log_{2}",
    "cos": r"\cos",
    "sin": r"\sin",
    "max": r"\max",
    "min": r"\min",
    "Φ⁻¹": r"\Phi^{-1}",
}
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
_LATEX_SYMBOLS: Mapping[str, str] = {
    "delta": r"\delta",
    "η": r"\eta",
    "γ": r"\gamma",
    "β": r"\beta",
    "ε": r"\varepsilon",
    "μ": r"\mu",
    "Π": r"\Pi",
    "Δ": r"\Delta",
    "π": r"\pi",
    "m̂": r"\hat{m}",
    "v̂": r"\hat{v}",
    "|g|": r"\left|g\right|",
    "|u|": r"\left|u\right|",
    "ΔL": r"\Delta L",
    "t - y": r"e",
    "g·g_before": r"s",
}


def latex_symbol(base: str, place: str = "") -> str:
    """Return the base of a symbol in LaTeX, with its layer and indices where they belong.

    Those of a derivative are of what it is by, those of a function's value of its argument.
    """
    if base not in _LATEX_SYMBOLS:
        if derivative := re.fullmatch(r"dL/d(.+)", base):
            return rf"\frac{{\partial L}}{{\partial {latex_symbol(derivative[1], place)}}}"
        if value := re.fullmatch(r"(f'?)\((.)\)", base):
            return rf"{value[1]}\left({latex_symbol(value[2], place)}\right)"
    symbol = _latex_base(base)
    return f"{symbol if _is_bare(symbol) or not place else f'{{{symbol}}}'}{place}"


def _is_bare(symbol: str) -> bool:
    """Return whether a symbol in LaTeX takes an index without braces around it."""
    return re.fullmatch(r"\\?[A-Za-z]+", symbol) is not None


def _latex_base(base: str) -> str:
    if base in _LATEX_SYMBOLS:
        return _LATEX_SYMBOLS[base]
    if base.endswith("'"):
        bare = base.rstrip("'")
        return latex_symbol(bare) + "'" * (len(base) - len(bare))
    if average := re.fullmatch(r"mean\((.+)\)", base):
        inner = average[1].replace("·", r" \cdot ")
        return rf"\operatorname{{mean}}\left({inner}\right)"
    name, _, index = base.partition("_")
    if index:
        return rf"{latex_symbol(name)}_{{\text{{{latex_text(index)}}}}}"
    if numbered := re.fullmatch(r"([A-Za-z])(\d+)", base):
        return f"{numbered[1]}_{{{numbered[2]}}}"
    return base if len(base) == 1 else rf"\text{{{latex_text(base)}}}"


def latex_text(text: str) -> str:
    """Return any text for LaTeX; characters beyond it are named by their code."""
    special = {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
        **{mark: rf"\textsuperscript{{{k}}}" for mark, k in zip("²³", "23", strict=True)},
        "½": "1/2",
        "·": r"$\cdot$",
        "η": r"$\eta$",
        "Σ": r"$\Sigma$",
    }
    return "".join(
        special.get(mark)
        or (
            mark if mark.isascii() or (ord(mark) < 256 and mark.isalpha()) else f"U+{ord(mark):04X}"
        )
        for mark in " ".join(text.split())
        if mark.isprintable()
    )


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
