"""Data-parallel training: one network, trained together by what mpiexec has started."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from bpnet.config.loading import LoadedConfig, as_data
from bpnet.engine.component import Array
from bpnet.engine.loop.passes import cut
from bpnet.engine.loop.replica_optimizer import replica_optimizers
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.network import Network
from bpnet.errors import ConfigError, DataError, UsageError
from bpnet.integrations.mpi import World
from bpnet.messages import byte_size, counted, shell_path
from bpnet.models.model import Model
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.shareable import ALONE, check_shareable_config
from bpnet.runs.directory import RunPaths

LEAST_FACTOR = 1.1
"""The factor by which processes together must be faster than one."""

_REPETITIONS = 5
"""How often a time is measured, of which the shortest counts."""

Result = TypeVar("Result")


class Silent:
    """A watcher that shows nothing: that of the processes whose leader shows the training."""

    def begin(self, run: Path, prepared: EncodedDataset, parameters: int, networks: int) -> None:
        """Show nothing of what trains."""

    def begin_member(
        self, run: Path, prepared: EncodedDataset, parameters: int, networks: int, title: str
    ) -> None:
        """Show nothing of a member."""

    def begin_pass(
        self, run: Path, first: EncodedDataset, parameters: int, number: int, passes: Any
    ) -> None:
        """Show nothing of a pass."""

    def epoch(self, row: Mapping[str, float], kept: Array) -> None:
        """Show nothing of an epoch."""

    def warn(self, text: str) -> None:
        """Show no warning."""


@dataclass(frozen=True)
class Together:
    """The processes of a training, and whether they train also where one would be as fast."""

    world: World
    always: bool = False

    def agree_on(self, loaded: LoadedConfig) -> None:
        """Check, before the table is read, that all have the same config, which they can share.

        Raises ConfigError.
        """
        self.world.agree(_settings(as_data(loaded.config)), _other_config)
        check_shareable_config(loaded, self.world)

    def refuse_folds(self, loaded: LoadedConfig) -> ConfigError:
        """Return the error of a config that trains an ensemble on folds."""
        preset = loaded.config.preset or loaded.written_preset
        how = "trains" if preset is None else f"is {preset}, which trains"
        return loaded.error(
            ("folds" if preset is None else "preset",),
            f"{how} an ensemble on folds, whose networks do not share their rows: to train one "
            f"network together: --set preset=null --set folds=null, or {ALONE}",
        )

    def refuse_passes(self, run: RunPaths, kind: str) -> UsageError:
        """Return the error of a run whose networks train one after another."""
        return UsageError(
            f"{run.folder}: is of the kind {kind}, whose networks do not share their rows; go "
            f"on in one process: bpnet resume {shell_path(run.folder)}"
        )

    def begin(self, prepared: EncodedDataset, model: Model, begun: Any = None) -> None:
        """Wait for the others, and check that all begin with the same, and that it pays.

        `begun` is what the training goes on from, if there is such a thing. Raises DataError if the
        table or anything else differs, and UsageError if it does not pay.
        """
        self.world.agree(prepared.split.table.digest, _other_table)
        begun = _digest([prepared.split.part_numbers, model.network.theta, begun])
        self.world.agree(begun, _other_beginning)
        with self.world.adding():
            self.world.add_up(prepared.fingerprints)  # UNKNOWN, which is 0, of another's rows
            self.world.share_memory(model.network)
            problem = None
            if not self.world.of_leader(self.always):
                problem = self.world.of_leader(not_worth_it(prepared, model, self.world))
        self.world.agree(error=None if problem is None else UsageError(problem))

    @contextmanager
    def training(self) -> Iterator[None]:
        """Train together, once all have read what they begin with, which the leader changes."""
        self.world.agree()
        with self.world.adding(then="apart"):
            yield

    def of_leader(self, result: Result) -> Result:
        """Return the leader's result, whose run directory the others have not."""
        return cast(Result, self.world.of_leader(result))

    def watched_by(self, watcher: Any) -> Any:
        """Return the watcher for the leader, and one that shows nothing for the others."""
        return watcher if self.world.leads else Silent()


def _settings(data: Any, path: str = "") -> dict[str, Any]:
    """Return the values of a config by their dotted keys, without the path of the table."""
    if not isinstance(data, dict) or not data:
        return {} if path == "dataset.path" else {path: data}
    parts = [_settings(value, f"{path}.{key}" if path else key) for key, value in data.items()]
    return {key: value for part in parts for key, value in part.items()}


