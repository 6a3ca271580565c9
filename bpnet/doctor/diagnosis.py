"""A diagnosis: one look at a network in training, layer by layer, that leaves everything as it was."""

import math
from dataclasses import dataclass

import numpy as np

from bpnet.engine.activations import (
    Activation,
    Elu,
    Gelu,
    Mish,
    Relu,
    Selu,
    Sigmoid,
    Silu,
    Softplus,
    Tanh,
)
from bpnet.engine.component import Array
from bpnet.engine.layers import Embedding
from bpnet.engine.loop.batches import Rows, WholeBatch
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import Loss, SquaredError
from bpnet.engine.network import Network
from bpnet.engine.penalties import Penalty

ROWS = 128
"""How many rows a look reads at most, taken evenly from all: enough for shares of units and norms of gradients, and few
enough that a look every ten epochs of the digits table, 12,570 rows, costs less than 2 % of them."""

LIMIT = 0.01
"""How near to its limit, as a share of the activation's range, a saturated output is: a sigmoid's slope is then below
0.01, a twenty-fifth of its steepest."""


_PIECE = 1 << 16
"""How many parameters are brought into float64 at a time."""


@dataclass(frozen=True)
class LayerReport:
    """One layer's figures over the rows of a look, replicas taken together; None where a figure means nothing."""

    layer: int
    """Counted from 1, as in messages."""
    kind: str
    activation: str | None
    mean: float
    """The mean of the layer's outputs."""
    spread: float
    """Their standard deviation."""
    saturated: float | None
    """Of sigmoid and tanh: the share of the outputs that are at a limit."""
    dead: float | None
    """Of the relu family and softplus: the share of units that stay at their lower limit, flat, on every row."""
    weights: int
    """How many weights, biases and the like apart."""
    gradient_norm: float | None
    """The norm of the loss's gradient by the weights: without penalty, before clipping."""
    weight_norm: float | None
    update_ratio: float | None
    """The norm of the last step over that of the weights it led to."""

    @property
    def gradient_size(self) -> float:
        """The gradient's root mean square over the weights, which layers of any size can be compared by."""
        return (
            math.nan if self.gradient_norm is None else self.gradient_norm / math.sqrt(self.weights)
        )


@dataclass(frozen=True)
class Diagnosis:
    """One look: the loss, what it is to be compared with, and a report for each layer. Losses are those of a row."""

    rows: int
    loss: float
    """The loss of the rows looked at, in training (dropout on), penalty excluded."""
    penalty: float
    chance: float
    """The loss, by its own conventions, of an answer that ignores the inputs: log K for the cross entropy of K classes,
    log 2 an output for binary cross entropy, the variance of the targets for the squared error."""
    input_size: float
    """The largest root mean square of an input column, codes apart: 1 where inputs are standardized, or all codes."""
    layers: tuple[LayerReport, ...]


