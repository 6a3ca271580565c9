"""Normalization to mean 0 and variance 1, over the rows of a batch or over the units of a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.activations import AnyActivation, Identity
from bpnet.engine.component import Array, choice, number
from bpnet.engine.initializers import Constant, Shape, Zeros
from bpnet.engine.layers.base import BoundActivation, BoundLayer, Layer, Wiring
from bpnet.engine.parameters import Parameter


@dataclass(frozen=True, kw_only=True)
class _Normalization(Layer):
    """a = f(γ n + β) with n = (x - mean) / √(variance + epsilon), and γ and β trained per unit.

    With δ = f' dL/da:  dL/dγ = Σ δ n,  dL/dβ = Σ δ over the rows. With d = γ δ, and means over the
    values that share a mean:  dL/dx = (d - mean(d) - n mean(d n)) / √(variance + epsilon).
    """

    epsilon: float = number(1e-5, gt=0)
    """Number added to the variance, so that equal values are not divided by 0."""
    activation: AnyActivation = choice(Identity())
    """Function f of the normalized values. Example: `activation: relu`."""

    def parameters(self, inputs: int) -> dict[str, Parameter]:
        """Return γ (I,) as `gamma`, from 1, and β (I,) as `beta`, from 0."""
        return {
            "gamma": Parameter(
                (inputs,), Constant(value=1.0), inputs, inputs, is_weight=False, group="scale"
            ),
            "beta": Parameter((inputs,), Zeros(), inputs, inputs, is_weight=False, group="bias"),
        }


@dataclass(frozen=True, kw_only=True)
class BatchNormalization(_Normalization):
    """Mean and variance of each unit over the rows of the batch (Ioffe and Szegedy 2015).

    Outside training it uses the running mean and variance: running = momentum running +
    (1 - momentum) batch, with the batch's unbiased variance. A batch of one row has no variance and
    changes neither.
    """

    kind: Literal["batch_normalization"] = "batch_normalization"
    needs_whole_batch: ClassVar[bool] = True
    momentum: float = number(0.9, ge=0, lt=1)
    """Share of the running mean and variance that stays at each step; near 1 they average over many
    batches. Example: `momentum: 0.99`.
    """

    def statistics(self, inputs: int) -> dict[str, tuple[Shape, float]]:
        """Return the running mean and variance, each (I,)."""
        return {"running_mean": ((inputs,), 0.0), "running_variance": ((inputs,), 1.0)}

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers."""
        return (
            BoundBatchNormalization(self, wiring)
            if wiring.training
            else BoundRunningNormalization(self, wiring)
        )


