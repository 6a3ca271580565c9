"""Equations of the loss: predictions, targets, each row's loss, the whole, and its gradient."""

from collections.abc import Iterator, Sequence

import numpy as np

from bpnet.engine.activations import Sigmoid, Softmax
from bpnet.engine.component import Array
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import (
    AbsoluteError,
    AnyLoss,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Quantile,
    SquaredError,
)
from bpnet.engine.step_trace import StepTrace
from bpnet.tracing.activations import softmax
from bpnet.tracing.expressions import (
    HALF,
    ONE,
    TWO,
    Constant,
    Expression,
    Negative,
    Quantity,
    Symbol,
    call,
    minus,
    over,
    plus,
    square,
    times,
    total,
)
from bpnet.tracing.layers import MAX_UNITS, largest, left_out, row_prefix
from bpnet.tracing.structure import Entry, Number, Phase, Place, Remark


def reads_logits(loss: AnyLoss) -> bool:
    """Return whether the loss reads logits, of which predictions are the probabilities."""
    return isinstance(loss, CrossEntropy | BinaryCrossEntropy)


class LossEquations:
    """The equations of a step's loss on some rows."""

    def __init__(
        self,
        loss: AnyLoss,
        step: StepTrace,
        rows: Sequence[int],
        training: Training,
        outputs: Sequence[str],
        weights: Sequence[tuple[str, Array, Array]],
    ) -> None:
        self._loss, self._step, self._rows, self._training = loss, step, rows, training
        self._outputs = outputs
        self._weights = weights
        """The name of each weight array, before and after the step."""
        self._logits = reads_logits(loss)
        self._width = step.scores.shape[1]
        self._shown, self._others = largest(np.abs(step.score_gradients).max(axis=0), MAX_UNITS)

    def entries(self) -> Iterator[Entry]:
        """Yield predictions, targets, losses and gradients with the weights before the step."""
        step = self._step
        yield from self._smoothing_rule()
        if isinstance(self._loss, CrossEntropy):
            yield Remark(
                "p = exp(z - m)/Σ exp(z - m), with m the largest z of the row, which changes no p "
                "but keeps every power finite"
            )
        elif isinstance(self._loss, BinaryCrossEntropy):
            yield Remark("p = sigmoid(z)")
            yield Remark("the same: l = Σ softplus(z) - t·z, with softplus(z) = log(1 + exp(z))")
        for row in range(len(self._rows)):
            for unit in self._shown:
                yield from self._target(row, unit)
                yield from self._prediction(step.scores, step.predictions, row, unit, "loss")
                yield from self._error(step.predictions, row, unit, "loss")
        yield from left_out(self._others, "outputs", "smaller gradients")
        yield from self._losses(step.scores, step.predictions, step.loss, "loss")
        if step.trial is not None:
            return
        yield Remark(f"its gradient: {self._gradient_rule()}")
        for row in range(len(self._rows)):
            for unit in self._shown:
                yield self._gradient(row, unit)

    def entries_after(self) -> Iterator[Entry]:
        """Yield predictions and losses with the new weights, or with those that were tried."""
        step = self._step
        scores = step.outputs_after[-1]
        for row in range(len(self._rows)):
            for unit in self._shown:
                yield from self._prediction(scores, step.predictions_after, row, unit, "after")
                yield from self._error(step.predictions_after, row, unit, "after")
        loss = step.loss_after if step.trial is None else step.trial.loss
        yield from self._losses(scores, step.predictions_after, loss, "after")
        if step.trial is None:
            change = minus(_plain("L'", step.loss_after), _plain("L", step.loss))
            yield self._number(
                "change of the loss", Symbol("ΔL"), change, step.loss_after - step.loss, "after"
            )

    def _number(
        self,
        name: str,
        symbol: Symbol,
        equation: Expression | None,
        value: float,
        phase: Phase,
        row: int | None = None,
        unit: int | None = None,
    ) -> Number:
        """Return a number of an output, of a row, or of all rows."""
        place = Place(
            phase,
            row=None if row is None else self._rows[row],
            unit=None if unit is None else unit + 1,
        )
        label = ""
        if row is not None:
            label = row_prefix(self._rows, row).removesuffix(", ")
        if unit is not None:
            separator = ", " if label else ""
            label += f"{separator}output {unit + 1}{self._outputs_name(unit)}"
        return Number(name, symbol, equation, float(value), place, label)

    def _outputs_name(self, unit: int) -> str:
        return f" ({self._outputs[unit]})" if len(self._outputs) > unit else ""

    # quantities

    def _of(self, base: str, value: float, unit: int, row: int | None = None) -> Quantity:
        number = None if row is None or len(self._rows) == 1 else self._rows[row]
        return Quantity(Symbol(base, (unit + 1,), row=number), float(value))

    @property
    def _score(self) -> str:
        return "z" if self._logits else "y"

    def _t(self, row: int, unit: int) -> Quantity:
        return self._of("t", self._step.targets[row, unit], unit)

    def _w(self, row: int) -> Expression:
        weights = self._step.weights
        if weights is None:
            return ONE
        several = len(self._rows) > 1
        return Quantity(Symbol("w", row=self._rows[row] if several else None), float(weights[row]))

    # targets

    @property
    def _smoothing(self) -> float:
        """The share by which targets are smoothed in this step."""
        share = float(getattr(self._loss, "label_smoothing", 0.0))
        schedule = getattr(self._loss, "label_smoothing_schedule", None)
        return share if schedule is None else share * schedule.factor(*self._step.place)

    def _smoothing_rule(self) -> Iterator[Entry]:
        if self._smoothing:
            yield Remark(
                f"targets are smoothed by s = {self._smoothing:g}: t = (1 - s)·t_hard + s/K"
            )

    def _target(self, row: int, unit: int) -> Iterator[Number]:
        """Yield the target, smoothed if it is."""
        step, equation = self._step, None
        if self._smoothing and step.hard_targets is not None:
            assert isinstance(self._loss, CrossEntropy | BinaryCrossEntropy)
            outcomes = Constant(float(self._loss.outcomes(self._width)))
            share, hard = Constant(self._smoothing), step.hard_targets[row, unit]
            equation = plus(
                times(minus(ONE, share), self._of("t_hard", hard, unit)), over(share, outcomes)
            )
        symbol = Symbol("t", (unit + 1,))
        value = step.targets[row, unit]
        yield self._number("target", symbol, equation, value, "loss", row, unit)

    # predictions

    def _prediction(
        self, scores: Array, predictions: Array, row: int, unit: int, phase: Phase
    ) -> Iterator[Number]:
        """Yield the probability, where the scores are logits, else the score as it is."""
        if not self._logits:
            return
        link, prime = self._loss.link, _prime(phase)
        zs = [self._of("z" + prime, scores[row, j], j) for j in range(self._width)]
        equation: Expression = zs[unit]
        if isinstance(link, Softmax):
            equation = softmax(zs, unit)
        elif isinstance(link, Sigmoid):
            equation = call("sigmoid", zs[unit])
        symbol = Symbol("p" + prime, (unit + 1,))
        yield self._number(
            "probability", symbol, equation, predictions[row, unit], phase, row, unit
        )

    def _error(self, predictions: Array, row: int, unit: int, phase: Phase) -> Iterator[Number]:
        """Yield the error t - y of a number."""
        if self._logits:
            return
        prime = _prime(phase)
        y = self._of("y" + prime, predictions[row, unit], unit)
        equation = minus(self._t(row, unit), y)
        symbol = Symbol("t - y" + prime, (unit + 1,))
        yield self._number("error", symbol, equation, equation.value, phase, row, unit)

    # the loss

    def _losses(
        self, scores: Array, predictions: Array, loss: float, phase: Phase
    ) -> Iterator[Entry]:
        """Yield each row's loss, the penalty, and the whole."""
        prime = _prime(phase)
        rows: list[Expression] = []
        for row in range(len(self._rows)):
            equation = self._row_loss(scores, predictions, row, prime)
            several = len(self._rows) > 1
            symbol = Symbol("l" + prime, row=self._rows[row] if several else None)
            value = equation.value
            yield self._number("loss of the row", symbol, equation, value, phase, row)
            rows.append(times(self._w(row), Quantity(symbol, value)))
        share = Constant(float(len(rows))) if self._loss.rows == "mean" else ONE
        parts = [over(total(rows), share)]
        if self._training.l1 or self._training.l2:
            penalty = self._penalty(phase)
            symbol = Symbol("penalty" + prime)
            yield self._number("penalty", symbol, penalty, penalty.value, phase)
            parts.append(Quantity(symbol, penalty.value))
        yield self._number("loss", Symbol("L" + prime), plus(*parts), loss, phase)

    def _penalty(self, phase: Phase) -> Expression:
        """Return l1 Σ |w| + l2/2 Σ w² over all weights, before or after the step."""
        l1, l2, terms = self._training.l1, self._training.l2, list[Expression]()
        which = 1 if phase == "after" else 0
        weights = [
            Quantity(
                Symbol(sign + _prime(phase), tuple(int(i) + 1 for i in index)),
                float(both[which][index]),
            )
            for sign, *both in self._weights
            for index in np.ndindex(both[0].shape)
        ]
        if l1:
            terms.append(times(Constant(l1), total([call("abs", w) for w in weights])))
        if l2:
            squares = total([square(w) for w in weights])
            terms.append(times(over(Constant(l2), TWO), squares))
        return plus(*terms)

    def _row_loss(self, scores: Array, predictions: Array, row: int, prime: str) -> Expression:
        """Return the loss of a row, without its weight."""
        loss, width = self._loss, range(self._width)
        ts = [self._t(row, unit) for unit in width]
        ys = [self._of(self._score + prime, scores[row, unit], unit) for unit in width]
        if isinstance(loss, BinaryCrossEntropy):
            return total(
                [
                    minus(call("softplus", z), times(t, z)) if t.value else call("softplus", z)
                    for z, t in zip(ys, ts, strict=True)
                ]
            )
        if isinstance(loss, CrossEntropy):
            ps = [self._of("p" + prime, predictions[row, unit], unit) for unit in width]
            if all(p.value > 0 or t.value == 0 for p, t in zip(ps, ts, strict=True)):
                present = [(p, t) for p, t in zip(ps, ts, strict=True) if t.value]
                return Negative(total([times(t, call("log", p)) for p, t in present]))
            largest_z = Constant(max(z.value for z in ys))
            powers = total([call("exp", minus(z, largest_z)) for z in ys])
            shifted = [times(t, minus(z, largest_z)) for z, t in zip(ys, ts, strict=True)]
            return minus(call("log", powers), total(shifted))
        elements = [self._element(y, t) for y, t in zip(ys, ts, strict=True)]
        summed = total(elements)
        if loss.outputs == "mean":
            summed = over(summed, Constant(float(self._width)) if self._width > 1 else ONE)
        half = isinstance(loss, SquaredError) and loss.half
        return times(HALF, summed) if half else summed

    def _element(self, y: Expression, t: Expression) -> Expression:
        """Return the loss of one output, before halving and averaging."""
        loss, e = self._loss, minus(y, t)
        if isinstance(loss, SquaredError):
            return square(e)
        if isinstance(loss, AbsoluteError):
            return call("abs", e)
        if isinstance(loss, Huber):
            c = self._clipped(e)  # c (e - c/2)
            return times(c, minus(e, over(c, TWO)))
        assert isinstance(loss, Quantile)
        return times(self._side(y, t), e)

    def _clipped(self, e: Expression) -> Expression:
        """Return e clipped to ±delta."""
        assert isinstance(self._loss, Huber)
        delta = self._loss.delta
        return call("max", Constant(-delta), call("min", Constant(delta), e))

    def _side(self, y: Expression, t: Expression) -> Expression:
        """Return dl/de of the quantile loss: -q below the target, 1 - q above, between at it."""
        assert isinstance(self._loss, Quantile)
        shift = Constant(0.5 - self._loss.quantile)
        return plus(times(HALF, call("sign", minus(y, t))), shift)

    # its gradient

    def _gradient_rule(self) -> str:
        weight = "w·" if self._step.weights is not None else ""
        rows = "/N" if self._loss.rows == "mean" else ""
        if self._logits:
            return f"dL/dz = {weight}(p - t){rows}"
        loss = self._loss
        assert not isinstance(loss, CrossEntropy | BinaryCrossEntropy)
        outputs = "/K" if loss.outputs == "mean" and self._width > 1 else ""
        element = {
            "squared_error": "(y - t)" if getattr(loss, "half", False) else "2·(y - t)",
            "absolute_error": "sign(y - t)",
            "huber": "(y - t cut to ±delta)",
            "quantile": "(sign(y - t)/2 + 1/2 - q)",
        }[loss.kind]
        return f"dL/dy = {weight}{element}{outputs}{rows}"

    def _gradient(self, row: int, unit: int) -> Number:
        """Return dL/dz or dL/dy of an output."""
        step, loss = self._step, self._loss
        t = self._t(row, unit)
        if isinstance(loss, CrossEntropy | BinaryCrossEntropy):
            element: Expression = minus(self._of("p", step.predictions[row, unit], unit), t)
            share = 1
        else:
            y = self._of("y", step.scores[row, unit], unit)
            if isinstance(loss, SquaredError):
                element = minus(y, t) if loss.half else times(TWO, minus(y, t))
            elif isinstance(loss, AbsoluteError):
                element = call("sign", minus(y, t))
            elif isinstance(loss, Huber):
                element = self._clipped(minus(y, t))
            else:
                element = self._side(y, t)
            share = self._width if loss.outputs == "mean" else 1
        if loss.rows == "mean":
            share *= len(self._rows)
        equation = over(times(self._w(row), element), Constant(float(share)) if share > 1 else ONE)
        symbol = Symbol(f"dL/d{self._score}", (unit + 1,))
        value = step.score_gradients[row, unit]
        name = "gradient of the loss"
        return self._number(name, symbol, equation, value, "loss", row, unit)


def _prime(phase: Phase) -> str:
    """Return the sign of what is computed after the step."""
    return "'" if phase == "after" else ""


def _plain(base: str, value: float) -> Quantity:
    return Quantity(Symbol(base), float(value))


def loss_rule(loss: AnyLoss) -> str:
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
        "huber": "c·(e - c/2) with e = y - t, c = e cut to ±delta",
    }[loss.kind]
    half = "½ " if isinstance(loss, SquaredError) and loss.half else ""
    return f"{half}{element}, {loss.outputs} over the outputs, {rows}"
