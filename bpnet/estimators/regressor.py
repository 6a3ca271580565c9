"""The regressor for scikit-learn."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array

from bpnet.engine.component import Array
from bpnet.estimators.base import BPNetEstimator
from bpnet.estimators.callbacks import with_callbacks
from bpnet.estimators.feature_table import check_same_length, free_name


class BPNetRegressor(RegressorMixin, BPNetEstimator):  # type: ignore[misc]
    """A neural network, or an ensemble of them, that predicts one quantity or several.

    Parameters and attributes are those of `BPNetClassifier`, but for the classes.

    Examples
    --------
    >>> model = BPNetRegressor(preset="fast", random_state=0).fit(X, y)
    >>> model.score(X, y)
    """

    _task = "regression"

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X (N, F) with quantities y (N,) or (N, K)."""
        X = self._checked(X, reset=True)
        self._fit(X, self._targets(y, X), self._weights(sample_weight, X))
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on rows, with the weights and the encoding that there are.

        The first call fits the encoding to its rows. The optimizer begins anew with each call.
        """
        begins = not hasattr(self, "_files")
        X = self._checked(X, reset=begins, least=1)
        targets, weights = self._targets(y, X), self._weights(sample_weight, X)
        (self._begin_partial_fit if begins else self._partial_fit)(X, targets, weights)
        return self

    def predict(self, X: Any) -> Array:
        """Return the predicted quantity (N,) of each row, or quantities (N, K)."""
        columns = self._predicted(X)[: self.n_outputs_]
        return np.asarray(columns[0]) if self._is_flat else np.column_stack(columns)

    def _targets(self, y: Any, X: Any) -> dict[str, Any]:
        """Return the target columns by name; raise ValueError."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        names = getattr(y, "columns", None)
        names = [getattr(y, "name", None)] if names is None else list(names)
        if np.asarray(y).dtype.kind in "mM":
            raise ValueError("y holds dates or durations; give numbers, such as seconds")
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        check_same_length(X, y)
        self._is_flat = y.ndim == 1
        values = y.reshape(len(y), -1)
        self.n_outputs_ = values.shape[1]
        if not all(isinstance(name, str) and name.strip() for name in names):
            names = ["y"] if self.n_outputs_ == 1 else [f"y{k}" for k in range(self.n_outputs_)]
        return {free_name(name, self._names): values[:, k] for k, name in enumerate(names)}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags
