"""Advice: the troubles of a training, one rule for each, and the key of the config that helps.

A rule reads the diagnoses of the network and the history of its epochs.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bpnet.doctor.diagnosis import Diagnosis
from bpnet.engine.loop.monitoring import Stop

# Thresholds. The numbers for configs/ were measured over 20 seeds of each of its seven configs.

FAR_ABOVE = 10
"""Multiple of the loss of chance from which a loss is far above it.

Of 400 networks for a regression, with one to four hidden layers of the default kind, 99 in 100
begin below 8 times; the cross entropies of configs/ begin at 0.5 to 3 times.
"""

VANISHED = 1e-3
"""Ratio of the first layer's gradient to the last's, by weight, below which gradients vanish.

Above its inverse they explode. In configs/ the ratio is 0.2 to 4; six sigmoid layers make it 3e-4,
eight 2e-5.
"""

LARGEST_INPUT, SMALLEST_INPUT = 10, 0.01
"""Root mean squares beyond which inputs are badly scaled.

Standardized ones have 1, those of min_max at most 1.
"""

DEAD = 0.5
"""Share of dead units from which a layer is in trouble; those in configs/ have 1/8 at most."""

SATURATED = 0.8
"""Share of outputs at their limits from which a layer is in trouble.

Networks that have become sure, with reason, reach 0.1 to 0.6.
"""

LEAST_ROWS = 10
"""Number of rows below which a unit may be dead or saturated by accident."""

LARGE_STEP, SMALL_STEP = 0.1, 1e-5
"""Norms of a step, as shares of the weights', beyond which steps are too large or too small.

Larger ones rewrite the weights in ten steps; smaller ones hardly do in 100,000. In configs/ the
last step is 0.02 at most; early ones reach 0.16, so they are no finding while the loss falls.
"""

STUCK = 0.9
"""Share of the loss of chance, or of the first loss, above which next to nothing was learned.

Otherwise small steps are no finding: at the end of a training they are meant to be small.
"""

LEARNED = 0.1
"""Share of the loss of chance below which a network has learned well."""

EXPLODED = 100
"""Multiple of the first epoch's gradient from which gradients explode; configs/ reach 2.2."""

ROSE, HALF, NOTICEABLE = 1.2, 0.5, 0.05
"""Overfitting, if all three hold.

The validation loss ends at 1.2 times its minimum or more, the training loss is below half of it,
and the rise is over 0.05 of the loss of chance: from 0.01 to 0.04 hardly a prediction changes.
"""

LATEST = 5
"""Number of epochs that count as the end of a training, so that no single epoch decides."""

SCALE = "dataset.preprocessing.numeric: standardize"
CLIP = "training.gradient_clipping: {norm: 1}"
RATE = "training.learning_rate"


@dataclass
class History:
    """The metrics of the epochs so far; losses are per row, penalty included."""

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    stop: Stop | None = None

    def __len__(self) -> int:
        return len(self.loss)


class Finding(NamedTuple):
    """One line of advice; `about` names the trouble, the same each time it is found."""

    about: str
    text: str


def advise(start: Diagnosis, now: Diagnosis, history: History) -> list[Finding]:
    """Return the findings of all rules.

    `start` is the diagnosis before the first epoch, `now` that after the last so far, and `history`
    the epochs between.
    """
    return [
        *_beginning(start, history),
        *_explosion(history),
        *_gradients(start, now, history),
        *_units(now),
        *_steps(start, now, history),
        *_overfitting(now, history),
    ]


def _beginning(start: Diagnosis, history: History) -> Iterator[Finding]:
    """Find a loss far above chance before the first step, or after the first epoch."""
    chance, limit = start.chance, FAR_ABOVE * start.chance
    first = history.loss[0] - start.penalty if len(history) else math.nan
    if not chance > 0:  # nan, too
        return
    if start.loss > limit:
        cure = "choose a smaller initializer, or set dataset.preprocessing.target: standardize"
        if start.input_size > LARGEST_INPUT:
            cure = f"the inputs are as large as {start.input_size:.3g}: set {SCALE}"
        times = f"{start.loss / chance:.2g} times what chance gives ({chance:.3g})"
        yield Finding("start", f"the loss began at {start.loss:.3g}, {times}; {cure}")
    elif first > limit:
        times = f"{first / chance:.2g} times what chance gives ({chance:.3g})"
        yield Finding(
            "first epoch",
            f"the first epoch's loss is {first:.3g}, {times}, though it began at {start.loss:.3g}: "
            f"steps too large; lower {RATE}",
        )


def _explosion(history: History) -> Iterator[Finding]:
    """Find gradients that grew without bound."""
    norms = [norm for norm in history.gradient_norm if math.isfinite(norm)]
    signs = []
    if history.stop == "diverged":
        signs.append(f"the loss is no longer finite in epoch {len(history)}")
    if norms and max(norms) > EXPLODED * norms[0] > 0:
        signs.append(f"the gradient's norm grew from {norms[0]:.2g} to {max(norms):.2g}")
    if signs:
        yield Finding(
            "exploding", f"{', '.join(signs)}: exploding gradients; set {CLIP} or lower {RATE}"
        )


