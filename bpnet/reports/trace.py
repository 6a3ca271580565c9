"""The trace as a text: each equation of a training step, with the numbers put in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.layers import Dense, Dropout
from bpnet.engine.losses import AnyLoss, BinaryCrossEntropy, CrossEntropy, SquaredError
from bpnet.engine.tracing import LayerTrace, StepTrace
from bpnet.workflows.trace import Trace

MOST_TERMS = 8
MOST_UNITS = 8
MOST_WEIGHTS = 16


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the step, level 2 a part of it, level 3 a layer."""

    level: int
    text: str


Line = Heading | str


@dataclass(frozen=True)
class Subject:
    """What is traced: whose rows, under which names, and by which rules."""

    title: str
    rows: list[str]
    """How each row is called, such as 'row 3'."""
    features: list[str]
    loss: AnyLoss
    optimizer: str
    penalized: bool


def subject_of(name: str, traced: Trace) -> Subject:
    """What a trace is about."""
    description, training = traced.model.description, traced.training
    rows = [f"row {number}" for number in traced.rows]
    named = (
        rows[0] if len(rows) == 1 else f"rows {', '.join(str(number) for number in traced.rows)}"
    )
    return Subject(
        title=f"{name}: {named}",
        rows=rows,
        features=description.encoder.inputs,
        loss=description.loss,
        optimizer=training.optimizer.kind,
        penalized=training.l1 > 0 or training.l2 > 0,
    )


