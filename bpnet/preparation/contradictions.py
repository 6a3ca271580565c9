"""Contradictions between keys of a config: one function per rule, and the tuple of all rules.

A rule yields the path of the key to change and a text that follows it in the message.
"""

from collections.abc import Callable, Iterator

from bpnet.config.yaml_tree import KeyPath
from bpnet.engine.activations import Identity, LeakyRelu, Softmax
from bpnet.engine.layers import BatchNormalization, Dropout, Embedding
from bpnet.engine.losses import BinaryCrossEntropy, CrossEntropy, Quantile, SquaredError
from bpnet.engine.optimizers import BayesianRegularization, FullBatchOptimizer, Rprop
from bpnet.engine.schedules import ConstantRate
from bpnet.messages import did_you_mean
from bpnet.preparation.architecture import given_activation, hidden_layers, output_units
from bpnet.preparation.resolved_config import ResolvedConfig

Problem = tuple[KeyPath, str]
Rule = Callable[[ResolvedConfig], Iterator[Problem]]

_LOSS: KeyPath = ("training", "loss")


def contradictions(resolved: ResolvedConfig) -> list[Problem]:
    """Return every contradiction, in the order of the rules."""
    return [problem for rule in RULES for problem in rule(resolved)]


def _regression_with_class_loss(resolved: ResolvedConfig) -> Iterator[Problem]:
    if resolved.task == "regression" and _reads_logits(resolved):
        yield (
            _LOSS,
            f"is {resolved.loss.kind}, which compares classes; for a regression it must be "
            "squared_error, absolute_error, huber or quantile",
        )


def _quantile_of_classes(resolved: ResolvedConfig) -> Iterator[Problem]:
    if resolved.task != "regression" and isinstance(resolved.loss, Quantile):
        suited = "cross_entropy" if resolved.task == "classification" else "binary_cross_entropy"
        yield (
            _LOSS,
            f"is quantile, which is for a regression, but the task is {resolved.task}; "
            f"use {suited}",
        )


def _regression_with_softmax(resolved: ResolvedConfig) -> Iterator[Problem]:
    if resolved.task != "regression" or _reads_logits(resolved):
        return
    if isinstance(resolved.output_activation, Softmax):
        yield (
            _output_key(resolved),
            "is softmax, which outputs class probabilities; for a regression use identity",
        )


def _bounded_output_in_regression(resolved: ResolvedConfig) -> Iterator[Problem]:
    activation = resolved.output_activation
    if resolved.task != "regression" or _reads_logits(resolved):
        return
    if resolved.config.dataset.preprocessing.target != "standardize":
        return
    if not isinstance(activation, Identity | LeakyRelu | Softmax):
        yield (
            _output_key(resolved),
            f"is {activation.kind}, which cannot reach every value of a standardized target; "
            "use identity, or if the target stays in its range: "
            "--set dataset.preprocessing.target=none",
        )


def _multilabel_with_single_choice_output(resolved: ResolvedConfig) -> Iterator[Problem]:
    if resolved.task != "multilabel":
        return
    text = "is {}, which chooses one of several classes; if each target is true or not, use {}"
    if isinstance(resolved.loss, CrossEntropy):
        yield _LOSS, text.format(resolved.loss.kind, "binary_cross_entropy")
    elif isinstance(resolved.output_activation, Softmax):
        yield _output_key(resolved), text.format("softmax", "sigmoid")


def _activation_before_logits(resolved: ResolvedConfig) -> Iterator[Problem]:
    activation, loss = resolved.output_activation, resolved.loss
    if resolved.task == "regression" or not _reads_logits(resolved):
        return
    # reported by that rule already
    if any(_multilabel_with_single_choice_output(resolved)):
        return
    in_last_layer = (
        not resolved.adds_output and given_activation(resolved.config.architecture) is not None
    )
    if activation != loss.link or in_last_layer:
        remedy = "remove the activation" if resolved.adds_output else "make it identity"
        yield (
            _output_key(resolved),
            f"is {activation.kind}, but the loss {loss.kind} applies {loss.link.kind} itself; "
            f"{remedy}, or choose another loss such as squared_error",
        )


def _stratify_without_classes(resolved: ResolvedConfig) -> Iterator[Problem]:
    if resolved.task != "classification" and resolved.config.dataset.split.stratify:
        yield (
            ("dataset", "split", "stratify"),
            f"is true, but the task is {resolved.task}, which has no classes; remove it",
        )


def _class_weight_without_classes(resolved: ResolvedConfig) -> Iterator[Problem]:
    if resolved.task != "classification" and resolved.config.dataset.class_weight is not None:
        yield (
            ("dataset", "class_weight"),
            f"is set, but the task is {resolved.task}, which has no classes; remove it",
        )


