"""The network of a config: its layers, its output layer, and the loss that suits it."""

from collections.abc import Iterator
from dataclasses import replace

from bpnet.config.schema import Architecture
from bpnet.config.task import Task
from bpnet.config.yaml_tree import KeyPath
from bpnet.data.encoding import Encoder
from bpnet.engine.activations import AnyActivation, Identity, Relu, Sigmoid, Softmax
from bpnet.engine.layers import (
    AnyLayer,
    AnyStoredLayer,
    CategoryTable,
    Dense,
    Dropout,
    Embedding,
    Periodic,
)
from bpnet.engine.losses import AnyLoss, BinaryCrossEntropy, CrossEntropy, SquaredError
from bpnet.messages import did_you_mean, quoted_list

DEFAULT_HIDDEN = (64, 64)
"""Units of the hidden layers of a config that names none."""


def hidden_layers(architecture: Architecture) -> list[AnyLayer]:
    """Return the layers before the output, those of `hidden` written out."""
    if architecture.layers is not None:
        return architecture.layers
    hidden = DEFAULT_HIDDEN if architecture.hidden is None else architecture.hidden
    layers: list[AnyLayer] = []
    for units in hidden:
        layers.append(Dense(units=units, activation=architecture.activation or Relu()))
        if architecture.dropout:
            layers.append(Dropout(rate=architecture.dropout))
    return layers


def given_activation(architecture: Architecture) -> AnyActivation | None:
    """Return the activation that the config gives the output, or None."""
    if architecture.output is not None:
        return architecture.output.activation
    last = architecture.layers[-1] if architecture.layers else None
    activation: AnyActivation = getattr(last, "activation", Identity())
    return None if isinstance(activation, Identity) else activation


def suited_loss(architecture: Architecture, task: Task, target_width: int) -> AnyLoss:
    """Return the loss that suits the output's activation, or the task if none is given."""
    activation = given_activation(architecture)
    in_last_layer = architecture.output is None and activation is not None
    if task == "regression" or in_last_layer:
        return SquaredError()
    if not isinstance(activation, Softmax | Sigmoid | None):
        return SquaredError()
    if task == "multilabel":
        return BinaryCrossEntropy()
    if activation is None:
        return BinaryCrossEntropy() if target_width == 2 else CrossEntropy()
    return CrossEntropy() if isinstance(activation, Softmax) else BinaryCrossEntropy()


def prediction_activation(architecture: Architecture, loss: AnyLoss, task: Task) -> AnyActivation:
    """Return the activation that makes the predictions.

    It is the one that the config gives, else the link of the loss; a loss without one, such as the
    squared error, gets a sigmoid if the output predicts classes or labels.
    """
    activation = given_activation(architecture)
    if activation is not None:
        return activation
    if architecture.output is not None and task != "regression" and isinstance(loss.link, Identity):
        return Sigmoid()
    return loss.link


def with_output(architecture: Architecture, activation: AnyActivation) -> Architecture:
    """Return the architecture with the output's activation, and the initializer that suits it."""
    output = architecture.output
    if output is None:
        return architecture
    # only for the initializer, which Dense chooses by the activation if none is given
    dense = Dense(units=1, activation=activation, initializer=output.initializer)
    output = replace(output, activation=activation, initializer=dense.initializer)
    return replace(architecture, output=output)


def output_units(task: Task, target_width: int, activation: AnyActivation) -> int:
    """Return the number of outputs: one for each class, quantity or label.

    Two classes share one output, unless softmax gives each its own.
    """
    if task == "classification" and target_width == 2 and not isinstance(activation, Softmax):
        return 1
    return target_width


def network_layers(
    architecture: Architecture,
    task: Task,
    loss: AnyLoss,
    activation: AnyActivation,
    target_width: int,
    encoder: Encoder,
) -> tuple[list[AnyStoredLayer], AnyActivation]:
    """Return all layers of the network, and the link from its scores to predictions.

    The first looks up the vectors of categories, if a column is encoded so. The output's activation
    is left out of the last layer if the loss, which reads logits, applies it.
    """
    tables = [
        CategoryTable(position=position, levels=column.code_count, size=column.size)
        for position, column in encoder.embedded
    ]
    layers: list[AnyStoredLayer] = [Embedding(tables=tables)] if tables else []
    first, *others = [*hidden_layers(architecture), None]
    if isinstance(first, Periodic):
        first = replace(first, inputs=_periodic_positions(first, encoder))
    layers += [layer for layer in (first, *others) if layer is not None]
    output = architecture.output
    if output is None:
        return layers, loss.link
    linked = activation == loss.link
    last = Dense(
        units=output_units(task, target_width, activation),
        activation=Identity() if linked else activation,
        bias=output.bias,
        initializer=output.initializer,
        bias_initializer=output.bias_initializer,
    )
    return [*layers, last], activation if linked else Identity()


def _periodic_positions(layer: Periodic, encoder: Encoder) -> list[str | int]:
    """Return the positions of a first periodic layer's inputs, behind the embedding, if any.

    Of names that are no numeric column there is none, as `unknown_waves` reports.
    """
    numeric = encoder.numeric
    codes = {position for position, _ in encoder.embedded}
    wanted = list(numeric) if layer.inputs is None else layer.inputs
    return [
        # an embedding moves what is not a code to the front
        numeric[name] - sum(code < numeric[name] for code in codes)
        if isinstance(name, str)
        else name
        for name in wanted
        if isinstance(name, int) or name in numeric
    ]


def unknown_waves(architecture: Architecture, encoder: Encoder) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with the names of columns in periodic layers, with the key to change."""
    for k, layer in enumerate(hidden_layers(architecture)):
        if not isinstance(layer, Periodic):
            continue
        path = ("architecture", "layers", k, "inputs")
        for name in [name for name in layer.inputs or [] if isinstance(name, str)]:
            if k > 0:
                yield path, f"names '{name}', but only the first layer reads columns; use positions"
            elif name not in encoder.numeric:
                numeric = quoted_list(list(encoder.numeric)) or "none"
                yield (
                    path,
                    f"names '{name}', which is not a numeric column; those are {numeric}"
                    + did_you_mean(name, list(encoder.numeric)),
                )
        if k == 0 and layer.inputs is None and not encoder.numeric:
            yield path[:-1], "is periodic, but there are no numeric columns; remove the layer"


def count_outputs(layers: list[AnyStoredLayer], inputs: int) -> int:
    """Return the number of outputs of the last layer."""
    for layer in layers:
        inputs = layer.outputs(inputs)
    return inputs
