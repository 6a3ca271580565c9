"""Tracing: training steps on a few rows, with a copy of every number on the way.

Forward, backward and update are those of the engine that trains; tracing adds none of its own.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.layers import Layer
from bpnet.engine.layers.base import BoundActivation
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import Loss
from bpnet.engine.network import Network
from bpnet.engine.objective import Objective
from bpnet.engine.parameters import Vector
from bpnet.engine.penalties import Penalty


@dataclass(frozen=True)
class LayerTrace:
    """One layer in one step. Arrays are (B, I) or (B, O): a row of the table is a row here."""

    layer: Layer
    inputs: Array
    """The layer's inputs (B, I)."""
    sums: Array | None
    """z, before the activation; None where the layer has no such sums."""
    outputs: Array
    slopes: Array | None
    """f'(z); None where f mixes the units, as softmax does, or there is no activation."""
    output_gradients: Array
    """dL/da, as the layer after this one, or the loss, sends it back."""
    deltas: Array | None
    """dL/dz = f'(z) dL/da; None where the layer has no sums."""
    before: dict[str, Array]
    """Each parameter by name, before the step."""
    gradients: dict[str, Array]
    """dL/dw of each parameter, penalty included, before clipping."""
    after: dict[str, Array]
    """Each parameter after the step."""


@dataclass(frozen=True)
class StepTrace:
    """One step of the only replica: forward, backward, update, and the forward pass after it."""

    learning_rate: float
    layers: list[LayerTrace]
    scores: Array
    """The network's output (B, O), which the loss reads."""
    predictions: Array
    """The scores themselves, or probabilities where the loss reads logits."""
    targets: Array
    weights: Array | None
    """The weight of each row (B,) in the loss, None where all are 1."""
    loss: float
    """The loss of all rows, penalty included."""
    score_gradients: Array
    """dL/d score (B, O)."""
    gradient_norm: float
    """Norm of the whole gradient before clipping."""
    clipped_norm: float
    """Norm of the whole gradient after clipping."""
    loss_after: float
    """The loss with the new parameters, as are the numbers below."""
    predictions_after: Array
    sums_after: list[Array | None]
    """z (B, O) of each layer, None where it has no sums."""
    outputs_after: list[Array]
    """Outputs (B, O) of each layer."""


def trace(
    training: Training, network: Network, loss: Loss, rows: Rows, steps: int
) -> list[StepTrace]:
    """Take training steps and return all their numbers.

    Parameters
    ----------
    training
        The settings; its optimizer starts fresh, and all rows are one batch.
    network
        A network of one replica. Training goes on from its parameters, and changes them.
    loss, rows
        The loss to lower, of these rows.
    steps
        Number of steps.

    Returns
    -------
    list of StepTrace
        One for each step. Losses may be infinite or nan: the caller looks.

    Raises
    ------
    ValueError
        If the optimizer follows no gradient, or the rows do not fit the network.
    """
    if training.optimizer.searches:
        raise ValueError(
            f"the optimizer {getattr(training.optimizer, 'kind', '')} follows no gradient"
        )
    tracer = _Tracer(training, network, loss, rows)
    with np.errstate(all="ignore"):
        return [tracer.step(step) for step in range(steps)]


class _Forward(NamedTuple):
    """Copies of what a forward pass wrote, as rows of the table."""

    sums: list[Array | None]
    outputs: list[Array]
    scores: Array
    predictions: Array


class _Backward(NamedTuple):
    """Copies of one layer's dL/da and dL/dz (B, O)."""

    output_gradients: Array
    deltas: Array | None


