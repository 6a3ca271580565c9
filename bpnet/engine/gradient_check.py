"""The gradient check: backpropagation's gradient against central differences of the loss, for any network."""

from dataclasses import dataclass

import numpy as np

from bpnet.engine.batches import Rows, WholeBatch
from bpnet.engine.component import Array
from bpnet.engine.losses import Loss
from bpnet.engine.network import Network
from bpnet.engine.penalties import Penalty


@dataclass(frozen=True)
class ParameterCheck:
    """One parameter array's largest disagreement: where it is, and both numbers."""

    name: str
    relative_error: float
    """|analytic - numeric| over the larger of the two arrays' largest magnitudes.

    It is never over less than 1e-4 of the whole gradient's largest, nor than 1e-6: where a parameter has no effect, as
    a bias before batch normalization, the difference is the rounding of the loss alone.
    """
    index: tuple[int, ...]
    """Replica first, then the position in the array."""
    analytic: float
    numeric: float
    checked: int = 0
    """How many entries of a replica were compared: all, or `most` of a larger array, evenly spread."""
    kinks: int = 0
    """How many were left out because the loss has a kink there, as where a relu's z is 0."""


def check_gradient(
    network: Network,
    loss: Loss,
    rows: Rows,
    penalty: Penalty | None = None,
    step: float = 1e-5,
    most: int | None = None,
) -> list[ParameterCheck]:
    """Compare (L(θ + h) - L(θ - h)) / 2h with the gradient, for every parameter of every replica.

    The network should be float64. Chance is repeatable: each evaluation renews the layers' generators, so that dropout
    draws the same masks. Where the two disagree, a step 100 times smaller decides whether a kink was crossed, and the
    slopes to either side whether θ stands on one. The network is left as it was.
    """
    prepared = Rows(rows.x, loss.prepare(rows.y), rows.weights)
    batch = WholeBatch(prepared, len(network.seeds))
    layers = network.bind(batch.x, training=True)
    bound_loss = loss.bind(layers.output, batch.y, batch.weights)
    bound_penalty = (penalty or Penalty()).bind(network.theta, network.gradient, network.weights)
    gradient, statistics = network.gradient.copy(), network.statistics.flat.copy()

    def value() -> Array:
        network.begin_epoch(0)
        layers.forward()
        bound_loss.evaluate()
        return bound_loss.value() + bound_penalty.value()

    value()
    layers.backward(bound_loss.gradient)
    bound_penalty.add_gradient()
    analytic = network.gradient.copy()
    floor = max(1e-4 * np.abs(analytic).max(), 1e-6)
    numeric = analytic.copy()
    kinks = np.zeros(analytic.shape, np.bool_)
    columns = _columns(network, most)

    def slopes(p: int, h: float) -> tuple[Array, Array]:
        """The slopes (R,) of the loss above and below θ_p."""
        here = value()
        original = network.theta[:, p].copy()
        network.theta[:, p] = original + h
        above = (value() - here) / h
        network.theta[:, p] = original - h
        below = (here - value()) / h
        network.theta[:, p] = original
        return above, below

    for p in np.concatenate(columns):
        above, below = slopes(p, step)
        numeric[:, p] = (above + below) / 2
        if (np.abs(numeric[:, p] - analytic[:, p]) > 1e-6 * np.maximum(np.abs(analytic[:, p]), floor)).any():
            above, below = slopes(p, step / 100)
            kinks[:, p] = _is_kink(analytic[:, p], numeric[:, p], above, below, floor)
    np.copyto(network.statistics.flat, statistics)
    np.copyto(network.gradient, gradient)
    return _compare(network, analytic, numeric, kinks, columns)


def _is_kink(analytic: Array, numeric: Array, above: Array, below: Array, floor: float) -> Array:
    """Whether the analytic slope is right close by (a kink was crossed), or right on one side (θ stands on it)."""
    scale = np.maximum(np.abs(analytic), floor)
    crossed = np.abs((above + below) / 2 - analytic) < 0.01 * np.abs(numeric - analytic)
    beside = np.minimum(np.abs(above - analytic), np.abs(below - analytic)) < 1e-4 * scale
    return np.asarray(crossed | (beside & (np.abs(above - below) > 1e-3 * scale)))


def _columns(network: Network, most: int | None) -> list[Array]:
    """The columns of theta to check, for each parameter array."""
    columns, start = [], 0
    for view in network.parameters.views.values():
        size = view[0].size
        count = size if most is None else min(size, most)
        columns.append(start + np.unique(np.linspace(0, size - 1, count).astype(np.intp)))
        start += size
    return columns


def _compare(
    network: Network, analytic: Array, numeric: Array, kinks: Array, columns: list[Array]
) -> list[ParameterCheck]:
    checks = []
    start = 0
    floor = max(1e-4 * np.abs(analytic).max(), 1e-4 * np.abs(numeric).max(), 1e-6)
    smooth = np.where(kinks, analytic, numeric)
    for (name, view), checked in zip(network.parameters.views.items(), columns, strict=True):
        own = slice(start, start := start + view[0].size)
        ours, theirs = (flat[:, own].reshape(view.shape) for flat in (analytic, smooth))
        difference = np.abs(ours - theirs)
        where = np.unravel_index(np.argmax(difference), view.shape)
        size = max(np.abs(ours).max(), np.abs(theirs).max(), floor)
        checks.append(
            ParameterCheck(
                name=name,
                relative_error=float(difference[where] / size),
                index=tuple(int(i) for i in where),
                analytic=float(ours[where]),
                numeric=float(theirs[where]),
                checked=len(checked),
                kinks=int(kinks[:, own].sum()),
            )
        )
    return checks
