"""Trainings that ended too soon: too few epochs or steps, or a stop before anything was learned."""

import math
import statistics
from collections.abc import Iterator, Sequence

from bpnet.data.splitting import Part
from bpnet.doctor.evidence import LEARNED, Evidence
from bpnet.doctor.finding import Finding
from bpnet.doctor.history import LATEST, latest
from bpnet.doctor.prescription import more_epochs
from bpnet.messages import counted

FEW_STEPS, SOME_STEPS = 120, 400
"""Numbers of steps in which no network learns, and in which only an easy table is learned."""

GAIN = 0.12
"""Fall of the loss that as many epochs more would bring, as a share of the loss of chance, from
which a training ended too soon."""

RECOVERING = 1.5
"""Share of the loss of chance above which a falling loss recovers from steps too large."""

SHORT_PATIENCE, LONG_PATIENCE = 3, 10
"""Numbers of epochs without an improvement that any training has, and that few have."""

USUAL_PATIENCE = 20


def few_epochs(evidence: Evidence) -> Iterator[Finding]:
    """Find a loss that still fell at the last epoch, or too few steps to learn anything."""
    history, training = evidence.history, evidence.training
    if not evidence.final or history.stop != "epochs":
        return
    gain, bad = _gain(evidence), evidence.outcome in ("little", "behind")
    improving = gain > GAIN
    if not improving and not bad:
        return
    likelihood = 0.75 if improving else 0.2
    many = 100 if training.optimizer.full_batch else 1  # steps that one of all rows is worth
    if bad and many * history.steps < FEW_STEPS:
        likelihood = 0.88
    elif bad and many * history.steps < SOME_STEPS:
        likelihood = max(likelihood, 0.7 if improving else 0.45)
    signs = [f"{counted(history.steps, 'step')} in {counted(len(history), 'epoch')}"]
    if improving:
        signs.append("the loss still fell in the last of them")
    settings = [more_epochs(evidence)]
    size = training.batch_size
    if bad and history.steps_per_epoch < 4 and (size == "full" or size > 32):
        settings.insert(0, "training.batch_size=32")
    yield Finding("too few epochs", ", and ".join(signs), likelihood, settings)


def stopped_early(evidence: Evidence) -> Iterator[Finding]:
    """Find an early stop, or a target loss, before anything was learned."""
    history, training = evidence.history, evidence.training
    bad = evidence.outcome in ("little", "behind")
    if history.stop == "target_loss" and bad:
        yield Finding(
            "stopped too soon",
            f"training.target_loss, {training.target_loss:g}, was reached in epoch {len(history)}",
            0.95,
            ["training.target_loss=null"],
        )
    stopping = training.early_stopping
    if history.stop != "early_stopping" or stopping is None or stopping.patience is None:
        return  # a patience_factor waits in proportion to the time of the best epoch
    patience, least = stopping.patience, stopping.minimum_improvement
    part: Part = "validation" if history.validation_loss else "train"
    demanding = least > 0.02 * evidence.chance * evidence.sizes.get(part, 1)
    improving = _gain(evidence) > GAIN
    if not bad and not (improving and (patience <= SHORT_PATIENCE or demanding)):
        return
    settings = []
    if demanding:
        settings.append("training.early_stopping.minimum_improvement=0")
    if patience < USUAL_PATIENCE:
        settings.append(f"training.early_stopping.patience={USUAL_PATIENCE}")
    if stopping.monitor not in (None, "val_loss", "loss"):
        settings.append("training.early_stopping.monitor=null")
    likelihood = 0.93 if demanding else 0.9 if patience <= SHORT_PATIENCE else 0.3
    if SHORT_PATIENCE < patience <= LONG_PATIENCE:
        likelihood = max(likelihood, 0.5)
    asked = f" and a minimum improvement of {least:g}" if least else ""
    yield Finding(
        "stopped too soon",
        f"after {counted(len(history), 'epoch')}, by a patience of {patience}{asked}",
        likelihood,
        settings,
    )


def _gain(evidence: Evidence) -> float:
    """Return the fall of the loss that as many epochs more would bring, as a share of chance.

    A loss falls less with every epoch, as 1 / epoch at best: doubling the epochs brings half of
    what the present slope would. The validation loss must fall as well, where there is one.
    """
    history, chance = evidence.history, evidence.chance
    # a fall from above chance is a recovery from steps that were too large
    if not chance > 0 or not LEARNED * chance < evidence.reached:
        return 0.0
    if len(history) > LATEST and latest(history.loss) - evidence.now.penalty > RECOVERING * chance:
        return 0.0
    slopes = [_slope([*_before(evidence), *history.loss])]
    if history.validation_loss:
        slopes.append(2 * _slope(history.validation_loss))
    # a rate that ended below its height has brought what it could
    spent = history.learning_rate[-1] <= 0.1 * max(history.learning_rate)  # False for nan
    return 0.0 if spent else min(slopes) * len(history) / 2 / chance


def _before(evidence: Evidence) -> Sequence[float]:
    """Return the loss before the first epoch, which a training of a single one begins with."""
    alone = len(evidence.history) == 1
    return [evidence.start.loss + evidence.start.penalty] if alone else []


def _slope(losses: Sequence[float]) -> float:
    """Return the fall of a loss in an epoch, between the medians of two windows at the end."""
    window = max(1, len(losses) // 8)
    if len(losses) < 2 * window or not all(map(math.isfinite, losses[-2 * window :])):
        return 0.0
    earlier = statistics.median(losses[-2 * window : -window])
    return (earlier - statistics.median(losses[-window:])) / window
