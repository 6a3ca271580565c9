"""The search for steps with a table is NumPy's, for any numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bpnet.data.encoding.step_search import StepSearch

SIZES = st.sampled_from([5e-324, 1e-310, 1e-3, 1.0, 1e17, 1e306])
WHOLE = st.tuples(st.integers(-40, 40), SIZES).map(lambda pair: float(pair[0]) * pair[1])
ANY = st.floats(allow_nan=False, allow_infinity=False)


@given(
    bounds=arrays.arrays(np.float64, st.integers(0, 60), elements=WHOLE | ANY),
    others=arrays.arrays(np.float64, st.integers(0, 20), elements=st.floats()),
)
def test_places_are_those_of_numpy(bounds, others):
    bounds = np.sort(bounds)
    with np.errstate(over="ignore"):
        near = [np.nextafter(bounds, way) for way in (-np.inf, np.inf)]
    values = np.resize(np.concatenate([others, bounds, *near, [np.nan, np.inf, -np.inf]]), 1000)
    found = StepSearch(bounds).places(values)
    np.testing.assert_array_equal(found, np.searchsorted(bounds, values, side="right"))


@pytest.mark.parametrize("spread", [np.arange, np.geomspace, np.linspace])
def test_numbers_in_empty_and_in_full_cells_have_their_place(spread):
    bounds = spread(1, 5000, 700).astype(np.float64)
    values = np.random.default_rng(0).uniform(-10, 6000, 5000)
    found = StepSearch(bounds).places(values)
    np.testing.assert_array_equal(found, np.searchsorted(bounds, values, side="right"))
