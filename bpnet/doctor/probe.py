"""A probe of the table: how well two closed-form models predict rows that are left out.

Kernel ridge regression, linear and Gaussian, on a few hundred training rows. The error on each row
with that row left out follows from one decomposition: e_i / (1 - H_ii) with the hat matrix
H = K (K + λ I)⁻¹ (Hastie, Tibshirani and Friedman 2009, section 7.10).
"""

from dataclasses import dataclass

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.layers import Embedding
from bpnet.engine.loop.batches import Rows
from bpnet.engine.network import Network

ROWS = 400
"""Largest number of training rows in a probe, evenly from all: it takes about 0.1 s with them."""

LEAST_ROWS = 20
"""Number of rows below which rows left out say nothing."""

LARGEST = 3.0
"""Standard deviations to which inputs are cut, so that a tail does not fill a kernel."""

_PENALTIES = (1e-4, 1e-3, 1e-2, 0.1, 1.0)
"""λ, as shares of the kernel's largest eigenvalue."""

_WIDTHS = (0.3, 1.0, 3.0)
"""Widths of the Gaussian, as multiples of the median squared distance."""


@dataclass(frozen=True)
class Probe:
    """Shares R² of the target's variance that predictions explain; None if rows are too few.

    Those of a network are on the same rows, which it was trained on.
    """

    linear: float | None
    """R² of the linear model; in sample where rows are too few to leave one out."""
    smooth: float | None
    """R² of the Gaussian kernel."""
    networks: tuple[float, ...]
    """R² of each replica."""
    rows: int

    @property
    def best(self) -> float | None:
        """The better of the two models, on rows left out."""
        if self.smooth is None or self.linear is None:
            return None
        return max(self.smooth, self.linear)


def probe(network: Network, rows: Rows) -> Probe:
    """Return the probe of a table's training rows, beside the present networks."""
    sample = rows.picked(slice(None, None, -(-len(rows) // ROWS))).normalized()
    with np.errstate(all="ignore"):
        y = sample.y.astype(np.float64)
        w = np.ones(len(y)) if sample.weights is None else sample.weights.astype(np.float64)
        networks = tuple(_network_r2(network, sample, y, w))
        x = _features(network, sample.x.astype(np.float64))
        root = np.sqrt(w)[:, None]
        target = root * (_bounded(y) - np.average(_bounded(y), axis=0, weights=w))
        linear_kernel = x @ x.T / max(1, x.shape[1])
        if len(y) < LEAST_ROWS:
            fitted = x @ np.linalg.lstsq(x * root, target, rcond=None)[0] * root
            return Probe(_r2(target - fitted, target), None, networks, len(y))
        squares = np.square(x).sum(axis=1)
        distances = np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0)
        usual = float(np.median(distances)) or 1.0
        gaussians = [np.exp(-distances / (width * usual)) for width in _WIDTHS]
        return Probe(
            _left_out(root * linear_kernel * root.T, target),
            max(_left_out(root * kernel * root.T, target) for kernel in gaussians),
            networks,
            len(y),
        )


def _features(network: Network, x: Array) -> Array:
    """Return standardized inputs (N, F), with a column for each category of codes."""
    first = network.layers[0] if network.layers else None
    columns = x
    if isinstance(first, Embedding):
        codes = [
            np.equal.outer(x[:, table.position], np.arange(table.levels)).astype(float)
            for table in first.tables
            if table.levels <= ROWS
        ]
        columns = np.concatenate([x[:, first.others(network.inputs)], *codes], axis=1)
    columns = columns - columns.mean(axis=0)
    spread = columns.std(axis=0)
    varies = spread > 0
    standard: Array = np.clip(columns[:, varies] / spread[varies], -LARGEST, LARGEST)
    return standard


def _bounded(y: Array) -> Array:
    """Return the targets (N, O) with the outermost hundredth cut, which would decide a variance."""
    if np.isin(y, (0, 1)).all():
        return y
    lowest, highest = np.quantile(y, [0.01, 0.99], axis=0)
    return np.asarray(np.clip(y, lowest, highest))


def _left_out(kernel: Array, target: Array) -> float:
    """Return the best R² over the penalties, on rows left out."""
    values, vectors = np.linalg.eigh(kernel)
    values = np.maximum(values, 0)
    size = values.max() or 1.0
    rotated = vectors.T @ target
    scores = []
    for penalty in _PENALTIES:
        shrunk = 1 / (values + penalty * size)
        # e_i / (1 - H_ii) = (G⁻¹ y)_i / (G⁻¹)_ii with G = K + λ I
        inverse = np.square(vectors) @ shrunk
        left_out = vectors @ (shrunk[:, None] * rotated) / inverse[:, None]
        scores.append(_r2(left_out, target))
    return max(scores)


def _network_r2(network: Network, sample: Rows, y: Array, w: Array) -> list[float]:
    """Return the R² of each replica's predictions."""
    y = _bounded(y)
    if network.layers and not np.isfinite(network.theta).all():
        return [float("-inf")] * len(network.seeds)
    predictions = network.predict(sample.x).astype(np.float64)  # (R, N, O)
    root = np.sqrt(w)[:, None]
    center = np.average(y, axis=0, weights=w)
    return [_r2(root * (each - y), root * (y - center)) for each in predictions]


def _r2(errors: Array, target: Array) -> float:
    """Return 1 - Σ e² / Σ t²."""
    total = float(np.square(target).sum())
    score = 1 - float(np.square(errors).sum()) / total if total else 0.0
    return score if np.isfinite(score) else float("-inf")