class TraceText:
    """Writes the lines of a trace, with numbers to so many significant digits."""

    def __init__(self, subject: Subject, digits: int) -> None:
        self._subject, self._digits = subject, digits

    def lines(self, steps: Sequence[StepTrace]) -> Iterator[Line]:
        """Every line of every step."""
        yield Heading(1, self._subject.title)
        for row, name in enumerate(self._subject.rows):
            values = ", ".join(
                f"{feature} = {self._n(value)}"
                for feature, value in zip(
                    self._subject.features[:MOST_TERMS],
                    steps[0].layers[0].inputs[row],
                    strict=False,
                )
            )
            rest = len(self._subject.features) - MOST_TERMS
            targets = ", ".join(self._n(value) for value in steps[0].targets[row])
            yield (
                f"{name}, encoded: {values}"
                + (f" and {rest} more" if rest > 0 else "")
                + f"; target {targets}"
            )
            if steps[0].weights is not None:
                yield f"    its weight, by which its loss is multiplied: {self._n(steps[0].weights[row])}"
        yield (
            "delta is dL/dz, so a weight moves against it; texts that call target - output the error give delta the "
            "other sign"
        )
        for number, step in enumerate(steps, start=1):
            yield Heading(1, f"Step {number}")
            yield Heading(2, "Forward")
            for k, layer in enumerate(step.layers):
                yield from self._forward(k, layer)
            yield from self._loss(step)
            yield Heading(2, "Backward, with the weights as they were")
            for k in range(len(step.layers) - 1, -1, -1):
                yield from self._backward(k, step)
            yield Heading(
                2,
                f"Gradient and update ({self._subject.optimizer}, learning rate {self._n(step.learning_rate)})",
            )
            if step.clipped_norm != step.gradient_norm:
                before, after = self._n(step.gradient_norm), self._n(step.clipped_norm)
                yield f"g is clipped before the step: its norm goes from {before} to {after}"
            for k, layer in enumerate(step.layers):
                yield from self._update(k, layer)
            yield from self._after(step)

    def _forward(self, k: int, layer: LayerTrace) -> Iterator[Line]:
        yield Heading(3, _named(k, layer))
        if isinstance(layer.layer, Dropout):
            yield f"a = x / (1 - {layer.layer.rate:g}), or 0 where left out"
            for row, prefix in self._rows():
                dropped = np.flatnonzero((layer.outputs[row] == 0) & (layer.inputs[row] != 0)) + 1
                named = ", ".join(map(str, dropped[:MOST_WEIGHTS])) or "none"
                rest = max(len(dropped) - MOST_WEIGHTS, 0)
                yield f"{prefix}units left out: {named}" + (f" and {rest} more" if rest else "")
        shown, rest = _largest(np.abs(layer.outputs).max(axis=0), MOST_UNITS)
        for row, prefix in self._rows():
            for unit in shown:
                output = self._n(layer.outputs[row, unit])
                if not isinstance(layer.layer, Dense) or layer.sums is None:
                    yield f"{prefix}unit {unit + 1}: a = {output}"
                    continue
                total = self._n(layer.sums[row, unit])
                yield f"{prefix}unit {unit + 1}: z = {self._weighted_sum(layer, row, unit)} = {total}"
                if layer.layer.activation.kind != "identity":
                    yield f"    a = {layer.layer.activation.kind}({total}) = {output}"
        yield from _left_out(rest, "units", "smaller outputs")

    def _weighted_sum(self, layer: LayerTrace, row: int, unit: int) -> str:
        weights = layer.before["weight"][unit]
        text = self._products(weights, layer.inputs[row])
        if "bias" in layer.before:
            text += f" + {self._factor(layer.before['bias'][unit])}"
        return text

    def _products(self, left: Array, right: Array) -> str:
        """Σ left_i right_i, with the largest terms written out and the rest as their sum."""
        products = left * right
        shown, rest = _largest(np.abs(products), MOST_TERMS)
        text = " + ".join(self._product(left[i], right[i]) for i in shown)
        if rest:
            others = np.delete(products, shown).sum()
            text += f" + ({self._n(others)} from {rest} smaller terms)"
        return text

    def _loss(self, step: StepTrace) -> Iterator[Line]:
        loss = self._subject.loss
        yield Heading(2, f"Loss: {_equation(loss)}")
        logits = not np.array_equal(step.predictions, step.scores)
        shown, rest = _largest(np.abs(step.score_gradients).max(axis=0), MOST_UNITS)
        for row, prefix in self._rows():
            for unit in shown:
                y, t = self._n(step.scores[row, unit]), self._n(step.targets[row, unit])
                gradient = self._n(step.score_gradients[row, unit])
                if logits:
                    p = self._n(step.predictions[row, unit])
                    yield f"{prefix}output {unit + 1}: score z = {y}, probability p = {p}, target t = {t}"
                    yield f"    dL/dz = {gradient}"
                else:
                    error = self._n(step.targets[row, unit] - step.scores[row, unit])
                    yield f"{prefix}output {unit + 1}: y = {y}, target t = {t}, error t - y = {error}"
                    yield f"    dL/dy = {gradient}"
        yield from _left_out(rest, "outputs", "smaller gradients")
        yield f"L = {self._n(step.loss)}" + (
            " (with the penalty)" if self._subject.penalized else ""
        )

    def _backward(self, k: int, step: StepTrace) -> Iterator[Line]:
        layer = step.layers[k]
        yield Heading(3, _named(k, layer))
        if layer.deltas is None:
            yield "its derivative is part of the engine's; see the gradient of its parameters below"
            return
        following = step.layers[k + 1] if k + 1 < len(step.layers) else None
        shown, rest = _largest(np.abs(layer.deltas).max(axis=0), MOST_UNITS)
        for row, prefix in self._rows():
            for unit in shown:
                arriving = self._n(layer.output_gradients[row, unit])
                if (
                    following is not None
                    and isinstance(following.layer, Dense)
                    and following.deltas is not None
                ):
                    back = self._products(
                        following.before["weight"][:, unit], following.deltas[row]
                    )
                    yield f"{prefix}unit {unit + 1}: dL/da = Σ w·delta of layer {k + 2} = {back} = {arriving}"
                else:
                    source = "from the loss" if following is None else f"from layer {k + 2}"
                    yield f"{prefix}unit {unit + 1}: dL/da = {arriving} ({source})"
                delta = self._n(layer.deltas[row, unit])
                if layer.slopes is not None:
                    product = self._product(
                        layer.slopes[row, unit], layer.output_gradients[row, unit]
                    )
                    yield f"    delta = f'(z)·dL/da = {product} = {delta}"
                else:
                    yield f"    delta = {delta}"
        yield from _left_out(rest, "units", "smaller deltas")

    def _update(self, k: int, layer: LayerTrace) -> Iterator[Line]:
        if not layer.before:
            return
        yield Heading(3, _named(k, layer))
        for name, before in layer.before.items():
            gradient, after = layer.gradients[name], layer.after[name]
            shown, rest = _largest(np.abs(gradient).ravel(), MOST_WEIGHTS)
            for flat in shown:
                index = tuple(int(i) for i in np.unravel_index(flat, before.shape))
                place = ",".join(str(i + 1) for i in index)
                change = self._n(after[index] - before[index])
                yield f"{name}[{place}]: g = {self._gradient_text(layer, name, index)}{self._n(gradient[index])}"
                yield f"    {self._n(before[index])} -> {self._n(after[index])}  (change {change})"
            yield from _left_out(rest, f"entries of {name}", "smaller gradients")

    def _gradient_text(self, layer: LayerTrace, name: str, index: tuple[int, ...]) -> str:
        """Σ over the rows of delta·input, where that is the whole gradient."""
        if not isinstance(layer.layer, Dense) or layer.deltas is None or self._subject.penalized:
            return ""
        deltas = layer.deltas[:, index[0]]
        if name == "bias":
            return (
                " + ".join(self._n(delta) for delta in deltas) + " = "
                if len(deltas) > 1
                else "delta = "
            )
        return f"delta·input = {self._products(deltas, layer.inputs[:, index[1]])} = "

    def _after(self, step: StepTrace) -> Iterator[Line]:
        yield Heading(2, "Forward again, with the new weights")
        for k, (layer, outputs) in enumerate(zip(step.layers, step.outputs_after, strict=True)):
            yield Heading(3, _named(k, layer))
            sums = step.sums_after[k]
            shown, rest = _largest(np.abs(outputs).max(axis=0), MOST_UNITS)
            for row, prefix in self._rows():
                for unit in shown:
                    total = "" if sums is None else f"z = {self._n(sums[row, unit])}, "
                    yield f"{prefix}unit {unit + 1}: {total}a = {self._n(outputs[row, unit])}"
            yield from _left_out(rest, "units", "smaller outputs")
        yield Heading(3, "Loss")
        for row, prefix in self._rows():
            for unit in _largest(np.abs(step.score_gradients).max(axis=0), MOST_UNITS)[0]:
                y = step.predictions_after[row, unit]
                error = self._n(step.targets[row, unit] - y)
                yield f"{prefix}output {unit + 1}: y = {self._n(y)}, error t - y = {error}"
        change = self._n(step.loss_after - step.loss)
        yield f"L = {self._n(step.loss_after)}, before {self._n(step.loss)} (change {change})"

    def _rows(self) -> Iterator[tuple[int, str]]:
        """Each row, and what its lines begin with where there are several."""
        for row, name in enumerate(self._subject.rows):
            yield row, f"{name}, " if len(self._subject.rows) > 1 else ""

    def _product(self, left: float, right: float) -> str:
        return f"{self._factor(left)}·{self._factor(right)}"

    def _factor(self, value: float) -> str:
        return f"({self._n(value)})" if value < 0 else self._n(value)

    def _n(self, value: float) -> str:
        return f"{float(value):.{self._digits}g}"


