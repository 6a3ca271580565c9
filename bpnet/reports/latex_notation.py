"""The notation of expressions in LaTeX, for mathematical mode with amsmath."""

import re
from collections.abc import Callable, Mapping, Sequence

from bpnet.reports.notation import ATOM, POWER, SUM, Notation, shortened_name
from bpnet.tracing.expressions import Expression, Symbol

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
        upper, lower = self._write(over, name, SUM), self._write(under, name, SUM)
        return rf"\frac{{{upper}}}{{{lower}}}", POWER

    def _power(
        self, base: Expression, exponent: Expression, name: Callable[[Symbol], str] | None
    ) -> str:
        written = self._write(base, name, ATOM)
        if re.search(r"\\times|\\frac|[_^]", written) and not written.startswith(r"\left"):
            symbol = name is not None and r"\frac" not in written
            written = f"{{{written}}}" if symbol else self._brackets(written)
        return f"{written}^{{{self._write(exponent, name, SUM)}}}"

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
