"""A network: a stack of layers over one flat parameter vector, for R replicas at once."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bpnet.engine.activations import Activation, Identity
from bpnet.engine.bound_network import BoundNetwork
from bpnet.engine.component import Array, constant
from bpnet.engine.initializers import Shape
from bpnet.engine.layers import BoundLayer, Layer, Wiring
from bpnet.engine.layers.base import Share
from bpnet.engine.parameters import Parameter, Vector, blocks_of, weights_first
from bpnet.engine.pieces import Pieces
from bpnet.engine.progress import Progress
from bpnet.engine.randomness import EpochGenerators, Purpose, generator
from bpnet.engine.ranks import VOTES
from bpnet.engine.workers import do_all, thread_count


class Layout(NamedTuple):
    """What a stack of layers needs room for; no array is made yet."""

    widths: list[int]
    """The number of inputs, and that of each layer's outputs."""
    parameters: dict[str, Parameter]
    """The declaration of each parameter by name, in the order of theta."""
    statistics: dict[str, tuple[Shape, float]]
    """The shape and first value of each statistic by name."""


def layout_of(layers: Sequence[Layer], inputs: int) -> Layout:
    """Return the layout of layers with a number of inputs; raises ValueError if they do not fit."""
    widths = [inputs]
    for layer in layers:
        widths.append(layer.outputs(widths[-1]))
    parameters = {
        f"layers.{k}.{name}": parameter
        for k, layer in enumerate(layers)
        for name, parameter in layer.parameters(widths[k]).items()
    }
    statistics = {
        f"layers.{k}.{name}": statistic
        for k, layer in enumerate(layers)
        for name, statistic in layer.statistics(widths[k]).items()
    }
    return Layout(widths, weights_first(parameters), statistics)


