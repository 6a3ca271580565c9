"""Rounds: members that train again over other folds, as long as a time budget lasts."""

import numpy as np
import pytest
from labeled_runs import invoked
from workflow_runs import Watcher, log_of, predicted, read_csv, read_json, train_text, write_csv

from bpnet.errors import ConfigError
from bpnet.models.saved_ensemble import load_ensemble

TWO = """\
dataset: {path: t.csv, target: y, split: {test: 0, seed: 5}}
architecture: {hidden: [8]}
training: {epochs: 30, learning_rate: 0.02}
folds: 3
members: [{name: deep}, {name: wide, architecture: {hidden: [16]}}]
"""


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 2))
    rows = [[f"{a:.4f}", f"{b:.4f}", f"{a * b + rng.normal() / 5:.4f}"] for a, b in x]
    write_csv(tmp_path / "t.csv", ["a", "b", "y"], rows)
    return tmp_path


def weights_of(run):
    return [member.network.theta for member in load_ensemble(run / "model").members]


def test_a_round_is_a_training_over_folds_of_the_next_seed(table):
    """Each round has the weights of a run of its own, bit for bit; only the blend differs."""
    watcher = Watcher()
    both = train_text(table, TWO, "rounds=2", watcher=watcher)
    assert watcher.titles == [
        *("round 1 of 2, member 1 of 2, deep", "round 1 of 2, member 2 of 2, wide"),
        *("round 2 of 2, member 1 of 2, deep", "round 2 of 2, member 2 of 2, wide"),
    ]
    assert [one.name for one in both.members] == ["deep", "wide", "deep round 2", "wide round 2"]
    alone = [
        train_text(table, TWO, f"seed={6 * k}", f"dataset.split.seed={5 + k}") for k in range(2)
    ]
    of_rounds = [member.out_of_fold for member in both.members]
    assert of_rounds == [member.out_of_fold for run in alone for member in run.members]
    expected = [
        theta
        for run in alone
        for theta, member in zip(weights_of(run.run), run.members, strict=True)
        if member.weight
    ]
    assert all(member.weight for run in alone for member in run.members)
    used = [theta for theta, one in zip(expected, both.members, strict=True) if one.weight]
    for theta, own in zip(weights_of(both.run), used, strict=True):
        assert (theta == own).all()
    for of_round in (both.members[:2], both.members[2:]):
        assert any(one.weight for one in of_round)
    best = min(run.metrics["out_of_fold"]["rmse"] for run in alone)
    assert both.metrics["out_of_fold"]["rmse"] < best
    assert {row["member"] for row in log_of(both.run)} == {"1", "2", "3", "4"}
    assert read_csv(both.run / "predictions.csv")[0]["fold"] in "123"


def test_intervals_compare_the_networks_of_one_round(table):
    single = train_text(table, TWO)
    both = train_text(table, TWO, "rounds=2")
    widths = []
    for run in (single.run, both.run):
        columns = predicted(run, table / "t.csv", levels=(0.9,))
        widths.append(np.mean(np.subtract(columns["upper_90_y"], columns["lower_90_y"])))
    assert widths[1] == pytest.approx(widths[0], rel=0.3)


def test_a_budget_leaves_out_what_follows(table, monkeypatch):
    """The clock stands still, except that the last epoch of the third pass takes an hour."""
    clock = [1000.0]
    monkeypatch.setattr("bpnet.workflows.session.time.perf_counter", lambda: clock[0])

    def advance(epoch):
        if len(watcher.titles) == 3 and epoch == 30:
            clock[0] += 3600

    watcher = Watcher(after=advance)
    result = train_text(table, TWO, "rounds=9", "budget=10m", watcher=watcher)
    assert len(watcher.titles) == 3
    assert result.rounds == 2
    left_out = ["round 2 of 9, member 2 of 2, wide and what follows"]
    assert result.not_begun == read_json(result.run / "run.json")["not_begun"] == left_out


def test_cv_trains_every_round(table):
    (table / "case.yaml").write_text(TWO)
    code, text = invoked(
        *("cv", table / "case.yaml", "--runs", table / "runs", "--folds", "2"),
        *("--set", "rounds=2"),
    )
    assert code == 0, text
    log = read_csv(table / "runs" / "case-cv-001" / "folds.csv")
    assert {(row["fold"], row["member"]) for row in log} == {(f, m) for f in "12" for m in "1234"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("folds=null", "members=null", "rounds=2"), "rounds needs folds, such as --set folds=5"),
        (("rounds=2", "refit=true"), "leave out one of the two: --set rounds=1, or --set refit"),
        (("rounds=0",), "rounds is 0"),
        (("rounds=2", "dataset.split.seed=4294967295"), "seeds end before 4294967296; lower data"),
        (("rounds=100", "seed=4294966900"), "which makes 600 networks, but seeds end before"),
    ],
)
def test_rounds_that_cannot_be_are_refused(table, settings, message):
    with pytest.raises(ConfigError) as caught:
        train_text(table, TWO, *settings)
    assert message in str(caught.value)
