"""Estimators of scikit-learn: `BPNetClassifier` and `BPNetRegressor`.

>>> from bpnet.estimators import BPNetClassifier
>>> from sklearn.model_selection import cross_validate
>>> cross_validate(BPNetClassifier(hidden=[32], epochs=100), X, y)

They train as `bpnet.train` does, with the config's keys as parameters, and predict as it does. All
rows that `fit` takes are training and validation rows. Errors become ValueError, with the same
texts, as scikit-learn expects. Callbacks, which scikit-learn has from 1.9 on, follow the epochs.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from bpnet.api import Run, predicted_columns, shown_training, train, train_watched
from bpnet.config.from_python import config_data, load_python_config
from bpnet.config.schema import Config
from bpnet.data.missing_words import GAPS, MISSING_WORDS
from bpnet.data.reading import open_table
from bpnet.data.reading.data_frame import (
    columns_of,
    is_data_frame,
    table_in_memory,
    with_columns,
    with_names,
)
from bpnet.data.targets import Classes
from bpnet.data.writing.data_frame import data_frame
from bpnet.engine.component import Array
from bpnet.errors import BpnetError, InterruptedRunError
from bpnet.models.run_model import RunModel
from bpnet.models.saved_ensemble import load_ensemble
from bpnet.preparation.encode import EncodedDataset
from bpnet.workflows.partial_fit import train_one_epoch
from bpnet.workflows.predict import PredictOptions
from bpnet.workflows.session import TrainWatcher

_KEYS = {
    "preset": "preset",
    "hidden": "architecture.hidden",
    "activation": "architecture.activation",
    "dropout": "architecture.dropout",
    "optimizer": "training.optimizer",
    "learning_rate": "training.learning_rate",
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "l2": "training.l2",
    "early_stopping": "training.early_stopping",
    "validation": "dataset.split.validation",
    "replicas": "replicas",
    "folds": "folds",
}
"""The key of the config that each parameter is."""


try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: there are no callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Return the method."""
        return method


