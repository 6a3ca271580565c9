"""The members of an ensemble combined: one model, and its predictions for rows it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.engine.component import Array
from bpnet.models.combination_fit import fit_combination
from bpnet.models.ensemble import Ensemble
from bpnet.workflows.member_training import TrainedMember
from bpnet.workflows.members_plan import MembersPlan


@dataclass(frozen=True)
class CombinedMembers:
    """An ensemble of trained members, whose combination is fitted to out-of-fold predictions."""

    ensemble: Ensemble
    weights: list[float]
    """The weight of each member; those whose weight is 0 are not in the ensemble."""
    temperatures: list[float]
    each: list[Array]
    """The out-of-fold predictions (N, K) of each member; nan for a row that no network held out."""
    out_of_fold: Array
    """Those of the ensemble."""
    test: Array | None
    """The ensemble's predictions (M, K) for the test rows; None if there are none."""


def combine_members(plan: MembersPlan, trained: Sequence[TrainedMember]) -> CombinedMembers:
    """Fit temperatures, blend weights and calibration, and predict the test rows."""
    fitted, rows = plan.members[0], plan.folds.rows
    scored = np.logical_and.reduce([np.isfinite(one.scores).all(axis=1) for one in trained])  # (N,)
    weights = fitted.weights()
    found = fit_combination(
        [member.model.description for member in trained],
        [member.scores[scored] for member in trained],
        fitted.split.target_values.values[rows[scored]],
        None if weights is None else weights[rows[scored]],
        calibration=plan.config.calibration or "temperature",
    )
    models = [
        member.model.described(temperature=temperature)
        for member, temperature in zip(trained, found.temperatures, strict=True)
    ]
    ensemble = Ensemble(models, found.combination)
    test = None
    if all(member.test is not None for member in trained):
        x = [member.test for member in trained if member.test is not None]
        test = ensemble.combine(ensemble.predict_each(x))
    return CombinedMembers(
        ensemble=ensemble.pruned(),
        weights=found.combination.weights,
        temperatures=found.temperatures,
        each=[_filled(predicted, scored) for predicted in found.members],
        out_of_fold=_filled(found.predicted, scored),
        test=test,
    )


def _filled(predicted: Array, scored: Array) -> Array:
    """Return predictions (n, K) of the rows of a mask (N,) as (N, K), nan in the others."""
    filled = np.full((len(scored), predicted.shape[1]), np.nan)
    filled[scored] = predicted
    return filled
