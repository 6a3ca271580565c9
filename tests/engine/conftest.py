"""What every test of the engine runs under: floating-point errors raise, underflow apart; hypothesis repeats itself."""

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("engine", deadline=None, derandomize=True, max_examples=60, database=None)
settings.load_profile("engine")


@pytest.fixture(autouse=True)
def _floating_point_errors_raise():
    with np.errstate(all="raise", under="ignore"):
        yield
