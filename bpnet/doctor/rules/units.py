"""Units that pass no gradient, and first weights that make them so."""

from collections.abc import Iterator

from bpnet.doctor.diagnosis import LayerReport
from bpnet.doctor.evidence import Evidence
from bpnet.doctor.finding import Finding
from bpnet.doctor.prescription import activations, initializers, learning_rate, usual_rate
from bpnet.doctor.rules.scales import badly_scaled

DEAD = 0.5
"""Share of dead units from which a layer is in trouble; those in configs/ have 1/8 at most."""

SATURATED = 0.8
"""Share of outputs at their limits from which a layer is in trouble.

Networks that have become sure, with reason, reach 0.1 to 0.6.
"""

LEAST_ROWS = 10
"""Number of rows below which a unit may be dead or saturated by accident."""

LARGEST_GAIN, SMALLEST_GAIN = 8.0, 0.02
"""Root mean squares of first weights, times √fan-in, beyond which signals explode or vanish.

The usual initializers give 0.1 to 1.5.
"""


def initializer(evidence: Evidence) -> Iterator[Finding]:
    """Find first weights that no training gets away from."""
    if evidence.learned_well or not evidence.final:
        return
    signs = list(_signs(evidence))
    settings = initializers(evidence.setup)
    if signs and settings:
        yield Finding("initializer", ", and ".join(signs), 0.95, settings)


def _signs(evidence: Evidence) -> Iterator[str]:
    """Yield what is wrong with the first weights, of the first layer where it is."""
    for first, now in evidence.hidden:
        name = f"layer {first.layer}"
        if first.alike and now.alike:
            yield f"all units of {name} begin with the same weights, and stay the same"
            return
        if first.gain is not None and not SMALLEST_GAIN <= first.gain <= LARGEST_GAIN:
            yield f"the first weights of {name} are {first.gain:.2g} times the usual size"
            return
        if evidence.start.rows < LEAST_ROWS or badly_scaled(evidence):
            continue
        if first.dead is not None and first.dead >= DEAD and first.kind == "dense":
            yield f"{first.dead:.0%} of the units of {name} are dead from the start"
            return
        if first.saturated is not None and first.saturated >= SATURATED:
            yield f"{first.saturated:.0%} of the outputs of {name} are at their limits at the start"
            return
    last = evidence.start.layers[-1]
    if last.gain is not None and last.gain > LARGEST_GAIN:
        yield f"the first weights of the output are {last.gain:.2g} times the usual size"


def _unexplained(evidence: Evidence) -> list[LayerReport]:
    """Return the layers of now, without the first one that reads inputs of an unusual size."""
    layers = [layer for layer in evidence.now.layers if layer.sums_inputs]
    return layers[1:] if badly_scaled(evidence) else layers


def dead(evidence: Evidence) -> Iterator[Finding]:
    """Find units that are flat at their lower limit on every row."""
    if evidence.now.rows < LEAST_ROWS:
        return
    for layer in _unexplained(evidence):
        if layer.dead is None or layer.dead < DEAD:
            continue
        settings = activations(evidence.setup, "leaky_relu")
        rate = evidence.training.learning_rate
        if rate >= usual_rate(evidence.setup):
            settings.insert(0, learning_rate(rate / 10))
        yield Finding(
            "dead units",
            f"{layer.dead:.0%} of the units of layer {layer.layer} are 0 on every row",
            0.78 if layer.dead == 1 else 0.45,
            settings,
            kind=evidence.symptom,
            layer=layer.layer,
        )


def saturated(evidence: Evidence) -> Iterator[Finding]:
    """Find hidden units at their limits."""
    if evidence.now.rows < LEAST_ROWS:
        return
    for layer in _unexplained(evidence):
        # an output may well be sure
        if layer.layer == len(evidence.now.layers) or layer.saturated is None:
            continue
        if layer.saturated < SATURATED:
            continue
        rate = min(evidence.training.learning_rate / 10, usual_rate(evidence.setup))
        yield Finding(
            "saturated units",
            f"{layer.saturated:.0%} of the {layer.activation} outputs of layer {layer.layer} are "
            "at their limits",
            0.6,
            [learning_rate(rate), *initializers(evidence.setup)],
            kind="remark" if evidence.learned_well else "alarm",
            layer=layer.layer,
        )