def as_text(lines: Iterator[Line]) -> str:
    """Plain text: headings underlined or indented."""
    out: list[str] = []
    for line in lines:
        if isinstance(line, Heading):
            out += (
                ["", line.text]
                if line.level == 3
                else ["", line.text, ("=" if line.level == 1 else "-") * len(line.text)]
            )
        else:
            out.append(f"  {line}")
    return "\n".join(out).strip("\n") + "\n"


def as_markdown(lines: Iterator[Line]) -> str:
    """Markdown: headings, with the equations in code blocks."""
    out: list[str] = []
    inside = False
    for line in lines:
        if isinstance(line, Heading):
            out += ["```", ""] if inside else []
            out += [f"{'#' * line.level} {line.text}", ""]
            inside = False
        else:
            out += [line] if inside else ["```", line]
            inside = True
    return "\n".join([*out, "```"] if inside else out).strip("\n") + "\n"


def _equation(loss: AnyLoss) -> str:
    """The loss as an equation over a row's outputs, and what is done with the rows."""
    rows = f"{loss.rows} over the rows"
    if isinstance(loss, CrossEntropy):
        return f"-Σ t log p, {rows}"
    if isinstance(loss, BinaryCrossEntropy):
        return f"-Σ (t log p + (1 - t) log (1 - p)), {rows}"
    element = {"squared_error": "(y - t)²", "absolute_error": "|y - t|", "huber": "huber(y - t)"}[
        loss.kind
    ]
    half = "½ " if isinstance(loss, SquaredError) and loss.half else ""
    return f"{half}{element}, {loss.outputs} over the outputs, {rows}"


def _named(k: int, layer: LayerTrace) -> str:
    activation = getattr(layer.layer, "activation", None)
    function = f", {activation.kind}" if activation is not None else ""
    return f"Layer {k + 1} ({layer.layer.kind}, {_units(layer)}{function})"  # type: ignore[attr-defined]


def _units(layer: LayerTrace) -> str:
    units = layer.outputs.shape[1]
    return "1 unit" if units == 1 else f"{units} units"


def _largest(sizes: Array, most: int) -> tuple[list[int], int]:
    """The indices of the largest entries, in order, and how many others there are."""
    if len(sizes) <= most:
        return list(range(len(sizes))), 0
    chosen = np.sort(np.argsort(-sizes, kind="stable")[:most])
    return [int(i) for i in chosen], len(sizes) - most


def _left_out(count: int, what: str, why: str) -> Iterator[Line]:
    if count:
        yield f"({count} more {what} with {why} are left out)"
