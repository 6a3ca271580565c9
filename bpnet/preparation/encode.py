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
from bpnet.preparation.advance_warnings import advance_warnings
from bpnet.preparation.fit import FittedDataset
from bpnet.preparation.row_store import RowStore


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
    split, target_values = fitted.split, fitted.split.target_values
    y = _encoded_targets(fitted)
    fingerprints = np.full(split.rows, UNKNOWN, np.uint64)
    rows = _encoded_rows(fitted, y, scratch, fingerprints)
    warnings = [
        *split.table.warnings,
        *split.column_roles.warnings(split.loaded.config.dataset.roles),
        *advance_warnings(fitted.resolved, fitted.encoder, target_values, y[split.parts["train"]]),
    ]
    # a column may be noted as a feature and as the time of the split
    warnings = list(dict.fromkeys(warnings))
    return EncodedDataset(**vars(fitted), rows=rows, warnings=warnings, fingerprints=fingerprints)


def _encoded_targets(fitted: FittedDataset) -> Array:
    """Return the targets y (N, O) of all rows."""
    # classes are 0 and 1: as bytes they take an eighth of the disk or less
    narrow = fitted.storage == "disk" and isinstance(fitted.target, Classes)
    dtype = "uint8" if narrow else fitted.config.training.precision
    return fitted.split.target_values.encode(
        fitted.target, fitted.resolved.outputs, dtype, fitted.split.table
    )


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
