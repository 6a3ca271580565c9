"""The settings of a training: every hyperparameter of `fit`, declared once."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from bpnet.engine.component import Component, FieldError, choice, number, number_or
from bpnet.engine.learning_rate_factors import LearningRateFactors
from bpnet.engine.loop.averaging import Averaging
from bpnet.engine.losses import AnyLoss
from bpnet.engine.metrics import MetricName
from bpnet.engine.optimizers import Adam, AnyOptimizer
from bpnet.engine.penalties import GradientClipping
from bpnet.engine.schedules import AnySchedule, ConstantRate


@dataclass(frozen=True, kw_only=True)
class EarlyStopping(Component):
    """Stop once the monitored metric has not improved for `patience` epochs.

    With a `patience_factor` f and `patience_share` s, stop once t > f t_best + s, where t is the
    share of all epochs that has passed, and t_best that at which the metric improved last: a
    training whose best comes late may wait longer.
    """

    monitor: str | None = None
    """Column of metrics.csv that has to improve. By default val_loss, or loss where there are no
    validation rows. Example: `monitor: val_accuracy`.
    """
    patience: int | None = number(None, ge=1)
    """Epochs in a row without an improvement after which training stops; by default 20, unless
    there is a `patience_factor`. Example: `patience: 10`.
    """
    patience_factor: float | None = number(None, ge=1)
    """Instead of `patience`: training stops once it has taken this many times the epochs that it
    took to its best one, and `patience_share` of all epochs besides. Example:
    `patience_factor: 2.5`.
    """
    patience_share: float = number(0.0, ge=0)
    """Share of all epochs that `patience_factor` allows besides. Example:
    `patience_factor: 2.5, patience_share: 0.04`.
    """
    minimum_improvement: float = number(0.0, ge=0)
    """Amount, in the unit of the metric, that an improvement must exceed. With 0 every improvement
    counts. Example: `minimum_improvement: 0.001`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.patience is not None and self.patience_factor is not None:
            raise FieldError(
                "patience_factor",
                f"is {self.patience_factor}, but patience is {self.patience}; leave out one of "
                "them",
            )
        if self.patience_share and self.patience_factor is None:
            raise FieldError(
                "patience_share",
                f"is {self.patience_share}, but there is no patience_factor; add one, such as "
                "patience_factor: 2.5, or leave patience_share out",
            )
        if self.patience is None and self.patience_factor is None:
            object.__setattr__(self, "patience", 20)  # a frozen field's default


