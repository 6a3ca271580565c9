"""What `bpnet search` refuses, and what it says."""

import csv
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, bpnet

from bpnet import resume
from bpnet.errors import RunError
from bpnet.reports.tables import table
from bpnet.runs.study import StudyFolder
from bpnet.runs.trial_log import Trial
from bpnet.workflows.interruption import SignalInterrupt
from bpnet.workflows.search_pass import Clock, train_trials

CONFIG = ROOT / "configs" / "iris.yaml"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("search.space.training.learning_rate={low: 1, high: 1}", ["the range is empty"]),
        ("search.space.training.learning_rate={low: 2, high: 1}", ["ends before it begins"]),
        ("search.space.training.learning_rate={low: 0, high: 1, log: true}", ["greater than 0"]),
        ("search.space.training.learning_rat=[0.1]", ["learning_rat", "did you mean"]),
        ("search.space.training.learning_rate=[fast]", ["cannot be drawn", "fast"]),
        ("search.space.training.optimizer=[adam, adma]", ["adma", "did you mean 'adam'"]),
        ("search.space.training.learning_rate=[0.1, 0.1]", ["names 0.1 twice"]),
        ("search.space.seed=[1, 2]", ["is not drawn in a search"]),
        ("search.space.lr=[1, 2]", ["did you mean 'training.learning_rate'?"]),
        ("search.space.weight_decay=[1, 2]", ["did you mean 'training.optimizer.weight_decay'?"]),
        ("search.space.architecture.hidden.7=[4, 8]", ["'7' is not a position"]),
        (
            "search.space.architecture.layers.3.rate=[0.1]",
            ["architecture.layers, which the config"],
        ),
        ("search.space.training.l2=[]", ["search.space of training.l2 is empty"]),
        (
            "search.space={training.optimizer: [adam, adamw], training.optimizer.weight_decay: "
            "{low: 0.1, high: 1, when: {training.optimizer: adamx}}}",
            ["adamx", "not among its choices", "did you mean 'adam"],
        ),
        (
            "search.space={training.l2: {low: 0.1, high: 1, when: {training.optimizr: adam}}}",
            ["does not draw"],
        ),
        (
            "search.space={training.optimizer: [adam, adamw], training.l2: "
            "{low: 0.1, high: 1, when: {training.optimizer}}}",
            ["training.l2.when gives training.optimizer no value", "{training.optimizer: VALUE}"],
        ),
        (
            "search.space={training.optimizer: [adam, adamw], training.l2: "
            "{low: 0.1, high: 1, when: {training.optimizer: []}}}",
            ["training.l2.when gives training.optimizer no value"],
        ),
        (
            "search.space.architecture.activation={low: 1, high: 3}",
            ["takes no numbers", "list of values", "bpnet explain architecture.activation"],
        ),
        ("search.space.architecture.hidden={low: 1, high: 3}", ["takes no numbers"]),
        (
            "search.space.architecture.hidden.0={low: 1.5, high: 3}",
            ["architecture.hidden.0 cannot be drawn: low is 1.5", "takes whole numbers"],
        ),
        ("search.budget=soon", ["soon", "90s, 10m or 2h"]),
        ("search.metric=accuracu", ["did you mean 'accuracy'"]),
        ("search.sampler=grid", ["grid", "tpe"]),
        ("dataset.split.validation=0", ["no rows to compare trials by", "search.folds=5"]),
    ],
)
def test_what_no_search_can_be_is_refused(tmp_path: Path, setting: str, words: list[str]) -> None:
    said = bpnet("search", CONFIG, "--set", setting, "--runs", tmp_path)
    assert said.code == 3
    assert [word for word in words if word not in " ".join(said.err.split())] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("budget", "words"), [("soon", "'soon'"), ("-5", "is -5; it must be greater than 0")]
)
def test_a_budget_that_is_no_time_is_refused(tmp_path: Path, budget: str, words: str) -> None:
    said = bpnet("search", CONFIG, "--budget", budget, "--runs", tmp_path)
    assert said.code == 2
    assert words in said.err
    assert "90s, 10m or 2h" in " ".join(said.err.split())


def test_only_a_study_is_joined(tmp_path: Path) -> None:
    said = bpnet("search", CONFIG, "--join", tmp_path)
    assert said.code == 5
    assert "is not a study" in said.err
    said = bpnet("search", CONFIG, "--join", tmp_path / "none")
    assert said.code == 5
    assert "no such folder" in said.err
    said = bpnet("search", CONFIG, "--join", CONFIG)
    assert said.code == 5
    assert "it is a file, and a study is a folder" in " ".join(said.err.split())
    said = bpnet("search", CONFIG, "--join", "")
    assert said.code == 2
    assert "--join is empty; give the folder of a study" in said.err


