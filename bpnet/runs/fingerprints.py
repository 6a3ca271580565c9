"""fingerprints.safetensors: a fingerprint of each row of the run's table, in its order."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bpnet.errors import RunError
from bpnet.runs.weights import open_weights, write_weights

MOST_ROWS = 10_000_000
"""The rows of a table beyond which no fingerprints are kept: they would take 80 MB."""
_NAME, _COLUMNS, _TABLE = "fingerprints", "columns", "data_sha256"


class SavedFingerprints(NamedTuple):
    """The fingerprint (N,) of each row, 0 of one in no part, and how each column was read.

    `data_sha256` is the table's; None in runs of 0.7.0.
    """

    values: npt.NDArray[np.uint64]
    columns: Mapping[str, str]
    data_sha256: str | None


def write_fingerprints(
    path: Path, values: npt.NDArray[np.uint64], columns: Mapping[str, str], data_sha256: str
) -> None:
    """Write the fingerprints (N,) of a table's rows, unless there are too many."""
    if len(values) <= MOST_ROWS:
        about = {_COLUMNS: json.dumps(columns), _TABLE: data_sha256}
        write_weights(path, {_NAME: values}, about)


def read_fingerprints(path: Path) -> SavedFingerprints:
    """Read the fingerprints; raise RunError if the file is not sound."""
    file = open_weights(path)
    tensor, text = file.tensors.get(_NAME), file.metadata.get(_COLUMNS, "")
    try:
        columns = json.loads(text)
    except (ValueError, RecursionError):
        columns = None
    sound = (
        tensor is not None
        and tensor.dtype == np.dtype("<u8")
        and len(tensor.shape) == 1
        and tensor.shape[0] <= MOST_ROWS
    )
    if not sound or len(file.tensors) > 1 or not isinstance(columns, dict):
        raise RunError(
            f"{path}: has no fingerprints of rows; remove it (rows are then recognized in a "
            "table that is the same as a whole), or restore it"
        )
    return SavedFingerprints(file.read()[_NAME], columns, file.metadata.get(_TABLE))