def _positive_without_two_classes(resolved: ResolvedConfig) -> Iterator[Problem]:
    if resolved.config.dataset.positive is None:
        return
    if resolved.task != "classification":
        yield (
            ("dataset", "positive"),
            f"is set, but the task is {resolved.task}, which has no classes; remove it",
        )
    elif resolved.target_width != 2:
        yield (
            ("dataset", "positive"),
            f"is set, but the target has {resolved.target_width} classes, and only one of two can "
            "be the positive one; remove it",
        )


def _dropout_as_output(resolved: ResolvedConfig) -> Iterator[Problem]:
    layers = hidden_layers(resolved.config.architecture)
    if not resolved.adds_output and isinstance(layers[-1], Dropout):
        yield (
            ("architecture", "output"),
            "is null, so the last layer is the output, but it is dropout; "
            "remove that layer, or set output",
        )


def _units_of_last_layer(resolved: ResolvedConfig) -> Iterator[Problem]:
    width = resolved.target_width
    allowed = {output_units(resolved.task, width, resolved.output_activation), width}
    if not resolved.adds_output and resolved.outputs not in allowed:
        needed = " or ".join(map(str, sorted(allowed)))
        yield (
            ("architecture", "output"),
            f"is null, but the last layer has {resolved.outputs} outputs where the target needs "
            f"{needed}; change its units",
        )


def _monitor_not_measured(resolved: ResolvedConfig) -> Iterator[Problem]:
    stopping = resolved.config.training.early_stopping
    names = resolved.monitored_columns(validated=resolved.config.validates)
    if stopping and stopping.monitor and stopping.monitor not in names:
        yield (
            ("training", "early_stopping", "monitor"),
            f"is '{stopping.monitor}', which this run does not measure; allowed are "
            f"{', '.join(names)}{did_you_mean(stopping.monitor, names)}",
        )


def _best_without_validation(resolved: ResolvedConfig) -> Iterator[Problem]:
    training = resolved.config.training
    if training.keep != "best" or resolved.config.validates:
        return
    if training.early_stopping is None:
        yield (
            ("training", "keep"),
            "is best, but there are no validation rows to choose by; hold some out: "
            "--set dataset.split.validation=0.15, or choose by the training rows: "
            "--set training.early_stopping.monitor=loss",
        )


def _isotonic_without_classes(resolved: ResolvedConfig) -> Iterator[Problem]:
    if resolved.task == "regression" and resolved.config.calibration == "isotonic":
        yield (
            ("calibration",),
            "is isotonic, which is for probabilities, but the task is regression; predictions of "
            "numbers are drawn toward their mean by held-out rows with temperature: "
            "--set calibration=temperature",
        )


def _errors_without_outputs(resolved: ResolvedConfig) -> Iterator[Problem]:
    others = [name for name in resolved.config.training.metrics if name != "closeness"]
    if others and _reads_logits(resolved):
        yield (
            ("training", "metrics"),
            f"asks for {others[0]}, which compares targets with the outputs themselves, but those "
            f"of {resolved.loss.kind} are logits: --set training.loss=squared_error",
        )


def _closeness_without_outputs(resolved: ResolvedConfig) -> Iterator[Problem]:
    if "closeness" in resolved.config.training.metrics and (
        resolved.task != "classification" or _reads_logits(resolved)
    ):
        yield (
            ("training", "metrics"),
            "asks for closeness, which compares classes with the outputs themselves: "
            "it needs a classification with squared_error, absolute_error or huber",
        )


def _weights_with_summed_loss(resolved: ResolvedConfig) -> Iterator[Problem]:
    dataset = resolved.config.dataset
    weighted = dataset.class_weight is not None or dataset.sample_weight is not None
    if weighted and resolved.loss.rows == "sum":
        yield (
            _LOSS,
            "sums over the rows, but class and sample weights are only relative; "
            "use rows: mean with weights",
        )


def _search_with_random_layer(resolved: ResolvedConfig) -> Iterator[Problem]:
    optimizer = resolved.config.training.optimizer
    if not optimizer.searches:
        return
    for layer in hidden_layers(resolved.config.architecture):
        if isinstance(layer, Dropout | BatchNormalization):
            effect = "random" if isinstance(layer, Dropout) else "depend on the batch"
            yield (
                ("training", "optimizer"),
                f"is {optimizer.kind}, which compares losses, but {layer.kind} makes them "
                f"{effect}; remove the layer, or choose another optimizer",
            )
            return


def _full_batch_optimizer_with_step_settings(resolved: ResolvedConfig) -> Iterator[Problem]:
    training = resolved.config.training
    if not training.optimizer.full_batch:
        return
    usual: dict[str, object] = {
        "schedule": ConstantRate(),
        "gradient_clipping": None,
        "averaging": None,
    }
    for key, default in usual.items():
        if getattr(training, key) != default:
            value = "constant" if default else "null"
            yield (
                ("training", key),
                f"is set, but {training.optimizer.kind} finds its own step sizes; remove it: "
                f"--set training.{key}={value}",
            )
    if training.l1 > 0:
        yield (
            ("training", "l1"),
            f"is {training.l1:g}, but {training.optimizer.kind} needs a penalty without kinks; "
            f"use the other one: --set training.l1=0 --set training.l2={training.l1:g}",
        )


