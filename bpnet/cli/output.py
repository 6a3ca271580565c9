"""Output for programs: results as JSON, tables as CSV."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bpnet import console


def json_text(value: Any) -> str:
    """One JSON document; numbers that are not finite become null, which JSON has a word for."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def print_json(value: Any) -> None:
    """Print one JSON document."""
    console.say(json_text(value))


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str]], added: Sequence[Sequence[Any]]) -> str:
    """CSV of the rows, with a cell of each added column at their end."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([*row, *new] for row, new in zip(rows, zip(*added, strict=True), strict=True))
    return text.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
