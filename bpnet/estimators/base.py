"""What the classifier and the regressor share: their parameters, and how they are trained."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from bpnet.api.predicted_table import predicted_columns
from bpnet.api.training import shown_training, train_watched
from bpnet.api.warning import BpnetWarning
from bpnet.config.from_python import config_data, load_python_config
from bpnet.config.schema import Config
from bpnet.data.reading import open_table
from bpnet.data.reading.data_frame import table_in_memory, with_columns
from bpnet.engine.component import Array
from bpnet.errors import BpnetError
from bpnet.estimators.callbacks import CallbackSupportMixin, CallbackWatcher
from bpnet.estimators.errors import PARAMETERS, as_scikit_learn_errors
from bpnet.estimators.feature_table import FeatureTable
from bpnet.estimators.kept_model import KeptModel, written_files
from bpnet.models.threads import cores, permitted_threads
from bpnet.workflows.partial_fit import train_one_epoch
from bpnet.workflows.predict import PredictOptions


class BPNetEstimator(FeatureTable, KeptModel, CallbackSupportMixin, BaseEstimator):  # type: ignore[misc]
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
        n_jobs: int | None = None,
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
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.runs = runs
        self.verbose = verbose

    def _fit(self, X: Any, targets: dict[str, Any], weights: Array | None) -> None:
        """Train on rows (N, F) whose features are checked, with K columns of targets (N,)."""
        table, dataset = self._table(X, targets, weights)
        settings = self._settings()
        with TemporaryDirectory(prefix="bpnet-") as scratch, self._computing():
            first = None
            if self.warm_start and hasattr(self, "_files"):
                first = written_files(self.model_files_, Path(scratch) / "first")
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

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Compute on `n_jobs` threads, with errors as scikit-learn expects them."""
        jobs = self.n_jobs
        if jobs is not None and (
            not isinstance(jobs, Integral) or isinstance(jobs, bool) or not jobs
        ):
            raise ValueError(
                f"n_jobs is {jobs!r}; it must be a number of threads from 1, or -1 for all cores, "
                "or None"
            )
        threads = None if jobs is None else int(jobs)
        if threads is not None and threads < 0:
            threads = max(1, cores() + 1 + threads)
        with as_scikit_learn_errors(), permitted_threads(threads):
            yield

    def _settings(self) -> dict[str, Any]:
        """Return the parameters that are given, by the keys of the config."""
        given = {
            name: getattr(self, name) for name in PARAMETERS if getattr(self, name) is not None
        }
        if self.config is not None and given:
            first = next(iter(given))
            raise ValueError(
                f"config and {', '.join(given)} are both given; give {PARAMETERS[first]} in the "
                "config, or leave config out"
            )
        return {PARAMETERS[name]: value for name, value in given.items()}

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

    def _predicted(self, X: Any) -> list[Any]:
        """Return the columns (N,) that the model adds to rows, in order."""
        opened = self._opened
        frame = self._frame(self._checked(X, reset=False))
        with self._computing():
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
        with self._computing(), table_in_memory(table) as path:
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
        if len(X) == 1:  # which has no spread: its numbers are taken as they are
            settings |= {f"dataset.preprocessing.{kind}": "none" for kind in ("numeric", "target")}
        with TemporaryDirectory(prefix="bpnet-") as scratch, self._computing():
            config = self._config(dataset)
            config["dataset"]["split"] |= {"validation": 0}
            with shown_training(quiet=True) as watcher, warnings.catch_warnings():
                if len(X) == 1:  # each of its columns is constant
                    warnings.simplefilter("ignore", BpnetWarning)
                run = train_watched(config, table, watcher, settings, Path(scratch))
            self._keep(run)
            self._refuse_ensemble()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


_ALONE = ("preset", "folds", "training.early_stopping", "dataset.split.validation")
"""What `partial_fit` has no use for: it trains a network on the rows as they come."""
