"""A trained model: all that prediction needs, in a folder that can be copied away on its own."""

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from bpnet.data.reading import Table
from bpnet.data.reading.column import Floats
from bpnet.data.targets import Quantities
from bpnet.engine.component import FieldError
from bpnet.engine.network import Network
from bpnet.errors import DataError, RunError
from bpnet.messages import MAX_PROBLEMS, did_you_mean, quoted_list, shell_quoted, total_line
from bpnet.models.description import READABLE, THRESHOLDS_FORMATS, Description
from bpnet.paths import is_file
from bpnet.runs import files, weights
from bpnet.runs.entry import THRESHOLDS, THRESHOLDS_CHOSEN

DESCRIPTIONS = (
    "model.json",
    "README.md",
    "MLmodel",
    "input_example.json",
    "python_env.yaml",
    "requirements.txt",
)
"""The files that describe a model; without the first there is none."""
WEIGHTS_FORMAT = "2"
"""The version of weights.safetensors that this bpnet writes."""


@dataclass(frozen=True)
class Model:
    """A network with R replicas, and its description: how columns become inputs and outputs."""

    description: Description
    network: Network

    def save(self, folder: Path) -> None:
        """Write weights.safetensors and then model.json into a folder, created if missing.

        A model that is there already is removed first, so that no reader meets a mixture. Raises
        RunError.
        """
        begin_model(folder)
        digest = weights.write_weights(
            folder / "weights.safetensors",
            dict(_arrays(self.network)),
            {"format": WEIGHTS_FORMAT, "bpnet": self.description.bpnet},
        )
        description = dataclasses.replace(self.description, weights_sha256=digest)
        files.write_json(folder / "model.json", description)

    def arrays_each(self) -> Iterator[list[dict[str, np.ndarray]]]:
        """Yield the parameters and statistics of each layer, by name, replica by replica."""
        network, layers = self.network, range(len(self.description.layers))
        for replica in range(len(self.description.seeds)):
            yield [
                {
                    name: view[replica]
                    for vector in (network.parameters, network.statistics)
                    for name, view in vector.part(f"layers.{k}").items()
                }
                for k in layers
            ]

    def select(self, replicas: Sequence[int]) -> "Model":
        """Return a model of some of the replicas, numbered from 0."""
        description, numbers = self.description, list(replicas)
        if numbers == list(range(len(description.seeds))):
            return self
        losses = description.losses and [description.losses[k] for k in numbers]
        selected = dataclasses.replace(
            description, seeds=[description.seeds[k] for k in numbers], losses=losses
        )
        network = selected.network(draws=False)
        # in place, because the network's arrays are views of these
        network.theta[:] = self.network.theta[numbers]
        network.awaits_rows = self.network.awaits_rows
        network.rows_apart = self.network.rows_apart
        network.statistics.flat[:] = self.network.statistics.flat[numbers]
        return Model(selected, network)

    def described(self, **changes: Any) -> "Model":
        """Return the same networks with changes to their description."""
        return Model(dataclasses.replace(self.description, **changes), self.network)

    def with_losses(self, losses: list[float]) -> "Model":
        """Return the same model with a loss for each replica in its description."""
        # of a training that diverged from the start no loss is a number, and none is the best
        known = losses if all(map(math.isfinite, losses)) else None
        return self.described(losses=known)

    def check_columns(self, table: Table) -> None:
        """Raise DataError if the table lacks a column that the model reads."""
        present = set(table.columns)
        missing = [name for name in self.description.encoder.features if name not in present]
        if missing:
            raise DataError(
                [
                    f"{table.name}: there is no column '{name}', which the model reads"
                    + (f"; the columns are {quoted_list(table.columns)}" if k == 0 else "")
                    + did_you_mean(name, table.columns)
                    + (table.header_hint + self._separator_advice(table) if k == 0 else "")
                    for k, name in enumerate(missing[:MAX_PROBLEMS])
                ]
                + total_line(len(missing), f"columns that the model reads are not in {table.name}")
            )

    def _separator_advice(self, table: Table) -> str:
        """Return what to type if the table's only column is several with another separator."""
        own = self.description.reading.separator
        others = [mark for mark in ",;|" if mark != own and mark in table.columns[0]]
        if own is None or len(table.columns) > 1 or not others:
            return ""
        setting = shell_quoted(f"dataset.reading.separator={others[0]}")
        return f"; if they are separated by {others[0]!r} instead of {own!r}: --set {setting}"

    def scores(self, x: np.ndarray) -> np.ndarray:
        """Return each replica's scores (R, N, O) for encoded rows x (N, I)."""
        network = self.network
        scores = np.empty((len(network.seeds), len(x), network.outputs), network.dtype)
        with np.errstate(all="ignore"):  # the caller checks that they are finite
            for rows, piece in network.scores(x):
                scores[:, rows] = piece.transpose(0, 2, 1)
        return scores

    def predict_each(self, x: np.ndarray, origin: Floats | None = None) -> np.ndarray:
        """Return each replica's outputs (R, N, K) for encoded rows x (N, I).

        Quantities are in the targets' own units, and count from `origin` (K,), by default 0.
        """
        target = self.description.target
        with np.errstate(all="ignore"):  # the caller checks that predictions are finite
            outputs = self.network.predict(x, self.description.temperature)
            if isinstance(target, Quantities):
                outputs = np.stack([target.decode(replica, origin) for replica in outputs])
        return outputs


