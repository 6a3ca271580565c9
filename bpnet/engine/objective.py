"""The objective: a network's loss and penalty over all of some rows as one batch."""

from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows, WholeBatch
from bpnet.engine.losses import Loss
from bpnet.engine.network import Network
from bpnet.engine.penalties import Penalty


class Objective:
    """L(θ) of the rows in training, penalty included; its parts are `layers`, `loss`, `penalty`.

    Raises ValueError if the rows do not fit the network, or are not in memory.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        rows: Rows,
        penalty: Penalty,
        *,
        keeps_sums: bool = False,
    ) -> None:
        self.network = network
        self.batch = WholeBatch(rows.prepared(loss.prepare), len(network.seeds))
        self.layers = network.bind(self.batch.x, training=True, keeps_sums=keeps_sums)
        self.loss = loss.bind(
            self.layers.output, self.batch.y, self.batch.weights, network.progress
        )
        self.penalty = penalty.bind(network.theta, network.gradient, network.weights)

    def forward(self, epoch: int = 0) -> Array:
        """Return L (R,) of the present parameters; what layers draw depends on the epoch only."""
        self.network.begin_epoch(epoch)
        return self.forward_again()

    def forward_again(self) -> Array:
        """Return L (R,) of the present parameters, with what layers draw next in the epoch."""
        self.layers.forward()
        self.loss.evaluate()
        return self.loss.value() + self.penalty.value()

    def backward(self) -> None:
        """Write dL/dθ into the network's gradient (R, P), after forward."""
        self.layers.backward(self.loss.gradient)
        self.penalty.add_gradient()
