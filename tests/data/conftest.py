"""Fixtures of tables."""

import pytest

from bpnet.data.reading import delimited


@pytest.fixture(params=["small", "large"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small table is read cell by cell, a large one by pandas."""
    if request.param == "large":
        monkeypatch.setattr(delimited, "LARGE", 0)
    return str(request.param)
