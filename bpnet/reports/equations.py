"""Equations with their numbers put in, long sums cut to their largest terms."""

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.losses import AnyLoss, BinaryCrossEntropy, CrossEntropy, Quantile, SquaredError

MAX_TERMS = 8
"""The number of terms of a sum that are written out."""


class Equations:
    """Writes numbers, products and sums with a given number of significant digits."""

    def __init__(self, digits: int) -> None:
        self._digits = digits

    def number(self, value: float) -> str:
        """Return a number."""
        return f"{float(value):.{self._digits}g}"

    def factor(self, value: float) -> str:
        """Return a number in a product, in brackets if it is negative."""
        return f"({self.number(value)})" if value < 0 else self.number(value)

    def product(self, left: float, right: float) -> str:
        """Return left·right."""
        return f"{self.factor(left)}·{self.factor(right)}"

    def sum_of_products(self, left: Array, right: Array) -> str:
        """Return Σ left_i·right_i: the largest terms, and the others as their sum."""
        products = left * right
        shown, others = largest(np.abs(products), MAX_TERMS)
        text = " + ".join(self.product(left[i], right[i]) for i in shown)
        if others:
            rest = np.delete(products, shown).sum()
            text += f" + ({self.number(rest)} from {others} smaller terms)"
        return text


def largest(sizes: Array, most: int) -> tuple[list[int], int]:
    """Return the indices of the `most` largest entries, ascending, and the number of others."""
    if len(sizes) <= most:
        return list(range(len(sizes))), 0
    chosen = np.sort(np.argsort(-sizes, kind="stable")[:most])
    return [int(i) for i in chosen], len(sizes) - most


def loss_equation(loss: AnyLoss) -> str:
    """Return the loss as an equation over a row's outputs, and how the rows are combined."""
    rows = f"{loss.rows} over the rows"
    if isinstance(loss, CrossEntropy):
        return f"-Σ t log p, {rows}"
    if isinstance(loss, BinaryCrossEntropy):
        return f"-Σ (t log p + (1 - t) log (1 - p)), {rows}"
    if isinstance(loss, Quantile):
        q = f"{loss.quantile:g}"
        sides = f"{q} (t - y) where y < t, else (1 - {q}) (y - t)"
        return f"{sides}, {loss.outputs} over the outputs, {rows}"
    element = {
        "squared_error": "(y - t)²",
        "absolute_error": "|y - t|",
        "huber": "huber(y - t)",
    }[loss.kind]
    half = "½ " if isinstance(loss, SquaredError) and loss.half else ""
    return f"{half}{element}, {loss.outputs} over the outputs, {rows}"
