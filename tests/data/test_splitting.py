"""Splits: parts are disjoint, complete and of the right sizes, with classes in proportion."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedShuffleSplit

from bpnet.data.splitting import PARTS, SplitOptions, parts_from_words, split_rows
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
    return split_rows(rows, SplitOptions(validation=validation, test=test), seed, classes)


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
    theirs = StratifiedShuffleSplit(
        1, test_size=held_out, train_size=rows - held_out, random_state=0
    )
    _, reference = next(theirs.split(np.zeros(rows), classes))
    assert np.bincount(classes[ours]).tolist() == np.bincount(classes[reference]).tolist()


@pytest.mark.parametrize(
    ("name", "column"),
    [("breast_cancer", "diagnosis"), ("penguins", "species"), ("wine", "cultivar")],
)
def test_shipped_tables_are_split_as_scikit_learn_splits_them(name, column):
    with open(DATASETS / f"{name}.csv", encoding="utf-8", newline="") as file:
        labels = np.array([row[column] for row in csv.DictReader(file)])
    _, classes = np.unique(labels, return_inverse=True)
    ours = split_rows(len(labels), SplitOptions(test=0.15), 3, classes)["test"]
    theirs = StratifiedShuffleSplit(
        1, test_size=len(ours), train_size=len(labels) - len(ours), random_state=0
    )
    _, reference = next(theirs.split(labels, classes))
    assert np.bincount(classes[ours]).tolist() == np.bincount(classes[reference]).tolist()


@given(CLASS_SIZES, SEEDS, st.booleans())
def test_a_split_follows_from_its_seed(sizes, seed, stratify):
    classes = shuffled_classes(sizes, 1)
    one, same, other = (
        split(len(classes), 0.2, 0.2, s, classes if stratify else None)
        for s in (seed, seed, (seed + 1) % 2**32)
    )
    assert all(np.array_equal(one[part], same[part]) for part in PARTS)
    assert any(not np.array_equal(one[part], other[part]) for part in PARTS)


def test_rows_are_drawn_evenly():
    drawn = np.zeros(40)
    for seed in range(300):
        drawn[split_rows(40, SplitOptions(test=0.25), seed)["test"]] += 1
    assert abs(drawn - 75).max() < 5 * np.sqrt(300 * 0.25 * 0.75)


def test_shares_of_zero_leave_every_row_to_train_on():
    parts = split_rows(4, SplitOptions(), 0)
    assert [len(parts[part]) for part in PARTS] == [4, 0, 0]


@pytest.mark.parametrize(
    ("validation", "test", "key"), [(0.01, 0.2, "validation"), (0.2, 0.01, "test")]
)
def test_a_share_too_small_for_a_row_is_refused(validation, test, key):
    with pytest.raises(DataError) as caught:
        split_rows(20, SplitOptions(validation=validation, test=test), 0)
    for part in (f"dataset.split.{key} is 0.01", "20 rows", f"the {key} part empty", "0.05", "0"):
        assert part in str(caught.value)
    assert caught.value.exit_code == 4


def test_shares_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(DataError, match="none are left to train on"):
        split_rows(2, SplitOptions(validation=0.49, test=0.49), 0)
    with pytest.raises(DataError, match="none are left to train on"):
        split_rows(1, SplitOptions(test=0.6), 0)


def test_without_shuffle_the_last_rows_test_and_those_before_them_validate():
    parts = split_rows(10, SplitOptions(validation=0.2, test=0.3, shuffle=False), 5)
    assert [parts[part].tolist() for part in PARTS] == [[0, 1, 2, 3, 4], [5, 6], [7, 8, 9]]


def test_named_rows_are_taken_and_the_rest_is_drawn_from_what_is_left():
    parts = split_rows(10, SplitOptions(test_rows=[7, 0], validation=0.3), 5)
    assert parts["test"].tolist() == [0, 7]
    assert len(parts["validation"]) == 3
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(10))


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (SplitOptions(test_rows=[10]), ("test_rows", "row 11", "10 rows; name rows from 1 to 10")),
        (SplitOptions(test_rows=[3, 3]), ("test_rows", "row 4", "twice")),
        (SplitOptions(test_rows=[3], validation_rows=[3]), ("row 4", "validation", "test")),
        (SplitOptions(test_rows=list(range(10))), ("none are left to train on",)),
    ],
)
def test_named_rows_that_make_no_sense_are_refused(options, parts):
    with pytest.raises(DataError) as caught:
        split_rows(10, options, 0)
    assert [part for part in parts if part not in str(caught.value)] == []


def test_the_rows_of_a_seed_never_change():
    # runs made by earlier versions are compared by their rows
    parts = split_rows(12, SplitOptions(validation=0.25, test=0.25), 7)
    assert [parts[part].tolist() for part in PARTS] == [[2, 5, 7, 8, 9, 11], [0, 1, 3], [4, 6, 10]]
    parts = split_rows(12, SplitOptions(validation=0.25, test=0.25), 7, np.arange(12) % 3)
    assert [parts[part].tolist() for part in PARTS] == [[1, 3, 5, 7, 8, 9], [4, 6, 11], [0, 2, 10]]


# Counts


@given(st.integers(3, 300), st.data(), SEEDS)
def test_a_whole_number_is_a_count_of_rows(rows, data, seed):
    validation = data.draw(st.integers(0, rows - 1))
    test = data.draw(st.integers(0, rows - 1 - validation))
    parts = split_rows(rows, SplitOptions(validation=validation, test=test), seed)
    assert [len(parts[part]) for part in PARTS] == [rows - validation - test, validation, test]


def test_counts_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(
        DataError,
        match=r"10 of 10 rows .* none are left to train on; lower the shares or counts",
    ):
        split_rows(10, SplitOptions(validation=4, test=6), 0)


# Times


@given(
    st.lists(st.integers(-9, 9), min_size=3, max_size=60),
    st.floats(0.1, 0.45),
    st.floats(0.1, 0.45),
    SEEDS,
)
def test_by_time_the_latest_rows_test_and_no_time_is_on_both_sides_of_a_cut(
    times, validation, test, seed
):
    times = np.array(times, np.float64)
    assume(len(set(times)) >= 3)
    wanted = round(len(times) * test)
    options = SplitOptions(validation=max(1, round(len(times) * validation)), test=wanted)
    assume(wanted and options.validation + wanted < len(times))
    parts = split_rows(len(times), options, seed, times=times)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(times)))
    assert times[parts["train"]].max() < times[parts["validation"]].min()
    assert times[parts["validation"]].max() < times[parts["test"]].min()
    # no other cut between two times, which leaves two before it, gives a test part nearer in size
    ends = [int((times > time).sum()) for time in sorted(set(times))[1:-1]]
    assert abs(len(parts["test"]) - wanted) == min(abs(size - wanted) for size in ends)


@given(st.permutations(range(30)), SHARES, SHARES)
def test_times_that_all_differ_are_cut_at_the_exact_row(times, validation, test):
    times = np.array(times, np.float64)
    options = SplitOptions(validation=max(1, round(30 * validation)), test=max(1, round(30 * test)))
    assume(options.validation + options.test < 30)
    parts = split_rows(30, options, 0, times=times)
    assert sorted(times[parts["test"]]) == list(range(30 - options.test, 30))
    assert sorted(times[parts["validation"]]) == list(
        range(30 - options.test - options.validation, 30 - options.test)
    )


def test_a_cut_moves_to_the_nearest_change_of_the_time_and_between_two_to_the_earlier():
    times = np.array([1, 1, 1, 2, 2, 2, 2, 3, 3, 3.0])
    parts = split_rows(10, SplitOptions(validation=0.2, test=0.2), 0, times=times)
    assert [parts[part].tolist() for part in PARTS] == [[0, 1, 2], [3, 4, 5, 6], [7, 8, 9]]
    assert split_rows(10, SplitOptions(test=5), 0, times=times)["test"].tolist() == [
        3,
        4,
        5,
        6,
        7,
        8,
        9,
    ]


def test_a_cut_leaves_a_time_for_each_part_before_it():
    times = np.array([1, 2, 2, 2, 2, 2, 2, 2, 2, 3.0])
    parts = split_rows(10, SplitOptions(validation=1, test=6), 0, times=times)
    assert [parts[part].tolist() for part in PARTS] == [[0], [1, 2, 3, 4, 5, 6, 7, 8], [9]]


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (
            [1, 1, 1, 1, 2, 2],
            ("dataset.split.time", "2 different times", "3 parts", "more distinct values"),
        ),
        ([1, 2, 3, np.nan, 5, 6], ("dataset.split.time", "row 4 has no time")),
    ],
)
def test_times_that_cannot_be_cut_are_refused(times, words):
    with pytest.raises(DataError) as caught:
        split_rows(6, SplitOptions(validation=0.2, test=0.2), 0, times=np.array(times, np.float64))
    assert [word for word in words if word not in str(caught.value)] == []


# Rows named for a part, and dropped rows


@given(
    st.lists(st.sampled_from([-1, 0, 1, 2]), min_size=16, max_size=80), st.floats(0.1, 0.4), SEEDS
)
def test_named_parts_stay_and_the_others_are_drawn_from_the_rest(named, share, seed):
    named = np.array(named, np.int8)
    rest = np.flatnonzero(named <= 0)
    assume(len(rest) >= 6)
    parts = split_rows(len(named), SplitOptions(validation=share, test=share), seed, named=named)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(named)))
    for number, part in ((1, "validation"), (2, "test")):
        if (named == number).any():
            assert parts[part].tolist() == np.flatnonzero(named == number).tolist()
        else:
            assert set(parts[part]) <= set(rest)
            assert abs(len(parts[part]) - share * len(rest)) <= 0.5


@given(st.lists(st.booleans(), min_size=20, max_size=80), SEEDS, st.booleans())
def test_dropped_rows_are_in_no_part_and_the_others_are_split_as_if_they_were_all(
    dropped, seed, stratify
):
    dropped = np.array(dropped)
    kept = np.flatnonzero(~dropped)
    assume(len(kept) >= 10)
    classes = np.where(dropped, -1, np.arange(len(dropped)) % 2) if stratify else None
    options = SplitOptions(validation=0.2, test=0.2)
    assume(not stratify or min(np.bincount(classes[kept], minlength=2)) > 0)
    ours = split_rows(len(dropped), options, seed, classes, dropped=dropped)
    alone = split_rows(len(kept), options, seed, classes[kept] if stratify else None)
    assert all(np.array_equal(ours[part], kept[alone[part]]) for part in PARTS)


def test_a_validation_part_of_the_latest_rows_leaves_a_test_file_as_it_is():
    named = np.array([0, 0, 0, 0, 2, 2], np.int8)
    parts = split_rows(
        6,
        SplitOptions(validation=0.25, test=0.5),
        0,
        times=np.array([4, 1, 3, 2, 0, 9.0]),
        named=named,
    )
    assert [parts[part].tolist() for part in PARTS] == [[1, 2, 3], [0], [4, 5]]


def test_parts_that_end_up_empty_are_refused():
    named, dropped = np.array([0, 0, 0, 2], np.int8), np.array([False, False, False, True])
    with pytest.raises(DataError, match="all rows named for the test part are dropped"):
        split_rows(4, SplitOptions(), 0, named=named, dropped=dropped)
    with pytest.raises(DataError, match="all rows named for the test part are dropped"):
        split_rows(4, SplitOptions(test_rows=[3]), 0, dropped=dropped)
    with pytest.raises(DataError, match="4 of 4 rows are held out"):
        split_rows(4, SplitOptions(), 0, named=np.array([1, 1, 2, 2], np.int8))


# The words of a split column


def place(row):
    return f"t.csv, line {row + 2}"


def test_words_of_a_split_column_are_read_in_any_case():
    levels = ["train", "Test", " VALIDATION ", "val", "Valid", "dev"]
    assert parts_from_words(np.array([0, 1, 2, 3, 4, 5, 0]), levels, place).tolist() == [
        0,
        2,
        1,
        1,
        1,
        1,
        0,
    ]


def test_a_category_that_no_row_has_does_not_matter():
    assert parts_from_words(np.array([1, 1]), ["holdout", "train"], place).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("codes", "levels", "message"),
    [
        (
            [0, 1, 1],
            ["train", "tset"],
            "t.csv, line 3: the cell of dataset.split.column is 'tset' (and 1 more such row); "
            "it must be train, validation (or val, valid, dev) or test; did you mean 'test'?",
        ),
        (
            [0, 0, -1],
            ["train"],
            "t.csv, line 4: the cell of dataset.split.column is blank; it must be train, "
            "validation (or val, valid, dev) or test",
        ),
        (
            [0, 1, 1, 1],
            ["train", "  "],
            "line 3: the cell of dataset.split.column is blank (and 2 more such rows)",
        ),
        ([0, 1], ["val", "test"], "dataset.split.column: no row has the word train"),
    ],
)
def test_a_split_column_that_does_not_say_each_part_is_refused(codes, levels, message):
    with pytest.raises(DataError) as caught:
        parts_from_words(np.array(codes), levels, place)
    assert message in str(caught.value)
