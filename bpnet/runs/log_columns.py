"""The logs of a run read back: metrics.csv, replicas.csv and folds.csv as columns of numbers."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.errors import RunError
from bpnet.runs.files import open_text, short_lines

_RESTORE = "restore the file from a copy, or train again"


def read_log(path: Path) -> Mapping[str, Floats]:
    """Return the columns (E,) of a log, by name; a blank cell is NaN.

    A last line that is still being written is left out. Raises RunError.
    """
    rows: list[list[float]] = []
    with open_text(path) as file:
        lines = short_lines(file, path)
        header = next(csv.reader([next(lines, "")]), [])
        for number, line in enumerate(lines, start=2):
            if not line.endswith("\n"):
                break
            cells = line.rstrip("\r\n").split(",")
            try:
                if len(cells) != len(header):
                    raise ValueError
                rows.append([float(cell) if cell else np.nan for cell in cells])
            except ValueError:
                raise RunError(
                    f"{path}, line {number}: must hold {len(header)} numbers; {_RESTORE}"
                ) from None
    if "epoch" not in header:
        raise RunError(f"{path}, line 1: must name the column 'epoch'; {_RESTORE}")
    table = np.array(rows).reshape(-1, len(header))
    return {name: table[:, k] for k, name in enumerate(header)}
