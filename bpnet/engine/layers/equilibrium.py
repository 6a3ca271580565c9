"""The equilibrium layer: units feed each other until they settle; recurrent backpropagation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.activations import AnyActivation, Sigmoid
from bpnet.engine.component import Array, FieldError, choice, number
from bpnet.engine.initializers import AnyInitializer, GlorotUniform, Zeros
from bpnet.engine.layers.base import BoundLayer, Layer, Wiring
from bpnet.engine.parameters import Parameter


@dataclass(frozen=True, kw_only=True)
class Equilibrium(Layer):
    """y = f(W y + U x + b), relaxed from y = 0 until no unit changes by more than `tolerance`.

    With s = f'(W y + U x + b), the error relaxes backward through the adjoint v = Wᵀ (s v) + dL/dy,
    until no change is larger than `tolerance` times the largest dL/dy. Then, summed over the rows,
    dL/dW = (s v) yᵀ,  dL/dU = (s v) xᵀ,  dL/db = s v,  and dL/dx = Uᵀ (s v).
    Almeida (1987), Pineda (1987).
    """

    kind: Literal["equilibrium"] = "equilibrium"
    needs_whole_batch: ClassVar[bool] = True  # all rows are relaxed until the slowest has settled
    units: int = number(ge=1)
    """Number of units that feed each other. Example: `units: 8`."""
    output_units: int | None = number(None, ge=1)
    """Number of units, from the last, that the next layer reads. By default all.
    Example: `output_units: 3`.
    """
    activation: AnyActivation = choice(Sigmoid())
    """Function f of each unit. It must act on each unit by itself, which softmax does not.
    Example: `activation: tanh`.
    """
    bias: bool = True
    """Add a trained bias to each unit."""
    initializer: AnyInitializer = choice(GlorotUniform())
    """First values of U, the weights of the inputs. Example: `initializer: lecun_normal`."""
    recurrent_initializer: AnyInitializer = choice(GlorotUniform(gain=0.5))
    """First values of W, the weights between the units. Where they are large the units may not
    settle. Example: `recurrent_initializer: orthogonal`.
    """
    bias_initializer: AnyInitializer = choice(Zeros())
    """First values of b."""
    tolerance: float = number(1e-6, gt=0)
    """Largest change of a unit in a step at which the units count as settled."""
    max_steps: int = number(10_000, ge=1)
    """Most steps that the units take to settle, and the backward error, too; a warning says when
    they were not enough.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output_units is not None and self.output_units > self.units:
            raise FieldError(
                "output_units",
                f"is {self.output_units}, but the layer has {self.units} units; "
                "lower it, or raise units",
            )
        if not self.activation.elementwise:
            raise FieldError(
                "activation",
                f"is {self.activation.kind}, which does not act on each unit separately; "
                "choose another",
            )
        for name in ("initializer", "recurrent_initializer", "bias_initializer"):
            if getattr(self, name).from_rows:
                raise FieldError(
                    name,
                    f"is {getattr(self, name).kind}, which needs a dense layer; choose another",
                )

    def outputs(self, inputs: int) -> int:
        """Return the number of units that the next layer reads."""
        return self.units if self.output_units is None else self.output_units

    def parameters(self, inputs: int) -> dict[str, Parameter]:
        """Return W (O, O) as `recurrent`, U (O, I) as `weight` and, if any, b (O,) as `bias`."""
        shape, fans = (self.units, inputs), (inputs, self.units)
        square = (self.units, self.units)
        parameters = {
            "recurrent": Parameter(
                square, self.recurrent_initializer, *square, is_weight=True, group="weight"
            ),
            "weight": Parameter(shape, self.initializer, *fans, is_weight=True, group="weight"),
        }
        if self.bias:
            parameters["bias"] = Parameter(
                (self.units,), self.bias_initializer, *fans, is_weight=False, group="bias"
            )
        return parameters

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers."""
        return BoundEquilibrium(self, wiring)


class BoundEquilibrium(BoundLayer):
    """An equilibrium layer over one batch's buffers; all its work arrays are (R, units, B)."""

    def __init__(self, layer: Equilibrium, wiring: Wiring) -> None:
        self._layer, self._x, self._warn = layer, wiring.x, wiring.warn
        self._recurrent, self._weight = wiring.parameters["recurrent"], wiring.parameters["weight"]
        bias = wiring.parameters.get("bias")
        self._bias = None if bias is None else bias[:, :, None]  # (R, O, 1)
        # U x + b, W y + U x + b, y, the y of the next step, and scratch
        self._drive, self._z, self.y, self._next, self._work = (
            wiring.empty(layer.units) for _ in range(5)
        )
        self._scratch = layer.activation.scratch(self._z)
        self.states: list[Array] | None = None
        """Where a relaxation leaves a copy of each state (R, units, B), if there is such a list."""
        first = layer.units - layer.outputs(wiring.x.shape[1])
        self.output = self.y[:, first:]  # a view
        # a replica's rows settle together, or each by itself
        self._together = (1,) if wiring.rows_apart else (1, 2)
        settling = (len(wiring.x), 1, wiring.x.shape[2] if wiring.rows_apart else 1)
        self._change = np.empty(settling, wiring.x.dtype)  # largest in this step
        self._limit = np.empty(settling, wiring.x.dtype)  # at or below it they have settled
        self._moving = np.empty(settling, np.bool_)
        if wiring.training:
            self._first = first
            self._slope, self._error, self._adjoint = (wiring.empty(layer.units) for _ in range(3))
            self._gradients = wiring.gradients
            if wiring.wants_input_gradient:
                self.input_gradient = wiring.empty(wiring.x.shape[1])

    def forward(self) -> None:
        """Relax y = f(W y + U x + b) from 0."""
        layer = self._layer
        np.matmul(self._weight, self._x, out=self._drive)  # U x + b is the same in every step
        if self._bias is not None:
            np.add(self._drive, self._bias, out=self._drive)
        self.y.fill(0)
        self._limit.fill(layer.tolerance)
        self._relax(self._step_forward, self.y, "the units")
        # once more from the settled y, to which what f leaves for its derivative then belongs
        np.matmul(self._recurrent, self.y, out=self._z)
        np.add(self._z, self._drive, out=self._z)
        layer.activation.forward(self._z, self._next, self._scratch)

    def backward(self, delta: Array) -> None:
        """Relax the adjoint v = Wᵀ (s v) + delta with s = f'(W y + U x + b), and write gradients.

        dL/dW = (s v) yᵀ,  dL/dU = (s v) xᵀ,  dL/db = Σ s v over the rows,  dL/dx = Uᵀ (s v).
        """
        layer = self._layer
        self._slope.fill(1)  # sent back through f, 1 becomes f' = s
        layer.activation.backward(self._z, self._next, self._slope, self._scratch)
        self._error.fill(0)
        np.copyto(self._error[:, self._first :], delta)  # dL/dy, 0 for units that are not read
        np.copyto(self._adjoint, self._error)  # v starts at dL/dy
        np.abs(self._error, out=self._work)
        np.maximum.reduce(self._work, axis=self._together, out=self._limit, keepdims=True)
        np.multiply(self._limit, layer.tolerance, out=self._limit)  # tolerance max |dL/dy| (R,)
        self._relax(self._step_backward, self._adjoint, "the error")
        np.multiply(self._slope, self._adjoint, out=self._work)  # s v
        np.matmul(self._work, self.y.transpose(0, 2, 1), out=self._gradients["recurrent"])
        np.matmul(self._work, self._x.transpose(0, 2, 1), out=self._gradients["weight"])
        if self._bias is not None:
            np.add.reduce(self._work, axis=2, out=self._gradients["bias"])
        if self.input_gradient is not None:
            np.matmul(self._weight.transpose(0, 2, 1), self._work, out=self.input_gradient)

    def _step_forward(self) -> None:
        """Write f(W y + U x + b) into `_next`."""
        np.matmul(self._recurrent, self.y, out=self._z)
        np.add(self._z, self._drive, out=self._z)
        self._layer.activation.forward(self._z, self._next, self._scratch)

    def _step_backward(self) -> None:
        """Write Wᵀ (s v) + delta into `_next`."""
        np.multiply(self._slope, self._adjoint, out=self._work)
        np.matmul(self._recurrent.transpose(0, 2, 1), self._work, out=self._next)  # Wᵀ (s v)
        np.add(self._next, self._error, out=self._next)

    def _relax(self, step: Callable[[], None], state: Array, quantity: str) -> None:
        """Step from `state` to `_next` until each replica's largest change is within its limit.

        A replica that has settled, or a row where rows stay apart, rests while others go on.
        """
        self._moving.fill(True)
        for _ in range(self._layer.max_steps):
            step()
            np.subtract(self._next, state, out=self._work)
            np.abs(self._work, out=self._work)
            np.maximum.reduce(self._work, axis=self._together, out=self._change, keepdims=True)
            # before `_moving` changes, so that a replica takes the step in which it settles
            np.copyto(state, self._next, where=self._moving)
            if self.states is not None:
                self.states.append(state.copy())
            # false for nan: a replica that has lost its numbers rests, too
            np.logical_and(self._moving, self._change > self._limit, out=self._moving)
            if not self._moving.any():
                return
        if np.isfinite(self._change).all():
            largest = float(np.max(self._change, where=self._moving, initial=0))
            self._warn(
                f"{quantity} did not settle in {self._layer.max_steps} steps (the largest change "
                f"is still {largest:.2g}): lower training.learning_rate, or raise the layer's "
                "max_steps or tolerance"
            )
