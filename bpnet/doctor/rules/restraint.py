"""Penalties and dropout that leave nothing to learn with."""

from collections.abc import Iterator

from bpnet.doctor.evidence import Evidence
from bpnet.doctor.finding import Finding
from bpnet.engine.layers import Dropout

SHRUNK = 0.5
"""Share of their first norm to which a penalty that is too heavy brings the weights at least."""

MOSTLY, NEARLY_ALL = 0.7, 0.85
"""Rates of dropout that leave few values, and too few for most networks."""


def penalty(evidence: Evidence) -> Iterator[Finding]:
    """Find a penalty that weighs more than the loss, and brought the weights toward 0."""
    training, history = evidence.training, evidence.history
    if evidence.outcome == "fine" or not evidence.final:
        return
    decay = float(getattr(training.optimizer, "weight_decay", 0.0))
    rate = training.learning_rate
    heavy = evidence.start.penalty > evidence.chance
    # the share of the weights that a step leaves is 1 - ηλ
    decays = decay * sum(history.learning_rate) * history.steps_per_epoch > 3 and decay > 1
    unstable = evidence.outcome == "diverged" and rate * max(decay, training.l2) > 1
    norms = [
        (first.weight_norm, now.weight_norm)
        for first, now in zip(evidence.start.layers, evidence.now.layers, strict=True)
        if first.weight_norm and now.weight_norm is not None
    ]
    shares = [end / begin for begin, end in norms]
    shrank = bool(shares) and min(shares) < SHRUNK
    if not (unstable or ((heavy or decays) and shrank)):
        return
    settings = []
    signs = []
    if heavy or (unstable and training.l2 > 0):
        weights = [name for name in ("l1", "l2") if getattr(training, name)]
        named = " and ".join(f"{name} {getattr(training, name):g}" for name in weights)
        begun = evidence.loss_text(evidence.start.penalty)
        signs.append(
            f"with {named} the penalty began at {begun}, where the loss of a constant "
            f"prediction is {evidence.loss_text(evidence.chance)}"
        )
        settings += [f"training.{name}=0" for name in weights]
    if decays or (unstable and decay):
        signs.append(
            f"each step shrinks the weights by {rate * decay:.2g} (weight_decay {decay:g})"
        )
        settings.append("training.optimizer.weight_decay=0.01")
    if shrank:
        signs.append(f"the weights shrank to {min(shares):.1g} of their first size")
    yield Finding("penalty", ", and ".join(signs), 0.95, settings)


def dropout(evidence: Evidence) -> Iterator[Finding]:
    """Find a dropout that leaves too few values."""
    if evidence.outcome == "fine" or not evidence.final:
        return
    layers = evidence.setup.resolved.architecture.layers or []
    rates = [(k, layer.rate) for k, layer in enumerate(layers) if isinstance(layer, Dropout)]
    high = [(k, rate) for k, rate in rates if rate >= MOSTLY]
    if not high:
        return
    largest = max(rate for _, rate in high)
    yield Finding(
        "dropout",
        f"a step keeps only {1 - largest:.0%} of the values in front of a layer",
        0.92 if largest >= NEARLY_ALL else 0.6,
        ["architecture.dropout=0.2"]
        if evidence.setup.given.architecture.layers is None
        else [f"architecture.layers.{k}.rate=0.2" for k, _ in high],
    )
