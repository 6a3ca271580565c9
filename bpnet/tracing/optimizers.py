"""Equations of the optimizers: what each keeps of past gradients, and the new parameter."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bpnet.engine.optimizers import (
    Adagrad,
    Adam,
    AdamW,
    GradientDescent,
    Momentum,
    Muon,
    NAdam,
    Nesterov,
    Optimizer,
    RmsProp,
    Rprop,
)
from bpnet.engine.optimizers.adam import DecoupledDecay
from bpnet.tracing.expressions import (
    ONE,
    ZERO,
    Constant,
    Expression,
    Power,
    Quantity,
    Symbol,
    call,
    minus,
    over,
    plus,
    root,
    square,
    times,
)


@dataclass(frozen=True)
class ParameterEntry:
    """One entry of a parameter in a step, as its optimizer sees it."""

    index: tuple[int, ...]
    rate: Expression
    """η, times the entry's factor of the learning rate."""
    plain_rate: Quantity
    """η itself, which weight decay goes by."""
    w: Quantity
    """The entry before the step."""
    g: Quantity
    """Its gradient, clipped if it is."""
    before: Mapping[str, float]
    """What the optimizer keeps of the entry, by its slots' names."""
    after: Mapping[str, float]
    new: float
    """The entry after the step."""
    count: int
    """t, the number of the step."""
    momentum_product: float
    place: tuple[int, int, int]
    decays: bool
    """True if weight decay acts on it."""

    def of(self, base: str, value: float) -> Quantity:
        """Return a quantity of the entry."""
        return Quantity(Symbol(base, self.w.symbol.index, self.w.symbol.layer), float(value))


Line = tuple[str, Quantity, Expression | None]
"""A number of an update: its name, itself, and its equation."""


def rules(optimizer: Optimizer) -> Sequence[str]:
    """Return the update in symbols, line by line."""
    return _RULES[type(optimizer)]


_MOMENTS = "m' = β1·m + (1 - β1)·g, v' = β2·v + (1 - β2)·g²"
_CORRECTED = "m̂ = m'/(1 - β1ᵗ), v̂ = v'/(1 - β2ᵗ)"

_RULES: Mapping[type, Sequence[str]] = {
    GradientDescent: ("w' = w - η·g",),
    Momentum: ("v' = μ·v + g", "w' = w - η·v'"),
    Nesterov: ("v' = μ·v + g", "w' = w - η·(g + μ·v')"),
    RmsProp: ("v' = ρ·v + (1 - ρ)·g²", "w' = w - η·g/(√v' + ε)"),
    Adagrad: ("v' = v + g²", "w' = w - η·g/(√v' + ε)"),
    Adam: (_MOMENTS, _CORRECTED, "w' = w - η·m̂/(√v̂ + ε)"),
    AdamW: (
        _MOMENTS,
        _CORRECTED,
        "w' = w - η·m̂/(√v̂ + ε), of weights from w - η·λ·w in place of w",
    ),
    NAdam: (
        _MOMENTS,
        "v̂ = v'/(1 - β2ᵗ), μ_t = β1·(1 - ½·0.96^(t·ψ)), and Π_t its product up to t",
        "w' = w - η·((1 - μ_t)·g/(1 - Π_t) + μ_t+1·m'/(1 - Π_t+1))/(√v̂ + ε)",
    ),
    Muon: (
        "of hidden matrices: m' = μ·m + (1 - μ)·g, u = μ·m' + (1 - μ)·g, X = u/|u|",
        "in each iteration X = a·X + B·X with B = b·G + c·G², G = X·Xᵀ",
        "w' = w - η·λ·w - η·0.2·√max(rows, columns)·X; all others as adamw",
    ),
    Rprop: (
        "Δ' = Δ·increase where g keeps its sign, Δ·decrease where it turns",
        "w' = w - Δ'·sign(g), and no step where it turns",
    ),
}


