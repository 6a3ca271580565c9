"""The gradient check: backpropagation's gradient against central differences of the loss, for any network."""

from dataclasses import dataclass

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows, WholeBatch
from bpnet.engine.losses import Loss
from bpnet.engine.network import Network
from bpnet.engine.penalties import Penalty


@dataclass(frozen=True)
class ParameterCheck:
    """One parameter array's largest disagreement: where it is, and both numbers."""

    name: str
    relative_error: float
    """|analytic - numeric| over the larger of the two arrays' largest magnitudes.

    It is never over less than 1e-4 of the whole gradient's largest, nor than a million times the rounding of the
    difference, ε L / h: where a parameter has hardly an effect, as a bias before batch normalization or the first
    layer of a deep sigmoid stack, the disagreement is that rounding alone.
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
    draws the same masks. Where the two disagree, a step 100 times smaller tells whether a kink was crossed (it agrees
    then) or θ stands on one (the slopes to either side differ). The network is left as it was.
    """
    prepared = rows.prepared(loss.prepare)
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
    here = value()
    rounding = float(np.finfo(network.dtype).eps * np.abs(here).max() / step)
    floor = max(1e-4 * float(np.abs(analytic).max()), 4e6 * rounding, 1e-6)
    numeric = analytic.copy()
    kinks = np.zeros(analytic.shape, np.bool_)
    columns = _columns(network, most)

    def slopes(p: int, h: float) -> tuple[Array, Array]:
        """The slopes (R,) of the loss above and below θ_p."""
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
        if (
            np.abs(numeric[:, p] - analytic[:, p])
            > 1e-6 * np.maximum(np.abs(analytic[:, p]), floor)
        ).any():
            above, below = slopes(p, step / 100)
            crossed = np.abs((above + below) / 2 - analytic[:, p]) < 0.01 * np.abs(
                numeric[:, p] - analytic[:, p]
            )
            # measured by the slopes alone: the analytic one is what is under test
            bent = np.abs(above - below) > 1e-3 * np.maximum(
                np.maximum(np.abs(above), np.abs(below)), floor
            )
            kinks[:, p] = crossed | bent
    np.copyto(network.statistics.flat, statistics)
    np.copyto(network.gradient, gradient)
    return _compare(network, analytic, numeric, kinks, columns, floor)


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
    network: Network,
    analytic: Array,
    numeric: Array,
    kinks: Array,
    columns: list[Array],
    floor: float,
) -> list[ParameterCheck]:
    checks = []
    start = 0
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
