"""Fixtures for every test."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """The exact numbers behind the tutorials' examples, computed apart from bpnet."""
    return json.loads((Path(__file__).parent / "tutorials" / "reference.json").read_text())
