"""Overfitting: what was learned of the training rows that does not hold on others."""

from collections.abc import Iterator

from bpnet.doctor.evidence import STUCK, Evidence
from bpnet.doctor.finding import Finding
from bpnet.doctor.history import LATEST, latest
from bpnet.doctor.rules.data import LITTLE

ROSE, HALF, NOTICEABLE = 1.2, 0.5, 0.05
"""Overfitting, if all three hold.

The validation loss ends at 1.2 times its minimum or more, the training loss is below half of it,
and the rise is over 0.05 of the loss of chance: from 0.01 to 0.04 hardly a prediction changes.
"""

GAP = 0.3
"""Difference of the losses on test and training rows, as a share of the loss of chance, from which
the last weights of a training are overfitted."""

USUAL_L2 = 0.3
"""A penalty that keeps networks smooth; it was tried beside 0.1, on two overfitted runs only."""

SPARE, MANY_ROWS = 0.3, 200
"""Largest share of the training rows that validation rows may take, and the fewest rows of which
they may: with fewer a penalty alone does better."""


def validation_rose(evidence: Evidence) -> Iterator[Finding]:
    """Find a validation loss that rose after its minimum while the training loss fell on.

    It is an alarm if the weights of the end are kept, and a remark if those of the minimum are.
    """
    history, now, training = evidence.history, evidence.now, evidence.training
    losses = history.validation_loss
    if len(losses) <= LATEST or history.stop in ("early_stopping", "diverged"):
        return
    # the lowest of the last epochs: with large steps the loss jumps up for an epoch or two
    end, least = min(losses[-LATEST:]), min(losses)
    fitted = latest(history.loss) - now.penalty
    rose = end > ROSE * least and end - least > NOTICEABLE * evidence.chance
    if not rose or not fitted < min(HALF * (end - now.penalty), evidence.chance):
        return
    epoch = losses.index(least) + 1
    keeps_best = training.keeps_best(validated=True)
    lowest, last = (evidence.loss_text(one, "validation", 4) for one in (least, losses[-1]))
    rise = (
        f"the validation loss rose from {lowest} in epoch {epoch} to {last}, while the training "
        f"loss came down to {evidence.loss_text(history.loss[-1], digits=4)}"
    )
    predate = keeps_best and evidence.final and history.kept_epoch <= epoch + LATEST
    if predate and evidence.outcome == "fine":
        yield Finding(
            "overfitting",
            f"{rise}; the kept weights, of epoch {history.kept_epoch}, predate the rise",
            0.1,
            kind="remark",
        )
    else:
        yield Finding("overfitting", rise, 0.85 if keeps_best else 0.9, _cures(evidence))


def unsupported(evidence: Evidence) -> Iterator[Finding]:
    """Find kept weights that predict rows held out hardly better than a constant does."""
    share, best, chance = evidence.held_out, evidence.learnable, evidence.chance
    if not evidence.final or evidence.outcome != "fine" or share is None or best is None:
        return
    if share < STUCK or best < LITTLE or not evidence.reached < HALF * share * chance:
        return
    yield Finding("overfitting", _shares(evidence, share), 0.8, _cures(evidence))


def gap(evidence: Evidence) -> Iterator[Finding]:
    """Find last weights that do far worse on rows held out than on the training rows.

    Without validation rows these are the test rows.
    """
    chance, share = evidence.chance, evidence.held_out
    validated = "validation" in (evidence.kept or {})
    if not evidence.final or share is None or evidence.training.keeps_best(validated=validated):
        return
    other = share * chance
    if not (evidence.reached < HALF * other and other - evidence.reached > GAP * chance):
        return
    text, settings = _shares(evidence, share), []
    rows = evidence.constant.rows
    takes = 0.15 * sum(rows.values())
    spare = validated or (rows["train"] >= MANY_ROWS and takes < SPARE * rows["train"])
    if not validated:
        text += ", and no validation rows ended the training before"
        settings = ["dataset.split.validation=0.15"] if spare else []
    yield Finding("overfitting", text, 0.9, [*settings, *_cures(evidence, stops=spare)])


def _shares(evidence: Evidence, share: float) -> str:
    return (
        f"the loss is {evidence.reached / evidence.chance:.2g} times that of a constant prediction "
        f"on the training rows, and {share:.2g} times on rows held out"
    )


def _cures(evidence: Evidence, *, stops: bool = True) -> list[str]:
    """Return assignments against overfitting; early stopping only if it has rows to go by."""
    training = evidence.training
    settings = [f"training.l2={max(USUAL_L2, 3 * training.l2):g}"]
    if stops and training.early_stopping is None:
        settings.append("training.early_stopping={patience: 20}")
    if stops and evidence.setup.given.training.keep == "last":
        settings.append("training.keep=best")
    return settings
