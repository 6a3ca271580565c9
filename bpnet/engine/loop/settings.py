"""The settings of a training: every hyperparameter of `fit`, declared once."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from bpnet.engine.component import Component, FieldError, choice, number
from bpnet.engine.losses import AnyLoss
from bpnet.engine.metrics import MetricName
from bpnet.engine.optimizers import Adam, AnyOptimizer
from bpnet.engine.penalties import GradientClipping
from bpnet.engine.schedules import AnySchedule, ConstantRate


@dataclass(frozen=True, kw_only=True)
class EarlyStopping(Component):
    """Stop when the monitored figure has not improved by more than `minimum_improvement` for `patience` epochs.

    `monitor` names a column of the metrics log; by default it is val_loss, or loss where there are no validation rows.
    """

    monitor: str | None = None
    patience: int = number(20, ge=1)
    minimum_improvement: float = number(0.0, ge=0)


@dataclass(frozen=True, kw_only=True)
class Training(Component):
    """How a network is trained.

    Without a `loss` it is the squared error; the config puts in what suits the task.
    `keep: best` leaves each replica with the parameters of its best epoch by the monitored figure (that of
    `early_stopping`, else val_loss), also where early stopping never fires; `last` with those of its last finite
    epoch. By default it is best where there are validation rows. `target_loss` stops a replica whose training loss
    has come down to it. `l1` and `l2` weigh the penalty l1 Σ |w| + l2 Σ w² / 2, which is part of every reported loss.
    `metrics` are measured beside the usual ones. Every `diagnose_every` epochs the layers are looked at for what goes
    wrong in training; at its end they always are.
    """

    loss: AnyLoss | None = choice(None)
    optimizer: AnyOptimizer = choice(Adam())
    learning_rate: float = number(0.001, gt=0)
    schedule: AnySchedule = choice(ConstantRate())
    epochs: int = number(100, ge=1)
    batch_size: int | Literal["full"] = 32
    shuffle: bool = True
    l1: float = number(0.0, ge=0)
    l2: float = number(0.0, ge=0)
    gradient_clipping: GradientClipping | None = None
    early_stopping: EarlyStopping | None = None
    target_loss: float | None = number(None)
    metrics: list[MetricName] = dataclasses.field(default_factory=list)
    keep: Literal["best", "last"] | None = None
    precision: Literal["float32", "float64"] = "float32"
    diagnose_every: int | None = number(None, ge=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch_size != "full" and self.batch_size < 1:
            raise FieldError("batch_size", f"is {self.batch_size}; it must be at least 1, or full")
        if len(set(self.metrics)) < len(self.metrics):
            raise FieldError("metrics", "names a figure twice; name each once")

    def monitor(self, *, validated: bool) -> str:
        """The figure by which the best epoch is chosen, given whether there are validation rows."""
        chosen = self.early_stopping.monitor if self.early_stopping else None
        return chosen or ("val_loss" if validated else "loss")

    def keeps_best(self, *, validated: bool) -> bool:
        """Whether the best epoch's parameters are kept, rather than the last one's."""
        return self.keep == "best" if self.keep else validated
