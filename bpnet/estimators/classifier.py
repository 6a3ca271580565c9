"""The classifier for scikit-learn."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    check_array,
    column_or_1d,
)

from bpnet.api import Run
from bpnet.config.schema import Config
from bpnet.data.reading.column import column_from_texts
from bpnet.data.reading.settings import Reading
from bpnet.data.targets import Classes
from bpnet.data.writing.data_frame import label_positions
from bpnet.data.writing.labels import label_values
from bpnet.engine.component import Array
from bpnet.estimators.base import BPNetEstimator
from bpnet.estimators.callbacks import with_callbacks
from bpnet.estimators.feature_table import check_same_length, free_name


class BPNetClassifier(ClassifierMixin, BPNetEstimator):  # type: ignore[misc]
    """A neural network, or an ensemble of them, that classifies rows of a table.

    A parameter that is None has bpnet's default. Without any of those that describe the network and
    its training, `preset="default"` chooses them by the table.

    Parameters
    ----------
    preset : {"fast", "default", "best"}, optional
        Settings chosen by rows, columns and task.
    hidden : sequence of int, optional
        The units of each hidden layer.
    activation : str or mapping, optional
        The activation of the hidden layers, such as ``"relu"``.
    dropout : float, optional
        The probability that a hidden unit is left out of a step.
    optimizer : str or mapping, optional
        The optimizer, such as ``"adamw"`` or ``{"kind": "momentum", "momentum": 0.8}``.
    learning_rate : float, optional
        The size of a step.
    epochs : int, optional
        Passes over the training rows, at most.
    batch_size : int or "full", optional
        Rows in a step.
    l2 : float, optional
        The weight of the penalty on squared weights.
    early_stopping : mapping, optional
        The rule for stopping before the last epoch, such as ``{"patience": 10}``.
    validation : float, optional
        The part of the rows, from 0 to 1, that chooses the epoch.
    replicas, folds : int, optional
        The number of networks from different first weights, and of folds that each hold out.
    config : str, Path, mapping or Config, optional
        A whole config instead of the parameters above, without its table and target.
    class_weight : "balanced" or mapping, optional
        The weight of each class in the loss.
    n_jobs : int, optional
        The number of threads that compute, by default one for each core; -1 for all cores, -2 for
        all but one. It changes no result.
    random_state : int, RandomState or None
        The seed of the training.
    warm_start : bool
        Whether `fit` begins with the weights of the last `fit`, where layers agree.
    runs : str or Path, optional
        The folder in which run directories are made; by default they are not kept.
    verbose : bool
        Whether to show the training's progress on stderr.

    Attributes
    ----------
    classes_ : ndarray (C,), or list of these for labels
        The classes.
    n_features_in_, feature_names_in_
        The number and, of a data frame, the names of the features.
    model_files_ : dict
        The files of the model, by name.
    config_, metrics_ : dict
        The config with every default, and the scores of the training and validation rows.
    run_ : str
        The run directory, if `runs` is given.

    Examples
    --------
    >>> model = BPNetClassifier(hidden=[8], epochs=50, random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape
    (150, 3)
    """

    def __init__(
        self,
        *,
        preset: str | None = None,
        hidden: Sequence[int] | None = None,
        activation: str | Mapping[str, Any] | None = None,
        dropout: float | None = None,
        optimizer: str | Mapping[str, Any] | None = None,
        learning_rate: float | None = None,
        epochs: int | None = None,
        batch_size: int | str | None = None,
        l2: float | None = None,
        early_stopping: Mapping[str, Any] | None = None,
        validation: float | None = None,
        replicas: int | None = None,
        folds: int | None = None,
        config: str | Path | Mapping[str, Any] | Config | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        runs: str | Path | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            preset=preset,
            hidden=hidden,
            activation=activation,
            dropout=dropout,
            optimizer=optimizer,
            learning_rate=learning_rate,
            epochs=epochs,
            batch_size=batch_size,
            l2=l2,
            early_stopping=early_stopping,
            validation=validation,
            replicas=replicas,
            folds=folds,
            config=config,
            n_jobs=n_jobs,
            random_state=random_state,
            warm_start=warm_start,
            runs=runs,
            verbose=verbose,
        )
        self.class_weight = class_weight

    classes_: Any

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X (N, F) with classes y (N,), or with labels y (N, K) of 0 and 1."""
        X = self._checked(X, reset=True)
        targets = self._targets(y, X, None)
        self._fit(X, targets, self._weights(sample_weight, X))
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on rows, with the weights and the encoding that there are.

        The first call takes all `classes`, of which its rows may lack some, and fits the encoding
        to its rows. The optimizer begins anew with each call.
        """
        begins = not hasattr(self, "_files")
        X = self._checked(X, reset=begins, least=1)
        if not begins:
            known = (
                np.unique(np.concatenate(self.classes_)) if self._is_multilabel else self.classes_
            )
            if classes is not None and not np.array_equal(np.unique(classes), known):
                raise ValueError(
                    f"classes={list(classes)} are not those of the first call, "
                    f"{list(known)}; leave them out, or begin with a new estimator"
                )
            targets = self._targets(y, X, self.classes_)
            self._partial_fit(X, targets, self._weights(sample_weight, X))
            return self
        targets = self._targets(y, X, classes)
        weights = self._weights(sample_weight, X)
        missing = sorted(set(self._labels) - set(next(iter(targets.values()))))
        if missing and not self._is_multilabel:
            # copies of a row that weigh nothing make the classes known
            weights = np.append(
                np.ones(len(X)) if weights is None else weights, np.zeros(len(missing))
            )
            rows = np.append(np.arange(len(X)), np.zeros(len(missing), int))
            X = X.iloc[rows] if hasattr(X, "iloc") else X[rows]
            targets = {name: [*labels, *missing] for name, labels in targets.items()}
        self._begin_partial_fit(X, targets, weights)
        return self

    def predict(self, X: Any) -> Array:
        """Return the class (N,) of each row, or its labels (N, K)."""
        columns = self._predicted(X)
        if self._is_multilabel:
            return np.column_stack(columns[: len(self.classes_)]).astype(int)
        # labels are numbers or truth values, if all are written so
        positions = label_positions(columns[0], label_values(self._target.classes))
        return np.asarray(self.classes_[self._order[positions]])

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class (N, C), or of each label (N, K)."""
        columns = self._predicted(X)
        if self._is_multilabel:
            return np.column_stack(columns[len(self.classes_) : 2 * len(self.classes_)])
        return np.column_stack(columns[1 : 1 + len(self.classes_)])[:, np.argsort(self._order)]

    @property
    def _target(self) -> Classes:
        target = self._opened.model.description.target
        assert isinstance(target, Classes)
        return target

    @property
    def _order(self) -> Array:
        """The position (C,) of each of the model's classes among `classes_`."""
        return np.array([self._labels.index(label) for label in self._target.classes])

    def _keep(self, run: Run) -> None:
        super()._keep(run)
        if not self._is_multilabel and sorted(self._target.classes) != sorted(self._labels):
            raise ValueError(
                f"y: its classes are read as {self._target.classes}; give them other names"
            )

    @property
    def _task(self) -> str:
        return "multilabel" if self._is_multilabel else "classification"

    def _config(self, dataset: dict[str, Any]) -> dict[str, Any]:
        if self.class_weight is not None and not self._is_multilabel:
            dataset = {**dataset, "class_weight": self._class_weight()}
        return super()._config(dataset)

    def _class_weight(self) -> str | dict[str, float]:
        if not isinstance(self.class_weight, Mapping):
            return str(self.class_weight)
        label = dict(zip(self.classes_.tolist(), self._labels, strict=True))
        unknown = [one for one in self.class_weight if one not in label]
        if unknown:
            raise ValueError(
                f"class_weight: {unknown[0]!r} is no class; the classes are {list(label)}"
            )
        return {label[one]: float(weight) for one, weight in self.class_weight.items()}

    def _targets(self, y: Any, X: Any, classes: Any) -> dict[str, Any]:
        """Return the target columns by name, and set the classes; raise ValueError."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        name = getattr(y, "name", None)
        check_array(y, ensure_2d=False, dtype=None, input_name="y")  # for a clear message
        kind = type_of_target(y, input_name="y")
        self._is_multilabel = kind == "multilabel-indicator"
        if kind in ("multiclass-multioutput", "continuous-multioutput"):
            raise ValueError(
                f"y is {kind}: several targets are labels of 0 and 1 (multilabel), or numbers for "
                "BPNetRegressor"
            )
        if self._is_multilabel:
            y = check_array(y, dtype=None)
            check_same_length(X, y)
            if not np.isin(y, (0, 1)).all():
                raise ValueError("y has several columns, and labels are 0 and 1 in each of them")
            y = y.astype(int)
            self.classes_ = [np.array([0, 1])] * y.shape[1]
            self._labels = ["0", "1"]
            return {free_name(f"y{k}", self._names): y[:, k] for k in range(y.shape[1])}
        y = column_or_1d(y, warn=True)
        check_same_length(X, y)
        check_classification_targets(y)
        found = np.unique(y) if classes is None else np.unique(classes)
        if classes is not None and not np.isin(y, found).all():
            raise ValueError(f"y has labels that are not among the classes: {list(found)}")
        if len(found) < 2:
            raise ValueError(
                f"{type(self).__name__} needs two classes or more; y has one class: {found[0]!r}"
            )
        self.classes_ = found
        self._labels = _texts(found)
        own = str(name) if isinstance(name, str) and name.strip() else "y"
        labels = np.array(self._labels, object)[np.searchsorted(found, y)]
        return {free_name(own, self._names): labels.tolist()}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = False
        return tags


def _texts(classes: Array) -> list[str]:
    """Return a text for each class: its own if tables keep it as it is, else its position."""
    if classes.dtype == bool:
        return ["false", "true"]
    texts = [str(one) for one in classes.tolist()]
    column, _ = column_from_texts(texts, Reading().number_format()).in_own_format()
    codes, kept = column.as_values()
    if kept == texts and codes.tolist() == list(range(len(texts))):
        return texts
    return [str(k) for k in range(len(texts))]
