"""Folders to run commands in."""

import shutil
from pathlib import Path

import pytest
from command_cases import CONFIG, TABLE
from command_line import bpnet


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a config and its table."""
    (tmp_path / "c.yaml").write_text(CONFIG)
    (tmp_path / "t.csv").write_text(TABLE)
    return tmp_path


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "c.yaml").write_text(CONFIG)
    (folder / "t.csv").write_text(TABLE)
    assert bpnet("train", "c.yaml", cwd=folder).code == 0
    return folder


@pytest.fixture
def trained(_trained: Path, tmp_path: Path) -> Path:
    """A folder with a config, its table and the run runs/c-001."""
    return shutil.copytree(_trained, tmp_path / "trained")
