"""Tracing: training steps on a few rows with every number on the way kept, by the engine that trains."""

from dataclasses import dataclass

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.layers import Layer
from bpnet.engine.layers.base import BoundActivation
from bpnet.engine.loop.batches import Rows, WholeBatch
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import Loss
from bpnet.engine.network import BoundNetwork, Network
from bpnet.engine.penalties import Penalty


@dataclass(frozen=True)
class LayerTrace:
    """One layer in one step. Arrays are (B, units): a row of the table is a row here."""

    layer: Layer
    inputs: Array
    sums: Array | None
    """z, before the activation; None where the layer has no such sums."""
    outputs: Array
    slopes: Array | None
    """f'(z); None where f is no function of each unit alone, or there is none."""
    output_gradients: Array
    """dL/da, as the layer after this one, or the loss, hands it back."""
    deltas: Array | None
    """dL/dz = f'(z) dL/da; None where the layer has no sums."""
    before: dict[str, Array]
    gradients: dict[str, Array]
    """dL/dw of each parameter, penalty included, before clipping."""
    after: dict[str, Array]


@dataclass(frozen=True)
class StepTrace:
    """One step: forward, backward and update, and the forward pass after it. All for the network's only replica."""

    learning_rate: float
    layers: list[LayerTrace]
    scores: Array
    """The network's output (B, O), which the loss reads."""
    predictions: Array
    """What the scores mean: the same, or probabilities where the loss reads logits."""
    targets: Array
    weights: Array | None
    """The weight of each row (B,) in the loss, None where all are 1."""
    loss: float
    """Of all rows, penalty included."""
    score_gradients: Array
    """dL/d score (B, O)."""
    gradient_norm: float
    clipped_norm: float
    """The norm of the whole gradient before and after clipping."""
    loss_after: float
    predictions_after: Array
    sums_after: list[Array | None]
    """Each layer's z with the new parameters."""
    outputs_after: list[Array]
    """Each layer's outputs with the new parameters."""


def trace(
    training: Training, network: Network, loss: Loss, rows: Rows, steps: int
) -> list[StepTrace]:
    """Take steps with all rows as one batch, from the network's parameters on, which are changed.

    The optimizer starts fresh; the network has one replica. Raises ValueError where it follows no gradient.
    """
    if training.optimizer.searches:
        raise ValueError(
            f"the optimizer {getattr(training.optimizer, 'kind', '')} follows no gradient"
        )
    prepared = rows.prepared(loss.prepare)
    batch = WholeBatch(prepared, 1)
    layers = network.bind(batch.x, training=True, keeps_sums=True)
    bound_loss = loss.bind(layers.output, batch.y, batch.weights)
    penalty = Penalty(l1=training.l1, l2=training.l2).bind(
        network.theta, network.gradient, network.weights
    )
    state = training.optimizer.bind(network.theta, network.gradient, network.weights)

    def forward(step: int) -> float:
        network.begin_epoch(step + 1)
        layers.forward()
        bound_loss.evaluate()
        return float((bound_loss.value() + penalty.value())[0])

    traced: list[StepTrace] = []
    with np.errstate(all="ignore"):  # the caller looks whether the losses are finite
        for step in range(steps):
            forward(step)
            slopes = [_slopes(bound) for bound in layers.layers]
            value = forward(
                step
            )  # again, for an activation may use up what its derivative is made of
            score_gradients = _by_row(bound_loss.gradient)
            before = [
                _copies(network.parameters.part(f"layers.{k}")) for k in range(len(network.layers))
            ]
            flows = _backward(layers, bound_loss.gradient)
            penalty.add_gradient()
            gradients = [
                _copies(network.gradients.part(f"layers.{k}")) for k in range(len(network.layers))
            ]
            sums = _sums(layers)
            outputs = [_by_row(bound.output) for bound in layers.layers]
            inputs = [_by_row(batch.x), *outputs[:-1]]
            predictions, scores = (
                _by_row(network.predictions_of(layers.output)),
                _by_row(layers.output),
            )
            gradient_norm = float(np.linalg.norm(network.gradient))
            if training.gradient_clipping is not None:
                training.gradient_clipping.clip(network.gradient)
            clipped_norm = float(np.linalg.norm(network.gradient))
            rate = training.learning_rate * training.schedule.factor(step, 1, training.epochs)
            training.optimizer.step(state, rate)
            after = [
                _copies(network.parameters.part(f"layers.{k}")) for k in range(len(network.layers))
            ]
            value_after = forward(step)
            traced.append(
                StepTrace(
                    learning_rate=rate,
                    layers=[
                        LayerTrace(
                            layer,
                            inputs[k],
                            sums[k],
                            outputs[k],
                            slopes[k],
                            *flows[k],
                            before[k],
                            gradients[k],
                            after[k],
                        )
                        for k, layer in enumerate(network.layers)
                    ],
                    scores=scores,
                    predictions=predictions,
                    targets=_by_row(batch.y),
                    weights=prepared.weights,
                    loss=value,
                    score_gradients=score_gradients,
                    gradient_norm=gradient_norm,
                    clipped_norm=clipped_norm,
                    loss_after=value_after,
                    predictions_after=_by_row(network.predictions_of(layers.output)),
                    sums_after=_sums(layers),
                    outputs_after=[_by_row(bound.output) for bound in layers.layers],
                )
            )
    return traced


def _sums(layers: BoundNetwork) -> list[Array | None]:
    return [_by_row(bound.z) if hasattr(bound, "z") else None for bound in layers.layers]


def _backward(layers: BoundNetwork, delta: Array) -> list[tuple[Array, Array | None]]:
    """Go back through the layers, and copy dL/da before and dL/dz after each."""
    flows: list[tuple[Array, Array | None]] = []
    for bound in reversed(layers.layers):
        arriving = _by_row(delta)
        bound.backward(delta)
        flows.append((arriving, _by_row(delta) if hasattr(bound, "z") else None))
        if bound.input_gradient is None:
            flows += [(_by_row(before.output) * 0, None) for before in layers.layers[: -len(flows)]]
            break
        delta = bound.input_gradient
    return flows[::-1]


def _slopes(bound: object) -> Array | None:
    """f'(z) of a layer that was just run forward, found by sending 1 back through its activation."""
    activation = getattr(bound, "activation", None)
    if not isinstance(activation, BoundActivation) or not activation.elementwise:
        return None
    ones = np.ones_like(activation.output)
    activation.backward(ones)
    return _by_row(ones)


def _by_row(values: Array) -> Array:
    """A copy of the first replica of (R, units, B) as (B, units)."""
    return np.array(values[0].T)


def _copies(views: dict[str, Array]) -> dict[str, Array]:
    return {name: view[0].copy() for name, view in views.items()}
