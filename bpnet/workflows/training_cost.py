"""The cost of a training before it begins: its memory, disk space and time."""

from dataclasses import dataclass, replace

import numpy as np

from bpnet.checks.sampling import max_rows, sample_rows
from bpnet.checks.timing import seconds_per_epoch
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.replica_rows import ReplicaRows
from bpnet.models.build import build_model
from bpnet.models.model import Model
from bpnet.models.training_metrics import training_metrics
from bpnet.preparation.encode import EncodedDataset, encode_dataset
from bpnet.preparation.fit import FittedDataset
from bpnet.preparation.row_store import Storage
from bpnet.workflows.members_plan import MembersPlan


@dataclass(frozen=True)
class Cost:
    """The memory, disk space and time that a training needs."""

    storage: Storage
    encoded_bytes: int
    parameter_bytes: int
    """For the parameters, their gradient and copies, and the optimizer's state."""
    seconds_per_epoch: float
    epochs: int

    @property
    def seconds(self) -> float:
        """The time of all epochs, unless the training stops early."""
        return self.seconds_per_epoch * self.epochs


@dataclass(frozen=True)
class MemberCost:
    """A kind of network that trains on folds: its size, and what its networks need together."""

    name: str
    networks: int
    inputs: int
    parameters: int
    """The parameters of each of its networks."""
    cost: Cost


def sampled_rows(fitted: FittedDataset, seed: int) -> EncodedDataset:
    """Encode the rows in memory: all of them, or a sample where training keeps them on disk."""
    if fitted.storage == "disk":
        most = max_rows(fitted.encoder.width)
        parts = {part: sample_rows(rows, most, seed) for part, rows in fitted.split.parts.items()}
        fitted = replace(fitted, split=replace(fitted.split, parts=parts), storage="memory")
    return encode_dataset(fitted)


def member_costs(plan: MembersPlan, prepared: EncodedDataset, model: Model) -> list[MemberCost]:
    """Return the cost of each member; the first is encoded and built already."""
    costs, config = list[MemberCost](), plan.loaded.config
    draws = [config.draws] if config.members is None else [one.draws for one in config.members]
    for name, fitted, drawn in zip(plan.names, plan.members, draws, strict=True):
        if costs:
            prepared = sampled_rows(fitted, plan.config.seed)
            model = build_model(prepared)
        cost = training_cost(fitted, prepared, model, plan)
        costs.append(
            MemberCost(
                name=name,
                networks=len(model.description.seeds) * drawn,
                inputs=fitted.encoder.width,
                parameters=model.network.theta.shape[1],
                cost=replace(  # drawn settings train as more networks in the same pass
                    cost,
                    parameter_bytes=cost.parameter_bytes * drawn,
                    seconds_per_epoch=cost.seconds_per_epoch * drawn,
                ),
            )
        )
    return costs


def training_cost(
    fitted: FittedDataset, prepared: EncodedDataset, model: Model, plan: MembersPlan | None
) -> Cost:
    """Return what a network needs, or those of all folds together."""
    training, theta = prepared.config.training, model.network.theta
    optimizer = training.optimizer
    # theta, its gradient, the best epoch's, and those before the last step
    copies = 4 + len(optimizer.slots) + optimizer.work_arrays
    train: Rows | ReplicaRows = prepared.rows["train"]
    validation: Rows | ReplicaRows | None = prepared.rows.get("validation")
    rows = len(fitted.split.parts["train"])
    if plan is not None:
        folds, numbers, encoded = plan.folds.folds, prepared.parts["train"], prepared.rows["train"]
        train, validation = (
            ReplicaRows(
                encoded, [np.flatnonzero(np.isin(numbers, fold.parts[part])) for fold in folds]
            )
            for part in ("train", "test")
        )
        rows = max(len(fold.parts["train"]) for fold in folds)
    return Cost(
        storage=fitted.storage,
        encoded_bytes=fitted.bytes,
        parameter_bytes=copies * theta.nbytes,
        seconds_per_epoch=seconds_per_epoch(
            training,
            model.network,
            train,
            validation,
            training_metrics(model.description),
            rows,
        ),
        epochs=training.epochs,
    )
