"""The plan of a cross-validation: each fold's network, and the folds that train together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bpnet.models.build import architecture_errors, describe, most_at_once
from bpnet.preparation.encode import EncodedDataset, encode_dataset
from bpnet.preparation.fit import FittedDataset, fit_dataset
from bpnet.preparation.folds import Fold, fold_errors
from bpnet.preparation.open import OpenedDataset
from bpnet.preparation.row_store import MOST_IN_MEMORY
from bpnet.preparation.split import split_dataset


@dataclass(frozen=True)
class PlannedFold:
    """A fold, the seed of its network, and the encoder fitted to its training rows."""

    fold: Fold
    seed: int
    fitted: FittedDataset


def plan_fold(fold: Fold, seed: int, opened: OpenedDataset) -> PlannedFold:
    """Fit the encoder to the fold's training rows.

    Raises ConfigError, or DataError that names the fold.
    """
    with fold_errors(fold.repeat, fold.fold):
        fitted = fit_dataset(split_dataset(opened, fold.parts))
        fitted.weights()  # raises if they are all 0 in a part
    return PlannedFold(fold, seed, fitted)


def in_passes(planned: Sequence[PlannedFold]) -> list[list[PlannedFold]]:
    """Return the folds that train together.

    They have the same numbers of rows and inputs and the same layers, and fit into memory.
    """
    alike: dict[tuple[int, int, int, str], list[PlannedFold]] = {}
    for fold in planned:
        rows, fitted = fold.fold.parts, fold.fitted
        inputs, layers = fitted.encoder.width, repr(describe(fitted).layers)
        key = len(rows["train"]), len(rows["validation"]), inputs, layers
        alike.setdefault(key, []).append(fold)
    passes = []
    for group in alike.values():
        first, loaded = group[0].fitted, group[0].fitted.split.loaded
        with architecture_errors(loaded):
            single = describe(first).network()
        most = most_at_once(loaded, single, len(group[0].fold.parts["train"]))
        size = int(max(1, min(most, MOST_IN_MEMORY // first.bytes, len(group))))
        # folds are stacked in memory
        if first.storage == "disk":
            size = 1
        passes += [group[start : start + size] for start in range(0, len(group), size)]
    return passes


def encode_pass(group: Sequence[PlannedFold], scratch: Path) -> list[EncodedDataset]:
    """Encode the rows of each fold; raises DataError that names the fold."""
    prepared = []
    for planned in group:
        with fold_errors(planned.fold.repeat, planned.fold.fold):
            prepared.append(encode_dataset(planned.fitted, scratch))
    return prepared
