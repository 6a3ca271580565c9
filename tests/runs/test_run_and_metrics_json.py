"""run.json when a run begins and ends, and metrics.json of one network and of several."""

import json
import time
from pathlib import Path

import pytest

from bpnet.runs.metrics import deviations, mean_metrics, write_metrics
from bpnet.runs.run_file import RunFile

FIRST = {"train": {"loss": 1.0, "accuracy": 0.5}, "test": {"loss": 2.0, "accuracy": 0.25}}
SECOND = {"train": {"loss": 3.0, "accuracy": 1.0}, "test": {"loss": 6.0, "accuracy": 0.75}}


def test_a_run_that_has_begun_is_running_and_one_that_ends_says_how(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    file = RunFile(path, seed=7, data_sha256="ab", command=["bpnet", "train"], rows={"train": 3})
    begun = json.loads(path.read_text())
    assert (begun["status"], begun["seed"], begun["data_sha256"]) == ("running", 7, "ab")
    assert (begun["finished"], begun["seconds"], begun["rows"]) == (None, None, {"train": 3})
    file.close("interrupted", seed=8, epochs=2)
    ended = json.loads(path.read_text())
    assert (ended["status"], ended["seed"], ended["epochs"]) == ("interrupted", 8, 2)
    assert ended["finished"] >= ended["started"]
    assert 0 <= ended["seconds"] < 60
    assert list(ended) == [*begun, "epochs"]


def test_the_seconds_count_from_the_given_start(tmp_path: Path) -> None:
    start = time.perf_counter() - 100
    file = RunFile(tmp_path / "run.json", seed=1, data_sha256="", command=[], start=start)
    file.close("finished")
    assert json.loads((tmp_path / "run.json").read_text())["seconds"] >= 100


def test_metrics_of_one_network_are_as_they_are(tmp_path: Path) -> None:
    write_metrics(tmp_path / "metrics.json", [FIRST])
    assert json.loads((tmp_path / "metrics.json").read_text()) == FIRST


def test_metrics_of_several_networks_are_means_with_deviations(tmp_path: Path) -> None:
    write_metrics(tmp_path / "metrics.json", [FIRST, SECOND])
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert content["replicas"] == [FIRST, SECOND]
    assert content["train"] == {"loss": 2.0, "accuracy": 0.75}
    assert content["deviation"]["test"]["loss"] == pytest.approx(8**0.5)  # √(2² + 2²)
    assert mean_metrics([FIRST, SECOND])["test"] == content["test"]
    assert deviations([FIRST, SECOND]) == content["deviation"]
