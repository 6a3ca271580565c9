"""The report of `bpnet trace`: each equation of a training step, with its numbers."""

from collections.abc import Iterator

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.layers import BatchNormalization, Dense, Parametric, Periodic, Scale
from bpnet.engine.schedules import ConstantRate
from bpnet.engine.tracing import LayerTrace, StepTrace
from bpnet.reports.equations import MAX_TERMS, Equations, largest, loss_equation
from bpnet.reports.outline import Heading, Line
from bpnet.workflows.trace import Trace

MAX_UNITS = 8
MAX_WEIGHTS = 16

_SIGN = (
    "delta is dL/dz, so a weight moves against it; texts that call target - output the error give "
    "delta the other sign"
)

_DERIVATIVES: dict[type, str] = {
    Periodic: (
        "with the waves h of an input and e = V·h + c: dL/dV = dL/de·hᵀ, dL/dc = Σ dL/de; "
        "g = -sin(2π·w·x + b)·(Vᵀ·dL/de): dL/dw = 2π·Σ x·g, dL/db = Σ g"
    ),
    Scale: "dL/dx = s·dL/da, dL/ds = Σ x·dL/da over the rows",
    Parametric: "dL/dx = (1 - p + p·f'(x))·dL/da, dL/dp = Σ (f(x) - x)·dL/da over the rows",
}
"""The backward pass of layers that have no z."""


def trace_lines(name: str, traced: Trace, digits: int) -> Iterator[Line]:
    """Yield the lines of every step, with numbers to `digits` significant digits.

    `name` is what the user called the config or run. Headings of level 1 are steps, those of
    level 2 parts of a step, those of level 3 layers.
    """
    rows = ", ".join(map(str, traced.rows))
    yield Heading(1, f"{name}: {'row' if len(traced.rows) == 1 else 'rows'} {rows}")
    report = _TraceReport(traced, digits)
    yield from report.row_lines(traced.steps[0])
    yield _SIGN
    yield from (f"note: {note}" for note in traced.notes)
    for number, step in enumerate(traced.steps, start=1):
        yield Heading(1, f"Step {number}")
        yield from report.step_lines(step)


