"""The examiner: it measures a network in training, layer by layer, and leaves it as it was."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bpnet.doctor.diagnosis import Diagnosis, LayerReport
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
from bpnet.engine.layers import Dense, Embedding
from bpnet.engine.loop.batches import Rows, WholeBatch
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import Loss, SquaredError
from bpnet.engine.network import Network
from bpnet.engine.objective import Objective
from bpnet.engine.penalties import Penalty, bind_penalties

ROWS = 128
"""Largest number of rows that an examination takes, evenly from all.

They are enough for shares of units and norms of gradients, and few enough that an examination every
ten epochs of the digits table, with 12,570 rows, takes less than 2 % of the time.
"""

LIMIT = 0.01
"""Distance to its limit, as a share of the activation's range, below which an output is saturated.

A sigmoid's slope is then below 0.01, a twenty-fifth of its steepest.
"""

ALIKE = 1e-6
"""Difference between units, as a share of the largest weight, below which they are the same."""

_PIECE = 1 << 16
"""Number of parameters converted to float64 at a time."""


class Examiner:
    """Examines a network with at most `ROWS` of its training rows, in buffers made once.

    If the rows are in several sets, each replica takes its own.
    """

    def __init__(
        self,
        training: Training,
        network: Network,
        rows: Rows,
        each: Sequence[Training] | None = None,
    ) -> None:
        self._network = network
        loss, penalty = training.loss or SquaredError(), Penalty()
        penalties = [Penalty(l1=one.l1, l2=one.l2) for one in each or [training] * _count(network)]
        self._penalty = bind_penalties(penalties, network.theta, network.gradient, network.weights)
        self._first = network.theta.copy()
        self._first_norms: dict[tuple[int, int | None], float] = {}
        every = -(-len(rows) // ROWS)  # rounded up, for at most ROWS rows
        with np.errstate(all="ignore"):
            sample = rows.picked(slice(None, None, every)).normalized()
            self._objective = Objective(network, loss, sample, penalty)
            # they make the reported losses those of a row
            self._divisor, self._penalty_divisor = (
                (len(sample), len(rows)) if loss.rows == "sum" else (1, 1)
            )
            self._rows = len(sample)
            scores = self._objective.layers.output
            self._chance = _chance(loss, scores, self._objective.batch) / self._divisor
            self._input_size = _input_size(network, sample.x)
        self._columns = [_weight_columns(network, k) for k in range(len(network.layers))]

    def examine(self, before: Array | None = None) -> Diagnosis:
        """Return the diagnosis of the present parameters; `before` is theta (R, P) a step earlier.

        Theta, gradient, statistics, generators and warnings are left as they were. Layers that
        draw, such as dropout, draw the same every time.
        """
        return self.examine_each(before)[0]

    def examine_each(
        self, before: Array | None = None, *, brief: bool = False
    ) -> tuple[Diagnosis, list[Diagnosis]]:
        """Return the diagnosis of all replicas together, as `examine` does, and of each.

        A brief one, while training goes on, leaves out what only its ends need.
        """
        network, objective = self._network, self._objective
        with np.errstate(all="ignore"), network.untouched():
            objective.forward(epoch=0)  # training counts from 1
            objective.layers.backward(objective.loss.gradient)  # without the penalty
            losses = objective.loss.value() / self._divisor  # (R,)
            penalties = self.penalties()
            together = self._diagnosis(slice(None), losses, penalties, before, brief)
            count = _count(network)
            if count == 1:
                return together, [together]
            each = [slice(k, k + 1) for k in range(count)]
            return together, [
                self._diagnosis(one, losses, penalties, before, brief) for one in each
            ]

    def penalties(self) -> Array:
        """Return the penalty (R,) of the present weights, by the convention of a row's loss."""
        return np.asarray(self._penalty.value() / self._penalty_divisor)

    def _diagnosis(
        self,
        which: slice,
        losses: Array,
        penalties: Array,
        before: Array | None,
        brief: bool,
    ) -> Diagnosis:
        """Return the diagnosis of some replicas, after forward and backward."""
        bound = self._objective.layers.layers
        return Diagnosis(
            rows=self._rows,
            loss=float(losses[which].mean()),
            penalty=float(penalties[which].mean()),
            chance=self._chance,
            input_size=self._input_size,
            layers=tuple(
                self._report(k, layer.output[which], which, before, brief)
                for k, layer in enumerate(bound)
            ),
        )

    def _report(
        self, k: int, output: Array, which: slice, before: Array | None, brief: bool
    ) -> LayerReport:
        """Return the report on layer k of some replicas; `before` is theta a step earlier."""
        network, weights = self._network, self._columns[k]
        layer, theta = network.layers[k], network.theta[which]
        activation = getattr(layer, "activation", None)
        size = _norm(theta, weights)
        report = LayerReport(
            layer=k + 1,
            kind=str(getattr(layer, "kind", type(layer).__name__)),
            activation=getattr(activation, "kind", None),
            mean=float(output.mean()),
            spread=float(output.std()),
            saturated=_saturated(activation, output),
            dead=_dead(activation, output),
            weights=sum(columns.stop - columns.start for columns in weights),
            gradient_norm=_norm(network.gradient[which], weights) if weights else None,
            weight_norm=size if weights else None,
            update_ratio=_norm(theta, weights, before[which]) / size
            if before is not None and size
            else None,
        )
        if brief or not weights:
            return report
        start = self._first_norm(k, which)
        return replace(
            report,
            moved=_norm(theta, weights, self._first[which]) / start if start else None,
            gain=size * math.sqrt(network.widths[k] / (report.weights * len(theta))),
            alike=self._alike(k, which),
        )

    def _first_norm(self, k: int, which: slice) -> float:
        """Return the norm of the first weights of layer k, which is computed once."""
        key = (k, which.start)
        if key not in self._first_norms:
            self._first_norms[key] = _norm(self._first[which], self._columns[k])
        return self._first_norms[key]

    def _alike(self, k: int, which: slice) -> bool | None:
        """Return True if all units of dense layer k have the same weights, in some replica."""
        layer = self._network.layers[k]
        if not isinstance(layer, Dense) or layer.units < 2:
            return None
        w = self._network.parameters.views[f"layers.{k}.weight"][which]  # (R, O, I)
        spread = (w.max(axis=1) - w.min(axis=1)).max(axis=1)  # (R,)
        return bool((spread <= ALIKE * np.abs(w).max(axis=(1, 2))).any())


