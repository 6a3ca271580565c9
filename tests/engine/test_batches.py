"""Batches: each row once an epoch, in each replica's own order, with its target and weight."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.engine.loop.batches import Batches, Rows


def numbered(rows=10, *, weighted=True, dtype=np.float64):
    """Rows whose every value says which row it is from."""
    n = np.arange(rows, dtype=dtype)
    return Rows(np.stack([n, n + 0.5], axis=1), -n[:, None], n + 1 if weighted else None)


def epochs(batches, numbers=(1,)):
    """For each epoch the rows (R, B) of each batch, in turn."""
    return [
        [batches.shapes[shape].x[:, 0].astype(int) for shape in batches.epoch(number)]
        for number in numbers
    ]


@given(st.integers(1, 40), st.integers(1, 45), st.booleans())
def test_each_row_once_an_epoch(rows, size, shuffle):
    batches = Batches(numbered(rows), size, [3, 4], shuffle=shuffle)
    for epoch in epochs(batches, (1, 2)):
        assert len(epoch) == batches.per_epoch == -(-rows // size)
        assert [batch.shape[1] for batch in epoch[:-1]] == [size] * (len(epoch) - 1)
        for replica in range(2):
            seen = np.concatenate(
                [np.broadcast_to(batch, (2, batch.shape[1]))[replica] for batch in epoch]
            )
            assert sorted(seen) == list(range(rows))
            if not shuffle:
                assert seen.tolist() == list(range(rows))


@pytest.mark.parametrize("size", [3, 10])
@pytest.mark.parametrize("weighted", [False, True])
def test_targets_and_weights_go_with_their_rows(size, weighted):
    batches = Batches(numbered(weighted=weighted), size, [3, 4], shuffle=True)
    for shape in batches.epoch(1):
        batch = batches.shapes[shape]
        rows = np.broadcast_to(batch.x, (2, 2, batch.size))[:, 0]
        assert np.array_equal(np.broadcast_to(batch.x, (2, 2, batch.size))[:, 1], rows + 0.5)
        assert np.array_equal(batch.y, -rows[:, None])
        assert batch.y.shape == (2, 1, batch.size)
        if weighted:
            assert np.array_equal(batch.weights, rows[:, None] + 1)
        else:
            assert batch.weights is None


def test_orders_differ_between_epochs_and_replicas_and_depend_on_the_seed():
    def order(seeds):
        batches = Batches(numbered(50), 8, seeds, shuffle=True)
        return [np.concatenate(epoch, axis=1) for epoch in epochs(batches, (1, 2))]

    first, second = order([3, 4])
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], second[0])
    alone, _ = order([4])
    assert np.array_equal(alone[0], first[1])
    same, _ = order([3, 3])
    assert np.array_equal(same[0], same[1])


def test_an_epochs_order_does_not_depend_on_the_epochs_before():
    fresh, used = (Batches(numbered(50), 8, [3], shuffle=True) for _ in range(2))
    all_of_them = epochs(used, range(1, 6))
    (fifth,) = epochs(fresh, (5,))
    assert all(np.array_equal(one, two) for one, two in zip(all_of_them[4], fifth, strict=True))


def test_every_place_is_as_likely_for_every_row():
    batches = Batches(numbered(4), 2, [3], shuffle=True)
    places = np.zeros((4, 4))
    for epoch in epochs(batches, range(2000)):
        places[np.concatenate(epoch, axis=1)[0], np.arange(4)] += 1
    np.testing.assert_allclose(places / 2000, 0.25, atol=0.04)


def test_one_buffer_for_each_size():
    batches = Batches(numbered(10), 4, [3], shuffle=True)
    assert [batch.size for batch in batches.shapes] == [4, 2]
    assert [batch.size for batch in Batches(numbered(8), 4, [3], shuffle=True).shapes] == [4]
    places = [batch.x.ctypes.data for batch in batches.shapes]
    for epoch in range(3):
        assert list(batches.epoch(epoch)) == [0, 0, 1]
        assert [batch.x.ctypes.data for batch in batches.shapes] == places


@pytest.mark.parametrize("size", [10, 11, 1000])
def test_all_rows_at_once_are_a_view_in_file_order(size):
    rows = numbered(10)
    batches = Batches(rows, size, [3, 4], shuffle=True)
    (batch,) = batches.shapes
    assert list(batches.epoch(1)) == [0]
    assert np.shares_memory(batch.x, rows.x)
    assert batch.x[0, 0].astype(int).tolist() == list(range(10))
    assert batch.y.shape == (2, 1, 10)
    assert batch.weights.shape == (2, 1, 10)


def test_the_users_rows_stay_as_they_are():
    rows = numbered(10)
    before = [array.copy() for array in (rows.x, rows.y, rows.weights)]
    epochs(Batches(rows, 3, [3, 4], shuffle=True), (1, 2))
    for array, kept in zip((rows.x, rows.y, rows.weights), before, strict=True):
        assert np.array_equal(array, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_buffers_have_the_type_of_the_rows(dtype):
    for size in (3, 10):
        for batch in Batches(numbered(dtype=dtype), size, [3], shuffle=True).shapes:
            assert batch.x.dtype == batch.y.dtype == batch.weights.dtype == dtype


def test_normalized_weights_have_the_mean_1():
    rows = numbered(10)
    normalized = rows.normalized()
    np.testing.assert_allclose(normalized.weights, (np.arange(10) + 1) / 5.5, rtol=1e-15)
    assert normalized.x is rows.x
    assert numbered(weighted=False).normalized().weights is None


@pytest.mark.parametrize(
    ("x", "y", "weights", "text"),
    [
        ((5, 2), (4, 1), None, r"x is \(5, 2\) and y \(4, 1\)"),
        ((5,), (5, 1), None, r"x is \(5,\)"),
        ((5, 2), (5,), None, r"y \(5,\)"),
        ((5, 2), (5, 1), (4,), r"\(4,\); they must be \(5,\)"),
        ((5, 2), (5, 1), (5, 1), r"\(5, 1\); they must be \(5,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(x, y, weights, text):
    with pytest.raises(ValueError, match=text):
        Rows(np.zeros(x), np.zeros(y), None if weights is None else np.ones(weights))


def test_length():
    assert len(numbered(7)) == 7


def test_inputs_that_are_not_floating_point_are_refused_with_the_cast_to_type():
    x, y = np.array([[0, 1], [1, 0]]), np.array([[0.0], [1.0]])
    with pytest.raises(ValueError, match=r"x is int64; it must be floating point, as x\.astype"):
        Rows(x, y)
    assert len(Rows(x.astype(np.float32), y)) == 2


@given(st.integers(1, 40), st.integers(1, 45))
def test_spread_batches_are_equal_and_leave_few_rows_for_the_next_epoch(rows, size):
    batches = Batches(numbered(rows), size, [3, 4], shuffle=True, spread=True)
    even = rows // max(rows // size, 1)
    if even >= 16:
        even = even // 8 * 8
    steps = rows // even
    seen = np.zeros((2, rows), int)
    for number, epoch in enumerate(epochs(batches, range(1, 8)), start=1):
        assert [batch.shape[1] for batch in epoch] == [even] * steps
        for batch in epoch:
            for replica, numbers in enumerate(np.broadcast_to(batch, (2, batch.shape[1]))):
                np.add.at(seen[replica], numbers, 1)
        # no row waits for a second turn while another has had none
        assert (seen.max(axis=1) - seen.min(axis=1) <= 1).all()
        assert (seen.sum(axis=1) == number * steps * even).all()
