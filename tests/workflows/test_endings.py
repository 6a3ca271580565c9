"""Runs that diverge, are interrupted or fail."""

import numpy as np
import pytest
from workflow_runs import (
    Watcher,
    log_of,
    read_json,
    train_text,
    weights_of,
)

from bpnet.errors import (
    ConfigError,
    DataError,
    DivergedError,
    InterruptedRunError,
)
from bpnet.runs.metrics_log import MetricsLog
from bpnet.workflows.eval import evaluate

SMALL = "dataset: {path: t.csv, target: y}\narchitecture: {hidden: [4]}\ntraining: {epochs: 6}\n"


@pytest.mark.parametrize(("rate", "kept"), [("1e30", 0), ("3", 1)])
def test_a_diverged_run_is_saved_with_its_last_finite_weights(rate, kept, table, tmp_path):
    settings = (
        f"training.learning_rate={rate}",
        "training.optimizer=gradient_descent",
        "training.epochs=50",
    )
    with pytest.raises(DivergedError) as caught:
        train_text(tmp_path, SMALL, *settings)
    assert caught.value.exit_code == 6
    (run,) = (tmp_path / "runs").iterdir()
    content = read_json(run / "run.json")
    assert (content["status"], content["stop_reason"]) == ("diverged", "diverged")
    assert content["best_epoch"] >= kept
    for part in (
        f"epoch {content['epochs']}",
        "learning rate",
        "--set training.learning_rate=",
        run.name,
    ):
        assert part in str(caught.value)
    assert len(log_of(run)) == content["epochs"] < 50
    assert all(np.isfinite(array).all() for array in weights_of(run).values())
    assert evaluate(run, str(table), all_rows=True).rows == 60


def test_an_interrupted_run_is_saved_as_far_as_it_went(table, tmp_path):
    def stop(epoch: int) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError) as caught:
        train_text(tmp_path, SMALL, watcher=Watcher(after=stop))
    (run,) = (tmp_path / "runs").iterdir()
    for part in ("after 3 epochs", run.name, f"bpnet eval {run}"):
        assert part in str(caught.value)
    content = read_json(run / "run.json")
    assert (content["status"], content["stop_reason"], content["epochs"]) == (
        "interrupted",
        "interrupted",
        3,
    )
    assert len(log_of(run)) == 3
    losses = [float(row["val_loss"]) for row in log_of(run)]
    assert read_json(run / "metrics.json")["validation"]["loss"] == min(losses)
    assert evaluate(run, None).rows == 9


def test_an_interruption_while_a_row_is_written_leaves_log_and_journal_in_step(
    table, tmp_path, monkeypatch
):
    append = MetricsLog.append

    def interrupted(log: MetricsLog, row: list[float], now: float) -> None:
        if row[0] == 3:
            raise KeyboardInterrupt
        append(log, row, now=now)

    monkeypatch.setattr(MetricsLog, "append", interrupted)
    with pytest.raises(InterruptedRunError):
        train_text(tmp_path, SMALL)
    (run,) = (tmp_path / "runs").iterdir()
    assert read_json(run / "run.json")["epochs"] == len(log_of(run)) == 2


@pytest.mark.parametrize("when", ["begin", "epoch"])
def test_a_run_that_fails_is_marked_as_failed(when, table, tmp_path):
    class Broken(Watcher):
        pass

    def fail(*_: object) -> None:
        raise RuntimeError("the watcher broke")

    setattr(Broken, when, fail)
    with pytest.raises(RuntimeError):
        train_text(tmp_path, SMALL, watcher=Broken())
    (run,) = (tmp_path / "runs").iterdir()
    assert read_json(run / "run.json")["status"] == "failed"


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (("training.epochs=0",), ConfigError),
        (("architecture.output.activation=softmax",), ConfigError),
        (("training.early_stopping.monitor=accuracy",), ConfigError),
        (("dataset.split.stratify=true",), ConfigError),
        (("architecture={hidden: [100000000000]}",), ConfigError),
        (("architecture.output.initializer={kind: explicit, values: [[1, 2]]}",), ConfigError),
        (("name=a/b",), ConfigError),
        (("dataset.path=u.csv",), DataError),
        (("dataset.target=z",), DataError),
        (("dataset.split.validation=0.001",), DataError),
    ],
)
def test_what_is_wrong_before_training_leaves_no_run_directory(settings, error, table, tmp_path):
    with pytest.raises(error):
        train_text(tmp_path, SMALL, *settings)
    assert not (tmp_path / "runs").exists()
