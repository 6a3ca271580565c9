"""Learning rates that are too low or too high, and steps too large for the weights."""

import math
from collections.abc import Iterator

from bpnet.doctor.evidence import Evidence
from bpnet.doctor.finding import Finding
from bpnet.doctor.history import LATEST
from bpnet.doctor.prescription import enough_epochs, learning_rate, usual_rate
from bpnet.messages import counted

LARGE_STEP = 0.1
"""Norm of a step, as a share of the weights', that rewrites them in ten steps.

In configs/ the last step is 0.02 at most; early ones reach 0.16, which is no finding while the loss
falls.
"""

FAR = 0.5
"""Way of the weights, as a multiple of their first norm, that no rate which is too low goes."""

GROWN = 10
"""Multiple of its first norm that only steps too large give a layer's weights."""

FOLLOWING = ("gradient_descent", "momentum", "nesterov")
"""Optimizers whose steps are as small as the gradient is."""

FREE = ("rprop", "perturbation")
"""Optimizers whose learning rate is no size of a step along the gradient."""


def rate_too_low(evidence: Evidence) -> Iterator[Finding]:
    """Find a rate below the usual one, where little was learned and the weights hardly moved."""
    training = evidence.training
    if training.optimizer.full_batch:
        return
    usual, rate = usual_rate(evidence.setup), training.learning_rate
    if evidence.outcome not in ("little", "behind") or not evidence.final:
        return
    if rate >= usual:
        yield from _slow_descent(evidence)
        return
    if training.optimizer.kind in FREE and rate > usual / 1000:
        return
    likelihood = _likelihood(usual / rate)
    if evidence.moved > FAR:
        likelihood = min(likelihood, 0.4)
    yield Finding(
        "learning rate too low",
        f"it is {rate:g}, where {usual:g} is usual for {training.optimizer.kind}, and "
        f"{counted(len(evidence.history), 'epoch')} moved no layer's weights by more than "
        f"{evidence.moved:.1g} of their size",
        likelihood,
        [learning_rate(usual), *enough_epochs(evidence)],
    )


def _slow_descent(evidence: Evidence) -> Iterator[Finding]:
    """Find a loss that falls steadily, but hardly: gradients are small where steps follow them."""
    rate, kind = evidence.training.learning_rate, evidence.training.optimizer.kind
    if kind not in FOLLOWING or not evidence.steady or evidence.moved > FAR:
        return
    yield Finding(
        "learning rate too low",
        f"the loss fell at every epoch, but only to {evidence.loss_text(evidence.reached)}, and no "
        f"layer's weights moved by more than {evidence.moved:.1g} of their size",
        0.5,
        [learning_rate(10 * rate), *enough_epochs(evidence)],
    )


def rate_too_high(evidence: Evidence) -> Iterator[Finding]:
    """Find a rate above the usual one, or steps that it made too large."""
    training, diverged = evidence.training, evidence.outcome == "diverged"
    if evidence.outcome == "fine" or not len(evidence.history) or training.optimizer.full_batch:
        return
    usual, rate = usual_rate(evidence.setup), training.learning_rate
    signs = list(_signs(evidence))
    if rate < usual / 10 and not diverged:  # the jumps are those of a dropout, say
        return
    if (rate <= usual or not evidence.final) and not signs and not diverged:
        return
    likelihood = _likelihood(rate / usual) if rate > usual else 0.2
    if signs or diverged:
        likelihood = max(likelihood, 0.7)
    elif evidence.moved < FAR / 10 or evidence.steady:
        likelihood = 0.2
    elif evidence.outcome == "behind":  # it learns, and without jumps
        likelihood = min(likelihood, 0.3)
    if training.optimizer.kind in FREE:
        likelihood = min(likelihood, 0.6)
    # it bounds steps, but at an absurd rate they are still far too long
    clips = diverged and training.optimizer.kind in FOLLOWING and rate <= 10 * usual
    evidenced = f", and {' and '.join(signs)}" if signs else ""
    against = f", where {usual:g} is usual for {training.optimizer.kind}" if rate > usual else ""
    yield Finding(
        "learning rate too high",
        f"it is {rate:g}{against}{evidenced}",
        likelihood,
        [learning_rate(min(usual, rate / 10))],
        alternative=["training.gradient_clipping={norm: 1}"] if clips else [],
    )


def _signs(evidence: Evidence) -> Iterator[str]:
    """Yield the signs of steps that are too large."""
    if evidence.jump is not None:
        begin, largest = map(evidence.loss_text, evidence.jump)
        yield f"the loss rose from {begin} to {largest}"
    for first, now in evidence.hidden:
        if now.dead == 1 and first.dead is not None and first.dead < 1:
            yield f"it left every unit of layer {now.layer} dead"
            break
    for layer in evidence.now.layers:
        if layer.moved is not None and layer.moved > GROWN and evidence.outcome != "behind":
            yield f"the weights of layer {layer.layer} moved {layer.moved:.2g} times their size"
            return


def _likelihood(ratio: float) -> float:
    """Return the likelihood of a rate that is this many times too low or too high."""
    for least, likelihood in ((1000, 0.93), (100, 0.9), (10, 0.8), (3, 0.5)):
        if ratio >= least * 0.999:
            return likelihood
    return 0.3


def large_steps(evidence: Evidence) -> Iterator[Finding]:
    """Find steps that are still large for the weights where the loss no longer falls."""
    history = evidence.history
    moved = [
        (layer.update_ratio, layer.layer)
        for layer in evidence.now.layers
        if layer.update_ratio is not None
    ]
    if not moved or len(history) <= LATEST:  # the first steps, from small weights, may be large
        return
    if math.isnan(history.gradient_norm[-1]) or evidence.training.optimizer.full_batch:
        return  # steps that are trials follow no gradient
    most, layer = max(moved)
    # `not <`, so that a loss of nan counts as no fall
    if most > LARGE_STEP and not history.loss[-1] < min(history.loss[:-LATEST]):
        yield Finding(
            "steps too large",
            f"the last step changed the weights of layer {layer} by {most:.2g} of their size, "
            "where 0.001 is usual",
            0.5,
            [learning_rate(evidence.training.learning_rate / 10)],
            kind=evidence.symptom,
        )