def test_a_study_is_joined_with_its_own_config_and_table_only(tmp_path: Path) -> None:
    shutil.copy(ROOT / "datasets" / "iris.csv", tmp_path)
    config = tmp_path / "flowers.yaml"
    text = (
        "dataset: {path: iris.csv, target: species}\narchitecture: {hidden: [4]}\n"
        "training: {epochs: 2}\n"
        "search: {sampler: sobol, draws: 2, passes: 1, space: {training.l2: [0.1, 0.2]}}\n"
    )
    config.write_text(text)
    assert bpnet("search", config, "--trials", 2, "--runs", tmp_path).code == 0
    study = tmp_path / "flowers-search-001"
    changed = text.replace("epochs: 2", "epochs: 3").replace("[4]", "[5]")
    config.write_text(changed.replace("passes: 1", "passes: 1, reduction: 3"))
    said = bpnet("search", config, "--join", study)
    assert said.code == 2
    assert "search.reduction is 3, and in the study not set" in said.err
    assert "training.epochs is 3, and in the study 2" in said.err
    assert "architecture.hidden is [5], and in the study [4]" in said.err
    config.write_text(text)
    said = bpnet("search", config, "--join", study)  # which has finished
    assert said.code == 0, said.err
    said = bpnet("search", config, "--join", study, "--trials", 2)
    assert said.code == 0, said.err
    said = bpnet("search", config, "--join", study, "--trials", 9)
    assert said.code == 2
    assert "--trials 9 is not the study's, 2" in said.err
    assert f"bpnet resume {study} --set search.trials=9" in said.err
    said = bpnet("search", config, "--join", study, "--budget", "1m")
    assert said.code == 2
    assert "--budget 1m is not the study's, which has none" in said.err
    said = bpnet("resume", study, "--set", "search.trials=1")
    assert said.code == 0, said.err
    assert "search.trials=1: the study has 2 trials already" in said.err
    said = bpnet("resume", study, "--set", "search.trials=2", "--set", "search.budget=1ms")
    assert said.code == 2, said.err
    said = bpnet("resume", study, "--set", "search.trials=2", "--set", "search.budget=0.001s")
    assert said.code == 0, said.err
    assert "search.budget=0.001s: the study has taken" in said.err
    run = study / "best-001"
    begun = json.loads((run / "run.json").read_text())["command"]
    assert begun[1:] == json.loads((study / "study.json").read_text())["command"][1:]
    shutil.rmtree(run)
    said = bpnet("show", study)
    assert said.code == 5
    assert f"bpnet resume {study}" in said.err
    assert bpnet("resume", study).code == 0
    assert bpnet("show", study).code == 0
    said = bpnet("resume", study, "--set", "training.epochs=5")
    assert said.code == 2
    assert "search.trials" in said.err
    with (tmp_path / "iris.csv").open("a") as file:
        file.write("1,1,1,1,setosa\n")
    said = bpnet("search", config, "--join", study)
    assert said.code == 5
    assert "its content has changed" in " ".join(said.err.split())


def test_a_sampler_without_its_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bpnet.integrations.optuna.installed", lambda: False)
    said = bpnet("search", CONFIG, "--set", "search.sampler=tpe", "--runs", tmp_path)
    assert said.code == 2
    assert "pip install 'bpnet-cli[search]'" in said.err


def test_trials_that_the_budget_cuts_off_are_counted_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = itertools.count()
    monkeypatch.setattr(Clock, "out_of_time", property(lambda _: next(asked) > 8))
    said = bpnet(
        *("search", CONFIG, "--budget", "1h", "--runs", tmp_path),
        *("--set", "search={sampler: sobol, draws: 2, rungs: 0}", "--set", "training.epochs=9"),
    )
    assert said.code == 0, said.err
    assert "0 of 2 trained to the end, 2 cut off by the budget" in said.err


def test_a_budget_that_no_trial_fits_into_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = "search={sampler: sobol, draws: 2, passes: 1, space: {training.l2: {low: 0, high: 1}}}"
    options = ("--set", space, "--set", "training.epochs=1", "--runs", tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Clock, "out_of_time", property(lambda _: True))
        said = bpnet("search", CONFIG, "--budget", "1s", *options)
    study = tmp_path / "iris-search-001"
    assert said.code == RunError.exit_code
    assert "search.budget of 1s has ended before any trial had a score" in said.err
    assert f"bpnet resume {study} --set search.budget=10m" in " ".join(said.err.split())
    assert "iris-search-001  interrupted  0 trials" in bpnet("show", study).out
    resumed = resume(study, settings={"search.budget": "1h", "search.trials": 2}, quiet=True)
    assert "accuracy" in resumed.metrics["test"]
    assert "2 trials of 2" in bpnet("show", study).out