def begin_model(folder: Path) -> None:
    """Make the folder of a model, or remove what describes the one that is in it."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise files.cannot_write(folder, error) from error
    forget_model(folder)


def forget_model(folder: Path) -> None:
    """Remove what describes the model of a folder, if it has one; raises RunError."""
    for name in DESCRIPTIONS:
        if is_file(folder / name):
            files.remove(folder / name)


def load_model(folder: Path) -> Model:
    """Read a model from its folder; its predictions for a row do not depend on other rows.

    Its thresholds are left to `load_ensemble`.

    Raises
    ------
    RunError
        A file is missing or damaged, or of another format than this bpnet reads.
    """
    description = read_description(folder)
    shapes = description.shapes()
    # nothing is allocated or drawn for a description before the weights are known to suit it
    weights_path = folder / "weights.safetensors"
    stored = weights.open_weights(weights_path)
    _check_weights_format(stored)
    weights.check_shapes(weights_path, stored.tensors, shapes, description.precision)
    try:
        network = description.network(draws=False)
        arrays = stored.read(description.weights_sha256)
        weights.check_finite(weights_path, arrays)
        for name, view in _arrays(network):
            view[...] = arrays.pop(name)
    except MemoryError:
        size = weights_path.stat().st_size
        raise RunError(
            f"{folder}: the model's {size / 1e9:,.1f} GB of weights do not fit this machine's "
            "memory three times, as loading needs; free memory, or use a machine with more"
        ) from None
    network.awaits_rows = False
    network.rows_apart = True
    return Model(description, network)


def read_description(folder: Path) -> Description:
    """Read the description of a model, and nothing of its weights.

    Raises
    ------
    RunError
        model.json is missing or damaged, or of another format than this bpnet reads.
    """
    path = folder / "model.json"
    content = files.read_json(path)
    check_format(path, content)
    if content["format"] in THRESHOLDS_FORMATS:
        for key in (THRESHOLDS, THRESHOLDS_CHOSEN):
            content.pop(key, None)
    try:
        description = _description_adapter().validate_json(json.dumps(content))
        description.shapes()
    except (ValidationError, ValueError, OverflowError, RecursionError) as error:
        detail = first_problem(error) if isinstance(error, ValidationError) else str(error)
        raise not_bpnets(path, detail) from None
    return description


@cache
def _description_adapter() -> TypeAdapter[Description]:
    return TypeAdapter(Description)  # made once: it takes as long as a small model


def _check_weights_format(stored: weights.WeightsFile) -> None:
    """Raise RunError if the weights are of a newer format than this bpnet reads."""
    version = stored.metadata.get("format", WEIGHTS_FORMAT)
    if version != WEIGHTS_FORMAT:
        raise RunError(
            f"{stored.path}: has the format {version[:40]!r}, and this bpnet reads the format "
            f"{WEIGHTS_FORMAT!r}; train again, or use the bpnet that wrote it"
        )


def check_format(path: Path, content: Any) -> None:
    """Raise RunError if the content of a model.json is not of the format that this bpnet reads."""
    version = content.get("format") if isinstance(content, dict) else None
    if type(version) is not int or version not in READABLE:
        problem = "has no format" if version is None else f"has the format {repr(version)[:40]}"
        raise RunError(
            f"{path}: {problem}, and this bpnet reads the formats {READABLE[0]} to {READABLE[-1]}; "
            "train again, or use the bpnet that wrote it"
        )


def _arrays(network: Network) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and view of each array that weights.safetensors stores."""
    yield from network.parameters.views.items()
    yield from network.statistics.views.items()


def not_bpnets(path: Path, detail: str) -> RunError:
    """Return the error for a model.json that was edited or damaged."""
    return RunError(
        f"{path}: not a model that bpnet wrote: {detail}; train again, or restore the file"
    )


def first_problem(error: ValidationError) -> str:
    """Return the place and text of the first of a description's problems."""
    detail: Any = error.errors(include_url=False)[0]
    place, cause = list(map(str, detail["loc"])), detail.get("ctx", {}).get("error")
    if isinstance(cause, FieldError):  # of one of the fields there
        return f"{'.'.join([*place, cause.field])}: {cause}"
    return f"{'.'.join(place)}: {detail['msg']}"
