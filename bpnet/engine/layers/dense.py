"""The dense layer: a = f(W x + b)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.activations import (
    AnyActivation,
    Elu,
    Gelu,
    Identity,
    LeakyRelu,
    Mish,
    Relu,
    Selu,
    Silu,
)
from bpnet.engine.buffers import empty_like
from bpnet.engine.component import Array, choice, number
from bpnet.engine.initializers import (
    AnyInitializer,
    Data,
    GlorotUniform,
    HeNormal,
    LecunNormal,
    Zeros,
)
from bpnet.engine.layers.base import BoundActivation, BoundLayer, Layer, Wiring
from bpnet.engine.matmul import BoundMatmul, BoundSum
from bpnet.engine.parameters import Parameter


@dataclass(frozen=True, kw_only=True)
class Dense(Layer):
    """Every unit reads every input: z = W x + b, a = f(z), with W (O, I) and b (O,).

    With delta = f'(z) dL/da:  dL/dW = delta xᵀ,  dL/db = Σ delta over the rows,  dL/dx = Wᵀ delta.
    """

    takes_factors: ClassVar[bool] = True
    kind: Literal["dense"] = "dense"
    units: int = number(ge=1)
    """Number of units. Example: `units: 32`."""
    activation: AnyActivation = choice(Identity())
    """Function f of each unit's weighted sum. Example: `activation: relu`."""
    bias: bool = True
    """Add a trained bias to each unit."""
    initializer: AnyInitializer | None = choice(None)
    """First values of W. By default they suit the activation: he_normal for relu and its
    variants,
    lecun_normal for selu, else glorot_uniform. Example: `initializer: he_normal`.
    """
    bias_initializer: AnyInitializer = choice(Zeros())
    """First values of b."""
    has_row_gradients: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.initializer is None:
            object.__setattr__(self, "initializer", suited_initializer(self.activation))

    def outputs(self, inputs: int) -> int:
        """Return the number of units."""
        return self.units

    def parameters(self, inputs: int) -> dict[str, Parameter]:
        """Return W (O, I) as `weight` and, unless `bias` is off, b (O,) as `bias`."""
        assert self.initializer is not None
        shape, fans = (self.units, inputs), (inputs, self.units)
        weight = Parameter(shape, self.initializer, *fans, is_weight=True, group="weight")
        if not self.bias:
            return {"weight": weight}
        bias = Parameter((self.units,), self.bias_initializer, *fans, is_weight=False, group="bias")
        return {"weight": weight, "bias": bias}

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers."""
        return BoundDense(self, wiring)


class BoundDense(BoundLayer):
    """A dense layer over one batch's buffers."""

    def __init__(self, layer: Dense, wiring: Wiring) -> None:
        self._layers = wiring.each or [layer] * len(wiring.x)
        self._x, self._weight = wiring.x, wiring.parameters["weight"]
        self._factors = wiring.factors
        # W s where a layer before leaves its factors s to W
        self._scaled = self._weight if self._factors is None else empty_like(self._weight)
        bias = wiring.parameters.get("bias")
        self.z = wiring.empty(layer.units)
        """W x + b (R, O, B)."""
        # adding is twice as fast where both arrays have the units first
        self._bias = None if bias is None else bias.T[:, :, None]  # (O, R, 1)
        if bias is not None and bias.size == 1:
            self._bias = bias.reshape(())  # a number, with which NumPy need not broadcast
        self._z_by_unit = self.z.transpose(1, 0, 2)  # (O, R, B)
        # (R, O, I) (R, I, B)
        self._weighted_sums = BoundMatmul(self._scaled, wiring.x, self.z, shared=wiring.shared)
        self._shared = wiring.shared
        self.activation = None
        self.output = self.z
        if not isinstance(layer.activation, Identity):
            self.activation = BoundActivation(
                layer.activation, self.z, keeps_sums=wiring.keeps_sums
            )
            self.output = self.activation.output
        if wiring.training:
            self._weight_gradient = wiring.gradients["weight"]
            self._bias_gradient = wiring.gradients.get("bias")
            if wiring.wants_input_gradient:
                self.input_gradient = wiring.empty(wiring.x.shape[1])
        self._bias_values = bias
        self._delta: Array | None = None
        self._products: list[BoundMatmul] = []
        self._input_product: BoundMatmul | None = None

    def adapt(self, generators: Sequence[np.random.Generator]) -> None:
        """Draw the weights and biases whose initializer follows the rows in x."""
        self._weighted_sums.compute()
        for r, (layer, rng) in enumerate(zip(self._layers, generators, strict=True)):
            assert isinstance(layer, Dense)
            if isinstance(layer.initializer, Data):
                layer.initializer.scale_weights(self._weight[r], self.z[r])
            if self._bias_values is not None and isinstance(layer.bias_initializer, Data):
                self._bias_values[r] = layer.bias_initializer.biases(rng, self.z[r])

    def forward(self) -> None:
        """Write a = f(W x + b), or f(W (s x) + b) with the factors s of a layer before."""
        if self._factors is not None:
            np.multiply(self._weight, self._factors.values[:, None], self._scaled)  # W s
        self._weighted_sums.compute()
        if self._bias is not None:
            np.add(self._z_by_unit, self._bias, self._z_by_unit)
        if self.activation is not None:
            self.activation.forward()

    def backward(self, delta: Array) -> None:
        """Turn delta from dL/da into f'(z) dL/da, and write dL/dW, dL/db and dL/dx from it.

        dL/dW = delta xᵀ,  dL/db = Σ delta over the rows,  dL/dx = Wᵀ delta. With factors s and
        M = delta xᵀ:  dL/dW_oi = s_i M_oi,  dL/ds_i = Σ_o W_oi M_oi,  dL/dx = (W s)ᵀ delta.
        """
        if delta is not self._delta:
            self._bind_backward(delta)
        if self.activation is not None:
            self.activation.backward(delta)  # delta = f'(z) dL/da
        if self._input_product is not None:
            self._input_product.compute()
        for product in self._products:
            product.compute()
        if self._factors is not None:
            products, gradient = self._scaled, self._weight_gradient  # W s is used up
            np.multiply(self._weight, gradient, products)  # W M
            np.add.reduce(products, axis=1, out=self._factors.gradient)
            np.multiply(gradient, self._factors.values[:, None], gradient)  # s M

    def backward_rows(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Do as `backward`, and write delta xᵀ and delta of each row into `out`."""
        self.backward(delta)  # delta = f'(z) dL/da
        np.multiply(delta[:, :, None], self._x[:, None], out["weight"])  # (R, O, I, B)
        if "bias" in out:
            np.copyto(out["bias"], delta)

    def _bind_backward(self, delta: Array) -> None:
        """Bind the products to the array in which dL/da arrives, the same one in each step."""
        self._delta = delta
        # (R, O, B) (R, B, I) = (R, O, I)
        x = self._x.transpose(0, 2, 1)
        self._products = [BoundMatmul(delta, x, self._weight_gradient, shared=self._shared)]
        if self._bias_gradient is not None:
            self._products.append(BoundSum(delta, self._bias_gradient))
        if self.input_gradient is not None:
            # (R, I, O) (R, O, B) = (R, I, B)
            self._input_product = BoundMatmul(
                self._scaled.transpose(0, 2, 1), delta, self.input_gradient, shared=self._shared
            )


def suited_initializer(activation: AnyActivation) -> AnyInitializer:
    """Return the initializer that keeps the signal's variance in a layer with this activation."""
    if isinstance(activation, Selu):
        return LecunNormal()
    if isinstance(activation, Relu | LeakyRelu | Elu | Gelu | Silu | Mish):
        return HeNormal()
    return GlorotUniform()
