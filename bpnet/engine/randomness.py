"""Random generators: each use of chance has its own, derived from the seed and never from global state."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a generator is for; the number is part of its derivation, so it never changes."""

    SPLIT = 0
    INITIAL_WEIGHTS = 1
    ROW_ORDER = 2
    LAYER = 3
    PERTURBATION = 4
    BLOCK_ORDER = 5
    RESAMPLING = 6


def generator(seed: int, purpose: Purpose, epoch: int = 0, layer: int = 0) -> np.random.Generator:
    """A generator that depends on its arguments alone, so that training resumes at any epoch without saved state."""
    return np.random.default_rng([seed, purpose, epoch, layer])
