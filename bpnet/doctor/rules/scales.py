"""Inputs, targets and first losses of a size that no learning rate suits."""

import math
from collections.abc import Iterator

from bpnet.doctor.evidence import Evidence
from bpnet.doctor.finding import Finding
from bpnet.doctor.prescription import initializers, learning_rate, usual_rate
from bpnet.engine.activations import Identity

LARGEST_INPUT, SMALLEST_INPUT = 10, 0.01
"""Root mean squares beyond which inputs are badly scaled.

Standardized ones have 1, those of min_max at most 1.
"""

LARGEST_TARGET, SMALLEST_TARGET = 30, 0.01
"""Means and standard deviations of a target beyond which it is badly scaled."""

SCALED = 0.2
"""Share of the loss of chance above which inputs of an unusual size are in the way."""

FAR_ABOVE = 10
"""Multiple of the loss of chance from which a loss is far above it.

Of 400 networks for a regression, with one to four hidden layers of the default kind, 99 in 100
begin below 8 times; the cross entropies of configs/ begin at 0.5 to 3 times.
"""


def badly_scaled(evidence: Evidence) -> bool:
    """Return True if the inputs are too large or too small for weights of the usual size."""
    return not SMALLEST_INPUT <= evidence.start.input_size <= LARGEST_INPUT


def input_scale(evidence: Evidence) -> Iterator[Finding]:
    """Find inputs that are not scaled."""
    if not badly_scaled(evidence):
        return
    size = evidence.start.input_size
    well = evidence.outcome == "fine" and evidence.reached < SCALED * evidence.chance
    where = "as large as" if size > 1 else "at most"
    yield Finding(
        "input scale",
        f"the inputs are {where} {size:.3g}, where 1 is usual",
        0.94 if size < SMALLEST_INPUT or size > 3 * LARGEST_INPUT else 0.65,
        scaling(evidence),
        kind="remark" if well else "alarm",
    )


def scaling(evidence: Evidence) -> list[str]:
    """Return assignments that standardize the numeric columns that are left as they are."""
    preprocessing = evidence.setup.given.dataset.preprocessing
    columns = [name for name, how in preprocessing.columns.items() if how.kind == "none"]
    settings = [f"dataset.preprocessing.columns.{name}=standardize" for name in columns]
    if preprocessing.numeric.kind != "standardize":
        settings.insert(0, "dataset.preprocessing.numeric=standardize")
    return settings


def target_scale(evidence: Evidence) -> Iterator[Finding]:
    """Find a target that is not scaled, where the loss reads numbers."""
    training, constant = evidence.training, evidence.constant
    preprocessing = evidence.setup.resolved.dataset.preprocessing
    reads_numbers = training.loss is None or isinstance(training.loss.link, Identity)
    if evidence.outcome == "fine" or preprocessing.target != "none" or not reads_numbers:
        return
    if evidence.setup.resolved.task != "regression":
        return
    center, spread = constant.center, constant.spread
    if max(center, spread) <= LARGEST_TARGET and spread >= SMALLEST_TARGET:
        return
    yield Finding(
        "target scale",
        f"the target is {center:.3g} ± {spread:.3g} as the network sees it, where 0 ± 1 is usual",
        0.96,
        ["dataset.preprocessing.target=standardize"],
    )


def loss_at_start(evidence: Evidence) -> Iterator[Finding]:
    """Find a loss far above chance before the first step, or after the first epoch."""
    start, history = evidence.start, evidence.history
    chance = max(start.chance, 0.0)
    first = history.loss[0] - start.penalty if len(history) else math.nan
    if not chance > 0 or badly_scaled(evidence):
        return
    if start.loss > FAR_ABOVE * chance:
        unscaled = evidence.setup.resolved.dataset.preprocessing.target == "none"
        settings = initializers(evidence.setup)
        if unscaled and evidence.setup.resolved.task == "regression":
            settings = ["dataset.preprocessing.target=standardize"]
        yield Finding(
            "loss at the start",
            f"it began at {evidence.loss_text(start.loss)}, {start.loss / chance:.2g} times what "
            f"chance gives ({evidence.loss_text(chance)})",
            0.55,
            settings,
            advice="" if settings else "choose a smaller initializer",
            kind=evidence.symptom,
        )
    elif first > FAR_ABOVE * chance:
        rate = min(usual_rate(evidence.setup), evidence.training.learning_rate / 10)
        yield Finding(
            "loss at the start",
            f"the first epoch's loss is {evidence.loss_text(first)}, {first / chance:.2g} times "
            f"what chance gives ({evidence.loss_text(chance)}), though it began at "
            f"{evidence.loss_text(start.loss)}",
            0.55,
            [learning_rate(rate)],
            kind=evidence.symptom,
        )
