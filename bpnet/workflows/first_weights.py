"""First weights from another run: the layers of its networks that suit a new one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.data.encoding.columns import CategoricalColumn, NumericColumn
from bpnet.data.encoding.encoder import AnyColumn, Encoder
from bpnet.data.targets import AnyTarget, Classes
from bpnet.engine.component import Array
from bpnet.engine.layers import Dense
from bpnet.engine.loop.initialization import initialize_by_rows
from bpnet.engine.network import Network
from bpnet.errors import RunError, UsageError
from bpnet.messages import counted, quoted_list, shell_path
from bpnet.models.model import Model
from bpnet.models.run_model import open_run_model
from bpnet.preparation.encode import EncodedDataset
from bpnet.runs import weights
from bpnet.runs.directory import RunPaths


@dataclass(frozen=True)
class FirstWeights:
    """The arrays (R, …) with which some layers begin, by name, and what to tell about them."""

    arrays: Mapping[str, Array]
    source: str
    taken: list[str]
    """The layers that begin with them."""
    left: dict[str, str]
    """Why each of the other layers that have weights does not."""
    replicas: int
    """The number of networks that they come from."""

    def load(self, model: Model, prepared: EncodedDataset) -> None:
        """Put the arrays into a network, whose other layers draw theirs."""
        initialize_by_rows(model.network, prepared.rows["train"])  # which would replace them
        views = {**model.network.parameters.views, **model.network.statistics.views}
        for name, array in self.arrays.items():
            views[name][...] = array

    def write(self, run: RunPaths) -> None:
        """Write the arrays into the run, where another training of it finds them."""
        run.first_weights.parent.mkdir(exist_ok=True)
        weights.write_weights(run.first_weights, self.arrays, {"from": self.source})

    def data(self) -> dict[str, Any]:
        """Return what run.json tells of them."""
        return {"from": self.source, "taken": self.taken, "left": self.left}

    @property
    def line(self) -> str:
        """What the networks begin with, in a sentence."""
        networks = f", of its {self.replicas} networks in turn" if self.replicas > 1 else ""
        left = "".join(f"; not {name}: {reason}" for name, reason in self.left.items())
        return f"first weights from {self.source}{networks}: {', '.join(self.taken)}{left}"


def first_weights(path: Path, model: Model) -> FirstWeights:
    """Return the weights of a run, or of a copied model, that suit a new model's layers.

    Replica r begins with the run's replica r, counted round. Layers are compared in the order of
    those that have weights. Those up to the first dense layer suit only if all columns are encoded
    alike, and the last one only if the targets are the same. Raises RunError if nothing suits, and
    UsageError if the run has several kinds of network.
    """
    opened = open_run_model(path).model
    if len(opened.members) > 1:
        raise UsageError(
            f"--from {path}: its model has {len(opened.members)} members; name one of them, "
            f"such as {shell_path(path / 'model' / 'member-001')}"
        )
    (source,) = opened.members
    here, there = _layers(model.network), _layers(source.network)
    columns = _different_columns(model.description.encoder, source.description.encoder)
    target = _different_target(model.description.target, source.description.target)
    first_dense = next((k for k, one in enumerate(here) if one.kind == Dense.kind), 0)
    replicas = np.arange(len(model.network.seeds)) % len(source.network.seeds)
    arrays: dict[str, Array] = {}
    taken, left = list[str](), dict[str, str]()
    for k, layer in enumerate(here):
        reason = layer.difference(there[k] if k < len(there) else None)
        if reason is None and k <= first_dense:
            reason = columns
        if reason is None and k == len(here) - 1:
            reason = target if k == len(there) - 1 else "it is the output here, but not there"
        if reason is not None:
            left[layer.title] = reason
            continue
        taken.append(layer.title)
        arrays |= {
            name: there[k].arrays[own][replicas].astype(array.dtype)
            for (name, own, array) in layer.named()
        }
    if not taken:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left.items())
        raise RunError(f"{path}: no layer suits the config, so that nothing is taken ({reasons})")
    return FirstWeights(arrays, str(path), taken, left, len(source.network.seeds))


def saved_first_weights(run: RunPaths, content: Mapping[str, Any], model: Model) -> FirstWeights:
    """Return the first weights that a run keeps, of which its run.json tells; raises RunError."""
    stored = weights.open_weights(run.first_weights)
    shapes, precision = model.description.shapes(), model.description.precision
    wanted = {name: shapes.get(name, ()) for name in stored.tensors}
    weights.check_shapes(run.first_weights, stored.tensors, wanted, precision)
    told = content.get("first_weights") or {}
    return FirstWeights(
        stored.read(),
        str(told.get("from")),
        list(told.get("taken") or []),
        dict(told.get("left") or {}),
        1,
    )


@dataclass(frozen=True)
class _Layer:
    """A layer with weights: its place among all layers, and its arrays (R, …)."""

    title: str
    kind: str
    place: int
    arrays: Mapping[str, Array]

    def named(self) -> Iterator[tuple[str, str, Array]]:
        """Yield each array with its name in the network and in the layer."""
        for own, array in self.arrays.items():
            yield f"layers.{self.place}.{own}", own, array

    def difference(self, other: "_Layer | None") -> str | None:
        """Return why the other layer's arrays do not suit this one; None if they do."""
        if other is None:
            return "there is no such layer there"
        if other.kind != self.kind:
            return f"it is {other.kind} there"
        for name in dict.fromkeys([*self.arrays, *other.arrays]):
            shapes = [
                one.arrays[name].shape[1:] if name in one.arrays else None for one in (self, other)
            ]
            if shapes[0] != shapes[1]:
                own, there = ("missing" if shape is None else str(shape) for shape in shapes)
                return f"{name} is {own} here, {there} there"
        return None


