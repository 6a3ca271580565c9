"""Runs to look at, trained once for all tests."""

from pathlib import Path

import pytest
from labeled_runs import CONFIG as LABELED_CONFIG
from labeled_runs import EMBEDDED, write_labeled
from workflow_runs import ROOT, train_file, train_text, write_csv

from bpnet.workflows.train import TrainResult


@pytest.fixture(scope="session")
def iris(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """Three classes, 12 epochs."""
    return train_file(
        ROOT / "configs" / "iris.yaml", tmp_path_factory.mktemp("runs"), "training.epochs=12"
    )


@pytest.fixture(scope="session")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """A regression, 12 epochs."""
    return train_file(
        ROOT / "configs" / "diabetes.yaml", tmp_path_factory.mktemp("runs"), "training.epochs=12"
    )


@pytest.fixture(scope="session")
def cancer(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """Two classes with balanced weights, one sigmoid output, 5 epochs."""
    return train_file(
        ROOT / "configs" / "breast_cancer.yaml",
        tmp_path_factory.mktemp("runs"),
        "training.epochs=5",
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of 60 rows with two features and a target, all numbers."""
    rows = [[k % 7, k * k % 11, k * 1.3 % 10] for k in range(60)]
    return write_csv(tmp_path / "t.csv", "aby", rows)


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """A run that tells p, which is in four rows of five, from q."""
    folder = tmp_path_factory.mktemp("classes")
    write_labeled(folder, ["q" if k % 5 == 0 else "p" for k in range(100)])
    return train_text(
        folder,
        LABELED_CONFIG,
        "dataset.sample_weight=w",
        "dataset.class_weight={q: 100, p: 1}",
        EMBEDDED,
    )
