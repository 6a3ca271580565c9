"""Functions of numbers in ONNX that have no operator: steps, lines between knots, Φ⁻¹."""

import math

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.integrations.export.graph import WHOLE, Tensor

_FEW = 64
"""Bounds that each value is compared with; among more it is searched in two rounds."""


def places(values: Tensor, bounds: Floats) -> Tensor:
    """Return the number of bounds (V,), ascending, that are no larger than each value (N, 1).

    Of many, the first of each block are compared, then those of one block.
    """
    if len(bounds) <= _FEW:
        if not len(bounds):
            return (values.apply("IsNaN", dtype=np.dtype(bool)).cast(WHOLE)) * 0
        return (values >= bounds[None]).reduce("ReduceSum")
    size = math.isqrt(len(bounds) - 1) + 1
    blocks = -(-len(bounds) // size)
    padded = np.full(blocks * size, np.nan)  # no value is as large as nan
    padded[: len(bounds)] = bounds
    rows = padded.reshape(blocks, size)
    block = (values >= rows[None, 1:, 0]).reduce("ReduceSum")  # (N, 1)
    graph = values.graph
    of_block = graph.apply("Gather", graph.constant(rows), block.squeeze(1), axis=0)  # (N, size)
    return block * size + (values >= of_block).reduce("ReduceSum")


def looked_up(table: Floats, positions: Tensor) -> Tensor:
    """Return the entries (N, 1) of a table at positions (N, 1)."""
    return positions.graph.apply(
        "Gather", positions.graph.constant(table), positions, axis=0, dtype=table.dtype
    )


def between_knots(values: Tensor, x: Floats, y: Floats) -> Tensor:
    """Return the piecewise linear function (N, 1) through knots, constant beyond the last ones."""
    if len(x) == 1:
        return values * 0 + float(y[0])
    within = values.clip(x[0], x[-1])
    k = places(within, x[1:-1])  # the knot before each value
    start, width = looked_up(x[:-1], k), looked_up(np.diff(x), k)
    share = (within - start) / width
    return looked_up(y[:-1], k) + share * looked_up(np.diff(y), k)


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.split()]


_CENTRAL = (
    _numbers(
        "3.3871328727963666080 133.14166789178437745 1971.5909503065514427 "
        "13731.693765509461125 45921.953931549871457 67265.770927008700853 "
        "33430.575583588128105 2509.0809287301226727"
    ),
    _numbers(
        "1.0 42.313330701600911252 687.18700749205790830 5394.1960214247511077 "
        "21213.794301586595867 39307.895800092710610 28729.085735721942674 "
        "5226.4952788528545610"
    ),
)
_MIDDLE = (
    _numbers(
        "1.42343711074968357734 4.63033784615654529590 5.76949722146069140550 "
        "3.64784832476320460504 1.27045825245236838258 0.241780725177450611770 "
        "0.0227238449892691845833 7.74545014278341407640e-4"
    ),
    _numbers(
        "1.0 2.05319162663775882187 1.67638483018380384940 0.689767334985100004550 "
        "0.148103976427480074590 0.0151986665636164571966 5.47593808499534494600e-4 "
        "1.05075007164441684324e-9"
    ),
)
_FAR = (
    _numbers(
        "6.65790464350110377720 5.46378491116411436990 1.78482653991729133580 "
        "0.296560571828504891230 0.0265321895265761230930 0.00124266094738807843860 "
        "2.71155556874348757815e-5 2.01033439929228813265e-7"
    ),
    _numbers(
        "1.0 0.599832206555887937690 0.136929880922735805310 0.0148753612908506148525 "
        "7.86869131145613259100e-4 1.84631831751005468180e-5 1.42151175831644588870e-7 "
        "2.04426310338993978564e-15"
    ),
)
"""Numerators and denominators of Wichura's algorithm AS 241 (1988), by rising powers."""


def normal_quantile(p: Tensor) -> Tensor:
    """Return Φ⁻¹ of probabilities within 0 and 1, to 16 digits (Wichura 1988, AS 241)."""
    q = p - 0.5
    r = 0.180625 - q * q
    central = q * _ratio(r, _CENTRAL)
    graph = p.graph
    tail = graph.where(q < 0.0, p, 1.0 - p)
    root = (-tail.apply("Log")).apply("Sqrt")
    middle, far = _ratio(root - 1.6, _MIDDLE), _ratio(root - 5.0, _FAR)
    outer = graph.where(root <= 5.0, middle, far)
    outer = graph.where(q < 0.0, -outer, outer)
    return graph.where(q.apply("Abs") <= 0.425, central, outer)


def _ratio(x: Tensor, polynomials: tuple[list[float], list[float]]) -> Tensor:
    numerator, denominator = (_polynomial(x, each) for each in polynomials)
    return numerator / denominator


def _polynomial(x: Tensor, coefficients: list[float]) -> Tensor:
    """Return Σ c_k x^k by Horner's rule."""
    total = x * coefficients[-1] + coefficients[-2]
    for coefficient in reversed(coefficients[:-2]):
        total = total * x + coefficient
    return total