def _gradients(start: Diagnosis, now: Diagnosis, history: History) -> Iterator[Finding]:
    """Find gradients that vanish or explode on the way back, in a network that is not yet good."""
    goal = LEARNED * min(now.chance, start.loss)
    learned = len(history) > 0 and _latest(history.loss) - now.penalty < goal
    if learned or now.rows < LEAST_ROWS:  # a network that has learned well has small gradients too
        return
    # an embedding's vector has a gradient only on the rows of its category: not to be compared
    layers = [
        layer
        for layer in now.layers
        if layer.gradient_norm is not None and layer.kind != "embedding"
    ]
    if len(layers) < 2 or any(layer.dead == 1 for layer in now.layers):
        return
    first, last = layers[0], layers[-1]
    # a norm of nan fails the comparison
    if not (0 < last.gradient_size < math.inf and first.gradient_size < math.inf):
        return
    ratio = first.gradient_size / last.gradient_size
    if VANISHED <= ratio <= 1 / VANISHED:
        return
    trouble = f"layer {first.layer}: gradients {ratio:.0e} of layer {last.layer}'s"
    if not SMALLEST_INPUT <= now.input_size <= LARGEST_INPUT:
        yield Finding(
            "gradients", f"{trouble}: the inputs are about {now.input_size:.0e}; set {SCALE}"
        )
    elif ratio < VANISHED:
        bounded = any(layer.saturated is not None for layer in now.layers[:-1])
        cure = (
            "activation: relu with initializer: he_normal"
            if bounded
            else "a batch_normalization layer between them"
        )
        yield Finding("gradients", f"{trouble}: vanishing; try {cure}")
    else:
        yield Finding("gradients", f"{trouble}: exploding; set {CLIP}, or initializer: he_normal")


def _units(now: Diagnosis) -> Iterator[Finding]:
    """Find units that pass no gradient: dead ones, and hidden ones at their limits."""
    if now.rows < LEAST_ROWS:
        return
    first = next((layer for layer in now.layers if layer.kind != "embedding"), None)
    for layer in now.layers:
        # an output may well be sure
        name, hidden = f"layer {layer.layer}", layer is not now.layers[-1]
        inputs = None
        if layer is first and now.input_size > LARGEST_INPUT:
            inputs = f"its inputs are as large as {now.input_size:.3g}: set {SCALE}"
        if layer.dead is not None and layer.dead >= DEAD:
            cure = inputs or f"lower {RATE} or use activation: leaky_relu"
            yield Finding(f"dead {name}", f"{name}: {layer.dead:.0%} of its units are dead; {cure}")
        if layer.saturated is not None and layer.saturated >= SATURATED and hidden:
            cure = inputs or f"lower {RATE}, choose a smaller initializer or activation: relu"
            share = f"{layer.saturated:.0%} of its {layer.activation} outputs"
            yield Finding(f"saturated {name}", f"{name}: {share} are at their limits; {cure}")


def _steps(start: Diagnosis, now: Diagnosis, history: History) -> Iterator[Finding]:
    """Find steps that are too large or too small for the weights."""
    moved = [
        (layer.update_ratio, layer.layer) for layer in now.layers if layer.update_ratio is not None
    ]
    if not moved or len(history) <= LATEST:  # the first steps, from small weights, may be large
        return
    if math.isnan(history.gradient_norm[-1]):  # steps that are trials follow no gradient
        return
    most, layer = max(moved)
    usual = "of their size, where 0.001 is usual"
    # `not <`, so that a loss of nan counts as no fall
    if most > LARGE_STEP and not history.loss[-1] < min(history.loss[:-LATEST]):
        text = (
            f"layer {layer}: the last step changed its weights by {most:.2g} {usual}; lower {RATE}"
        )
        yield Finding("large steps", text)
    # compared at the highest rate of the schedule, which makes them smaller on purpose
    shrunk = history.learning_rate[-1] / max(history.learning_rate)
    learned = _latest(history.loss) - now.penalty < STUCK * min(now.chance, start.loss)
    if 0 < most < SMALL_STEP * shrunk and not learned:
        text = f"the last step changed no layer's weights by more than {most:.0e} {usual}"
        yield Finding("small steps", f"{text}, and little has been learned; raise {RATE}")


def _overfitting(now: Diagnosis, history: History) -> Iterator[Finding]:
    """Find a validation loss that rose after its minimum while the training loss fell on."""
    losses = history.validation_loss
    if len(losses) <= LATEST or history.stop in ("early_stopping", "diverged"):
        return
    # the lowest of the last epochs: with large steps the loss jumps up for an epoch or two
    end, least, training = min(losses[-LATEST:]), min(losses), _latest(history.loss) - now.penalty
    rose = end > ROSE * least and end - least > NOTICEABLE * now.chance
    if rose and training < min(HALF * (end - now.penalty), now.chance):
        rise = f"from {least:.3g} in epoch {losses.index(least) + 1} to {end:.3g}"
        yield Finding(
            "overfitting",
            f"overfitting: the validation loss rose {rise}, while the training loss came down "
            f"to {training:.2g}; set training.early_stopping, raise training.l2 or add a dropout "
            "layer",
        )


def _latest(values: Sequence[float]) -> float:
    """Return the median of the last few epochs' values."""
    return statistics.median(values[-LATEST:])
