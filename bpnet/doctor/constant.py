"""The loss of the best constant prediction, which a network that has learned anything beats."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bpnet.data.splitting import Part
from bpnet.engine.activations import Identity
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.sharded_rows import ShardedRows
from bpnet.engine.losses import Loss, Quantile

MOST = 1 << 20
"""Largest number of target values that are looked at, evenly from all."""

_LEAST_SHARE = 1e-6
"""Smallest share of a class in a prediction: a class that never occurs has not the score -∞."""


@dataclass(frozen=True)
class Constant:
    """The best constant prediction of the training rows, by a loss per row."""

    losses: Mapping[Part, float]
    """Its loss on the rows of each part."""
    center: float
    """Mean of the targets as the network sees them; of several outputs, that farthest from 0.

    It is 0 if the scores are logits.
    """
    spread: float
    """Their largest standard deviation; 1 if the scores are logits."""
    rows: Mapping[Part, int]
    """Number of rows of each part."""


def best_constant(loss: Loss, rows: Mapping[Part, Rows]) -> Constant:
    """Return the best constant prediction of the training rows, measured on each part."""
    samples = {part: _sample(part_rows) for part, part_rows in rows.items()}
    train = samples["train"]
    with np.errstate(all="ignore"):
        candidates = _candidates(loss, train)
        each = [_loss(loss, train, scores) for scores in candidates]
        best = int(np.nanargmin(each)) if np.isfinite(each).any() else 0
        losses: dict[Part, float] = {
            part: each[best] if sample is train else _loss(loss, sample, candidates[best])
            for part, sample in samples.items()
        }
        center, spread = _location(loss, train.y)
        return Constant(
            losses,
            center,
            spread,
            {part: len(part_rows) for part, part_rows in rows.items()},
        )


def _location(loss: Loss, y: Array) -> tuple[float, float]:
    """Return the center and the spread of targets y (N, O)."""
    if not isinstance(loss.link, Identity):
        return 0.0, 1.0  # the scores are logits, whatever the targets are
    return float(np.abs(y.mean(axis=0)).max()), float(y.std(axis=0).max())


def _sample(rows: Rows) -> Rows:
    """Return the targets of at most `MOST` values, with x left out, as float64."""
    if isinstance(rows, ShardedRows):
        every = -(-len(rows) * rows.y.shape[1] // MOST)
        rows = replace(rows, x=rows.x[:, :0]).picked(slice(None, None, every))
    every = -(-rows.y.size // MOST)
    picked = slice(None, None, every)
    weights = None if rows.weights is None else rows.weights[picked]
    y = np.array(rows.y[picked], np.float64)
    return Rows(np.empty((len(y), 0)), y, weights)


def _candidates(loss: Loss, rows: Rows) -> list[Array]:
    """Return constant scores (O,), of which the best for most losses is one."""
    y = loss.prepare(rows.y)
    mean = np.average(y, axis=0, weights=rows.weights)
    if isinstance(loss.link, Identity):
        share = loss.quantile if isinstance(loss, Quantile) else 0.5
        return [mean, np.quantile(y, share, axis=0)]
    share = np.clip(mean, _LEAST_SHARE, 1 - _LEAST_SHARE)
    # log p is a logit of softmax, log (p / (1 - p)) of the sigmoid
    return [np.log(share) if loss.link.kind == "softmax" else np.log(share / (1 - share))]


def _loss(loss: Loss, rows: Rows, scores: Array) -> float:
    """Return the loss per row of constant scores (O,)."""
    y = np.ascontiguousarray(loss.prepare(rows.y).T)[None]  # (1, O, N)
    weights = None
    if rows.weights is not None:
        weights = np.asarray(rows.weights / rows.weights.mean(), np.float64)[None, None]
    bound = loss.bind(np.broadcast_to(scores[:, None], y.shape[1:])[None].copy(), y, weights)
    bound.evaluate()
    return float(bound.value()[0]) / (len(rows) if loss.rows == "sum" else 1)
