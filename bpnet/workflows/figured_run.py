"""A run as its figures see it: logs, predictions and what else they are made of, read once."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from bpnet.config.loading import LoadedConfig, read_config
from bpnet.errors import BpnetError, ConfigError, RunError
from bpnet.figures.curves import Curve
from bpnet.figures.predictions import AnyPredicted
from bpnet.models.ensemble import Ensemble
from bpnet.models.run_model import RunModel, open_run_model
from bpnet.models.saved_ensemble import read_thresholds
from bpnet.paths import is_file
from bpnet.runs import files
from bpnet.runs.directory import RunPaths, open_run
from bpnet.runs.predictions import SavedPredictions, read_predictions
from bpnet.runs.run_file import read_run_file, run_status
from bpnet.workflows.figured_columns import ColumnFigures, ask_columns
from bpnet.workflows.run_curves import run_curves
from bpnet.workflows.run_predictions import SeenRows, out_of_fold, predict_rows

_TASKS = {"classes": "classification", "labels": "multilabel", "quantities": "regression"}


class FiguredRun:
    """A run directory whose parts are read when a figure asks for them; raises RunError.

    `command` is what is typed again with a table on standard input, and `share` the part of a page
    that its figures have: several runs have fewer points each.
    """

    def __init__(
        self,
        path: Path,
        command: str,
        weights: Sequence[str] | None = None,
        map_columns: Sequence[str] | None = None,
        share: float = 1.0,
        *,
        animate: bool = False,
    ) -> None:
        self.weights = weights
        """The names of the weights of a loss surface; None for those that moved most."""
        self.map_columns = map_columns
        """The columns of a decision map; None for the most important ones."""
        self.command, self.animate = command, animate
        """Whether the decision map has a frame for each snapshot."""
        self.share = share
        self._problem: BpnetError | None = None
        self.paths: RunPaths = open_run(path)
        self.run: Mapping[str, Any] = read_run_file(self.paths.run)
        self.status = run_status(self.paths.run)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.paths.folder.resolve().name

    @cached_property
    def loaded(self) -> LoadedConfig:
        """Its config, with every default written out."""
        try:
            return read_config(self.paths.config)
        except ConfigError as error:
            raise RunError(error.problems) from None

    @property
    def task(self) -> str:
        """Its task: classification, multilabel or regression."""
        if self.loaded.config.task is not None:
            return self.loaded.config.task
        # a cross-validation keeps the config as it was given: its predictions tell
        return _TASKS[self.saved.target.kind]

    @property
    def targets(self) -> list[str]:
        """The names of its target columns."""
        target = self.loaded.config.dataset.target
        return [target] if isinstance(target, str) else list(target)

    @property
    def is_cv(self) -> bool:
        """True of a cross-validation, whose networks have no rows to be tested on in common."""
        return is_file(self.paths.folds_csv)

    @property
    def is_grid(self) -> bool:
        """True of the best run of a grid."""
        return is_file(self.paths.folder / "grid.csv")

    @property
    def held_out(self) -> bool:
        """True if there are rows that at least one network has not trained on."""
        rows = self.run.get("rows")
        parts = rows if isinstance(rows, dict) else {}
        folds = self.is_cv or bool(self.run.get("members"))
        return folds or bool(parts.get("test") or parts.get("validation"))

    @property
    def keeps_model(self) -> bool:
        """False of a cross-validation of ensembles, which keeps their scores alone."""
        return self.run.get("keeps_model") is not False

    @cached_property
    def columns(self) -> ColumnFigures:
        """Its model and rows to ask it about its columns; raises DataError too."""
        if self._problem is not None:  # as in `seen`
            raise self._problem
        return ask_columns(self.paths, self.model, self.command, held_out=self.held_out)

    def points(self, most: int) -> int:
        """Return how many points of a figure are drawn, which has at most `most` by itself."""
        return max(50, round(most * self.share))

    @cached_property
    def curves(self) -> tuple[list[Curve], list[str]]:
        """The curves of its training, and notes on them."""
        return run_curves(self.paths, self.run)

    @cached_property
    def opened(self) -> RunModel:
        """Its model, or that of its last checkpoint."""
        return open_run_model(self.paths.folder)

    @property
    def model(self) -> Ensemble:
        """All networks of its model."""
        return self.opened.model

    @cached_property
    def seen(self) -> SeenRows:
        """Rows of its table with the predictions of its model; raises DataError too."""
        if self._problem is not None:  # what takes a while is not tried again
            raise self._problem
        try:
            return predict_rows(self.paths, self.model, self.command)
        except BpnetError as error:
            self._problem = error
            raise

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """The thresholds that its model keeps, by class or label; none where they are ½."""
        return read_thresholds(self.paths.model)

    @property
    def has_test_rows(self) -> bool:
        """True if rows of its table were held out, which no choice has looked at."""
        rows = self.run.get("rows")
        return bool(isinstance(rows, dict) and rows.get("test"))

    @cached_property
    def predicted(self) -> AnyPredicted:
        """The predictions that say most of it: of test rows, else out of fold, else others."""
        if self.is_cv or (is_file(self.paths.predictions) and not self.has_test_rows):
            return out_of_fold(self.saved, self._positive, self.thresholds)
        return self.seen.predicted

    @cached_property
    def saved(self) -> SavedPredictions:
        """Its out-of-fold predictions, of the first repetition."""
        saved, task = read_predictions(self.paths.predictions, first=True), self.loaded.config.task
        if saved.target.names != self.targets or task not in (None, _TASKS[saved.target.kind]):
            raise RunError(
                f"{self.paths.predictions}: is not of this run's target; restore it from a copy, "
                "or train again"
            )
        return saved

    @property
    def _positive(self) -> str | None:
        """The positive class of two that a cross-validation has found."""
        metrics = files.read_json(self.paths.metrics_json)
        positive = metrics.get("positive") if isinstance(metrics, dict) else None
        return positive if isinstance(positive, str) else None
