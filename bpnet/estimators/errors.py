"""Errors of bpnet as scikit-learn expects them, in the words of the estimators."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bpnet.api.words import Setting, errors_in_python, settings_written_by, text_literal
from bpnet.errors import BpnetError, InterruptedRunError

PARAMETERS = {
    "preset": "preset",
    "hidden": "architecture.hidden",
    "activation": "architecture.activation",
    "dropout": "architecture.dropout",
    "optimizer": "training.optimizer",
    "learning_rate": "training.learning_rate",
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "l2": "training.l2",
    "early_stopping": "training.early_stopping",
    "validation": "dataset.split.validation",
    "replicas": "replicas",
    "folds": "folds",
}
"""The key of the config that each parameter is."""


@contextmanager
def as_scikit_learn_errors() -> Iterator[None]:
    """Turn errors of bpnet into those that scikit-learn expects: ValueError with their texts."""
    try:
        with settings_written_by(_as_parameters), errors_in_python():
            yield
    except InterruptedRunError as error:
        raise KeyboardInterrupt(str(error)) from error
    except BpnetError as error:
        raise ValueError(str(error)) from error


def _as_parameters(settings: Sequence[Setting]) -> str:
    """Return settings as parameters of an estimator: their own, or the whole config."""
    names = {key: name for name, key in PARAMETERS.items()}
    if all(each.key in names for each in settings):
        return ", ".join(f"{names[each.key]}={each.value}" for each in settings)
    return f"config={_nested([(each.parts, each.value) for each in settings])}"


def _nested(values: Sequence[tuple[Sequence[str], str]]) -> str:
    """Return a mapping of mappings, as Python writes it, by the paths of its values."""
    inner: dict[str, list[tuple[Sequence[str], str]]] = {}
    for (first, *rest), value in values:
        inner.setdefault(first, []).append((rest, value))
    items = (
        f"{text_literal(key)}: {_nested(items) if items[0][0] else items[0][1]}"
        for key, items in inner.items()
    )
    return f"{{{', '.join(items)}}}"