class Network:
    """Layers, and the parameters of each replica, drawn from its seed.

    `theta` and `gradient` are (R, P); penalties and weight decay act on their first `weights`
    columns.

    Parameters
    ----------
    layers
        The layers, from the inputs to the scores.
    inputs
        The number of inputs I.
    seeds
        One seed for each of the R replicas, which are trained side by side.
    precision
        float32 or float64, the type of all arrays.
    output_activation
        Turns scores, the last layer's output, into predictions. Training never applies it, since
        the loss has it built in.
    each
        The layers of each replica, where they differ in initializers or dropout rates.
    draws
        Whether parameters are drawn from the seeds; otherwise they are 0, until they are set.

    Raises
    ------
    ValueError
        If layers do not fit one another, or explicit values their layer.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        inputs: int,
        *,
        seeds: Sequence[int],
        precision: str = "float32",
        output_activation: Activation | None = None,
        each: Sequence[Sequence[Layer]] = (),
        draws: bool = True,
    ) -> None:
        self._each = each
        self.layers, self.inputs, self.seeds = tuple(layers), inputs, tuple(seeds)
        self.dtype = np.dtype(precision)
        self.output_activation = output_activation or Identity()
        layout = layout_of(layers, inputs)
        self.widths, self.declared = layout.widths, layout.parameters
        self.blocks = blocks_of(self.declared)
        """The parameter arrays in theta, in the same order."""
        self.progress = Progress()
        """Place in the training, which its loop moves."""
        shapes = {name: parameter.shape for name, parameter in self.declared.items()}
        replicas = len(self.seeds)
        self.parameters = Vector(shapes, replicas, self.dtype)
        self.gradients = Vector(shapes, replicas, self.dtype, room=VOTES)
        self.statistics = Vector(
            {name: shape for name, (shape, _) in layout.statistics.items()}, replicas, self.dtype
        )
        for name, (_, value) in layout.statistics.items():
            self.statistics.views[name][...] = value
        self.weights = sum(int(np.prod(p.shape)) for p in self.declared.values() if p.is_weight)
        self._generators: list[Any] = [[] for _ in layers]  # of each layer a list of generators
        self._kept_generators: dict[int, list[EpochGenerators]] = {}
        self._drawing = [k for k, layer in enumerate(layers) if layer.draws]
        self.warnings: dict[str, str] = {}
        """Warnings by layer, of each its first."""
        self.awaits_rows = False
        """True if initializers wait for training rows, which the first `fit` gives them. Set it to
        False to go on from a theta that was set by hand."""
        self.rows_apart = False
        """True if `scores` and `predict` give a row the same bits whatever rows are around it: by
        pieces of one shape, and with BLAS on one thread. Other pieces are up to a tenth faster."""
        self.draws_as = self.dtype
        """The type in which layers draw, so that float64 can repeat what float32 has drawn."""
        if draws:
            self.initialize()

    def picked(self, replicas: Sequence[int]) -> "Network":
        """Return a network of only these replicas, with copies of their parameters.

        It shares the place in the training and the warnings.
        """
        network = copy.copy(self)
        network.seeds = tuple(self.seeds[replica] for replica in replicas)
        network._each = [self._each[replica] for replica in replicas] if self._each else ()
        network.parameters = self.parameters.picked(replicas)
        network.gradients = self.gradients.picked(replicas)
        network.statistics = self.statistics.picked(replicas)
        network._generators = [[] for _ in self.layers]
        network._kept_generators = {}
        return network

    def of_replicas(self, replicas: slice) -> "Network":
        """Return the network of neighboring replicas, whose arrays are views of this one's.

        Its generators are those of this one, too.
        """
        network = copy.copy(self)
        network.seeds = self.seeds[replicas]
        network._each = self._each[replicas]
        network.parameters = self.parameters.of_replicas(replicas)
        network.gradients = self.gradients.of_replicas(replicas)
        network.statistics = self.statistics.of_replicas(replicas)
        network._generators = [_PartOfList(of_layer, replicas) for of_layer in self._generators]
        return network

    def with_own_gradient(self) -> "Network":
        """Return the network with a gradient of its own; all else is that of this one."""
        network = copy.copy(self)
        network.gradients = self.gradients.picked(range(len(self.seeds)))
        return network

    def repeated(self, count: int) -> "Network":
        """Return the only replica this many times over, to look at only: all are its views."""
        network = copy.copy(self)
        network.seeds, network._each = self.seeds * count, (*self._each,) * count
        network.parameters = self.parameters.repeated(count)
        network.gradients = self.gradients.repeated(count)
        network.statistics = self.statistics.repeated(count)
        network._generators = [[*of_layer] * count for of_layer in self._generators]
        return network

    @property
    def theta(self) -> Array:
        """The parameters (R, P)."""
        return self.parameters.flat

    @property
    def gradient(self) -> Array:
        """The gradient (R, P) that the last backward pass wrote."""
        return self.gradients.flat

    @property
    def outputs(self) -> int:
        """The number of scores for each row."""
        return self.widths[-1]

    def initialize(self) -> None:
        """Draw every parameter again from the seeds."""
        for k in range(len(self.layers)):
            for replica, seed in enumerate(self.seeds):
                # by seed and layer only: a replica starts as it would in a run of its own
                rng = generator(seed, Purpose.INITIAL_WEIGHTS, layer=k)
                layer = self._each[replica][k] if self._each else self.layers[k]
                declared = layer.parameters(self.widths[k])
                if any(parameter.initializer.from_rows for parameter in declared.values()):
                    self.awaits_rows = True
                for name, view in self.parameters.part(f"layers.{k}").items():
                    parameter = declared[name]
                    try:
                        drawn = parameter.initializer.draw(
                            rng, parameter.shape, parameter.fan_in, parameter.fan_out
                        )
                    except ValueError as error:
                        raise ValueError(f"layer {k + 1}, {name}: {error}") from None
                    with np.errstate(over="ignore"):  # an infinite weight ends the training
                        view[replica] = drawn  # float64, cast to the network's type

    def initialize_by(self, x: Array) -> None:
        """Adapt the first weights to training rows x (R or 1, I, B), where initializers do so."""
        bound = self.bind(x, training=False, keeps_sums=True)
        with np.errstate(all="ignore"):
            for k, layer in enumerate(bound.layers):
                # `initialize` draws those of epoch 0
                layer.adapt([generator(seed, Purpose.INITIAL_WEIGHTS, 1, k) for seed in self.seeds])
                layer.forward()
        self.awaits_rows = False

    def _warn(self, k: int, layer: Layer, text: str) -> None:
        name = f"layer {k + 1} ({getattr(layer, 'kind', type(layer).__name__)})"
        self.warnings.setdefault(name, f"{name}: {text}")

    def begin_epoch(self, epoch: int) -> None:
        """Renew the layers' generators, so that draws depend on seed and epoch only."""
        for k in self._drawing:
            if not self.layers[k].keeps_generators:
                new = [generator(seed, Purpose.LAYER, epoch, k) for seed in self.seeds]
            else:
                if k not in self._kept_generators:
                    self._kept_generators[k] = [
                        EpochGenerators(seed, Purpose.LAYER, k) for seed in self.seeds
                    ]
                new = [kept.at(epoch) for kept in self._kept_generators[k]]
            self._generators[k][:] = new

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Restore gradient, statistics, generators and warnings after passes that only observe."""
        gradient, statistics = self.gradient.copy(), self.statistics.flat.copy()
        warnings = dict(self.warnings)
        # begin_epoch makes new ones, or moves them
        generators = [list(of_layer) for of_layer in self._generators]
        states = self._states()
        try:
            yield
        finally:
            self.gradient[:], self.statistics.flat[:] = gradient, statistics
            self.warnings = warnings
            for of_layer, before in zip(self._generators, generators, strict=True):
                of_layer[:] = before
            self._set_states(states)

    @contextmanager
    def rehearsed(self) -> Iterator[None]:
        """Set statistics and generators back after a pass, so that the next one repeats it."""
        statistics = self.statistics.flat.copy()
        states = self._states()
        try:
            yield
        finally:
            self.statistics.flat[:] = statistics
            self._set_states(states)

    @property
    def generators(self) -> list[np.random.Generator]:
        """The generators of all layers, which `begin_epoch` renews."""
        return [drawing for of_layer in self._generators for drawing in of_layer]

    def _states(self) -> list[Mapping[str, Any]]:
        """Return the states of the layers' generators."""
        return [drawing.bit_generator.state for drawing in self.generators]

    def _set_states(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Set the states of the layers' generators."""
        for one, state in zip(self.generators, states, strict=True):
            one.bit_generator.state = state

    def bind(
        self,
        x: Array,
        *,
        training: bool,
        keeps_sums: bool = False,
        rows_apart: bool = False,
        share: Share | None = None,
        shared: bool = True,
    ) -> "BoundNetwork":
        """Bind all layers to one batch's input buffer x (R or 1, I, B).

        With `keeps_sums` each layer's pre-activations z stay readable after forward, and with
        `rows_apart` no layer looks at one row to decide about another. A `share` is the place of
        the rows in a larger batch. In training, threads may share large products, unless `shared`
        is off. Raises ValueError where x does not have the network's inputs.
        """
        if x.shape[1] != self.inputs:
            raise ValueError(
                f"the network has {self.inputs} inputs but the rows have {x.shape[1]} columns"
            )
        # stride 0 over R where replicas share x, which makes one product of all
        buffer = np.broadcast_to(x, (len(self.seeds), *x.shape[1:]))
        bound: list[BoundLayer] = []
        trained_before, factors = False, None
        for k, layer in enumerate(self.layers):
            following = self.layers[k + 1] if k + 1 < len(self.layers) else None
            parameters = self.parameters.part(f"layers.{k}")
            wiring = Wiring(
                x=buffer,
                parameters=parameters,
                gradients=self.gradients.part(f"layers.{k}"),
                statistics=self.statistics.part(f"layers.{k}"),
                generators=self._generators[k],
                progress=self.progress,
                training=training,
                wants_input_gradient=trained_before,  # else nothing would use dL/dx
                keeps_sums=keeps_sums,
                rows_apart=rows_apart,
                warn=partial(self._warn, k, layer),
                each=[layers[k] for layers in self._each],
                # where z is to be seen, each layer's output is
                takes_factors=not keeps_sums and following is not None and following.takes_factors,
                factors=factors,
                draws_as=self.draws_as,
                share=share,
                shared=shared and training,
            )
            bound.append(layer.bind(wiring))
            buffer, factors = bound[-1].output, bound[-1].factors
            # factors get their gradient from the next layer, without dL/dx
            trained_before = trained_before or (bool(parameters) and factors is None)
        return BoundNetwork(bound, buffer)

    def scores(self, x: Array) -> Iterator[tuple[slice, Array]]:
        """Yield the scores of x (N, I), piece by piece, as (rows, scores (R, O, B)).

        A piece is overwritten by later ones. Layers work as outside training.
        """
        pieces = Pieces(self, x)
        threads = thread_count() if pieces.shared else 1
        for first in range(0, len(pieces.rows), threads):
            several = pieces.rows[first : first + threads]
            chunks = [pieces.take(rows) for rows in several]
            do_all(
                [
                    partial(chunk.forward, x[rows])
                    for chunk, rows in zip(chunks, several, strict=True)
                ]
            )
            for chunk, rows in zip(chunks, several, strict=True):
                yield rows, chunk.of_rows(chunk.scores, rows)
                pieces.give_back(chunk)

    def predict(self, x: Array, temperature: float = 1.0) -> Array:
        """Return the predictions (R, N, O) for x (N, I): the output activation of the scores.

        The scores are divided by the temperature first. Raises ValueError if x does not have the
        network's inputs.
        """
        predictions = np.empty((len(self.seeds), len(x), self.outputs), self.dtype)
        pieces = Pieces(self, x)

        def predict_piece(rows: slice) -> None:
            chunk = pieces.take(rows)
            chunk.forward(x[rows])
            scores = chunk.scores
            if temperature != 1.0:
                scores = scores / constant(temperature, self.dtype)
            of_piece = chunk.of_rows(self.predictions_of(scores), rows)
            predictions[:, rows] = of_piece.transpose(0, 2, 1)
            pieces.give_back(chunk)

        tasks = [partial(predict_piece, rows) for rows in pieces.rows]
        if pieces.shared:
            do_all(tasks)
        else:
            for task in tasks:
                task()
        return predictions

    def predictions_of(self, scores: Array) -> Array:
        """Return the predictions for scores, each (R, O, B): their output activation."""
        predictions = np.empty_like(scores)
        self.output_activation.forward(scores, predictions, self.output_activation.scratch(scores))
        return predictions


class _PartOfList(Sequence[np.random.Generator]):
    """Some neighbors in a list whose items change."""

    def __init__(self, whole: Sequence[np.random.Generator], part: slice) -> None:
        self._whole, self._part = whole, part

    def __len__(self) -> int:
        return len(self._whole[self._part])

    def __getitem__(self, place: Any) -> Any:
        return self._whole[self._part][place]
