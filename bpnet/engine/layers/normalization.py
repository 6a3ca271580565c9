"""Normalization to mean 0 and variance 1, over the rows of a batch or over the units of a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.activations import AnyActivation, Identity
from bpnet.engine.component import Array, choice, constant, number
from bpnet.engine.initializers import Constant, Shape, Zeros
from bpnet.engine.layers.base import BoundActivation, BoundLayer, Layer, Wiring
from bpnet.engine.matmul import BoundMatmul, BoundSum
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
        self._x, self._axis = wiring.x, axis
        self._epsilon = constant(layer.epsilon, wiring.x.dtype)
        self._count = constant(wiring.x.shape[axis], wiring.x.dtype)
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
        self._sum_x = _bound_sum(self._x, self._mean, axis)
        self._sum_squares = _bound_sum(self._work, self._variance, axis)
        self._delta: Array | None = None
        if wiring.training:
            self._gamma_gradient = wiring.gradients["gamma"]
            self._beta_gradient = wiring.gradients["beta"]
            self._sum_work = BoundSum(self._work, self._gamma_gradient)

    def forward(self) -> None:
        """Write f(γ n + β)."""
        self._sum_x.compute()
        np.divide(self._mean, self._count, self._mean)
        np.subtract(self._x, self._mean, self._normalized)  # x - mean
        np.multiply(self._normalized, self._normalized, self._work)  # (x - mean)²
        self._sum_squares.compute()
        np.divide(self._variance, self._count, self._variance)
        np.add(self._variance, self._epsilon, self._inverse)
        np.sqrt(self._inverse, self._inverse)
        np.reciprocal(self._inverse, self._inverse)  # 1 / √(variance + epsilon)
        np.multiply(self._normalized, self._inverse, self._normalized)  # n
        np.multiply(self._normalized, self._gamma, self._z)
        np.add(self._z, self._beta, self._z)
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
        if delta is not self._delta:  # the same array in each step
            self._delta = delta
            self._sum_delta = BoundSum(delta, self._beta_gradient)
            self._mean_sums = [
                _bound_sum(values, self._mean, self._axis) for values in (self._work, delta)
            ]
        work, mean, count = self._work, self._mean, self._count  # forward's means are used up
        self._sum_delta.compute()  # Σ δ (R, I)
        np.multiply(delta, self._normalized, work)  # δ n
        self._sum_work.compute()  # Σ δ n (R, I)
        np.multiply(delta, self._gamma, delta)  # d
        np.multiply(work, self._gamma, work)  # d n
        sum_work, sum_delta = self._mean_sums
        sum_work.compute()
        np.divide(mean, count, mean)  # mean(d n)
        np.multiply(self._normalized, mean, work)  # n mean(d n)
        sum_delta.compute()
        np.divide(mean, count, mean)  # mean(d)
        np.subtract(delta, mean, delta)  # d - mean(d)
        np.subtract(delta, work, delta)  # d - mean(d) - n mean(d n)
        np.multiply(delta, self._inverse, delta)
        self.input_gradient = delta


class BoundBatchNormalization(BoundNormalization):
    """Batch normalization in training, which also updates the running mean and variance."""

    def __init__(self, layer: BatchNormalization, wiring: Wiring) -> None:
        super().__init__(layer, wiring, axis=2)
        rows, dtype = wiring.x.shape[2], wiring.x.dtype
        momentum = layer.momentum if rows > 1 else 1.0  # with 1, running stays as it is
        self._momentum = constant(momentum, dtype)
        unbiased = rows / max(rows - 1, 1)  # factor of the batch's variance
        mean, variance = (wiring.statistics[f"running_{name}"] for name in ("mean", "variance"))
        self._running = (
            (mean[:, :, None], self._mean, constant(1 - momentum, dtype)),
            (variance[:, :, None], self._variance, constant(unbiased * (1 - momentum), dtype)),
        )

    def forward(self) -> None:
        """Write f(γ n + β), and running = momentum running + (1 - momentum) batch."""
        super().forward()
        for running, batch, share in self._running:
            # in place, since backward reads n and the inverse but not the batch's mean or variance
            np.multiply(batch, share, batch)
            np.multiply(running, self._momentum, running)
            np.add(running, batch, running)

    def _backward_normalized(self, delta: Array) -> None:
        """Turn δ into dL/dx = γ (δ - mean(δ) - n mean(δ n)) / √(variance + epsilon), in place."""
        if delta is not self._delta:  # the same array in each step
            self._delta, self._sum_delta = delta, BoundSum(delta, self._beta_gradient)
        work, mean = self._work, self._mean
        self._sum_delta.compute()  # dL/dβ = Σ δ (R, I)
        np.multiply(delta, self._normalized, work)  # δ n
        self._sum_work.compute()  # dL/dγ = Σ δ n (R, I)
        np.divide(self._gamma_gradient[:, :, None], self._count, mean)  # mean(δ n)
        np.multiply(self._normalized, mean, work)  # n mean(δ n)
        np.divide(self._beta_gradient[:, :, None], self._count, mean)  # mean(δ)
        np.subtract(delta, mean, delta)
        np.subtract(delta, work, delta)
        np.multiply(self._gamma, self._inverse, mean)  # γ / √(variance + epsilon)
        np.multiply(delta, mean, delta)
        self.input_gradient = delta


def _bound_sum(values: Array, out: Array, axis: int) -> BoundMatmul:
    """Bind the sums of values (R, I, B) over an axis, 1 or 2, to out, which keeps the axis."""
    if axis == 2:
        return BoundSum(values, out[:, :, 0])
    replicas, units, _ = values.shape
    # 1ᵀ v: (R, 1, I) (R, I, B) = (R, 1, B)
    return BoundMatmul(np.ones((replicas, 1, units), values.dtype), values, out)


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
