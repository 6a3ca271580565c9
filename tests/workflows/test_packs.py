"""Packs: draws of settings that train together, what is picked of them, and time budgets."""

import numpy as np
import pytest
from labeled_runs import invoked
from workflow_runs import (
    Watcher,
    log_of,
    predicted,
    read_csv,
    read_json,
    train_text,
    weights_of,
    write_csv,
)

from bpnet.config.loading import load_config, read_config
from bpnet.config.pack import Range
from bpnet.config.source import parse_source
from bpnet.engine.progress import Progress
from bpnet.errors import ConfigError
from bpnet.models.saved_ensemble import load_ensemble
from bpnet.preparation.open import open_dataset
from bpnet.preparation.training_folds import without_validation
from bpnet.workflows import pack_plan
from bpnet.workflows.members_plan import plan_members
from bpnet.workflows.train import train

PACKED = """\
dataset: {path: t.csv, target: y, split: {test: 0.2}}
architecture: {hidden: [8], dropout: 0.1}
training:
  epochs: 30
  learning_rate: 0.05
  optimizer: adamw
  early_stopping: {patience: 3}
folds: 3
pack: 5
"""


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 2))
    rows = [[f"{a:.4f}", f"{b:.4f}", f"{2 * a - b + rng.normal() / 5:.4f}"] for a, b in x]
    write_csv(tmp_path / "t.csv", ["a", "b", "y"], rows)
    return tmp_path


def plan_of(folder, text):
    source = parse_source(text, str(folder / "case.yaml"), folder)
    return plan_members(open_dataset(without_validation(load_config(source))))


def draws_of(run):
    return read_csv(run / "draws.csv")


def test_the_run_keeps_the_draws_that_were_picked(table):
    watcher = Watcher()
    result = train_text(table, PACKED, watcher=watcher)
    assert watcher.titles == ["draws 1 to 5"]
    draws = draws_of(result.run)
    assert [row["draw"] for row in draws] == list("12345")
    weights = [float(row["weight"]) for row in draws]
    assert sum(weights) == pytest.approx(1)
    picked = [k for k, weight in enumerate(weights) if weight]
    assert [member.draw - 1 for member in result.members] == picked
    assert load_ensemble(result.run / "model").networks == 3 * len(picked)
    assert (result.draws, result.networks) == (5, 3 * len(picked))
    best = min(range(5), key=lambda k: float(draws[k]["loss"]))
    assert best in picked
    assert len(predicted(result.run, table / "t.csv")["predicted_y"]) == 90
    members = read_json(result.run / "run.json")["members"]
    assert [member["settings"] for member in members] == [
        {key: float(value) for key, value in list(draws[k].items())[2:-5] if value} for k in picked
    ]


def test_each_draw_trains_as_it_would_by_itself(table):
    """The weights of every draw are those of a config with its settings and seed, bit for bit."""
    pack = "pack: {draws: 3, space: {training.learning_rate: [0.01, 0.1], architecture.dropout: "
    text = PACKED.replace("pack: 5", pack + "{low: 0.1, high: 0.4}}}") + "seed: 7\n"
    run = train_text(table, text).run
    ensemble = load_ensemble(run / "model")
    for row, member in zip(
        [row for row in draws_of(run) if float(row["weight"])], ensemble.members, strict=True
    ):
        changes = [f"seed={7 + 3 * (int(row['draw']) - 1)}", "dataset.split.seed=7", "pack=null"]
        for key in ("training.learning_rate", "architecture.dropout"):
            changes += [f"{key}={row[key]}"] if row[key] else []
        alone = load_ensemble(train_text(table, text, *changes).run / "model").members[0]
        assert alone.description.seeds == member.description.seeds
        assert np.array_equal(alone.network.theta, member.network.theta)


