"""The report of `bpnet search`: the best trials, what their scores hang on, and the best run."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bpnet.messages import counted, listed
from bpnet.reports.tables import table
from bpnet.reports.text import closing_lines, rounded

if TYPE_CHECKING:
    from bpnet.runs.trial_log import Trial
    from bpnet.workflows.search_best import SearchResult

_MOST = 10
"""Trials that are shown."""


def search_lines(result: "SearchResult") -> Iterator[str]:
    """Yield the best trials, the importances, the best run, and what to type next."""
    trials = result.trials
    part = result.part.replace("_", "-")
    yield (
        f"\n{counted(len(trials), 'trial')} in {result.seconds:.1f} s ({_states(trials)}), "
        f"drawn by {result.sampler}; ranked by the {part} {result.metric}\n"
    )
    keys = list(dict.fromkeys(key for trial in trials for key in trial.values))
    header = ["", "trial", *keys, result.metric, "epochs", "ended"]
    rows = [
        [
            str(rank),
            str(trial.number),
            *(value_words(trial.values.get(key, "")) for key in keys),
            "" if trial.score is None else rounded(trial.score, 4),
            str(trial.epochs),
            trial.state,
        ]
        for rank, trial in enumerate(trials[:_MOST], start=1)
    ]
    yield from table(header, rows, numbers=True)
    if len(trials) > _MOST:
        yield f"and {len(trials) - _MOST:,} more, in {result.study / 'trials.csv'}"
    yield from _shape_lines(result)
    yield from _importance_lines(result)
    yield ""
    yield from _best_lines(result)
    yield from closing_lines("Best run", result.run, "eval")


def _states(trials: "list[Trial]") -> str:
    counts = Counter(trial.state for trial in trials)
    return ", ".join(f"{counts[state]} {state}" for state in sorted(counts))


def value_words(value: Any) -> str:
    """Return a drawn value as text: a word as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _importance_lines(result: "SearchResult") -> Iterator[str]:
    if result.importance is None:
        yield "\nToo few trials with a score to tell what it hangs on."
        return
    yield f"\nImportance ({result.importance_by}, share of the score):"
    width = max(map(len, result.importance))
    for key, share in result.importance.items():
        yield f"  {key:<{width}}  {share:.2f}  {'▪' * round(20 * share)}".rstrip()
    for keys in result.confounded:
        if len(keys) == 1:
            yield f"{keys[0]} had one value only, so its share is not known."
        else:
            yield (f"{listed(keys)} changed only together: their shares cannot be told apart.")


def _shape_lines(result: "SearchResult") -> Iterator[str]:
    """Yield which keys have one value in a pass, and how many of these there have been."""
    if result.shape:
        decide = "decides" if len(result.shape) == 1 else "decide"
        yield (
            f"{counted(result.shapes, 'shape')} of network tried: {listed(result.shape)} "
            f"{decide} about it, and a pass has one."
        )


def _best_lines(result: "SearchResult") -> Iterator[str]:
    best = result.trials[0]
    assert best.score is not None
    yield (
        f"Trial {best.number}, the best of {len(result.trials):,}, was trained again as a run in "
        f"{result.best_seconds:.1f} s."
    )
    name, part = result.metric, result.part.replace("_", "-")
    yield (
        f"Its {part} {name} of {rounded(best.score, 4)} is flattered: it is the best of many by "
        "these rows."
    )
    yield from _loss_lines(result)
    test = result.metrics.get("test")
    if test:
        values = ", ".join(f"{key} {rounded(value, 4)}" for key, value in test.items())
        yield f"Test rows, which no trial has seen, are looked at once: {values}"
    else:
        yield "There are no test rows, which would tell how good it is on others."


def _loss_lines(result: "SearchResult") -> Iterator[str]:
    """Yield what the loss is that compares trials, where the run's report has others."""
    if result.part == "mean_of_folds":
        yield (
            f"It is the mean of the {result.metric} of each fold's held-out rows; the run's own "
            "out-of-fold score is of all these rows together."
        )
    if result.metric != "loss":
        return
    if any("rmse" in one for one in result.metrics.values()):
        yield (
            "This loss is the training's, of the target as it is scaled for the network; "
            "--set search.metric=rmse compares in the target's own units."
        )
    elif result.part == "out_of_fold":
        yield (
            "This loss is of all held-out rows together, at their best temperature, without label "
            "smoothing; the val_loss of an epoch is the folds' mean, as they train."
        )


def search_data(result: "SearchResult") -> dict[str, Any]:
    """Return the result as data for --json."""
    return {name: getattr(result, name) for name in result.__dataclass_fields__}
