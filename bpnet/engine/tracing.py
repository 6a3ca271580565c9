"""Tracing: training steps on a few rows, with a copy of every number on the way.

Forward, backward and update are those of the engine that trains; tracing adds none of its own.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.layers.base import BoundActivation
from bpnet.engine.layers.dropout import BoundDropout
from bpnet.engine.layers.equilibrium import BoundEquilibrium
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import Loss
from bpnet.engine.network import Network
from bpnet.engine.objective import Objective
from bpnet.engine.optimizers.state import Memory
from bpnet.engine.parameters import Vector
from bpnet.engine.penalties import Penalty
from bpnet.engine.randomness import Purpose, generator
from bpnet.engine.step_trace import LayerTrace, Relaxation, StepTrace, Trial


@dataclass(frozen=True)
class Position:
    """A place in a training, of which some epochs are done, and some steps of the next one."""

    epochs_done: int = 0
    steps_per_epoch: int = 1
    reduction: float = 1.0
    """The factor to which a schedule that waits for a plateau has come."""
    memory: Memory | None = None
    """What is kept of the steps before; None for an optimizer that starts fresh."""
    steps_done: int = 0
    """Steps of the epoch that are done."""

    @property
    def step(self) -> int:
        """The number of steps before it, in all epochs."""
        return self.epochs_done * self.steps_per_epoch + self.steps_done


def trace(
    training: Training,
    network: Network,
    loss: Loss,
    rows: Rows,
    steps: int,
    position: Position | None = None,
) -> list[StepTrace]:
    """Take training steps and return all their numbers.

    Parameters
    ----------
    training
        The settings; all rows are one batch.
    network
        A network of one replica. Training goes on from its parameters, and changes them.
    loss, rows
        The loss to lower, of these rows.
    steps
        Number of steps.
    position
        The place in the training of the first step, by which rates are scheduled and layers draw;
        by default the start of a training whose epochs are a step each.

    Returns
    -------
    list of StepTrace
        One for each step. Losses may be infinite or nan: the caller looks.

    Raises
    ------
    ValueError
        If the optimizer solves for its steps, or the rows do not fit the network.
    """
    if training.optimizer.full_batch:
        kind = getattr(training.optimizer, "kind", "")
        raise ValueError(
            f"the optimizer {kind} tries out steps for all rows at once, rather than follow a "
            "gradient"
        )
    tracer = _Tracer(training, network, loss, rows, position or Position())
    with np.errstate(all="ignore"):
        try:
            return [tracer.step(step) for step in range(steps)]
        finally:
            network.progress.leave()


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


class _Move(NamedTuple):
    """What an optimizer did, and the forward pass after it."""

    loss: float
    forward: _Forward
    gradient_norm: float | None = None
    clipped_norm: float | None = None
    clipped: list[dict[str, Array]] | None = None
    """Each layer's gradients after clipping; None in a search."""
    trial: Trial | None = None
    tried: list[dict[str, Array]] | None = None
    """Each layer's parameters in a search's trial, of which the forward pass is."""


