"""A model in ONNX: the table's columns in; label and probabilities, or values, out."""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import reduce

import numpy as np

from bpnet import __version__
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.integrations.export.cells import Feature, features_of, output_names
from bpnet.integrations.export.graph import DOUBLE, TEXT, WHOLE, Graph, Tensor
from bpnet.integrations.export.onnx_columns import Encoding, encoded
from bpnet.integrations.export.onnx_layers import activated, scores_of
from bpnet.integrations.export.steps import between_knots
from bpnet.models.combination import LEAST_PROBABILITY, Combination
from bpnet.models.curve import Curve
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import Model

_Shape = Sequence[str | int]


def onnx_file(model: Ensemble, seen: Mapping[str, Collection[str]]) -> bytes:
    """Return a model as a file of ONNX.

    `seen` are texts of columns that the file must understand as the model does. Raises UsageError
    if it has a kind of component that ONNX lacks, or onnx is not installed.
    """
    features = features_of(model)
    names = list(output_names(model, features))
    graph = Graph([*(feature.name for feature in features), *names])
    cells = {
        feature.name: graph.input(feature.name, TEXT if feature.kind == "text" else DOUBLE)
        for feature in features
    }
    encoding = Encoding(model.description.reading.number_format(), seen)
    precision = model.description.precision
    encoders, which = model.encoders
    rows = [encoded(encoder, cells, precision, encoding) for encoder in encoders]
    outputs = [_outputs_of(member, rows[k]) for member, k in zip(model.members, which, strict=True)]
    predictions = _combined(model, outputs)
    # what `predict` refuses is NaN: a missing value that has no fill, or a square that overflows
    for x in rows:
        usable = x.reduce("ReduceSumSquare") < np.inf
        predictions = graph.where(~usable, np.array(np.nan), predictions)
    answers = _answers(model, predictions)
    return graph.model(
        [(tensor, ["rows", 1]) for tensor in cells.values()],
        [
            (graph.name(tensor, name), shape)
            for (tensor, shape), name in zip(answers, names, strict=True)
        ],
        __version__,
        _metadata(model, features, names),
    )


def _outputs_of(member: Model, x: Tensor) -> list[Tensor]:
    """Return each network's outputs (N, O), float64, for x (N, I): see `Model.predict_each`.

    Quantities count from the offset of the member's target.
    """
    description, outputs = member.description, []
    for arrays in member.arrays_each():
        scores = scores_of(description.layers, arrays, x, description.encoder.width)
        if description.temperature != 1:
            scores = scores / description.temperature
        outputs.append(activated(description.output_activation, scores).cast(DOUBLE))
    return outputs