class _BPNet(CallbackSupportMixin, BaseEstimator):  # type: ignore[misc]
    """What both estimators share; see their docstrings for the parameters."""

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
        random_state: Any = None,
        warm_start: bool = False,
        runs: str | Path | None = None,
        verbose: bool = False,
    ) -> None:
        self.preset = preset
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.l2 = l2
        self.early_stopping = early_stopping
        self.validation = validation
        self.replicas = replicas
        self.folds = folds
        self.config = config
        self.random_state = random_state
        self.warm_start = warm_start
        self.runs = runs
        self.verbose = verbose

    _files: dict[str, bytes] | None

    def _fit(self, X: Any, targets: dict[str, Any], weights: Array | None) -> None:
        """Train on rows (N, F) whose features are checked, with K columns of targets (N,)."""
        table, dataset = self._table(X, targets, weights)
        settings = self._settings()
        with TemporaryDirectory(prefix="bpnet-") as scratch, _as_scikit_learn_errors():
            first = None
            if self.warm_start and hasattr(self, "_files"):
                first = _written(self.model_files_, Path(scratch) / "first")
            runs = Path(scratch) / "runs" if self.runs is None else self.runs
            with shown_training(quiet=not self.verbose) as shown:
                watcher = _CallbackWatcher(shown, self)
                run = train_watched(
                    self._config(dataset), table, watcher, settings, runs, start_from=first
                )
            self._keep(run)
            watcher.end()

    def _table(
        self, X: Any, targets: Mapping[str, Any], weights: Array | None
    ) -> tuple[Any, dict[str, Any]]:
        """Return the table of the rows, and what the config says of its columns."""
        frame = self._frame(X)
        columns = dict(targets)
        dataset: dict[str, Any] = {"target": list(targets), "split": {"test": 0}}
        if weights is not None:
            dataset["sample_weight"] = _free("weight", [*self._names, *targets])
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

    def _checked(self, X: Any, *, reset: bool) -> Any:
        """Return features as a data frame or an array (N, F), checked as scikit-learn asks."""
        if is_data_frame(X):
            # by the names alone, which not every release finds in each library's data frames
            names = data_frame(dict.fromkeys(columns_of(X), ()))
            validate_data(self, names, reset=reset, skip_check_array=True)
            return X
        options: dict[str, Any] = {"ensure_min_samples": 2} if reset else {}
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=None,
            ensure_all_finite="allow-nan",
            **options,
        )

    def _settings(self) -> dict[str, Any]:
        """Return the parameters that are given, by the keys of the config."""
        given = {name: getattr(self, name) for name in _KEYS if getattr(self, name) is not None}
        if self.config is not None and given:
            first = next(iter(given))
            raise ValueError(
                f"config and {', '.join(given)} are both given; give {_KEYS[first]} in the config, "
                f"or leave config out"
            )
        return {_KEYS[name]: value for name, value in given.items()}

    def _config(self, dataset: dict[str, Any]) -> dict[str, Any]:
        """Return the config: what is given as `config`, or nothing, with the dataset."""
        data = {} if self.config is None else config_data(self.config)
        own = data.get("dataset") or {}
        kept = {key: own[key] for key in own if key not in ("path", "target", "features")}
        split = {"test": 0, **(kept.get("split") or {})}
        roles = {**dataset.get("roles", {}), **(kept.get("roles") or {})}
        seed = data.get("seed")
        if self.random_state is not None or seed is None:
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return {
            **data,
            "task": self._task,
            "seed": seed,
            "dataset": {**kept, **dataset, "split": split, "roles": roles},
        }

    def _keep(self, run: Run) -> None:
        """Keep the model of a run, and what is known of its training."""
        folder = run.path / "model"
        self._files, self._loaded = _read_files(folder), RunModel(load_ensemble(folder), [])
        self.config_ = run.config
        self.metrics_ = run.metrics
        self.__dict__.pop("_training", None)
        if self.runs is not None:
            self.run_ = str(run.path)

    @property
    def model_files_(self) -> dict[str, bytes]:
        """The files of the model, by name."""
        check_is_fitted(self)
        if self._files is None:  # `partial_fit` has changed the weights
            with TemporaryDirectory(prefix="bpnet-") as folder:
                self._loaded.model.members[0].save(Path(folder) / "model")
                self._files = _read_files(Path(folder) / "model")
        return self._files

    @property
    def _opened(self) -> RunModel:
        """The model, which is read from its files when it is first needed."""
        check_is_fitted(self)
        if "_loaded" not in self.__dict__:
            with TemporaryDirectory(prefix="bpnet-") as folder:
                model = load_ensemble(_written(self.model_files_, Path(folder) / "model"))
            self._loaded = RunModel(model, [])
        return self._loaded

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a model."""
        return hasattr(self, "_files")

    def __getstate__(self) -> dict[str, Any]:
        """Return what is saved: the model's files, and nothing that they give."""
        state = dict(super().__getstate__())
        if "_files" in state:
            state["_files"] = self.model_files_
        for name in ("_loaded", "_training"):
            state.pop(name, None)
        return state

    def _predicted(self, X: Any) -> list[Any]:
        """Return the columns (N,) that the model adds to rows, in order."""
        opened = self._opened
        frame = self._frame(self._checked(X, reset=False))
        with _as_scikit_learn_errors():
            columns = predicted_columns(Path("model"), opened, frame, PredictOptions(keep=()))
        return list(columns.values())

    def _partial_fit(self, X: Any, targets: dict[str, Any], weights: Array | None) -> None:
        """Train for an epoch more on rows whose features are checked."""
        opened = self._opened
        own = opened.model.description.target.names
        if opened.model.combination is not None or len(opened.model.members) > 1:
            raise ValueError(
                "partial_fit: the model is an ensemble on folds; only one kind of network without "
                "folds can train on: give hidden, or a config without folds and preset"
            )
        table, _ = self._table(X, dict(zip(own, targets.values(), strict=True)), None)
        weight = opened.model.description.sample_weight
        if weight is not None:
            ones = np.ones(len(X)) if weights is None else weights
            table = with_columns(table, {weight: ones})
        with _as_scikit_learn_errors(), table_in_memory(table) as path:
            if "_training" not in self.__dict__:
                self._training = load_python_config(self.config_).config.training
            train_one_epoch(opened.model, self._training, open_table(path))
        self._files = None

    def _begin_partial_fit(self, X: Any, targets: dict[str, Any], weights: Array | None) -> None:
        """Train a first epoch, from which `partial_fit` goes on."""
        table, dataset = self._table(X, targets, weights)
        dataset["split"] = {"test": 0, "validation": 0}
        settings = {key: value for key, value in self._settings().items() if key not in _ALONE}
        settings |= {"training.epochs": 1, "training.keep": "last"}
        with TemporaryDirectory(prefix="bpnet-") as scratch, _as_scikit_learn_errors():
            config = self._config(dataset)
            config["dataset"]["split"] |= {"validation": 0}
            run = train(config, table, settings=settings, runs=Path(scratch), quiet=True)
            self._keep(run)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

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


_ALONE = ("preset", "folds", "training.early_stopping", "dataset.split.validation")
"""What `partial_fit` has no use for: it trains a network on the rows as they come."""


def _free(name: str, taken: Sequence[str]) -> str:
    """Return a name that no column has."""
    while name in taken:
        name += "_"
    return name