class Examiner:
    """Takes at most `ROWS` of the training rows forward and backward, through buffers that every look shares.

    Of rows in several sets each replica takes its own.
    """

    def __init__(self, training: Training, network: Network, rows: Rows) -> None:
        self._network, self._loss = network, training.loss or SquaredError()
        every = -(-len(rows) // ROWS)
        with np.errstate(all="ignore"):
            sample = rows.picked(slice(None, None, every)).normalized()
            batch = WholeBatch(sample.prepared(self._loss.prepare), len(network.seeds))
            self._pass = network.bind(batch.x, training=True)
            self._cost = self._loss.bind(self._pass.output, batch.y, batch.weights)
            self._penalty = Penalty(l1=training.l1, l2=training.l2).bind(
                network.theta, network.gradient, network.weights
            )
            # what makes the reported losses those of a row
            self._divisor, self._penalty_divisor = (
                (len(sample), len(rows)) if self._loss.rows == "sum" else (1, 1)
            )
            self._rows = len(sample)
            self._chance = _chance(self._loss, self._pass.output, batch) / self._divisor
            self._input_size = _input_size(network, sample.x)
        self._columns = [_weight_columns(network, k) for k in range(len(network.layers))]

    def look(self, before: Array | None = None) -> Diagnosis:
        """Look at the present parameters; `before` is theta (R, P) before the last step.

        Theta, gradient, statistics, generators and warnings are left as they were. Layers that draw, such as dropout,
        draw the same in each look.
        """
        network = self._network
        with np.errstate(all="ignore"), network.untouched():
            network.begin_epoch(0)  # training counts from 1
            self._pass.forward()
            self._cost.evaluate()
            self._pass.backward(self._cost.gradient)
            return Diagnosis(
                rows=self._rows,
                loss=float(self._cost.value().mean()) / self._divisor,
                penalty=float(self._penalty.value().mean()) / self._penalty_divisor,
                chance=self._chance,
                input_size=self._input_size,
                layers=tuple(
                    _report(network, k, layer.output, self._columns[k], before)
                    for k, layer in enumerate(self._pass.layers)
                ),
            )


def _input_size(network: Network, x: Array) -> float:
    """The largest root mean square of a column of x (N, I); codes that an embedding reads have no size."""
    first = network.layers[0] if network.layers else None
    quantities = x[:, first.others(network.inputs)] if isinstance(first, Embedding) else x
    return float(np.sqrt(np.square(quantities).mean(axis=0).max())) if quantities.shape[1] else 1.0


def _chance(loss: Loss, scores: Array, batch: WholeBatch) -> float:
    """The loss of scores that are all 0 where it reads logits, else the targets' mean."""
    constant = np.zeros_like(scores)
    if loss.link.kind == "identity":
        weights = None if batch.weights is None else np.broadcast_to(batch.weights, batch.y.shape)
        constant += np.average(batch.y, axis=2, weights=weights, keepdims=True)
    answer = loss.bind(constant, batch.y, batch.weights)
    answer.evaluate()
    return float(answer.value().mean())


def _report(
    network: Network, k: int, output: Array, weights: list[slice], before: Array | None
) -> LayerReport:
    """The report on layer k, whose weights stand in these columns of theta; `before` is theta before the last step."""
    layer = network.layers[k]
    activation = getattr(layer, "activation", None)
    size = _norm(network.theta, weights)
    return LayerReport(
        layer=k + 1,
        kind=str(getattr(layer, "kind", type(layer).__name__)),
        activation=getattr(activation, "kind", None),
        mean=float(output.mean()),
        spread=float(output.std()),
        saturated=_saturated(activation, output),
        dead=_dead(activation, output),
        weights=sum(columns.stop - columns.start for columns in weights),
        gradient_norm=_norm(network.gradient, weights) if weights else None,
        weight_norm=size if weights else None,
        update_ratio=_norm(network.theta, weights, before) / size
        if before is not None and size
        else None,
    )


def _weight_columns(network: Network, k: int) -> list[slice]:
    """Where the weights of layer k stand in theta."""
    found, start = [], 0
    for name, view in network.parameters.views.items():
        stop = start + view[0].size
        if name.startswith(f"layers.{k}.") and stop <= network.weights:
            found.append(slice(start, stop))
        start = stop
    return found


def _norm(flat: Array, columns: list[slice], other: Array | None = None) -> float:
    """The norm of these columns of an array (R, P), or of its difference to another.

    It is summed up in float64, piece by piece: in float32 the square of a vanishing gradient is 0, and that of an
    exploding one infinite.
    """
    total = 0.0
    for own in columns:
        for start in range(own.start, own.stop, _PIECE):
            part = slice(start, min(start + _PIECE, own.stop))
            piece = flat[:, part].astype(np.float64)
            if other is not None:
                piece -= other[:, part]
            total += float(np.vecdot(piece, piece).sum())
    return math.sqrt(total)


def _saturated(activation: Activation | None, a: Array) -> float | None:
    """The share of outputs a (R, O, B) within `LIMIT` of the range from an end of it."""
    if isinstance(activation, Tanh):
        return float((np.abs(a) > 1 - 2 * LIMIT).mean())
    if isinstance(activation, Sigmoid):
        return float((np.abs(a - 0.5) > 0.5 - LIMIT).mean())
    return None


def _dead(activation: Activation | None, a: Array) -> float | None:
    """The share of units of a (R, O, B) that on every row are at or below 0, softplus at `LIMIT`, and hardly vary."""
    if not isinstance(activation, Relu | Elu | Selu | Gelu | Silu | Mish | Softplus):
        return None
    top, bottom = a.max(axis=2), a.min(axis=2)
    lowest = LIMIT if isinstance(activation, Softplus) else 0
    return float(((top <= lowest) & (top - bottom <= LIMIT)).mean())