class _Tracer:
    """A network in training whose every step is copied, number by number."""

    def __init__(
        self, training: Training, network: Network, loss: Loss, rows: Rows, position: Position
    ) -> None:
        self._training, self._network, self._rows = training, network, rows
        self._position = position
        penalty = Penalty(l1=training.l1, l2=training.l2)
        self._objective = Objective(network, loss, rows, penalty, keeps_sums=True)
        self._layers = self._objective.layers.layers
        self._state = training.optimizer.bind(
            network.theta,
            network.gradient,
            network.weights,
            network.blocks,
            training.learning_rate_factors,
            network.progress,
        )
        if position.memory is not None:
            self._state.remember(0, position.memory)

    def step(self, step: int) -> StepTrace:
        """Take one step, counted from 0."""
        network, objective, position = self._network, self._objective, self._position
        epochs, within = divmod(position.step + step, position.steps_per_epoch)
        epoch = epochs + 1
        searches = self._training.optimizer.searches
        if within == 0 or step == 0:
            self._begin_epoch(epoch, within)
        place = position.step + step, position.steps_per_epoch, self._training.epochs
        network.progress.move(*place)
        statistics_before = self._by_layer(network.statistics)
        with network.rehearsed():
            objective.forward_again()
            slopes = [_slopes(bound) for bound in self._layers]
        with network.rehearsed():  # for the pass after the step, which draws the same
            # again, since an activation may use up what its derivative is made of
            self._watch_relaxations()
            loss = float(objective.forward_again()[0])
            statistics_after = self._by_layer(network.statistics)
            statistics = network.statistics.flat.copy()
        units = self._watch_relaxations()
        score_gradients = _by_row(objective.loss.gradient)
        before = self._by_layer(network.parameters)
        forward = self._forward()
        inputs = [_by_row(objective.batch.x), *forward.outputs[:-1]]  # of each layer
        targets = _by_row(objective.loss.t)
        if searches:
            network.gradient.fill(0)
            flows = [_Backward(outputs * 0, None) for outputs in forward.outputs]
        else:
            flows = self._backward(objective.loss.gradient)
            objective.penalty.add_gradient()
        errors = self._watch_relaxations()
        gradients = self._by_layer(network.gradients)
        left_out = [_left_out(bound) for bound in self._layers]
        slots_before = self._slots()
        learning_rate = self._learning_rate(step)
        move = self._search(learning_rate, loss) if searches else self._move(learning_rate)
        units_after = self._watch_relaxations()
        network.statistics.flat[:] = statistics
        after, slots_after = self._by_layer(network.parameters), self._slots()
        return StepTrace(
            epoch=epoch,
            number=within + 1,
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
                    left_out=left_out[k],
                    statistics_before=statistics_before[k],
                    statistics_after=statistics_after[k],
                    dropout_rate=_dropout_rate(self._layers[k]),
                    clipped=move.clipped[k] if move.clipped else gradients[k],
                    slots_before=slots_before[k],
                    slots_after=slots_after[k],
                    relaxation=Relaxation(units[k], errors[k], units_after[k])
                    if isinstance(self._layers[k], BoundEquilibrium)
                    else None,
                    tried=move.tried[k] if move.tried else {},
                )
                for k, layer in enumerate(network.layers)
            ],
            scores=forward.scores,
            predictions=forward.predictions,
            targets=targets,
            weights=self._rows.weights,
            loss=loss,
            score_gradients=score_gradients,
            gradient_norm=move.gradient_norm,
            clipped_norm=move.clipped_norm,
            loss_after=move.loss,
            predictions_after=move.forward.predictions,
            sums_after=move.forward.sums,
            outputs_after=move.forward.outputs,
            place=place,
            count=self._state.count,
            momentum_product=self._state.momentum_product,
            reduction=position.reduction,
            hard_targets=np.array(self._rows.y),
            trial=move.trial,
        )

    def _begin_epoch(self, epoch: int, within: int) -> None:
        """Renew what draws, and let it go on from where it is after some steps of the epoch."""
        network, position = self._network, self._position
        network.begin_epoch(epoch)
        if self._training.optimizer.searches:
            self._state.generators = [
                generator(seed, Purpose.PERTURBATION, epoch) for seed in network.seeds
            ]
        if within and position.memory is not None:
            generators = [*self._state.generators, *network.generators]
            draws = [*position.memory.search_draws, *position.memory.layer_draws]
            for one, state in zip(generators, draws, strict=True):
                one.bit_generator.state = state

    def _move(self, rate: float) -> _Move:
        """Clip the gradient, and let the optimizer take a step along it."""
        norm, clipped_norm = self._clip()
        clipped = self._by_layer(self._network.gradients)
        self._training.optimizer.step(self._state, rate)
        loss = float(self._objective.forward_again()[0])
        return _Move(loss, self._forward(), norm, clipped_norm, clipped)

    def _search(self, rate: float, loss: float) -> _Move:
        """Let the optimizer try other parameters than those of a loss."""
        network = self._network
        before = network.theta.copy()
        seen: dict[str, Any] = {}

        def evaluate() -> Array:
            seen["theta"] = network.theta.copy()
            seen["parameters"] = self._by_layer(network.parameters)
            seen["loss"] = self._objective.forward_again()
            seen["forward"] = self._forward()
            return np.asarray(seen["loss"])

        self._training.optimizer.search(self._state, rate, np.array([loss]), evaluate)
        change = (seen["theta"] - before)[0]
        place = int(np.argmax(np.abs(change)))
        names = list(network.parameters.views)
        which = next(k for k, block in enumerate(network.blocks) if place < block.columns.stop)
        block, (_, layer, name) = network.blocks[which], names[which].split(".")
        index = np.unravel_index(place - block.columns.start, block.parameter.shape)
        trial = Trial(
            layer=int(layer),
            name=name,
            index=tuple(int(i) for i in index),
            noise=float(change[place]) / rate,
            loss=float(seen["loss"][0]),
            kept=bool((network.theta == seen["theta"]).all()),
        )
        after = trial.loss if trial.kept else loss
        return _Move(after, seen["forward"], trial=trial, tried=seen["parameters"])

    def _watch_relaxations(self) -> list[list[Array]]:
        """Return the states (B, units) of the last relaxation in each layer, and begin anew."""
        watched: list[list[Array]] = []
        for bound in self._layers:
            states = bound.states or [] if isinstance(bound, BoundEquilibrium) else []
            watched.append([_by_row(state) for state in states])
            if isinstance(bound, BoundEquilibrium):
                bound.states = []
        return watched

    def _slots(self) -> list[dict[str, dict[str, Array]]]:
        """Return copies of the optimizer's arrays for each layer's parameters."""
        slots: list[dict[str, dict[str, Array]]] = [{} for _ in self._layers]
        for slot, array in self._state.slots.items():
            for path, block in zip(self._network.declared, self._network.blocks, strict=True):
                _, layer, name = path.split(".")
                part = array[0, block.columns].reshape(block.parameter.shape).copy()
                slots[int(layer)].setdefault(slot, {})[name] = part
        return slots

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

    def _learning_rate(self, step: int) -> float:
        """Return the learning rate of the step."""
        training, position = self._training, self._position
        factor = training.schedule.factor(
            position.step + step, position.steps_per_epoch, training.epochs
        )
        return training.learning_rate * factor * position.reduction


def _slopes(bound: object) -> Array | None:
    """Return f'(z) of a layer just run forward, by sending 1 back through its activation."""
    activation = getattr(bound, "activation", None)
    if not isinstance(activation, BoundActivation) or not activation.elementwise:
        return None
    ones = np.ones_like(activation.output)
    activation.backward(ones)
    return _by_row(ones)


def _left_out(bound: object) -> Array | None:
    """Return the mask (B, I) of the values that a dropout layer has set to 0, else None."""
    if isinstance(bound, BoundDropout):
        return _by_row(bound.left_out)
    return None


def _dropout_rate(bound: object) -> float:
    """Return the rate at which a dropout layer has set values to 0, 0 for other layers."""
    return float(bound.rates.flat[0]) if isinstance(bound, BoundDropout) else 0.0


def _by_row(values: Array) -> Array:
    """Return a copy of the first replica of values (R, O, B) as (B, O)."""
    return np.array(values[0].T)
