"""The last stage of preparation: the rows of each part encoded, in memory or on disk."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bpnet.data.encoding.fingerprints import UNKNOWN, Fingerprints, row_fingerprints
from bpnet.data.splitting import PARTS, Indices, Part
from bpnet.data.targets import Classes
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.sharded_rows import Shard, ShardedRows
from bpnet.engine.ranks import Ranks
from bpnet.preparation.advance_warnings import advance_warnings
from bpnet.preparation.fit import FittedDataset
from bpnet.preparation.row_store import RowStore
from bpnet.preparation.shareable import check_shareable


@dataclass(frozen=True)
class EncodedDataset(FittedDataset):
    """A fitted dataset with its encoded rows: all that training needs."""

    rows: Mapping[Part, Rows]
    """The encoded rows of each part that has any."""
    warnings: list[str]
    """Sentences that the user should read before training."""
    fingerprints: Fingerprints
    """The fingerprint (N,) of each row of the table; UNKNOWN of one that is in no part."""

    @property
    def parts(self) -> Mapping[Part, Indices]:
        """Row numbers of the table that each part has, counted from 0."""
        return self.split.parts

    @property
    def outputs(self) -> int:
        """Number of scores that the network gives for each row."""
        return self.resolved.outputs


def encode_dataset(fitted: FittedDataset, scratch: Path | None = None) -> EncodedDataset:
    """Encode every row that is in a part.

    Parameters
    ----------
    fitted
        The dataset.
    scratch
        The folder below which rows go to disk if they are too many for memory; by default the
        working directory.

    Raises
    ------
    DataError
        A cell does not fit its column.
    RunError
        The rows cannot be written to disk.
    """
    y = _encoded_targets(fitted, narrow=fitted.storage == "disk")
    fingerprints = np.full(fitted.split.rows, UNKNOWN, np.uint64)
    rows = _encoded_rows(fitted, y, scratch, fingerprints)
    return _encoded(fitted, rows, y, fingerprints)


def encode_shard(fitted: FittedDataset, ranks: Ranks) -> EncodedDataset:
    """Encode the rows that this process holds of those that all train on; they stay in memory.

    Fingerprints are those of the rows that it owns, and UNKNOWN of the others.

    Raises DataError if a cell of them does not fit its column, and ConfigError if the training
    cannot be shared.
    """
    check_shareable(fitted, ranks)
    y = _encoded_targets(fitted, narrow=True)
    fingerprints = np.full(fitted.split.rows, UNKNOWN, np.uint64)
    rows = _held_rows(fitted, y, ranks, fingerprints)
    return _encoded(fitted, rows, y, fingerprints)


def _encoded(
    fitted: FittedDataset, rows: Mapping[Part, Rows], y: Array, fingerprints: Fingerprints
) -> EncodedDataset:
    """Return the dataset with its rows, and the warnings about them."""
    split, target_values = fitted.split, fitted.split.target_values
    warnings = [
        *split.table.warnings,
        *split.column_roles.warnings(split.loaded.config.dataset.roles),
        *advance_warnings(fitted.resolved, fitted.encoder, target_values, y[split.parts["train"]]),
    ]
    # a column may be noted as a feature and as the time of the split
    warnings = list(dict.fromkeys(warnings))
    return EncodedDataset(**vars(fitted), rows=rows, warnings=warnings, fingerprints=fingerprints)


def _encoded_targets(fitted: FittedDataset, *, narrow: bool) -> Array:
    """Return the targets y (N, O) of all rows; classes, which are 0 and 1, as bytes if narrow."""
    dtype = (
        "uint8"
        if narrow and isinstance(fitted.target, Classes)
        else fitted.config.training.precision
    )
    return fitted.split.target_values.encode(
        fitted.target, fitted.resolved.outputs, dtype, fitted.split.table
    )


def _held_rows(
    fitted: FittedDataset, y: Array, ranks: Ranks, fingerprints: Fingerprints
) -> dict[Part, Rows]:
    """Read the table once, and return the rows of each part that this process holds.

    The `fingerprints` (N,) of those that it owns are written.
    """
    split, encoder, dtype = fitted.split, fitted.encoder, fitted.config.training.precision
    numbers = {part: rows for part, rows in split.parts.items() if len(rows)}
    # evaluations need no even shares
    shards = {
        part: Shard(ranks, len(rows), lends=part == "train") for part, rows in numbers.items()
    }
    held = np.zeros(split.rows, np.bool_)
    for part, shard in shards.items():
        held[numbers[part][shard.mask()]] = True
    x = {part: np.empty((shard.held, encoder.width), dtype) for part, shard in shards.items()}
    for chunk, rows in split.table.selected(encoder.column_types, held):
        encoded, _ = encoder.encode(chunk, dtype)
        values = row_fingerprints(encoder, chunk)
        for part, shard in shards.items():
            chosen = split.part_numbers[rows] == PARTS.index(part)
            within = np.searchsorted(numbers[part], rows[chosen])
            places = shard.places(within)
            x[part][places] = encoded[chosen]
            owned = places < shard.owned
            fingerprints[rows[chosen][owned]] = values[chosen][owned]
    weights = fitted.weights()
    sharded: dict[Part, Rows] = {}
    for part, shard in shards.items():
        within = np.flatnonzero(shard.mask())
        mine = np.empty(shard.held, np.intp)
        mine[shard.places(within)] = numbers[part][within]
        own = None if weights is None else weights[mine].astype(dtype)
        sharded[part] = ShardedRows(x[part], y[mine].astype(dtype), own, shard=shard)
    return sharded


def _encoded_rows(
    fitted: FittedDataset, y: Array, scratch: Path | None, fingerprints: Fingerprints
) -> dict[Part, Rows]:
    """Read the table once, and return the rows of each part that has any.

    The rows' `fingerprints` (N,) are written.
    """
    split, encoder, dtype = fitted.split, fitted.encoder, fitted.config.training.precision
    folder = (scratch or Path.cwd()) if fitted.storage == "disk" else None
    weights = fitted.weights()
    if weights is not None:
        weights = weights.astype(dtype)
    # the files of all parts are closed, however this ends; their mappings stay valid
    with ExitStack() as open_stores:
        stores: dict[Part, RowStore] = {}
        for part, numbers in split.parts.items():
            if len(numbers):
                stores[part] = open_stores.enter_context(
                    RowStore(len(numbers), encoder.width, dtype, folder)
                )
        for chunk, numbers in split.table.selected(encoder.column_types, split.used):
            x, _ = encoder.encode(chunk, dtype)
            fingerprints[numbers] = row_fingerprints(encoder, chunk)
            parts = split.part_numbers[numbers]  # of the chunk's rows
            for part, store in stores.items():
                store.append(x[parts == PARTS.index(part)])
        return {
            part: store.finish(
                y[split.parts[part]], None if weights is None else weights[split.parts[part]]
            )
            for part, store in stores.items()
        }
