"""A diagnosis: what was measured of a network in training, layer by layer."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LayerReport:
    """One layer over the rows examined, replicas together; None where a number has no meaning."""

    layer: int
    """Counted from 1, as in messages."""
    kind: str
    activation: str | None
    mean: float
    """Mean of the layer's outputs."""
    spread: float
    """Standard deviation of the layer's outputs."""
    saturated: float | None
    """Share of the outputs that are at a limit, for sigmoid and tanh."""
    dead: float | None
    """Share of the units that are flat at their lower limit on every row (relu, softplus, …)."""
    weights: int
    """Number of weights, without biases and the like."""
    gradient_norm: float | None
    """Norm of the loss's gradient by the weights, without penalty, before clipping."""
    weight_norm: float | None
    """Norm of the weights."""
    update_ratio: float | None
    """Norm of the last step over that of the weights it led to."""
    moved: float | None = None
    """Norm of the weights' way from their first values, over the norm of those."""
    gain: float | None = None
    """Root mean square of the weights, times √fan-in: about 1 keeps the size of what comes in."""
    alike: bool | None = None
    """True if the units of a dense layer all have the same weights."""

    @property
    def sums_inputs(self) -> bool:
        """False where weights each belong to one input, so that their size cannot be compared."""
        return self.kind not in ("embedding", "periodic", "scale")

    @property
    def gradient_size(self) -> float:
        """The gradient's root mean square over the weights, comparable between layers."""
        if self.gradient_norm is None:
            return math.nan
        return self.gradient_norm / math.sqrt(self.weights)


@dataclass(frozen=True)
class Diagnosis:
    """One examination: the loss, that of chance beside it, and each layer; losses are per row."""

    rows: int
    """Number of rows examined."""
    loss: float
    """The loss of these rows in training (dropout on), without penalty."""
    penalty: float
    """The penalty of the weights."""
    chance: float
    """The loss, by its own conventions, of a prediction that ignores the inputs.

    It is log K for the cross entropy of K classes, log 2 for each output of binary cross entropy,
    the variance of the targets for the squared error.
    """
    input_size: float
    """The largest root mean square of an input column that is not of category codes.

    It is 1 if the inputs are standardized, or all codes.
    """
    layers: tuple[LayerReport, ...]
