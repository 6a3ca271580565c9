"""Building: the network that a prepared config describes."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bpnet import __version__
from bpnet.config.schema import Config
from bpnet.config.source import Source
from bpnet.engine.network import Network
from bpnet.errors import ConfigError
from bpnet.models.model import Description, Model
from bpnet.preparation.prepare import Fitted, Prepared
from bpnet.preparation.resolve import layers_of

_OBJECTS = 30_000
"""Bytes of generators and small arrays that each replica needs, as measured with 8,000 of them."""


def describe(prepared: Prepared | Fitted) -> Description:
    """What the network of a prepared config is; its seed is the config's."""
    config, loss = prepared.config, prepared.config.training.loss
    assert loss is not None
    assert config.task is not None
    layers, output_activation = layers_of(config, prepared.survey.answers.wanted, prepared.encoder)
    return Description(
        bpnet=__version__,
        task=config.task,
        encoder=prepared.encoder,
        target=prepared.target,
        layers=layers,
        output_activation=output_activation,
        loss=loss,
        metrics=config.training.metrics,
        l1=config.training.l1,
        l2=config.training.l2,
        class_weight=prepared.class_weight,
        sample_weight=config.dataset.sample_weight,
        precision=config.training.precision,
        reading=config.dataset.reading,
        seeds=[config.seed],
    )


@contextmanager
def architecture_errors(source: Source) -> Iterator[None]:
    """Turn what goes wrong while a network is built into ConfigError."""
    try:
        yield
    except (MemoryError, OverflowError):
        raise ConfigError(
            f"{source.where(('architecture',))}: architecture: this machine's memory is too small for so many "
            "parameters; give the layers fewer units"
        ) from None
    except ValueError as error:
        raise ConfigError(f"{source.where(('architecture',))}: architecture: {error}") from None


def build_model(prepared: Prepared, source: Source) -> Model:
    """The network that the config describes, with its description; raises ConfigError where values do not fit."""
    config, description = prepared.config, describe(prepared)
    with architecture_errors(source):
        alone = description.network()
        if config.replicas == 1:
            return Model(description, alone)
        most_at_once(config, source, alone, len(prepared.rows["train"]))
        several = replace(description, seeds=config.seeds)
        return Model(several, several.network())


def most_at_once(config: Config, source: Source, alone: Network, rows: int) -> int:
    """How many networks the memory holds with what they train on so many rows with; raises ConfigError.

    The error is that of a config whose `replicas` are more.
    """
    training = config.training
    batch = rows if training.batch_size == "full" else min(training.batch_size, rows)
    copies = 4 + len(
        training.optimizer.slots
    )  # parameters, gradients, those kept, those before the last step
    values = copies * alone.theta.size + 6 * batch * sum(alone.widths)
    each = alone.dtype.itemsize * values + 8 * rows + _OBJECTS
    most = max(1, int(min(0.8 * _memory() // each, 2**32)))
    if config.replicas > most:
        raise ConfigError(
            f"{source.where(('replicas',))}: replicas is {config.replicas}: so many networks need about "
            f"{each * config.replicas / 1e9:,.1f} GB, and this machine has {_memory() / 1e9:.1f} GB; "
            f"at most {most:,} fit"
        )
    return most


def _memory() -> float:
    """The machine's memory in bytes; endless where it does not tell."""
    return (
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if hasattr(os, "sysconf")
        else math.inf
    )
