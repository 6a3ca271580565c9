"""Resolving: every default that depends on the task filled in, and every combination that makes no sense refused."""

from collections.abc import Iterator
from dataclasses import replace

from bpnet.config.loading import dotted
from bpnet.config.schema import Architecture, Config, Output, Task
from bpnet.config.source import Source
from bpnet.config.yaml_tree import KeyPath
from bpnet.engine.activations import AnyActivation, Identity, LeakyRelu, Relu, Sigmoid, Softmax
from bpnet.engine.layers import AnyLayer, BatchNormalization, Dense
from bpnet.engine.losses import AnyLoss, BinaryCrossEntropy, CrossEntropy, SquaredError
from bpnet.engine.metrics import Accuracy, RegressionError
from bpnet.errors import ConfigError
from bpnet.suggest import suggest

DEFAULT_HIDDEN = (64, 64)
METRICS: dict[Task, tuple[str, ...]] = {"classification": Accuracy.names, "regression": RegressionError.names}


def resolve(config: Config, source: Source, task: Task, classes: int, features: list[str]) -> Config:
    """The config with every default written out, for a table of this task, so many classes and these features.

    Raises ConfigError with every combination of keys that makes no sense.
    """
    loss = config.training.loss or _loss(config, task, classes)
    output = _output(config, loss, task, classes)
    found = _contradictions(config, loss, output, task)
    problems = [f"{source.where(path)}: {dotted(path)} {text}" for path, text in found]
    if problems:
        raise ConfigError(problems)
    training = config.training
    validated = config.dataset.split.validation > 0
    stratify = config.dataset.split.stratify
    return replace(
        config,
        task=task,
        dataset=replace(
            config.dataset,
            features=features,
            split=replace(config.dataset.split, stratify=task == "classification" if stratify is None else stratify),
        ),
        architecture=Architecture(layers=_layers(config.architecture), output=output),
        training=replace(
            training, loss=loss, keep=training.keep or ("best" if training.keeps_best(validated=validated) else "last")
        ),
    )


def outputs_of(task: Task, classes: int, activation: AnyActivation | None) -> int:
    """The number of output units: one for a regression or two classes, unless softmax gives each class its own."""
    return 1 if task == "regression" or (classes == 2 and not isinstance(activation, Softmax)) else classes


def output_layer(output: Output, loss: AnyLoss, units: int) -> Dense:
    """The last layer; where the loss reads logits, the activation is the loss's own and left out here."""
    activation = output.activation or Identity()
    return Dense(
        units=units,
        activation=Identity() if activation == loss.link else activation,
        bias=output.bias,
        initializer=output.initializer,
        bias_initializer=output.bias_initializer,
    )


def _layers(architecture: Architecture) -> list[AnyLayer]:
    if architecture.layers is not None:
        return architecture.layers
    hidden = DEFAULT_HIDDEN if architecture.hidden is None else architecture.hidden
    return [Dense(units=units, activation=architecture.activation or Relu()) for units in hidden]


def _loss(config: Config, task: Task, classes: int) -> AnyLoss:
    """The loss that suits the output's activation, or the task where none is given."""
    activation = config.architecture.output.activation
    if task == "regression" or not isinstance(activation, Softmax | Sigmoid | None):
        return SquaredError()
    if activation is None:
        return BinaryCrossEntropy() if classes == 2 else CrossEntropy()
    return CrossEntropy() if isinstance(activation, Softmax) else BinaryCrossEntropy()


def _output(config: Config, loss: AnyLoss, task: Task, classes: int) -> Output:
    """The output with its activation, that of the loss where none is given, and its initializer."""
    output = config.architecture.output
    activation = output.activation
    if activation is None:
        activation = Sigmoid() if task == "classification" and isinstance(loss.link, Identity) else loss.link
    units = outputs_of(task, classes, activation)
    dense = Dense(units=units, activation=activation, initializer=output.initializer)
    return replace(output, activation=activation, initializer=dense.initializer)


def _contradictions(config: Config, loss: AnyLoss, output: Output, task: Task) -> Iterator[tuple[KeyPath, str]]:
    activation = output.activation
    assert activation is not None
    loss_at: KeyPath = ("training", "loss")
    output_at: KeyPath = ("architecture", "output", "activation")
    logits = isinstance(loss, CrossEntropy | BinaryCrossEntropy)
    if task == "regression":
        scaled = config.dataset.preprocessing.target == "standardize"
        if logits:
            allowed = "squared_error, absolute_error or huber"
            yield loss_at, f"is {loss.kind}, which compares classes; for a regression it must be {allowed}"
        elif isinstance(activation, Softmax):
            yield output_at, "is softmax, which makes shares of several classes; for a regression use identity"
        elif scaled and not isinstance(activation, Identity | LeakyRelu):
            yield (
                output_at,
                f"is {activation.kind}, which cannot reach every value of a standardized target; use identity, "
                "or set dataset.preprocessing.target to none where the target stays in its range",
            )
        if config.dataset.split.stratify:
            yield (
                ("dataset", "split", "stratify"),
                "is true, but the task is regression, which has no classes; remove it",
            )
        if config.dataset.class_weight is not None:
            yield ("dataset", "class_weight"), "is set, but the task is regression, which has no classes; remove it"
    elif logits and activation != loss.link:
        yield (
            output_at,
            f"is {activation.kind}, but the loss {loss.kind} goes with {loss.link.kind}; "
            "leave the activation out, or choose another loss such as squared_error",
        )
    metrics = METRICS[task]
    figures = ["loss", *metrics]
    if config.dataset.split.validation > 0:
        figures += [f"val_{name}" for name in figures]
    stopping = config.training.early_stopping
    if stopping and stopping.monitor and stopping.monitor not in figures:
        yield (
            ("training", "early_stopping", "monitor"),
            f"is '{stopping.monitor}', which this run does not measure; allowed are {', '.join(figures)}"
            f"{suggest(stopping.monitor, figures)}",
        )
    if config.training.keep == "best" and config.dataset.split.validation == 0 and stopping is None:
        yield (
            ("training", "keep"),
            "is best, but there are no validation rows to choose by; set dataset.split.validation above 0, "
            "or name a training figure in training.early_stopping.monitor",
        )
    if config.training.batch_size == 1 and any(
        isinstance(layer, BatchNormalization) for layer in config.architecture.layers or []
    ):
        yield ("training", "batch_size"), "is 1, which leaves batch_normalization nothing to average; raise it"
