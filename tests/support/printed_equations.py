"""A calculator for printed equations: text, LaTeX and words in, the number out.

It shares nothing with bpnet: it reads what is printed, as a reader would, and computes it with
Python's own arithmetic over the syntax tree, in which only the functions below may occur.
"""

import ast
import math
import operator
import re
from statistics import NormalDist

FUNCTIONS = {
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)) if z > -700 else 0.0,
    "tanh": math.tanh,
    "softplus": lambda z: max(z, 0) + math.log1p(math.exp(-abs(z))),
    "exp": math.exp,
    "log": math.log,
    "log2": math.log2,
    "sqrt": math.sqrt,
    "cos": math.cos,
    "sin": math.sin,
    "abs": abs,
    "sign": lambda value: (value > 0) - (value < 0),
    "floor": math.floor,
    "max": max,
    "min": min,
    "quantile": NormalDist().inv_cdf,
}
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.Lt: operator.lt,
    ast.Gt: operator.gt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
}


def computed(text: str) -> float:
    """Return the value of an equation's right-hand side in text."""
    text = re.sub(r" from \d+ smaller terms?", "", text)
    for sign, written in (
        ("·", "*"), ("²", "**2"), ("³", "**3"), ("^", "**"), ("√", "sqrt"), ("π", "pi"),
        ("Φ⁻¹", "quantile"), ("≤", "<="), (" = ", " == "),
    ):  # fmt: skip
        text = text.replace(sign, written)
    return float(_value(ast.parse(text, mode="eval").body))


def computed_latex(text: str) -> float:
    """Return the value of an equation's right-hand side in LaTeX."""
    text = re.sub(r"\\ \\text\{from\}\\ \\text\{\d+ smaller terms?\}", "", text)
    text = re.sub(r" \\times 10\^\{(-?\d+)\}", r"e\1", text)
    text = text.replace(r"\left\lfloor", "floor(").replace(r"\right\rfloor", ")")
    text = re.sub(r"\\left\|", "abs(", text)
    text = re.sub(r"\\right\|", ")", text)
    text = text.replace(r"\log_{2}", "log2").replace(r"\Phi^{-1}", "quantile")
    text = text.replace(r"\left", "").replace(r"\right", "").replace(r"\cdot", "*")
    text = text.replace(r"\pi", "pi").replace(r"\le ", "<= ").replace(" = ", " == ")
    text = re.sub(r"\\operatorname\{(\w+)\}", r"\1", text)
    text = re.sub(r"\\(tanh|exp|log2|log|cos|sin|max|min)\b", r"\1", text)
    while r"\frac" in text or r"\sqrt" in text or "^{" in text:
        text = _without_groups(text)
    assert "\\" not in text, text
    return float(_value(ast.parse(text.replace("{", "(").replace("}", ")"), mode="eval").body))


def _without_groups(text: str) -> str:
    start = min(at for at in (text.find(mark) for mark in (r"\frac", r"\sqrt", "^{")) if at >= 0)
    if text.startswith(r"\frac", start):
        upper, after = _group(text, start + 5)
        lower, after = _group(text, after)
        return f"{text[:start]}(({upper})/({lower})){text[after:]}"
    if text.startswith(r"\sqrt", start):
        inner, after = _group(text, start + 5)
        return f"{text[:start]}sqrt({inner}){text[after:]}"
    inner, after = _group(text, start + 1)
    return f"{text[:start]}**({inner}){text[after:]}"


def _group(text: str, start: int) -> tuple[str, int]:
    assert text[start] == "{", text[start:]
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return text[start + 1 : at], at + 1
    raise AssertionError(f"unbalanced: {text}")


def computed_words(text: str) -> float:
    """Return the value of a sentence's computation in words."""
    # a function of one number, which is all there is, has no brackets
    text = re.sub(
        r"^([a-z ]+(?:base 2 )?(?:of|power of)) (-?[\d.]+(?:e[+-]?\d+)?)$", r"\1 (\2)", text
    )
    for words, sign in (
        ("the square root of", "sqrt"), ("e to the power of", "exp"),
        ("the natural logarithm of", "log"), ("the logarithm to base 2 of", "log2"),
        ("the cosine of", "cos"), ("the sine of", "sin"), ("the size of", "abs"),
        ("the whole part of", "floor"), ("the largest of", "max"), ("the smallest of", "min"),
        ("the normal quantile of", "quantile"), (" to the power of ", "**"),
        (" squared", "**2"), (" cubed", "**3"), (" divided by ", "/"), (" times ", "*"),
        (" plus ", " + "), (" minus ", " - "), (" is less than ", " < "),
        (" is greater than ", " > "), (" is equal to ", " == "), (" is at most ", " <= "),
    ):  # fmt: skip
        text = text.replace(words, sign)
    text = re.sub(r"the (\w+) of \(", r"\1(", text)
    text = re.sub(r"\[1 if (.*?), else 0\]", r"[\1]", text)
    return computed(text)


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value) if isinstance(value, int | float):
            return value
        case ast.Name("pi"):
            return math.pi
        case ast.Name("inf"):
            return math.inf
        case ast.BinOp(left, operation, right):
            return OPERATORS[type(operation)](_value(left), _value(right))
        case ast.UnaryOp(operation, operand):
            return OPERATORS[type(operation)](_value(operand))
        case ast.Call(ast.Name(name), arguments):
            return FUNCTIONS[name](*(_value(argument) for argument in arguments))
        case ast.List([ast.Compare(left, [relation], [right])]):
            return float(OPERATORS[type(relation)](_value(left), _value(right)))
    raise AssertionError(f"not arithmetic: {ast.dump(node)}")
