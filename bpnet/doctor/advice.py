"""Advice: what the looks at a network and the figures of its epochs say is wrong, and which key of the config helps."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bpnet.doctor.diagnosis import Diagnosis
from bpnet.engine.loop.monitoring import Stop

# Thresholds. What is said of configs/ was measured over 20 seeds of each of its seven configs.

FAR = 10
"""A loss this many times that of chance is far above it: of 400 networks for a regression, with one to four hidden
layers of the default kind, 99 in 100 begin below 8 times; the cross entropies of configs/ begin at 0.5 to 3 times."""

DEEP = 1e-3
"""Gradients a weight of the first layer and the last, this far apart, have vanished or exploded on the way: those of
the networks in configs/ are 0.2 to 4 times each other's; six sigmoid layers make it 3e-4, eight 2e-5."""

LARGEST_INPUT, SMALLEST_INPUT = 10, 0.01
"""Inputs whose root mean square is outside: it is 1 where they are standardized, and at most 1 with min_max."""

DEAD = 0.5
"""This share of a layer's units dead is half its capacity; the relu layers of configs/ have an eighth at most."""

SATURATED = 0.8
"""This share of a layer's outputs at their limits. Networks that have become sure, with reason, reach 0.1 to 0.6."""

FEW_ROWS = 10
"""On fewer rows a unit is dead or saturated by accident."""

LARGE_STEP, SMALL_STEP = 0.1, 1e-5
"""Steps that are a larger share of the weights rewrite them in ten; smaller ones hardly do in 100,000. In configs/ the
last step is 0.02 at most; early ones reach 0.16, so that they are no finding while the loss comes down."""

STUCK = 0.9
"""A loss above this share of what chance gives, or of the start, has learnt next to nothing. Where more was learnt,
small steps are no finding: at the end of training they shall be small."""

LEARNT = 0.1
"""A loss below this share of what chance gives has learnt well."""

EXPLODED = 100
"""Gradients this many times those of the first epoch have exploded: in configs/ they grow 2.2 times at most."""

ROSE, GAP, MATTERS = 1.2, 0.5, 0.05
"""Overfitting: the validation loss ends 1.2 times its minimum or more, the training loss is below half of it, and the
rise is more than 0.05 of what chance gives: from 0.01 to 0.04 hardly a prediction changes."""

LATEST = 5
"""How many epochs are the end of a training, so that one unlucky epoch does not speak."""

SCALE = "dataset.preprocessing.numeric: standardize"
CLIP = "training.gradient_clipping: {norm: 1}"
RATE = "training.learning_rate"


@dataclass
class History:
    """The figures of the epochs so far; losses are those of a row, penalty included."""

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    stop: Stop | None = None

    def __len__(self) -> int:
        return len(self.loss)


class Finding(NamedTuple):
    """One line of advice; `about` names what it is about, the same each time it is found."""

    about: str
    text: str


def advise(start: Diagnosis, now: Diagnosis, history: History) -> list[Finding]:
    """What is wrong, given a look before the first epoch, one after the last so far, and the figures between."""
    return [
        *_beginning(start, history),
        *_explosion(history),
        *_gradients(start, now, history),
        *_units(now),
        *_steps(start, now, history),
        *_overfitting(now, history),
    ]


def _beginning(start: Diagnosis, history: History) -> Iterator[Finding]:
    """A loss far above chance before the first step, or after the first steps."""
    chance, limit = start.chance, FAR * start.chance
    first = history.loss[0] - start.penalty if len(history) else math.nan
    if not chance > 0:
        return
    if start.loss > limit:
        cure = "choose a smaller initializer, or set dataset.preprocessing.target: standardize"
        if start.input_size > LARGEST_INPUT:
            cure = f"the inputs are as large as {start.input_size:.3g}: set {SCALE}"
        times = f"{start.loss / chance:.2g} times what chance gives ({chance:.3g})"
        yield Finding("start", f"the loss began at {start.loss:.3g}, {times}; {cure}")
    elif first > limit:
        times = f"{first / chance:.2g} times what chance gives ({chance:.3g}), though it began at {start.loss:.3g}"
        yield Finding(
            "first epoch",
            f"the first epoch's loss is {first:.3g}, {times}: steps too large; lower {RATE}",
        )


def _explosion(history: History) -> Iterator[Finding]:
    """Gradients that grew without bound."""
    norms = [norm for norm in history.gradient_norm if math.isfinite(norm)]
    what = (
        [f"the loss is no longer finite in epoch {len(history)}"]
        if history.stop == "diverged"
        else []
    )
    if norms and max(norms) > EXPLODED * norms[0] > 0:
        what.append(f"the gradient's norm grew from {norms[0]:.2g} to {max(norms):.2g}")
    if what:
        yield Finding(
            "exploding", f"{', '.join(what)}: exploding gradients; set {CLIP} or lower {RATE}"
        )


