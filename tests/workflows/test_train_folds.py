"""Training on folds: what each network holds out, what the run keeps, and what it predicts."""

import numpy as np
import pytest
from labeled_runs import invoked
from sklearn import metrics as sk
from workflow_runs import (
    ROOT,
    Watcher,
    log_of,
    predicted,
    read_csv,
    read_json,
    train_file,
    train_text,
    write_csv,
)

from bpnet.config.loading import read_config
from bpnet.errors import ConfigError, DataError, DivergedError, InterruptedRunError
from bpnet.models.saved_ensemble import load_ensemble
from bpnet.preparation.open import open_dataset
from bpnet.preparation.split import draw_split
from bpnet.preparation.training_folds import draw_rounds, fold_split, without_validation

IRIS = ROOT / "configs" / "iris.yaml"
FOLDS = ("folds=4", "training.epochs=15")

NUMBERS = """\
dataset: {path: t.csv, target: y, split: {test: 0.2}}
architecture: {hidden: [8]}
training: {epochs: 12, learning_rate: 0.02}
folds: 3
"""


def numbers_table(folder, rows=90, target=lambda x, rng: 2 * x[0] - x[1] + rng.normal() / 5):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 2))
    cells = [[f"{a:.4f}", f"{b:.4f}", target((a, b), rng)] for a, b in x]
    return write_csv(folder / "t.csv", ["a", "b", "y"], cells)


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    return train_file(IRIS, tmp_path_factory.mktemp("folds"), *FOLDS)


def members_of(run):
    return [line["part"] for line in read_csv(run / "splits.csv")]


def test_the_run_holds_what_it_promises(iris):
    names = {path.name for path in iris.run.iterdir()}
    assert names == {
        *("config.yaml", "run.json", "metrics.csv", "replicas.csv", "metrics.json"),
        *("splits.csv", "fingerprints.safetensors", "predictions.csv", "model"),
    }
    log = log_of(iris.run)
    assert {row["member"] for row in log} == {"1"}
    assert [int(row["epoch"]) for row in log] == list(range(1, len(log) + 1))
    assert len(read_csv(iris.run / "replicas.csv")) == 4 * len(log)
    pooled = [float(row["oof_loss"]) for row in log]
    run = read_json(iris.run / "run.json")
    assert "preset" not in run
    assert run["status"] == "finished"
    assert run["members"][0]["best_epoch"] == 1 + int(np.argmin(pooled))
    assert set(members_of(iris.run)) == {"train", "test"}


def test_each_training_row_is_predicted_once_and_scored_by_scikit_learn(iris):
    rows = read_csv(iris.run / "predictions.csv")
    trained = [k for k, part in enumerate(members_of(iris.run), start=1) if part == "train"]
    assert sorted(int(row["row"]) for row in rows) == trained
    classes = ["setosa", "versicolor", "virginica"]
    shares = np.array([[float(row[f"probability_{name}"]) for name in classes] for row in rows])
    true = [row["true_species"] for row in rows]
    scores = read_json(iris.run / "metrics.json")
    shares /= shares.sum(axis=1, keepdims=True)  # written with 8 digits
    expected = sk.log_loss(true, shares, labels=classes)
    assert scores["out_of_fold"]["log_loss"] == pytest.approx(expected, abs=1e-6)
    accuracy = sk.accuracy_score(true, [row["predicted_species"] for row in rows])
    assert scores["out_of_fold"]["accuracy"] == pytest.approx(accuracy)
    assert scores["rows"] == {"out_of_fold": len(rows), "test": members_of(iris.run).count("test")}


def test_a_row_is_predicted_by_the_network_that_held_it_out(iris):
    model = load_ensemble(iris.run / "model")
    written = predicted(iris.run, ROOT / "datasets" / "iris.csv")
    rows = read_csv(iris.run / "predictions.csv")
    for row in rows[::7]:
        alone = predicted(iris.run, ROOT / "datasets" / "iris.csv", replica=row["fold"])
        place = int(row["row"]) - 1
        # one network has no blend, whose temperature is all that is left to apply
        p = np.array([alone[f"probability_{c}"][place] for c in model.description.classes])
        p = p ** (1 / model.combination.temperature)
        given = [float(row[f"probability_{c}"]) for c in model.description.classes]
        assert p / p.sum() == pytest.approx(given, abs=2e-5)
    assert len(written["predicted_species"]) == 150


