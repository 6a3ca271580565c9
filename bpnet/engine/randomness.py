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


def generator(seed: int, purpose: Purpose, epoch: int = 0, layer: int = 0) -> np.random.Generator:
    """Return a generator that depends only on the arguments.

    Training can therefore resume at any epoch without a saved generator.
    """
    return np.random.default_rng([seed, purpose, epoch, layer])
