"""Searches: the trials of a study, how it ends, how it goes on, and what is refused."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import ROOT, bpnet
from hypothesis import given
from hypothesis import strategies as st

from bpnet.config.loading import load_config, read_config
from bpnet.config.search import Dimension, Search
from bpnet.config.search_space import Draws, EvenSampler, Space, in_order, narrowed, with_values
from bpnet.config.source import parse_source
from bpnet.engine.component import FieldError
from bpnet.integrations import optuna
from bpnet.runs.study import StudyFolder
from bpnet.runs.trial_log import Trial, TrialLog, cut_damaged, trim
from bpnet.scoring.setting_importance import setting_importance
from bpnet.workflows.search_pass import rung_epochs
from bpnet.workflows.search_plan import plan_search
from bpnet.workflows.search_work import train_pass

RATE = "training.learning_rate"
OPTIMIZER, DECAY = "training.optimizer", "training.optimizer.weight_decay"
SPACE = """
search:
  sampler: {sampler}
  draws: 4
  passes: 2
  space:
    training.learning_rate: {{low: 0.001, high: 1, log: true}}
    training.optimizer: [adam, adamw]
    training.optimizer.weight_decay:
      {{low: 0.001, high: 1, log: true, when: {{training.optimizer: adamw}}}}
    architecture.hidden.0: {{low: 4, high: 16, log: true}}
"""


def written_config(folder: Path, *, sampler: str = "tpe", more: str = "") -> Path:
    path = folder / "small.yaml"
    path.write_text(
        f"dataset: {{path: {ROOT}/datasets/iris.csv, target: species}}\n"
        "architecture: {hidden: [8]}\n"
        "training: {epochs: 18, batch_size: 32}\n" + SPACE.format(sampler=sampler) + more,
        encoding="utf-8",
    )
    return path


def table(study: Path) -> list[dict[str, str]]:
    with (study / "trials.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def found(study: Path) -> list[tuple[str, ...]]:
    """What a study has found, without its times and its processes."""
    left_out = ("seconds", "worker")
    return [tuple(v for key, v in row.items() if key not in left_out) for row in table(study)]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished study of 24 trials, and what `--json` says of it."""
    folder = tmp_path_factory.mktemp("search")
    config = written_config(folder)
    said = bpnet("search", config, "--trials", 24, "--runs", folder / "runs", "--json", "--quiet")
    assert said.code == 0, said.err
    return folder / "runs" / "small-search-001", json.loads(said.out)


def test_every_trial_is_drawn_once_and_ends(searched: tuple[Path, dict[str, Any]]) -> None:
    study, _ = searched
    rows = table(study)
    assert sorted(int(row["trial"]) for row in rows) == list(range(1, 25))
    assert len({tuple(row[key] for key in (RATE, OPTIMIZER, DECAY)) for row in rows}) == 24
    assert {row["state"] for row in rows} == {"finished", "stopped"}
    assert all((row[DECAY] == "") == (row[OPTIMIZER] == "adam") for row in rows)
    scores = [float(row["loss"]) for row in rows]
    assert scores == sorted(scores)


def test_a_trial_scores_as_a_run_of_its_own(searched: tuple[Path, dict[str, Any]]) -> None:
    study, data = searched
    best = data["trials"][0]
    assert data["metrics"]["validation"]["loss"] == pytest.approx(best["score"], rel=1e-5)
    assert Path(data["run"]) == study / "best-001"


