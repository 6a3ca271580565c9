"""splits.csv: the part of the split, or the fold, that each row of the table belongs to."""

import contextlib
import csv
import filecmp
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bpnet.data.splitting import PARTS, PartNumbers
from bpnet.errors import RunError
from bpnet.paths import is_file
from bpnet.runs.files import cannot_write, open_text, replacing, short_lines, write_csv

if TYPE_CHECKING:
    from bpnet.preparation.folds import Fold

DROPPED = -1
"""The number that marks a row in no part."""

_WRITTEN = (*PARTS, "dropped")
_ROWS_AT_ONCE = 100_000
_RESTORE = "restore the file from a copy, or train again"


def write_splits(path: Path, parts: PartNumbers) -> None:
    """Write the part (N,) of each row: an index of PARTS, or DROPPED; rows count from 1."""
    with replacing(path) as file:
        file.write(b"row,part\n")
        for start in range(0, len(parts), _ROWS_AT_ONCE):
            numbered = enumerate(parts[start : start + _ROWS_AT_ONCE].tolist(), start=start + 1)
            file.write("".join([f"{row},{_WRITTEN[part]}\n" for row, part in numbered]).encode())


def restore_splits(path: Path, write: Callable[[Path], None]) -> None:
    """Write the split of a run that goes on again, if its file is gone.

    `write` writes the split that the config draws, to a path. Raises RunError if the file has
    another.
    """
    drawn = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    write(drawn)
    try:
        if is_file(path) and not filecmp.cmp(path, drawn, shallow=False):
            raise RunError(
                f"{path}: does not have the split that config.yaml draws, by which the run was "
                "trained; restore both, or remove the file, which is then written again"
            )
        drawn.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            drawn.unlink()


def read_splits(path: Path, rows: int) -> PartNumbers:
    """Return the part (N,) of each row: an index of PARTS, or DROPPED.

    Raises RunError unless the file describes a table with `rows` rows.
    """
    numbers = {part: k for k, part in enumerate(PARTS)} | {"dropped": DROPPED}
    parts = np.empty(rows, np.int8)
    row = 0
    with open_text(path) as file:
        lines = csv.reader(short_lines(file, path))
        header = next(lines, [])
        if header != ["row", "part"]:
            raise RunError(
                f"{path}, line 1: must read 'row,part', not {_shown(','.join(header))}; {_RESTORE}"
            )
        for row, cells in enumerate(lines, start=1):
            if len(cells) != 2 or cells[0] != str(row):
                raise RunError(
                    f"{path}, line {row + 1}: must be '{row},' and a part, "
                    f"not {_shown(','.join(cells))}; {_RESTORE}"
                )
            if cells[1] not in numbers:
                raise RunError(
                    f"{path}, line {row + 1}: the part {_shown(cells[1])} is unknown; "
                    f"allowed are {', '.join(_WRITTEN)}"
                )
            if row <= rows:  # too many are reported below
                parts[row - 1] = numbers[cells[1]]
    if row != rows:
        raise RunError(
            f"{path}: splits {row} rows, but the table has {rows}; "
            "use the table that the run was trained on, or train again"
        )
    if not (parts == numbers["train"]).any():
        raise RunError(f"{path}: no row is of the part 'train'; {_RESTORE}")
    return parts


def _shown(text: str) -> str:
    """Return a text for a message, in quotes and not too long."""
    return repr(text if len(text) <= 60 else text[:59] + "…")


def count_rows(path: Path, *, in_folds: bool = False) -> int:
    """Return the number of rows that the file is about, or that are in a fold; raises RunError."""
    with open_text(path) as file:
        lines = short_lines(file, path)
        next(lines, None)  # the header
        return sum(1 for line in lines if not in_folds or line.strip().partition(",")[2].strip(","))


def write_folds(path: Path, folds: Sequence["Fold"], rows: int) -> None:
    """Write the fold of each row in each repetition.

    The columns are row,fold or row,fold_1,fold_2,… A cell is blank if the row is in no fold.
    """
    repeats = max(fold.repeat for fold in folds)
    numbers = np.zeros((rows, repeats), np.int64)
    for fold in folds:
        numbers[fold.parts["test"], fold.repeat - 1] = fold.fold
    names = ["fold"] if repeats == 1 else [f"fold_{repeat}" for repeat in range(1, repeats + 1)]
    cells = (
        [row, *(number or "" for number in line)]
        for row, line in enumerate(numbers.tolist(), start=1)
    )
    write_csv(path, ["row", *names], cells)


def read_folds(path: Path, rows: int) -> np.ndarray:
    """Return the fold (N, repetitions) of each row in each repetition, from 1; 0 of none.

    Raises RunError unless the file describes a table with `rows` rows.
    """
    with open_text(path) as file:
        lines = csv.reader(short_lines(file, path))
        header = next(lines, [])
        repeats = len(header) - 1
        if header not in (["row", "fold"], ["row", *(f"fold_{k + 1}" for k in range(repeats))]):
            raise RunError(
                f"{path}, line 1: must read 'row,fold' or 'row,fold_1,…', "
                f"not {_shown(','.join(header))}; {_RESTORE}"
            )
        folds = np.zeros((rows, repeats), np.int64)
        row = 0
        for row, cells in enumerate(lines, start=1):
            numbers = [
                int(cell or 0)
                for cell in cells[1:]
                if not cell or (cell.isdecimal() and len(cell) < 10)
            ]
            if len(numbers) != repeats or cells[0] != str(row):
                raise RunError(
                    f"{path}, line {row + 1}: must be '{row},' and folds, "
                    f"not {_shown(','.join(cells))}; {_RESTORE}"
                )
            if row <= rows:
                folds[row - 1] = numbers
    if row != rows:
        raise RunError(
            f"{path}: has the folds of {row} rows, but the table has {rows}; "
            "use the table that the run was trained on, or train again"
        )
    return folds
