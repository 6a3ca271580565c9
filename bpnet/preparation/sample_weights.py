"""Weights: how much each row counts, by its class and by a column of the table."""

from collections.abc import Mapping

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.data.encoding.cell_errors import Where, parse_problems
from bpnet.data.reading.column import CellParseError, Column, Floats
from bpnet.data.splitting import Indices, Part
from bpnet.engine.component import Array
from bpnet.errors import DataError
from bpnet.messages import did_you_mean, quoted_list


def class_weights(
    loaded: LoadedConfig, classes: list[str], trained: Array
) -> dict[str, float] | None:
    """The weight of each class: as given, 1 where it is not; `balanced` gives each class the same sum of weights.

    `trained` are the class numbers of the training rows. Raises DataError where a class is named that is not there.
    """
    dataset, given = loaded.config.dataset, loaded.config.dataset.class_weight
    if given is None:
        return None
    if given == "balanced":
        counts = np.bincount(trained, minlength=len(classes))
        return {
            label: len(trained) / (len(classes) * int(n))
            for label, n in zip(classes, counts, strict=True)
        }
    unknown = [label for label in given if label not in classes]
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
    return {label: float(given.get(label, 1.0)) for label in classes}


def column_weights(column: Column, name: str, where: Where) -> Floats:
    """A column's weights (N,), to a factor; raises DataError where one is missing, no number, or below 0."""
    try:
        weights = column.as_numbers()
    except CellParseError as error:
        advice = "give a number of at least 0"
        raise DataError(
            parse_problems(error, column, name, where, "sample weight", advice)
        ) from None
    gaps, negative = np.isnan(weights), weights < 0
    if gaps.any():
        row = int(np.argmax(gaps))
        raise DataError(
            f"{where(row)}, column '{name}': the weight is blank; give a number of at least 0"
        )
    if negative.any():
        row = int(np.argmax(negative))
        raise DataError(f"{where(row)}, column '{name}': the weight {weights[row]:g} is below 0")
    return np.asarray(
        weights / max(weights.max(), np.finfo(np.float64).tiny)
    )  # so that no sum of weights overflows


def row_weights(
    own: Floats | None, numbers: Array, classes: list[str], class_weight: Mapping[str, float] | None
) -> Floats | None:
    """Each row's weight times its class's (N,), to a factor, or None where neither is set."""
    if class_weight is None:
        return own
    factors = np.array([class_weight[label] for label in classes]) / max(class_weight.values())
    return factors[numbers] if own is None else own * factors[numbers]


def check_parts(weights: Floats, parts: Mapping[Part, Indices], where: str) -> None:
    """Raise DataError where the rows of a part all weigh nothing."""
    for part, rows in parts.items():
        if len(rows) and not weights[rows].sum() > 0:
            raise DataError(
                f"{where}: the weights of the {part} rows are all 0; at least one row of each part must count"
            )
