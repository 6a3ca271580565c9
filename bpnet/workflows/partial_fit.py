"""Training a model on further rows, epoch by epoch, as scikit-learn's `partial_fit` does."""

from dataclasses import replace

import numpy as np

from bpnet.data.reading import Table
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.schedules import ConstantRate
from bpnet.errors import DivergedError
from bpnet.models.ensemble import Ensemble
from bpnet.workflows.evaluation_set import read_evaluation_set


def train_one_epoch(model: Ensemble, training: Training, table: Table) -> None:
    """Train a model of one kind of network in place for an epoch, on the rows of a table.

    Its encoder stays: categories that it does not know are unseen. The optimizer begins anew, and
    the learning rate is that of the first epoch. Raises DataError, or DivergedError if the loss is
    not finite.
    """
    (member,) = model.members
    rows = read_evaluation_set(model, table, np.ones(len(table), bool), []).for_member(model, 0)
    training = replace(
        training,
        loss=member.description.loss,
        epochs=1,
        keep="last",
        schedule=ConstantRate(),
        early_stopping=None,
        target_loss=None,
        averaging=None,
        snapshots=None,
    )
    for record in fit(training, member.network, rows):
        if record.diverged.any():
            raise DivergedError(
                f"the loss is no longer a finite number; lower the learning rate, which is "
                f"{training.learning_rate:g}"
            )
