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


def check_gradient(
    network: Network, loss: Loss, rows: Rows, penalty: Penalty | None = None, step: float = 1e-5
) -> list[ParameterCheck]:
    """Compare (L(θ + h) - L(θ - h)) / 2h with the gradient, for every parameter of every replica.

    The network should be float64. Chance is repeatable: each evaluation renews the layers' generators, so that dropout
    draws the same masks. The network is left as it was.
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
    numeric = np.empty_like(analytic)
    for p in range(network.theta.shape[1]):
        original = network.theta[:, p].copy()
        network.theta[:, p] = original + step
        above = value()
        network.theta[:, p] = original - step
        numeric[:, p] = (above - value()) / (2 * step)
        network.theta[:, p] = original
    np.copyto(network.statistics.flat, statistics)
    np.copyto(network.gradient, gradient)
    return _compare(network, analytic, numeric)


def _compare(network: Network, analytic: Array, numeric: Array) -> list[ParameterCheck]:
    checks = []
    start = 0
    floor = max(1e-4 * np.abs(analytic).max(), 1e-4 * np.abs(numeric).max(), 1e-6)
    for name, view in network.parameters.views.items():
        columns = slice(start, start := start + view[0].size)
        ours, theirs = (flat[:, columns].reshape(view.shape) for flat in (analytic, numeric))
        difference = np.abs(ours - theirs)
        where = np.unravel_index(np.argmax(difference), view.shape)
        size = max(np.abs(ours).max(), np.abs(theirs).max(), floor)
        index = tuple(int(i) for i in where)
        checks.append(
            ParameterCheck(name, float(difference[where] / size), index, float(ours[where]), float(theirs[where]))
        )
    return checks
