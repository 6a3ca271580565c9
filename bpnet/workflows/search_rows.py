"""The rows of a search: the table, read once, and encoded once for all trials that encode it alike.

Test rows are left out: no trial sees them.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

from bpnet.config.loading import LoadedConfig, load_config
from bpnet.config.source import Source
from bpnet.models.build import describe
from bpnet.models.description import Description
from bpnet.preparation.encode import EncodedDataset, encode_dataset
from bpnet.preparation.fit import FittedDataset, fit_dataset
from bpnet.preparation.open import open_dataset
from bpnet.preparation.resolve import resolve
from bpnet.preparation.resolved_config import ResolvedConfig
from bpnet.preparation.split import draw_split, split_dataset
from bpnet.preparation.table import DatasetTable, open_dataset_table
from bpnet.preparation.training_folds import TrainingFolds, draw_rounds, fold_split

_MOST_ENCODINGS = 4
"""Encodings that are kept, at most."""


@dataclass
class PreparedRows:
    """Rows fitted for some trials, and encoded once they are needed."""

    fitted: FittedDataset
    folds: TrainingFolds | None
    scratch: Path
    _encoded: EncodedDataset | None = None

    def encoded(self, resolved: ResolvedConfig) -> EncodedDataset:
        """Return the encoded rows, with the config of a trial."""
        if self._encoded is None:
            self._encoded = encode_dataset(self.fitted, self.scratch)
        return replace(self._encoded, resolved=resolved)

    def resolved(self, loaded: LoadedConfig) -> ResolvedConfig:
        """Return the config of a trial with every default filled in; raises ConfigError."""
        fitted = self.fitted
        return resolve(
            loaded,
            fitted.resolved.task,
            fitted.resolved.target_width,
            fitted.split.column_roles.features,
            fitted.config.dataset.roles,
            fitted.encoder,
            fitted.config.dataset.positive,
        )

    def description(self, resolved: ResolvedConfig) -> Description:
        """Return the description of a trial's network."""
        return describe(replace(self.fitted, resolved=resolved))


class TrialRows:
    """The rows of all trials of a base config."""

    def __init__(self, base: Source, scratch: Path = Path()) -> None:
        self._scratch = scratch
        self._table: DatasetTable | None = None
        self._prepared: OrderedDict[str, PreparedRows] = OrderedDict()
        self._base = base

    @property
    def validates(self) -> bool:
        """True if there are rows to compare trials by."""
        prepared = self.prepared(load_config(self._base))
        held_out = prepared.fitted.split.parts["validation"]
        return prepared.folds is not None or bool(len(held_out))

    @property
    def digest(self) -> str:
        """The SHA-256 of the table."""
        return self.prepared(load_config(self._base)).fitted.split.table.digest

    def resolved(self, loaded: LoadedConfig) -> ResolvedConfig:
        """Return the config of a trial with every default filled in; raises ConfigError."""
        return self.prepared(loaded).resolved(loaded)

    def prepared(self, loaded: LoadedConfig) -> PreparedRows:
        """Return the rows for the config of a trial; raises ConfigError or DataError."""
        config = loaded.config
        full = config.training.batch_size == "full"
        key = repr((config.dataset, config.training.precision, config.folds, full))
        if key not in self._prepared:
            self._prepared[key] = self._prepare(loaded)
            if len(self._prepared) > _MOST_ENCODINGS:
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(key)
        return self._prepared[key]

    def _prepare(self, loaded: LoadedConfig) -> PreparedRows:
        if self._table is None:
            self._table = open_dataset_table(loaded).kept()
        opened = open_dataset(loaded, self._table)
        parts, folds = draw_split(opened), None
        if loaded.config.folds is not None:
            parts = fold_split(parts)
        parts = {**parts, "test": parts["test"][:0]}
        split = split_dataset(opened, parts)
        if loaded.config.folds is not None:
            folds = draw_rounds(opened, split.parts["train"])[0]
        fitted = fit_dataset(split)
        fitted.weights()  # raises if they are all 0 in a part
        return PreparedRows(fitted, folds, self._scratch)
