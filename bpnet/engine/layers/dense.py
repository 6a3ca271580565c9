"""The dense layer: a = f(W x + b)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bpnet.engine.activations import AnyActivation, Elu, Gelu, Identity, LeakyRelu, Mish, Relu, Selu, Silu
from bpnet.engine.component import Array, choice, number
from bpnet.engine.initializers import AnyInitializer, GlorotUniform, HeNormal, LecunNormal, Zeros
from bpnet.engine.layers.base import BoundActivation, BoundLayer, Layer, Wiring
from bpnet.engine.parameters import Parameter


@dataclass(frozen=True, kw_only=True)
class Dense(Layer):
    """Every unit reads every input: z = W x + b, a = f(z), with W (O, I) and b (O,).

    With delta = f'(z) dL/da:  dL/dW = delta xᵀ,  dL/db = delta summed over the rows,  dL/dx = Wᵀ delta.
    `initializer` starts W; where it is not given it suits the activation: he_normal for relu and its kin,
    lecun_normal for selu, else glorot_uniform.
    """

    kind: Literal["dense"] = "dense"
    units: int = number(ge=1)
    activation: AnyActivation = choice(Identity())
    bias: bool = True
    initializer: AnyInitializer | None = choice(None)
    bias_initializer: AnyInitializer = choice(Zeros())

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.initializer is None:
            object.__setattr__(self, "initializer", suited_initializer(self.activation))

    def outputs(self, inputs: int) -> int:
        """The number of units."""
        return self.units

    def parameters(self, inputs: int) -> dict[str, Parameter]:
        """W (O, I) and, unless `bias` is off, b (O,)."""
        assert self.initializer is not None
        made = {"weight": Parameter((self.units, inputs), self.initializer, inputs, self.units, is_weight=True)}
        if self.bias:
            made["bias"] = Parameter((self.units,), self.bias_initializer, inputs, self.units, is_weight=False)
        return made

    def bind(self, wiring: Wiring) -> BoundLayer:
        """Bind the layer to these buffers."""
        return _BoundDense(self, wiring)


class _BoundDense(BoundLayer):
    def __init__(self, layer: Dense, wiring: Wiring) -> None:
        self._x = wiring.x
        self._weight = wiring.parameters["weight"]
        bias = wiring.parameters.get("bias")
        self._bias = None if bias is None else bias[:, :, None]
        self.z = wiring.empty(layer.units)
        self.activation = None
        self.output = self.z
        if not isinstance(layer.activation, Identity):
            self.activation = BoundActivation(layer.activation, self.z, keeps_sums=wiring.keeps_sums)
            self.output = self.activation.output
        if wiring.training:
            self._x_transposed = wiring.x.transpose(0, 2, 1)
            self._weight_transposed = self._weight.transpose(0, 2, 1)
            self._weight_gradient = wiring.gradients["weight"]
            self._bias_gradient = wiring.gradients.get("bias")
            if wiring.wants_input_gradient:
                self.input_gradient = wiring.empty(wiring.x.shape[1])

    def forward(self) -> None:
        np.matmul(self._weight, self._x, out=self.z)
        if self._bias is not None:
            np.add(self.z, self._bias, out=self.z)
        if self.activation is not None:
            self.activation.forward()

    def backward(self, delta: Array) -> None:
        if self.activation is not None:
            self.activation.backward(delta)
        np.matmul(delta, self._x_transposed, out=self._weight_gradient)
        if self._bias_gradient is not None:
            np.add.reduce(delta, axis=2, out=self._bias_gradient)
        if self.input_gradient is not None:
            np.matmul(self._weight_transposed, delta, out=self.input_gradient)


def suited_initializer(activation: AnyActivation) -> AnyInitializer:
    """The initializer that keeps the signal's variance through a layer with this activation."""
    if isinstance(activation, Selu):
        return LecunNormal()
    if isinstance(activation, Relu | LeakyRelu | Elu | Gelu | Silu | Mish):
        return HeNormal()
    return GlorotUniform()