def update(optimizer: Optimizer, entry: ParameterEntry) -> Iterator[Line]:
    """Yield what an optimizer does with one entry; the last line is the new parameter."""
    yield from _UPDATES[type(optimizer)](optimizer, entry)


def _gradient_descent(_optimizer: Any, e: ParameterEntry) -> Iterator[Line]:
    yield moved(e, times(e.rate, e.g))


def _momentum(optimizer: Any, e: ParameterEntry) -> Iterator[Line]:
    velocity = e.of("v'", e.after["velocity"])
    yield "velocity", velocity, _kept(optimizer.momentum, e.of("v", e.before["velocity"]), e.g)
    yield moved(e, times(e.rate, velocity))


def _nesterov(optimizer: Any, e: ParameterEntry) -> Iterator[Line]:
    velocity = e.of("v'", e.after["velocity"])
    yield "velocity", velocity, _kept(optimizer.momentum, e.of("v", e.before["velocity"]), e.g)
    ahead = plus(e.g, times(Constant(optimizer.momentum), velocity))
    yield moved(e, times(e.rate, ahead))


def _rmsprop(optimizer: Any, e: ParameterEntry) -> Iterator[Line]:
    v = e.of("v'", e.after["square"])
    old = e.of("v", e.before["square"])
    yield "mean square", v, averaged(optimizer.decay, old, square(e.g))
    yield moved(e, times(e.rate, _scaled(e.g, v, optimizer.epsilon)))


def _adagrad(optimizer: Any, e: ParameterEntry) -> Iterator[Line]:
    v = e.of("v'", e.after["square"])
    yield "sum of squares", v, plus(e.of("v", e.before["square"]), square(e.g))
    yield moved(e, times(e.rate, _scaled(e.g, v, optimizer.epsilon)))


def _moments(optimizer: Any, e: ParameterEntry) -> tuple[Quantity, Quantity, list[Line]]:
    """Return m' and v', and their lines; the slots hold m/(1 - β1) and v/(1 - β2)."""
    first, second = 1 - optimizer.beta_1, 1 - optimizer.beta_2
    m, v = e.of("m'", e.after["mean"] * first), e.of("v'", e.after["square"] * second)
    old_m, old_v = e.of("m", e.before["mean"] * first), e.of("v", e.before["square"] * second)
    return (
        m,
        v,
        [
            ("mean gradient", m, averaged(optimizer.beta_1, old_m, e.g)),
            ("mean square", v, averaged(optimizer.beta_2, old_v, square(e.g))),
        ],
    )


def _corrected(e: ParameterEntry, base: str, name: str, value: Quantity, beta: float) -> Line:
    """Return m̂ or v̂: the mean over 1 - βᵗ."""
    left = minus(ONE, Power(Constant(beta), Constant(float(e.count))))
    equation = over(value, left)
    return name, e.of(base, equation.value), equation


def _adam(optimizer: Any, e: ParameterEntry) -> Iterator[Line]:
    m, v, lines = _moments(optimizer, e)
    yield from lines
    m_line = _corrected(e, "m̂", "corrected mean gradient", m, optimizer.beta_1)
    v_line = _corrected(e, "v̂", "corrected mean square", v, optimizer.beta_2)
    yield from (m_line, v_line)
    start, shrinking = decayed(optimizer, e)
    yield from shrinking
    step = times(e.rate, _scaled(m_line[1], v_line[1], optimizer.epsilon))
    yield moved(e, step, start)