def _gradients(start: Diagnosis, now: Diagnosis, history: History) -> Iterator[Finding]:
    """Gradients that vanish or explode between the last layer and the first, while little is learnt."""
    learnt = len(history) > 0 and _latest(history.loss) - now.penalty < LEARNT * min(
        now.chance, start.loss
    )
    if learnt or now.rows < FEW_ROWS:  # what is learnt well sends small gradients back too
        return
    # a vector of an embedding has a gradient on the rows of its level alone, so that theirs compare with no others
    layers = [
        layer
        for layer in now.layers
        if layer.gradient_norm is not None and layer.kind != "embedding"
    ]
    if len(layers) < 2 or any(layer.dead == 1 for layer in now.layers):
        return
    first, last = layers[0], layers[-1]
    if not (0 < last.gradient_size < math.inf and first.gradient_size < math.inf):
        return
    ratio = first.gradient_size / last.gradient_size
    if DEEP <= ratio <= 1 / DEEP:
        return
    what = f"layer {first.layer}: gradients {ratio:.0e} of layer {last.layer}'s"
    if not SMALLEST_INPUT <= now.input_size <= LARGEST_INPUT:
        yield Finding(
            "gradients", f"{what}, for the inputs are about {now.input_size:.0e}; set {SCALE}"
        )
    elif ratio < DEEP:
        bounded = any(layer.saturated is not None for layer in now.layers[:-1])
        cure = (
            "activation: relu with initializer: he_normal"
            if bounded
            else "a batch_normalization layer between them"
        )
        yield Finding("gradients", f"{what}: vanishing; try {cure}")
    else:
        yield Finding("gradients", f"{what}: exploding; set {CLIP}, or initializer: he_normal")


def _units(now: Diagnosis) -> Iterator[Finding]:
    """Units that pass no gradient: dead ones, and hidden ones at their limits (an output may well be sure)."""
    if now.rows < FEW_ROWS:
        return
    first = next((layer for layer in now.layers if layer.kind != "embedding"), None)
    for layer in now.layers:
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
    """Steps that are too large or too small beside the weights."""
    moved = [
        (layer.update_ratio, layer.layer) for layer in now.layers if layer.update_ratio is not None
    ]
    if not moved or len(history) <= LATEST:  # the first steps, from small weights, may be large
        return
    if math.isnan(history.gradient_norm[-1]):  # steps that are trials follow no gradient
        return
    most, layer = max(moved)
    usual = "of their size, where 0.001 is usual"
    if most > LARGE_STEP and not history.loss[-1] < min(history.loss[:-LATEST]):
        text = (
            f"layer {layer}: the last step changed its weights by {most:.2g} {usual}; lower {RATE}"
        )
        yield Finding("large steps", text)
    # compared at the highest rate of the schedule, which makes them smaller on purpose
    shrunk = history.learning_rate[-1] / max(history.learning_rate)
    learnt = _latest(history.loss) - now.penalty < STUCK * min(now.chance, start.loss)
    if 0 < most < SMALL_STEP * shrunk and not learnt:
        text = f"the last step changed no layer's weights by more than {most:.0e} {usual}, and little is learnt"
        yield Finding("small steps", f"{text}; raise {RATE}")


def _overfitting(now: Diagnosis, history: History) -> Iterator[Finding]:
    """A validation loss that rose after its minimum while the training loss went on falling."""
    losses = history.validation_loss
    if len(losses) <= LATEST or history.stop in ("early_stopping", "diverged"):
        return
    # the lowest of the last epochs: where steps are large the validation loss jumps up for an epoch or two
    end, least, training = min(losses[-LATEST:]), min(losses), _latest(history.loss) - now.penalty
    rose = end > ROSE * least and end - least > MATTERS * now.chance
    if rose and training < min(GAP * (end - now.penalty), now.chance):
        figures = f"from {least:.3g} in epoch {losses.index(least) + 1} to {end:.3g}"
        yield Finding(
            "overfitting",
            f"overfitting: the validation loss rose {figures}, while the training loss came down to {training:.2g}; "
            "set training.early_stopping, raise training.l2 or add a dropout layer",
        )


def _latest(figures: Sequence[float]) -> float:
    """The median of the last few epochs' figures."""
    return statistics.median(figures[-LATEST:])
