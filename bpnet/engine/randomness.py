"""Random generators: one for each use of chance, derived from the seed, never from global state."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """The use of a generator; its number is part of the derivation, so it never changes."""

    SPLIT = 0
    INITIAL_WEIGHTS = 1
    ROW_ORDER = 2
    LAYER = 3
    PERTURBATION = 4
    BLOCK_ORDER = 5
    RESAMPLING = 6


class SplitUse(IntEnum):
    """The uses of chance around the split; each number takes the epoch's place, and is fixed."""

    PARTS = 0
    FITTED_ROWS = 1
    CHECKED_ROWS = 2
    LEAK_HALVES = 3
    FREQUENCIES = 4


def generator(seed: int, purpose: Purpose, epoch: int = 0, layer: int = 0) -> np.random.Generator:
    """Return a generator that depends only on the arguments.

    Training can therefore resume at any epoch without a saved generator.
    """
    return np.random.default_rng([seed, purpose, epoch, layer])


def split_generator(seed: int, use: SplitUse, column: int = 0) -> np.random.Generator:
    """Return the generator of one use of chance around the split, or of a column's number."""
    return generator(seed, Purpose.SPLIT, epoch=use, layer=column)
