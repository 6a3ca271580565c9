"""Trainings with a known trouble, or none: what the doctor's tables of cases are made of."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from made_tables import Maker, write

from bpnet.config.loading import read_config
from bpnet.errors import DivergedError
from bpnet.runs.files import read_json
from bpnet.workflows.train import train

DATASETS = Path(__file__).parents[2] / "datasets"
CONFIGS = Path(__file__).parents[2] / "configs"


@dataclass(frozen=True)
class Data:
    """A table: a maker with its number of rows and its seed, or a file of datasets/."""

    make: Maker | str
    rows: int = 0
    seed: int = 0
    target: str = "y"

    def path(self, folder: Path) -> Path:
        if isinstance(self.make, str):
            return DATASETS / self.make
        path = folder / "table.csv"
        write(self.make, self.rows, self.seed, path)
        return path


WINE = Data("wine.csv", target="cultivar")
IRIS = Data("iris.csv", target="species")
CANCER = Data("breast_cancer.csv", target="diagnosis")
DIABETES = Data("diabetes.csv", target="progression")
PENGUINS = Data("penguins.csv", target="species")

LOW, HIGH = "learning rate too low", "learning rate too high"
EPOCHS, STOPPED = "too few epochs", "stopped too soon"
NO_HIDDEN, INPUTS, TARGET = "no hidden layer", "input scale", "target scale"
VANISHING, EXPLODING = "vanishing gradients", "exploding gradients"
SATURATED, DEAD, INITIALIZER = "saturated units", "dead units", "initializer"
OVERFITTING, NOTHING = "overfitting", "nothing to learn"


@dataclass(frozen=True)
class Case:
    """A config on a table, and the causes that the doctor may name first; none if it is healthy.

    `settings` are keys of the config by dotted name; `config` is a shipped one instead.
    """

    name: str
    data: Data | None
    settings: dict[str, Any] = field(default_factory=dict)
    causes: Sequence[str] = ()
    config: str | None = None

    def write(self, seed: int, folder: Path) -> Path:
        """Write the table and the config, and return the config's path."""
        if self.config:
            data = yaml.safe_load((CONFIGS / self.config).read_text("utf-8"))
            data["dataset"]["path"] = str(DATASETS / Path(data["dataset"]["path"]).name)
        else:
            assert self.data is not None
            path = str(self.data.path(folder))
            data = {"dataset": {"path": path, "target": self.data.target}}
        for key, value in self.settings.items():
            *sections, last = key.split(".")
            section = data
            for name in sections:
                section = section.setdefault(name, {})
            section[last] = copy.deepcopy(value)
        data["seed"] = seed
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump(data, sort_keys=False), "utf-8")
        return config


class Silent:
    """A watcher that looks away."""

    def begin(self, run, prepared, parameters, networks) -> None:
        pass

    def epoch(self, row, kept) -> None:
        pass

    def warn(self, text) -> None:
        pass


@dataclass(frozen=True)
class Outcome:
    """A training's findings, and the final loss of each part, without penalty; inf if diverged."""

    findings: list[dict[str, Any]]
    losses: dict[str, float]

    @property
    def alarms(self) -> list[dict[str, Any]]:
        return [finding for finding in self.findings if finding["kind"] == "alarm"]

    @property
    def causes(self) -> list[str]:
        return [finding["cause"] for finding in self.alarms]


def outcome(config: Path, folder: Path, settings: Sequence[str] = ()) -> Outcome:
    """Train as the config says, with `--set` assignments, and return what came of it."""
    loaded = read_config(config, settings)
    diverged = False
    try:
        train(loaded, runs=folder, name="run", command=[], watcher=Silent())
    except DivergedError:
        diverged = True
    run = max(folder.glob("run-*"))
    diagnosis = read_json(run / "diagnosis.json")
    lost = dict.fromkeys(diagnosis["kept"], math.inf)
    return Outcome(diagnosis["findings"], lost if diverged else diagnosis["kept"])