def _layers(network: Network) -> list[_Layer]:
    """Return the layers that have weights, or statistics."""
    arrays = {**network.parameters.views, **network.statistics.views}
    layers = []
    for k, layer in enumerate(network.layers):
        start = f"layers.{k}."
        own = {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}
        if own:
            kind = str(getattr(layer, "kind", ""))
            layers.append(_Layer(f"layer {k + 1} ({kind})", kind, k, own))
    return layers


def _different_columns(here: Encoder, there: Encoder) -> str | None:
    """Return how the inputs of two encoders differ in meaning; None if they do not."""
    if here.features != there.features:
        more = [name for name in here.features if name not in there.features]
        fewer = [name for name in there.features if name not in here.features]
        if more or fewer:
            only = [
                f"{quoted_list(names, 5)} only {place}"
                for names, place in ((more, "here"), (fewer, "there"))
                if names
            ]
            return f"the columns differ: {', '.join(only)}"
        return "the columns are the same, but in another order there"
    different = [
        own.name
        for own, other in zip(here.columns, there.columns, strict=True)
        if _encoding(own) != _encoding(other)
    ]
    if different or here.unit_rows != there.unit_rows:
        return f"encoded otherwise there: {quoted_list(different, 5) or 'rows of length 1'}"
    return None


def _encoding(column: AnyColumn) -> tuple[object, ...]:
    """Return what a column's inputs mean, apart from the numbers that training rows give."""
    levels = column.levels if isinstance(column, CategoricalColumn) else None
    scale = None
    if isinstance(column, NumericColumn):
        scale = (type(column.scale), getattr(column.scale, "by", None), type(column.added))
    return column.kind, column.inputs, levels, scale


def _different_target(here: AnyTarget, there: AnyTarget) -> str | None:
    """Return how two targets differ; None if outputs mean the same."""
    if here.kind != there.kind:
        return f"the target is {here.kind} here, {there.kind} there"
    if here.names != there.names:
        return f"it predicts {quoted_list(there.names, 5)} there"
    if isinstance(here, Classes) and isinstance(there, Classes) and here.classes != there.classes:
        return f"its classes are {quoted_list(there.classes, 5)} there"
    return None


def refuse_first_weights(path: Path, what: str) -> UsageError:
    """Return the error for a config or an option that trains networks which --from is not for."""
    return UsageError(
        f"--from {path}: is for one network and its replicas, but {what}; "
        f"{counted(1, 'network')} is trained with --set preset=null --set folds=null"
    )
