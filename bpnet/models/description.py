"""The description of a model: what model.json holds, readable without bpnet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from bpnet.config.task import Task
from bpnet.data.encoding import Encoder
from bpnet.data.reading.settings import Reading
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.engine.activations import AnyActivation, Identity
from bpnet.engine.component import Component, FieldError, choice, number
from bpnet.engine.layers import AnyStoredLayer, Layer
from bpnet.engine.losses import AnyLoss, CrossEntropy
from bpnet.engine.metrics import MetricName
from bpnet.engine.network import Network, layout_of
from bpnet.models.combination import Combination

FORMAT = 3
"""The version of model.json that this bpnet writes."""
THRESHOLDS_FORMATS = (4, 5)
"""The versions of a model that keeps thresholds, which older versions would not mind; 5 has what
they were chosen by, and is written."""
READABLE = (2, FORMAT, *THRESHOLDS_FORMATS)
"""The versions that it reads; 3 has added the temperature and the combination."""

_TARGETS = {"classification": Classes, "regression": Quantities, "multilabel": Labels}


@dataclass(frozen=True, kw_only=True)
class Description(Component):
    """Columns, encoding, target, architecture and training loss of one or several networks."""

    format: int = FORMAT
    bpnet: str
    task: Task
    encoder: Encoder
    target: AnyTarget = choice()
    layers: list[Annotated[AnyStoredLayer, Field(discriminator="kind")]]
    output_activation: AnyActivation = choice()
    loss: AnyLoss = choice()
    metrics: list[MetricName]
    l1: float = number(ge=0)
    l2: float = number(ge=0)
    class_weight: dict[str, float] | None
    sample_weight: str | None
    precision: Literal["float32", "float64"]
    reading: Reading
    seeds: list[int]
    drop_missing_targets: bool = False
    """True if rows without a target are left out."""
    losses: list[float] | None = None
    """The loss of each seed's network on the validation rows, or else on the training rows."""
    temperature: float = number(1.0, gt=0)
    """Number that the scores of classes and labels are divided by before they become probabilities.
    """
    combination: Combination | None = None
    """The combination of a model without members; that of members is beside their names."""
    weights_sha256: str | None = field(default=None, compare=False)
    """The SHA-256 of weights.safetensors; null in models of older versions."""

    def __post_init__(self) -> None:
        """Check that the parts agree, since the file may have been edited."""
        super().__post_init__()
        outputs = self.encoder.width
        for layer in self.layers:
            outputs = layer.outputs(outputs)
        self._check_target(outputs)
        weights = self.class_weight
        if weights is not None and (
            set(weights) != set(self.classes or [])
            or not all(weight > 0 for weight in weights.values())
        ):
            raise FieldError(
                "class_weight", "must have a weight above 0 for each class and no other"
            )
        if self.losses is not None and (
            len(self.losses) != len(self.seeds) or not all(map(math.isfinite, self.losses))
        ):
            raise FieldError("losses", "must be a finite number for each of the seeds, or null")
        self._check_loss(outputs)
        if self.temperature != 1 and isinstance(self.output_activation, Identity):
            raise FieldError(
                "temperature", f"must be 1, since the output activation is {Identity().kind}"
            )
        if self.combination is not None:
            self.combination.check(1, self.target)

    def _check_target(self, outputs: int) -> None:
        kind = _TARGETS[self.task]
        if not isinstance(self.target, kind):
            raise FieldError(
                "target", f"is {self.target.kind}, which does not suit the task, {self.task}"
            )
        classes = self.classes
        needed = len(classes or self.target.names)
        # two classes may share one output, the probability of the second
        if outputs != needed and not (outputs == 1 and len(classes or []) == 2):
            noun = "classes" if classes else "columns"
            raise FieldError(
                "target", f"has {needed} {noun}, but the network has {outputs} outputs"
            )

    def _check_loss(self, outputs: int) -> None:
        if isinstance(self.loss, CrossEntropy) and outputs == 1:
            raise FieldError("loss", "is cross_entropy, but the network has one output")
        if self.output_activation != self.loss.link:
            raise FieldError(
                "output_activation", f"must be {self.loss.link.kind}, which goes with the loss"
            )

    @property
    def classes(self) -> list[str] | None:
        """The class labels of a classification; None for other tasks."""
        return self.target.classes if isinstance(self.target, Classes) else None

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape (R, …) of each array of the network by name; makes none of them."""
        layout, replicas = layout_of(self.layers, self.encoder.width), len(self.seeds)
        shapes = {name: parameter.shape for name, parameter in layout.parameters.items()}
        shapes |= {name: shape for name, (shape, _) in layout.statistics.items()}
        return {name: (replicas, *shape) for name, shape in shapes.items()}

    def network(self, each: Sequence[Sequence[Layer]] = (), *, draws: bool = True) -> Network:
        """Build a network of this architecture with freshly drawn parameters.

        `each` gives the layers of every replica where they differ, and without `draws` parameters
        are 0, as for `Network`.
        """
        return Network(
            self.layers,
            self.encoder.width,
            seeds=self.seeds,
            precision=self.precision,
            output_activation=self.output_activation,
            each=each,
            draws=draws,
        )
