"""What the classifier and the regressor share: parameters, tables, and the model they keep."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from bpnet.api.run import Run, predicted_columns
from bpnet.api.training import shown_training, train, train_watched
from bpnet.config.from_python import config_data, load_python_config
from bpnet.config.schema import Config
from bpnet.data.reading import open_table
from bpnet.data.reading.data_frame import (
    columns_of,
    is_data_frame,
    table_in_memory,
    with_columns,
    with_names,
)
from bpnet.data.writing.data_frame import data_frame
from bpnet.engine.component import Array
from bpnet.errors import BpnetError, InterruptedRunError
from bpnet.estimators.callbacks import CallbackSupportMixin, CallbackWatcher
from bpnet.models.run_model import RunModel
from bpnet.models.saved_ensemble import load_ensemble
from bpnet.workflows.partial_fit import train_one_epoch
from bpnet.workflows.predict import PredictOptions

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


class BPNetEstimator(CallbackSupportMixin, BaseEstimator):  # type: ignore[misc]
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
        with TemporaryDirectory(prefix="bpnet-") as scratch, as_scikit_learn_errors():
            first = None
            if self.warm_start and hasattr(self, "_files"):
                first = _written(self.model_files_, Path(scratch) / "first")
            runs = Path(scratch) / "runs" if self.runs is None else self.runs
            with shown_training(quiet=not self.verbose) as shown:
                watcher = CallbackWatcher(shown, self)
                try:
                    run = train_watched(
                        self._config(dataset), table, watcher, settings, runs, start_from=first
                    )
                except BpnetError as error:
                    if first is None or str(first) not in str(error):
                        raise
                    reason = str(error).removeprefix(f"{first}: ")
                    raise ValueError(f"warm_start: {reason}; or set warm_start=False") from error
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

    def _checked(self, X: Any, *, reset: bool) -> Any:
        """Return features as a data frame or an array (N, F), checked as scikit-learn asks."""
        if is_data_frame(X):
            # by the names alone, which not every release finds in each library's data frames
            with as_scikit_learn_errors():
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
        with as_scikit_learn_errors():
            columns = predicted_columns(None, opened, frame, PredictOptions(keep=()))
        return list(columns.values())

    def _partial_fit(self, X: Any, targets: dict[str, Any], weights: Array | None) -> None:
        """Train for an epoch more on rows whose features are checked."""
        opened = self._opened
        self._refuse_ensemble()
        own = opened.model.description.target.names
        table, _ = self._table(X, dict(zip(own, targets.values(), strict=True)), None)
        weight = opened.model.description.sample_weight
        if weight is not None:
            ones = np.ones(len(X)) if weights is None else weights
            table = with_columns(table, {weight: ones})
        with as_scikit_learn_errors(), table_in_memory(table) as path:
            if "_training" not in self.__dict__:
                self._training = load_python_config(self.config_).config.training
            train_one_epoch(opened.model, self._training, open_table(path))
        self._files = None

    def _refuse_ensemble(self) -> None:
        """Raise ValueError if the model is not of one kind of network without folds."""
        model = self._opened.model
        if model.combination is not None or len(model.members) > 1:
            raise ValueError(
                "partial_fit: the model is an ensemble on folds; only one kind of network without "
                "folds can train on: give hidden, or a config without folds and preset"
            )

    def _begin_partial_fit(self, X: Any, targets: dict[str, Any], weights: Array | None) -> None:
        """Train a first epoch, from which `partial_fit` goes on."""
        # later rows may have weights
        table, dataset = self._table(X, targets, np.ones(len(X)) if weights is None else weights)
        dataset["split"] = {"test": 0, "validation": 0}
        settings = {key: value for key, value in self._settings().items() if key not in _ALONE}
        settings |= {"training.epochs": 1, "training.keep": "last"}
        with TemporaryDirectory(prefix="bpnet-") as scratch, as_scikit_learn_errors():
            config = self._config(dataset)
            config["dataset"]["split"] |= {"validation": 0}
            run = train(config, table, settings=settings, runs=Path(scratch), quiet=True)
            self._keep(run)
            self._refuse_ensemble()

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


def free_name(name: str, taken: Sequence[str]) -> str:
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
def as_scikit_learn_errors() -> Iterator[None]:
    """Turn errors of bpnet into those that scikit-learn expects: ValueError with their texts."""
    try:
        yield
    except InterruptedRunError as error:
        raise KeyboardInterrupt(str(error)) from error
    except BpnetError as error:
        raise ValueError(str(error)) from error


def check_same_length(X: Any, y: Array) -> None:
    """Raise ValueError unless there are as many targets as rows."""
    if len(X) != len(y):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {len(X)}, {len(y)}"
        )
