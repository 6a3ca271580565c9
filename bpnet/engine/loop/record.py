"""The record of an epoch: what `fit` yields."""

from typing import NamedTuple

from bpnet.engine.component import Array
from bpnet.engine.loop.monitoring import Stop


class Record(NamedTuple):
    """One epoch: its metrics, each (R,), and, in the last record, why training ended.

    `loss` and the metrics of training rows are those of the epoch's batches, each computed before
    its step; those that begin with `val_` are of the parameters after the epoch. The gradient norm
    is the root mean square over the epoch's steps, before clipping.
    """

    epoch: int
    step: int
    metrics: dict[str, Array]
    learning_rate: Array
    gradient_norm: Array
    kept_epoch: Array
    """Epoch (R,) whose parameters are kept if training ends now; 0 for those before training."""
    running: Array
    """Mask (R,) of the replicas that trained in this epoch; the metrics of others mean nothing."""
    diverged: Array
    """Mask (R,) of the replicas that have diverged, in this epoch or before, while they trained."""
    stops: tuple[Stop, ...] | None
    """In the last record, the reason why each replica stopped."""
    warnings: tuple[str, ...] = ()
    """Warnings of layers that are new in this epoch."""
    before: Array | None = None
    """With `keep_before`, θ (R, P) before the epoch's last step; the next epoch overwrites it."""
    checked: bool = True
    """Whether validation rows were measured; otherwise `val_` metrics and oof_loss are nan."""
    stopped: Array | None = None
    """Mask (R,) of the replicas that train no more after this epoch."""