def _read_files(folder: Path) -> dict[str, bytes]:
    """Return the content of each file of a folder, by its path in it."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _written(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write a model's files into a new folder, and return it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@contextmanager
def _as_scikit_learn_errors() -> Iterator[None]:
    try:
        yield
    except InterruptedRunError as error:
        raise KeyboardInterrupt(str(error)) from error
    except BpnetError as error:
        raise ValueError(str(error)) from error


class _CallbackWatcher:
    """A watcher that tells an estimator's callbacks of each epoch, and another watcher of all."""

    def __init__(self, watcher: TrainWatcher, estimator: _BPNet) -> None:
        self._watcher, self._estimator = watcher, estimator
        self._context = None
        if getattr(estimator, "_skl_callbacks", None) or hasattr(estimator, "_parent_callback_ctx"):
            self._context = estimator._init_callback_context(max_subtasks=None)
            self._context.call_on_fit_task_begin(estimator=estimator)

    def begin(self, run: Path, prepared: EncodedDataset, parameters: int, networks: int) -> None:
        """Pass on what will be trained."""
        self._watcher.begin(run, prepared, parameters, networks)

    def begin_member(
        self, run: Path, prepared: EncodedDataset, parameters: int, networks: int, title: str
    ) -> None:
        """Pass on which member will be trained."""
        self._watcher.begin_member(run, prepared, parameters, networks, title)

    def epoch(self, row: Mapping[str, float], kept: Array) -> None:
        """Tell the callbacks of an epoch, with its metrics as metadata."""
        self._watcher.epoch(row, kept)
        if self._context is not None:
            context = self._context.subcontext(task_name="epoch")
            context.call_on_fit_task_begin(estimator=self._estimator)
            context.call_on_fit_task_end(estimator=self._estimator, metadata=dict(row))

    def warn(self, text: str) -> None:
        """Pass on a warning."""
        self._watcher.warn(text)

    def end(self) -> None:
        """Tell the callbacks that the training has ended."""
        if self._context is not None:
            self._context.call_on_fit_task_end(estimator=self._estimator)


class BPNetClassifier(ClassifierMixin, _BPNet):  # type: ignore[misc]
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
        X = self._checked(X, reset=begins)
        if not begins:
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
        return np.asarray(self.classes_[self._positions(np.asarray(columns[0]).astype(str))])

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class (N, C), or of each label (N, K)."""
        columns = self._predicted(X)
        if self._is_multilabel:
            return np.column_stack(columns[len(self.classes_) : 2 * len(self.classes_)])
        target = self._opened.model.description.target
        assert isinstance(target, Classes)
        found = np.empty((len(columns[0]), len(self.classes_)))
        found[:, self._positions(np.array(target.classes))] = np.column_stack(
            columns[1 : 1 + len(target.classes)]
        )
        return found

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
            _same_length(X, y)
            if not np.isin(y, (0, 1)).all():
                raise ValueError("y has several columns, and labels are 0 and 1 in each of them")
            y = y.astype(int)
            self.classes_ = [np.array([0, 1])] * y.shape[1]
            self._labels = ["0", "1"]
            return {_free(f"y{k}", self._names): y[:, k] for k in range(y.shape[1])}
        y = column_or_1d(y, warn=True)
        _same_length(X, y)
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
        return {_free(own, self._names): labels.tolist()}

    def _positions(self, labels: Array) -> Array:
        """Return the positions (N,) of labels among the classes."""
        position = {label: k for k, label in enumerate(self._labels)}
        return np.array([position[label] for label in labels.tolist()], int)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = False
        return tags


class BPNetRegressor(RegressorMixin, _BPNet):  # type: ignore[misc]
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
        X = self._checked(X, reset=begins)
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
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        _same_length(X, y)
        self._is_flat = y.ndim == 1
        values = y.reshape(len(y), -1)
        self.n_outputs_ = values.shape[1]
        if not all(isinstance(name, str) and name.strip() for name in names):
            names = ["y"] if self.n_outputs_ == 1 else [f"y{k}" for k in range(self.n_outputs_)]
        return {_free(name, self._names): values[:, k] for k, name in enumerate(names)}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags


def _same_length(X: Any, y: Array) -> None:
    rows = len(X)
    if rows != len(y):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {rows}, {len(y)}"
        )


def _texts(classes: Array) -> list[str]:
    """Return a text for each class: its own if none can be mistaken, else its position."""
    texts = [str(one) for one in classes.tolist()]
    words = {word.lower() for word in (*GAPS, *MISSING_WORDS)}
    plain = all(text.isidentifier() and text.lower() not in words for text in texts)
    if plain and len({text.lower() for text in texts}) == len(texts):
        return texts
    return [str(k) for k in range(len(texts))]
