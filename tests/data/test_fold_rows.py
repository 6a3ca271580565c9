"""Folds of single rows: those that scikit-learn draws."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, StratifiedKFold

from bpnet.data.splitting.folds import k_fold, stratified_k_fold

SEEDS = st.none() | st.integers(0, 2**32 - 1)


def same(ours, theirs):
    return all(
        np.array_equal(rows, expected)
        for one, other in zip(ours, theirs, strict=True)
        for rows, expected in zip(one, other, strict=True)
    )


@given(rows=st.integers(2, 60), folds=st.integers(2, 9), seed=SEEDS)
def test_folds_of_rows(rows, folds, seed):
    folds = min(folds, rows)
    expected = KFold(folds, shuffle=seed is not None, random_state=seed)
    assert same(k_fold(rows, folds, seed), expected.split(np.zeros(rows)))


@given(data=st.data(), count=st.integers(1, 5), folds=st.integers(2, 6), seed=SEEDS)
def test_folds_with_classes_alike(data, count, folds, seed):
    numbers = st.integers(0, count - 1).map(lambda k: 3 * k + 1)  # numbers may be left out
    classes = np.array(data.draw(st.lists(numbers, min_size=folds * count, max_size=60)))
    expected = StratifiedKFold(folds, shuffle=seed is not None, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        split = list(expected.split(classes, classes))
    assert same(stratified_k_fold(classes, folds, seed), split)


@pytest.mark.parametrize("seed", [None, 0])
def test_each_row_is_held_out_once(seed):
    classes = np.arange(23) % 4
    for drawn in (k_fold(23, 5, seed), stratified_k_fold(classes, 5, seed)):
        held_out = []
        for others, rows in drawn:
            assert np.array_equal(np.union1d(others, rows), np.arange(23))
            held_out += rows.tolist()
        assert sorted(held_out) == list(range(23))
