"""Random generators: one for each use of chance, derived from the seed, never from global state."""

from enum import IntEnum

import numpy as np

_PERIOD = 1 << 128
"""Draws after which a PCG64 begins again."""
_JUMP = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""Draws between two epochs: (√5 - 1) / 2 of the period, to the next odd number."""


class Purpose(IntEnum):
    """The use of a generator; its number is part of the derivation, so it never changes."""

    SPLIT = 0
    INITIAL_WEIGHTS = 1
    ROW_ORDER = 2
    LAYER = 3
    PERTURBATION = 4
    BLOCK_ORDER = 5
    RESAMPLING = 6
    SETTINGS = 7
    INSPECTION = 8


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
    entropy = [seed, purpose, epoch, layer]
    # an array is taken as it is, a list number by number, in twice the time
    return np.random.default_rng(np.array(entropy, np.uint32) if 0 <= seed < 1 << 32 else entropy)


class EpochGenerators:
    """A generator for each epoch of one use, in a fifth of the time that a new one takes.

    All are one PCG64, which jumps to the epoch's place in its period of 2^128 draws. The places are
    apart by the golden section of the period, as those of `PCG64.jumped` are, so that no power of 2
    divides the distance between two of them: the low bits would then be the same.
    """

    def __init__(self, seed: int, purpose: Purpose, layer: int = 0) -> None:
        self._bits = np.random.PCG64([seed, purpose, 0, layer])
        self._generator = np.random.Generator(self._bits)
        self._first = self._bits.state

    def at(self, epoch: int) -> np.random.Generator:
        """Return the generator, at its place of an epoch from 1; the next call moves it."""
        self._bits.state = self._first
        self._bits.advance(epoch * _JUMP % _PERIOD)
        return self._generator


def split_generator(seed: int, use: SplitUse, column: int = 0) -> np.random.Generator:
    """Return the generator of one use of chance around the split, or of a column's number."""
    return generator(seed, Purpose.SPLIT, epoch=use, layer=column)
