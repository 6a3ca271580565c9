"""The gradient check: a config's backpropagation against central differences, on its own rows."""

from dataclasses import dataclass, replace

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.config.presets.expand import preset_of
from bpnet.engine.bugs import BUGS
from bpnet.engine.gradient_check import ParameterCheck, check_gradient
from bpnet.engine.initializers import Zeros
from bpnet.engine.layers import Dense, Dropout, Equilibrium, Layer
from bpnet.engine.loop.initialization import initialize_by_rows
from bpnet.engine.network import Network
from bpnet.engine.penalties import Penalty
from bpnet.errors import DivergedError
from bpnet.models.build import build_model
from bpnet.models.threads import shared_work
from bpnet.preparation.prepare import prepare
from bpnet.workflows.spoiled_network import spoiled_layers

TOLERANCE = 1e-6
"""The largest relative error of a gradient that agrees."""
MAX_ENTRIES = 2000
"""Entries of each parameter that are checked."""


@dataclass(frozen=True)
class GradientReport:
    """Each parameter's check, and notes on what was changed to make the two comparable."""

    rows: int
    tolerance: float
    checks: list[ParameterCheck]
    notes: list[str]

    @property
    def worst(self) -> ParameterCheck:
        """The check of the parameter that disagrees most."""
        return max(self.checks, key=lambda check: check.relative_error)

    @property
    def agrees(self) -> bool:
        """True if every parameter is within the tolerance."""
        return self.worst.relative_error <= self.tolerance


def check_config(loaded: LoadedConfig, rows: int, bug: str | None = None) -> GradientReport:
    """Check a config's network at its first weights, in float64, on `rows` training rows.

    The rows are one batch. With the name of a bug the network goes back wrongly. Raises
    ConfigError, DataError or UsageError, or DivergedError where the loss is not finite.
    """
    # named, since a config that sets the precision alone has no preset by default
    preset = preset_of(loaded)
    named = [] if preset is None else [f"preset={preset}"]
    prepared = prepare(loaded.override([*named, "training.precision=float64"]))
    model = build_model(prepared)
    description, train = model.description, prepared.rows["train"]
    picked = np.unique(np.linspace(0, len(train) - 1, min(rows, len(train))).astype(np.intp))
    notes: list[str] = []
    layers = [_exact(layer, notes) for layer in description.layers]
    if bug is not None:
        layers = spoiled_layers(bug, layers, prepared.config.training)
        notes.append(f"with the bug {bug}: {BUGS[bug].description}")
    network = Network(
        layers,
        model.network.inputs,
        seeds=description.seeds,
        precision="float64",
    )
    initialize_by_rows(network, train)
    penalty = Penalty(l1=description.l1, l2=description.l2)
    try:
        with shared_work():
            checks = check_gradient(
                network, description.loss, train.picked(picked), penalty, most=MAX_ENTRIES
            )
    except FloatingPointError:
        raise DivergedError(
            "the loss of the first weights is not a finite number, so that it has no gradient: the "
            "weights that the initializer draws, or the penalty (training.l1, training.l2), are "
            "too large; lower them"
        ) from None
    if any(check.kinks for check in checks):
        count = sum(check.kinks for check in checks)
        notes.append(
            f"{count} entries are at a kink of the loss (such as a relu's at 0), "
            "where no slope is right: left out"
        )
    if any(check.checked < network.parameters.views[check.name][0].size for check in checks):
        notes.append(
            f"of larger parameters, {MAX_ENTRIES} entries each were checked, evenly spaced"
        )
    notes += network.warnings.values()
    return GradientReport(len(picked), TOLERANCE, checks, list(dict.fromkeys(notes)))


def _exact(layer: Layer, notes: list[str]) -> Layer:
    """Return the layer with randomness and tolerances removed, and note what was done."""
    if isinstance(layer, Dropout) and layer.rate > 0:
        notes.append("dropout drew the same values to leave out in every evaluation")
    if isinstance(layer, Dense) and isinstance(layer.initializer, Zeros):
        notes.append("weights that start at 0, past which no gradient flows, were drawn at random")
        return replace(layer, initializer=None)  # the one that suits the activation
    if isinstance(layer, Equilibrium):
        notes.append("equilibrium layers were relaxed to a tolerance of 1e-14")
        return replace(layer, tolerance=1e-14)
    return layer
