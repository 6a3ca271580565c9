"""The preset of a config, expanded for its table."""

from dataclasses import replace

from bpnet.config.loading import LoadedConfig
from bpnet.config.presets.choose import TableSize
from bpnet.config.presets.expand import expand, preset_of
from bpnet.preparation.open import OpenedDataset


def with_preset(opened: OpenedDataset) -> OpenedDataset:
    """Return the dataset with its config's preset, if there is one, written out for the table."""
    loaded = opened.loaded
    if preset_of(loaded) is None:
        return opened
    target_values, split = opened.target_values, loaded.config.dataset.split
    rows = len(target_values.kept_rows)
    test = split.amount("test")
    table = TableSize(
        rows=max(rows - (test if isinstance(test, int) else round(rows * test)), 1),
        columns=len(opened.candidates),
        task=target_values.task,
        by_time=split.time is not None,
    )
    return replace(opened, loaded=expand(loaded, table))


def one_network(loaded: LoadedConfig) -> LoadedConfig:
    """Return a config of several members as one of the first member's network, without folds."""
    config = loaded.config
    if config.folds is None:
        return loaded
    if config.members is not None:
        loaded = loaded.of_member(0)
    return replace(loaded, config=replace(loaded.config, folds=None, refit=False, calibration=None))
