"""Folds of single rows: those of scikit-learn's KFold and StratifiedKFold, which it imports slowly.

Its RandomState draws them, so that the folds of a seed are the same.
"""

from collections.abc import Iterator

import numpy as np

from bpnet.data.splitting.parts import Indices


def k_fold(rows: int, folds: int, seed: int | None) -> Iterator[tuple[Indices, Indices]]:
    """Yield the other rows and the rows of each fold, in their order.

    Folds are neighboring rows, of sizes that differ by one at most, after a shuffle with the seed;
    without a seed the rows are not shuffled.
    """
    order = np.arange(rows)
    if seed is not None:
        np.random.RandomState(seed).shuffle(order)
    for part in np.array_split(order, folds):
        held_out = np.zeros(rows, bool)
        held_out[part] = True
        yield np.flatnonzero(~held_out), np.flatnonzero(held_out)


def stratified_k_fold(
    classes: Indices, folds: int, seed: int | None
) -> Iterator[tuple[Indices, Indices]]:
    """Yield the other rows and the rows of each fold, with all classes (N,) in each alike.

    The rows, sorted by class, are dealt out one by one, which says how many of a class each fold
    gets; which of them is drawn with the seed, or follows their order without one.
    """
    _, first, inverse = np.unique(classes, return_index=True, return_inverse=True)
    # classes are counted in the order in which they occur
    number = np.argsort(np.argsort(first))[inverse]
    dealt = np.sort(number)
    count = len(first)
    sizes = np.array([np.bincount(dealt[k::folds], minlength=count) for k in range(folds)])
    generator = None if seed is None else np.random.RandomState(seed)
    fold = np.empty(len(classes), np.intp)
    for k in range(count):
        of_class = np.repeat(np.arange(folds), sizes[:, k])
        if generator is not None:
            generator.shuffle(of_class)
        fold[number == k] = of_class
    for k in range(folds):
        yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)
