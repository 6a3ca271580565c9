"""The section `checkpoint` of a config: how often a training's state is saved."""

from dataclasses import dataclass
from typing import Literal

from bpnet.engine.component import Component, number


@dataclass(frozen=True, kw_only=True)
class Checkpoint(Component):
    """How often the state of a training is saved, from which `bpnet resume RUN` goes on."""

    every_seconds: float | None = number(30.0, ge=0)
    """Seconds between two checkpoints, also within an epoch; null leaves only those by epochs.
    Example: `every_seconds: 300`.
    """
    every_epochs: int | None = number(None, ge=1)
    """Number of epochs between two checkpoints, beside those by time. By default the time alone
    decides. Example: `every_epochs: 10`.
    """
    on_write_error: Literal["stop", "continue"] = "stop"
    """Action when a checkpoint or a log cannot be written, as on a full disk: stop with an error,
    or continue in memory and write again when there is room. Example: `on_write_error: continue`.
    """
