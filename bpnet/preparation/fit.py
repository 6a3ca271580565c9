"""The third stage of preparation: the encoder and the target fitted to the training rows."""

from dataclasses import dataclass

import numpy as np

from bpnet.config.schema import Config
from bpnet.config.split_schema import Split
from bpnet.data.encoding import Encoder
from bpnet.data.encoding.fitting import fit_encoder
from bpnet.data.encoding.settings import L2Rows
from bpnet.data.reading.column import Floats
from bpnet.data.targets import AnyTarget, Classes
from bpnet.engine.randomness import SplitUse, split_generator
from bpnet.errors import DataError
from bpnet.messages import quoted_list
from bpnet.preparation.column_roles import column_options
from bpnet.preparation.contradicted_roles import refuse_contradicted
from bpnet.preparation.monitored_metric import check_monitored_metric
from bpnet.preparation.positive_class import positive_class
from bpnet.preparation.resolve import resolve
from bpnet.preparation.resolved_config import ResolvedConfig
from bpnet.preparation.row_store import Storage, storage_of
from bpnet.preparation.sample_weights import check_parts, class_weights, row_weights, weights_differ
from bpnet.preparation.split import SplitDataset


@dataclass(frozen=True)
class FittedDataset:
    """A split dataset with the encoder fitted to its training rows, and the resolved config."""

    split: SplitDataset
    encoder: Encoder
    target: AnyTarget
    resolved: ResolvedConfig
    class_weight: dict[str, float] | None
    """Each class's weight by its name; None if the config sets none."""
    storage: Storage
    bytes: int
    """Size of the encoded rows in the network's own type."""

    @property
    def config(self) -> Config:
        """The config with every default written out."""
        return self.resolved.config

    @property
    def positive(self) -> str | None:
        """The positive class of two; None of more, or of another task."""
        target = self.target
        if not isinstance(target, Classes) or len(target.classes) > 2:
            return None
        return target.classes[target.positive_number]

    @property
    def class_weighted(self) -> bool:
        """True if the classes have different weights."""
        return weights_differ(self.class_weight)

    def weights(self) -> Floats | None:
        """Return each row's weight times its class's (N,), or None if no weights are set.

        The training rows have the mean weight 1. Raises DataError if all rows of a part weigh 0.
        """
        split, target_values = self.split, self.split.target_values
        weights = row_weights(
            split.weights, target_values.values, target_values.classes, self.class_weight
        )
        if weights is None:
            return None
        column = self.config.dataset.sample_weight
        check_parts(weights, split.parts, f"{split.table.name}, column '{column}'")
        return np.asarray(weights / weights[split.parts["train"]].mean())


def fit_dataset(split: SplitDataset) -> FittedDataset:
    """Fit the encoder and the target to the training rows, and resolve the config.

    Raises
    ------
    ConfigError
        Keys of the config contradict each other, or the table.
    DataError
        A class has no training rows, or a column cannot be encoded as its role needs.
    """
    loaded, config, train = split.loaded, split.loaded.config, split.parts["train"]
    target_values, settings = split.target_values, config.dataset.preprocessing
    _check_classes(split)  # before the table is read again
    options = column_options(loaded, split.column_roles)
    encoder = fit_encoder(
        split.table,
        options,
        split.mask("train"),
        unit_rows=isinstance(settings.numeric, L2Rows),
        rng=split_generator(config.split_seed, SplitUse.FITTED_ROWS),
        used=split.used,
        seed=config.split_seed,
    )
    refuse_contradicted(loaded, split.column_roles, encoder, len(train), split.table)
    positive = positive_class(loaded, target_values, train)
    resolved = resolve(
        loaded,
        target_values.task,
        target_values.width,
        split.column_roles.features,
        {
            name: options[name].role if name in options else "ignored"
            for name in split.column_roles.detected
        },
        encoder,
        positive,
    )
    target = target_values.fit_target(train, settings.target, split.table, positive)
    check_monitored_metric(split, resolved, target)
    _check_calibration(split, resolved)
    storage, size = _storage(split, resolved)
    classifies = target_values.task == "classification"
    trained = target_values.values[train] if classifies else np.empty(0, np.int32)
    return FittedDataset(
        split=split,
        encoder=encoder,
        target=target,
        resolved=resolved,
        class_weight=class_weights(loaded, target_values.classes, trained),
        storage=storage,
        bytes=size,
    )


def _check_classes(split: SplitDataset) -> None:
    """Raise DataError if a class that could have a training row has none, or if only one has any.

    Where a column, the order of the rows or their numbers decide, a class may have none.
    """
    target_values, settings = split.target_values, split.loaded.config.dataset.split
    if target_values.task != "classification":
        return
    classes = target_values.classes
    counts = np.bincount(target_values.values[split.parts["train"]], minlength=len(classes))
    missing = [label for label, count in zip(classes, counts, strict=True) if count == 0]
    if not missing:
        return
    name, target = split.table.name, target_values.names[0]
    if settings.draws_single_rows and not settings.stratifies("classification"):
        raise DataError(
            f"{name}: no training row has the {'class' if len(missing) == 1 else 'classes'} "
            f"{quoted_list(missing)} of '{target}'; add rows, or draw each class alike: "
            "--set dataset.split.stratify=true"
        )
    if len(classes) - len(missing) == 1:
        only = next(label for label in classes if label not in missing)
        raise DataError(
            f"{name}: every training row is of the class '{only}' of '{target}', so that nothing "
            f"can be learned; {_other_split(settings)}"
        )


def _other_split(settings: Split) -> str:
    """Return advice on a split whose training rows do not suit."""
    keys = [
        key
        for key in ("group", "time", "column", "validation_rows", "test_rows")
        if getattr(settings, key) is not None
    ]
    options = " ".join(f"--set dataset.split.{key}=null" for key in keys)
    if not settings.shuffle:
        options += "--set dataset.split.shuffle=true"
    if not options:
        return "put rows of other classes into the file of the training rows"
    return f"to draw the rows at random: {options}"


def _check_calibration(split: SplitDataset, resolved: ResolvedConfig) -> None:
    """Raise ConfigError if there are no held-out rows for the calibration."""
    config = resolved.config
    fits = config.calibration not in (None, "none") and config.folds is None
    if fits and not len(split.parts["validation"]):
        raise split.loaded.error(
            ("calibration",),
            f"is {config.calibration}, but there are no validation rows to fit it to; hold some "
            "out: --set dataset.split.validation=0.15, or train without: --set calibration=none",
        )


def _storage(split: SplitDataset, resolved: ResolvedConfig) -> tuple[Storage, int]:
    """Return the storage of the encoded rows, and their bytes.

    Raises ConfigError if they are kept on disk and a batch is all of them.
    """
    config, rows = resolved.config, sum(map(len, split.parts.values()))
    storage, size = storage_of(
        rows, resolved.inputs, config.training.precision, config.dataset.storage
    )
    if storage == "disk" and config.training.batch_size == "full":
        raise split.loaded.error(
            ("training", "batch_size"),
            f"is full, but the {rows} encoded rows ({size / 1e6:.3g} MB) are kept on disk; "
            "give it a number: --set training.batch_size=1024, or keep them in memory: "
            "--set dataset.storage=memory",
        )
    return storage, size
