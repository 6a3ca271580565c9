"""A model: all that prediction needs, in a folder of its own that can be copied away."""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from bpnet.config.schema import Task
from bpnet.data.columns import numeric_columns
from bpnet.data.encoding import Encoder, Target
from bpnet.data.table import Table
from bpnet.engine.activations import AnyActivation
from bpnet.engine.component import Component, FieldError, choice, number
from bpnet.engine.layers import AnyLayer
from bpnet.engine.losses import AnyLoss, CrossEntropy
from bpnet.engine.metrics import MetricName
from bpnet.engine.network import Network
from bpnet.errors import DataError, RunError
from bpnet.runs import files, weights

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Description(Component):
    """What model.json holds: columns, encoding, classes and architecture, readable without bpnet."""

    format: int = FORMAT
    bpnet: str
    task: Task
    encoder: Encoder
    target: Target
    layers: list[Annotated[AnyLayer, Field(discriminator="kind")]]
    output_activation: AnyActivation = choice()
    loss: AnyLoss = choice()
    metrics: list[MetricName]
    l1: float = number(ge=0)
    l2: float = number(ge=0)
    class_weight: dict[str, float] | None
    sample_weight: str | None
    precision: Literal["float32", "float64"]
    seeds: list[int]

    def __post_init__(self) -> None:
        """Check that the parts agree, for the file may have been edited."""
        super().__post_init__()
        features, scaling = self.encoder.features, self.encoder.scaling
        if not features or len(set(features)) < len(features):
            raise FieldError("encoder", "must name at least one feature, and each once")
        outputs = len(features)
        for layer in self.layers:
            outputs = layer.outputs(outputs)
        classes = self.target.classes
        for name, scale, columns in (("encoder", scaling, len(features)), ("target", self.target.scaling, outputs)):
            if scale is None:
                continue
            numbers = (
                np.array([scale.subtract, scale.divide])
                if len(scale.subtract) == len(scale.divide)
                else np.empty((2, 0))
            )
            if numbers.shape[1] != columns or not np.isfinite(numbers).all() or not (numbers[1] > 0).all():
                raise FieldError(
                    name, f"must have {columns} finite numbers to subtract, and as many above 0 to divide by"
                )
        if (self.task == "classification") != (classes is not None) or (classes is None) != (
            self.target.scaling is not None
        ):
            raise FieldError("target", f"must have classes or scaling, whichever suits the task, {self.task}")
        if classes is not None and (len(classes) < 2 or len(set(classes)) < len(classes)):
            raise FieldError("target", "must have at least two classes, and each once")
        if classes is not None and outputs != len(classes) and not (outputs == 1 and len(classes) == 2):
            raise FieldError("target", f"has {len(classes)} classes, but the network has {outputs} outputs")
        if self.class_weight is not None and (
            set(self.class_weight) != set(classes or []) or not all(weight > 0 for weight in self.class_weight.values())
        ):
            raise FieldError("class_weight", "must have a weight above 0 for each class and no other")
        if isinstance(self.loss, CrossEntropy) and outputs == 1:
            raise FieldError("loss", "is cross_entropy, but the network has one output")
        if self.output_activation != self.loss.link:
            raise FieldError("output_activation", f"must be {self.loss.link.kind}, which goes with the loss")

    def network(self) -> Network:
        """A network of this architecture, its parameters at their start."""
        return Network(
            self.layers,
            len(self.encoder.features),
            seeds=self.seeds,
            precision=self.precision,
            output_activation=self.output_activation,
        )


@dataclass(frozen=True)
class Model:
    """A description and the network that goes with it."""

    description: Description
    network: Network

    def save(self, folder: Path) -> None:
        """Write model.json and weights.safetensors into the folder, which is made if need be."""
        folder.mkdir(exist_ok=True)
        arrays = dict(_arrays(self.network))
        weights.save(folder / "weights.safetensors", arrays, {"format": str(FORMAT), "bpnet": self.description.bpnet})
        files.write_json(folder / "model.json", dataclasses.asdict(self.description))

    def inputs(self, table: Table) -> np.ndarray:
        """The encoded features (rows, inputs) of a table, found by name; raises DataError."""
        features = self.description.encoder.features
        missing = [column for column in features if column not in table.columns]
        if missing:
            raise DataError(_missing_columns(table, missing))
        values = numeric_columns(table, features, role="feature", advice="the model needs a number there")
        return self.description.encoder.encode(values, self.description.precision, table.where)

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """The network's predictions (rows, outputs), averaged over its replicas."""
        with np.errstate(all="ignore"):
            return np.asarray(self.network.predict(x).mean(axis=0))

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """A probability for each class (rows, classes), which sum to 1 in each row.

        Outputs that are not shares already, such as several sigmoids, are clipped to 0 … 1 and divided by their sum.
        """
        classes = self.description.target.classes
        assert classes is not None
        outputs = np.clip(self.outputs(x).astype(np.float64), 0, 1)
        if outputs.shape[1] == 1:
            return np.hstack([1 - outputs, outputs])
        total = outputs.sum(axis=1, keepdims=True)
        return np.where(total > 0, outputs / np.where(total > 0, total, 1), 1 / len(classes))

    def labels(self, x: np.ndarray) -> list[str]:
        """The predicted class of each row: that of the largest output."""
        classes = self.description.target.classes
        assert classes is not None
        outputs = self.outputs(x)
        said = outputs[:, 0] > 0.5 if outputs.shape[1] == 1 else outputs.argmax(axis=1)
        return [classes[int(k)] for k in said]

    def quantities(self, x: np.ndarray) -> np.ndarray:
        """The predicted value (rows,) of a regression, in the target's own unit."""
        return self.description.target.decode_values(self.outputs(x))[:, 0]


def load(folder: Path) -> Model:
    """Read a model; raises RunError where a file is missing or damaged."""
    path = folder / "model.json"
    content = files.read_json(path)
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        had = "has no format" if found is None else f"has the format {found!r}"
        raise RunError(
            f"{path}: {had}, and this bpnet reads format {FORMAT}; train again, or use the bpnet that wrote it"
        )
    try:
        description = TypeAdapter(Description).validate_json(json.dumps(content))
        network = description.network()
    except (ValidationError, ValueError, MemoryError) as error:
        detail = _first(error) if isinstance(error, ValidationError) else str(error)
        raise RunError(f"{path}: not a model that bpnet wrote: {detail}; train again, or restore the file") from None
    file = folder / "weights.safetensors"
    arrays = weights.load(file)
    own = dict(_arrays(network))
    weights.check_shapes(file, arrays, {name: view.shape for name, view in own.items()}, network.dtype)
    for name, view in own.items():
        view[...] = arrays[name]
    return Model(description, network)


def _arrays(network: Network) -> Iterator[tuple[str, np.ndarray]]:
    yield from network.parameters.views.items()
    yield from network.statistics.views.items()


def _missing_columns(table: Table, missing: list[str]) -> list[str]:
    try:
        for column in missing[:1]:
            table.cells(column, wanted_for="the model reads")
    except DataError as error:
        rest = [f"{table.name}: there is no column '{column}' either" for column in missing[1:]]
        return [*error.problems, *rest]
    return []


def _first(error: ValidationError) -> str:
    detail: Any = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}"