@pytest.mark.slow
def test_another_metric_of_folds_is_their_mean_and_said_to_be(tmp_path: Path) -> None:
    config = tmp_path / "sugar.yaml"
    config.write_text(
        f"dataset: {{path: {ROOT}/datasets/diabetes.csv, target: progression}}\n"
        "architecture: {hidden: [8]}\ntraining: {epochs: 6}\n"
        "search: {trials: 2, draws: 2, passes: 1, folds: 3, metric: rmse,\n"
        "  space: {training.learning_rate: {low: 0.01, high: 0.1}}}\n"
    )
    said = bpnet("search", config, "--runs", tmp_path, "--json", "--quiet")
    assert said.code == 0, said.err
    data = json.loads(said.out)
    assert data["part"] == "mean_of_folds"
    run, best = Path(data["run"]), data["trials"][0]
    with (run / "replicas.csv").open() as file:
        rmse = [
            float(row["val_rmse"])
            for row in csv.DictReader(file)
            if int(row["epoch"]) == best["best_epoch"]
        ]
    with (run / "predictions.csv").open() as file:
        folds = [row["fold"] for row in csv.DictReader(file)]
    sizes = [folds.count(name) for name in ("1", "2", "3")]
    assert len(rmse) == 3
    # scikit-learn's score of all held-out rows, which the folds' own scores make up, as no
    # prediction leaves the range of the targets, to which a run keeps them
    member = json.loads((run / "metrics.json").read_text())["members"][0]["out_of_fold"]
    pooled = np.sqrt(np.average(np.square(rmse), weights=sizes))
    assert pooled == pytest.approx(member["rmse"], rel=1e-5)
    assert best["score"] == pytest.approx(np.mean(rmse), rel=1e-5)
    assert abs(best["score"] / pooled - 1) > 1e-4
    shown = " ".join(bpnet("resume", tmp_path / "sugar-search-001").out.split())
    assert "ranked by the mean-of-folds rmse" in shown
    assert "Its mean-of-folds rmse of" in shown
    assert "It is the mean of the rmse of each fold's held-out rows" in shown
    shown = bpnet("show", tmp_path / "sugar-search-001").out
    assert "best mean-of-folds rmse" in shown


def test_the_best_third_of_all_that_reach_a_rung_goes_on(
    searched: tuple[Path, dict[str, Any]],
) -> None:
    trials = searched[1]["trials"]
    for k, epoch in enumerate((2, 6)):  # 18 / 9 and 18 / 3
        reaching = [trial for trial in trials if trial["epochs"] >= epoch]
        assert {trial["rungs"][k][0] for trial in reaching} == {epoch}
        for trial in reaching:
            known = sorted(
                other["rungs"][k][1]
                for other in reaching
                if other["generation"] < trial["generation"]
                or (other["number"] - 1) // 4 == (trial["number"] - 1) // 4  # of its pass
            )
            limit = known[math.ceil(len(known) / 3) - 1]
            assert (trial["epochs"] > epoch) == (trial["rungs"][k][1] <= limit)


def test_a_study_stands_for_its_best_run(searched: tuple[Path, dict[str, Any]]) -> None:
    study, _ = searched
    by_study = bpnet("predict", study, ROOT / "datasets" / "iris.csv", "-o", "-")
    by_run = bpnet("predict", study / "best-001", ROOT / "datasets" / "iris.csv", "-o", "-")
    assert by_study.code == 0, by_study.err
    assert by_study.out == by_run.out


def test_its_figure_has_every_trial(searched: tuple[Path, dict[str, Any]]) -> None:
    study, data = searched
    said = bpnet("plot", study, "search", "--json")
    assert said.code == 0, said.err
    figure = json.loads(said.out)
    assert figure["columns"] == [
        "trial",
        RATE,
        OPTIMIZER,
        "architecture.hidden.0",
        DECAY,
        "loss",
        "state",
    ]
    assert sorted((row[0], row[5]) for row in figure["rows"]) == sorted(
        (one["number"], one["score"]) for one in data["trials"]
    )


def test_its_journal_is_one_that_optuna_reads(searched: tuple[Path, dict[str, Any]]) -> None:
    optuna = pytest.importorskip("optuna")
    study, data = searched
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    backend = optuna.storages.journal.JournalFileBackend(str(study / "journal.log"))
    loaded = optuna.load_study(
        study_name=study.name, storage=optuna.storages.JournalStorage(backend)
    )
    assert len(loaded.trials) == 24
    scores = [one["score"] for one in data["trials"] if one["state"] == "finished"]
    assert loaded.best_value == min(scores)


