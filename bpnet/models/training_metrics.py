"""Measuring: a model's loss and metrics over encoded rows, by the engine."""

import numpy as np

from bpnet.data.targets import Labels, Quantities
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.evaluation import Evaluator
from bpnet.engine.loop.fit import MetricOf
from bpnet.engine.metrics import (
    Accuracy,
    Closeness,
    LabelAccuracy,
    Metric,
    RegressionError,
    Several,
)
from bpnet.engine.penalties import Penalty
from bpnet.models.model import Description, Model


def training_metric(*descriptions: Description) -> MetricOf:
    """What measures given rows: accuracy, or for a regression RMSE, in the target's own unit, and R².

    Of replicas that have rows of their own, each has a description.
    """
    description = descriptions[0]
    target, threshold = description.target, description.loss.threshold

    def metric(rows: Rows) -> Metric:
        if isinstance(target, Quantities):
            scales = [
                own.target.divisors for own in descriptions if isinstance(own.target, Quantities)
            ]
            return RegressionError(rows.apart(rows.y), np.array(scales))
        if isinstance(target, Labels):
            return LabelAccuracy(threshold)
        accuracy = Accuracy(threshold)
        return Several([accuracy, Closeness()]) if "closeness" in description.metrics else accuracy

    return metric


def measure_replicas(model: Model, rows: Rows) -> dict[str, Array]:
    """For each replica (R,) the loss that training minimizes, penalty included, and the metrics."""
    description, network = model.description, model.network
    penalty = Penalty(l1=description.l1, l2=description.l2).bind(
        network.theta, network.gradient, network.weights
    )
    return Evaluator(
        network, description.loss, training_metric(description)(rows), rows, penalty
    ).figures()