def _input_size(network: Network, x: Array) -> float:
    """Return the largest root mean square of a column of x (N, I) that is not of category codes."""
    first = network.layers[0] if network.layers else None
    quantities = x[:, first.others(network.inputs)] if isinstance(first, Embedding) else x
    return float(np.sqrt(np.square(quantities).mean(axis=0).max())) if quantities.shape[1] else 1.0


def _chance(loss: Loss, scores: Array, batch: WholeBatch) -> float:
    """Return the loss of scores that are all 0 if it reads logits, else the targets' mean."""
    constant = np.zeros_like(scores)  # as logits: the same probability for all classes
    if loss.link.kind == "identity":
        weights = None if batch.weights is None else np.broadcast_to(batch.weights, batch.y.shape)
        # mean of each output's targets (R, O, 1)
        constant += np.average(batch.y, axis=2, weights=weights, keepdims=True)
    bound = loss.bind(constant, batch.y, batch.weights)
    bound.evaluate()
    return float(bound.value().mean())


def _count(network: Network) -> int:
    """Return the number of replicas."""
    return len(network.seeds)


def _weight_columns(network: Network, k: int) -> list[slice]:
    """Return the columns of theta that hold the weights of layer k."""
    columns, start = [], 0
    for name, view in network.parameters.views.items():
        stop = start + view[0].size
        # weights come first in theta; an array may be empty, such as that of waves of no input
        if name.startswith(f"layers.{k}.") and start < stop <= network.weights:
            columns.append(slice(start, stop))
        start = stop
    return columns


def _norm(flat: Array, columns: list[slice], other: Array | None = None) -> float:
    """Return the norm of these columns of an array (R, P), or of its difference from another.

    It is summed in float64, piece by piece: in float32 the square of a vanishing gradient is 0, and
    that of an exploding one infinite.
    """
    total = 0.0
    for whole in columns:
        for start in range(whole.start, whole.stop, _PIECE):
            part = slice(start, min(start + _PIECE, whole.stop))
            piece = flat[:, part].astype(np.float64)
            if other is not None:
                piece -= other[:, part]
            total += float(np.vecdot(piece, piece).sum())
    return math.sqrt(total)


def _saturated(activation: Activation | None, a: Array) -> float | None:
    """Return the share of outputs a (R, O, B) within `LIMIT` of an end of the range."""
    if isinstance(activation, Tanh):
        return float((np.abs(a) > 1 - 2 * LIMIT).mean())  # the range is 2 wide
    if isinstance(activation, Sigmoid):
        return float((np.abs(a - 0.5) > 0.5 - LIMIT).mean())
    return None


def _dead(activation: Activation | None, a: Array) -> float | None:
    """Return the share of units of a (R, O, B) that never rise above 0 and hardly vary.

    Softplus never reaches 0, so that its limit is `LIMIT`.
    """
    if not isinstance(activation, Relu | Elu | Selu | Gelu | Silu | Mish | Softplus):
        return None
    top, bottom = a.max(axis=2), a.min(axis=2)  # (R, O), over the rows
    lowest = LIMIT if isinstance(activation, Softplus) else 0
    return float(((top <= lowest) & (top - bottom <= LIMIT)).mean())
