"""Planning folds: what each fold's network is, and which of them train together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bpnet.models.build import architecture_errors, describe, most_at_once
from bpnet.preparation.folds import Fold, errors_of
from bpnet.preparation.prepare import Contents, Fitted, Prepared, encode
from bpnet.preparation.prepare import fit as fit_encoder
from bpnet.preparation.row_store import MOST_IN_MEMORY


@dataclass(frozen=True)
class PlannedFold:
    """A fold, the seed of its network, and its encoder, fitted to its training rows."""

    fold: Fold
    seed: int
    fitted: Fitted


def plan(fold: Fold, seed: int, found: Contents) -> PlannedFold:
    """Fit the encoder to the fold's training rows; raises ConfigError, or DataError that names the fold."""
    with errors_of(fold.repeat, fold.fold):
        fitted = fit_encoder(found.survey(fold.parts))
        fitted.weights()  # which must not all be 0 in a part
    return PlannedFold(fold, seed, fitted)


def in_passes(planned: Sequence[PlannedFold]) -> list[list[PlannedFold]]:
    """The folds that train together: of as many rows and inputs and the same layers, as many as memory holds."""
    alike: dict[tuple[int, int, int, str], list[PlannedFold]] = {}
    for own in planned:
        rows = own.fold.parts
        inputs, layers = own.fitted.encoder.width, repr(describe(own.fitted).layers)
        key = len(rows["train"]), len(rows["validation"]), inputs, layers
        alike.setdefault(key, []).append(own)
    passes = []
    for group in alike.values():
        first, loaded = group[0].fitted, group[0].fitted.survey.loaded
        with architecture_errors(loaded):
            alone = describe(first).network()
        most = most_at_once(loaded, alone, len(group[0].fold.parts["train"]))
        size = int(max(1, min(most, MOST_IN_MEMORY // first.bytes, len(group))))
        if first.storage == "disk":
            size = 1
        passes += [group[start : start + size] for start in range(0, len(group), size)]
    return passes


def encoded(group: Sequence[PlannedFold], scratch: Path) -> list[Prepared]:
    """Encode the rows of each fold; raises DataError that names the fold."""
    prepared = []
    for own in group:
        with errors_of(own.fold.repeat, own.fold.fold):
            prepared.append(encode(own.fitted, scratch))
    return prepared
