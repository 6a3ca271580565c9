"""The folds of a cross-validation, as scikit-learn draws them, each with its validation rows."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.config.schema import Config
from bpnet.data.spelling import number_spelling
from bpnet.data.splitting import Indices, Part, SplitOptions, split_rows
from bpnet.data.splitting.folds import k_fold, stratified_k_fold
from bpnet.errors import ConfigError, DataError
from bpnet.messages import counted
from bpnet.preparation.open import OpenedDataset
from bpnet.preparation.rare_classes import rows_that_always_train
from bpnet.preparation.row_keys import RowKeys, read_row_keys
from bpnet.preparation.target_values import TargetValues

_MOST_BINS = 50
"""Bins of a regression's target that are dealt out to the folds alike."""


@dataclass(frozen=True)
class Fold:
    """One fold of one repetition, both counted from 1, and the rows of each part.

    The test part holds the fold's rows.
    """

    repeat: int
    fold: int
    parts: dict[Part, Indices]


def check_foldable(loaded: LoadedConfig, folds: int, repeats: int) -> None:
    """Raise ConfigError with each key that contradicts drawing folds."""
    config = loaded.config
    keys = [*_other_splits(config), *_seeds_out_of_range(config, folds, repeats)]
    problems = [loaded.problem(tuple(key.split(".")), text) for key, text in keys]
    problems += _equal_repeats(config, repeats)
    if problems:
        raise ConfigError(problems)


def _other_splits(config: Config) -> Iterator[tuple[str, str]]:
    """Yield each key that fixes the split or the number of networks, with the advice."""
    split, path = config.dataset.split, config.dataset.path
    if config.replicas > 1 and config.folds is None:
        yield (
            "replicas",
            f"is {config.replicas}, but cv trains one network per fold; remove it",
        )
    if split.column is not None:
        yield (
            "dataset.split.column",
            "assigns each row to a part, but cv draws the folds itself; remove it",
        )
    for key in ("validation_rows", "test_rows"):
        if getattr(split, key) is not None:
            yield (
                f"dataset.split.{key}",
                "names rows, but cv draws the folds itself; remove it",
            )
    if path is not None and not isinstance(path, str):
        yield (
            "dataset.path",
            "has a file for each part, but cv draws the folds itself; give it one path",
        )


def _seeds_out_of_range(config: Config, folds: int, repeats: int) -> Iterator[tuple[str, str]]:
    """Yield each seed that is too near the largest one, with the advice."""
    last, networks, seed = 2**32 - 1, folds * repeats, config.dataset.split.seed
    if config.seed + networks - 1 > last:
        yield (
            "seed",
            f"is {config.seed}, but the {networks} networks take it and the seeds after it, "
            f"at most {last}; lower it",
        )
    if seed is not None and seed + repeats - 1 > last:
        yield (
            "dataset.split.seed",
            f"is {seed}, but the {repeats} repetitions take it and the seeds after it, "
            f"at most {last}; lower it",
        )


def _equal_repeats(config: Config, repeats: int) -> Iterator[str]:
    """Yield a problem if nothing is drawn at random, so that repetitions would be equal."""
    split = config.dataset.split
    if repeats > 1 and (split.time is not None or not split.shuffle):
        reason = "time is set" if split.time is not None else "shuffle is false"
        yield (
            f"--repeats {repeats}: dataset.split.{reason}, so every repetition would be "
            "the same; give 1"
        )


@contextmanager
def fold_errors(repeat: int, fold: int) -> Iterator[None]:
    """Name the fold in a DataError that is raised inside."""
    try:
        yield
    except DataError as error:
        which = f"fold {fold}" + (f" of repetition {repeat}" if repeat > 1 else "")
        raise DataError([f"{which}: {problem}" for problem in error.problems]) from None


