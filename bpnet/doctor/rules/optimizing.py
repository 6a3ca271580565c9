"""Settings of the optimizer and its steps that hold a training back."""

import math
import statistics
from collections.abc import Iterator

from bpnet.doctor.evidence import Evidence
from bpnet.doctor.finding import Finding
from bpnet.doctor.prescription import learning_rate, usual_rate
from bpnet.engine.loop.settings import Training
from bpnet.engine.optimizers import Adam, Rprop
from bpnet.messages import counted

SHARE_OF_RATE = 0.1
"""Mean of a schedule's rates, as a share of the learning rate, below which it holds back."""

LONG_MEMORY = 0.98
"""Momentum that averages over more than fifty steps."""

VERY_LONG_MEMORY, HALF_LEARNED = 0.995, 0.3
"""Momentum that averages over more than 200 steps, and the share of the loss of chance above which
it is in the way."""

CLIPPED = 1e-2
"""Bound of the gradient, as a share of its usual norm, that leaves next to nothing of it."""

FREE_OF_SIZE = ("adam", "adamw", "nadam", "rmsprop", "adagrad", "rprop")
"""Optimizers whose steps are in units of the gradient, so that a clipped one steps as far."""

LARGE_EPSILON = 1e-3
"""ε that is large beside the gradients of most networks."""


def schedule(evidence: Evidence) -> Iterator[Finding]:
    """Find a schedule that leaves little of the learning rate."""
    training, history = evidence.training, evidence.history
    if evidence.outcome not in ("little", "behind") or not evidence.final:
        return
    if training.optimizer.full_batch:  # it has no schedule
        return
    rates = history.learning_rate
    share = statistics.fmean(rates) / training.learning_rate
    if share > SHARE_OF_RATE:
        return
    settings = ["training.schedule=constant"]
    rising = rates[-1] == max(rates) and training.schedule.warmup_epochs > 0
    if rising:
        settings = ["training.schedule.warmup_epochs=0"]
        text = (
            f"the warm-up of {training.schedule.warmup_epochs:g} epochs is longer than the "
            f"training, whose rate reached {max(rates):.2g} of {training.learning_rate:g}"
        )
    else:
        text = (
            f"{training.schedule.kind} brought the learning rate from "
            f"{training.learning_rate:g} to {rates[-1]:.1g}, "
            f"{share * training.learning_rate:.1g} on average"
        )
    yield Finding("schedule", text, 0.935, settings)


def momentum(evidence: Evidence) -> Iterator[Finding]:
    """Find a momentum that carries steps on for too long."""
    training = evidence.training
    name = "momentum" if hasattr(training.optimizer, "momentum") else "beta_1"
    share = float(getattr(training.optimizer, name, 0.0))
    if share < LONG_MEMORY or not evidence.final:
        return
    half = share >= VERY_LONG_MEMORY and evidence.reached > HALF_LEARNED * evidence.chance
    if evidence.outcome == "fine" and not half:
        return
    settings = [f"training.optimizer.{name}=0.9"]
    usual = usual_rate(evidence.setup)
    if training.learning_rate > usual:
        settings.append(learning_rate(usual))
    yield Finding(
        "momentum",
        f"{name} {share:g} carries a step on for {1 / (1 - share):.0f} others, "
        f"of {evidence.history.steps} in all",
        0.915,
        settings,
    )


def clipping(evidence: Evidence) -> Iterator[Finding]:
    """Find bounds that leave next to nothing of the gradient."""
    training, clip = evidence.training, evidence.training.gradient_clipping
    if evidence.outcome not in ("little", "behind") or clip is None or not evidence.final:
        return
    norms = [norm for norm in evidence.history.gradient_norm if math.isfinite(norm)]
    if not norms or training.optimizer.kind in FREE_OF_SIZE:
        return
    usual = statistics.median(norms)
    weights = sum(layer.weights for layer in evidence.now.layers)
    bounds = [] if clip.norm is None else [clip.norm]
    if clip.value is not None:
        bounds.append(clip.value * math.sqrt(weights))
    if min(bounds) < CLIPPED * usual:
        yield Finding(
            "gradient clipping",
            f"it cuts a gradient of {usual:.2g} to {min(bounds):.1g}",
            0.94,
            ["training.gradient_clipping=null"],
        )


def optimizer_settings(evidence: Evidence) -> Iterator[Finding]:
    """Find an optimizer, or a setting of it, that takes far more steps than there are."""
    training, history = evidence.training, evidence.history
    if evidence.outcome not in ("little", "behind") or not evidence.final:
        return
    optimizer, kind = training.optimizer, training.optimizer.kind
    usual = learning_rate(0.005)
    epsilon = float(getattr(optimizer, "epsilon", 0.0))
    if epsilon > LARGE_EPSILON:
        text = f"an epsilon of {epsilon:g} makes the steps of {kind} short"
        setting = f"training.optimizer.epsilon={Adam().epsilon:g}"
        yield Finding("optimizer", text, 0.92, [setting])
    if kind == "rprop":
        yield from _rprop(training, evidence)
    weights = sum(layer.weights for layer in evidence.now.layers)
    if kind == "perturbation" and history.steps < 100 * weights:
        yield Finding(
            "optimizer",
            f"perturbation changes one of {weights} weights in a step, and took "
            f"{counted(history.steps, 'step')}",
            0.9,
            ["training.optimizer=adam", usual],
        )


def _rprop(training: Training, evidence: Evidence) -> Iterator[Finding]:
    largest = float(getattr(training.optimizer, "largest_step", math.inf))
    if largest < LARGE_EPSILON:
        yield Finding(
            "optimizer",
            f"rprop's steps are bounded by {largest:g}",
            0.94,
            [
                f"training.optimizer.largest_step={Rprop().largest_step:g}",
                learning_rate(0.01),
                "training.batch_size=full",
            ],
        )
    elif evidence.history.steps_per_epoch > 1:
        yield Finding(
            "optimizer",
            "rprop compares the signs of gradients, which differ from batch to batch",
            0.8,
            ["training.batch_size=full"],
        )
