"""The recipe from a config to encoded rows: open, split, fit, encode, one module per stage.

open.py     the table, its target values, and the columns that decide about rows
split.py    the training, validation and test rows, drawn from the seed; each column's role
fit.py      the encoder and the target, fitted to the training rows; the resolved config
encode.py   the rows of each part as arrays, in memory or on disk
"""

from dataclasses import replace
from pathlib import Path

from bpnet.config.loading import LoadedConfig
from bpnet.engine.ranks import Ranks
from bpnet.preparation.encode import EncodedDataset, encode_dataset, encode_shard
from bpnet.preparation.fit import fit_dataset
from bpnet.preparation.open import OpenedDataset
from bpnet.preparation.preset import one_network, open_with_preset
from bpnet.preparation.split import split_dataset


def prepare(loaded: LoadedConfig, *, scratch: Path | None = None) -> EncodedDataset:
    """Turn a config and its table into encoded rows for training, validation and test.

    Of a config that trains several kinds of network on folds, they are those of the first kind,
    without folds.

    Parameters
    ----------
    loaded
        The config.
    scratch
        The folder below which rows go to disk if they are too many for memory; by default the
        working directory.

    Raises
    ------
    ConfigError
        Keys of the config contradict each other, or the table.
    DataError
        The table cannot be read, or does not fit the config.
    RunError
        The encoded rows cannot be written to disk.
    """
    opened = open_with_preset(loaded)
    opened = replace(opened, loaded=one_network(opened.loaded))
    return prepare_opened(opened, scratch=scratch)


def prepare_opened(
    opened: OpenedDataset, *, scratch: Path | None = None, ranks: Ranks | None = None
) -> EncodedDataset:
    """Turn an opened dataset into encoded rows, of several `ranks` each its own; see `prepare`."""
    split = split_dataset(opened)
    fitted = fit_dataset(split)
    return encode_dataset(fitted, scratch) if ranks is None else encode_shard(fitted, ranks)
