"""A config resolved: every default that depends on the table filled in, contradictions refused."""

from dataclasses import replace

from bpnet.config.dataset_schema import Dataset
from bpnet.config.loading import LoadedConfig
from bpnet.config.schema import Config
from bpnet.config.task import Task
from bpnet.data.encoding import Encoder
from bpnet.data.encoding.column_options import Role
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import AnyLoss
from bpnet.errors import ConfigError
from bpnet.preparation.architecture import (
    count_outputs,
    hidden_layers,
    network_layers,
    prediction_activation,
    suited_loss,
    unknown_waves,
    with_output,
)
from bpnet.preparation.contradictions import contradictions
from bpnet.preparation.resolved_config import ResolvedConfig


def resolve(
    loaded: LoadedConfig,
    task: Task,
    target_width: int,
    features: list[str],
    roles: dict[str, Role],
    encoder: Encoder,
    positive: str | None,
) -> ResolvedConfig:
    """Fill in every default of a config for its table.

    Parameters
    ----------
    loaded
        The config.
    task
        The task.
    target_width
        Number of classes, quantities or labels to predict for a row.
    features, roles
        The columns to learn from, and the role of each column.
    encoder
        The encoder of these columns.
    positive
        The positive class, if there are two.

    Raises
    ------
    ConfigError
        Keys contradict each other; the error lists every contradiction.
    """
    config, architecture = loaded.config, loaded.config.architecture
    architecture = replace(
        architecture,
        layers=hidden_layers(architecture),
        hidden=None,
        activation=None,
        dropout=0.0,
    )
    # in this order: the loss suits the activation that is given, and the activation, if none is
    loss = config.training.loss or suited_loss(architecture, task, target_width)
    activation = prediction_activation(architecture, loss, task)
    architecture = with_output(architecture, activation)
    problems = [loaded.problem(*one) for one in unknown_waves(architecture, encoder)]
    if problems:
        raise ConfigError(problems)
    layers, link = network_layers(architecture, task, loss, activation, target_width, encoder)
    resolved = ResolvedConfig(
        config=replace(
            config,
            task=task,
            dataset=_resolved_dataset(config.dataset, task, features, roles, positive),
            architecture=architecture,
            training=_resolved_training(config, loss),
        ),
        task=task,
        loss=loss,
        layers=layers,
        link=link,
        output_activation=activation,
        inputs=encoder.width,
        outputs=count_outputs(layers, encoder.width),
        target_width=target_width,
    )
    problems = [loaded.problem(path, text) for path, text in contradictions(resolved)]
    if problems:
        raise ConfigError(problems)
    return resolved


def _resolved_dataset(
    dataset: Dataset,
    task: Task,
    features: list[str],
    roles: dict[str, Role],
    positive: str | None,
) -> Dataset:
    split = replace(
        dataset.split,
        validation=dataset.split.amount("validation"),
        test=dataset.split.amount("test"),
        stratify=dataset.split.stratifies(task),
    )
    # one that does not suit the task stays, for the contradictions to refuse
    positive = positive or dataset.positive
    return replace(dataset, features=features, roles=roles, split=split, positive=positive)


def _resolved_training(config: Config, loss: AnyLoss) -> Training:
    keeps_best = config.training.keeps_best(validated=config.validates)
    return replace(config.training, loss=loss, keep="best" if keeps_best else "last")