def _nadam(optimizer: Any, e: ParameterEntry) -> Iterator[Line]:
    m, v, lines = _moments(optimizer, e)
    yield from lines
    v_line = _corrected(e, "v̂", "corrected mean square", v, optimizer.beta_2)
    yield v_line

    def momentum(step: int) -> Line:
        power = Power(
            Constant(0.96), times(Constant(float(step)), Constant(optimizer.momentum_decay))
        )
        equation = times(Constant(optimizer.beta_1), minus(ONE, times(Constant(0.5), power)))
        return "momentum", Quantity(Symbol(f"μ_{step}"), equation.value), equation

    now, following = momentum(e.count), momentum(e.count + 1)
    yield from (now, following)
    product = Quantity(Symbol(f"Π_{e.count}"), e.momentum_product)
    factors = [momentum(step)[1] for step in range(1, e.count + 1)]
    if len(factors) > 8:  # the last factor, with the product of all before it
        before = Quantity(Symbol(f"Π_{e.count - 1}"), e.momentum_product / factors[-1].value)
        factors = [before, factors[-1]]
    yield "product of the momenta", product, times(*factors)
    ahead = plus(
        over(times(minus(ONE, now[1]), e.g), minus(ONE, product)),
        over(times(following[1], m), minus(ONE, times(product, following[1]))),
    )
    yield moved(e, times(e.rate, _scaled(ahead, v_line[1], optimizer.epsilon)))


def _rprop(optimizer: Any, e: ParameterEntry) -> Iterator[Line]:
    previous, size = e.of("g_before", e.before["previous"]), e.of("Δ'", e.after["size"])
    agreement = times(e.g, previous)
    old: Expression = e.rate if e.count == 1 else e.of("Δ", e.before["size"])
    grown = Constant(1.0)
    if agreement.value > 0:
        grown = Constant(optimizer.increase)
    elif agreement.value < 0:
        grown = Constant(optimizer.decrease)
    bounded = call(
        "min",
        Constant(optimizer.largest_step),
        call("max", Constant(optimizer.smallest_step), times(old, grown)),
    )
    yield "agreement of the signs", e.of("g·g_before", agreement.value), agreement
    yield "step size", size, bounded
    turned = agreement.value < 0
    step = times(size, call("sign", e.g))
    if turned:
        step = times(size, ZERO)
    yield moved(e, step)


def _kept(share: float, old: Expression, new: Expression) -> Expression:
    return plus(times(Constant(share), old), new)


def averaged(share: float, old: Expression, new: Expression) -> Expression:
    """Return share·old + (1 - share)·new."""
    return plus(times(Constant(share), old), times(minus(ONE, Constant(share)), new))


def _scaled(direction: Expression, squares: Quantity, epsilon: float) -> Expression:
    """Return direction/(√squares + ε)."""
    return over(direction, plus(root(squares), Constant(epsilon)))


def decayed(optimizer: Any, e: ParameterEntry) -> tuple[Quantity, list[Line]]:
    """Return the entry after weight decay, with its line where it decays."""
    if not isinstance(optimizer, DecoupledDecay) or not e.decays or not optimizer.weight_decay:
        return e.w, []
    share: Expression = Constant(optimizer.weight_decay)
    if optimizer.decay_schedule is not None:
        share = times(share, Constant(optimizer.decay_schedule.factor(*e.place)))
    equation = minus(e.w, times(e.plain_rate, share, e.w))
    shrunk = e.of("w_shrunk", equation.value)
    return shrunk, [("shrunk parameter", shrunk, equation)]


def moved(e: ParameterEntry, step: Expression, start: Quantity | None = None) -> Line:
    """Return the line of the new parameter: where it starts, less the step."""
    new = Quantity(Symbol(e.w.symbol.base + "'", e.w.symbol.index, e.w.symbol.layer), e.new)
    return "new parameter", new, minus(e.w if start is None else start, step)


_UPDATES: Mapping[type, Callable[[Any, ParameterEntry], Iterator[Line]]] = {
    GradientDescent: _gradient_descent,
    Momentum: _momentum,
    Nesterov: _nesterov,
    RmsProp: _rmsprop,
    Adagrad: _adagrad,
    Adam: _adam,
    AdamW: _adam,
    Muon: _adam,  # of what is no hidden matrix
    NAdam: _nadam,
    Rprop: _rprop,
}
