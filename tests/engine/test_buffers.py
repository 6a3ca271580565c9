"""Arrays of one value: they are like another array, and a large one is a slab in memory."""

import numpy as np
import pytest

from bpnet.engine.buffers import FULL_VALUES, empty_units, filled_like


@pytest.mark.parametrize(
    ("replicas", "units", "rows"),
    [(1, 1, 1), (1, 3, 150), (2, 3, 20), (3, 5, 8), (1, 300, 1024), (2, 300, 512), (1, 90_000, 1)],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_array_of_one_value(replicas, units, rows, dtype):
    like = empty_units(replicas, units, rows, np.dtype(dtype))
    filled = filled_like(like, 88.0)
    assert (filled.shape, filled.dtype) == (like.shape, like.dtype)
    assert (filled == 88).all()
    with pytest.raises(ValueError, match="read-only"):
        filled[0] = 0
    small = like.size <= FULL_VALUES
    long = [axis for axis in range(3) if like.shape[axis] > 1]
    if small:  # the same order, so that NumPy sees both as runs of memory
        assert [filled.strides[axis] for axis in long] == [like.strides[axis] for axis in long]
    repeated = any(filled.strides[axis] == 0 for axis in long)
    assert repeated == (not small and rows * replicas >= 256)


def test_the_largest_of_two_arrays_is_that_of_an_array_and_a_number():
    values = np.array([-np.inf, -1.0, -0.0, 0.0, 1e-40, 1.0, np.inf, np.nan] * 40, np.float32)
    filled = filled_like(values, 0)
    assert np.array_equal(np.maximum(values, filled), np.maximum(values, 0), equal_nan=True)
