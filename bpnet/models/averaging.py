"""Averaging: how much smaller the errors of a mean of networks are than those of one network.

A row that a fold holds out is predicted by one network, or by one of each repetition, a new row by
the mean of all. Let the error of a network be ε - δ, where the δ differ between networks, and
ρ = E δ² / E (ε - δ)². The squared error of a mean of R networks is then 1 - ρ (1 - 1/R) times that
of one.

No row is held out by all networks, so that ρ is measured among those that trained on it. Wherever
predictions are linear in the target values, training a network on a row i multiplies its error by
1 - h_i (the leave-one-out formula of linear smoothers; Hastie, Tibshirani and Friedman, The
Elements of Statistical Learning, section 7.10). That gives two estimates of the share 1 - ρ of a
squared error that networks have in common:

- of two networks s and t that trained on a row, and r that did not, the products of errors are
  E ε_r ε_s = (1 - h) c and E ε_s ε_t = (1 - h)² c, so that c = (E ε_r ε_s)² / E ε_s ε_t, and the
  share is c / E ε_r²: too little, if h differs between rows;
- both the errors and their differences shrink by 1 - h, so that ρ is their ratio where they are
  seen: the share is too little, if h differs between networks.

The larger one is taken, and where a row is held out by two networks it is measured as well.
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
    and `held_out` (N, K) are the model's errors for rows that networks have not seen. The ratio is
    1 where no row has trained two networks.
    """
    several = trained.sum(axis=0) >= 2
    if not several.any():
        return np.ones(errors.shape[2])
    largest = np.abs(held_out).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)  # so that no square overflows
    errors, trained = errors[:, several] / unit, trained[:, several, None]
    whole = ((held_out / unit) ** 2).mean(axis=0)  # (K,)
    common = np.maximum(_seen_share(errors, trained, whole), _unseen_share(errors, trained))
    share = 1 - np.clip(common, 0, 1)  # ρ
    ratio = (1 - share * (1 - 1 / after)) / (1 - share * (1 - 1 / before))
    return np.asarray(np.sqrt(np.minimum(ratio, 1)))


def _seen_share(errors: Floats, trained: np.ndarray, whole: Floats) -> Floats:
    """Return 1 - ρ (K,) from rows that networks trained on; `whole` is E (ε - δ)² (K,)."""
    count = trained.sum(axis=0)  # (n, 1)
    errors = np.where(trained, errors, 0.0)
    between = np.where(trained, errors - errors.sum(axis=0) / count, 0.0)
    seen = ((errors**2).sum(axis=0) / count).mean(axis=0)
    differences = ((between**2).sum(axis=0) / (count - 1)).mean(axis=0)
    seen = np.maximum(seen, _LEAST_SHARE * whole)
    return np.asarray(1 - differences / np.where(seen > 0, seen, 1.0))


def _unseen_share(errors: Floats, trained: np.ndarray) -> Floats:
    """Return 1 - ρ (K,) from rows that at least one network has not trained on; 0 without them."""
    counts = trained.sum(axis=0)[:, 0], (~trained).sum(axis=0)[:, 0]
    rows = counts[1] > 0
    if not rows.any():
        return np.zeros(errors.shape[2])
    each = [np.where(which, errors, 0.0)[:, rows] for which in (trained, ~trained)]
    (sum_seen, sum_unseen), (seen, unseen) = (
        [of.sum(axis=0) for of in each],
        [(of**2).sum(axis=0) for of in each],
    )
    m, n = (count[rows, None] for count in counts)
    across = np.maximum((sum_seen * sum_unseen / (m * n)).mean(axis=0), 0)  # (1 - h) c
    among = ((sum_seen**2 - seen) / (m * (m - 1))).mean(axis=0)  # (1 - h)² c
    common = np.where(among > 0, across**2 / np.where(among > 0, among, 1.0), 0.0)
    twice = n[:, 0] > 1
    if twice.any():
        pairs = (sum_unseen**2 - unseen)[twice] / (n * (n - 1))[twice]
        common = np.maximum(common, pairs.mean(axis=0))
    whole = (unseen / n).mean(axis=0)
    return np.asarray(common / np.where(whole > 0, whole, 1.0))
