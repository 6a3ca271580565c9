"""The importance of the keys of a search: the share of each in how good trials are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from bpnet.config.search_space import Values
from bpnet.integrations import optuna
from bpnet.runs.trial_log import Trial
from bpnet.workflows.search_plan import SearchPlan

FEWEST = 10
"""Trials with a score from which on importances are computed."""


@dataclass(frozen=True)
class Importance:
    """The shares of the keys, the largest first, and which of them cannot be told apart."""

    shares: dict[str, float] | None
    """None if there are too few trials."""
    by: str
    """How they are computed."""
    confounded: list[list[str]]
    """Keys of the shape that have changed only together, or one that has not changed at all."""
    shapes: list[Values]
    """The values of the keys of the shape that were tried together, each once."""


def importance(plan: SearchPlan, trials: Sequence[Trial]) -> Importance:
    """Return the share of each key in how good trials are, where most could be compared.

    It is the first rung: later ones only the best have reached.
    """
    scored = [
        (trial, trial.rungs[0][1] if trial.rungs else trial.score)
        for trial in sorted(trials, key=lambda one: one.number)
        if trial.rungs or trial.score is not None
    ]
    known = [trial for trial, _ in scored]
    values = [trial.values for trial in known]
    scores = [float(score) for _, score in scored if score is not None]
    keys, space = list(plan.space.dimensions), plan.space
    shapes = _distinct([space.of_shape(one.values) for one in trials])
    if len(scores) < FEWEST or len(set(scores)) < 2:
        return Importance(None, "", [], shapes)
    if plan.settings.sampler == "tpe":
        found = optuna.importance(known, space, scores, maximizes=plan.maximizes)
        by = "PED-ANOVA"
    else:
        # deferred: scikit-learn takes a while to import
        from bpnet.scoring.setting_importance import setting_importance

        found = setting_importance(values, keys, scores, seed=plan.seed)
        by = "random forest"
    shares = dict(sorted(found.items(), key=lambda one: -one[1]))
    confounded = confounded_keys(values, [key for key in shares if key in space.shape])
    return Importance(shares, by, confounded, shapes)


def confounded_keys(trials: Sequence[Values], keys: Sequence[str]) -> list[list[str]]:
    """Return groups of keys of the shape whose effects trials cannot tell apart.

    Two are in one group if each value of the one has come with a single value of the other; a key
    that has had one value only is a group by itself.
    """
    texts = [{key: json.dumps(one[key]) for key in keys if key in one} for one in trials]
    groups = [[key] for key in keys]
    for one, other in combinations(keys, 2):
        pairs = {(each[one], each[other]) for each in texts if one in each and other in each}
        counts = len({a for a, _ in pairs}), len({b for _, b in pairs})
        if min(counts) > 1 and len(pairs) == max(counts):
            joined = [group for group in groups if one in group or other in group]
            groups = [group for group in groups if group not in joined]
            groups.append([key for key in keys if any(key in group for group in joined)])
    constant = [key for key in keys if len({one[key] for one in texts if key in one}) == 1]
    return [group for group in groups if len(group) > 1 or group[0] in constant]


def _distinct(values: Sequence[Values]) -> list[Values]:
    return list({json.dumps(one, sort_keys=True): one for one in values}.values())
