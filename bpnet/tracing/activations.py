"""Equations of the activations: f(z), and its derivative."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bpnet.engine.activations import (
    Activation,
    Elu,
    Gelu,
    Identity,
    LeakyRelu,
    Mish,
    Relu,
    Selu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
from bpnet.engine.bugs import DoubleDerivative
from bpnet.engine.component import Array
from bpnet.tracing.expressions import (
    ONE,
    PI,
    TWO,
    ZERO,
    Constant,
    Expression,
    Holds,
    Power,
    call,
    minus,
    over,
    plus,
    root,
    square,
    times,
    total,
)

_CUBE = Constant(0.044715)


def _selu_constants() -> tuple[Expression, Expression]:
    return Constant(1.0507009873554805), Constant(1.6732632423543772)


def _exponential(scale: Expression, alpha: Expression, z: Expression) -> Expression:
    """Return λ (max(z, 0) + α (e^min(z, 0) - 1))."""
    below = minus(call("exp", call("min", z, ZERO)), ONE)
    return times(scale, plus(call("max", z, ZERO), times(alpha, below)))


def _exponential_slope(scale: Expression, alpha: Expression, a: Expression) -> Expression:
    """Return min(a, 0) + λ α + (λ - λ α) [a > 0], where λ α is the slope's limit below."""
    limit = Constant(scale.value * alpha.value)
    above = times(Constant(scale.value - limit.value), Holds(a, ">", ZERO))
    return plus(call("min", a, ZERO), limit, above)


def _gelu_tanh(z: Expression) -> Expression:
    """Return t = tanh(√(2/π) (z + 0.044715 z³))."""
    inner = plus(z, times(_CUBE, Power(z, Constant(3.0))))
    return call("tanh", times(root(over(TWO, PI)), inner))


def _gelu_slope(z: Expression) -> Expression:
    """Return (1 + t) / 2 + z (1 - t²) √(2/π) (1 + 3 · 0.044715 z²) / 2."""
    t = _gelu_tanh(z)
    inner = plus(ONE, times(Constant(3.0), _CUBE, square(z)))
    bend = times(z, minus(ONE, square(t)), root(over(TWO, PI)), inner)
    return plus(over(plus(ONE, t), TWO), over(bend, TWO))


def _leaky(slope: float) -> tuple[Expression, Expression]:
    return Constant(slope), Constant(1 - slope)


_VALUES: Mapping[type, Callable[..., Expression]] = {
    Identity: lambda _f, z: z,
    Sigmoid: lambda _f, z: call("sigmoid", z),
    Tanh: lambda _f, z: call("tanh", z),
    Relu: lambda _f, z: call("max", z, ZERO),
    LeakyRelu: lambda f, z: call("max", z, times(Constant(f.slope), z)),
    Elu: lambda f, z: _exponential(ONE, Constant(f.alpha), z),
    Selu: lambda _f, z: _exponential(*_selu_constants(), z),
    Gelu: lambda _f, z: over(times(z, plus(ONE, _gelu_tanh(z))), TWO),
    Silu: lambda _f, z: times(z, call("sigmoid", z)),
    Mish: lambda _f, z: times(z, call("tanh", call("softplus", z))),
    Softplus: lambda _f, z: call("softplus", z),
}
"""f(z) of every activation that acts on each unit by itself."""

_SLOPES: Mapping[type, Callable[..., Expression]] = {
    Identity: lambda _f, _z, _a: ONE,
    Sigmoid: lambda _f, _z, a: times(a, minus(ONE, a)),
    Tanh: lambda _f, _z, a: minus(ONE, square(a)),
    Relu: lambda _f, z, _a: Holds(z, ">", ZERO),
    LeakyRelu: lambda f, z, _a: plus(
        _leaky(f.slope)[0], times(_leaky(f.slope)[1], Holds(z, ">", ZERO))
    ),
    Elu: lambda f, _z, a: _exponential_slope(ONE, Constant(f.alpha), a),
    Selu: lambda _f, _z, a: _exponential_slope(*_selu_constants(), a),
    Gelu: lambda _f, z, _a: _gelu_slope(z),
    Silu: lambda _f, z, a: plus(call("sigmoid", z), times(a, minus(ONE, call("sigmoid", z)))),
    Mish: lambda _f, z, _a: plus(
        call("tanh", call("softplus", z)),
        times(z, minus(ONE, square(call("tanh", call("softplus", z)))), call("sigmoid", z)),
    ),
    Softplus: lambda _f, _z, a: minus(ONE, call("exp", times(Constant(-1.0), a))),
}
"""f'(z) of the same, from z or from a = f(z), whichever is shorter."""


def activated(activation: Activation, z: Expression) -> Expression:
    """Return f(z)."""
    if isinstance(activation, DoubleDerivative):
        return activated(activation.of, z)
    return _VALUES[type(activation)](activation, z)


def slope(activation: Activation, z: Expression, a: Expression) -> Expression:
    """Return f'(z), given z and a = f(z)."""
    if isinstance(activation, DoubleDerivative):  # f'(a), which takes a for z
        return slope(activation.of, a, activated(activation.of, a))
    return _SLOPES[type(activation)](activation, z, a)


def softmax(zs: Sequence[Expression], unit: int) -> Expression:
    """Return the softmax of one unit, after the largest z is subtracted, so that all fit."""
    largest = Constant(max(z.value for z in zs))
    return over(
        call("exp", minus(zs[unit], largest)), total([call("exp", minus(z, largest)) for z in zs])
    )


def softmax_delta(
    outputs: Sequence[Expression], flows: Sequence[Expression], unit: int
) -> Expression:
    """Return dL/dz_i = a_i (dL/da_i - Σ_j a_j dL/da_j)."""
    products = total([times(a, g) for a, g in zip(outputs, flows, strict=True)])
    return times(outputs[unit], minus(flows[unit], products))


def is_softmax(activation: Activation) -> bool:
    """Return whether the activation mixes the units of a row."""
    return isinstance(activation, Softmax)


def evaluate(activation: Activation, z: Array) -> tuple[Array, Array]:
    """Return f(z) and f'(z) of an array (B, O), computed by the engine."""
    values = np.ascontiguousarray(z, np.float64)[None]
    a, ones, scratch = np.empty_like(values), np.ones_like(values), activation.scratch(values)
    activation.forward(values, a, scratch)
    activation.backward(values, a, ones, scratch)
    return a[0], ones[0]
