"""Averaging: how much smaller the errors of a mean of networks are than those of one network.

A row that a fold holds out is predicted by one network, or by one of each repetition, a new row by
the mean of all. Let the error of a network be ε - δ, where the δ differ between networks, and
ρ = E δ² / E (ε - δ)². The squared error of a mean of R networks is then 1 - ρ (1 - 1/R) times that
of one.

No row is held out by all networks, so that ρ is measured among those that trained on a row. There
both the errors and their differences are smaller than on new rows, but by the same factor wherever
predictions are linear in the target values: training on a row i multiplies its error by 1 - h_i
(the leave-one-out formula of linear smoothers; Hastie, Tibshirani and Friedman, The Elements of
Statistical Learning, section 7.10). So ρ is the same.
"""

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices

_MOST_ROWS = 4000
"""Rows that networks are compared on; more would change little."""
_LEAST_SHARE = 0.25
"""Where training has moved predictions more than half of the way to the targets, h > 1/2, what
remains of the errors tells little: squared errors count as at least this share of held-out ones."""


def compared_rows(rows: int) -> Indices:
    """Return the training rows (n,), of this number of rows, that networks are compared on."""
    return np.linspace(0, rows - 1, min(rows, _MOST_ROWS)).round().astype(np.intp)


def error_ratios(
    errors: Floats, trained: np.ndarray, held_out: Floats, *, before: float, after: float
) -> Floats:
    """Return for each quantity (K,) the error of a mean of `after` networks by that of `before`.

    `errors` (R, n, K) are those of each network, `trained` (R, n) tells which rows it trained on,
    and `held_out` (N, K) are errors for rows that networks have not seen. The ratio is 1 where no
    row has trained two networks.
    """
    several = trained.sum(axis=0) >= 2
    if not several.any():
        return np.ones(errors.shape[2])
    errors, trained = errors[:, several], trained[:, several, None]
    largest = np.abs(held_out).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)  # so that no square overflows
    count = trained.sum(axis=0)  # (n, 1)
    errors = np.where(trained, errors / unit, 0.0)
    mean = errors.sum(axis=0) / count
    between = np.where(trained, errors - mean, 0.0)
    seen = ((errors**2).sum(axis=0) / count).mean(axis=0)  # (K,)
    differences = ((between**2).sum(axis=0) / (count - 1)).mean(axis=0)
    least = _LEAST_SHARE * ((held_out / unit) ** 2).mean(axis=0)
    whole = np.maximum(seen, least)
    share = np.clip(differences / np.where(whole > 0, whole, 1.0), 0, 1)  # ρ
    ratio = (1 - share * (1 - 1 / after)) / (1 - share * (1 - 1 / before))
    return np.asarray(np.sqrt(np.minimum(ratio, 1)))