def test_a_pass_by_itself_finds_the_same(searched: tuple[Path, dict[str, Any]]) -> None:
    study, data = searched
    again = train_pass(study, 2, 1)
    by_number = {one["number"]: one for one in data["trials"]}
    assert [one.score for one in again] == [by_number[one.number]["score"] for one in again]


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "sobol", "random"])
def test_a_seed_gives_the_same_trials_however_it_is_cut_off(tmp_path: Path, sampler: str) -> None:
    config = written_config(tmp_path, sampler=sampler)
    runs = ("--runs", tmp_path, "--quiet")
    assert bpnet("search", config, "--trials", 24, *runs).code == 0
    assert bpnet("search", config, "--trials", 16, *runs).code == 0
    said = bpnet("resume", tmp_path / "small-search-002", "--set", "search.trials=24", "--quiet")
    assert said.code == 0, said.err
    assert found(tmp_path / "small-search-001") == found(tmp_path / "small-search-002")


class TestSpace:
    @given(
        st.floats(1e-6, 1e3),
        st.floats(1.01, 1e4),
        st.booleans(),
        st.floats(0, 1),
        st.booleans(),
    )
    def test_a_value_is_in_its_range(
        self, low: float, factor: float, log: bool, share: float, integer: bool
    ) -> None:
        high = low * factor
        if integer:
            low, high = float(int(low) + 1), float(int(high) + 2)
        value = Dimension(low=low, high=high, log=log, integer=integer).at(share)
        assert low <= value <= high
        assert isinstance(value, int) == integer

    def test_steps_end_within_the_range(self) -> None:
        one = Dimension(low=16, high=60, step=16)
        assert [one.at(k / 30) for k in range(0, 31, 10)] == [16, 32, 48, 48]

    @pytest.mark.parametrize(
        ("settings", "problem"),
        [
            ({"low": 1, "high": 1}, "is empty"),
            ({"low": 2, "high": 1}, "ends before it begins"),
            ({"low": 0, "high": 1, "log": True}, "greater than 0"),
            ({"low": 1}, "is missing"),
            ({"choices": []}, "is empty"),
            ({"choices": ["a", "a"]}, "names 'a' twice"),
            ({"choices": [1], "low": 1}, "both set"),
            ({"low": 1, "high": 2, "log": True, "step": 1}, "both set"),
            ({"low": 0.5, "high": 2, "integer": True}, "whole numbers"),
            ({"low": 1, "high": 2, "step": 3}, "more than the range"),
        ],
    )
    def test_what_is_no_range_is_refused(self, settings: dict[str, Any], problem: str) -> None:
        with pytest.raises(FieldError, match=problem):
            Dimension(**settings)

    def test_draws_of_few_values_end(self) -> None:
        space = Space({"a": Dimension(choices=[1, 2]), "b": Dimension(choices=["x", "y", "z"])})
        drawn = Draws(space, 0).passes(
            EvenSampler(space, 0, sobol=True), [10], first_pass=0, first_trial=0
        )
        assert sorted((one["a"], one["b"]) for one in drawn[0]) == [
            (a, b) for a in (1, 2) for b in "xyz"
        ]

    def test_a_sobol_sequence_spreads(self) -> None:
        space = Space({"a": Dimension(low=0, high=1), "b": Dimension(low=0, high=1)})
        sampler = EvenSampler(space, 3, sobol=True)
        points = np.array([list(sampler.draw(k, {}).values()) for k in range(64)])
        # each of 8 x 8 boxes has one point, as in every net of 64 = 2^6 points
        boxes = {tuple(box) for box in np.minimum((points * 8).astype(int), 7).tolist()}
        assert len(boxes) > 55

    def test_keys_come_after_what_they_depend_on(self) -> None:
        dimensions = {
            DECAY: Dimension(low=0.1, high=1, when={OPTIMIZER: ["adamw"]}),
            OPTIMIZER: Dimension(choices=["adam", "adamw"]),
        }
        space = narrowed(in_order(dimensions), [OPTIMIZER])
        assert list(space.dimensions) == [OPTIMIZER, DECAY]
        assert Space.from_data(json.loads(json.dumps(space.to_data()))) == space
        assert space.from_shares({OPTIMIZER: 0.1, DECAY: 0.5}, {}) == {OPTIMIZER: "adam"}

    @given(st.floats(-2, 0), st.floats(0.5, 2), st.booleans())
    def test_it_is_read_back_as_it_was(self, low: float, high: float, step: bool) -> None:
        for one in (low, 0.0, round(low)):
            space = Space({"a": Dimension(low=one, high=high, step=0.25 if step else None)})
            assert Space.from_data(json.loads(json.dumps(space.to_data()))).to_data() == (
                space.to_data()
            )
            assert Space.from_data(space.to_data()).dimensions == space.dimensions

    @pytest.mark.parametrize("value", [1e-05, [64, 32], "adamw", True, None, {"kind": "step"}])
    def test_a_value_is_set_as_it_is(self, value: Any) -> None:
        source = parse_source("dataset: {path: a.csv, target: b}\narchitecture: {}\n")
        assert with_values(source, {"training.x": value}).data["training"]["x"] == value

    def test_dropout_is_that_of_all_layers(self) -> None:
        loaded = read_config(ROOT / "configs" / "digits.yaml")
        config = load_config(with_values(loaded.source, {"architecture.dropout": 0.3})).config
        assert config.architecture.layers[1].rate == 0.3


