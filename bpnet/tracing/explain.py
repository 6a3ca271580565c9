"""From the numbers of a trace to its explanation: each of them with its equation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bpnet.data.encoding import Encoder
from bpnet.data.targets import AnyTarget, Classes
from bpnet.engine.bugs import UpdatedWeights
from bpnet.engine.component import Array
from bpnet.engine.layers import (
    BatchNormalization,
    Dense,
    Dropout,
    Embedding,
    Equilibrium,
    LayerNormalization,
    Parametric,
    Periodic,
    Scale,
)
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import AnyLoss
from bpnet.engine.network import Network
from bpnet.engine.step_trace import LayerTrace, StepTrace
from bpnet.tracing.equilibrium import EquilibriumEquations
from bpnet.tracing.expressions import Expression, Quantity, Symbol, primed
from bpnet.tracing.layer_kinds import (
    DenseEquations,
    DropoutEquations,
    EmbeddingEquations,
    ParametricEquations,
    PeriodicEquations,
    ScaleEquations,
    UpdatedWeightsEquations,
)
from bpnet.tracing.layers import (
    MAX_UNITS,
    LayerEquations,
    LayerPass,
    first_pass,
    largest,
    left_out,
    parameter_sign,
    second_pass,
)
from bpnet.tracing.losses import LossEquations, loss_rule, reads_logits
from bpnet.tracing.normalization import NormalizationEquations
from bpnet.tracing.optimizers import rules
from bpnet.tracing.rows import TracedRow, output_names, row_section, short_name
from bpnet.tracing.schedules import learning_rate
from bpnet.tracing.structure import (
    Entry,
    ExplainedStep,
    Explanation,
    Number,
    Place,
    Remark,
    Section,
)
from bpnet.tracing.summary import summary
from bpnet.tracing.update import UpdateEquations

SIGN = (
    "delta = f'(z)·dL/da is dL/dz, so a weight moves against it; texts that call target - output "
    "the error give delta the other sign"
)

LAYERS: Mapping[type, type[LayerEquations]] = {
    Dense: DenseEquations,
    Equilibrium: EquilibriumEquations,
    Dropout: DropoutEquations,
    BatchNormalization: NormalizationEquations,
    LayerNormalization: NormalizationEquations,
    Scale: ScaleEquations,
    Parametric: ParametricEquations,
    Periodic: PeriodicEquations,
    Embedding: EmbeddingEquations,
    UpdatedWeights: UpdatedWeightsEquations,
}
"""The equations of each kind of layer."""


@dataclass(frozen=True)
class Subject:
    """What is traced: the network with its training, and how a table becomes its inputs."""

    network: Network
    training: Training
    loss: AnyLoss
    encoder: Encoder
    target: AnyTarget
    rows: Sequence[TracedRow]


def explain(subject: Subject, steps: Sequence[StepTrace]) -> Explanation:
    """Return the explanation of traced steps."""
    first = steps[0]
    x = first.layers[0].inputs
    t = first.targets if first.hard_targets is None else first.hard_targets
    return Explanation(
        rows=[
            row_section(row, subject.encoder, subject.target, x[k], t[k])
            for k, row in enumerate(subject.rows)
        ],
        steps=[_Step(subject, step, k).explained for k, step in enumerate(steps, start=1)],
        summary=summary(
            steps,
            [row.number for row in subject.rows],
            searches=subject.training.optimizer.searches,
            logits=reads_logits(subject.loss),
        ),
    )


class _Step:
    """Explains one step."""

    def __init__(self, subject: Subject, step: StepTrace, number: int) -> None:
        self._subject, self._step, self._number = subject, step, number
        self._rows = [row.number for row in subject.rows]
        self._layers = [
            LAYERS[_kind(layer)](k, layer, self._rows) for k, layer in enumerate(step.layers)
        ]
        width = step.scores.shape[1]
        self._loss = LossEquations(
            subject.loss,
            step,
            self._rows,
            subject.training,
            [short_name(name) for name in output_names(subject.target, width)],
            list(self._weights()),
        )
        self._update = UpdateEquations(step, subject.training, subject.network, self._layers)

    @property
    def explained(self) -> ExplainedStep:
        """The step with all its sections."""
        sections = [
            *self._forward(),
            Section(
                "loss",
                f"Loss: {loss_rule(self._subject.loss)}",
                2,
                [*self._loss.entries(), *self._shares()],
            ),
            *(self._search() if self._step.trial else [*self._backward(), *self._updates()]),
            *self._after(),
        ]
        return ExplainedStep(self._number, self._step.epoch, sections)

    def _shares(self) -> Iterator[Entry]:
        """Yield what predictions make of outputs that are no probabilities."""
        several = self._step.scores.shape[1] > 1
        shared = isinstance(self._subject.target, Classes) and several
        if shared and not reads_logits(self._subject.loss):
            yield Remark(
                "predictions divide these outputs, clipped to 0 … 1, by their sum, to make "
                "probabilities; bpnet predict --raw writes them as they are"
            )

    def _weights(self) -> Iterator[tuple[str, Array, Array]]:
        """Yield the sign of each weight array, and the array before and after."""
        for path, parameter in self._subject.network.declared.items():
            if parameter.is_weight:
                _, k, name = path.split(".")
                layer = self._step.layers[int(k)]
                sign = f"{parameter_sign(layer.layer, name)}{int(k) + 1}"
                yield sign, layer.before[name], (layer.tried or layer.after)[name]

    def _forward(self) -> Iterator[Section]:
        yield Section("forward", "Forward", 2)
        for k, layer in enumerate(self._step.layers):
            yield self._layer_section(k, first_pass(layer))

    def _layer_section(self, k: int, passed: LayerPass) -> Section:
        entries = list(self._layers[k].forward(passed))
        if passed.phase == "after":
            entries = [entry if isinstance(entry, Remark) else _primed(entry) for entry in entries]
        return Section(passed.phase, layer_title(k, self._step.layers[k]), 3, entries, k + 1)

    def _backward(self) -> Iterator[Section]:
        yield Section("backward", "Backward, with the weights as they were", 2, [Remark(SIGN)])
        trained = [k for k, layer in enumerate(self._step.layers) if layer.before]
        for k in range(len(self._step.layers) - 1, (trained or [0])[0] - 1, -1):
            title = layer_title(k, self._step.layers[k])
            yield Section("backward", title, 3, list(self._backward_entries(k)), k + 1)

    def _backward_entries(self, k: int) -> Iterator[Entry]:
        layer, equations = self._step.layers[k], self._layers[k]
        if k + 1 < len(self._layers):
            yield Remark(f"dL/da = {self._layers[k + 1].sends_back} of layer {k + 2}")
        if equations.backward_rule:
            yield Remark(equations.backward_rule)
        flows = layer.output_gradients
        sizes = flows if equations.deltas is None else equations.deltas
        if sizes.shape != flows.shape:  # of units that the next layer does not read
            sizes = flows
        shown, others = largest(np.abs(sizes).max(axis=0), MAX_UNITS)
        for row in range(len(self._rows)):
            yield from equations.in_order(
                [
                    [self._arriving_number(k, row, unit), *equations.backward(row, unit)]
                    for unit in shown
                ]
            )
        yield from left_out(others, "units", "smaller deltas")
        yield from equations.backward_batch()

    def _arriving_number(self, k: int, row: int, unit: int) -> Number:
        equations = self._layers[k]
        flow, arriving = equations.flow(row, unit), self._arriving(k, row, unit)
        name = "gradient by the activation"
        return equations.unit_number(name, flow, arriving, "backward", row, unit)

    def _arriving(self, k: int, row: int, unit: int) -> Expression:
        """Return dL/da of a unit: from the layer after its own, or from the loss."""
        if k + 1 < len(self._layers):
            return self._layers[k + 1].input_gradient(row, unit)
        base = "dL/dz" if reads_logits(self._subject.loss) else "dL/dy"
        value = self._step.score_gradients[row, unit]
        return Quantity(Symbol(base, (unit + 1,)), float(value))

    def _updates(self) -> Iterator[Section]:
        yield self._update_heading("Gradient and update")
        for k, layer in enumerate(self._step.layers):
            if layer.before:
                gradients = self._layers[k].gradient_rule
                remarks = [Remark(gradients)] if gradients else []
                entries: list[Entry] = [*remarks, *self._update.entries(k)]
                yield Section("update", layer_title(k, layer), 3, entries, k + 1)

    def _update_heading(self, title: str) -> Section:
        training, step = self._subject.training, self._step
        entries: list[Entry] = []
        if not training.optimizer.searches:
            *lines, last = rules(training.optimizer)
            entries += [*map(Remark, lines), Remark(f"{last}; g is dL/dw")]
            penalties = {"l1·sign(w)": training.l1, "l2·w": training.l2}
            if any(penalties.values()):
                terms = " + ".join(term for term, share in penalties.items() if share)
                entries.append(Remark(f"of weights, dL/dw has {terms} added, from the penalty"))
        rate = learning_rate(training, step)
        if rate is not None:
            entries.append(Remark(f"the rate is that of step {step.number} of epoch {step.epoch}"))
            entries.append(
                Number("learning rate", Symbol("η"), rate, step.learning_rate, Place("update"))
            )
        if step.clipped_norm != step.gradient_norm:
            entries.append(Remark("g is clipped before the step"))
            entries += self._update.clipping()
        heading = f"{title} ({training.optimizer.kind}, learning rate {step.learning_rate:.10g})"
        return Section("update", heading, 2, entries)

    def _search(self) -> Iterator[Section]:
        heading = self._update_heading("Trial")
        assert self._step.trial is not None
        k = self._step.trial.layer
        remark = Remark("one parameter, chosen by chance or in turn, is changed by η·n")
        yield Section("update", heading.title, 2, [remark, *heading.entries])
        title = layer_title(k, self._step.layers[k])
        yield Section("update", title, 3, list(self._update.trial()), k + 1)

    def _after(self) -> Iterator[Section]:
        trial = self._step.trial
        title = "Forward again, with the new weights"
        yield Section("after", title if trial is None else "Forward again, as tried", 2)
        for k in range(len(self._layers)):
            yield self._layer_section(k, second_pass(self._step, k))
        entries = list(self._loss.entries_after())
        yield Section("after", "Loss", 3, entries)
        if trial is not None:
            verdict = (
                "kept, since the loss is lower" if trial.kept else "undone: the loss is no lower"
            )
            yield Section(
                "after", "Verdict", 3, [Remark(f"the change is {verdict}"), *self._update.verdict()]
            )


def _primed(number: Number) -> Number:
    """Return a number of a layer as that after the step, made of such numbers."""
    equation = None if number.equation is None else primed(number.equation)
    return replace(number, symbol=number.symbol.primed, equation=equation)


def _kind(layer: LayerTrace) -> type:
    """Return the class of a layer, by which its equations are found."""
    return next(kind for kind in type(layer.layer).__mro__ if kind in LAYERS)


def layer_title(k: int, layer: LayerTrace) -> str:
    """Return the heading of a layer, counted from 0."""
    activation = getattr(layer.layer, "activation", None)
    function = f", {activation.kind}" if activation is not None else ""
    units = layer.outputs.shape[1]
    size = "1 unit" if units == 1 else f"{units} units"
    return f"Layer {k + 1} ({layer.layer.kind}, {size}{function})"  # type: ignore[attr-defined]
