"""The spread of several networks: the final metrics of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.figures.figure import Figure
from bpnet.figures.vega import FILL, Spec, bands, category, number, records, tooltip
from bpnet.messages import counted
from bpnet.scoring.metrics import metric_title


@dataclass(frozen=True)
class NetworkScore:
    """A metric of one network of several, on a part of the rows."""

    network: str
    metric: str
    part: str
    value: float


def spread_figure(scores: Sequence[NetworkScore], notes: Sequence[str] = ()) -> Figure:
    """Return the metrics of each network, a panel for each metric, with their means."""
    scores = [score for score in scores if np.isfinite(score.value)]
    metrics = list(dict.fromkeys(score.metric for score in scores))
    networks = list(dict.fromkeys(score.network for score in scores))
    sentences = []
    for metric in metrics[:4]:
        part = [score.part for score in scores if score.metric == metric][-1]
        values = np.array([s.value for s in scores if (s.metric, s.part) == (metric, part)])
        sentences.append(
            f"{part} {metric_title(metric)}: from {values.min():.4g} to {values.max():.4g}, mean "
            f"{values.mean():.4g}."
        )
    return Figure(
        "replicas",
        "Spread of the networks",
        f"The final metrics of each of {counted(len(networks), 'network')}; a bar marks the mean. "
        + " ".join(sentences),
        ("network", "metric", "rows", "value"),
        [(score.network, metric_title(score.metric), score.part, score.value) for score in scores],
        [_panel([score for score in scores if score.metric == metric]) for metric in metrics],
        notes,
    )


def _panel(scores: Sequence[NetworkScore]) -> Spec:
    data = records(
        network=[score.network for score in scores],
        part=[score.part for score in scores],
        value=[score.value for score in scores],
    )
    title = metric_title(scores[0].metric)
    x, y = number("value", title, scale={"zero": False}), category("part")
    mean = {"aggregate": "mean", "field": "value", "type": "quantitative", "title": title}
    return {
        "data": data,
        "height": bands(len({score.part for score in scores}), 36),
        "layer": [
            {
                "mark": {"type": "point", "color": FILL, "opacity": 0.7, "size": 60},
                "encoding": {
                    "x": x,
                    "y": y,
                    "tooltip": tooltip(("network", "network"), ("part", "rows"), ("value", title)),
                },
            },
            {
                "mark": {"type": "tick", "color": "currentColor", "thickness": 2},
                "encoding": {"x": mean, "y": y},
            },
        ],
    }
