"""A run of MLflow's: settings, curves and the model, sent by MLflow's own client."""

import json
import logging
import os
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from bpnet.integrations.trackers.tracker import Series, TrackedRun, Tracker
from bpnet.paths import is_file
from bpnet.runs import files

RECORD = "mlflow.json"
"""The file of a run directory that names the run of MLflow's."""
_MOST_METRICS, _MOST_PARAMS, _LONGEST = 1000, 100, 6000
"""What MLflow takes at once, and characters of a value."""
_STATUS = {"finished": "FINISHED", "interrupted": "KILLED"}
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
"""Settings of the client: a server that does not answer holds up no training for long."""


class MLflowRun(Tracker):
    """A run on the server or in the folder that MLFLOW_TRACKING_URI names, or MLflow's default."""

    def __init__(self, run: TrackedRun) -> None:
        self._run, self._waiting = run, list[Metric]()
        self._logged: dict[Series, int] = {}
        """The epoch of each series up to which MLflow has it."""
        with _quiet():
            self._client = MlflowClient()
            self._goes_on = self._reopened()
            if not self._goes_on:
                self._begin()

    def epoch(self, series: Series, epoch: int, values: Mapping[str, float]) -> None:
        """Take the values of an epoch by name; those that MLflow has already are left out."""
        prefix = f"{series.name}/" if series.name else ""
        if series not in self._logged:
            self._logged[series] = self._latest(prefix, values) if self._goes_on else 0
        if epoch > self._logged[series]:
            now = int(time.time() * 1000)
            each = values.items()
            self._waiting += [Metric(f"{prefix}{name}", v, now, epoch) for name, v in each]

    def flush(self) -> None:
        """Send the values that are waiting."""
        with _quiet():
            while self._waiting:
                self._client.log_batch(self._id, metrics=self._waiting[:_MOST_METRICS])
                del self._waiting[:_MOST_METRICS]

    def end(self, status: str, scores: Mapping[str, float]) -> None:
        """Send the final scores and the model, and how the training ended."""
        now = int(time.time() * 1000)
        self._waiting += [Metric(f"final/{name}", value, now, 0) for name, value in scores.items()]
        self.flush()
        with _quiet():
            model = self._run.folder / "model"
            if scores and is_file(model / "model.json"):
                self._client.log_artifacts(self._id, str(model), "model")
            self._client.set_terminated(self._id, _STATUS.get(status, "FAILED"))

    def _reopened(self) -> bool:
        """Go on with the run that the run directory names, if MLflow still has it."""
        path = self._run.folder / RECORD
        if not is_file(path):
            return False
        self._id = str(files.read_json(path)["run_id"])
        try:
            self._client.update_run(self._id, "RUNNING")
        except Exception:  # it is gone, or on another server
            return False
        return True

    def _begin(self) -> None:
        """Begin a run in the experiment that MLFLOW_EXPERIMENT_NAME names, or in `bpnet`."""
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "bpnet")
        found = self._client.get_experiment_by_name(name)
        experiment = self._client.create_experiment(name) if found is None else found.experiment_id
        run = self._client.create_run(experiment, run_name=self._run.folder.name)
        self._id = run.info.run_id
        params = [
            Param(re.sub(r"[^\w. /-]", "_", key)[:250], str(value)[:_LONGEST])
            for key, value in self._run.settings.items()
        ]
        for first in range(0, len(params), _MOST_PARAMS):
            self._client.log_batch(self._id, params=params[first : first + _MOST_PARAMS])
        folder = RunTag("bpnet.run", str(self._run.folder.resolve()))
        self._client.log_batch(self._id, tags=[folder])
        record = json.dumps({"run_id": self._id, "experiment_id": experiment})
        files.write_text(self._run.folder / RECORD, record + "\n")

    def _latest(self, prefix: str, values: Mapping[str, float]) -> int:
        """Return the last epoch that MLflow has of a series, 0 if none."""
        with _quiet():
            steps = [
                metric.step
                for name in values
                for metric in self._client.get_metric_history(self._id, f"{prefix}{name}")
            ]
        return max(steps, default=0)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the client's messages to itself, and its patience short; all is as before at the end."""
    added = [name for name in _PATIENCE if name not in os.environ]
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    os.environ.update({name: _PATIENCE[name] for name in added})
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for name in added:
            del os.environ[name]
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
