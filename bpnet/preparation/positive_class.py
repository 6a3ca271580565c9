"""The positive class: the one of two classes that average precision and the like are about."""

from dataclasses import replace

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.data.spelling import KnownValues
from bpnet.data.splitting import Indices
from bpnet.errors import DataError
from bpnet.messages import did_you_mean, quoted_list
from bpnet.preparation.open import OpenedDataset
from bpnet.preparation.target_values import TargetValues


def positive_class(loaded: LoadedConfig, target_values: TargetValues, rows: Indices) -> str | None:
    """Return the class that `dataset.positive` names, by default the rarer one of these rows.

    Of two equally frequent classes it is the second. It is None unless there are two classes.
    Raises DataError if the config names a class that does not exist.
    """
    classes, given = target_values.classes, loaded.config.dataset.positive
    if given is not None and classes:
        position = KnownValues(classes).find(given)
        if position is None:
            raise DataError(
                loaded.problem(
                    ("dataset", "positive"),
                    f"is '{given}', which is not a class of '{target_values.names[0]}'; "
                    f"the classes are {quoted_list(classes)}{did_you_mean(given, classes)}",
                )
            )
        return classes[position]
    if len(classes) != 2:
        return None
    first, second = np.bincount(target_values.values[rows], minlength=2).tolist()
    return classes[0] if first < second else classes[1]


def with_positive_class(opened: OpenedDataset) -> OpenedDataset:
    """Return the dataset with its positive class in the config, the same for all its folds.

    By default it is the rarer class of all rows that have a target.
    """
    loaded, target_values = opened.loaded, opened.target_values
    positive = positive_class(loaded, target_values, target_values.kept_rows)
    if positive is None:
        return opened
    dataset = replace(loaded.config.dataset, positive=positive)
    return replace(opened, loaded=replace(loaded, config=replace(loaded.config, dataset=dataset)))
