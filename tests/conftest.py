"""Fixtures for every test; hypothesis repeats itself and minds no clock."""

import json
import os
import signal
from pathlib import Path
from typing import Any

# before NumPy is imported, here and in the processes that tests start: the tests' workers have the
# cores, and on a core that is taken the threads of a product wait for one another
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

settings.register_profile(
    "repeatable", deadline=None, derandomize=True, max_examples=60, database=None
)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _ctrl_c() -> None:
    """Begin each test with Python's own handler of Ctrl-C, which ends a training.

    Tests that a shell started in its background ignore the signal, and a test may leave it so.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """The exact numbers behind the tutorials' examples, computed apart from bpnet."""
    return json.loads((Path(__file__).parent / "tutorials" / "reference.json").read_text())