class _TraceReport:
    """Writes the lines of a trace's steps."""

    def __init__(self, traced: Trace, digits: int) -> None:
        description, training = traced.model.description, traced.training
        self._equations = Equations(digits)
        self._n = self._equations.number
        self._rows = [f"row {number}" for number in traced.rows]
        self._features = description.encoder.inputs
        self._loss = description.loss
        self._optimizer = training.optimizer.kind
        self._scheduled = not isinstance(training.schedule, ConstantRate) or bool(
            training.schedule.warmup_epochs
        )
        self._penalized = training.l1 > 0 or training.l2 > 0

    def row_lines(self, step: StepTrace) -> Iterator[Line]:
        """Yield the encoded features, the target and the weight of each row."""
        for row, name in enumerate(self._rows):
            inputs = step.layers[0].inputs[row]
            features = zip(self._features[:MAX_TERMS], inputs, strict=False)
            values = ", ".join(f"{feature} = {self._n(value)}" for feature, value in features)
            rest = len(self._features) - MAX_TERMS
            more = f" and {rest} more" if rest > 0 else ""
            targets = ", ".join(self._n(value) for value in step.targets[row])
            yield f"{name}, encoded: {values}{more}; target {targets}"
            if step.weights is not None:
                weight = self._n(step.weights[row])
                yield f"    its weight, by which its loss is multiplied: {weight}"

    def step_lines(self, step: StepTrace) -> Iterator[Line]:
        """Yield a step: forward, loss, backward, update, and forward again."""
        yield Heading(2, "Forward")
        for k, layer in enumerate(step.layers):
            yield from self._forward(k, layer)
        yield from self._loss_lines(step)
        yield Heading(2, "Backward, with the weights as they were")
        for k in range(len(step.layers) - 1, -1, -1):
            yield from self._backward(k, step)
        rate = self._n(step.learning_rate)
        yield Heading(2, f"Gradient and update ({self._optimizer}, learning rate {rate})")
        if self._scheduled:
            yield f"the rate is that of step {step.number} of epoch {step.epoch}"
        if step.clipped_norm != step.gradient_norm:
            before, after = self._n(step.gradient_norm), self._n(step.clipped_norm)
            yield f"g is clipped before the step: its norm goes from {before} to {after}"
        for k, layer in enumerate(step.layers):
            yield from self._update(k, layer)
        yield from self._after(step)

    def _forward(self, k: int, layer: LayerTrace) -> Iterator[Line]:
        yield Heading(3, _layer_title(k, layer))
        if layer.left_out is not None:
            yield from self._dropped_units(layer.left_out, layer.dropout_rate)
        shown, others = largest(np.abs(layer.outputs).max(axis=0), MAX_UNITS)
        if isinstance(layer.layer, BatchNormalization):
            yield "a = f(gamma·n + beta) with n = (x - mean) / √(variance + epsilon)"
            for unit in shown:
                yield from self._normalization(layer, unit)
        if isinstance(layer.layer, Periodic):
            yield "the inputs themselves, then e = V·cos(2π·w·x + b) + c of each that has waves"
        for row, prefix in self._prefixes():
            for unit in shown:
                output = self._n(layer.outputs[row, unit])
                if not isinstance(layer.layer, Dense) or layer.sums is None:
                    terms = self._elementwise(layer, row, unit)
                    yield f"{prefix}unit {unit + 1}: a = {terms}{output}"
                    continue
                z, terms = self._n(layer.sums[row, unit]), self._weighted_sum(layer, row, unit)
                yield f"{prefix}unit {unit + 1}: z = {terms} = {z}"
                if layer.layer.activation.kind != "identity":
                    yield f"    a = {layer.layer.activation.kind}({z}) = {output}"
        yield from _omitted(others, "units", "smaller outputs")

    def _elementwise(self, layer: LayerTrace, row: int, unit: int) -> str:
        """Return what a unit that reads a single input makes of it, where that is an equation."""
        if isinstance(layer.layer, Scale):
            x, s = layer.inputs[row, unit], layer.before["factor"][unit]
            return f"s·x = {self._equations.product(s, x)} = "
        if isinstance(layer.layer, Parametric):
            x, p = self._n(layer.inputs[row, unit]), self._n(layer.before["share"][unit])
            function = layer.layer.activation.kind
            return f"x + p·({function}(x) - x) with x = {x}, p = {p} = "
        return ""

    def _dropped_units(self, left_out: Array, rate: float) -> Iterator[Line]:
        yield f"a = x / (1 - {rate:.4g}), or 0 where left out"
        for row, prefix in self._prefixes():
            units = ", ".join(map(str, np.flatnonzero(left_out[row]) + 1)) or "none"
            count, of = int(left_out[row].sum()), left_out.shape[1]
            yield f"{prefix}units left out, {count} of {of}: {units}"

    def _normalization(self, layer: LayerTrace, unit: int) -> Iterator[Line]:
        """Yield the mean and variance that a unit is normalized by, and its running ones."""
        x = layer.inputs[:, unit]
        mean, variance = self._n(x.mean()), self._n(x.var())
        gamma, beta = (self._n(layer.before[name][unit]) for name in ("gamma", "beta"))
        yield (
            f"unit {unit + 1}: mean of the batch = {mean}, variance = {variance}; "
            f"gamma = {gamma}, beta = {beta}"
        )
        running = [
            f"{name.replace('_', ' ')} {self._n(before[unit])} -> "
            f"{self._n(layer.statistics_after[name][unit])}"
            for name, before in layer.statistics_before.items()
        ]
        yield f"    {', '.join(running)}"

    def _weighted_sum(self, layer: LayerTrace, row: int, unit: int) -> str:
        """Return Σ w·x + b of a dense layer's unit."""
        weights = layer.before["weight"][unit]
        text = self._equations.sum_of_products(weights, layer.inputs[row])
        if "bias" in layer.before:
            text += f" + {self._equations.factor(layer.before['bias'][unit])}"
        return text

    def _loss_lines(self, step: StepTrace) -> Iterator[Line]:
        yield Heading(2, f"Loss: {loss_equation(self._loss)}")
        has_logits = not np.array_equal(step.predictions, step.scores)
        shown, others = largest(np.abs(step.score_gradients).max(axis=0), MAX_UNITS)
        for row, prefix in self._prefixes():
            for unit in shown:
                y, t = self._n(step.scores[row, unit]), self._n(step.targets[row, unit])
                gradient = self._n(step.score_gradients[row, unit])
                output = f"{prefix}output {unit + 1}"
                if has_logits:
                    p = self._n(step.predictions[row, unit])
                    yield f"{output}: score z = {y}, probability p = {p}, target t = {t}"
                    yield f"    dL/dz = {gradient}"
                else:
                    error = self._n(step.targets[row, unit] - step.scores[row, unit])
                    yield f"{output}: y = {y}, target t = {t}, error t - y = {error}"
                    yield f"    dL/dy = {gradient}"
        yield from _omitted(others, "outputs", "smaller gradients")
        yield f"L = {self._n(step.loss)}" + (" (with the penalty)" if self._penalized else "")

    def _backward(self, k: int, step: StepTrace) -> Iterator[Line]:
        layer = step.layers[k]
        yield Heading(3, _layer_title(k, layer))
        if layer.left_out is not None:
            yield "dL/dx = dL/da / (1 - rate), or 0 where left out"
            return
        if layer.deltas is None and type(layer.layer) in _DERIVATIVES:
            yield _DERIVATIVES[type(layer.layer)]
            return
        if layer.deltas is None:
            yield "its derivative is part of the engine's; see the gradient of its parameters below"
            return
        shown, others = largest(np.abs(layer.deltas).max(axis=0), MAX_UNITS)
        for row, prefix in self._prefixes():
            for unit in shown:
                yield f"{prefix}unit {unit + 1}: {self._arriving_gradient(k, step, row, unit)}"
                delta = self._n(layer.deltas[row, unit])
                if layer.slopes is not None:
                    product = self._equations.product(
                        layer.slopes[row, unit], layer.output_gradients[row, unit]
                    )
                    yield f"    delta = f'(z)·dL/da = {product} = {delta}"
                else:
                    yield f"    delta = {delta}"
        yield from _omitted(others, "units", "smaller deltas")

    def _arriving_gradient(self, k: int, step: StepTrace, row: int, unit: int) -> str:
        """Return dL/da of a unit of layer k, by the chain rule where a dense layer follows."""
        gradient = self._n(step.layers[k].output_gradients[row, unit])
        if k + 1 == len(step.layers):
            return f"dL/da = {gradient} (from the loss)"
        following = step.layers[k + 1]
        if not isinstance(following.layer, Dense) or following.deltas is None:
            return f"dL/da = {gradient} (from layer {k + 2})"
        weights = following.before["weight"][:, unit]
        terms = self._equations.sum_of_products(weights, following.deltas[row])
        return f"dL/da = Σ w·delta of layer {k + 2} = {terms} = {gradient}"

    def _update(self, k: int, layer: LayerTrace) -> Iterator[Line]:
        if not layer.before:
            return
        yield Heading(3, _layer_title(k, layer))
        for name, before in layer.before.items():
            gradient, after = layer.gradients[name], layer.after[name]
            shown, others = largest(np.abs(gradient).ravel(), MAX_WEIGHTS)
            for flat in shown:
                index = tuple(int(i) for i in np.unravel_index(flat, before.shape))
                entry = f"{name}[{','.join(str(i + 1) for i in index)}]"
                terms = self._gradient_terms(layer, name, index)
                yield f"{entry}: g = {terms}{self._n(gradient[index])}"
                change = self._n(after[index] - before[index])
                yield f"    {self._n(before[index])} -> {self._n(after[index])}  (change {change})"
            yield from _omitted(others, f"entries of {name}", "smaller gradients")

    def _gradient_terms(self, layer: LayerTrace, name: str, index: tuple[int, ...]) -> str:
        """Return Σ over the rows of delta·input, where that is the whole gradient."""
        if not isinstance(layer.layer, Dense) or layer.deltas is None or self._penalized:
            return ""
        deltas = layer.deltas[:, index[0]]
        if name != "bias":
            terms = self._equations.sum_of_products(deltas, layer.inputs[:, index[1]])
            return f"delta·input = {terms} = "
        if len(deltas) == 1:
            return "delta = "
        return " + ".join(self._n(delta) for delta in deltas) + " = "

    def _after(self, step: StepTrace) -> Iterator[Line]:
        yield Heading(2, "Forward again, with the new weights")
        for k, (layer, outputs) in enumerate(zip(step.layers, step.outputs_after, strict=True)):
            yield Heading(3, _layer_title(k, layer))
            sums = step.sums_after[k]
            shown, others = largest(np.abs(outputs).max(axis=0), MAX_UNITS)
            for row, prefix in self._prefixes():
                for unit in shown:
                    z = "" if sums is None else f"z = {self._n(sums[row, unit])}, "
                    yield f"{prefix}unit {unit + 1}: {z}a = {self._n(outputs[row, unit])}"
            yield from _omitted(others, "units", "smaller outputs")
        yield Heading(3, "Loss")
        shown, _ = largest(np.abs(step.score_gradients).max(axis=0), MAX_UNITS)
        for row, prefix in self._prefixes():
            for unit in shown:
                y = step.predictions_after[row, unit]
                error = self._n(step.targets[row, unit] - y)
                yield f"{prefix}output {unit + 1}: y = {self._n(y)}, error t - y = {error}"
        change = self._n(step.loss_after - step.loss)
        yield f"L = {self._n(step.loss_after)}, before {self._n(step.loss)} (change {change})"

    def _prefixes(self) -> Iterator[tuple[int, str]]:
        """Yield each row's index, and the prefix of its lines, empty for a single row."""
        for row, name in enumerate(self._rows):
            yield row, f"{name}, " if len(self._rows) > 1 else ""


def _layer_title(k: int, layer: LayerTrace) -> str:
    activation = getattr(layer.layer, "activation", None)
    function = f", {activation.kind}" if activation is not None else ""
    units = layer.outputs.shape[1]
    size = "1 unit" if units == 1 else f"{units} units"
    return f"Layer {k + 1} ({layer.layer.kind}, {size}{function})"  # type: ignore[attr-defined]


def _omitted(count: int, noun: str, reason: str) -> Iterator[Line]:
    """Yield a line on what is left out, if anything is."""
    if count:
        yield f"({count} more {noun} with {reason} are left out)"
