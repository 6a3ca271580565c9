"""Learning-rate factors: a multiple of the learning rate for each group of parameters."""

import math
from dataclasses import dataclass
from typing import Literal

from bpnet.engine.component import Component, number, number_or
from bpnet.engine.parameters import Parameter


@dataclass(frozen=True, kw_only=True)
class LearningRateFactors(Component):
    """Multiples of the learning rate, by what a parameter does.

    Decoupled weight decay, as that of adamw, goes by the learning rate itself: a factor of 0 leaves
    only that decay. For rprop they are factors of its first step sizes.
    """

    weight: float | Literal["fan_in"] = number_or("fan_in", 1.0, ge=0)
    """Factor for weight matrices; fan_in is 1/√(number of inputs) for each of them, as in the
    neural tangent parametrization (Jacot, Gabriel and Hongler 2018).
    Example: `weight: fan_in`.
    """
    bias: float = number(1.0, ge=0)
    """Factor for biases, and for the shifts of normalizations. Example: `bias: 0.1`."""
    scale: float = number(1.0, ge=0)
    """Factor for numbers that multiply a unit or an input. Example: `scale: 6`."""
    activation: float = number(1.0, ge=0)
    """Factor for trained parameters of activations."""
    embedding: float = number(1.0, ge=0)
    """Factor for the vectors of categories."""
    encoding: float = number(1.0, ge=0)
    """Factor for trained encodings of numbers, such as frequencies."""

    def of(self, parameter: Parameter) -> float:
        """Return the factor of one parameter array."""
        factor: float | str = getattr(self, parameter.group)
        return 1 / math.sqrt(parameter.fan_in) if isinstance(factor, str) else factor