def test_each_draw_stops_by_itself(table):
    run = train_text(table, PACKED).run
    draws = draws_of(run)
    for number, draw in enumerate(draws):
        rows = [
            row
            for row in read_csv(run / "replicas.csv")
            if (int(row["replica"]) - 1) // 3 == number and row["oof_loss"]
        ]
        pooled = [float(row["oof_loss"]) for row in rows[::3]]
        assert int(draw["best_epoch"]) == 1 + int(np.argmin(pooled))
        if draw["stop_reason"] == "early_stopping":
            assert len(pooled) == int(draw["best_epoch"]) + 3
    assert len({draw["best_epoch"] for draw in draws}) > 1


def test_the_ensemble_grows_while_draws_train(table):
    watcher = Watcher()
    run = train_text(table, PACKED, watcher=watcher).run
    shown = [row["ensemble_loss"] for row in watcher.rows if "ensemble_loss" in row]
    assert shown == sorted(shown, reverse=True)
    logged = [float(row["ensemble_loss"]) for row in log_of(run) if row["ensemble_loss"]]
    assert logged == pytest.approx(sorted(set(shown), reverse=True))
    # of several draws it is no worse than the best
    assert shown[-1] <= min(float(row["loss"]) for row in draws_of(run)) * (1 + 1e-6)


def test_the_config_of_a_run_draws_the_same_again(table):
    run = train_text(table, PACKED).run
    again = read_config(run / "config.yaml")
    assert again.config.pack.draws == 5
    assert again.config.pack.space["training.learning_rate"] == Range(
        low=0.0167, high=0.15, scale="log"
    )
    second = train(again, runs=table / "runs", name="again", command=[], watcher=Watcher()).run
    assert (second / "draws.csv").read_text() == (run / "draws.csv").read_text()


def test_draws_are_spread_over_the_space_and_the_first_is_the_config_itself(table):
    text = PACKED.replace("pack: 5", "pack: 101")
    draws = [draw for one in plan_of(table, text).packs[0].passes for draw in one]
    assert draws[0].settings == {}
    rates = [draw.settings["training.learning_rate"] for draw in draws[1:]]
    assert [draw.training.learning_rate for draw in draws] == [0.05, *rates]
    shares = np.sort(np.log(np.array(rates) / 0.0167) / np.log(0.15 / 0.0167))
    assert shares * 100 == pytest.approx(np.arange(100) + 0.5, abs=0.55)  # rounded to 4 digits
    dropped = [draw.settings["architecture.dropout"] for draw in draws[1:]]
    assert [draw.description.layers[1].rate for draw in draws[1:]] == dropped
    assert abs(np.corrcoef(rates, dropped)[0, 1]) < 0.35
    other = plan_of(table, text + "seed: 1\n").packs[0].passes[0][1].settings
    assert other != draws[1].settings


def test_members_have_packs_of_their_own(table):
    members = """\
members:
- {name: deep}
- {name: linear, architecture: {hidden: []}, pack: null}
- {name: few, pack: {draws: 2, space: {training.learning_rate: [0.2]}}}
"""
    watcher = Watcher()
    run = train_text(table, PACKED + members, watcher=watcher).run
    assert watcher.titles == [
        "member 1 of 3, deep, draws 1 to 5",
        "member 2 of 3, linear",
        "member 3 of 3, few, draws 1 to 2",
    ]
    rows = draws_of(run)
    assert [(row["member"], row["draw"]) for row in rows] == [
        *(("1", str(k)) for k in range(1, 6)),
        ("2", ""),
        *(("3", str(k)) for k in range(1, 3)),
    ]
    assert rows[-1]["training.learning_rate"] == "0.2"
    seeds = [
        seed for member in load_ensemble(run / "model").members for seed in member.description.seeds
    ]
    assert len(set(seeds)) == len(seeds)


def test_a_pack_that_does_not_fit_into_memory_trains_in_passes(table, monkeypatch):
    whole = draws_of(train_text(table, PACKED).run)
    monkeypatch.setattr(pack_plan, "most_at_once", lambda *_: 7)
    watcher = Watcher()
    split = draws_of(train_text(table, PACKED, watcher=watcher).run)
    assert watcher.titles == ["draws 1 to 2", "draws 3 to 4", "draws 5 to 5"]
    names = ("draw", "loss", "best_epoch", "weight")
    assert [[row[name] for name in names] for row in split] == [
        [row[name] for name in names] for row in whole
    ]


