"""Answers of several networks, in NumPy alone: source of exported files of Python.

Arrays have a row for each row of the table. What a function is told of the model
is a dictionary. It may use no names but those of NumPy, the standard library and such functions.
"""

# mypy: disable-error-code="no-any-return"
# (most of NumPy's arithmetic is of any type; casts would be in every exported file)

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bpnet.integrations.export.numpy_columns import Array, Part
from bpnet.integrations.export.numpy_layers import activate, network, sigmoid, softmax

# Several networks


def member_outputs(member: Part, x: Array) -> list[Array]:
    """Return the outputs of each of a member's networks: probabilities, or values in their unit."""
    outputs = []
    for layers in member["networks"]:
        scores = network(layers, x) / x.dtype.type(member["temperature"])
        output = activate(scores, member["output"]).astype(np.float64)
        if "divide" in member:
            output = output * member["divide"] + member["subtract"]
        elif member["single"]:  # the probability of the second of two classes
            output = np.hstack([1 - output, output])
        outputs.append(output)
    return outputs


def mean_shares(outputs: Sequence[Sequence[Array]], _: Part) -> Array:
    """Return the probabilities of classes: the mean of all networks, divided by its sum."""
    return shares(np.mean([each for of_member in outputs for each in of_member], axis=0))


def blended_shares(outputs: Sequence[Sequence[Array]], model: Part) -> Array:
    """Return probabilities p ~ Π p_m^(w_m / T) from those of the members m, divided by the sum."""
    logs = [
        weight / model["blend"]["temperature"] * np.log(np.clip(shares(mean), 1e-7, 1 - 1e-7))
        for weight, mean in zip(model["weights"], member_means(outputs), strict=True)
    ]
    p = softmax(np.sum(logs, axis=0), {})
    if "isotonic" not in model["blend"]:
        return p
    curved = isotonic(p, model)
    total = curved.sum(axis=1, keepdims=True)
    return np.where(total > 0, curved / np.where(total > 0, total, 1), p)


def shares(outputs: Array) -> Array:
    """Return the outputs of classes, divided by their sum; equal shares if all are 0."""
    outputs = np.clip(outputs, 0, 1)
    total = outputs.sum(axis=1, keepdims=True)
    return np.where(total == 0, 1 / outputs.shape[1], outputs / np.where(total == 0, 1, total))


def mean_labels(outputs: Sequence[Sequence[Array]], _: Part) -> Array:
    """Return the probability of each label: the mean of all networks."""
    return np.clip(np.mean([each for of_member in outputs for each in of_member], axis=0), 0, 1)


def blended_labels(outputs: Sequence[Sequence[Array]], model: Part) -> Array:
    """Return the sigmoid of Σ w_m log(p_m / (1 - p_m)) / T over the members m."""
    within = [np.clip(mean, 1e-7, 1 - 1e-7) for mean in member_means(outputs)]
    scores = [
        weight / model["blend"]["temperature"] * np.log(p / (1 - p))
        for weight, p in zip(model["weights"], within, strict=True)
    ]
    p = sigmoid(np.sum(scores, axis=0), {})
    return isotonic(p, model) if "isotonic" in model["blend"] else p


def isotonic(p: Array, model: Part) -> Array:
    """Return each probability by its rising curve."""
    curves = model["blend"]["isotonic"]
    return np.column_stack(
        [np.interp(p[:, k], curve["x"], curve["y"]) for k, curve in enumerate(curves)]
    )


def mean_values(outputs: Sequence[Sequence[Array]], _: Part) -> Array:
    """Return the mean of all networks' values."""
    return np.mean([each for of_member in outputs for each in of_member], axis=0)


def blended_values(outputs: Sequence[Sequence[Array]], model: Part) -> Array:
    """Return Σ w_m y_m over the members m, moved toward the center, in a plausible range."""
    shrinkage = model["blend"].get("shrinkage")
    if shrinkage:
        lowest, highest = shrinkage["lowest"], shrinkage["highest"]
        outputs = [[np.clip(each, lowest, highest) for each in of] for of in outputs]
    means = member_means(outputs)
    y = np.sum([w * mean for w, mean in zip(model["weights"], means, strict=True)], axis=0)
    if not shrinkage:
        return y
    y = shrinkage["center"] + shrinkage["slope"] * (y - shrinkage["center"])
    return np.clip(y, lowest, highest)


def member_means(outputs: Sequence[Sequence[Array]]) -> list[Array]:
    """Return the mean of each member's networks."""
    return [np.mean(of_member, axis=0) for of_member in outputs]


# Answers


def answer_classes(p: Array, model: Part) -> dict[str, Any]:
    """Return the label and the probabilities of each row."""
    numbers = p.argmax(axis=1)
    if "threshold" in model:
        above = p[:, model["positive"]] > model["threshold"]
        numbers = np.where(above, model["positive"], 1 - model["positive"])
    labels = [model["classes"][k] for k in numbers.tolist()]
    return dict(zip(model["names"], [labels, p], strict=True))


def answer_labels(p: Array, model: Part) -> dict[str, Any]:
    """Return 0 or 1 for each label of each row, and the probabilities."""
    labels = (p > np.asarray(model["thresholds"])).astype(int)
    return dict(zip(model["names"], [labels, p], strict=True))


def answer_values(y: Array, model: Part) -> dict[str, Any]:
    """Return the numbers of each row, in the units of the table."""
    return dict(zip(model["names"], [y], strict=True))


def with_arrays(value: Any, arrays: Mapping[str, Array]) -> Any:
    """Return a value with the array in place of each {"array": NAME} in it."""
    if isinstance(value, list):
        return [with_arrays(each, arrays) for each in value]
    if not isinstance(value, dict):
        return value
    if list(value) == ["array"] and isinstance(value["array"], str):  # not a row, of a text
        return arrays[value["array"]]
    return {key: with_arrays(each, arrays) for key, each in value.items()}
