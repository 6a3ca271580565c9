"""Training in a test: from a config file or a text, watched; and reading what a run leaves."""

import contextlib
import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.config.loading import load_config, read_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.data.formats import format_named
from bpnet.runs import weights
from bpnet.workflows.predict import Prediction, PredictOptions, Summary
from bpnet.workflows.train import TrainResult, train

ROOT = Path(__file__).parents[2]
IRIS = ROOT / "datasets" / "iris.csv"


@dataclass
class Watcher:
    """A watcher that records its calls, and calls `after` with the number of each epoch."""

    after: Callable[[int], None] = lambda epoch: None
    rows: list[dict[str, float]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)

    def begin(self, run: Path, prepared: Any, parameters: int, networks: int) -> None:
        self.run, self.prepared, self.parameters = run, prepared, parameters

    def begin_member(
        self, run: Path, prepared: Any, parameters: int, networks: int, title: str
    ) -> None:
        self.begin(run, prepared, parameters, networks)
        self.titles.append(title)

    def begin_pass(
        self, run: Path, first: Any, parameters: int, number: int, passes: Sequence[int]
    ) -> None:
        self.begin(run, first, parameters, sum(passes))

    def epoch(self, row: Any, kept: Any) -> None:
        self.rows.append(dict(row))
        self.after(int(row["epoch"]))

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@contextlib.contextmanager
def in_training(run: Path) -> Iterator[None]:
    """Hold the lock of a run as another process does that trains it."""
    import fcntl  # deferred: Windows lacks it

    with open(run / ".lock", "w") as file:
        file.write(str(os.getppid()))
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    (run / ".lock").unlink()


def train_file(
    config: Path, runs: Path, *settings: str, watcher: Watcher | None = None
) -> TrainResult:
    """Train on a config file."""
    loaded = read_config(config, settings)
    return train(loaded, runs=runs, name=None, command=["bpnet"], watcher=watcher or Watcher())


def train_text(
    folder: Path, text: str, *settings: str, watcher: Watcher | None = None
) -> TrainResult:
    """Train on the text of a config; its table is in the folder."""
    source = apply_overrides(parse_source(text, str(folder / "case.yaml"), folder), settings)
    return train(
        load_config(source),
        runs=folder / "runs",
        name=None,
        command=["bpnet"],
        watcher=watcher or Watcher(),
    )


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """Write a table."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table by column name."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_json(path: Path) -> Any:
    """Return the value of a JSON file."""
    return json.loads(path.read_text("utf-8"))


def predicted(run: Path, data: Path | str, **wish: Any) -> dict[str, list[Any]]:
    """Return the columns that a run's predictions add to a table."""
    stream = io.BytesIO()
    summary = Prediction(run, str(data), PredictOptions(**{"keep": [], **wish})).write(
        format_named("jsonl"), stream
    )
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(rows) == summary.flags.rows
    return {name: [row[name] for row in rows] for name in rows[0]}


def written(run: Path, data: Path | str, **wish: Any) -> tuple[str, Summary]:
    """Return a table with its predictions as CSV, and the summary."""
    stream = io.BytesIO()
    summary = Prediction(run, str(data), PredictOptions(**wish)).write(format_named("csv"), stream)
    return stream.getvalue().decode(), summary


def weights_of(run: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a run's weights file, by name."""
    return weights.read_weights(run / "model" / "weights.safetensors")


def log_of(run: Path) -> list[dict[str, str]]:
    """Return the rows of a run's metrics.csv."""
    return read_csv(run / "metrics.csv")
