"""The columns of a table that are kept beside predictions: `--keep`, and names that are taken."""

import csv
import io
from collections.abc import Sequence

from bpnet.errors import DataError
from bpnet.messages import quoted_list, shell_quoted

_MOST_LISTED = 20
"""Names that an advised `--keep` lists at most."""


def read_keep(text: str) -> list[str] | None:
    """Return the names of `--keep`: None for `all`, else a line of CSV, empty for `none`."""
    if text in ("all", "none"):
        return None if text == "all" else []
    (names,) = csv.reader([text], skipinitialspace=True)
    return [name.strip() for name in names]


def keep_option(names: Sequence[str]) -> str:
    """Return the option that keeps these columns, as it is typed in a shell."""
    if not names or len(names) > _MOST_LISTED:
        return "--keep none"
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="").writerow(names)
    text = line.getvalue()
    # a column of this name is quoted, else the word would mean all columns, or none
    if text in ("all", "none"):
        text = f'"{text}"'
    return f"--keep {shell_quoted(text)}"


def check_not_taken(table: str, kept: Sequence[str], added: Sequence[str]) -> None:
    """Raise DataError if a column to add has the name of one that is kept."""
    taken = [name for name in added if name in set(kept)]
    if not taken:
        return
    columns, them = ("the column", "it") if len(taken) == 1 else ("the columns", "them")
    left = [name for name in kept if name not in set(taken)]
    raise DataError(
        f"{table}: the table already has {columns} {quoted_list(taken)}, which predictions are "
        f"written to; leave {them} out with: {keep_option(left)}"
    )
