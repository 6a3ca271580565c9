"""Frequent values: inputs for single values of columns that are mostly one value."""

from dataclasses import replace

import numpy as np
import pytest
from encoded_tables import column_options, encoded, fitted, table
from pydantic import TypeAdapter

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.frequent_values import FrequentInputs
from bpnet.data.encoding.settings import FrequentValues, PiecewiseLinear, Standardize
from bpnet.engine.component import FieldError

FEES = [0.0] * 800 + [float(10 * (k % 20 + 1)) for k in range(240)] + [7.5]
"""Mostly 0, else one of 20 fees with 12 rows each, and one fee that occurs once."""


def fees(values, scaling=None, **settings):
    options = replace(
        column_options("numeric", scaling=scaling or Standardize()),
        frequent_values=FrequentValues(**settings),
    )
    return fitted(table(a=values), options)


def test_each_frequent_value_has_an_input_of_its_own():
    encoder = fees(FEES, hot=1.66)
    assert encoder.inputs == ["a", "a=0", *(f"a={10 * k}" for k in range(1, 21))]
    x, _ = encoded(encoder, table(a=[0.0, 20.0, 7.5, 20.5, 900.0, -5.0]), "float64")
    expected = np.zeros((6, 21))
    expected[0, 0] = expected[1, 2] = 1.66
    np.testing.assert_array_equal(x[:, 1:], expected)


def test_they_come_after_the_inputs_that_an_encoding_adds():
    encoder = fees(FEES, PiecewiseLinear(bins=3), fewest=12)
    bins = [name for name in encoder.inputs if " bin " in name]
    assert encoder.inputs == ["a", *bins, "a=0", *(f"a={10 * k}" for k in range(1, 21))]
    x, _ = encoded(encoder, table(a=[10.0]), "float64")
    assert x[0, 1 + len(bins) :].tolist() == [0, 1, *[0] * 19]


def test_a_missing_value_counts_as_the_value_in_its_place_and_is_marked():
    encoder = fees([*FEES, None])
    x, _ = encoded(encoder, table(a=[None, 0.0]), "float64")
    assert encoder.inputs[-1] == "a missing"
    assert x[:, -1].tolist() == [1, 0]
    assert x[0, :-1].tolist() == x[1, :-1].tolist()


def test_the_most_frequent_values_are_kept_and_fewest_counts_rows():
    assert [name for name in fees(FEES, most=2).inputs if "=" in name] == ["a=0", "a=10"]
    assert len(fees(FEES, fewest=13).inputs) == 2  # the number, and 0
    assert "a=7.5" in fees(FEES, fewest=1).inputs


@pytest.mark.parametrize(
    "values",
    [
        [float(k % 50) for k in range(1000)],  # not mostly one value
        [0.0] * 900 + [float(k % 16 + 1) for k in range(160)][:100],  # 17 values are enough; 16 not
        [0.0] * 900 + list(map(float, range(1, 101))),  # a measurement: each value once
        [3.0] * 50,
    ],
    ids=["spread", "few", "measured", "constant"],
)
def test_other_columns_get_none(values):
    if len(set(values)) == 17:
        values = [value for value in values if value != 16.0]
    assert fees(values).inputs == ["a"]


def test_model_json_reads_them_back():
    encoder = fees(FEES)
    adapter = TypeAdapter(Encoder)
    assert adapter.validate_json(adapter.dump_json(encoder)) == encoder


@pytest.mark.parametrize("values", [[1.0, 1.0], [2.0, 1.0], [float("nan")]])
def test_damaged_values_are_refused(values):
    with pytest.raises(FieldError, match="finite numbers, each larger"):
        FrequentInputs(values=values)
