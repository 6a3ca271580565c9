"""Resolving: every default that depends on the task filled in, and every combination that makes no sense refused."""

from collections.abc import Iterator
from dataclasses import replace

from bpnet.config.loading import LoadedConfig
from bpnet.config.schema import Architecture, Config, Output, Task
from bpnet.config.yaml_tree import KeyPath
from bpnet.data.encoding import Encoder
from bpnet.data.encoding.column_options import Role
from bpnet.engine.activations import AnyActivation, Identity, LeakyRelu, Relu, Sigmoid, Softmax
from bpnet.engine.layers import (
    AnyLayer,
    AnyStoredLayer,
    BatchNormalization,
    CategoryTable,
    Dense,
    Dropout,
    Embedding,
)
from bpnet.engine.losses import AnyLoss, BinaryCrossEntropy, CrossEntropy, SquaredError
from bpnet.engine.metrics import metric_names
from bpnet.engine.optimizers import Perturbation, Rprop
from bpnet.engine.schedules import ConstantRate
from bpnet.errors import ConfigError
from bpnet.messages import did_you_mean

DEFAULT_HIDDEN = (64, 64)


def resolve(
    loaded: LoadedConfig,
    task: Task,
    wanted: int,
    features: list[str],
    roles: dict[str, Role],
    encoder: Encoder,
) -> Config:
    """The config with every default written out, for a table with these features, roles and inputs.

    `wanted` is the number of classes, or of targets.

    Raises ConfigError with every combination of keys that makes no sense.
    """
    config = loaded.config
    architecture = replace(
        config.architecture, layers=_layers(config.architecture), hidden=None, activation=None
    )
    loss = config.training.loss or _loss(architecture, task, wanted)
    activation = _ending(architecture, loss, task)
    if architecture.output is not None:
        architecture = replace(architecture, output=_output(architecture.output, activation))
    split, training = config.dataset.split, config.training
    resolved = replace(
        config,
        task=task,
        dataset=replace(
            config.dataset,
            features=features,
            roles=roles,
            split=replace(
                split,
                validation=split.amount("validation"),
                test=split.amount("test"),
                stratify=split.stratifies(task),
            ),
        ),
        architecture=architecture,
        training=replace(
            training,
            loss=loss,
            keep="best" if training.keeps_best(validated=split.validates) else "last",
        ),
    )
    found = _contradictions(resolved, loss, activation, task, wanted, encoder)
    problems = [loaded.problem(path, text) for path, text in found]
    if problems:
        raise ConfigError(problems)
    return resolved


def layers_of(
    config: Config, wanted: int, encoder: Encoder
) -> tuple[list[AnyStoredLayer], AnyActivation]:
    """All layers of a resolved config, and what turns the scores of the last into predictions.

    Before them stands the one that turns numbers of levels into vectors, where columns are encoded so. Where the loss
    reads logits, the output's activation is the loss's own: it is left out of the layer.
    """
    loss, output, layers = (
        config.training.loss,
        config.architecture.output,
        config.architecture.layers,
    )
    assert loss is not None
    assert layers is not None
    assert config.task is not None
    first = [Embedding(tables=tables)] if (tables := _tables(encoder)) else []
    if output is None:
        return [*first, *layers], loss.link
    assert output.activation is not None
    linked = output.activation == loss.link
    last = Dense(
        units=_units(config.task, wanted, output.activation),
        activation=Identity() if linked else output.activation,
        bias=output.bias,
        initializer=output.initializer,
        bias_initializer=output.bias_initializer,
    )
    return [*first, *layers, last], output.activation if linked else Identity()


def outputs_of(config: Config, wanted: int, encoder: Encoder) -> int:
    """The number of scores that the network of a resolved config gives for each row."""
    layers, _ = layers_of(config, wanted, encoder)
    outputs = encoder.width
    for layer in layers:
        outputs = layer.outputs(outputs)
    return outputs


def _tables(encoder: Encoder) -> list[CategoryTable]:
    return [
        CategoryTable(position=position, levels=column.code_count, size=column.size)
        for position, column in encoder.embedded
    ]


def _units(task: Task, wanted: int, activation: AnyActivation) -> int:
    """An output for each class or target; two classes share one, unless softmax gives each its own."""
    return (
        1
        if task == "classification" and wanted == 2 and not isinstance(activation, Softmax)
        else wanted
    )


def _layers(architecture: Architecture) -> list[AnyLayer]:
    if architecture.layers is not None:
        return architecture.layers
    hidden = DEFAULT_HIDDEN if architecture.hidden is None else architecture.hidden
    return [Dense(units=units, activation=architecture.activation or Relu()) for units in hidden]


def _own_activation(architecture: Architecture) -> AnyActivation | None:
    """The activation that the config gives the output, None where it gives none."""
    if architecture.output is not None:
        return architecture.output.activation
    last = architecture.layers[-1] if architecture.layers else None
    own: AnyActivation = getattr(last, "activation", Identity())
    return None if isinstance(own, Identity) else own


def _loss(architecture: Architecture, task: Task, wanted: int) -> AnyLoss:
    """The loss that suits the output's activation, or the task where none is given."""
    activation = _own_activation(architecture)
    own_layer = architecture.output is None and activation is not None
    if task == "regression" or own_layer or not isinstance(activation, Softmax | Sigmoid | None):
        return SquaredError()
    if task == "multilabel":
        return BinaryCrossEntropy()
    if activation is None:
        return BinaryCrossEntropy() if wanted == 2 else CrossEntropy()
    return CrossEntropy() if isinstance(activation, Softmax) else BinaryCrossEntropy()


