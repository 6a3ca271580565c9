"""Cells and the encoding of columns, in NumPy alone: source of exported files of Python.

Arrays have a row for each row of the table. What a function is told of the model, such as a column,
is a dictionary. It may use no names but those of NumPy, the standard library and such functions.
"""

# mypy: disable-error-code="no-any-return"
# (most of NumPy's arithmetic is of any type; casts would be in every exported file)

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import NormalDist
from typing import Any

import numpy as np

from bpnet.data.encoding.dates import share_passed

Array = np.ndarray[Any, np.dtype[Any]]
Part = Mapping[str, Any]


# Cells


def read_numbers(cells: Sequence[Any], column: Part) -> Array:
    """Return cells as numbers, nan for a missing value."""
    values = np.array([read_number(cell, column) for cell in cells], np.float64)
    return np.where(np.isin(values, column["missing_numbers"]), np.nan, values)


def read_number(cell: Any, column: Part) -> float:
    """Return a cell as a number; texts have a decimal point and no other marks."""
    if is_gap(cell) or (isinstance(cell, str) and is_missing(cell, column)):
        return math.nan
    value = float(cell)
    if math.isinf(value):
        raise ValueError(f"{cell} is not a finite number")
    return value


def read_days(cells: Sequence[Any], column: Part) -> Array:
    """Return cells as days since 1970-01-01, nan for a missing value."""
    return np.array([read_day(cell, column) for cell in cells], np.float64)


def read_day(cell: Any, column: Part) -> float:
    """Return the days of a cell: a number of them, a date, or the text of one."""
    if is_gap(cell) or (isinstance(cell, str) and is_missing(cell, column)):
        return math.nan
    if isinstance(cell, (int, float)):
        return float(cell)
    when = cell if isinstance(cell, datetime) else read_date(str(cell), column)
    if when.tzinfo is not None:
        when = when.astimezone(UTC).replace(tzinfo=None)
    return (when - datetime(1970, 1, 1)).total_seconds() / 86_400


def read_date(text: str, column: Part) -> datetime:
    """Return a date in the format of the training rows, or in ISO 8601."""
    if column["format"]:
        try:
            return datetime.strptime(text, column["format"])
        except ValueError:
            pass
    return datetime.fromisoformat(text)


def is_gap(cell: Any) -> bool:
    """Return whether a cell is None, or the missing value of pandas, NA or NaT."""
    return cell is None or type(cell).__name__ in ("NAType", "NaTType")


def is_missing(text: str, column: Part) -> bool:
    """Return whether a text in a column of numbers or dates is a missing value."""
    return not text or text in column["missing"] or text.lower() in column["missing_words"]


# Encoding: from the cells of a column to inputs of the network


def encode(encoder: Part, rows: Sequence[Mapping[str, Any]], dtype: str) -> Array:
    """Return the inputs (rows, inputs) of all columns."""
    encoded = []
    for column in encoder["columns"]:
        try:
            cells = [row[column["name"]] for row in rows]
            encoded.append(COLUMNS[column["kind"]](cells, column))
        except KeyError:
            raise ValueError(f"a row lacks the column '{column['name']}'") from None
        except ValueError as error:
            raise ValueError(f"column '{column['name']}': {error}") from None
    with np.errstate(over="ignore"):
        x = np.hstack(encoded).astype(encoder["dtype"])
    if "unit_rows" in encoder:
        x = unit_rows(x, encoder["unit_rows"]).astype(dtype)
    usable = (np.abs(x) < np.sqrt(np.finfo(x.dtype).max)).all(axis=1)
    if not usable.all():  # not of nan
        raise ValueError(f"row {int(np.argmin(usable)) + 1} has a value that is too large")
    return x


def encode_numbers(cells: Sequence[Any], column: Part) -> Array:
    """Return the scaled number, and what is added to it; a missing value becomes `fill`."""
    values, missing = filled(read_numbers(cells, column), column)
    inputs = [SCALERS[column["scale"]["kind"]](values, column["scale"])[:, None]]
    if "added" in column:
        inputs.append(ADDED[column["added"]["kind"]](values, column["added"]))
    if "frequent" in column:
        frequent = column["frequent"]
        inputs.append(frequent["hot"] * (values[:, None] == frequent["values"]))
    if column["indicator"]:
        inputs.append(missing[:, None])
    return np.hstack(inputs)


