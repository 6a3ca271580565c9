"""Trends under a split by time: dates and counters, kept only if later training rows confirm it."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from bpnet.data.encoding.column_options import ColumnOptions
from bpnet.data.encoding.fitting import fit_encoder
from bpnet.data.encoding.settings import OneHot, Standardize
from bpnet.data.identifiers import COUNTS_TIME
from bpnet.data.splitting import Indices
from bpnet.engine.component import Array
from bpnet.engine.randomness import SplitUse, split_generator
from bpnet.errors import DataError
from bpnet.preparation.column_roles import ColumnRoles, column_options
from bpnet.preparation.open import OpenedDataset
from bpnet.preparation.target_values import TargetValues

_LATER = 0.2
"""Share of the training rows, the latest, on which the trend is tried out."""
_FEWEST = 50
"""Training rows from which on it is tried out."""
_MOST = 20_000
"""Training rows that are looked at, evenly spaced in time."""
_SPANS, _BETTER_IN = 5, 4
"""The later rows are cut into spans of time, of which so many must be predicted better."""
_GAIN = 0.15
"""Share by which the trend must lower the squared error."""
_RIDGE = 1e-3
"""Penalty on the squared coefficients of standardized inputs, per row."""


def confirmed_trends(opened: OpenedDataset, roles: ColumnRoles, train: Indices) -> ColumnRoles:
    """Return the column roles, with the trend of dates and with counters if later rows confirm it.

    Days elapsed and numbers that count the time, such as the year, are larger in later rows than in
    all that a network has seen. They are inputs only if a linear model of the earlier training rows
    predicts the latest fifth of them better with them than without: by 15 % of the squared error in
    all, and in 4 of 5 spans of time.
    """
    times = opened.times
    if times is None or len(train) < _FEWEST:
        return roles
    counters = {
        name: replace(column, role="numeric", reason=None)
        for name, column in roles.detected.items()
        if column.role == "ignored" and column.reason == COUNTS_TIME
    }
    tried = replace(roles, detected={**roles.detected, **counters})
    options = column_options(opened.loaded, tried)
    dates = {
        name: replace(tried.detected[name], trend_confirmed=True)
        for name, one in options.items()
        if one.advances and one.date.trend == "auto"
    }
    if not (dates or counters):
        return roles
    rows = train[np.argsort(times.values[train], kind="stable")]
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _MOST)).astype(np.intp)]
    first = int(len(rows) * (1 - _LATER))
    try:
        x, names = _inputs(opened, options, dates, rows, rows[:first])
    except DataError:
        return roles  # fitting reports it
    trend = np.isin(names, [*(f"{name} elapsed" for name in dates), *counters])
    y = _targets(opened.target_values, rows)
    errors = [_squared_errors(x[:, kept], y, first) for kept in (trend | True, ~trend)]
    with_trend, without = ([part.sum() for part in np.array_split(each, _SPANS)] for each in errors)
    better = sum(one < other for one, other in zip(with_trend, without, strict=True))
    if better < _BETTER_IN or sum(with_trend) > (1 - _GAIN) * sum(without):
        return roles
    return replace(roles, detected={**roles.detected, **counters, **dates})


def _inputs(
    opened: OpenedDataset,
    options: dict[str, ColumnOptions],
    dates: Collection[str],
    rows: Indices,
    earlier: Indices,
) -> tuple[Array, list[str]]:
    """Return the inputs (N, I) of the rows, with the trend of these dates, and their names."""
    plain = {
        name: replace(
            one,
            numeric=Standardize(),
            categorical=OneHot(most=20),
            frequent_values=None,
            trend_confirmed=name in dates,
        )
        for name, one in options.items()
    }
    count, table = len(opened.target_values.values), opened.table
    fitted, wanted = np.zeros(count, bool), np.zeros(count, bool)
    fitted[earlier], wanted[rows] = True, True
    rng = split_generator(opened.loaded.config.split_seed, SplitUse.FITTED_ROWS)
    encoder = fit_encoder(table, plain, fitted, unit_rows=False, rng=rng, used=wanted)
    x = np.empty((count, encoder.width), np.float32)
    for chunk, numbers in table.selected(encoder.column_types, wanted):
        x[numbers], _ = encoder.encode(chunk, "float32")
    return x[rows].astype(np.float64), encoder.inputs


def _targets(values: TargetValues, rows: Indices) -> Array:
    """Return the targets (N, K): standardized numbers, labels, or classes as one-hot rows."""
    if values.task == "classification":
        return np.eye(len(values.classes))[values.values[rows]]
    y = values.values[rows].astype(np.float64)
    deviation = y.std(axis=0)
    return np.asarray((y - y.mean(axis=0)) / np.where(deviation > 0, deviation, 1))


def _squared_errors(x: Array, y: Array, first: int) -> Array:
    """Return the squared error of each row from `first` on, by ridge regression on those before."""
    mean, center = x[:first].mean(axis=0), y[:first].mean(axis=0)
    early = x[:first] - mean
    products = early.T @ early + _RIDGE * first * np.eye(x.shape[1])
    coefficients = np.linalg.solve(products, early.T @ (y[:first] - center))
    predicted = center + (x[first:] - mean) @ coefficients
    return np.asarray(((y[first:] - predicted) ** 2).sum(axis=1))
