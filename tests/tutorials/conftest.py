"""What every tutorial's test needs: a config of configs/tutorials, trained."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bpnet.config.loading import read_config
from bpnet.workflows.train import TrainResult, train

TUTORIALS = Path(__file__).parents[2] / "configs" / "tutorials"


class Rows:
    """Keeps the rows of metrics.csv, and the warnings, of a training."""

    def __init__(self) -> None:
        self.rows, self.warnings = [], []

    def begin(self, run, prepared, parameters, networks) -> None:
        self.parameters = parameters

    def epoch(self, row, kept) -> None:
        self.rows.append(dict(row))

    def warn(self, text) -> None:
        self.warnings.append(text)

    def figure(self, name: str) -> list[float]:
        return [row[name] for row in self.rows]


@pytest.fixture
def run_tutorial(tmp_path) -> Callable[..., tuple[TrainResult, Rows]]:
    """Train a tutorial's config, with overrides, and give the result and its rows."""

    def run(name: str, *settings: str) -> tuple[TrainResult, Rows]:
        path, rows = TUTORIALS / f"{name}.yaml", Rows()
        loaded = read_config(path, settings)
        return train(loaded, runs=tmp_path, name=None, command=[], watcher=rows), rows

    return run
