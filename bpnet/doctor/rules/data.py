"""Limits of the table: nothing to learn, or nothing that a network of this shape can learn."""

from collections.abc import Iterator

from bpnet.doctor.evidence import STUCK, Evidence
from bpnet.doctor.finding import Finding
from bpnet.doctor.prescription import bent, dense_layers, wider

NOTHING, LITTLE = 0.04, 0.1
"""R² on rows left out below which a probe has found nothing to learn, or next to nothing."""

BY_ACCIDENT = 5
"""R², times the number of rows, below which 19 in 20 probes of a pure noise are: of 30 to 400 rows
with 3 or 10 inputs it is 3 to 8."""

NATS_BY_ACCIDENT = 10.0
"""Held-out log likelihood over a constant prediction's that no useless network reaches: a gain of
g nats has at most the probability e^-g, times the number of epochs that the best is chosen from."""

FEW_UNITS = 3
"""Units of a hidden layer with which few tables can be learned."""

FITTED = 0.5
"""R² in sample below which a few rows have no linear rule."""


def nothing_to_learn(evidence: Evidence) -> Iterator[Finding]:
    """Find a target that two closed-form models cannot predict either."""
    best, held = evidence.learnable, evidence.held_out
    useless = evidence.outcome == "little" or (held is not None and held > STUCK)
    if not evidence.final or evidence.outcome == "diverged":
        return
    if best is None or not useless or evidence.probe is None:
        return
    if evidence.held_out_gain > NATS_BY_ACCIDENT:
        return
    rows = evidence.probe.rows
    accident = BY_ACCIDENT / rows
    if best > max(LITTLE, accident):
        return
    yield Finding(
        "nothing to learn",
        "the inputs may not tell the target: neither a linear nor a smooth function of them "
        f"predicts rows left out (R² {best:.2f} on {rows} training rows)",
        0.89 if best < max(NOTHING, accident) else 0.5,
        advice="look for columns that could tell it, or for a mistake in the table: "
        "bpnet check CONFIG",
    )


def no_hidden_layer(evidence: Evidence) -> Iterator[Finding]:
    """Find a linear network on a task that is not linear."""
    probe = evidence.probe
    if not evidence.setup.linear or evidence.outcome not in ("little", "behind") or probe is None:
        return
    if probe.smooth is None:
        linear = probe.linear if probe.linear is not None else 1.0
        if linear < FITTED:
            text = (
                f"no linear function fits the {probe.rows} training rows (R² {linear:.2f} at most)"
            )
            yield Finding("no hidden layer", text, 0.94, bent(evidence.setup))
        return
    linear = probe.linear or 0.0
    if probe.smooth - max(linear, 0) > LITTLE:
        yield Finding(
            "no hidden layer",
            f"the network is linear, and a linear model has R² {linear:.2f} on rows left out, "
            f"where a smooth one has {probe.smooth:.2f}",
            0.94,
            bent(evidence.setup),
        )


def too_small(evidence: Evidence) -> Iterator[Finding]:
    """Find narrow hidden layers, where the table allows more."""
    best, setup = evidence.learnable, evidence.setup
    units = [layer.units for _, layer in dense_layers(setup)]
    settings = wider(setup)
    if setup.linear or not units or not settings or best is None or best < LITTLE:
        return
    if evidence.outcome not in ("little", "behind"):
        return
    yield Finding(
        "network too small",
        f"a hidden layer has {min(units)} units, and the table allows more "
        f"(a kernel regression has R² {best:.2f} on rows left out)",
        0.72 if min(units) <= FEW_UNITS else 0.35,
        settings,
    )
