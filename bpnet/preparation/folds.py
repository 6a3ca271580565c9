"""Folding: the folds of a cross-validation, as scikit-learn draws them, each with validation rows of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.config.schema import Config
from bpnet.data.splitting import Indices, Part, SplitOptions, split_rows
from bpnet.errors import ConfigError, DataError
from bpnet.preparation.prepare import Contents
from bpnet.preparation.split import RowKeys, row_keys


@dataclass(frozen=True)
class Fold:
    """One fold of one repetition, both counted from 1, and the rows of each part: its own rows are the test part."""

    repeat: int
    fold: int
    parts: dict[Part, Indices]


def check_foldable(loaded: LoadedConfig, folds: int, repeats: int) -> None:
    """Raise ConfigError where a key contradicts drawing folds, with all of them."""
    config, split = loaded.config, loaded.config.dataset.split
    problems: list[str] = []

    def refuse(key: str, text: str) -> None:
        problems.append(loaded.problem(tuple(key.split(".")), text))

    if config.replicas > 1:
        refuse(
            "replicas", f"is {config.replicas}, but cv trains a network for each fold; leave it out"
        )
    if split.column is not None:
        refuse(
            "dataset.split.column",
            "says the part of each row, but cv draws the folds itself; leave it out",
        )
    for key in ("validation_rows", "test_rows"):
        if getattr(split, key) is not None:
            refuse(
                f"dataset.split.{key}", "names rows, but cv draws the folds itself; leave it out"
            )
    if config.dataset.path is not None and not isinstance(config.dataset.path, str):
        refuse(
            "dataset.path",
            "has a file for each part, but cv draws the folds itself; give it one path",
        )
    last = 2**32 - 1
    if config.seed + folds * repeats - 1 > last:
        refuse(
            "seed",
            f"is {config.seed}, but each of {folds * repeats} networks has the next one, up to {last}",
        )
    if split.seed is not None and split.seed + repeats - 1 > last:
        refuse(
            "dataset.split.seed",
            f"is {split.seed}, but each of {repeats} repetitions has the next one, up to {last}",
        )
    if repeats > 1 and (split.time is not None or not split.shuffle):
        why = "time is set" if split.time is not None else "shuffle is false"
        problems.append(
            f"--repeats {repeats}: dataset.split.{why}, so that every repetition would be the same; give 1"
        )
    if problems:
        raise ConfigError(problems)


@contextmanager
def errors_of(repeat: int, fold: int) -> Iterator[None]:
    """Say of a DataError in which fold it occurred."""
    try:
        yield
    except DataError as error:
        which = f"fold {fold}" + (f" of repetition {repeat}" if repeat > 1 else "")
        raise DataError([f"{which}: {problem}" for problem in error.problems]) from None


def draw_folds(found: Contents, folds: int, repeats: int) -> list[Fold]:
    """The folds of each repetition; raises DataError where rows, classes or groups are too few for so many.

    Test rows are those of scikit-learn's KFold, in a classification StratifiedKFold, with `shuffle=True` and the
    `random_state` seed + repetition - 1, by the seed of the split; of GroupKFold or StratifiedGroupKFold where groups
    are kept together; of TimeSeriesSplit over the distinct times, so that rows of the same time stay together.
    Validation rows are drawn from the others as in any training.
    """
    config, answers, table = found.loaded.config, found.answers, found.opened.table
    keys = row_keys(config, table, answers, found.aside)
    kept = (
        np.arange(len(answers.values))
        if answers.dropped is None
        else np.flatnonzero(~answers.dropped)
    )
    _check_enough(found, keys, kept, folds)
    split = config.dataset.split
    wish = SplitOptions(validation=split.amount("validation"), shuffle=split.shuffle)
    drawn = []
    for repeat in range(repeats):
        for fold, (others, own) in enumerate(_splits(config, keys, kept, folds, repeat), start=1):
            if not len(own):
                raise DataError(
                    f"{table.name}: fold {fold} of {folds} gets no group of rows; give fewer folds"
                )
            out = np.ones(len(answers.values), bool)
            out[others] = False
            with errors_of(repeat + 1, fold):
                parts = split_rows(
                    len(out),
                    wish,
                    config.split_seed,
                    keys.classes,
                    groups=keys.groups,
                    times=keys.times,
                    dropped=out,
                )
            drawn.append(Fold(repeat + 1, fold, {**parts, "test": np.sort(own)}))
    return drawn


def _splits(
    config: Config, keys: RowKeys, kept: Indices, folds: int, repeat: int
) -> Iterator[tuple[Indices, Indices]]:
    """For each fold the other rows (…,) that train and validate, and its own (…,)."""
    from sklearn import model_selection as sk

    chance: dict[str, Any] = {"shuffle": True, "random_state": config.split_seed + repeat}
    if not config.dataset.split.shuffle:
        chance = {"shuffle": False}
    if keys.times is not None:
        times, of_row = np.unique(keys.times[kept], return_inverse=True)
        for earlier, own in sk.TimeSeriesSplit(folds).split(times):
            yield kept[np.isin(of_row, earlier)], kept[np.isin(of_row, own)]
    else:
        labels = None if keys.classes is None else keys.classes[kept]
        groups = None if keys.groups is None else keys.groups[kept]
        if groups is None:
            splitter = (sk.KFold if labels is None else sk.StratifiedKFold)(folds, **chance)
        else:
            splitter = (sk.GroupKFold if labels is None else sk.StratifiedGroupKFold)(
                folds, **chance
            )
        for others, own in splitter.split(kept, labels, groups):
            yield kept[others], kept[own]


def _check_enough(found: Contents, keys: RowKeys, kept: Indices, folds: int) -> None:
    name, wanted, split = (
        found.opened.table.name,
        f"--folds {folds}",
        found.loaded.config.dataset.split,
    )
    if folds > len(kept):
        raise DataError(f"{name}: has {len(kept)} rows, too few for {wanted}; give fewer folds")
    if keys.times is not None and folds >= (times := len(np.unique(keys.times[kept]))):
        raise DataError(
            f"{name}: column '{split.time}' has {times} different times, too few for {wanted}, "
            f"which needs {folds + 1}; give fewer folds"
        )
    if keys.groups is not None:
        groups = len(np.unique(keys.groups[kept]))
        if groups < folds:
            column = split.group
            raise DataError(
                f"{name}: column '{column}' has {groups} groups, too few for {wanted}; give at most {groups} folds"
            )
    if keys.classes is not None:
        counts = np.bincount(keys.classes[kept], minlength=len(found.answers.classes))
        fewest = int(np.argmin(counts))
        if counts[fewest] < folds:
            label, target, rows = (
                found.answers.classes[fewest],
                found.answers.names[0],
                int(counts[fewest]),
            )
            fewer = f"give at most --folds {rows}, " if rows > 1 else ""
            raise DataError(
                f"{name}: the class '{label}' of '{target}' has {rows} {'row' if rows == 1 else 'rows'}, fewer than "
                f"{wanted}, and each fold needs one; {fewer}add rows, or set dataset.split.stratify to false"
            )
