"""Least squares: the normal equations of a squared error, from the Jacobian of the scores.

The loss is L = s Σ w e² over rows and outputs, with e = y - t. With the Jacobian J = dy/dθ of each
row and output it has the gradient g = 2 s Σ w e J and, where the curvature of y is left out, the
Hessian A = 2 s Σ w J Jᵀ (Gauss-Newton; Nocedal and Wright 2006, chapter 10).
"""

import numpy as np

from bpnet.engine.buffers import empty, empty_units
from bpnet.engine.component import Array
from bpnet.engine.network import Network

CHUNK_BYTES = 1 << 23
"""Bytes of the Jacobian that is held at once, unless that is fewer than `LEAST_ROWS` rows. The
time of larger ones is the same within a tenth, from 1 to 64 MB."""
LEAST_ROWS = 64
"""Number of rows that make a product fast."""


def matrices_bytes(parameters: int) -> int:
    """Return the bytes of a replica's matrices.

    They are A, its share of a chunk, the damped A, and what solves with it.
    """
    return 4 * np.dtype(float).itemsize * parameters**2


class Chunk:
    """The network over some rows of a batch, and their Jacobian.

    Parameters
    ----------
    network
        The network.
    x, y, weights
        The rows (S, I, B), their targets (R, O, B) and weights (R, 1, B) or None.
    size
        Number of rows of the chunk.
    """

    def __init__(
        self, network: Network, x: Array, y: Array, weights: Array | None, size: int
    ) -> None:
        self._rows = (x, y, weights)
        self._x = empty_units(len(x), network.inputs, size, network.dtype)
        # with their sums kept, layers do not fold into one another
        self._bound = network.bind(self._x, training=True, keeps_sums=True)
        replicas, outputs = len(network.seeds), network.outputs
        self._delta = empty_units(replicas, outputs, size, network.dtype)
        self.root = np.ones((replicas, 1, size), network.dtype)
        """√w (R, 1, B)."""
        self.residual = np.empty((replicas, outputs, size), network.dtype)
        """√w e (R, O, B)."""
        self.jacobian = empty((replicas, network.theta.shape[1], size), network.dtype)
        """√w dy/dθ (R, P, B) of the output that was differentiated last."""
        self._shares: list[dict[str, Array]] = []
        """Of each layer, the views (R, *shape, B) into the Jacobian, by the parameters' names."""
        whole = {}
        start = 0
        for name, view in network.parameters.views.items():
            width = view[0].size
            part = self.jacobian[:, start : start + width]
            whole[name] = part.reshape(replicas, *view.shape[1:], size)
            start += width
        for k in range(len(network.layers)):
            prefix = f"layers.{k}."
            self._shares.append(
                {
                    name.removeprefix(prefix): view
                    for name, view in whole.items()
                    if name.startswith(prefix)
                }
            )

    def forward(self, start: int) -> None:
        """Compute the residuals of the rows from `start` on."""
        x, y, weights = self._rows
        rows = slice(start, start + self._x.shape[2])
        np.copyto(self._x, x[:, :, rows])
        if weights is not None:
            np.sqrt(weights[:, :, rows], self.root)
        self._bound.forward()
        np.subtract(self._bound.output, y[:, :, rows], self.residual)
        np.multiply(self.residual, self.root, self.residual)

    def differentiate(self, output: int) -> None:
        """Write the Jacobian of one output, by backpropagation from √w at it and 0 at the others.

        Each layer's dL/dx is the delta of the one before, as in a gradient.
        """
        if output > 0:
            self._bound.forward()  # again, as an activation may use up what its f' is made of
        delta = self._delta
        delta.fill(0)
        np.copyto(delta[:, output : output + 1], self.root)
        layers = self._bound.layers
        for layer, shares in zip(reversed(layers), reversed(self._shares), strict=True):
            if shares:
                layer.backward_rows(delta, shares)
            else:
                layer.backward(delta)
            if layer.input_gradient is None:
                return
            delta = layer.input_gradient


class NormalEquations:
    """A (R, P, P) and g (R, P) of a batch, in float64, summed over chunks of its rows.

    Parameters
    ----------
    network
        The network, of layers that have the Jacobian of single rows.
    scale
        s, the factor of Σ w e² in the loss.
    x, y, weights
        The rows (S, I, B), their targets (R, O, B) and weights (R, 1, B) or None.

    Raises
    ------
    ValueError
        If a layer has no Jacobian of single rows.
    """

    def __init__(
        self, network: Network, scale: float, x: Array, y: Array, weights: Array | None
    ) -> None:
        for layer in network.layers:
            if not layer.has_row_gradients:
                raise ValueError(f"{getattr(layer, 'kind', layer)} has no Jacobian of single rows")
        replicas, parameters = network.theta.shape
        rows = x.shape[2]
        self._network, self._rows, self._outputs = network, rows, network.outputs
        self._scale = scale
        bytes_of_row = network.dtype.itemsize * parameters * replicas
        size = min(rows, max(CHUNK_BYTES // bytes_of_row, LEAST_ROWS))
        sizes = [size] if rows % size == 0 else [size, rows % size]
        self._chunks = [Chunk(network, x, y, weights, each) for each in sizes]
        self._size = size
        self.hessian = np.empty((replicas, parameters, parameters))
        """A (R, P, P)."""
        self.gradient = np.empty((replicas, parameters))
        """g (R, P)."""
        self._product = np.empty_like(self.hessian)

    def compute(self) -> None:
        """Write `hessian` and `gradient` of the network's present parameters."""
        self.hessian.fill(0)
        self.gradient.fill(0)
        for start in range(0, self._rows, self._size):
            whole = start + self._size <= self._rows
            chunk = self._chunks[0 if whole else -1]
            chunk.forward(start)
            for output in range(self._outputs):
                chunk.differentiate(output)
                # of the network's type, which float64 only leaves as it is
                jacobian = chunk.jacobian.astype(np.float64, copy=False)
                for k, (one, product) in enumerate(zip(jacobian, self._product, strict=True)):
                    np.matmul(one, one.T, out=product)  # of a and aᵀ BLAS computes half
                    self.gradient[k] += one @ chunk.residual[k, output]
                np.add(self.hessian, self._product, self.hessian)
        np.multiply(self.hessian, 2 * self._scale, self.hessian)
        np.multiply(self.gradient, 2 * self._scale, self.gradient)
