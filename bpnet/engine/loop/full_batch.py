"""The loss of all rows in training, as an optimizer that takes them at once asks for it."""

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.least_squares import NormalEquations
from bpnet.engine.loop.bound_batch import BoundBatch
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import Loss, SquaredError
from bpnet.engine.network import Network
from bpnet.engine.optimizers.full_batch import FullBatchOptimizer, Solver
from bpnet.engine.penalties import BoundPenalty


class WholeBatchObjective:
    """L(θ) of a batch that holds all rows, penalty included: a `BatchObjective`."""

    def __init__(
        self, network: Network, loss: Loss, batch: BoundBatch, penalty: BoundPenalty, l2: float
    ) -> None:
        self.theta = network.theta
        self.residuals = batch.size * network.outputs
        self.penalty = np.zeros(network.theta.shape[1])
        self.penalty[: network.weights] = l2
        self.scale = np.nan
        if isinstance(loss, SquaredError):
            share = 1 / batch.size if loss.rows == "mean" else 1.0
            self.scale = loss.scales(network.outputs)[0] * share
        self._network, self._batch, self._penalty = network, batch, penalty
        self._equations: NormalEquations | None = None

    def loss(self) -> Array:
        """Return L (R,) of the present parameters, penalty included, in float64."""
        self._batch.network.forward()
        self._batch.loss.evaluate()
        value: Array = self._batch.loss.value() + self._penalty.value()
        return value.astype(np.float64)

    def gradient(self) -> Array:
        """Return dL/dθ (R, P) where the loss was computed last."""
        self._batch.network.backward(self._batch.loss.gradient)
        if self._penalty.active:
            self._penalty.add_gradient()
        return self._network.gradient

    def normal_equations(self) -> tuple[Array, Array]:
        """Return the Hessian and the gradient of the squared error, without the penalty.

        Raises ValueError if the loss is another one.
        """
        if self._equations is None:
            if np.isnan(self.scale):
                raise ValueError("there are normal equations of the squared error only")
            self._equations = NormalEquations(self._network, self.scale, *self._batch.rows)
        self._equations.compute()
        return self._equations.hessian, self._equations.gradient


def bind_solver(
    training: Training, network: Network, loss: Loss, batch: BoundBatch, penalty: BoundPenalty
) -> Solver | None:
    """Return the solver of an optimizer that takes all rows at once, None for other optimizers."""
    if not isinstance(training.optimizer, FullBatchOptimizer):
        return None
    objective = WholeBatchObjective(network, loss, batch, penalty, training.l2)
    return training.optimizer.solver(objective)
