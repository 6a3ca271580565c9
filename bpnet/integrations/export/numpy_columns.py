"""Cells and the encoding of columns, in NumPy alone: source of exported files of Python.

Arrays have a row for each row of the table. What a function is told of the model, such as a column,
is a dictionary. It may use no names but those of NumPy, the standard library and such functions.
"""

# mypy: disable-error-code="no-any-return"
# (most of NumPy's arithmetic is of any type; casts would be in every exported file)

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from statistics import NormalDist
from typing import Any

import numpy as np

from bpnet.data.dates.moments import days_of, iso_days, iso_zone
from bpnet.data.encoding.dates import share_passed
from bpnet.data.spelling import meaning, spelled, tidy

Array = np.ndarray[Any, np.dtype[Any]]
Part = Mapping[str, Any]


# Cells


def read_each(read: Callable[[Any, Part], float], cells: Sequence[Any], column: Part) -> Array:
    """Return the number that `read` makes of each cell, nan for a missing value."""
    values = np.full(len(cells), np.nan)
    for k, cell in enumerate(cells):
        text = tidy(cell) if isinstance(cell, str) else None
        if is_gap(cell) or (text is not None and is_missing(text, column)):
            continue
        try:
            values[k] = read(cell if text is None else text, column)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"row {k + 1} has {cell!r}: {error}") from None
    return np.where(np.isin(values, column["missing_numbers"]), np.nan, values)


def read_number(cell: Any, column: Part) -> float:
    """Return a cell as a number; a text has a decimal point and no other marks.

    In a column of 0 and 1, true is 1 and false is 0.
    """
    if isinstance(cell, (bool, np.bool_)):
        cell = str(cell)
    if isinstance(cell, str):
        if column["bits"] and cell.lower() in ("true", "false"):
            return float(cell.lower() == "true")
        if not re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", cell):
            raise ValueError("a number has a decimal point and no other marks")
        if column["commas"] and re.fullmatch(r"[-+]?[1-9][0-9]{0,2}(\.[0-9]{3})+", cell):
            raise ValueError("the point may be between thousands; give a number, not a text")
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError("it is not a finite number")
    return value


def read_day(cell: Any, column: Part) -> float:
    """Return the days of a date, a text of one, or a number of days."""
    if isinstance(cell, (int, float, np.number)) and not isinstance(cell, bool):
        if column["digits"] and isinstance(cell, (int, np.integer)):
            raise ValueError("it may be a date, or days since 1970-01-01; give a text or a float")
        if not -719_162 <= cell < 2_932_897:
            raise ValueError("as days since 1970-01-01 it is not in the years 1 to 9999")
        return float(cell)
    days, zone = read_date(cell, column)
    if column["zones"] == "all" and zone is False:
        raise ValueError("it has no time zone, as the dates of the training rows have")
    if column["zones"] == "none" and zone is True:
        raise ValueError("it has a time zone, and the dates of the training rows have none")
    return days


def read_date(cell: Any, column: Part) -> tuple[float, bool | None]:
    """Return the days of a date, and whether it has a time zone, None without a time of day.

    A text is in the format of the training rows, or in ISO 8601 where that is not mistaken for it.
    """
    is_text = not isinstance(cell, (date, np.datetime64))
    text = cell.isoformat() if isinstance(cell, date) else str(cell)
    try:
        if is_text and column["pattern"]:
            match = re.fullmatch(column["pattern"], text, re.IGNORECASE)
            if match:
                return days_of(match.groupdict(), timed=column["timed"]), column["zone"]
            if not column["iso"]:
                raise ValueError
        return iso_days(text), iso_zone(text)
    except ValueError:
        raise ValueError(f"it is not {column['expected']}") from None


def is_gap(cell: Any) -> bool:
    """Return whether a cell is None, nan, or the missing value of pandas, NA or NaT."""
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, (float, np.floating, np.datetime64)) and bool(cell != cell)


def is_missing(text: str, column: Part) -> bool:
    """Return whether a text in a column of numbers or dates is a missing value."""
    return not text or text in column["missing"] or text.lower() in column["missing_words"]


# Encoding: from the cells of a column to inputs of the network


def encode(encoder: Part, rows: Sequence[Mapping[str, Any]], dtype: str) -> Array:
    """Return the inputs (rows, inputs) of all columns."""
    encoded = []
    for column in encoder["columns"]:
        name = column["name"]
        for k, row in enumerate(rows):
            if name not in row:
                raise ValueError(f"row {k + 1} lacks the column '{name}'")
        try:
            encoded.append(COLUMNS[column["kind"]]([row[name] for row in rows], column))
        except ValueError as error:
            raise ValueError(f"column '{name}': {error}") from None
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
    values, missing = filled(read_each(read_number, cells, column), column)
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
    texts = [
        "" if is_gap(cell) else str(float(cell) if isinstance(cell, np.floating) else cell)
        for cell in cells
    ]
    rows = [text_row(text, column) for text in texts]
    inputs = column["inputs"][rows]
    refused = np.isnan(inputs).any(axis=1)
    if refused.any():
        raise ValueError(f"row {int(np.argmax(refused)) + 1} has a missing value")
    return inputs


def text_row(text: str, column: Part) -> int:
    """Return the row of the table of inputs for a text, known by itself or by its meaning.

    Without white space around it, 1.0 is 1, and TRUE is yes where there are yes and no.
    """
    known = column["texts"]
    row = known.get(text)
    if row is None:
        row = known.get(spelled(text, numeric=column["all_numbers"]))
    if row is None and column["yes_and_no"]:
        row = known.get(meaning(text))
    return column["other"] if row is None else row


def encode_dates(cells: Sequence[Any], column: Part) -> Array:
    """Return the days elapsed, and shares of year, week and day as points on a circle."""
    days, missing = filled(read_each(read_day, cells, column), column)
    inputs = [np.empty((len(days), 0))]
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
