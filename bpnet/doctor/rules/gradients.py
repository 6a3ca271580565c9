"""Gradients that vanish or explode on the way back, or in the course of the training."""

import math
from collections.abc import Iterator

from bpnet.doctor.evidence import LEARNED, Evidence
from bpnet.doctor.finding import Finding
from bpnet.doctor.history import largest, latest
from bpnet.doctor.prescription import activations, learning_rate, usual_rate
from bpnet.doctor.rules.scales import badly_scaled
from bpnet.doctor.rules.units import LEAST_ROWS

VANISHED = 1e-3
"""Ratio of the first layer's gradient to the last's, by weight, below which gradients vanish.

Above its inverse they explode. In configs/ the ratio is 0.2 to 4; six sigmoid layers make it 3e-4,
eight 2e-5.
"""

EXPLODED = 100
"""Multiple of the first epoch's gradient from which gradients explode; configs/ reach 2.2."""


def vanishing(evidence: Evidence) -> Iterator[Finding]:
    """Find gradients that vanish or explode on the way back, in a network that is not yet good."""
    start, now, history = evidence.start, evidence.now, evidence.history
    goal = LEARNED * min(evidence.chance, start.loss)
    learned = len(history) > 0 and latest(history.loss) - now.penalty < goal
    if learned or now.rows < LEAST_ROWS:  # a network that has learned well has small gradients too
        return
    if any(layer.dead == 1 for layer in now.layers):
        return
    found = _comparison(evidence)
    if found is None:
        return
    ratio, first, last = found
    trouble = f"those of layer {first} are {ratio:.0e} of layer {last}'s"
    if ratio < VANISHED and not badly_scaled(evidence):
        bounded = any(layer.saturated is not None for layer in now.layers[:-1])
        settings = activations(evidence.setup, "relu") if bounded else []
        advice = "" if bounded else "put a batch_normalization layer between them"
        yield Finding("vanishing gradients", trouble, 0.91, settings, advice, evidence.symptom)
    elif ratio > 1 / VANISHED and not badly_scaled(evidence):
        clip = "training.gradient_clipping={norm: 1}"
        yield Finding("exploding gradients", trouble, 0.6, [clip], kind=evidence.symptom)


def _comparison(evidence: Evidence) -> tuple[float, int, int] | None:
    """Return the ratio of the first layer's gradient to the last's, and the numbers of both.

    It is that of now, or where little was learned that of the start: an optimizer that divides by
    the gradient's size blurs it in training.
    """
    looks = [evidence.now]
    # weights of 0 in the output layer send nothing back before the first step
    if evidence.outcome in ("little", "behind") and evidence.start.layers[-1].weight_norm != 0:
        looks.append(evidence.start)
    ratios = []
    for look in looks:
        layers = [
            layer for layer in look.layers if layer.gradient_norm is not None and layer.sums_inputs
        ]
        if len(layers) < 2:
            return None
        first, last = layers[0], layers[-1]
        # a norm of nan fails the comparison
        if 0 < last.gradient_size < math.inf and first.gradient_size < math.inf:
            ratios.append((first.gradient_size / last.gradient_size, first.layer, last.layer))
    return max(ratios, key=lambda found: abs(math.log(found[0] or 1e-300)), default=None)


def exploding(evidence: Evidence) -> Iterator[Finding]:
    """Find gradients that grew without bound in the course of the training."""
    norms = evidence.history.gradient_norm
    first, most = next(filter(math.isfinite, norms), 0.0), largest(norms)
    if not most > EXPLODED * first > 0:
        return
    usual, rate = usual_rate(evidence.setup), evidence.training.learning_rate
    settings = [learning_rate(min(usual, rate / 10))]
    yield Finding(
        "exploding gradients",
        f"the gradient's norm grew from {first:.2g} to {most:.2g}",
        0.65,
        settings,
        kind=evidence.symptom,
    )
