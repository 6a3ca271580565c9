"""Building: the network that a prepared config describes."""

from bpnet import __version__
from bpnet.config.source import Source
from bpnet.errors import ConfigError
from bpnet.experiment.model import Description, Model
from bpnet.preparation.preparing import Prepared
from bpnet.preparation.resolving import layers_of


def build_model(prepared: Prepared, source: Source) -> Model:
    """The network that the config describes, with its description; raises ConfigError where values do not fit."""
    config, loss = prepared.config, prepared.config.training.loss
    assert loss is not None
    assert config.task is not None
    layers, output_activation = layers_of(config, prepared.survey.answers.wanted, prepared.encoder)
    description = Description(
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
    try:
        return Model(description, description.network())
    except (MemoryError, OverflowError):
        raise ConfigError(
            f"{source.where(('architecture',))}: architecture: this machine's memory is too small for so many "
            "parameters; give the layers fewer units"
        ) from None
    except ValueError as error:
        raise ConfigError(f"{source.where(('architecture',))}: architecture: {error}") from None
