"""Calibration of networks by the validation rows of their training."""

from dataclasses import dataclass

import numpy as np

from bpnet.config.schema import Calibration
from bpnet.data.targets import Quantities
from bpnet.models.combination_fit import fit_combination
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import Model
from bpnet.preparation.encode import EncodedDataset


@dataclass(frozen=True)
class CalibrationResult:
    """What `calibration` has changed, for the report of a training."""

    kind: Calibration
    rows: int
    """Number of validation rows that it is fitted to."""
    temperature: float | None
    """The number that scores are divided by; None for quantities."""
    slopes: list[float]
    """Share of the difference from the mean that each quantity keeps; none for probabilities."""


def calibrate(
    model: Model, prepared: EncodedDataset, calibration: Calibration | None
) -> tuple[Ensemble, CalibrationResult | None]:
    """Return networks as a calibrated ensemble; uncalibrated if the config does not ask for it.

    The best epoch was chosen by the same validation rows, which makes networks seem slightly too
    good. Networks whose scores are not finite stay as they are.
    """
    plain = Ensemble([model])
    if calibration in (None, "none") or "validation" not in prepared.rows:
        return plain, None
    rows = prepared.rows["validation"].picked(slice(None))
    scores = model.scores(rows.x)
    if not np.isfinite(scores).all():
        return plain, None
    fitted = fit_combination(
        [model.description],
        [scores],
        prepared.split.target_values.values[prepared.parts["validation"]],
        rows.weights,
        calibration=calibration,
    )
    (temperature,), combination = fitted.temperatures, fitted.combination
    result = CalibrationResult(
        kind=calibration,
        rows=len(rows),
        temperature=(
            None
            if isinstance(prepared.target, Quantities)
            else temperature * combination.temperature
        ),
        slopes=[each.slope for each in combination.shrinkage or []],
    )
    return Ensemble([model.described(temperature=temperature)], combination), result