def _ending(architecture: Architecture, loss: AnyLoss, task: Task) -> AnyActivation:
    """The activation that makes the predictions: as given, else what the loss reads, else what suits the task."""
    activation = _own_activation(architecture)
    if activation is not None:
        return activation
    if architecture.output is not None and task != "regression" and isinstance(loss.link, Identity):
        return Sigmoid()
    return loss.link


def _output(output: Output, activation: AnyActivation) -> Output:
    """The output with its activation, and the initializer that suits it."""
    dense = Dense(units=1, activation=activation, initializer=output.initializer)
    return replace(output, activation=activation, initializer=dense.initializer)


def _contradictions(
    config: Config,
    loss: AnyLoss,
    activation: AnyActivation,
    task: Task,
    wanted: int,
    encoder: Encoder,
) -> Iterator[tuple[KeyPath, str]]:
    loss_at: KeyPath = ("training", "loss")
    layers = config.architecture.layers or []
    added = config.architecture.output is not None
    output_at: KeyPath = ("architecture", "output", "activation")
    if not added:
        output_at = ("architecture", "layers", len(layers) - 1, "activation")
    logits = isinstance(loss, CrossEntropy | BinaryCrossEntropy)
    if task == "regression":
        scaled = config.dataset.preprocessing.target == "standardize"
        if logits:
            allowed = "squared_error, absolute_error or huber"
            yield (
                loss_at,
                f"is {loss.kind}, which compares classes; for a regression it must be {allowed}",
            )
        elif isinstance(activation, Softmax):
            yield (
                output_at,
                "is softmax, which makes shares of several classes; for a regression use identity",
            )
        elif scaled and not isinstance(activation, Identity | LeakyRelu):
            yield (
                output_at,
                f"is {activation.kind}, which cannot reach every value of a standardized target; use identity, "
                "or set dataset.preprocessing.target to none where the target stays in its range",
            )
    elif task == "multilabel" and (
        isinstance(loss, CrossEntropy) or isinstance(activation, Softmax)
    ):
        path, kind = (
            (loss_at, loss.kind) if isinstance(loss, CrossEntropy) else (output_at, activation.kind)
        )
        allowed = "binary_cross_entropy" if path == loss_at else "sigmoid"
        yield (
            path,
            f"is {kind}, which chooses one of several classes; where each target is true or not, use {allowed}",
        )
    elif logits and (
        activation != loss.link or (not added and _own_activation(config.architecture) is not None)
    ):
        yield (
            output_at,
            f"is {activation.kind}, but the loss {loss.kind} applies {loss.link.kind} itself; "
            f"{'leave the activation out' if added else 'make it identity'}, "
            "or choose another loss such as squared_error",
        )
    if task != "classification":
        if config.dataset.split.stratify:
            yield (
                ("dataset", "split", "stratify"),
                f"is true, but the task is {task}, which has no classes; remove it",
            )
        if config.dataset.class_weight is not None:
            yield (
                ("dataset", "class_weight"),
                f"is set, but the task is {task}, which has no classes; remove it",
            )
    if not added and isinstance(layers[-1], Dropout):
        yield (
            ("architecture", "output"),
            "is null, but the last layer is dropout, which makes no output; leave it out",
        )
    outputs = outputs_of(config, wanted, encoder)
    fitting = {_units(task, wanted, activation), wanted}
    if not added and outputs not in fitting:
        needs = " or ".join(map(str, sorted(fitting)))
        yield (
            ("architecture", "output"),
            f"is null, but the last layer has {outputs} outputs where the target needs {needs}; change its units",
        )
    figures = ["loss", *metric_names(task, config.training.metrics)]
    if config.dataset.split.validates:
        figures += [f"val_{name}" for name in figures]
    stopping = config.training.early_stopping
    if stopping and stopping.monitor and stopping.monitor not in figures:
        yield (
            ("training", "early_stopping", "monitor"),
            f"is '{stopping.monitor}', which this run does not measure; allowed are {', '.join(figures)}"
            f"{did_you_mean(stopping.monitor, figures)}",
        )
    if config.training.keep == "best" and not config.dataset.split.validates and stopping is None:
        yield (
            ("training", "keep"),
            "is best, but there are no validation rows to choose by; set dataset.split.validation above 0, "
            "or name a training figure in training.early_stopping.monitor",
        )
    if config.training.metrics and (task != "classification" or logits):
        yield (
            ("training", "metrics"),
            "asks for closeness, which compares classes with the outputs themselves: it needs a classification "
            "with squared_error, absolute_error or huber",
        )
    weighted = config.dataset.class_weight is not None or config.dataset.sample_weight is not None
    if weighted and loss.rows == "sum":
        yield (
            loss_at,
            "sums over the rows, but weights have no scale of their own; use rows: mean with weights",
        )
    optimizer = config.training.optimizer
    by_chance = [layer.kind for layer in layers if isinstance(layer, Dropout | BatchNormalization)]
    if isinstance(optimizer, Perturbation) and by_chance:
        yield (
            ("training", "optimizer"),
            f"is perturbation, which compares losses, but {by_chance[0]} changes them from pass to pass; leave it out",
        )
    if isinstance(optimizer, Rprop) and config.training.schedule != ConstantRate():
        yield (
            ("training", "schedule"),
            f"is {config.training.schedule.kind}, but rprop finds its own step sizes; leave the schedule out",
        )
    if config.training.batch_size == 1 and any(
        isinstance(layer, BatchNormalization) for layer in layers
    ):
        yield (
            ("training", "batch_size"),
            "is 1, which leaves batch_normalization nothing to average; raise it",
        )
