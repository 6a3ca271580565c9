"""The members of an ensemble combined: one model, and its predictions for rows it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bpnet.data.encoding.dates import DateColumn
from bpnet.data.reading.column import Floats
from bpnet.engine.component import Array
from bpnet.models.averaging import compared_rows, error_ratios
from bpnet.models.combination import Combination
from bpnet.models.combination_fit import FittedCombination, fit_combination
from bpnet.models.ensemble import Ensemble
from bpnet.models.greedy_selection import Selection
from bpnet.models.intervals import fit_intervals
from bpnet.preparation.fit import FittedDataset
from bpnet.workflows.member_training import TrainedMember
from bpnet.workflows.members_plan import MembersPlan


@dataclass(frozen=True)
class Candidate:
    """A member or draw that a greedy selection may pick."""

    member: TrainedMember
    loss: float
    """Its own loss on held-out rows."""
    weight: float


@dataclass(frozen=True)
class CombinedMembers:
    """An ensemble of trained members, whose combination is fitted to out-of-fold predictions."""

    ensemble: Ensemble
    members: Sequence[TrainedMember]
    """The members that are blended: of draws only those that were picked."""
    weights: list[float]
    """The weight of each member; those whose weight is 0 are not in the ensemble."""
    temperatures: list[float]
    each: list[Array]
    """The out-of-fold predictions (N, K) of each member; nan for a row that no network held out."""
    out_of_fold: Array
    """Those of the ensemble."""
    test: Array | None
    """The ensemble's predictions (M, K) for the test rows; None if there are none."""
    candidates: Sequence[Candidate]
    """Of a greedy selection all that could be picked, with their weights."""


def combine_members(plan: MembersPlan, trained: Sequence[TrainedMember]) -> CombinedMembers:
    """Fit temperatures, blend weights and calibration, and predict the test rows.

    Where there are packs, members and draws are picked greedily.
    """
    fitted, rows = plan.members[0], plan.folds.rows
    candidates: Sequence[Candidate] = ()
    picked = None
    if plan.packed:
        candidates = _candidates(plan, trained)
        trained = [one.member for one in candidates if one.weight]
        picked = [one.weight for one in candidates if one.weight]
    scored = np.logical_and.reduce([np.isfinite(one.scores).all(axis=1) for one in trained])  # (N,)
    weights, values = fitted.weights(), fitted.split.target_values.values[rows[scored]]
    found = fit_combination(
        [member.model.description for member in trained],
        [member.scores[scored] for member in trained],
        values,
        None if weights is None else weights[rows[scored]],
        calibration=plan.config.calibration or "temperature",
        blend=picked,
    )
    models = [
        member.model.described(temperature=temperature)
        for member, temperature in zip(trained, found.temperatures, strict=True)
    ]
    combination = found.combination
    if combination.intervals is not None:
        combination = replace(
            combination,
            intervals=fit_intervals(
                found.predicted,
                values,
                _error_ratios(plan, trained, combination, found, values),
                None if weights is None else weights[rows[scored]],
            ),
        )
    if _extrapolates(fitted):
        combination = _with_wider_range(combination)
    ensemble = Ensemble(models, combination)
    test = None
    if all(member.test is not None for member in trained):
        x = [member.test for member in trained if member.test is not None]
        test = ensemble.combine(ensemble.predict_each(x))
    return CombinedMembers(
        ensemble=ensemble.pruned(),
        members=trained,
        weights=combination.weights,
        temperatures=found.temperatures,
        each=[_filled(predicted, scored) for predicted in found.members],
        out_of_fold=_filled(found.predicted, scored),
        test=test,
        candidates=candidates,
    )


def _extrapolates(fitted: FittedDataset) -> bool:
    """Return whether dates later than those in training are inputs, as a trend is."""
    dates = [column for column in fitted.encoder.columns if isinstance(column, DateColumn)]
    by_time = fitted.split.times is not None
    return by_time and any("elapsed" in column.parts for column in dates)


def _with_wider_range(combination: Combination) -> Combination:
    """Return a combination whose predictions may leave the plausible range by its width."""
    if combination.shrinkage is None:
        return combination
    wider = [
        replace(
            one,
            lowest=one.lowest - (one.highest - one.lowest),
            highest=one.highest + (one.highest - one.lowest),
        )
        for one in combination.shrinkage
    ]
    return replace(combination, shrinkage=wider)


def _error_ratios(
    plan: MembersPlan,
    trained: Sequence[TrainedMember],
    combination: Combination,
    found: FittedCombination,
    values: Floats,
) -> Floats | None:
    """Return the error of the ensemble by that of its out-of-fold predictions, for each quantity.

    Of several rounds, which differ in their folds, the networks of the one that weighs most are
    compared; the means are over as many more networks as rounds of equal weight would have. It is
    None if no networks are left that hold out the same folds in all members.
    """
    shares = np.zeros(len(plan.rounds))
    for member, weight in zip(trained, combination.weights, strict=True):
        shares[member.round - 1] += weight
    largest, alike = int(shares.argmax()), float(shares.sum() ** 2 / (shares**2).sum())
    if len(plan.rounds) > 1:
        chosen = [k for k, member in enumerate(trained) if member.round - 1 == largest]
        weights = [combination.weights[k] / shares[largest] for k in chosen]
        trained, combination = [trained[k] for k in chosen], replace(combination, weights=weights)
    folds, count = plan.rounds[largest], len(plan.rounds[largest].folds)
    left_out = {number - 1 for member in trained for number in member.left_out}
    networks = [k for k in range(count) if k not in left_out]
    if not networks:
        return None
    rows = compared_rows(len(folds.rows))
    each = []
    for network in networks:
        of_members = []
        for member in trained:
            assert member.compared is not None
            place = sum(k + 1 not in member.left_out for k in range(network))
            of_members.append(combination.within_range(member.compared[place]))
        each.append(combination.quantities(of_members))
    true = plan.members[0].split.target_values.values[folds.rows[rows]]
    return error_ratios(
        np.stack(each) - true,
        np.stack([np.isin(rows, folds.trained[network]) for network in networks]),
        found.predicted - values,
        before=folds.repeats * alike,
        after=min(len(member.model.description.seeds) for member in trained) * alike,
    )


def _candidates(plan: MembersPlan, trained: Sequence[TrainedMember]) -> list[Candidate]:
    """Return members and draws, with the weights of those that predict best together.

    Those of which a network diverged take no part, unless there are no others.
    """
    members = [one for one in trained if not one.left_out] or list(trained)
    scored = np.logical_and.reduce([np.isfinite(one.scores).all(axis=1) for one in members])
    rows, weights = plan.folds.rows[scored], plan.members[0].weights()
    selection = Selection(
        members[0].model.description,
        plan.members[0].split.target_values.values[rows],
        None if weights is None else weights[rows],
        plan.config.calibration or "temperature",
    )
    for one in members:
        selection.add(one.model.description, one.scores[scored])
    shares = selection.pick()
    return [Candidate(*one) for one in zip(members, selection.losses, shares, strict=True)]


def _filled(predicted: Array, scored: Array) -> Array:
    """Return predictions (n, K) of the rows of a mask (N,) as (N, K), nan in the others."""
    filled = np.full((len(scored), predicted.shape[1]), np.nan)
    filled[scored] = predicted
    return filled
