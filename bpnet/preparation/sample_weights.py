"""The weight of each row: that of its class times that in a column of the table."""

from collections.abc import Mapping

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.data.encoding.cell_errors import parse_problems
from bpnet.data.encoding.number_errors import Where, number_problem
from bpnet.data.reading.column import CellParseError, Column, Floats
from bpnet.data.spelling import KnownValues
from bpnet.data.splitting import Indices, Part
from bpnet.engine.component import Array
from bpnet.errors import DataError
from bpnet.messages import did_you_mean, quoted_list


def class_weights(
    loaded: LoadedConfig, classes: list[str], trained: Array
) -> dict[str, float] | None:
    """Return the weight of each class by its name, or None if the config sets none.

    A class that is not named weighs 1; `balanced` gives each class the same sum of weights.
    `trained` (M,) are the class numbers of the training rows. Raises DataError if the config names
    a class that does not exist.
    """
    dataset, given = loaded.config.dataset, loaded.config.dataset.class_weight
    if given is None:
        return None
    if given == "balanced":
        # M / (K n_k) for class k: the weights of its n_k rows sum to M / K
        counts = np.bincount(trained, minlength=len(classes))
        return {
            label: len(trained) / (len(classes) * max(int(n), 1))
            for label, n in zip(classes, counts, strict=True)
        }
    known = KnownValues(classes)
    numbers = {label: known.find(label) for label in given}
    unknown = [label for label, k in numbers.items() if k is None]
    if unknown:
        raise DataError(
            [
                loaded.problem(
                    ("dataset", "class_weight", label),
                    f"is not a class of '{dataset.targets[0]}'; the classes are "
                    f"{quoted_list(classes)}{did_you_mean(label, classes)}",
                )
                for label in unknown
            ]
        )
    weights = dict.fromkeys(classes, 1.0)
    for label, k in numbers.items():
        assert k is not None
        twice = [other for other in given if numbers[other] == k and other != label]
        if twice:
            raise DataError(
                loaded.problem(
                    ("dataset", "class_weight", label),
                    f"names the class '{classes[k]}', as '{twice[0]}' does; keep one of the two",
                )
            )
        weights[classes[k]] = float(given[label])
    return weights


def weights_differ(class_weight: Mapping[str, float] | None) -> bool:
    """Return whether classes have different weights, so that probabilities follow the weights."""
    return class_weight is not None and len(set(class_weight.values())) > 1


def column_weights(column: Column, name: str, where: Where) -> Floats:
    """Return a column's weights (N,), up to a factor.

    Raises DataError if one is missing, not a number, or below 0.
    """
    try:
        weights = column.in_own_format()[0].as_numbers()
    except CellParseError as error:
        advice = "give a number of at least 0"
        raise DataError(
            number_problem(error, column, name, where)
            or parse_problems(error, column, name, where, "sample weight", advice)
        ) from None
    missing, negative = np.isnan(weights), weights < 0
    if missing.any():
        row = int(np.argmax(missing))
        raise DataError(
            f"{where(row)}, column '{name}': the weight is blank; give a number of at least 0"
        )
    if negative.any():
        row = int(np.argmax(negative))
        raise DataError(
            f"{where(row)}, column '{name}': the weight {weights[row]:g} is below 0; "
            "give a number of at least 0"
        )
    # at most 1, so that no sum of weights overflows
    return np.asarray(weights / max(weights.max(), np.finfo(np.float64).tiny))  # all may be 0


def row_weights(
    weights: Floats | None,
    numbers: Array,
    classes: list[str],
    class_weight: Mapping[str, float] | None,
) -> Floats | None:
    """Return each row's weight times its class's (N,), up to a factor, or None if neither is set.

    `numbers` (N,) are the rows' class numbers.
    """
    if class_weight is None:
        return weights
    factors = np.array([class_weight[label] for label in classes]) / max(class_weight.values())
    return factors[numbers] if weights is None else weights * factors[numbers]


def check_parts(weights: Floats, parts: Mapping[Part, Indices], where: str) -> None:
    """Raise DataError if the rows of a part all weigh 0."""
    for part, rows in parts.items():
        if len(rows) and not weights[rows].sum() > 0:
            raise DataError(
                f"{where}: the weights of the {part} rows are all 0; "
                "give at least one row of each part a weight above 0"
            )