def test_components_are_json_in_the_table(tmp_path: Path) -> None:
    setting = "search.space={training.schedule: [{kind: cosine}, constant], training.l2: [0, 0.1]}"
    said = bpnet(
        *("search", CONFIG, "--trials", 4, "--runs", tmp_path, "--set", setting),
        *("--set", "training.epochs=1", "--set", "search.sampler=sobol"),
    )
    assert said.code == 0, said.err
    with (tmp_path / "iris-search-001" / "trials.csv").open(encoding="utf-8") as file:
        cells = {row["training.schedule"] for row in csv.DictReader(file)}
    assert cells == {'{"kind": "cosine"}', "constant"}


@pytest.mark.parametrize("key", ["folds", "preset", "dataset.path", "seed", "dataset"])
def test_no_hint_names_the_very_key(tmp_path: Path, key: str) -> None:
    said = bpnet("search", CONFIG, "--set", f"search.space={{{key}: [2, 3]}}", "--runs", tmp_path)
    assert said.code == 3
    assert "is not drawn in a search" in said.err
    assert "did you mean" not in said.err
    key = "training.optimizer.weight_decay"
    space = f"search.space={{{key}: {{low: 0.1, high: 1, when: {{training.optimizer: adamw}}}}}}"
    said = bpnet("search", CONFIG, "--set", space, "--runs", tmp_path)
    assert said.code == 3
    assert "depends on training.optimizer, which the search does not draw" in said.err
    assert "did you mean" not in said.err


def test_a_study_is_listed_and_shown_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = "search={sampler: sobol, draws: 2, passes: 1, space: {training.l2: {low: 0, high: 1}}}"
    with monkeypatch.context() as patched:
        patched.setattr("bpnet.workflows.search_work.conclude", _interrupted)
        options = ("--set", space, "--set", "training.epochs=1", "--runs", tmp_path)
        assert bpnet("search", CONFIG, "--trials", 4, *options).code == 130
    study = tmp_path / "iris-search-001"
    said = bpnet("show", study)
    assert said.code == 0, said.err
    assert "interrupted  4 trials of 4  best validation loss" in said.out
    assert "best   training.l2 = " in said.out
    assert f"Next: bpnet resume {study}" in said.out
    said = bpnet("runs", tmp_path)
    assert "iris-search-001  interrupted  4 trials of 4  best validation loss" in said.out
    content = json.loads((study / "study.json").read_text())
    (study / "study.json").write_text(json.dumps({**content, "status": "running"}))
    assert json.loads(bpnet("show", study, "--json").out)["status"] == "died"
    assert bpnet("resume", study).code == 0
    (listed,) = json.loads(bpnet("runs", tmp_path, "--json").out)["studies"]
    assert (listed["status"], listed["trials"], listed["best_run"]) == ("done", 4, "best-001")
    assert listed["score"] == pytest.approx(content["progress"]["score"])
    said = bpnet("show", study)
    assert "best-001" in said.out
    assert "study  iris-search-001  done  4 trials of 4  best validation loss" in said.out
    assert f"table  {study}/trials.csv" in said.out
    shown = json.loads(bpnet("show", study, "--json").out)
    assert (shown["study"]["trials"], shown["kind"]) == (4, "train")
    said = bpnet("verify", study)
    assert "best-001, trained again: " in said.err
    assert "again-001" not in said.err


def _interrupted(study: StudyFolder, *_arguments: object) -> None:
    said = bpnet("show", study.folder)  # while its best would be trained
    assert "running  4 trials of 4" in said.out
    assert "1 process at work" in said.out
    raise SignalInterrupt(2)


def test_heads_of_keys_end_a_line_after_a_dot_or_underscore() -> None:
    keys = ["training.learning_rate", "architecture.hidden.0", "training.optimizer.weight_decay"]
    lines = table(["", *keys, *"abcde"], [["1", *["0.123456789"] * 8]], numbers=True)
    assert {word for line in lines for word in line.split() if word[0].isalpha()} == {
        *("training.", "learning_", "rate", "architecture.", "hidden.0"),
        *("optimizer.", "weight_decay", *"abcde"),
    }


def test_processes_at_work_take_the_end_that_another_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = StudyFolder(tmp_path / "iris-search-001")

    def train_and_extend(*arguments: Any, **settings: Any) -> list[Trial]:
        content = study.read()
        study.update(settings={**content["settings"], "trials": 6})
        return train_trials(*arguments, **settings)

    monkeypatch.setattr("bpnet.workflows.search_work.train_trials", train_and_extend)
    space = "search={sampler: sobol, draws: 2, passes: 1, space: {training.l2: {low: 0, high: 1}}}"
    options = ("--set", space, "--set", "training.epochs=1", "--runs", tmp_path)
    said = bpnet("search", CONFIG, "--trials", 2, *options)
    assert said.code == 0, said.err
    assert "the study now ends by trials 6" in said.err
    assert "6 trials of 6" in said.err
