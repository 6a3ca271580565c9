"""The Sobol sequence: points that fill a cube evenly, however many there are.

A coordinate is the sum in GF(2) of direction numbers, one for each binary digit of the point's
number; they follow from a primitive polynomial (Sobol 1967; Bratley and Fox 1988). The first of
them, which may be any, and a shift of all points are drawn. SciPy has it, too, but takes half a
second to import.
"""

from collections.abc import Iterator
from itertools import count, islice

import numpy as np

_DIGITS = 30


class SobolSequence:
    """A sequence of points in [0, 1), each of which can be had by its number, from 0."""

    def __init__(self, dimensions: int, rng: np.random.Generator) -> None:
        polynomials = islice(_polynomials(), dimensions)
        self._axes = [
            (_directions(polynomial, rng), int(rng.integers(1 << _DIGITS)))
            for polynomial in polynomials
        ]

    def point(self, number: int) -> list[float]:
        """Return a coordinate for each dimension."""
        code = number ^ (number >> 1)  # Gray code: of two neighbours one digit differs
        digits = [k for k in range(code.bit_length()) if code >> k & 1]
        point = []
        for directions, x in self._axes:
            for k in digits:
                x ^= directions[k]
            point.append(x / (1 << _DIGITS))
        return point


def _directions(polynomial: int, rng: np.random.Generator) -> list[int]:
    """Return the direction numbers of a coordinate."""
    degree = polynomial.bit_length() - 1
    # m_k is odd and less than 2^k, counted from 1
    m = [2 * int(rng.integers(1 << k)) + 1 for k in range(max(degree, 1))]
    for k in range(len(m), _DIGITS):
        following = m[k - degree] if degree else 0
        for j in range(1, degree + 1):
            if polynomial >> (degree - j) & 1:
                following ^= m[k - j] << j
        m.append(following if degree else 1)
    return [one << (_DIGITS - 1 - k) for k, one in enumerate(m)]


def _polynomials() -> Iterator[int]:
    """Yield 1, and the primitive polynomials over GF(2), as the bits of their coefficients."""
    yield 1
    for polynomial in count(3, 2):
        degree = polynomial.bit_length() - 1
        if _order_of_x(polynomial, degree) == (1 << degree) - 1:
            yield polynomial


def _order_of_x(polynomial: int, degree: int) -> int:
    """Return the smallest k > 0 with x^k = 1 modulo a polynomial with a constant term."""
    power = 1
    for k in count(1):
        power <<= 1
        if power >> degree:
            power ^= polynomial
        if power == 1:
            return k
    raise AssertionError
