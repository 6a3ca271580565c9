"""Splitting: parts that are disjoint and complete, of the right sizes, with every class in proportion."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedShuffleSplit

from bpnet.data.splitting import PARTS, Wish, split_rows
from bpnet.errors import DataError

DATASETS = Path(__file__).parents[2] / "datasets"
SHARES = st.floats(0.0, 0.45)
SEEDS = st.integers(0, 2**32 - 1)
CLASS_SIZES = st.lists(st.integers(12, 60), min_size=2, max_size=6)


def shuffled_classes(sizes: list[int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))


def split(rows, validation, test, seed=0, classes=None):
    assume(all(share == 0 or round(rows * share) > 0 for share in (validation, test)))
    assume(round(rows * validation) + round(rows * test) < rows)
    return split_rows(rows, Wish(validation=validation, test=test), seed, classes)


@given(st.integers(3, 300), SHARES, SHARES, SEEDS)
def test_parts_are_disjoint_complete_sorted_and_of_the_right_size(rows, validation, test, seed):
    parts = split(rows, validation, test, seed)
    assert tuple(parts) == PARTS
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(rows))
    assert all((np.diff(part) > 0).all() for part in parts.values())
    assert abs(len(parts["validation"]) - rows * validation) <= 0.5
    assert abs(len(parts["test"]) - rows * test) <= 0.5


@given(CLASS_SIZES, st.floats(0.0, 0.35), st.floats(0.0, 0.35), SEEDS)
def test_stratified_parts_have_each_class_within_a_row_of_its_share(sizes, validation, test, seed):
    classes = shuffled_classes(sizes, seed)
    rows = len(classes)
    parts = split(rows, validation, test, seed, classes)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(rows))
    assert abs(len(parts["validation"]) - rows * validation) <= 0.5
    assert abs(len(parts["test"]) - rows * test) <= 0.5
    for name in ("validation", "test"):
        counts = np.bincount(classes[parts[name]], minlength=len(sizes))
        assert (np.abs(counts - np.array(sizes) * len(parts[name]) / rows) < 1).all()


@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), SHARES, SHARES, SEEDS)
def test_every_class_is_in_train_however_rare(sizes, validation, test, seed):
    classes = shuffled_classes(sizes, seed)
    rows = len(classes)
    assume(len(sizes) <= rows - round(rows * validation) - round(rows * test))
    parts = split(rows, validation, test, seed, classes)
    assert set(classes[parts["train"]]) == set(range(len(sizes)))
    assert len(parts["validation"]) == round(rows * validation)
    assert len(parts["test"]) == round(rows * test)


@given(CLASS_SIZES, st.floats(0.1, 0.4), SEEDS)
def test_class_counts_are_those_of_scikit_learn(sizes, test, seed):
    classes = shuffled_classes(sizes, seed)
    rows, held_out = len(classes), round(len(classes) * test)
    rest = np.array(sizes) * held_out / rows % 1
    assume(np.diff(np.sort(rest)).min() > 1e-6)  # scikit-learn draws lots between equal remainders
    assume(held_out >= len(sizes))
    ours = split(rows, 0, test, seed, classes)["test"]
    theirs = StratifiedShuffleSplit(1, test_size=held_out, train_size=rows - held_out, random_state=0)
    _, reference = next(theirs.split(np.zeros(rows), classes))
    assert np.bincount(classes[ours]).tolist() == np.bincount(classes[reference]).tolist()


@pytest.mark.parametrize(
    ("name", "column"), [("breast_cancer", "diagnosis"), ("penguins", "species"), ("wine", "cultivar")]
)
def test_shipped_tables_are_split_as_scikit_learn_splits_them(name, column):
    with open(DATASETS / f"{name}.csv", encoding="utf-8", newline="") as file:
        labels = np.array([row[column] for row in csv.DictReader(file)])
    _, classes = np.unique(labels, return_inverse=True)
    ours = split_rows(len(labels), Wish(test=0.15), 3, classes)["test"]
    theirs = StratifiedShuffleSplit(1, test_size=len(ours), train_size=len(labels) - len(ours), random_state=0)
    _, reference = next(theirs.split(labels, classes))
    assert np.bincount(classes[ours]).tolist() == np.bincount(classes[reference]).tolist()


@given(CLASS_SIZES, SEEDS, st.booleans())
def test_a_split_follows_from_its_seed(sizes, seed, stratify):
    classes = shuffled_classes(sizes, 1)
    one, same, other = (
        split(len(classes), 0.2, 0.2, s, classes if stratify else None) for s in (seed, seed, (seed + 1) % 2**32)
    )
    assert all(np.array_equal(one[part], same[part]) for part in PARTS)
    assert any(not np.array_equal(one[part], other[part]) for part in PARTS)


def test_rows_are_drawn_evenly():
    drawn = np.zeros(40)
    for seed in range(300):
        drawn[split_rows(40, Wish(test=0.25), seed)["test"]] += 1
    assert abs(drawn - 75).max() < 5 * np.sqrt(300 * 0.25 * 0.75)


def test_shares_of_zero_leave_every_row_to_train_on():
    parts = split_rows(4, Wish(), 0)
    assert [len(parts[part]) for part in PARTS] == [4, 0, 0]


@pytest.mark.parametrize(("validation", "test", "key"), [(0.01, 0.2, "validation"), (0.2, 0.01, "test")])
def test_a_share_too_small_for_a_row_is_refused(validation, test, key):
    with pytest.raises(DataError) as caught:
        split_rows(20, Wish(validation=validation, test=test), 0)
    for part in (f"dataset.split.{key} is 0.01", "20 rows", f"the {key} part empty", "0.05", "0"):
        assert part in str(caught.value)
    assert caught.value.exit_code == 4


def test_shares_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(DataError, match="none to train on"):
        split_rows(2, Wish(validation=0.49, test=0.49), 0)
    with pytest.raises(DataError, match="none to train on"):
        split_rows(1, Wish(test=0.6), 0)


def test_without_shuffle_the_last_rows_test_and_those_before_them_validate():
    parts = split_rows(10, Wish(validation=0.2, test=0.3, shuffle=False), 5)
    assert [parts[part].tolist() for part in PARTS] == [[0, 1, 2, 3, 4], [5, 6], [7, 8, 9]]


def test_named_rows_are_taken_and_the_rest_is_drawn_from_what_is_left():
    parts = split_rows(10, Wish(test_rows=[7, 0], validation=0.3), 5)
    assert parts["test"].tolist() == [0, 7]
    assert len(parts["validation"]) == 3
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(10))


@pytest.mark.parametrize(
    ("wish", "parts"),
    [
        (Wish(test_rows=[10]), ("test_rows", "row 11", "10 rows")),
        (Wish(test_rows=[3, 3]), ("test_rows", "row 4", "twice")),
        (Wish(test_rows=[3], validation_rows=[3]), ("row 4", "validation", "test")),
        (Wish(test_rows=list(range(10))), ("none to train on",)),
    ],
)
def test_named_rows_that_make_no_sense_are_refused(wish, parts):
    with pytest.raises(DataError) as caught:
        split_rows(10, wish, 0)
    assert [part for part in parts if part not in str(caught.value)] == []