def filled(values: Array, column: Part) -> tuple[Array, Array]:
    """Return values with `fill` for those that are missing, and the mask of these."""
    missing = np.isnan(values)
    if column["fill"] is None and missing.any():
        raise ValueError(f"row {int(np.argmax(missing)) + 1} has a missing value")
    return np.where(missing, 0.0 if column["fill"] is None else column["fill"], values), missing


def encode_texts(cells: Sequence[Any], column: Part) -> Array:
    """Return the inputs that each text has, those of any other text if it is not known."""
    known, found = column["texts"], []
    for cell in cells:
        text = "" if is_gap(cell) else str(cell)
        found.append(known.get(text, known.get(tidy(text), column["other"])))
    inputs = column["inputs"][found]
    refused = np.isnan(inputs).any(axis=1)
    if refused.any():
        raise ValueError(f"row {int(np.argmax(refused)) + 1} has a missing value")
    return inputs


def tidy(text: str) -> str:
    """Return a text in Unicode's composed form, with plain spaces and none around it."""
    plain = re.sub("[\u00a0\u2007\u202f]", " ", unicodedata.normalize("NFC", text))
    return plain.strip()


def encode_dates(cells: Sequence[Any], column: Part) -> Array:
    """Return the days elapsed, and shares of year, week and day as points on a circle."""
    days, missing = filled(read_days(cells, column), column)
    inputs = []
    for part in column["parts"]:
        if part == "elapsed":
            inputs.append((days - column["mean"]) / column["deviation"])
        else:
            angle = 2 * np.pi * share_passed(days, part)
            inputs += [np.sin(angle), np.cos(angle)]
    if column["indicator"]:
        inputs.append(missing)
    return np.column_stack(inputs)


def linear(values: Array, scale: Part) -> Array:
    """Return (value - subtract) / divide."""
    return (values - scale["subtract"]) / scale["divide"]


def clipped(values: Array, scale: Part) -> Array:
    """Return u / √(1 + (u/3)²), between -3 and 3, with u = (value - subtract) / divide."""
    u = np.clip((values - scale["subtract"]) / scale["divide"], -1e150, 1e150)
    return u / np.sqrt(1 + (u / 3) ** 2)


def ranks(values: Array, scale: Part) -> Array:
    """Return the step that each value is on."""
    return scale["steps"][np.searchsorted(scale["bounds"], values, side="right")]


def to_normal(values: Array, scale: Part) -> Array:
    """Return Φ⁻¹ of the share of training values below, the middle of it for equal ones."""
    quantiles, values = scale["quantiles"], values / scale["unit"]
    shares = np.linspace(0, 1, len(quantiles))
    rising = np.interp(values, quantiles, shares)
    falling = np.interp(-values, -quantiles[::-1], -shares[::-1])
    share = (rising - falling) / 2
    share = np.where(values <= quantiles[0], 0, np.where(values >= quantiles[-1], 1, share))
    if quantiles[0] == quantiles[-1]:
        share[:] = 0.5
    normal = NormalDist()
    return np.array([normal.inv_cdf(p) for p in np.clip(share, 1e-7, 1 - 1e-7).tolist()])


def waves(values: Array, added: Part) -> Array:
    """Return cos(½π w u) and sin(½π w u) for each frequency w, of the clipped number u."""
    u = clipped(values, added["clip"])
    angles = (u[:, None] * (np.pi / 2 * added["frequencies"])).astype(added["dtype"])
    return np.hstack([np.cos(angles), np.sin(angles)])


def bins(values: Array, added: Part) -> Array:
    """Return 2 clip((value - e) / (e' - e), 0, 1) - 1 for each two neighbors e, e' of the edges."""
    edges = added["edges"]
    if not np.isfinite(edges[-1] - edges[0]):  # the differences would overflow
        edges, values = edges / 4, values / 4
    return 2 * np.clip((values[:, None] - edges[:-1]) / np.diff(edges), 0, 1) - 1


def unit_rows(x: Array, positions: Sequence[int]) -> Array:
    """Return the inputs with the numeric ones of each row divided by their length."""
    rows = x[:, positions].astype(np.float64)
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0)
    rows /= np.where(largest == 0, 1, largest)
    length = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    x = x.copy()
    x[:, positions] = rows / np.where(length == 0, 1, length)
    return x


COLUMNS = {"numeric": encode_numbers, "text": encode_texts, "date": encode_dates}
SCALERS = {"linear": linear, "to_normal": to_normal, "clipped": clipped, "ranks": ranks}
ADDED = {"periodic": waves, "piecewise_linear": bins}
