"""Features as scikit-learn gives them, as a table: arrays of numbers, or data frames."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight, validate_data

from bpnet.data.reading.data_frame import columns_of, is_data_frame, with_columns, with_names
from bpnet.data.writing.data_frame import data_frame
from bpnet.engine.component import Array
from bpnet.estimators.errors import as_scikit_learn_errors


class FeatureTable:
    """An estimator's features (N, F) and its further columns (N,) as a table."""

    n_features_in_: int

    def _table(
        self, X: Any, targets: Mapping[str, Any], weights: Array | None
    ) -> tuple[Any, dict[str, Any]]:
        """Return the table of the rows, and what the config says of its columns."""
        frame = self._frame(X)
        columns = dict(targets)
        dataset: dict[str, Any] = {"target": list(targets), "split": {"test": 0}}
        if weights is not None:
            dataset["sample_weight"] = free_name("weight", [*self._names, *targets])
            columns[dataset["sample_weight"]] = weights
        if not is_data_frame(X):  # an array of numbers has no categories
            numeric = np.issubdtype(np.asarray(X).dtype, np.number)
            dataset["roles"] = dict.fromkeys(self._names, "numeric") if numeric else {}
        return with_columns(frame, columns), dataset

    def _frame(self, X: Any) -> Any:
        """Return checked features as a data frame."""
        if is_data_frame(X):
            # names that are no text are not kept
            return X if hasattr(self, "feature_names_in_") else with_names(X, self._names)
        return data_frame({name: X[:, k] for k, name in enumerate(self._names)})

    @property
    def _names(self) -> list[str]:
        """The names of the features' columns."""
        names = getattr(self, "feature_names_in_", None)
        return [f"x{k}" for k in range(self.n_features_in_)] if names is None else list(names)

    def _checked(self, X: Any, *, reset: bool, least: int = 2) -> Any:
        """Return features as a data frame or an array (N, F), checked as scikit-learn asks.

        Those that are `reset` have a `least` number of rows.
        """
        if is_data_frame(X):
            # by the names alone, which not every release finds in each library's data frames
            with as_scikit_learn_errors():
                names = data_frame(dict.fromkeys(columns_of(X), ()))
            validate_data(self, names, reset=reset, skip_check_array=True)
            return X
        options: dict[str, Any] = {"ensure_min_samples": least} if reset else {}
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=None,
            ensure_all_finite="allow-nan",
            **options,
        )

    def _weights(self, weights: Any, X: Any) -> Array | None:
        """Return the weights (N,) of rows, or None if all are equal; raise ValueError."""
        if weights is None:
            return None
        rows = X if not is_data_frame(X) else np.empty((len(X), 1))
        checked = _check_sample_weight(weights, rows, dtype=np.float64)
        if (checked < 0).any():
            raise ValueError("sample_weight: a weight is below 0; weights are at least 0")
        if not checked.any():
            raise ValueError("sample_weight: all weights are 0; give one above 0")
        return None if (checked == checked[0]).all() else np.asarray(checked)


def free_name(name: str, taken: Sequence[str]) -> str:
    """Return a name that no column has."""
    while name in taken:
        name += "_"
    return name


def check_same_length(X: Any, y: Array) -> None:
    """Raise ValueError unless there are as many targets as rows."""
    if len(X) != len(y):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {len(X)}, {len(y)}"
        )
