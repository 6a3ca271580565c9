"""Columns of tiny and huge numbers are encoded as the same columns in another unit are."""

import numpy as np
import pytest
from encoded_tables import column_options, encoded, fitted, table

from bpnet.data.encoding.settings import (
    MinMax,
    NoScaling,
    Periodic,
    PiecewiseLinear,
    Quantile,
    QuantileNormal,
    Robust,
    RobustClip,
    Standardize,
)

RNG = np.random.default_rng(3)
VALUES = RNG.normal(3, 1, (2, 40))
UNITS = [1e-290, 1e-50, 1e-6, 1e50, 1e200]


def inputs(unit: float, scaling: object, *, unit_rows: bool = False) -> np.ndarray:
    """The inputs of two columns in a unit, in float32."""
    whole = table(a=(VALUES[0] * unit).tolist(), b=(VALUES[1] * unit).tolist())
    options = column_options("numeric", scaling=scaling)
    return encoded(fitted(whole, options, options, unit_rows=unit_rows), whole, "float32")[0]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "scaling",
    [
        *(Standardize(), Robust(), MinMax(), Quantile()),
        *(RobustClip(), QuantileNormal(), Periodic(frequencies=3), PiecewiseLinear()),
    ],
)
def test_scaled_columns_do_not_depend_on_the_unit(scaling, unit):
    np.testing.assert_allclose(inputs(unit, scaling), inputs(1, scaling), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("unit", UNITS)
def test_rows_of_length_1_do_not_depend_on_the_unit(unit):
    expected = inputs(1, NoScaling(), unit_rows=True)
    np.testing.assert_allclose((expected**2).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(inputs(unit, NoScaling(), unit_rows=True), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "scaling",
    [Standardize(), Robust(), MinMax(), Quantile(), RobustClip(), QuantileNormal()],
)
def test_a_column_of_the_smallest_floats_has_as_many_inputs_as_values(scaling):
    whole = table(a=[5e-324 * k for k in range(40)])
    x, _ = encoded(fitted(whole, column_options("numeric", scaling=scaling)), whole, "float32")
    assert len(np.unique(x)) == 40