def test_a_draw_that_diverges_is_left_out(table):
    pack = "pack: {draws: 3, space: {training.learning_rate: [1.0e30]}}"
    watcher = Watcher()
    text = PACKED.replace("pack: 5", pack).replace("adamw", "gradient_descent")
    result = train_text(table, text, watcher=watcher)
    assert [member.draw for member in result.members] == [1]


@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_classes_and_labels(table, task):
    rng = np.random.default_rng(1)
    rows = [[rng.normal(), rng.normal(), "uvw"[k % 3], k % 2, (k // 2) % 2] for k in range(90)]
    write_csv(table / "t.csv", ["a", "b", "y", "p", "q"], rows)
    target = "y" if task == "classification" else "[p, q]"
    (table / "case.yaml").write_text(PACKED.replace("target: y", f"target: {target}"))
    code, text = invoked("train", table / "case.yaml", "--runs", table / "runs")
    assert code == 0, text
    assert "picked from 5 draws of settings" in text
    assert invoked("eval", table / "runs" / "case-001")[0] == 0
    assert invoked("cv", table / "case.yaml", "--folds", 2, "--runs", table / "runs")[0] == 0


@pytest.mark.parametrize(
    ("pack", "message"),
    [
        ("0", "pack is 0; it must be at least 2"),
        ("1", "pack is 1; it must be at least 2"),
        ("100000", "pack is 100000; it must be at most 1000"),
        ("many", "pack is 'many'; it must be a whole number or a mapping of keys"),
        ("{draw: 3}", "unknown key pack.draw; allowed here: draws, space"),
        ("{space: {training.epochs: [3]}}", "names training.epochs, in which networks that train"),
        ("{space: {training.rate: [3]}}", "names training.rate, which is no key that draws may"),
        (
            "{space: {seed: [3]}}",
            "names seed, which is no key that draws may vary; they vary train",
        ),
        (
            "{space: {training.learning_rate: {low: 2, high: 1}}}",
            "learning_rate.high is 1, which is less than low, 2",
        ),
        (
            "{space: {training.learning_rate: {low: 0, high: 1, scale: log}}}",
            "learning_rate.low is 0, but on a log scale it must be greater than 0",
        ),
        ("{space: {training.learning_rate: []}}", "has no values for training.learning_rate"),
        (
            "{space: {architecture.dropout: {low: 0, high: 1}}}",
            "cannot give architecture.dropout the value 1.0: architecture.layers.1.rate is 1.0",
        ),
        ("{space: {training.optimizer: [adan]}}", "value 'adan': training.optimizer is 'adan'"),
    ],
)
def test_a_pack_that_cannot_be_drawn_is_refused(table, pack, message):
    with pytest.raises(ConfigError, match=message):
        train_text(table, PACKED, f"pack={pack}")
    assert not (table / "runs").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("folds=null", "pack is 5 draws, .* no folds; add them, such as --set folds=5"),
        ("refit=true", "refit is true, but the networks of a pack predict with those of the folds"),
        ("budget=soon", "budget is 'soon'; it must be a number of seconds, or one with s, m or h"),
        ("budget=0", "budget is 0.0; it must be greater than 0"),
        ("budget=-1m", "budget is -1m; it must be greater than 0: a number of seconds"),
    ],
)
def test_settings_that_do_not_fit_are_refused(table, setting, message):
    with pytest.raises(ConfigError, match=message):
        train_text(table, PACKED, setting)


@pytest.mark.parametrize(
    ("budget", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1.5 h", 5400), ("45", 45)]
)
def test_budgets_are_read(table, budget, seconds):
    text = PACKED + f"budget: {budget}\n"
    assert load_config(parse_source(text, "c.yaml", table)).config.seconds == seconds


MEMBERS = "members: [{name: a}, {name: b}, {name: c}]\n"


def test_a_spent_budget_stops_the_member_in_training_and_leaves_out_the_rest(table, monkeypatch):
    """The clock stands still, except that an epoch of the second member takes an hour."""
    clock = [1000.0]
    monkeypatch.setattr("bpnet.workflows.session.time.perf_counter", lambda: clock[0])

    def advance(epoch):
        if len(watcher.titles) == 2 and epoch == 4:
            clock[0] += 3600

    watcher = Watcher(after=advance)
    text = PACKED.replace("pack: 5\n", "") + MEMBERS
    result = train_text(table, text, "budget=10m", watcher=watcher)
    assert watcher.titles == ["member 1 of 3, a", "member 2 of 3, b"]
    assert [(one.name, one.stop_reason, one.epochs) for one in result.members][1] == (
        "b",
        "budget",
        4,
    )
    assert result.not_begun == ["member 3 of 3, c"]
    run = read_json(result.run / "run.json")
    assert run["status"] == "finished"
    assert run["not_begun"] == ["member 3 of 3, c"]
    unlimited = train_text(table, text)
    first, again = (draw.members[0] for draw in (result, unlimited))
    assert (first.best_epoch, first.out_of_fold) == (again.best_epoch, again.out_of_fold)


def test_a_spent_budget_ends_an_epoch_between_its_steps(table, monkeypatch):
    """An hour passes within the third epoch: the model is that of two epochs, bit for bit."""
    clock, move = [1000.0], Progress.move
    monkeypatch.setattr("bpnet.workflows.session.time.perf_counter", lambda: clock[0])

    def slow(self, step, steps_per_epoch, epochs):
        if step == 2 * steps_per_epoch:
            clock[0] += 3600
        move(self, step, steps_per_epoch, epochs)

    text = PACKED.replace("folds: 3\npack: 5\n", "")
    text = text.replace("  early_stopping: {patience: 3}\n", "")
    settings = ("training.batch_size=16", "training.keep=last")
    with monkeypatch.context() as patched:
        patched.setattr(Progress, "move", slow)
        cut = train_text(table, text, *settings, "budget=10m")
        assert (cut.stop_reason, cut.epochs) == ("budget", 2)
        folds = train_text(table, text + "folds: 3\n", *settings, "budget=10m")
    assert [(one.stop_reason, one.epochs) for one in folds.members] == [("budget", 2)]
    two = train_text(table, text, *settings, "training.epochs=2")
    cut_weights, two_weights = weights_of(cut.run), weights_of(two.run)
    assert all(np.array_equal(cut_weights[name], two_weights[name]) for name in two_weights)


def test_at_least_one_check_is_waited_for(table):
    text = PACKED.replace("pack: 5\n", "") + MEMBERS
    watcher = Watcher()
    result = train_text(table, text, "budget=0.000001", "training.check_every=3", watcher=watcher)
    assert [row["epoch"] for row in watcher.rows] == [1, 2, 3]
    assert [member.best_epoch for member in result.members] == [3]
    assert result.not_begun == ["member 2 of 3, b", "member 3 of 3, c"]


def test_a_budget_ends_a_training_without_folds(table):
    (table / "case.yaml").write_text(PACKED.replace("folds: 3\npack: 5\n", ""))
    arguments = ("train", table / "case.yaml", "--runs", table / "runs", "--budget")
    code, text = invoked(*arguments, "0.000001")
    assert code == 0, text
    assert "time budget spent after 1 epoch" in text
    assert read_json(table / "runs" / "case-001" / "run.json")["stop_reason"] == "budget"
    code, text = invoked(*arguments, "soon")
    assert code == 3
    assert "budget is 'soon'" in text


def test_the_report_says_what_a_budget_left_out(table):
    (table / "case.yaml").write_text(PACKED.replace("pack: 5\n", "") + MEMBERS)
    code, text = invoked(
        *("train", table / "case.yaml", "--runs", table / "runs", "--budget", "0.000001")
    )
    assert code == 0
    assert (
        "budget of 1e-06 s ended the training; left out: member 2 of 3, b; member 3 of 3, c"
        in " ".join(text.split())
    )
