"""A network with a bug, for `bpnet trace --bug` and `bpnet gradcheck --bug`."""

from collections.abc import Sequence

from bpnet.engine.bugs import BUGS
from bpnet.engine.layers import Layer
from bpnet.engine.loop.settings import Training
from bpnet.engine.network import Network
from bpnet.errors import UsageError
from bpnet.messages import did_you_mean, quoted_list


def spoiled_network(bug: str, network: Network, training: Training) -> Network:
    """Return a copy of a network of one replica with a bug; raise UsageError."""
    spoiled = Network(
        spoiled_layers(bug, network.layers, training),
        network.inputs,
        seeds=network.seeds,
        precision=str(network.dtype),
        output_activation=network.output_activation,
        draws=False,
    )
    spoiled.theta[:], spoiled.statistics.flat[:] = network.theta, network.statistics.flat
    spoiled.draws_as = network.draws_as
    return spoiled


def spoiled_layers(name: str, layers: Sequence[Layer], training: Training) -> list[Layer]:
    """Return layers with a bug.

    Raises UsageError if there is no such bug, or if it changes nothing in these layers.
    """
    bug = BUGS.get(name)
    if bug is None:
        raise UsageError(
            f"--bug {name}: there is no such bug; the bugs are {quoted_list(list(BUGS))}"
            f"{did_you_mean(name, list(BUGS))}"
        )
    plain = not (training.l1 or training.l2 or training.gradient_clipping)
    kind = training.optimizer.kind
    if bug.needs_plain_descent and (kind != "gradient_descent" or not plain):
        raise UsageError(
            f"--bug {name}: is a mistake of plain gradient descent; add --set "
            "training.optimizer=gradient_descent, and leave out penalties and clipping"
        )
    spoiled = bug.spoil(layers, training.learning_rate)
    if spoiled == list(layers):
        raise UsageError(
            f"--bug {name}: changes nothing in this network, which has no {bug.spoils}; add a "
            "hidden layer: --set architecture.hidden=[2]"
        )
    return spoiled
