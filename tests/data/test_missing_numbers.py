"""Numbers that mean a missing value, in tables whose cells are numbers."""

import numpy as np
import pandas as pd

from bpnet.api.given_table import given_table
from bpnet.data.reading import open_table
from bpnet.data.reading.settings import Reading


def test_a_number_that_means_a_missing_value_does_so_in_a_table_of_numbers_too():
    frame = pd.DataFrame({"a": [1.5, -999.0, 3.0], "b": [-999, 2, 3]})
    with given_table(frame) as path:
        (chunk,) = open_table(str(path), Reading(missing=["-999"])).chunks({"a": "any", "b": "any"})
        for name, missing in (("a", [False, True, False]), ("b", [True, False, False])):
            assert np.isnan(chunk.column(name).as_numbers()).tolist() == missing