def draw_folds(opened: OpenedDataset, folds: int, repeats: int) -> list[Fold]:
    """Draw the folds of each repetition.

    Test rows are those of scikit-learn's KFold, in a classification StratifiedKFold, with
    `shuffle=True` and the `random_state` seed + repetition - 1, by the seed of the split; of
    GroupKFold or StratifiedGroupKFold if groups are kept together; of TimeSeriesSplit over the
    distinct times, so that rows of the same time stay together. Validation rows are drawn from the
    others as `train` draws them. A row that is the only one of its class is a training row of every
    fold; of rows in groups, the whole group is.

    Raises
    ------
    DataError
        There are too few rows, classes or groups for the folds.
    """
    config, keys = opened.loaded.config, read_row_keys(opened)
    kept = opened.target_values.kept_rows
    always = rows_that_always_train(opened.target_values, keys)
    trained, rows = kept[always[kept]], kept[~always[kept]]
    _check_enough(opened, keys, rows, folds, "--folds")
    drawn = []
    for repeat in range(repeats):
        pairs = _fold_rows(config, keys, rows, folds, repeat)
        for fold, (others, tested) in enumerate(pairs, start=1):
            if not len(tested):
                raise DataError(
                    f"{opened.table.name}: fold {fold} of {folds} gets no group of rows; "
                    f"{_fewer('--folds', fold - 1)}"
                )
            with fold_errors(repeat + 1, fold):
                parts = _with_validation(opened, keys, np.sort(np.append(others, trained)))
            drawn.append(Fold(repeat + 1, fold, {**parts, "test": np.sort(tested)}))
    return drawn


def draw_training_folds(
    opened: OpenedDataset, folds: int, repeats: int, rows: Indices
) -> list[Fold]:
    """Draw folds of the rows that train: the test part of each is what its network holds out.

    They are drawn as `draw_folds` does; in a regression of one target, in addition, each fold has
    low and high values alike. With `dataset.split.time` each fold is a span of time. A group of
    more than half of all rows is a training group of every fold, if there are two others: a network
    that holds it out tells little of one that has seen it.

    Raises
    ------
    DataError
        There are too few rows, classes or groups for the folds.
    """
    config, keys = opened.loaded.config, read_row_keys(opened)
    always = rows_that_always_train(opened.target_values, keys, rows)
    trained, rows = rows[always[rows]], rows[~always[rows]]
    if keys.groups is not None:
        large = _in_a_large_group(keys.groups[rows])
        trained, rows = np.append(trained, rows[large]), rows[~large]
    _check_enough(opened, keys, rows, folds, "folds:")
    if keys.groups is None and keys.classes is None and config.dataset.split.draws_single_rows:
        keys = replace(keys, classes=_bins_of_target(opened.target_values))
    drawn = []
    for repeat in range(repeats):
        pairs = _fold_rows(config, keys, rows, folds, repeat, spans=True)
        for fold, (others, held_out) in enumerate(pairs, start=1):
            if not len(held_out):
                raise DataError(
                    f"{opened.table.name}: fold {fold} of {folds} gets no group of rows; "
                    f"{_fewer('folds:', fold - 1)}"
                )
            train = np.sort(np.append(others, trained))
            parts: dict[Part, Indices] = {"train": train, "test": np.sort(held_out)}
            drawn.append(Fold(repeat + 1, fold, parts))
    return drawn


def _in_a_large_group(groups: Indices) -> np.ndarray:
    """Return the mask (N,) of the rows of the group of more than half, if there are two others."""
    _, group_of_row, counts = np.unique(groups, return_inverse=True, return_counts=True)
    large = counts > len(groups) / 2
    return np.asarray(large[group_of_row] & (len(counts) > 2))


