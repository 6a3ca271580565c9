"""A model: all that prediction needs, in a folder of its own that can be copied away."""

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from bpnet.config.schema import Task
from bpnet.data.encoding import Encoder
from bpnet.data.reading import Table
from bpnet.data.reading.settings import Reading
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.engine.activations import AnyActivation
from bpnet.engine.component import Component, FieldError, choice, number
from bpnet.engine.layers import AnyStoredLayer, Layer
from bpnet.engine.losses import AnyLoss, CrossEntropy
from bpnet.engine.metrics import MetricName
from bpnet.engine.network import Network
from bpnet.errors import DataError, RunError
from bpnet.messages import MAX_PROBLEMS, did_you_mean, quoted_list, total_line
from bpnet.runs import files, weights

FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class Description(Component):
    """What model.json holds: columns, encoding, classes and architecture, readable without bpnet."""

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
    losses: list[float] | None = None
    """Of each seed's network, on the validation rows, or where there were none on those that trained."""

    def __post_init__(self) -> None:
        """Check that the parts agree, for the file may have been edited."""
        super().__post_init__()
        outputs = self.encoder.width
        for layer in self.layers:
            outputs = layer.outputs(outputs)
        kind = {"classification": Classes, "regression": Quantities, "multilabel": Labels}[
            self.task
        ]
        if not isinstance(self.target, kind):
            raise FieldError(
                "target", f"is {self.target.kind}, which does not suit the task, {self.task}"
            )
        classes = self.classes
        wanted = len(classes or self.target.names)
        if outputs != wanted and not (outputs == 1 and len(classes or []) == 2):
            what = "classes" if classes else "columns"
            raise FieldError(
                "target", f"has {wanted} {what}, but the network has {outputs} outputs"
            )
        if self.class_weight is not None and (
            set(self.class_weight) != set(classes or [])
            or not all(weight > 0 for weight in self.class_weight.values())
        ):
            raise FieldError(
                "class_weight", "must have a weight above 0 for each class and no other"
            )
        if self.losses is not None and (
            len(self.losses) != len(self.seeds)
            or not all(math.isfinite(loss) for loss in self.losses)
        ):
            raise FieldError("losses", "must be a finite number for each of the seeds, or null")
        if isinstance(self.loss, CrossEntropy) and outputs == 1:
            raise FieldError("loss", "is cross_entropy, but the network has one output")
        if self.output_activation != self.loss.link:
            raise FieldError(
                "output_activation", f"must be {self.loss.link.kind}, which goes with the loss"
            )

    @property
    def classes(self) -> list[str] | None:
        """The classes of a classification."""
        return self.target.classes if isinstance(self.target, Classes) else None

    def network(self, each: Sequence[Sequence[Layer]] = ()) -> Network:
        """A network of this architecture, its parameters at their start; `each` is for `Network`."""
        return Network(
            self.layers,
            self.encoder.width,
            seeds=self.seeds,
            precision=self.precision,
            output_activation=self.output_activation,
            each=each,
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
        weights.write_weights(
            folder / "weights.safetensors",
            arrays,
            {"format": str(FORMAT), "bpnet": self.description.bpnet},
        )
        files.write_json(folder / "model.json", dataclasses.asdict(self.description))

    def picked(self, replicas: Sequence[int]) -> "Model":
        """The model of some of the replicas, counted from 0."""
        description, chosen = self.description, list(replicas)
        if chosen == list(range(len(description.seeds))):
            return self
        losses = description.losses and [description.losses[k] for k in chosen]
        fewer = dataclasses.replace(
            description, seeds=[description.seeds[k] for k in chosen], losses=losses
        )
        network = fewer.network()
        network.theta[:] = self.network.theta[chosen]
        network.statistics.flat[:] = self.network.statistics.flat[chosen]
        return Model(fewer, network)

    def described(self, *, losses: list[float]) -> "Model":
        """The same model, with its replicas' losses."""
        return Model(dataclasses.replace(self.description, losses=losses), self.network)

    def check_columns(self, table: Table) -> None:
        """Raise DataError where a column that the model reads is not there."""
        there = set(table.columns)
        missing = [column for column in self.description.encoder.features if column not in there]
        if missing:
            raise DataError(
                [
                    f"{table.name}: there is no column '{column}', which the model reads"
                    + (f"; the columns are {quoted_list(table.columns)}" if k == 0 else "")
                    + did_you_mean(column, table.columns)
                    for k, column in enumerate(missing[:MAX_PROBLEMS])
                ]
                + total_line(len(missing), "columns that the model reads are not there")
            )

    def each(self, x: np.ndarray) -> np.ndarray:
        """What each replica says of rows x (R, N, K): its outputs, of quantities in the targets' own units."""
        with np.errstate(all="ignore"):
            said = self.network.predict(x)
            if isinstance(self.description.target, Quantities):
                said = np.stack([self.description.target.decode(own) for own in said])
        return said


def load_model(folder: Path) -> Model:
    """Read a model; raises RunError where a file is missing or damaged."""
    path = folder / "model.json"
    content = files.read_json(path)
    check_format(path, content)
    try:
        description = TypeAdapter(Description).validate_json(json.dumps(content))
        network = description.network()
    except (ValidationError, ValueError, MemoryError) as error:
        detail = _first(error) if isinstance(error, ValidationError) else str(error)
        raise RunError(
            f"{path}: not a model that bpnet wrote: {detail}; train again, or restore the file"
        ) from None
    file = folder / "weights.safetensors"
    arrays = weights.read_weights(file)
    own = dict(_arrays(network))
    weights.check_shapes(
        file, arrays, {name: view.shape for name, view in own.items()}, network.dtype
    )
    for name, view in own.items():
        view[...] = arrays[name]
    return Model(description, network)


def check_format(path: Path, content: Any) -> None:
    """Raise RunError where a model's content is not of the format that this bpnet reads."""
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        had = "has no format" if found is None else f"has the format {found!r}"
        raise RunError(
            f"{path}: {had}, and this bpnet reads format {FORMAT}; train again, or use the bpnet that wrote it"
        )


def _arrays(network: Network) -> Iterator[tuple[str, np.ndarray]]:
    yield from network.parameters.views.items()
    yield from network.statistics.views.items()


def _first(error: ValidationError) -> str:
    detail: Any = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}"
