"""Fixtures for every test; hypothesis repeats itself and minds no clock."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile(
    "repeatable", deadline=None, derandomize=True, max_examples=60, database=None
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """The exact numbers behind the tutorials' examples, computed apart from bpnet."""
    return json.loads((Path(__file__).parent / "tutorials" / "reference.json").read_text())
