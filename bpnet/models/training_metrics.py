"""Training metrics: a model's loss and the metrics of metrics.csv, computed by the engine.

The richer scores of `bpnet eval`, computed by scikit-learn, are in `bpnet.scoring.scores`.
"""

import numpy as np

from bpnet.data.targets import Quantities
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.evaluation import Evaluator
from bpnet.engine.metrics import Metric, task_metrics
from bpnet.engine.penalties import Penalty
from bpnet.models.description import Description
from bpnet.models.model import Model


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
    description, network = model.description, model.network
    penalty = Penalty(l1=description.l1, l2=description.l2).bind(
        network.theta, network.gradient, network.weights
    )
    return Evaluator(
        network, description.loss, training_metrics(description), rows, penalty
    ).evaluate()
