"""Which epoch's weights a run keeps, and early stopping."""

import numpy as np
import pytest
from workflow_runs import (
    ROOT,
    log_of,
    read_json,
    train_file,
)


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("training.l2=0.01", "training.l1=0.001"),
        (
            "training.optimizer=gradient_descent",
            "training.schedule=constant",
            "training.learning_rate=1.5",
        ),
        (
            "architecture={layers: [{kind: dense, units: 9}, batch_normalization, "
            "{kind: dropout, rate: 0.4}]}",
        ),
    ],
    ids=["plain", "penalty", "jumpy", "batch normalization and dropout"],
)
def test_the_weights_kept_are_those_of_the_least_validation_loss(settings, tmp_path):
    config = ROOT / "configs" / "iris.yaml"
    trained = train_file(config, tmp_path, "training.epochs=30", *settings)
    losses = [float(row["val_loss"]) for row in log_of(trained.run)]
    assert trained.best_epoch == int(np.argmin(losses)) + 1
    assert read_json(trained.run / "run.json")["best_epoch"] == trained.best_epoch
    assert read_json(trained.run / "metrics.json")["validation"]["loss"] == min(losses)


def test_the_last_weights_are_kept_on_demand(tmp_path):
    trained = train_file(
        ROOT / "configs" / "iris.yaml",
        tmp_path,
        "training.epochs=8",
        "training.keep=last",
        "training.learning_rate=1",
    )
    assert trained.best_epoch == 8
    assert trained.figures["validation"]["loss"] == float(log_of(trained.run)[-1]["val_loss"])


def test_early_stopping_stops_and_says_so(tmp_path):
    trained = train_file(
        ROOT / "configs" / "iris.yaml",
        tmp_path,
        "training.early_stopping={monitor: val_accuracy, patience: 3}",
        "training.epochs=400",
    )
    assert trained.stop_reason == "early_stopping"
    assert trained.epochs == trained.best_epoch + 3 < 400
    accuracies = [float(row["val_accuracy"]) for row in log_of(trained.run)]
    assert trained.best_epoch == int(np.argmax(accuracies)) + 1
