"""What every tracker is told of a training, and the table of trackers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from bpnet.engine.component import Array

Setting = bool | int | float | str


@dataclass(frozen=True)
class TrackedRun:
    """A run: its directory, and its settings by dotted key."""

    folder: Path
    settings: Mapping[str, Setting]


@dataclass(frozen=True)
class Series:
    """The curves of a run, whose name is blank, or of one of its members, folds or networks."""

    name: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict, compare=False)
    """The settings in which it differs from the run."""


class Tracker(ABC):
    """A tracker of one run. What it is told is written at the latest by `flush`.

    Each series begins with any epoch: what there is of that epoch and later ones, of a training
    that was cut off, is dropped.
    """

    @abstractmethod
    def epoch(self, series: Series, epoch: int, values: Mapping[str, float]) -> None:
        """Take the values of an epoch by name, such as `loss/train`."""

    def weights(  # noqa: B027 (most trackers have no place for them)
        self, series: Series, epoch: int, arrays: Mapping[str, Array]
    ) -> None:
        """Take the weights after an epoch, of the same series, by name; by default they go by."""

    @abstractmethod
    def flush(self) -> None:
        """Write what is waiting."""

    @abstractmethod
    def end(self, status: str, scores: Mapping[str, float]) -> None:
        """Take how the training ended, and the final scores of a run that has a model."""


class TrackerKind(NamedTuple):
    """A tracker of the config's list: its class, and the package that it needs."""

    module: str
    name: str
    package: str | None

    def installed(self) -> bool:
        """Return whether the package is there, without importing it."""
        return self.package is None or find_spec(self.package) is not None

    def begin(self, run: TrackedRun) -> Tracker:
        """Begin to track a run."""
        # deferred: the packages take long to import, and few trainings are tracked
        kind: type[Tracker] = getattr(import_module(f"{__package__}.{self.module}"), self.name)
        return kind(run)  # type: ignore[call-arg]


TRACKERS = {
    "tensorboard": TrackerKind("tensorboard", "EventFiles", "tensorboard"),
    "mlflow": TrackerKind("mlflow", "MLflowRun", "mlflow"),
    "dvc": TrackerKind("dvc", "LiveFolder", None),
}


def not_installed(names: Sequence[str]) -> list[str]:
    """Return the trackers whose package is not installed."""
    return [name for name in names if not TRACKERS[name].installed()]