def _combined(model: Ensemble, outputs: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return the ensemble's predictions (N, K) from the outputs of each member's networks."""
    target, combination = model.description.target, model.combination
    if isinstance(target, Quantities):
        return _quantities(model, outputs)
    if isinstance(target, Classes):  # one output for two classes is the second's probability
        outputs = [
            [_both(each) if member.network.outputs == 1 else each for each in of_member]
            for member, of_member in zip(model.members, outputs, strict=True)
        ]
    if combination is None:
        return _shares(_mean([each for of_member in outputs for each in of_member]), target)
    members = [_shares(_mean(of_member), target) for of_member in outputs]
    return _probabilities(combination, members, target)


def _quantities(model: Ensemble, outputs: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return values in the targets' units; until the end they count from the first offsets."""
    combination, origin = model.combination, model.description.target
    assert isinstance(origin, Quantities)
    decoded = []
    for member, of_member in zip(model.members, outputs, strict=True):
        target = member.description.target
        assert isinstance(target, Quantities)
        start = target.offsets - origin.offsets
        values = [each * target.divisors + start for each in of_member]
        if combination is not None:
            values = [_within_range(combination, each, origin) for each in values]
        decoded.append(values)
    if combination is None:
        blended = _mean([each for values in decoded for each in values])
    else:
        blended = _weighted([_mean(values) for values in decoded], combination.weights)
        if combination.shrinkage is not None:
            center = np.array([each.center for each in combination.shrinkage]) - origin.offsets
            slope = np.array([each.slope for each in combination.shrinkage])
            blended = (blended - center) * slope + center
            blended = _within_range(combination, blended, origin)
    return blended + origin.offsets


def _within_range(combination: Combination, values: Tensor, origin: Quantities) -> Tensor:
    if combination.shrinkage is None:
        return values
    lowest = np.array([each.lowest for each in combination.shrinkage]) - origin.offsets
    highest = np.array([each.highest for each in combination.shrinkage]) - origin.offsets
    return values.clip(lowest, highest)


def _probabilities(
    combination: Combination, members: Sequence[Tensor], target: AnyTarget
) -> Tensor:
    """Return p ~ Π_m p_m^(w_m / T): the softmax of Σ w_m log p_m / T, of labels the sigmoid."""
    within = [each.clip(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY) for each in members]
    if isinstance(target, Labels):
        logs = [each.apply("Log") - (1.0 - each).apply("Log") for each in within]
    else:
        logs = [each.apply("Log") for each in within]
    weights = [weight / combination.temperature for weight in combination.weights]
    scores = _weighted(logs, weights)
    if isinstance(target, Labels):
        blended = scores.apply("Sigmoid")
    else:
        blended = scores.apply("Softmax", axis=-1)
    return blended if combination.isotonic is None else _curved(combination, blended, target)


def _curved(combination: Combination, p: Tensor, target: AnyTarget) -> Tensor:
    """Return the isotonic curves of p (N, K); of classes divided by their sum."""
    curves: Sequence[Curve] = combination.isotonic or []
    curved = p.graph.concat(
        [
            between_knots(p.take([k]), np.array(curve.x), np.array(curve.y))
            for k, curve in enumerate(curves)
        ]
    )
    return curved if isinstance(target, Labels) else _divided(curved, p)


def _shares(outputs: Tensor, target: AnyTarget) -> Tensor:
    """Return the probabilities (N, K) of classes or labels from outputs (N, O): see `shares`."""
    clipped = outputs.clip(0.0, 1.0)
    if not isinstance(target, Classes):
        return clipped
    return _divided(clipped, clipped * 0.0 + 1 / len(target.classes))


def _divided(values: Tensor, otherwise: Tensor) -> Tensor:
    """Return values (N, K) divided by their sum, or others where that is 0."""
    total, graph = values.reduce("ReduceSum"), values.graph
    some = total > 0.0
    return graph.where(some, values / graph.where(some, total, total * 0.0 + 1.0), otherwise)


def _both(second: Tensor) -> Tensor:
    """Return the probabilities (N, 2) of two classes from that of the second (N, 1)."""
    return second.graph.concat([1.0 - second, second])


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    return _weighted(tensors, [1 / len(tensors)] * len(tensors))


def _weighted(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    terms = [tensor * weight for tensor, weight in zip(tensors, weights, strict=True) if weight]
    return reduce(Tensor.__add__, terms)


def _answers(model: Ensemble, predictions: Tensor) -> list[tuple[Tensor, _Shape]]:
    """Return what the file answers, with shapes; what is refused is blank, NaN, or -1."""
    target, graph = model.description.target, predictions.graph
    if isinstance(target, Quantities):
        return [(predictions, ["rows", len(target.names)])]
    refused = predictions.apply("IsNaN", dtype=np.dtype(bool))
    if isinstance(target, Labels):
        threshold = np.array(model.thresholds or [0.5] * len(target.names), np.float64)
        labels = (predictions > threshold[None]).cast(WHOLE)
        labels = graph.where(refused, np.array(-1), labels)
        shape: _Shape = ["rows", len(target.names)]
        return [(labels, shape), (predictions, shape)]
    if model.thresholds is None:
        number = graph.apply("ArgMax", predictions, dtype=WHOLE, axis=1, keepdims=0)
    else:
        positive = target.positive_number
        above = predictions.take([positive]).squeeze(1) > model.thresholds[0]
        number = graph.where(above, np.array(positive), graph.constant(np.array(1 - positive)))
    label = graph.apply("Gather", graph.texts(target.classes), number, axis=0)
    label = graph.where(refused.take([0]).squeeze(1), graph.texts([""]), label)
    return [(label, ["rows"]), (predictions, ["rows", len(target.classes)])]


def _metadata(model: Ensemble, features: Sequence[Feature], names: Sequence[str]) -> dict[str, str]:
    """Return what a program can read about the inputs and outputs."""
    target = model.description.target
    described = {
        "inputs": {feature.name: feature.kind for feature in features},
        "outputs": list(names),
        "target": target.names,
        "classes": target.classes if isinstance(target, Classes) else None,
    }
    return {key: json.dumps(value) for key, value in described.items() if value is not None}
