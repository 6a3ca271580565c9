"""Output for programs: results as JSON, tables as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from bpnet import console
from bpnet.runs.files import json_text


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
