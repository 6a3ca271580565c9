"""Build the network that a prepared config describes."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from bpnet import __version__
from bpnet.config.loading import LoadedConfig
from bpnet.engine.least_squares import matrices_bytes
from bpnet.engine.loop.settings import Training
from bpnet.engine.network import Network
from bpnet.engine.optimizers import FullBatchOptimizer
from bpnet.models.description import Description
from bpnet.models.model import Model
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.fit import FittedDataset

_BYTES_PER_REPLICA = 30_000
"""Bytes of each replica's generators and small arrays, measured with 8,000 replicas."""


def describe(prepared: FittedDataset) -> Description:
    """Describe the network of a prepared config; its only seed is the config's."""
    config, resolved = prepared.config, prepared.resolved
    return Description(
        bpnet=__version__,
        task=resolved.task,
        encoder=prepared.encoder,
        target=prepared.target,
        layers=resolved.layers,
        output_activation=resolved.link,
        loss=resolved.loss,
        metrics=config.training.metrics,
        l1=config.training.l1,
        l2=config.training.l2,
        class_weight=prepared.class_weight,
        sample_weight=config.dataset.sample_weight,
        precision=config.training.precision,
        reading=config.dataset.reading,
        seeds=[config.seed],
        drop_missing_targets=config.dataset.drop_missing_targets,
    )


@contextmanager
def architecture_errors(loaded: LoadedConfig) -> Iterator[None]:
    """Turn errors raised while a network is built into ConfigError."""
    try:
        yield
    except (MemoryError, OverflowError):
        raise loaded.error(
            ("architecture",),
            "has more parameters than this machine's memory holds; give the layers fewer units",
        ) from None
    except ValueError as error:
        raise loaded.error(("architecture",), f"cannot be built: {error}") from None


def build_model(prepared: EncodedDataset, seeds: Sequence[int] | None = None) -> Model:
    """Build the config's network, one replica for each seed, by default the config's.

    Raises
    ------
    ConfigError
        The network is too large, or explicit values do not fit its layers.
    """
    config, description, loaded = prepared.config, describe(prepared), prepared.split.loaded
    with architecture_errors(loaded):
        single = description.network()
        refuse_large_matrices(loaded, single.theta.size)
        if (config.networks_each if seeds is None else len(seeds)) > 1:
            # before the seeds are listed, which may be too many themselves
            most_at_once(loaded, single, len(prepared.rows["train"]))
        seeds = config.seeds if seeds is None else list(seeds)
        if seeds == description.seeds:
            return Model(description, single)
        replicated = replace(description, seeds=seeds)
        return Model(replicated, replicated.network())


def most_at_once(loaded: LoadedConfig, single: Network, rows: int) -> int:
    """Return how many networks like `single` this machine's memory can train at once.

    `rows` is the number of training rows. Raises ConfigError if the config trains more together,
    by its `replicas` and `folds`.
    """
    config, training = loaded.config, loaded.config.training
    refuse_large_matrices(loaded, single.theta.size)
    batch = rows if training.batch_size == "full" else min(training.batch_size, rows)
    # parameters, gradients, best and first parameters, those before the last step, and the
    # optimizer's
    copies = 5 + len(training.optimizer.slots)
    values = copies * single.theta.size + 6 * batch * sum(single.widths)
    each = single.dtype.itemsize * values + 8 * rows + _BYTES_PER_REPLICA
    if _least_squares(training):
        each += matrices_bytes(single.theta.size)
    most = max(1, int(min(0.8 * _memory() // each, 2**32)))
    networks = config.networks_each
    if networks > most:
        key = "replicas" if config.replicas > 1 else "folds"
        makes = f", which makes {networks} networks" if networks > getattr(config, key) else ""
        raise loaded.error(
            (key,),
            f"is {getattr(config, key)}{makes}, but these networks need about "
            f"{each * networks / 1e9:,.1f} GB, "
            f"and this machine has {_memory() / 1e9:.1f} GB; at most {most:,} fit",
        )
    return most


def refuse_large_matrices(loaded: LoadedConfig, parameters: int) -> None:
    """Raise ConfigError if the optimizer's matrices of one network exceed the memory."""
    training, memory = loaded.config.training, 0.8 * _memory()
    needed = matrices_bytes(parameters)
    if _least_squares(training) and needed > memory:
        most = int(parameters * math.sqrt(memory / needed))
        raise loaded.error(
            ("training", "optimizer"),
            f"is {training.optimizer.kind}, whose matrices of {parameters:,} x {parameters:,} "
            f"parameters need about {needed / 1e9:,.1f} GB, and this machine has "
            f"{_memory() / 1e9:.1f} GB; networks of at most {most:,} parameters fit. Give the "
            "layers fewer units, or: --set training.optimizer=lbfgs",
        )


def _least_squares(training: Training) -> bool:
    optimizer = training.optimizer
    return isinstance(optimizer, FullBatchOptimizer) and optimizer.least_squares


def _memory() -> float:
    """Return the machine's memory in bytes, or infinity where the system does not report it."""
    return (
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if hasattr(os, "sysconf")
        else math.inf
    )
