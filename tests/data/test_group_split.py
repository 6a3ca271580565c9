"""Splits by groups: whole groups, sizes as near as groups allow, classes in proportion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold

from bpnet.data.splitting import PARTS, SplitOptions, split_rows
from bpnet.errors import DataError

SHARES = st.floats(0.05, 0.4)
SEEDS = st.integers(0, 2**32 - 1)
GROUP_SIZES = st.lists(st.integers(1, 30), min_size=6, max_size=40)


def shuffled_groups(sizes: list[int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))


def assert_partition_of_groups(parts, groups):
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(groups)))
    held = [set(groups[part].tolist()) for part in parts.values()]
    assert sum(map(len, held)) == len(set(groups.tolist()))
    assert all(held)


@given(GROUP_SIZES, SHARES, SHARES, SEEDS)
def test_no_group_is_in_two_parts_and_a_size_is_missed_by_no_more_than_the_largest_group(
    sizes, validation, test, seed
):
    groups = shuffled_groups(sizes, seed)
    options = SplitOptions(
        validation=max(1, round(validation * len(groups))), test=max(1, round(test * len(groups)))
    )
    parts = split_rows(len(groups), options, seed, groups=groups)
    assert_partition_of_groups(parts, groups)
    assert abs(len(parts["test"]) - options.test) <= max(sizes)
    assert abs(len(parts["validation"]) - options.validation) <= max(sizes)


@given(st.integers(4, 60), st.integers(1, 9), SHARES, SEEDS)
def test_of_groups_of_one_size_as_many_are_drawn_as_scikit_learn_draws(count, size, test, seed):
    groups = shuffled_groups([size] * count, seed)
    wanted = max(1, round(test * count))
    ours = split_rows(len(groups), SplitOptions(test=wanted * size), seed, groups=groups)
    train, held_out = next(
        GroupShuffleSplit(1, test_size=wanted, random_state=0).split(groups, groups=groups)
    )
    assert (len(ours["train"]), len(ours["test"])) == (len(train), len(held_out))


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), min_size=12, max_size=40),
    SHARES,
    st.floats(0, 1),
    SEEDS,
)
def test_stratified_groups_stay_whole_however_classes_are_mixed(drawn, test, mixing, seed):
    rng = np.random.default_rng(seed)
    groups = shuffled_groups([size for size, _ in drawn], seed)
    own = np.array([of_class for _, of_class in drawn])[groups]
    classes = np.where(rng.random(len(groups)) < mixing, rng.integers(0, 4, len(groups)), own)
    parts = split_rows(
        len(groups),
        SplitOptions(validation=1, test=test + 1 / len(groups)),
        seed,
        classes,
        groups=groups,
    )
    assert_partition_of_groups(parts, groups)


@settings(max_examples=40)
@given(
    st.lists(st.integers(8, 30), min_size=2, max_size=5),
    st.integers(1, 6),
    st.floats(0.1, 0.3),
    SEEDS,
)
def test_where_each_group_has_one_class_each_part_has_its_share_of_each(counts, size, test, seed):
    of_group = np.repeat(np.arange(len(counts)), counts)
    groups = shuffled_groups([size] * len(of_group), seed)
    classes = of_group[groups]
    parts = split_rows(len(groups), SplitOptions(test=test), seed, classes, groups=groups)
    drawn = np.bincount(classes[parts["test"]], minlength=len(counts)) / size
    assert (np.abs(drawn - test * np.array(counts)) <= 1.1).all()  # in groups
    assert set(classes[parts["train"]].tolist()) == set(range(len(counts)))


def mixed_table(seed):
    """Return 60 groups of 5 to 40 rows; each has its own share of the rare class, about 1 in 6."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(60), rng.integers(5, 41, 60))
    return groups, (rng.random(len(groups)) < rng.beta(0.5, 2.5, 60)[groups]).astype(np.intp)


def test_classes_of_mixed_groups_are_nearer_to_proportion_than_those_of_scikit_learn():
    missed = {"ours": 0.0, "chance": 0.0, "scikit-learn": 0.0}
    for seed in range(60):
        groups, classes = mixed_table(seed)
        rows = len(groups)
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        held_out = {
            "ours": split_rows(rows, SplitOptions(test=0.2), seed, classes, groups=groups)["test"],
            "chance": split_rows(rows, SplitOptions(test=0.2), seed, groups=groups)["test"],
            "scikit-learn": next(folds.split(classes, classes, groups))[1],
        }
        for name, test in held_out.items():
            missed[name] += abs(classes[test].mean() - classes.mean()) / 60
    assert missed["ours"] < missed["scikit-learn"] < missed["chance"]


@given(GROUP_SIZES, SEEDS)
def test_a_split_of_groups_follows_from_its_seed(sizes, seed):
    groups = shuffled_groups(sizes, 1)
    options = SplitOptions(validation=0.2, test=0.3)
    one, same = (split_rows(len(groups), options, seed, groups=groups) for _ in range(2))
    assert all(np.array_equal(one[part], same[part]) for part in PARTS)


def test_groups_are_drawn_evenly():
    groups, drawn = np.repeat(np.arange(20), 3), np.zeros(20)
    for seed in range(300):
        drawn[groups[split_rows(60, SplitOptions(test=0.25), seed, groups=groups)["test"]]] += 1
    assert abs(drawn - 75).max() < 5 * np.sqrt(300 * 0.25 * 0.75)


def test_one_large_group_still_leaves_a_group_for_each_part():
    groups = np.repeat([0, 1, 2], [98, 1, 1])
    for seed in range(10):
        parts = split_rows(100, SplitOptions(validation=0.15, test=0.15), seed, groups=groups)
        assert_partition_of_groups(parts, groups)


def test_the_only_group_of_a_class_trains():
    groups = np.repeat(np.arange(11), 10)
    parts = split_rows(110, SplitOptions(test=0.6), 0, (groups > 0).astype(np.intp), groups=groups)
    assert parts["train"][:10].tolist() == list(range(10))
    assert len(parts["test"]) in (60, 70)


def test_gaps_between_group_numbers_and_rows_that_are_dropped_do_not_matter():
    groups = np.array([7, 7, 0, 0, 900, 900, -1])
    dropped = np.array([False] * 6 + [True])
    parts = split_rows(7, SplitOptions(validation=2, test=2), 0, groups=groups, dropped=dropped)
    assert [len(set(groups[rows].tolist())) for rows in parts.values()] == [1, 1, 1]
    assert [len(rows) for rows in parts.values()] == [2, 2, 2]


@pytest.mark.parametrize(
    ("groups", "classes", "words"),
    [
        (
            [0, 0, 0, 1, 1, 1],
            None,
            (
                "dataset.split.group",
                "1 of 2 groups must be in",
                "2 must be held out",
                "more distinct values",
            ),
        ),
        (
            [0, 0, 1, 1, 2, 2],
            [0, 0, 1, 1, 2, 2],
            (
                "3 of 3 groups must be in the training part, one for each",
                "--set dataset.split.stratify=false",
            ),
        ),
        ([0, 1, 2, 3, -1, -1], None, ("dataset.split.group", "row 5 has no group")),
    ],
)
def test_groups_that_cannot_be_split_are_refused(groups, classes, words):
    with pytest.raises(DataError) as caught:
        split_rows(
            6,
            SplitOptions(validation=0.2, test=0.2),
            0,
            None if classes is None else np.array(classes),
            groups=np.array(groups),
        )
    assert [word for word in words if word not in str(caught.value)] == []
