"""The preset of a config, expanded for its table."""

from collections.abc import Sequence
from dataclasses import replace

from bpnet.config.loading import LoadedConfig
from bpnet.config.presets.choose import TableSize
from bpnet.config.presets.expand import expand, preset_of
from bpnet.data.splitting import Indices
from bpnet.errors import DataError
from bpnet.preparation.open import OpenedDataset, open_dataset
from bpnet.preparation.split import draw_split
from bpnet.preparation.table import open_dataset_table
from bpnet.preparation.training_folds import draw_rounds, fold_split, without_validation


def open_with_preset(loaded: LoadedConfig) -> OpenedDataset:
    """Open a config's table, and write out the config's preset for it, if it has one.

    The cells are kept if several members may read them. Raises DataError as `open_dataset` does.
    """
    table = open_dataset_table(loaded)
    if loaded.config.folds is not None or preset_of(loaded) is not None:
        table = table.kept()
    return with_preset(open_dataset(loaded, table))


def with_preset(opened: OpenedDataset) -> OpenedDataset:
    """Return the dataset with its config's preset, if there is one, written out for the table.

    Raises DataError if the rows cannot be split.
    """
    loaded = opened.loaded
    if preset_of(loaded) is None:
        return opened
    rows = fold_split(draw_split(replace(opened, loaded=without_validation(loaded))))["train"]
    table = TableSize(
        rows=len(rows),
        columns=len(opened.candidates),
        task=opened.target_values.task,
        by_time=loaded.config.dataset.split.time is not None,
        budget=loaded.config.budget is not None and not loaded.config.refit,
    )
    return with_possible_folds(replace(opened, loaded=expand(loaded, table)), [rows])


def with_possible_folds(opened: OpenedDataset, each: Sequence[Indices]) -> OpenedDataset:
    """Return the dataset with fewer folds, if a preset chose more than can be drawn.

    `each` has sets of rows to fold, whose rows, groups or times may be too few. Folds that the user
    has set stay, and so do those of rows that cannot be folded at all.
    """
    loaded = opened.loaded
    chosen = loaded.config.folds
    if chosen is None or ("folds",) in loaded.source.lines:
        return opened
    for folds in range(chosen, 1, -1):
        config = replace(loaded.config, folds=folds)
        fewer = replace(opened, loaded=replace(loaded, config=config))
        try:
            for rows in each:
                draw_rounds(fewer, rows)
        except DataError:
            continue
        return fewer
    return opened


def one_network(loaded: LoadedConfig) -> LoadedConfig:
    """Return a config of several members as one of the first member's network, without folds."""
    config = loaded.config
    if config.folds is None:
        return loaded
    if config.members is not None:
        loaded = loaded.of_member(0)
    return replace(
        loaded,
        config=replace(
            loaded.config, folds=None, rounds=1, refit=False, calibration=None, pack=None
        ),
    )
