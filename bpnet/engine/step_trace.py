"""The trace of a training step: copies of its numbers, layer by layer."""

from dataclasses import dataclass, field

from bpnet.engine.component import Array
from bpnet.engine.layers import Layer


@dataclass(frozen=True)
class Relaxation:
    """The states of an equilibrium layer on the way to rest, an array (B, units) for each step."""

    units: list[Array]
    """y after each step of the forward pass, which begins at 0."""
    errors: list[Array]
    """v after each step of the backward pass, which begins at dL/dy; empty in a search."""
    units_after: list[Array]
    """y after each step of the pass with the new, or the tried, parameters."""


@dataclass(frozen=True)
class Trial:
    """One trial of an optimizer that searches."""

    layer: int
    """The layer, from 0, one of whose parameters is changed."""
    name: str
    """The name of the parameter array."""
    index: tuple[int, ...]
    """The entry that is changed."""
    noise: float
    """What was drawn: the change in units of the learning rate."""
    loss: float
    """The loss with the change."""
    kept: bool


@dataclass(frozen=True)
class LayerTrace:
    """One layer in one step. Arrays are (B, I) or (B, O): a row of the table is a row here."""

    layer: Layer
    inputs: Array
    """The layer's inputs (B, I)."""
    sums: Array | None
    """z, before the activation; None where the layer has no such sums."""
    outputs: Array
    slopes: Array | None
    """f'(z); None where f mixes the units, as softmax does, or there is no activation."""
    output_gradients: Array
    """dL/da, as the layer after this one, or the loss, sends it back."""
    deltas: Array | None
    """dL/dz = f'(z) dL/da; None where the layer has no sums."""
    before: dict[str, Array]
    """Each parameter by name, before the step."""
    gradients: dict[str, Array]
    """dL/dw of each parameter, penalty included, before clipping."""
    after: dict[str, Array]
    """Each parameter after the step."""
    left_out: Array | None
    """Mask (B, I) of the values that dropout set to 0; None for other layers."""
    statistics_before: dict[str, Array]
    """Each running statistic by name, before the step."""
    statistics_after: dict[str, Array]
    """Each running statistic after the step."""
    dropout_rate: float = 0.0
    """The rate of dropout in this step."""
    clipped: dict[str, Array] = field(default_factory=dict)
    """The gradient of each parameter after clipping, which the optimizer reads."""
    slots_before: dict[str, dict[str, Array]] = field(default_factory=dict)
    """The optimizer's arrays by their name and the parameter's, before the step."""
    slots_after: dict[str, dict[str, Array]] = field(default_factory=dict)
    """The optimizer's arrays after the step."""
    relaxation: Relaxation | None = None
    """How the units of an equilibrium layer settled; None for other layers."""
    tried: dict[str, Array] = field(default_factory=dict)
    """Each parameter in the trial of a search; empty where the optimizer takes steps."""


@dataclass(frozen=True)
class StepTrace:
    """One step of the only replica: forward, backward, update, and the forward pass after it.

    The pass after it leaves out what the first one did, and changes no statistic.
    """

    epoch: int
    """The epoch, from 1, whose step it is."""
    number: int
    """The number of the step, from 1, within its epoch."""
    learning_rate: float
    layers: list[LayerTrace]
    scores: Array
    """The network's output (B, O), which the loss reads."""
    predictions: Array
    """The scores themselves, or probabilities where the loss reads logits."""
    targets: Array
    weights: Array | None
    """The weight of each row (B,) in the loss, None where all are 1."""
    loss: float
    """The loss of all rows, penalty included."""
    score_gradients: Array
    """dL/d score (B, O)."""
    gradient_norm: float | None
    """Norm of the whole gradient before clipping; None in a search, which has no gradient."""
    clipped_norm: float | None
    """Norm of the whole gradient after clipping."""
    loss_after: float
    """The loss with the new parameters, as are the numbers below."""
    predictions_after: Array
    sums_after: list[Array | None]
    """z (B, O) of each layer, None where it has no sums."""
    outputs_after: list[Array]
    """Outputs (B, O) of each layer; in a search all of these are those of the trial."""
    place: tuple[int, int, int] = (0, 1, 1)
    """The step in the whole training, from 0, the steps of an epoch, and the epochs."""
    count: int = 1
    """The number of this step to the optimizer."""
    momentum_product: float = 1.0
    """The product of the momenta up to this step, which only NAdam has."""
    reduction: float = 1.0
    """The factor of the rate to which a schedule that waits for a plateau has come."""
    hard_targets: Array | None = None
    """The targets (B, O) before label smoothing."""
    trial: Trial | None = None
    """What a search tried; None where the optimizer takes steps."""
