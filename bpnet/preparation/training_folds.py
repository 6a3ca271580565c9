"""Folds of the training rows: the rows that each network of a bagged ensemble holds out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.data.splitting import Indices, Part
from bpnet.engine.component import Array
from bpnet.messages import counted
from bpnet.preparation.folds import Fold, draw_training_folds
from bpnet.preparation.open import OpenedDataset
from bpnet.preparation.split import SplitDataset, draw_split, split_dataset


@dataclass(frozen=True)
class TrainingFolds:
    """The folds of N training rows, which are counted from 0 in the order of the table.

    Network r trains on the rows `trained[r]` and holds out the rows `held_out[r]`. In each of the
    `repeats` repetitions a row is held out once, or never.
    """

    rows: Indices
    """The rows of the table (N,)."""
    folds: Sequence[Fold]
    """The folds, with rows of the table."""
    repeats: int

    @cached_property
    def trained(self) -> list[Indices]:
        """The training rows of each network."""
        return [np.searchsorted(self.rows, fold.parts["train"]) for fold in self.folds]

    @cached_property
    def held_out(self) -> list[Indices]:
        """The rows that each network holds out."""
        return [np.searchsorted(self.rows, fold.parts["test"]) for fold in self.folds]

    def out_of_fold(self, each: Sequence[Array], networks: Sequence[int]) -> Array:
        """Return the mean over repetitions (N, O) of what networks compute for held-out rows.

        `each` has the values (n, O) of the given networks, counted from 0. A row that none of them
        holds out is nan.
        """
        width = each[0].shape[1]
        total, count = np.zeros((len(self.rows), width)), np.zeros((len(self.rows), 1))
        for values, network in zip(each, networks, strict=True):
            total[self.held_out[network]] += values
            count[self.held_out[network]] += 1
        with np.errstate(invalid="ignore"):
            return np.asarray(total / count)


def fold_split(parts: Mapping[Part, Indices]) -> dict[Part, Indices]:
    """Return the parts with the validation rows among the training rows."""
    merged = np.sort(np.concatenate([parts["train"], parts["validation"]]))
    return {"train": merged, "validation": merged[:0], "test": parts["test"]}


def named_validation_warnings(loaded: LoadedConfig, parts: Mapping[Part, Indices]) -> list[str]:
    """Warn of validation rows that a column, a file or a list names: with folds they train, too."""
    count, split = len(parts["validation"]), loaded.config.dataset.split
    if not count:
        return []
    key = "path.validation"
    if split.column is not None or split.validation_rows is not None:
        key = "split.column" if split.column is not None else "split.validation_rows"
    option = "folds=null" if ("folds",) in loaded.source.lines else "preset=fast --set folds=null"
    return [
        f"dataset.{key} names {counted(count, 'validation row')}, which train, too: with folds "
        f"each network holds out others; to choose by those rows, train without folds:"
        f" --set {option}"
    ]


def draw_rounds(opened: OpenedDataset, rows: Indices) -> list[TrainingFolds]:
    """Draw the folds of the training rows for each round, once for each of the config's replicas.

    Classes are dealt out evenly, groups stay together, and of a regression's target each fold has
    low and high values alike. With `dataset.split.time` a network holds out a span of time and
    trains on all that is earlier. Raises DataError if there are too few rows, classes or groups.
    """
    config = opened.loaded.config
    assert config.folds is not None
    repeats = config.replicas
    drawn = draw_training_folds(opened, config.folds, repeats * config.rounds, rows)
    return [
        TrainingFolds(rows, [one for one in drawn if (one.repeat - 1) // repeats == k], repeats)
        for k in range(config.rounds)
    ]


def without_validation(loaded: LoadedConfig) -> LoadedConfig:
    """Return a config with folds as one whose split holds out test rows only."""
    dataset = loaded.config.dataset
    split = replace(dataset.split, validation=0.0)
    config = replace(loaded.config, dataset=replace(dataset, split=split))
    return replace(loaded, config=config)


def split_first_member(opened: OpenedDataset) -> SplitDataset:
    """Return the dataset, split as for the first member; its training rows are those of all folds.

    A config without folds is split as it says.
    """
    loaded = opened.loaded
    if loaded.config.folds is None:
        return split_dataset(opened)
    loaded = without_validation(loaded.of_member(0) if loaded.config.members else loaded)
    opened = replace(opened, loaded=loaded)
    return split_dataset(opened, fold_split(draw_split(opened)))