def test_dropout_from_none_on_divides_no_pass() -> None:
    loaded = read_config(ROOT / "configs" / "iris.yaml")
    space = "search={space: {architecture.dropout: {low: 0, high: 0.5}, training.l2: [0, 1]}}"
    plan, _, _ = plan_search(loaded.override([space]).source)
    assert plan.space.shape == ()


def test_rungs_are_looked_at_where_rows_are_checked() -> None:
    assert rung_epochs(81, 2, 3, 1) == [9, 27]
    assert rung_epochs(100, 2, 3, 5) == [15, 35]
    assert rung_epochs(2, 3, 3, 1) == [1]
    assert rung_epochs(10, 0, 3, 1) == []


def trial(number: int, score: float = 0.5) -> Trial:
    return Trial(number, 1, {RATE: 0.1}, "finished", score, [(1, 0.6)], 3, 2, 1.0, "w")


class TestLog:
    def test_a_line_that_is_not_complete_is_left_out_and_mended(self, tmp_path: Path) -> None:
        log = TrialLog(tmp_path / "trials.jsonl")
        assert log.read() == []
        log.append([trial(2), trial(1)])
        with (tmp_path / "trials.jsonl").open("ab") as file:
            file.write(b'{"number": 3, "gen')
        assert [one.number for one in log.read()] == [1, 2]
        log.append([trial(3), trial(1, score=9)])
        assert [one.number for one in log.read()] == [1, 2, 3]
        assert log.read()[0].score == 0.5

    @pytest.mark.parametrize(
        ("added", "kept"),
        [
            (b'{"a": 2}\n{"a": 3}\n', True),
            (b'{"a": 2}\n{"a"', False),
            (b'{"a": {"a": 2}\n{"a": 3}\n', False),  # half of it, then all
        ],
    )
    def test_what_a_failed_write_has_added_is_cut(
        self, added: bytes, kept: bool, tmp_path: Path
    ) -> None:
        path = tmp_path / "trials.jsonl"
        before = b'{"a": 1}\n'
        path.write_bytes(before + added)
        cut_damaged(path, len(before))
        assert path.read_bytes() == before + (added if kept else b"")

    @given(st.lists(st.binary(max_size=5), max_size=4), st.binary(max_size=9))
    def test_trimming_keeps_the_complete_lines(self, lines: list[bytes], rest: bytes) -> None:
        path = Path(os.environ.get("TMPDIR", "/tmp")) / f"trimmed-{os.getpid()}"
        whole = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
        path.write_bytes(whole + rest.replace(b"\n", b""))
        trim(path)
        content = path.read_bytes()
        path.unlink()
        assert content == whole


def test_importance_finds_the_key_that_decides() -> None:
    rng = np.random.default_rng(0)
    values = [
        {"a": float(rng.random()), "b": float(rng.random()), "c": str(rng.choice(["x", "y"]))}
        for _ in range(80)
    ]
    scores = [(one["a"] - 0.3) ** 2 for one in values]
    shares = setting_importance(values, ["a", "b", "c"], scores, seed=0)
    assert shares["a"] > 0.9
    assert sum(shares.values()) == pytest.approx(1)


