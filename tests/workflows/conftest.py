"""Runs to look at, trained once for all tests."""

import pytest
from workflow_runs import ROOT, train_file

from bpnet.workflows.train import Trained


@pytest.fixture(scope="session")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Three classes, 12 epochs."""
    return train_file(
        ROOT / "configs" / "iris.yaml", tmp_path_factory.mktemp("runs"), "training.epochs=12"
    )


@pytest.fixture(scope="session")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A regression, 12 epochs."""
    return train_file(
        ROOT / "configs" / "diabetes.yaml", tmp_path_factory.mktemp("runs"), "training.epochs=12"
    )


@pytest.fixture(scope="session")
def cancer(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Two classes with balanced weights, one sigmoid output, 5 epochs."""
    return train_file(
        ROOT / "configs" / "breast_cancer.yaml",
        tmp_path_factory.mktemp("runs"),
        "training.epochs=5",
    )