@dataclass(frozen=True, kw_only=True)
class Training(Component):
    """The training of a network.

    Without a `loss` it is the squared error; the config puts in what suits the task.
    """

    loss: AnyLoss | None = choice(None)
    """Function to minimize. By default it suits the task: cross_entropy for several classes,
    binary_cross_entropy for two and for labels, squared_error for numbers.
    Example: `loss: absolute_error`.
    """
    optimizer: AnyOptimizer = choice(Adam())
    """Rule that turns a gradient into a step. Example: `optimizer: adamw`."""
    learning_rate: float = number(0.001, gt=0)
    """Size η of a step, before the schedule. Where it is too large the loss diverges, where it is
    too small it hardly falls. Example: `learning_rate: 0.01`.
    """
    learning_rate_factors: LearningRateFactors | None = None
    """Multiples of the learning rate for weights, biases and other groups of parameters. By default
    all are 1. Example: `learning_rate_factors: {weight: fan_in, bias: 0.1}`.
    """
    schedule: AnySchedule = choice(ConstantRate())
    """Change of the learning rate during training. Example: `schedule: cosine`."""
    epochs: int = number(100, ge=1)
    """Passes over the training rows, at most: `early_stopping` and `target_loss` may end training
    sooner. Example: `epochs: 300`.
    """
    batch_size: int | Literal["full"] = number_or("full", None, ge=1)
    """Rows in a step, at least 1; full takes all training rows in one step. By default 32, and full
    for optimizers that need all rows. Example: `batch_size: 64`.
    """
    last_batch: Literal["short", "spread"] = "short"
    """Rows of an epoch that do not fill a batch: short makes a smaller batch of them; spread makes
    all batches equal, of about `batch_size` rows, and the rows that then remain wait for the next
    epoch. Example: `last_batch: spread`.
    """
    shuffle: bool = True
    """Draw a new order of the rows in each epoch."""
    l1: float = number(0.0, ge=0)
    """Weight of the penalty l1 Σ |w|, which is part of every reported loss; biases are exempt. With
    0 there is none. Example: `l1: 0.0001`.
    """
    l2: float = number(0.0, ge=0)
    """Weight of the penalty l2 Σ w² / 2, which is part of every reported loss; biases are exempt.
    With 0 there is none. Example: `l2: 0.001`.
    """
    gradient_clipping: GradientClipping | None = None
    """Bounds on the gradient of each step. By default there are none.
    Example: `gradient_clipping: {norm: 1.0}`.
    """
    lazy_embeddings: bool = False
    """Let a step move only the vectors of categories that are in the batch, so that its time does
    not grow with their number: for columns of thousands of categories. The momentum and weight
    decay of all others rest.
    """
    averaging: Averaging | None = None
    """Moving average of the weights, which is validated and kept instead of them. By default there
    is none; an empty mapping, {}, is one with its defaults. Example: `averaging: {decay: 0.99}`.
    """
    early_stopping: EarlyStopping | None = None
    """Rule for stopping before the last epoch. By default there is none; an empty mapping, {}, is
    one with its defaults. Example: `early_stopping: {patience: 10}`.
    """
    check_every: int = number(1, ge=1)
    """Epochs between two looks at the validation rows; the last epoch has one, too. In epochs
    without, their metrics are empty, no weights are kept as the best and early stopping waits.
    Example: `check_every: 5`.
    """
    target_loss: float | None = number(None)
    """Training loss at which a replica stops. By default there is none.
    Example: `target_loss: 0.05`.
    """
    metrics: list[MetricName] = dataclasses.field(default_factory=list)
    """Metrics to measure beside the usual ones: mean_squared_error, sum_squared_error and
    mean_absolute_error of the outputs, of numbers in their unit; closeness is 1 - mean |error| of
    the outputs of classes. Example: `metrics: [mean_squared_error]`.
    """
    keep: Literal["best", "last"] | None = None
    """Weights that are kept: those of the best epoch by the monitored metric (that of
    `early_stopping`, else val_loss), or of the last finite epoch. By default best where there are
    validation rows.
    """
    precision: Literal["float32", "float64"] = None  # type: ignore[assignment]
    """Type of the numbers in training. float64 takes twice the memory and is slower. By default
    float32, and float64 for optimizers that need all rows. Example: `precision: float64`.
    """
    on_divergence: Literal["stop", "backtrack"] = "stop"
    """Action when the loss or the gradient is no longer finite: stop, or backtrack to the
    weights of the lowest training loss and go on at half the learning rate, up to five times.
    Example: `on_divergence: backtrack`.
    """
    snapshots: int | None = number(None, ge=2)
    """Number of epochs after which the whole state of the training is kept in the run directory,
    spread evenly from the beginning to the last epoch. By default none is. Example:
    `snapshots: 30`.
    """
    diagnose_every: int | None = number(None, ge=1)
    """Epochs between two looks of the doctor at the layers. By default it looks only at the start
    and the end. Example: `diagnose_every: 10`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        full = self.optimizer.full_batch
        if self.batch_size is None:
            object.__setattr__(self, "batch_size", "full" if full else 32)
        if self.precision is None:
            object.__setattr__(self, "precision", "float64" if full else "float32")
        if full and self.batch_size != "full":
            raise FieldError(
                "batch_size",
                f"is {self.batch_size}, but {self.optimizer.kind} takes all training rows in one "
                "step: --set training.batch_size=full",
            )
        if self.learning_rate_factors is not None and self.optimizer.searches:
            raise FieldError(
                "learning_rate_factors",
                f"cannot be used with the optimizer {self.optimizer.kind}, which takes no steps "
                "along a gradient; choose another optimizer, or leave them out: "
                "--set training.learning_rate_factors=null",
            )
        if self.lazy_embeddings and (self.l1 or self.l2):
            name = "l1" if self.l1 else "l2"
            raise FieldError(
                name,
                f"is {getattr(self, name)}, which moves all weights in each step, but "
                "lazy_embeddings is true; use the weight decay of adamw instead, or: "
                "--set training.lazy_embeddings=false",
            )
        if self.lazy_embeddings and self.optimizer.searches:
            raise FieldError(
                "lazy_embeddings",
                f"cannot be used with the optimizer {self.optimizer.kind}, which searches among "
                "all parameters; choose another optimizer, or leave it out: "
                "--set training.lazy_embeddings=false",
            )
        if self.on_divergence == "backtrack" and self.optimizer.searches:
            raise FieldError(
                "on_divergence",
                f"is backtrack, but the optimizer {self.optimizer.kind} has no learning rate that "
                "could be halved; leave it out: --set training.on_divergence=stop",
            )
        if len(set(self.metrics)) < len(self.metrics):
            raise FieldError("metrics", "names a metric twice; name each once")

    def monitor(self, *, validated: bool, pooled: bool = False) -> str:
        """Return the metric by which the best epoch is chosen, with or without validation rows.

        Pools of replicas choose by the loss of all their validation rows.
        """
        chosen = self.early_stopping.monitor if self.early_stopping else None
        return chosen or ("oof_loss" if pooled else "val_loss" if validated else "loss")

    def keeps_best(self, *, validated: bool) -> bool:
        """Return True if the best epoch's parameters are kept, rather than the last one's."""
        return self.keep == "best" if self.keep else validated