def test_a_network_does_not_see_the_rows_that_it_holds_out(tmp_path):
    """Flip a target: only the network that holds the row out keeps its weights, bit for bit."""
    settings = ("training.keep=last", "dataset.split.stratify=false", "task=classification")
    label = lambda x, rng: "yes" if x[0] + rng.normal() / 9 > 0 else "no"  # noqa: E731
    numbers_table(tmp_path, target=label)
    before = train_text(tmp_path, NUMBERS, *settings)
    rows = read_csv(tmp_path / "t.csv")
    held_out = read_csv(before.run / "predictions.csv")
    flipped = next(row for row in held_out if row["fold"] == "2")
    place = int(flipped["row"]) - 1
    rows[place]["y"] = "no" if rows[place]["y"] == "yes" else "yes"
    write_csv(tmp_path / "t.csv", list(rows[0]), [list(row.values()) for row in rows])
    after = train_text(tmp_path, NUMBERS, *settings)
    assert [r["row"] for r in held_out] == [
        r["row"] for r in read_csv(after.run / "predictions.csv")
    ]
    one, other = (load_ensemble(run.run / "model").members[0].network for run in (before, after))
    same = (one.theta == other.theta).all(axis=1)
    assert same.tolist() == [False, True, False]


def test_groups_stay_together(tmp_path):
    rng = np.random.default_rng(1)
    rows = [[rng.normal(), k // 5, rng.normal()] for k in range(100)]
    write_csv(tmp_path / "t.csv", ["a", "g", "y"], rows)
    text = NUMBERS.replace("split: {test: 0.2}", "split: {test: 0.2, group: g}")
    run = train_text(tmp_path, text).run
    folds = {}
    for row in read_csv(run / "predictions.csv"):
        folds.setdefault((int(row["row"]) - 1) // 5, set()).add(row["fold"])
    assert all(len(of_group) == 1 for of_group in folds.values())
    assert len(folds) == 16


def test_by_time_each_fold_is_a_span_and_test_rows_are_later(tmp_path):
    numbers_table(tmp_path, rows=100)
    rows = read_csv(tmp_path / "t.csv")
    order = np.random.default_rng(2).permutation(100)
    cells = [[*row.values(), f"{day}.5"] for row, day in zip(rows, order, strict=True)]
    write_csv(tmp_path / "t.csv", ["a", "b", "y", "day"], cells)
    config = tmp_path / "case.yaml"
    config.write_text(NUMBERS.replace("test: 0.2", "test: 0.2, time: day"))
    opened = open_dataset(without_validation(read_config(config)))
    parts = fold_split(draw_split(opened))
    folds = draw_rounds(opened, parts["train"])[0]
    assert order[parts["train"]].max() < order[parts["test"]].min()
    for trained, held_out in zip(folds.trained, folds.held_out, strict=True):
        trained, held_out = (order[parts["train"][which]] for which in (trained, held_out))
        assert held_out.max() - held_out.min() == len(held_out) - 1
        assert sorted([*trained, *held_out]) == list(range(80))


def test_of_a_regression_each_fold_has_low_and_high_values(tmp_path):
    numbers_table(tmp_path, rows=300)
    config = tmp_path / "case.yaml"
    config.write_text(NUMBERS)
    opened = open_dataset(without_validation(read_config(config)))
    folds = draw_rounds(opened, np.arange(300))[0]
    values = opened.target_values.values[:, 0]
    for held_out in folds.held_out:
        assert np.mean(values[held_out]) == pytest.approx(values.mean(), abs=0.1)
        assert len(held_out) == 100


def test_members_are_blended_by_weights_and_those_of_no_weight_are_left_out(tmp_path):
    numbers_table(tmp_path)
    members = """\
members:
- name: deep
- name: linear
  architecture: {hidden: []}
- name: broken
  training: {learning_rate: 1.0e-9}
"""
    watcher = Watcher()
    result = train_text(tmp_path, NUMBERS + members, watcher=watcher)
    assert watcher.titles == [
        f"member {k} of 3, {name}" for k, name in enumerate(("deep", "linear", "broken"), start=1)
    ]
    weights = {member.name: member.weight for member in result.members}
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["broken"] < 0.05
    kept = sum(weight > 0 for weight in weights.values())
    assert load_ensemble(result.run / "model").networks == 3 * kept
    scores = read_json(result.run / "metrics.json")
    # of the same rows, a blend is no worse than its best member
    best = min(member["out_of_fold"]["rmse"] for member in scores["members"])
    assert scores["out_of_fold"]["rmse"] <= best * 1.001


def test_refit_trains_the_replicas_on_all_rows_for_the_chosen_epochs(tmp_path):
    numbers_table(tmp_path)
    result = train_text(tmp_path, NUMBERS, "refit=true", "replicas=2")
    model = load_ensemble(result.run / "model")
    assert model.networks == 2
    assert result.folds == 3
    assert result.repeats == 2
    epochs = result.members[0].best_epoch
    alone = train_text(
        tmp_path,
        NUMBERS.replace("folds: 3", "replicas: 2"),
        "dataset.split.validation=0",
        "training.schedule={kind: step, every_epochs: 1000}",
        f"training.epochs={epochs}",
    )
    own = load_ensemble(alone.run / "model").members[0].network
    assert np.array_equal(own.theta, model.members[0].network.theta)


@pytest.mark.parametrize(
    ("task", "target"),
    [
        ("multilabel", ["y", "z"]),
        ("regression", ["y", "z"]),
        ("classification", ["y"]),
    ],
)
def test_every_task_trains_evaluates_and_predicts(tmp_path, task, target):
    rng = np.random.default_rng(3)
    rows = [
        [rng.normal(), "uvw"[k % 3], 1 + k % 2, int(rng.random() < 0.4), int(rng.random() < 0.6)]
        for k in range(80)
    ]
    write_csv(tmp_path / "t.csv", ["a", "b", "w", "y", "z"], rows)
    (tmp_path / "case.yaml").write_text(
        f"dataset: {{path: t.csv, target: {target}, sample_weight: w}}\n"
        f"task: {task}\narchitecture: {{hidden: [4]}}\ntraining: {{epochs: 4}}\nfolds: 3\n"
        "members: [{name: one}, {name: two, architecture: {hidden: []}}]\n"
    )
    code, text = invoked("train", tmp_path / "case.yaml", "--runs", tmp_path / "runs")
    assert code == 0, text
    assert "out of fold (68 rows)" in text
    assert "the doctor looks at single networks only, and has not looked at these" in text
    run = tmp_path / "runs" / "case-001"
    assert invoked("eval", run)[0] == 0
    code, text = invoked("predict", run, tmp_path / "t.csv")
    assert code == 0
    assert f"predicted_{target[0]}" in text


def test_without_test_rows_the_score_is_that_of_the_folds(tmp_path):
    numbers_table(tmp_path)
    result = train_text(tmp_path, NUMBERS, "dataset.split.test=0")
    assert set(result.metrics) == {"out_of_fold"}
    assert result.rows == {"out_of_fold": 90}


def test_an_interruption_keeps_what_has_trained(tmp_path):
    numbers_table(tmp_path)

    def interrupt(epoch):
        if len(watcher.titles) == 2 and epoch == 3:
            raise KeyboardInterrupt

    watcher = Watcher(after=interrupt)
    with pytest.raises(InterruptedRunError, match="; 2 of 3 members are saved in"):
        train_text(
            tmp_path,
            NUMBERS + "members: [{name: a}, {name: b}, {name: c}]\n",
            watcher=watcher,
        )
    run = next((tmp_path / "runs").iterdir())
    assert read_json(run / "run.json")["status"] == "interrupted"
    assert len(predicted(run, tmp_path / "t.csv")["predicted_y"]) == 90


def test_networks_that_all_diverge_are_an_error(tmp_path):
    numbers_table(tmp_path)
    with pytest.raises(DivergedError, match="diverged in every network"):
        train_text(
            tmp_path, NUMBERS, "training.learning_rate=1e30", "training.optimizer=gradient_descent"
        )


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        ("folds=80", DataError, "has 72 rows, too few for folds: 80; lower it: --set folds=72"),
        ("folds=1", ConfigError, "folds is 1; it must be at least 2"),
        ("calibration=platt", ConfigError, "calibration is 'platt'; it must be temperature, "),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path, setting, error, message):
    numbers_table(tmp_path)
    with pytest.raises(error, match=message):
        train_text(tmp_path, NUMBERS, setting)
    assert not (tmp_path / "runs").exists()