def _least_squares_with_another_loss(resolved: ResolvedConfig) -> Iterator[Problem]:
    optimizer = resolved.config.training.optimizer
    if not isinstance(optimizer, FullBatchOptimizer) or not optimizer.least_squares:
        return
    if any(_evidence_without_numbers(resolved)):  # reported by that rule already
        return
    if not isinstance(resolved.loss, SquaredError):
        yield (
            _LOSS,
            f"is {resolved.loss.kind}, but {optimizer.kind} minimizes a sum of squares: "
            "--set training.loss=squared_error, or keep the loss and take the optimizer lbfgs: "
            "--set training.optimizer=lbfgs",
        )


def _least_squares_with_unsuited_layer(resolved: ResolvedConfig) -> Iterator[Problem]:
    optimizer = resolved.config.training.optimizer
    if not isinstance(optimizer, FullBatchOptimizer) or not optimizer.least_squares:
        return
    for layer in resolved.layers:
        # dropout and batch normalization are another rule's
        if layer.has_row_gradients or isinstance(layer, Dropout | BatchNormalization):
            continue
        remedy = "remove the layer"
        if isinstance(layer, Embedding):
            remedy = "encode the categories otherwise: --set dataset.preprocessing.categorical="
            remedy += "one_hot"
        yield (
            ("training", "optimizer"),
            f"is {optimizer.kind}, which needs the derivatives of each row by itself, and "
            f"{layer.kind} has none; {remedy}, or: --set training.optimizer=lbfgs",
        )
        return


def _evidence_without_numbers(resolved: ResolvedConfig) -> Iterator[Problem]:
    optimizer = resolved.config.training.optimizer
    if isinstance(optimizer, BayesianRegularization) and resolved.task != "regression":
        yield (
            ("training", "optimizer"),
            "is bayesian_regularization, which weighs errors of numbers against the weights, but "
            f"the task is {resolved.task}; use lbfgs with a penalty: --set training.optimizer=lbfgs"
            " --set training.l2=0.001",
        )


def _evidence_with_penalty(resolved: ResolvedConfig) -> Iterator[Problem]:
    training = resolved.config.training
    if isinstance(training.optimizer, BayesianRegularization) and training.l2 > 0:
        yield (
            ("training", "l2"),
            f"is {training.l2:g}, but bayesian_regularization finds the strength of its penalty by "
            "itself; remove it: --set training.l2=0",
        )


def _rprop_with_schedule(resolved: ResolvedConfig) -> Iterator[Problem]:
    training = resolved.config.training
    if isinstance(training.optimizer, Rprop) and training.schedule != ConstantRate():
        yield (
            ("training", "schedule"),
            f"is {training.schedule.kind}, but rprop finds its own step sizes; remove the schedule",
        )


def _batch_normalization_of_one_row(resolved: ResolvedConfig) -> Iterator[Problem]:
    if resolved.config.training.batch_size == 1 and any(
        isinstance(layer, BatchNormalization)
        for layer in hidden_layers(resolved.config.architecture)
    ):
        yield (
            ("training", "batch_size"),
            "is 1, which leaves batch_normalization nothing to average; raise it",
        )


def _pack_without_folds(resolved: ResolvedConfig) -> Iterator[Problem]:
    config = resolved.config
    if config.pack is not None and config.folds is None:
        yield (
            ("pack",),
            f"is {config.draws} draws, which are chosen by rows that folds hold out, but there are "
            "no folds; add them, such as --set folds=5, or: --set pack=null",
        )


RULES: tuple[Rule, ...] = (
    _regression_with_class_loss,
    _quantile_of_classes,
    _regression_with_softmax,
    _bounded_output_in_regression,
    _multilabel_with_single_choice_output,
    _activation_before_logits,
    _stratify_without_classes,
    _class_weight_without_classes,
    _positive_without_two_classes,
    _dropout_as_output,
    _units_of_last_layer,
    _monitor_not_measured,
    _best_without_validation,
    _isotonic_without_classes,
    _closeness_without_outputs,
    _errors_without_outputs,
    _weights_with_summed_loss,
    _search_with_random_layer,
    _full_batch_optimizer_with_step_settings,
    _least_squares_with_another_loss,
    _least_squares_with_unsuited_layer,
    _evidence_without_numbers,
    _evidence_with_penalty,
    _rprop_with_schedule,
    _batch_normalization_of_one_row,
    _pack_without_folds,
)


def _reads_logits(resolved: ResolvedConfig) -> bool:
    """Return whether the loss compares classes, reading logits."""
    return isinstance(resolved.loss, CrossEntropy | BinaryCrossEntropy)


def _output_key(resolved: ResolvedConfig) -> KeyPath:
    """Return the path of the output's activation."""
    if resolved.adds_output:
        return ("architecture", "output", "activation")
    last = len(hidden_layers(resolved.config.architecture)) - 1
    return ("architecture", "layers", last, "activation")
