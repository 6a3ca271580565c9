"""The rules: one for each trouble, in a module of its subject; `RULES` is the table of all.

A rule reads the evidence and yields findings. `advise` orders them by likelihood.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from bpnet.doctor.evidence import Evidence
from bpnet.doctor.finding import Finding
from bpnet.doctor.rules.data import no_hidden_layer, nothing_to_learn, too_small
from bpnet.doctor.rules.gradients import exploding, vanishing
from bpnet.doctor.rules.optimizing import (
    clipping,
    momentum,
    optimizer_settings,
    schedule,
)
from bpnet.doctor.rules.overfitting import gap, unsupported, validation_rose
from bpnet.doctor.rules.rates import large_steps, rate_too_high, rate_too_low
from bpnet.doctor.rules.restraint import dropout, penalty
from bpnet.doctor.rules.scales import input_scale, loss_at_start, target_scale
from bpnet.doctor.rules.stopping import few_epochs, stopped_early
from bpnet.doctor.rules.units import dead, initializer, saturated

Rule = Callable[[Evidence], Iterable[Finding]]

SYMPTOMS: tuple[Rule, ...] = (
    target_scale,
    input_scale,
    loss_at_start,
    dead,
    saturated,
    vanishing,
    exploding,
    rate_too_high,
    large_steps,
    validation_rose,
)
"""Rules that may find something while training goes on."""

RULES: tuple[Rule, ...] = (
    *SYMPTOMS,
    # of the table
    nothing_to_learn,
    no_hidden_layer,
    too_small,
    # of the first weights
    initializer,
    # of the steps
    rate_too_low,
    schedule,
    momentum,
    clipping,
    optimizer_settings,
    penalty,
    dropout,
    # of the end
    few_epochs,
    stopped_early,
    unsupported,
    gap,
)

MOST_CAUSES, LEAST_SHARE = 4, 0.4
"""Number of causes that are named at most, and the share of the first one's likelihood that each
of them has."""


def advise(evidence: Evidence) -> list[Finding]:
    """Return the findings of all rules: alarms by likelihood, then remarks.

    Of two findings about the same, the likelier one is kept. The first cause of a bad outcome tells
    how the training ended.
    """
    found: dict[str, Finding] = {}
    for rule in RULES if evidence.final else SYMPTOMS:
        for finding in rule(evidence):
            if evidence.training.optimizer.full_batch:
                finding = _without_steps(finding)
            known = found.get(finding.about)
            if known is None or known.likelihood < finding.likelihood:
                found[finding.about] = finding
    ordered = sorted(found.values(), key=lambda finding: -finding.likelihood)
    alarms = [finding for finding in ordered if finding.kind == "alarm"]
    alarms = [one for one in alarms if one.likelihood >= LEAST_SHARE * alarms[0].likelihood]
    alarms = alarms[:MOST_CAUSES]
    if alarms and evidence.final and evidence.outcome != "fine":
        alarms[0] = replace(alarms[0], outcome=evidence.outcome_text)
    return alarms + [finding for finding in ordered if finding.kind == "remark"]


def _without_steps(finding: Finding) -> Finding:
    """Return the finding without settings that an optimizer of all rows does not take."""
    sizes = ("training.learning_rate=", "training.batch_size=")
    settings = [one for one in finding.settings if not one.startswith(sizes)]
    return replace(finding, settings=settings)
