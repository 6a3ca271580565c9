"""Unit surfaces: the output of each unit over the plane of a network's two inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.network import Network
from bpnet.engine.step_trace import StepTrace

SIDE = 24
"""Values of each input."""
_MARGIN = 0.25


@dataclass(frozen=True)
class UnitSurfaces:
    """The outputs of every layer's units over a grid of two inputs, before each of S steps.

    `axes` has the values of both inputs; `layers` for each step an array (units, B, A) of each
    layer, with the first input along A.
    """

    axes: tuple[Array, Array]
    layers: Sequence[Sequence[Array]]


def unit_surfaces(network: Network, steps: Sequence[StepTrace], x: Array) -> UnitSurfaces | None:
    """Return the surfaces over the range of the inputs x (N, I); None unless I is 2.

    The network is left as it is.
    """
    if network.inputs != 2:
        return None
    low, high = np.asarray(x.min(axis=0), float), np.asarray(x.max(axis=0), float)
    margin = np.where(high > low, _MARGIN * (high - low), 1.0)
    first, second = (np.linspace(low[k] - margin[k], high[k] + margin[k], SIDE) for k in range(2))
    a, b = np.meshgrid(first, second)  # (B, A)
    grid = np.stack([a.ravel(), b.ravel()])[None].astype(network.dtype)  # (1, 2, B A)
    theta, statistics = network.theta.copy(), network.statistics.flat.copy()
    layers = []
    with np.errstate(all="ignore"):
        bound = network.bind(grid, training=False)
        for step in steps:
            for k, layer in enumerate(step.layers):
                for vector, arrays in (
                    (network.parameters, layer.before),
                    (network.statistics, layer.statistics_before),
                ):
                    for name, view in vector.part(f"layers.{k}").items():
                        view[0] = arrays[name]
            bound.forward()
            layers.append([one.output[0].reshape(-1, SIDE, SIDE).copy() for one in bound.layers])
    network.theta[:], network.statistics.flat[:] = theta, statistics
    return UnitSurfaces((first, second), layers)
