"""The trials of a search: their scores in the order of drawing, and over the keys that matter."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bpnet.figures.figure import Figure
from bpnet.figures.vega import Spec, category, number, records, short_names, tooltip
from bpnet.messages import counted

MOST_KEYS = 4
_SHOWN = 90
"""Percentile of the scores up to which they are drawn as they are; others are at the edge."""


@dataclass(frozen=True)
class SearchedTrial:
    """A trial with a score: its number, its values, and how it ended."""

    number: int
    values: Mapping[str, Any]
    score: float
    state: str


def search_figure(
    trials: Sequence[SearchedTrial],
    metric: str,
    keys: Sequence[str],
    importance: Mapping[str, float],
    *,
    log: Collection[str],
    maximizes: bool,
) -> Figure:
    """Return the trials; of the keys those that the score hangs on most have a panel.

    Those in `log` are drawn by ratio.
    """
    trials = sorted(trials, key=lambda trial: trial.number)
    scores = np.array([trial.score for trial in trials])
    best = (np.maximum if maximizes else np.minimum).accumulate(scores)
    edge = float(np.percentile(scores, 100 - _SHOWN if maximizes else _SHOWN))
    shown = np.maximum(scores, edge) if maximizes else np.minimum(scores, edge)
    ordered = sorted(keys, key=lambda key: -importance.get(key, 0.0))[:MOST_KEYS]
    top = trials[int(scores.argmax() if maximizes else scores.argmin())]
    weights = ", ".join(f"{key} {importance[key]:.2f}" for key in ordered if key in importance)
    clipped = int(np.count_nonzero(shown != scores))
    return Figure(
        "search",
        "Trials of the search",
        f"{counted(len(trials), 'trial')} with a {metric}. Best is trial {top.number}, "
        f"{top.score:.4g}. " + (f"Importance: {weights}." if weights else ""),
        ("trial", *keys, metric, "state"),
        [
            (
                trial.number,
                *(_cell(trial.values.get(key)) for key in keys),
                trial.score,
                trial.state,
            )
            for trial in trials
        ],
        [
            _over_time(trials, shown, best, metric),
            *(_over_key(trials, shown, key, metric, log=key in log) for key in ordered),
        ],
        [f"{counted(clipped, 'worse trial')} are drawn at the edge"] if clipped else [],
    )


def _cell(value: Any) -> str | int | float | None:
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _score(metric: str) -> Spec:
    return number("score", metric, scale={"zero": False})


def _over_time(trials: Sequence[SearchedTrial], shown: Any, best: Any, metric: str) -> Spec:
    """Return the scores by the number of the trial, with the best so far."""
    data = records(
        trial=[trial.number for trial in trials],
        score=shown,
        best=best,
        state=[trial.state for trial in trials],
    )
    x = number("trial", "trial", scale={"zero": False, "nice": False})
    return {
        "data": data,
        "height": 220,
        "layer": [
            {
                "mark": {"type": "point", "opacity": 0.6},
                "encoding": {
                    "x": x,
                    "y": _score(metric),
                    "color": category("state"),
                    "tooltip": tooltip(("trial", "trial"), ("score", metric)),
                },
            },
            {
                "mark": {"type": "line", "interpolate": "step-after"},
                "encoding": {"x": x, "y": number("best", metric, scale={"zero": False})},
            },
        ],
    }


def _over_key(
    trials: Sequence[SearchedTrial], shown: Any, key: str, metric: str, *, log: bool
) -> Spec:
    """Return the scores by the value of a key, of the trials that have it."""
    having = [
        (trial, float(score))
        for trial, score in zip(trials, shown, strict=True)
        if key in trial.values
    ]
    values = [trial.values[key] for trial, _ in having]
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    title = short_names([key])[0]
    if numbers:
        scale = {"zero": False, **({"type": "log", "nice": False} if log else {})}
        x = number("value", title, scale=scale)
    else:
        texts = list(dict.fromkeys(map(str, values)))
        names = dict(zip(texts, short_names(texts), strict=True))
        values = [names[str(one)] for one in values]
        x = category("value", title, axis={"labelAngle": 0})
    return {
        "data": records(
            value=values,
            score=[score for _, score in having],
            state=[trial.state for trial, _ in having],
        ),
        "height": 160,
        "mark": {"type": "point", "opacity": 0.6},
        "encoding": {
            "x": x,
            "y": _score(metric),
            "color": category("state"),
            "tooltip": tooltip(("value", title), ("score", metric)),
        },
    }