def _other_config(one: Mapping[str, Any], other: Mapping[str, Any]) -> ConfigError:
    """Return the error of configs that differ."""
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    more = f", and {counted(len(keys) - 1, 'other key')} differ" if len(keys) > 1 else ""
    return ConfigError(
        f"their configs differ: {keys[0]} is {one.get(keys[0])} in the first and "
        f"{other.get(keys[0])} in the other{more}; give all the same config, or, where each trains "
        "a network of its own: --mpi never"
    )


def _other_table(_one: str, _other: str) -> DataError:
    """Return the error of tables that differ."""
    return DataError("read different content; copy the same table to all machines")


def _other_beginning(_one: str, _other: str) -> DataError:
    """Return the error of networks, rows or checkpoints that differ."""
    return DataError(
        "begin with different weights, rows or checkpoints, though with the same table and config; "
        "install the same versions of all packages, and give all the same run folder"
    )


def _digest(value: Any) -> str:
    """Return the SHA-256 of arrays, and of what else is in mappings and sequences with them."""
    total = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, np.ndarray):
            total.update(f"{value.dtype}{value.shape}".encode())
            total.update(np.ascontiguousarray(value).data)
        elif isinstance(value, Mapping):
            add([*value.items()])
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            total.update(f"{len(value)}".encode())
            for item in value:
                add(item)
        else:
            total.update(repr(value).encode())

    add(value)
    return total.hexdigest()


def not_worth_it(prepared: EncodedDataset, model: Model, world: World) -> str | None:
    """Measure a step of one process and of all, and return why they are not worth it, if so.

    All processes call it at the same time; what the first one returns counts.
    """
    network, n = model.network, world.size
    training = prepared.config.training
    rows = len(prepared.rows["train"])
    batch, _, _ = cut(rows, rows if training.batch_size == "full" else training.batch_size)
    share = -(-batch // n)

    def add_up() -> None:
        world.add_up_step(network.gradients.whole)

    def nothing() -> None:
        """Wait for the first one, which works alone."""

    with _rehearsed(network), np.errstate(all="ignore"):
        passes = _seconds(_passes(network, training, share), world)
        sums = _seconds(add_up, world)
        move = _seconds(_move(network, training, world), world)
        # by the first one, for which the others wait
        passes_alone = _seconds(
            _passes(network, training, batch) if world.leads else nothing, world
        )
        move_alone = _seconds(_move(network, training) if world.leads else nothing, world)
    factor = (passes_alone + move_alone) / (passes + sums + move)
    if factor >= LEAST_FACTOR:
        return None
    # p + move_alone = LEAST_FACTOR (p / n + sums + move), solved for p
    least = (LEAST_FACTOR * (sums + move) - move_alone) / (1 - LEAST_FACTOR / n)
    return (
        f"{n} processes do not pay here: of a step, {counted(batch, 'row')} take one process "
        f"{_time(passes_alone)} forward and backward, and the optimizer {_time(move_alone)}; {n} "
        f"take {_time(passes)} for {counted(share, 'row')} each, {_time(sums)} to add up gradients "
        f"of {byte_size(network.gradient.nbytes)}, and {_time(move)} for the optimizer: "
        f"{factor:.2g} times as fast. Forward and backward have to take more than "
        f"{_time(max(least, passes_alone))} in one process: enlarge training.batch_size or the "
        "layers, or train without mpiexec, or all the same: --mpi always"
    )


@contextmanager
def _rehearsed(network: Network) -> Iterator[None]:
    """Set everything back after steps that are only measured."""
    theta = network.theta.copy()
    with network.untouched():
        network.begin_epoch(1)  # makes what dropout draws from
        network.progress.move(0, 1, 1)
        yield
        network.progress.leave()
    network.theta[...] = theta


def _passes(network: Network, training: Training, rows: int) -> Callable[[], None]:
    """Return what takes a number of rows forward and backward."""
    bound = network.bind(np.zeros((1, network.inputs, rows), network.dtype), training=True)
    loss = training.loss or SquaredError()
    compared = loss.bind(bound.output, np.zeros_like(bound.output), None)

    def run() -> None:
        bound.forward()
        compared.evaluate()
        bound.backward(compared.gradient)

    return run


def _move(network: Network, training: Training, ranks: World | None = None) -> Callable[[], None]:
    """Return what moves the parameters as a step does, of one process or of several."""
    optimizers = replica_optimizers([training] * len(network.seeds), network, ranks=ranks)
    for optimizer in optimizers:
        optimizer.begin_step(0, 1)

    def run() -> None:
        for optimizer in optimizers:
            optimizer.move()

    return run


def _seconds(work: Callable[[], None], world: World) -> float:
    """Return the shortest time of some repetitions, which all processes begin together."""
    times = []
    for _ in range(1 + _REPETITIONS):  # the first one meets cold memory
        world.wait()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times[1:])


def _time(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"