def _bins_of_target(target_values: TargetValues) -> Indices | None:
    """Return the bin (N,) of each row's target among equally full ones; None of several targets."""
    if target_values.task != "regression" or target_values.width > 1:
        return None
    values = target_values.values[:, 0]
    ranks = np.empty(len(values), np.intp)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks * min(_MOST_BINS, max(len(values) // 10, 1)) // len(values)


def _with_validation(opened: OpenedDataset, keys: RowKeys, others: Indices) -> dict[Part, Indices]:
    """Split the rows outside a fold into training and validation rows."""
    config, split = opened.loaded.config, opened.loaded.config.dataset.split
    # the fold's rows, and those without a target, are in neither part
    dropped = np.ones(len(opened.target_values.values), bool)
    dropped[others] = False
    return split_rows(
        len(dropped),
        SplitOptions(validation=split.amount("validation"), shuffle=split.shuffle),
        config.split_seed,
        keys.classes,
        groups=keys.groups,
        times=keys.times,
        dropped=dropped,
    )


def _fold_rows(
    config: Config,
    keys: RowKeys,
    rows: Indices,
    folds: int,
    repeat: int,
    *,
    spans: bool = False,
) -> Iterator[tuple[Indices, Indices]]:
    """Yield for each fold the other rows, for training and validation, and the fold's rows.

    Of folds by time the other rows are the earlier ones, or, with `spans`, all.
    """
    shuffled = config.dataset.split.shuffle
    seed = config.split_seed + repeat if shuffled else None
    classes = None if keys.classes is None else keys.classes[rows]
    if keys.times is not None:
        pairs = _folds_by_time(keys.times[rows], folds, spans=spans)
    elif keys.groups is not None:
        pairs = _folds_by_group(keys.groups[rows], classes, folds, seed)
    elif classes is not None:
        pairs = stratified_k_fold(classes, folds, seed)
    else:
        pairs = k_fold(len(rows), folds, seed)
    for others, tested in pairs:
        yield rows[others], rows[tested]


def _folds_by_time(
    times: np.ndarray, folds: int, *, spans: bool
) -> Iterator[tuple[Indices, Indices]]:
    """Yield folds of the distinct times, by the rows of those times (N,)."""
    distinct, time_of_row = np.unique(times, return_inverse=True)
    if spans:
        by_time: Iterable[tuple[Indices, Indices]] = k_fold(len(distinct), folds, None)
    else:
        from sklearn.model_selection import TimeSeriesSplit  # slow to import

        by_time = TimeSeriesSplit(folds).split(distinct)
    for earlier, tested in by_time:
        yield (
            np.flatnonzero(np.isin(time_of_row, earlier)),
            np.flatnonzero(np.isin(time_of_row, tested)),
        )


def _folds_by_group(
    groups: Indices, classes: Indices | None, folds: int, seed: int | None
) -> Iterator[tuple[Indices, Indices]]:
    """Yield folds of whole groups (N,)."""
    from sklearn import model_selection as sk  # slow to import

    by_group = sk.GroupKFold if classes is None else sk.StratifiedGroupKFold
    splitter = by_group(folds, shuffle=seed is not None, random_state=seed)
    with warnings.catch_warnings():
        # a class with fewer rows than folds, of which `rare_classes` warns
        warnings.filterwarnings("ignore", "The least populated class")
        yield from splitter.split(groups, classes, groups)


def _check_enough(
    opened: OpenedDataset, keys: RowKeys, rows: Indices, folds: int, option: str
) -> None:
    """Raise DataError if rows, times, groups or a class are too few for the folds.

    `option` is what the user gave the folds by: `--folds`, or `folds:` of the config.
    """
    name, split = opened.table.name, opened.loaded.config.dataset.split
    given = f"{option} {folds}"
    if not len(rows):
        classes, where = opened.target_values.classes, "row" if keys.groups is None else "group"
        advice = "predict another column"
        if all(map(number_spelling, classes)):
            advice = "if it is a quantity: --set task=regression"
        elif split.group is not None:
            advice = "to draw single rows: --set dataset.split.group=null"
        raise DataError(
            f"{name}: each class of '{opened.target_values.names[0]}' is in one {where} only, "
            f"which must train, so that none is left to test; {advice}"
        )
    if folds > len(rows):
        raise DataError(
            f"{name}: has {counted(len(rows), 'row')}, too few for {given}; "
            f"{_fewer(option, len(rows))}"
        )
    if keys.times is not None and folds >= (times := len(np.unique(keys.times[rows]))):
        raise DataError(
            f"{name}: column '{split.time}' has {counted(times, 'different time')}, too few for "
            f"{given}, which needs {folds + 1}; {_fewer(option, times - 1)}"
        )
    if keys.groups is not None and folds > (groups := len(np.unique(keys.groups[rows]))):
        raise DataError(
            f"{name}: column '{split.group}' has {counted(groups, 'group')}, too few for {given}; "
            f"{_fewer(option, groups)}, or name another column"
        )
    if keys.classes is not None:
        _check_largest_class(opened, keys.classes[rows], folds, option)


def _fewer(option: str, most: int) -> str:
    """Return the advice to give fewer folds, `most` at most."""
    if option == "--folds":
        return f"give at most --folds {most}" if most > 1 else "add rows"
    return f"lower it: --set folds={most}" if most > 1 else "train without: --set folds=null"


def _check_largest_class(opened: OpenedDataset, classes: Indices, folds: int, option: str) -> None:
    """Raise DataError if every class has fewer rows than there are folds."""
    most = int(np.bincount(classes).max())
    if most < folds:
        raise DataError(
            f"{opened.table.name}: each class of '{opened.target_values.names[0]}' has at most "
            f"{most} rows, too few for {option} {folds}; {_fewer(option, most)}, or draw the "
            "folds regardless of class: --set dataset.split.stratify=false"
        )
