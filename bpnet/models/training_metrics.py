"""Training metrics: a model's loss and the metrics of metrics.csv, computed by the engine.

The richer scores of `bpnet eval`, computed by scikit-learn, are in `bpnet.scoring.scores`.
"""

from collections.abc import Mapping

import numpy as np

from bpnet.data.splitting import Part
from bpnet.data.targets import Quantities
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.evaluation import Evaluator
from bpnet.engine.metrics import Metric, task_metrics
from bpnet.engine.penalties import Penalty
from bpnet.models.description import Description
from bpnet.models.model import Model
from bpnet.runs.metrics import PartMetrics


def training_metrics(*descriptions: Description) -> list[Metric]:
    """Return the metrics that are measured in each epoch.

    Classes and labels have accuracy; quantities have RMSE, in the target's own unit, and R².
    Give one description, or one for each replica where replicas train on different rows.
    """
    description = descriptions[0]
    scales = [each.target.divisors for each in descriptions if isinstance(each.target, Quantities)]
    return [
        metric(description.loss.threshold, np.array(scales) if scales else None)
        for metric in task_metrics(description.task, description.metrics)
    ]


def measure_replicas(model: Model, rows: Rows) -> dict[str, Array]:
    """Return the loss that training minimizes, penalty included, and the metrics, each (R,)."""
    return training_evaluator(model, rows).evaluate()


def training_evaluator(model: Model, rows: Rows) -> Evaluator:
    """Return what measures the loss, penalty included, and the metrics of the present weights."""
    description, network = model.description, model.network
    penalty = Penalty(l1=description.l1, l2=description.l2).bind(
        network.theta, network.gradient, network.weights
    )
    return Evaluator(network, description.loss, training_metrics(description), rows, penalty)


def infinite_from_start(model: Model, rows: Rows) -> bool:
    """Return whether networks that diverged have no finite loss with the weights they kept.

    Such weights are the first: later ones are kept only if their loss is finite.
    """
    with np.errstate(all="ignore"):
        return not np.isfinite(measure_replicas(model, rows)["loss"]).any()


def measure_parts(model: Model, rows: Mapping[Part, Rows]) -> list[PartMetrics]:
    """Return each replica's final metrics on the rows of every part."""
    replicas: list[PartMetrics] = [{} for _ in model.description.seeds]
    for part, part_rows in rows.items():
        for name, values in measure_replicas(model, part_rows).items():
            for metrics, value in zip(replicas, values.tolist(), strict=True):
                metrics.setdefault(part, {})[name] = value
    return replicas


def ranking_part(rows: Mapping[Part, Rows]) -> Part:
    """Return the part by whose metrics networks are compared: validation, if it has rows."""
    return "validation" if "validation" in rows else "train"