def test_a_few_trials_do_not_make_a_key_important_that_only_some_have() -> None:
    pytest.importorskip("optuna")
    dimensions = {
        "rate": Dimension(low=0.001, high=0.1, log=True),
        "optimizer": Dimension(choices=["adam", "adamw"]),
        "decay": Dimension(low=0.001, high=1.0, log=True, when={"optimizer": "adamw"}),
    }
    space, shares = Space(dimensions), []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        drawn = [dict(zip(dimensions, u, strict=True)) for u in rng.random((24, 3))]
        values = [space.from_shares(each, {}) for each in drawn]
        scores = [abs(np.log10(one["rate"]) + 1.5) for one in values]
        trials = [
            Trial(number, 1, one, "finished", score, [], 3, 2, 1.0, "w")
            for number, (one, score) in enumerate(zip(values, scores, strict=True))
        ]
        shares.append(optuna.importance(trials, space, scores, maximizes=False))
    assert [max(one, key=lambda key: one[key]) for one in shares] == ["rate"] * 10


def test_the_settings_of_a_search_are_checked() -> None:
    with pytest.raises(FieldError, match="10m"):
        Search(budget="soon")
    with pytest.raises(FieldError, match="of a names 1 twice"):
        Search(space={"a": [1, 1]})


PROCESS = (sys.executable, "-c", "from bpnet.cli.app import main; main()")


def kill_and_join(folder: Path, kills: int, trials: int, seconds: tuple[float, float]) -> int:
    """Run a search on two processes, of which some are killed; return how many were."""
    config = written_config(folder, more="  rungs: 1\n")
    study = folder / "small-search-001"
    rng = np.random.default_rng(0)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}

    def start() -> subprocess.Popen[bytes]:
        command = ["search", str(config), "--quiet"]
        more = ["--join", str(study)] if (study / "study.json").exists() else []
        if not more:
            more = ["--trials", str(trials), "--runs", str(folder)]
        return subprocess.Popen(
            [*PROCESS, *command, *more],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    workers = [start()]
    while not (study / "generations" / "0001.json").exists():
        assert workers[0].poll() is None
        time.sleep(0.01)
    workers.append(start())
    killed = 0
    while killed < kills:
        victim = int(rng.integers(len(workers))) if killed else 0  # the first as it begins
        if killed:
            time.sleep(rng.uniform(*seconds))
        if workers[victim].poll() is None:
            workers[victim].send_signal(signal.SIGKILL)
            killed += 1
        workers[victim].wait()
        if json.loads((study / "study.json").read_text())["status"] == "finished":
            break
        workers[victim] = start()
    for worker in workers:
        worker.wait()
    return killed


@pytest.mark.slow
def test_killed_processes_lose_nothing(tmp_path: Path) -> None:
    """As many as BPNET_KILLS are killed, by default 4."""
    kills = int(os.environ.get("BPNET_KILLS", "4"))
    trials = 24 * max(1, kills // 4)
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    config = written_config(tmp_path / "whole", more="  rungs: 1\n")
    assert bpnet("search", config, "--trials", trials, "--runs", tmp_path / "whole").code == 0
    killed = kill_and_join(tmp_path / "killed", kills, trials, (0.5, 2.5))
    assert killed > 0
    study = tmp_path / "killed" / "small-search-001"
    said = bpnet("resume", study, "--quiet")
    assert said.code == 0, said.err
    assert found(study) == found(tmp_path / "whole" / "small-search-001")
    assert StudyFolder(study).read()["status"] == "finished"


@pytest.mark.slow
def test_an_interrupted_search_says_how_to_go_on(tmp_path: Path) -> None:
    config = written_config(tmp_path)
    runs = ("--runs", str(tmp_path), "--quiet")
    assert bpnet("search", config, "--trials", 48, *runs).code == 0
    study = tmp_path / "small-search-002"
    process = subprocess.Popen(
        [*PROCESS, "search", str(config), "--trials", "48", *runs],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (study / "generations").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert f"next: bpnet resume {study}" in err
    assert json.loads((study / "study.json").read_text())["status"] == "interrupted"
    assert list((study / "workers").iterdir()) == []
    assert bpnet("resume", study, "--quiet").code == 0
    assert found(study) == found(tmp_path / "small-search-001")
