"""Floating-point errors raise in the tests of the engine and the doctor, underflow apart."""

from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def floating_point_errors_raise() -> Iterator[None]:
    """Turn overflow, division by zero and invalid values into errors."""
    with np.errstate(all="raise", under="ignore"):
        yield