@dataclass(frozen=True, kw_only=True)
class LayerNormalization(_Normalization):
    """Mean and variance of each row over its units (Ba, Kiros and Hinton 2016)."""

    kind: Literal["layer_normalization"] = "layer_normalization"
    has_row_gradients: ClassVar[bool] = True

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers."""
        return BoundNormalization(self, wiring, axis=1)


class BoundNormalization(BoundLayer):
    """Normalization by the batch's mean and variance along one axis of x (R, I, B)."""

    def __init__(self, layer: _Normalization, wiring: Wiring, axis: int) -> None:
        units = wiring.x.shape[1]
        self._x, self._axis, self._epsilon = wiring.x, axis, layer.epsilon
        self._gamma = wiring.parameters["gamma"][:, :, None]  # (R, I, 1)
        self._beta = wiring.parameters["beta"][:, :, None]
        self._normalized = wiring.empty(units)  # n
        self._work = wiring.empty(units)
        shape = list(self._normalized.shape)
        shape[axis] = 1  # (R, 1, B) or (R, I, 1)
        self._mean, self._variance, self._inverse = (
            np.empty(shape, wiring.x.dtype) for _ in range(3)
        )
        self._z = wiring.empty(units)
        self._activation = BoundActivation(layer.activation, self._z, keeps_sums=wiring.keeps_sums)
        self.output = self._activation.output
        if wiring.training:
            self._gamma_gradient = wiring.gradients["gamma"]
            self._beta_gradient = wiring.gradients["beta"]

    def forward(self) -> None:
        """Write f(γ n + β)."""
        self._average(self._x, self._mean)
        np.subtract(self._x, self._mean, out=self._normalized)  # x - mean
        np.multiply(self._normalized, self._normalized, out=self._work)  # (x - mean)²
        self._average(self._work, self._variance)
        np.add(self._variance, self._epsilon, out=self._inverse)
        np.sqrt(self._inverse, out=self._inverse)
        np.reciprocal(self._inverse, out=self._inverse)  # 1 / √(variance + epsilon)
        np.multiply(self._normalized, self._inverse, out=self._normalized)  # n
        np.multiply(self._normalized, self._gamma, out=self._z)
        np.add(self._z, self._beta, out=self._z)
        self._activation.forward()

    def backward(self, delta: Array) -> None:
        """Turn delta from dL/da into dL/dx, in place, and write dL/dγ and dL/dβ.

        With δ = f' dL/da and d = γ δ:  dL/dγ = Σ δ n,  dL/dβ = Σ δ,
        dL/dx = (d - mean(d) - n mean(d n)) / √(variance + epsilon).
        """
        self._activation.backward(delta)
        self._backward_normalized(delta)

    def backward_rows(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Do as `backward`, and write δ n and δ of each row into `out`."""
        self._activation.backward(delta)
        np.multiply(delta, self._normalized, out["gamma"])
        np.copyto(out["beta"], delta)
        self._backward_normalized(delta)

    def _backward_normalized(self, delta: Array) -> None:
        """Turn δ into dL/dx, in place, and write dL/dγ and dL/dβ."""
        work, mean = self._work, self._mean  # scratch: forward's means are used up
        np.add.reduce(delta, axis=2, out=self._beta_gradient)  # Σ δ (R, I)
        np.multiply(delta, self._normalized, out=work)  # δ n
        np.add.reduce(work, axis=2, out=self._gamma_gradient)  # Σ δ n (R, I)
        np.multiply(delta, self._gamma, out=delta)  # d
        np.multiply(work, self._gamma, out=work)  # d n
        self._average(work, mean)  # mean(d n)
        np.multiply(self._normalized, mean, out=work)  # n mean(d n)
        self._average(delta, mean)  # mean(d)
        np.subtract(delta, mean, out=delta)  # d - mean(d)
        np.subtract(delta, work, out=delta)  # d - mean(d) - n mean(d n)
        np.multiply(delta, self._inverse, out=delta)
        self.input_gradient = delta

    def _average(self, values: Array, out: Array) -> None:
        """Write the mean along the axis into out."""
        np.add.reduce(values, axis=self._axis, out=out, keepdims=True)
        np.divide(out, values.shape[self._axis], out=out)


class BoundBatchNormalization(BoundNormalization):
    """Batch normalization in training, which also updates the running mean and variance."""

    def __init__(self, layer: BatchNormalization, wiring: Wiring) -> None:
        super().__init__(layer, wiring, axis=2)
        rows = wiring.x.shape[2]
        self._momentum = layer.momentum if rows > 1 else 1.0  # with 1, running stays as it is
        self._unbiased = rows / max(rows - 1, 1)  # factor of the batch's variance
        self._running_mean = wiring.statistics["running_mean"][:, :, None]
        self._running_variance = wiring.statistics["running_variance"][:, :, None]

    def forward(self) -> None:
        """Write f(γ n + β), and running = momentum running + (1 - momentum) batch."""
        super().forward()
        for running, batch, factor in (
            (self._running_mean, self._mean, 1.0),
            (self._running_variance, self._variance, self._unbiased),
        ):
            # in place, since backward reads n and the inverse but not the batch's mean or variance
            np.multiply(batch, factor * (1 - self._momentum), out=batch)
            np.multiply(running, self._momentum, out=running)
            np.add(running, batch, out=running)


class BoundRunningNormalization(BoundLayer):
    """Batch normalization outside training, by the running mean and variance.

    z = scale x + shift with scale = γ / √(running variance + epsilon) and
    shift = β - scale running mean.
    """

    def __init__(self, layer: BatchNormalization, wiring: Wiring) -> None:
        self._x, self._epsilon = wiring.x, layer.epsilon
        self._gamma, self._beta = wiring.parameters["gamma"], wiring.parameters["beta"]
        self._running_mean = wiring.statistics["running_mean"]
        self._running_variance = wiring.statistics["running_variance"]
        self._scale, self._shift = np.empty_like(self._gamma), np.empty_like(self._gamma)
        self._z = wiring.empty(wiring.x.shape[1])
        self._activation = BoundActivation(layer.activation, self._z, keeps_sums=wiring.keeps_sums)
        self.output = self._activation.output

    def forward(self) -> None:
        """Write f(z)."""
        # computed in each pass: between two, training may change all four
        np.add(self._running_variance, self._epsilon, out=self._scale)
        np.sqrt(self._scale, out=self._scale)  # √(running variance + epsilon)
        np.divide(self._gamma, self._scale, out=self._scale)  # scale (R, I)
        np.multiply(self._running_mean, self._scale, out=self._shift)
        np.subtract(self._beta, self._shift, out=self._shift)  # β - scale running mean
        np.multiply(self._x, self._scale[:, :, None], out=self._z)
        np.add(self._z, self._shift[:, :, None], out=self._z)
        self._activation.forward()
