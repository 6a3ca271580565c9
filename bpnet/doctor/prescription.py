"""Prescriptions: assignments for `--set` that can be typed as they are for the given config."""

import math
from collections.abc import Iterable

from bpnet.doctor.evidence import Evidence, Setup
from bpnet.engine.activations import Identity, Relu
from bpnet.engine.layers import Dense
from bpnet.engine.layers.dense import suited_initializer

USUAL_RATES = {
    "gradient_descent": 0.05,
    "momentum": 0.01,
    "nesterov": 0.01,
    "rmsprop": 0.003,
    "adagrad": 0.05,
    "adam": 0.005,
    "adamw": 0.005,
    "nadam": 0.005,
    "rprop": 0.01,
    "perturbation": 0.1,
}
"""Learning rates that suit standardized inputs and targets, by the kind of optimizer."""

USUAL_STEPS = 3000
"""Number of steps in which a small network learns a table."""


def usual_rate(setup: Setup) -> float:
    """Return the usual learning rate of the optimizer, for a loss that is a mean over rows."""
    training = setup.training
    rate = USUAL_RATES.get(training.optimizer.kind, 0.005)
    scaled = training.optimizer.kind in ("gradient_descent", "momentum", "nesterov")
    if scaled and training.loss is not None and training.loss.rows == "sum":
        size = 32 if training.batch_size == "full" else training.batch_size
        return rate / size
    return rate


def learning_rate(rate: float) -> str:
    """Return the assignment of a learning rate, rounded to one digit."""
    return f"training.learning_rate={float(f'{rate:.1g}'):g}"


def more_epochs(evidence: Evidence) -> str:
    """Return the assignment of five times the epochs, or of those that the usual steps take."""
    steps = math.ceil(USUAL_STEPS / evidence.history.steps_per_epoch)
    epochs = max(5 * evidence.training.epochs, min(steps, 1000))
    return f"training.epochs={round(float(f'{epochs:.1g}'))}"


def enough_epochs(evidence: Evidence) -> list[str]:
    """Return `more_epochs` if the config's are too few for any learning rate."""
    steps = evidence.history.steps_per_epoch * evidence.training.epochs
    return [more_epochs(evidence)] if steps < USUAL_STEPS / 10 else []


def dense_layers(setup: Setup) -> list[tuple[int, Dense]]:
    """Return the dense layers of the config with their positions."""
    layers = setup.resolved.architecture.layers or []
    return [(k, layer) for k, layer in enumerate(layers) if isinstance(layer, Dense)]


def activations(setup: Setup, kind: str) -> list[str]:
    """Return assignments that give all hidden layers an activation, and its initializer."""
    if setup.given.architecture.layers is None:
        return [f"architecture.activation={kind}"]
    layers = setup.resolved.architecture.layers or []
    # the config's layers end with the output if it adds none
    hidden = layers if setup.resolved.architecture.output is not None else layers[:-1]
    assignments = []
    for k, layer in enumerate(hidden):
        activation = getattr(layer, "activation", None)
        if isinstance(layer, Dense) and _precedes_bending(layers, k):
            continue  # a normalization behind it has the activation
        if activation is not None and activation.kind != kind:
            assignments.append(f"architecture.layers.{k}.activation={kind}")
        if isinstance(layer, Dense):
            assignments.append(f"architecture.layers.{k}.initializer=null")
    return assignments


def _precedes_bending(layers: Iterable[object], k: int) -> bool:
    """Return True if layer k is linear and the one behind it is a normalization that bends."""
    all_layers = list(layers)
    following = all_layers[k + 1] if k + 1 < len(all_layers) else None
    return (
        isinstance(getattr(all_layers[k], "activation", None), Identity)
        and not isinstance(getattr(following, "activation", Identity()), Identity)
        and not isinstance(following, Dense)
    )


def initializers(setup: Setup) -> list[str]:
    """Return assignments that undo every unusual initializer."""
    assignments = []
    for k, layer in dense_layers(setup):
        if layer.initializer != suited_initializer(layer.activation):
            assignments.append(f"architecture.layers.{k}.initializer=null")
        if layer.bias_initializer.kind != "zeros":
            assignments.append(f"architecture.layers.{k}.bias_initializer=zeros")
    output = setup.given.architecture.output
    if output is not None and output.initializer is not None:
        assignments.append("architecture.output.initializer=null")
    if output is not None and output.bias_initializer.kind != "zeros":
        assignments.append("architecture.output.bias_initializer=zeros")
    return assignments


def wider(setup: Setup, least: int = 32) -> list[str]:
    """Return assignments that give every narrow hidden layer more units, or a hidden layer."""
    if setup.given.architecture.layers is None:
        hidden = [layer.units for _, layer in dense_layers(setup)]
        wide = [max(units, least) for units in hidden] or [least]
        return [f"architecture.hidden={wide}"] if wide != hidden else []
    layers = dense_layers(setup)
    if setup.resolved.architecture.output is None:
        layers = layers[:-1]
    if not layers:
        return ["architecture.layers=null", f"architecture.hidden={[least]}"]
    return [f"architecture.layers.{k}.units={least}" for k, layer in layers if layer.units < least]


def bent(setup: Setup) -> list[str]:
    """Return assignments that make a linear network bend."""
    return activations(setup, Relu().kind) if dense_layers(setup) else wider(setup)