class _Tracer:
    """A network in training whose every step is copied, number by number."""

    def __init__(self, training: Training, network: Network, loss: Loss, rows: Rows) -> None:
        self._training, self._network, self._rows = training, network, rows
        penalty = Penalty(l1=training.l1, l2=training.l2)
        self._objective = Objective(network, loss, rows, penalty, keeps_sums=True)
        self._layers = self._objective.layers.layers
        self._state = training.optimizer.bind(network.theta, network.gradient, network.weights)

    def step(self, step: int) -> StepTrace:
        """Take one step, counted from 0."""
        network, objective, epoch = self._network, self._objective, step + 1
        objective.forward(epoch)
        slopes = [_slopes(bound) for bound in self._layers]
        # again, since an activation may use up what its derivative is made of
        loss = float(objective.forward(epoch)[0])
        score_gradients = _by_row(objective.loss.gradient)
        before = self._by_layer(network.parameters)
        flows = self._backward(objective.loss.gradient)
        objective.penalty.add_gradient()
        gradients = self._by_layer(network.gradients)
        forward = self._forward()
        inputs = [_by_row(objective.batch.x), *forward.outputs[:-1]]  # of each layer
        gradient_norm, clipped_norm = self._clip()
        learning_rate = self._update(step)
        after = self._by_layer(network.parameters)
        loss_after = float(objective.forward(epoch)[0])
        forward_after = self._forward()
        return StepTrace(
            learning_rate=learning_rate,
            layers=[
                LayerTrace(
                    layer=layer,
                    inputs=inputs[k],
                    sums=forward.sums[k],
                    outputs=forward.outputs[k],
                    slopes=slopes[k],
                    output_gradients=flows[k].output_gradients,
                    deltas=flows[k].deltas,
                    before=before[k],
                    gradients=gradients[k],
                    after=after[k],
                )
                for k, layer in enumerate(network.layers)
            ],
            scores=forward.scores,
            predictions=forward.predictions,
            targets=_by_row(objective.batch.y),
            weights=self._rows.weights,
            loss=loss,
            score_gradients=score_gradients,
            gradient_norm=gradient_norm,
            clipped_norm=clipped_norm,
            loss_after=loss_after,
            predictions_after=forward_after.predictions,
            sums_after=forward_after.sums,
            outputs_after=forward_after.outputs,
        )

    def _by_layer(self, vector: Vector) -> list[dict[str, Array]]:
        """Return copies of each layer's parameters, or of their gradients, by name."""
        parts = (vector.part(f"layers.{k}") for k in range(len(self._layers)))
        return [{name: view[0].copy() for name, view in part.items()} for part in parts]

    def _forward(self) -> _Forward:
        """Copy what the last forward pass wrote."""
        scores = self._objective.layers.output
        return _Forward(
            sums=[_by_row(bound.z) if hasattr(bound, "z") else None for bound in self._layers],
            outputs=[_by_row(bound.output) for bound in self._layers],
            scores=_by_row(scores),
            predictions=_by_row(self._network.predictions_of(scores)),
        )

    def _backward(self, delta: Array) -> list[_Backward]:
        """Go back through the layers, and copy dL/da before and dL/dz after each."""
        flows: list[_Backward] = []
        for bound in reversed(self._layers):
            arriving = _by_row(delta)
            bound.backward(delta)
            # where there is z, backward has turned delta into dL/dz in place
            flows.append(_Backward(arriving, _by_row(delta) if hasattr(bound, "z") else None))
            if bound.input_gradient is None:  # no layer before this one has parameters
                before = self._layers[: -len(flows)]
                flows += [_Backward(_by_row(other.output) * 0, None) for other in reversed(before)]
                break
            delta = bound.input_gradient
        return flows[::-1]

    def _clip(self) -> tuple[float, float]:
        """Clip the gradient, and return its norm before and after."""
        gradient, clipping = self._network.gradient, self._training.gradient_clipping
        norm = float(np.linalg.norm(gradient))
        if clipping is None:
            return norm, norm
        clipping.clip(gradient)
        return norm, float(np.linalg.norm(gradient))

    def _update(self, step: int) -> float:
        """Let the optimizer move the parameters, and return the learning rate of the step."""
        training = self._training
        # one step an epoch, since all rows are one batch
        rate = training.learning_rate * training.schedule.factor(step, 1, training.epochs)
        training.optimizer.step(self._state, rate)
        return rate


def _slopes(bound: object) -> Array | None:
    """Return f'(z) of a layer just run forward, by sending 1 back through its activation."""
    activation = getattr(bound, "activation", None)
    if not isinstance(activation, BoundActivation) or not activation.elementwise:
        return None
    ones = np.ones_like(activation.output)
    activation.backward(ones)
    return _by_row(ones)


def _by_row(values: Array) -> Array:
    """Return a copy of the first replica of values (R, O, B) as (B, O)."""
    return np.array(values[0].T)
