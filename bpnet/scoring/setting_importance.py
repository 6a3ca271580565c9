"""The importance of settings: how much the score of trials hangs on each, by a random forest.

A forest (Breiman 2001) is fitted to the ranks of the scores; a setting's importance is what its
permutation costs the forest, and all add up to 1. Settings that a trial lacks have a value of their
own.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from bpnet.engine.component import Array

_TREES, _REPEATS = 64, 8


def setting_importance(
    values: Sequence[Mapping[str, Any]], keys: Sequence[str], scores: Sequence[float], *, seed: int
) -> dict[str, float]:
    """Return the share of each key in the scores of trials with these values; all 0 if none has."""
    x = np.column_stack([_numbers([one.get(key) for one in values]) for key in keys])
    y = rankdata(scores)
    forest = RandomForestRegressor(_TREES, random_state=seed, min_samples_leaf=2)
    forest.fit(x, y)
    costs = permutation_importance(forest, x, y, n_repeats=_REPEATS, random_state=seed)
    shares = np.maximum(costs.importances_mean, 0.0)
    total = float(shares.sum())
    return {
        key: float(share / total) if total else 0.0 for key, share in zip(keys, shares, strict=True)
    }


def _numbers(column: Sequence[Any]) -> Array:
    """Return values as numbers whose order is theirs: of numbers the ranks, else of first sight."""
    present = [one for one in column if one is not None]
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in present):
        order = {one: k for k, one in enumerate(sorted(set(present)))}
        return np.array([-1.0 if one is None else order[one] for one in column])
    seen: dict[str, int] = {}
    return np.array(
        [
            -1.0 if one is None else seen.setdefault(json.dumps(one, sort_keys=True), len(seen))
            for one in column
        ]
    )
