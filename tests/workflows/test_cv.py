"""Cross-validation: scikit-learn's folds, each network as in a run of its own, and estimates."""

import json

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from labeled_runs import invoked
from sklearn import model_selection as sk
from workflow_runs import ROOT, Watcher, predicted, train_text, write_csv

from bpnet.config.loading import load_config, read_config
from bpnet.config.source import parse_source
from bpnet.errors import (
    ConfigError,
    DataError,
    DivergedError,
    InterruptedRunError,
    RunError,
    UsageError,
)
from bpnet.models.saved_ensemble import load_ensemble
from bpnet.preparation.folds import draw_folds
from bpnet.preparation.open import open_dataset
from bpnet.reports.cv import cv_lines
from bpnet.workflows.cv import cross_validate
from bpnet.workflows.eval import evaluate
from bpnet.workflows.trace import trace_rows


class FoldWatcher(Watcher):
    """Remembers how many folds each pass has."""

    passes = ()

    def begin_pass(self, run, first, parameters, number, passes):
        self.passes = tuple(passes)


def cv(config, folder, *settings, folds=5, repeats=1, watcher=None):
    return cross_validate(
        read_config(config, settings),
        folds=folds,
        repeats=repeats,
        runs=folder / "runs",
        name=None,
        command=["bpnet"],
        watcher=watcher or FoldWatcher(),
    )


def cv_text(folder, text, **how):
    (folder / "c.yaml").write_text(text)
    return cv(folder / "c.yaml", folder, **how)


def folds_of(config, *settings, folds=5, repeats=1):
    return draw_folds(open_dataset(read_config(config, settings)), folds, repeats)


IRIS, DIABETES = ROOT / "configs" / "iris.yaml", ROOT / "configs" / "diabetes.yaml"
SHORT = "training.epochs=3"


@pytest.mark.parametrize("folds", [3, 7, 10])
@pytest.mark.parametrize("seed", [0, 5])
def test_folds_are_those_of_stratified_k_fold_split_by_split(folds, seed):
    labels = pd.read_csv(ROOT / "datasets" / "iris.csv").species
    drawn = folds_of(IRIS, f"seed={seed}", folds=folds, repeats=2)
    for repeat in range(2):
        splitter = sk.StratifiedKFold(folds, shuffle=True, random_state=seed + repeat)
        for own, (others, test) in zip(
            drawn[repeat * folds :], splitter.split(labels, labels), strict=False
        ):
            np.testing.assert_array_equal(own.parts["test"], test)
            np.testing.assert_array_equal(
                np.union1d(own.parts["train"], own.parts["validation"]), others
            )
            assert not np.intersect1d(own.parts["train"], own.parts["validation"]).size
    assert [(own.repeat, own.fold) for own in drawn] == [
        (r, f) for r in (1, 2) for f in range(1, folds + 1)
    ]


@pytest.mark.parametrize(
    ("config", "setting", "splitter", "group"),
    [
        (DIABETES, None, sk.KFold, None),
        (DIABETES, "dataset.split.group=age", sk.GroupKFold, "age"),
        (IRIS, "dataset.split.group=petal_width", sk.StratifiedGroupKFold, "petal_width"),
        (IRIS, "dataset.split.stratify=false", sk.KFold, None),
    ],
)
def test_folds_are_scikit_learns_index_by_index(config, setting, splitter, group):
    settings = [setting] if setting else []
    loaded = read_config(config).config
    table = pd.read_csv(config.parent / loaded.dataset.path)
    target = table[loaded.dataset.target]
    groups = pd.factorize(table[group])[0] if group else None  # by their first row
    drawn = folds_of(config, *settings, repeats=2)
    for repeat in range(2):
        theirs = splitter(5, shuffle=True, random_state=loaded.seed + repeat).split(
            table, target, groups
        )
        for own, (others, test) in zip(drawn[5 * repeat :], theirs, strict=False):
            np.testing.assert_array_equal(own.parts["test"], test)
            np.testing.assert_array_equal(
                np.union1d(own.parts["train"], own.parts["validation"]), others
            )
    if group:
        for own in drawn:
            found = [set(table[group][rows]) for rows in own.parts.values()]
            assert not found[0] & found[1] | found[0] & found[2] | found[1] & found[2]


def test_folds_in_the_order_of_the_rows():
    table = pd.read_csv(ROOT / "datasets" / "diabetes.csv")
    drawn = folds_of(DIABETES, "dataset.split.shuffle=false")
    for own, (_, test) in zip(drawn, sk.KFold(5).split(table), strict=True):
        np.testing.assert_array_equal(own.parts["test"], test)


def test_folds_of_distinct_times_are_those_of_time_series_split(tmp_path):
    days = np.random.default_rng(0).permutation(40)
    write_csv(
        tmp_path / "t.csv",
        ["day", "a", "y"],
        [[day, day % 7, day % 5 + 0.5] for day in days.tolist()],
    )
    (tmp_path / "c.yaml").write_text("dataset: {path: t.csv, target: y, split: {time: day}}\n")
    order = np.argsort(days)
    for own, (others, test) in zip(
        folds_of(tmp_path / "c.yaml"), sk.TimeSeriesSplit(5).split(order), strict=True
    ):
        np.testing.assert_array_equal(own.parts["test"], np.sort(order[test]))
        rest = np.union1d(own.parts["train"], own.parts["validation"])
        np.testing.assert_array_equal(rest, np.sort(order[others]))
        assert days[own.parts["train"]].max() < days[own.parts["validation"]].min()


MIXED = """
seed: {seed}
dataset:
  path: t.csv
  target: {target}
  {task}
  split: {{{split}}}
architecture:
  layers: [{{kind: dense, units: 6, activation: tanh}}, {{kind: dropout, rate: 0.2}}]
training:
  epochs: 8
  batch_size: {batch}
  learning_rate: 0.05
  precision: {precision}
  early_stopping: {{patience: 3}}
"""


def mixed(folder):
    """A table with a gap, a category, weights, and two targets."""
    rows = [
        [
            k if k % 9 else "",
            "red" if k % 3 else "blue",
            1 + k % 4,
            "yes" if (k * 7) % 11 > 5 else "no",
            k**1.5,
        ]
        for k in range(63)
    ]
    write_csv(folder / "t.csv", ["a", "b", "w", "y", "z"], rows)


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-12), ("float32", 1e-6)])
@pytest.mark.parametrize(("target", "batch"), [("y", 16), ("z", 16), ("y", "full"), ("z", "full")])
def test_each_fold_is_what_a_run_of_its_own_gives(tmp_path, target, batch, precision, tolerance):
    mixed(tmp_path)
    how = {"target": target, "batch": batch, "precision": precision, "task": "sample_weight: w"}
    text = MIXED.format(seed=4, split="validation: 0.2", **how)
    watcher = FoldWatcher()
    found = cv_text(tmp_path, text, folds=5, watcher=watcher)
    assert sorted(watcher.passes) == [2, 3]  # 63 rows in 5 folds: of 12 and of 13
    members = load_ensemble(found.run / "model").members
    loaded = load_config(parse_source(text, folder=tmp_path))
    for k, own in enumerate(draw_folds(open_dataset(loaded), 5, 1)):
        named = ", ".join(
            f"{part}_rows: [{', '.join(str(row + 1) for row in own.parts[part])}]"
            for part in ("validation", "test")
        )
        alone = train_text(tmp_path, MIXED.format(seed=4 + k, split=named, **how))
        theirs = load_ensemble(alone.run / "model").members[0]
        np.testing.assert_allclose(
            members[k].network.theta, theirs.network.theta, rtol=tolerance, atol=tolerance
        )
        assert members[k].description.encoder == theirs.description.encoder
        assert members[k].description.target == theirs.description.target
        result = found.results[k]
        assert (result.seed, result.best_epoch, result.stop_reason) == (
            4 + k,
            alone.best_epoch,
            alone.stop_reason,
        )
        assert result.figures["loss"] == pytest.approx(
            alone.figures["test"]["loss"], rel=100 * tolerance
        )
        name = "accuracy" if target == "y" else "rmse"
        assert result.figures[name] == pytest.approx(
            alone.figures["test"][name], rel=100 * tolerance
        )
        log = pd.read_csv(found.run / "folds.csv").query(f"fold == {k + 1}")
        solo = pd.read_csv(alone.run / "metrics.csv")
        for column in ("loss", name, "val_loss", f"val_{name}", "gradient_norm"):
            np.testing.assert_allclose(
                log[column].to_numpy()[: len(solo)],
                solo[column],
                rtol=100 * tolerance,
                err_msg=column,
            )


def test_what_the_run_directory_holds(tmp_path):
    found = cv(IRIS, tmp_path, SHORT, folds=3, repeats=2)
    table = pd.read_csv(ROOT / "datasets" / "iris.csv")
    folds = pd.read_csv(found.run / "splits.csv")
    said = pd.read_csv(found.run / "predictions.csv")
    assert len(said) == 2 * len(table)
    assert (said.true_species.to_numpy() == table.species[said.row - 1].to_numpy()).all()
    for repeat in (1, 2):
        own = said[said.repeat == repeat].set_index("row").sort_index()
        np.testing.assert_array_equal(own.fold, folds[f"fold_{repeat}"])
    figures = json.loads((found.run / "metrics.json").read_text())
    right = (said.true_species == said.predicted_species).groupby([said.repeat, said.fold]).mean()
    np.testing.assert_allclose([own["test"]["accuracy"] for own in figures["folds"]], right)
    assert figures["test"]["accuracy"] == pytest.approx(right.mean())
    assert figures["deviation"]["test"]["accuracy"] == pytest.approx(right.std())
    half = scipy.stats.t.ppf(0.975, 5) * right.std() * np.sqrt(1 / 6 + 50 / 100)
    assert figures["interval"]["test"]["accuracy"][0] == pytest.approx(right.mean() - half)
    content = json.loads((found.run / "run.json").read_text())
    assert content["status"] == "finished"
    assert [(own["repeat"], own["fold"]) for own in content["folds"]] == list(right.index)
    again = cv(found.run / "config.yaml", tmp_path, folds=3, repeats=2)
    assert pd.read_csv(again.run / "predictions.csv").equals(said)


def test_the_ensemble_of_the_folds_predicts(tmp_path):
    found = cv(DIABETES, tmp_path, SHORT, folds=3)
    table = str(ROOT / "datasets" / "diabetes.csv")
    alone = [
        predicted(found.run, table, replica=str(k))["predicted_progression"] for k in (1, 2, 3)
    ]
    together = predicted(found.run, table)
    np.testing.assert_allclose(together["predicted_progression"], np.mean(alone, axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        together["disagreement"], np.std(alone, axis=0, ddof=1), rtol=1e-2, atol=1e-3
    )
    with pytest.raises(
        UsageError,
        match=r"must be all, or a number from 1 to 3 \(the networks of folds have no validation",
    ):
        predicted(found.run, table, replica="best")
    member = predicted(found.run / "model" / "member-002", table)
    np.testing.assert_array_equal(member["predicted_progression"], alone[1])
    said = pd.read_csv(found.run / "predictions.csv")
    own = said[said.fold == 2]
    np.testing.assert_allclose(
        own.predicted_progression, np.array(alone[1])[own.row - 1], rtol=1e-6
    )
    assert evaluate(found.run, table, resamples=10).scores.value("rmse") > 0
    with pytest.raises(
        DataError, match=r"is a cross-validation, whose metrics are in metrics\.json; name a table"
    ):
        evaluate(found.run, None)
    with pytest.raises(UsageError, match="is a cross-validation"):
        trace_rows(found.run, None, 1)


def planted(tmp_path):
    """Cross-validate a table in which one row holds an enormous number and a unique category."""
    rows = [[k, "b" if k % 2 else "c", k % 2] for k in range(40)]
    rows[7] = [1e6, "planted", 1]
    write_csv(tmp_path / "t.csv", ["a", "b", "y"], rows)
    one_hot = "preprocessing: {categorical: {kind: one_hot, rare: 1}}"
    text = (
        f"dataset: {{path: t.csv, target: y, {one_hot}, split: {{validation: 0}}}}\n"
        "training: {epochs: 1}\n"
    )
    return cv_text(tmp_path, text, folds=4)


def test_nothing_of_a_folds_own_rows_is_learnt(tmp_path):
    found = planted(tmp_path)
    own = pd.read_csv(found.run / "splits.csv").fold[7]
    for fold in range(1, 5):
        content = (found.run / "model" / f"member-{fold:03d}" / "model.json").read_text()
        assert ("planted" in content or "1000000" in content) == (fold != own), fold


def test_categories_that_some_folds_lack_train_in_a_pass_of_their_own(tmp_path):
    planted(tmp_path)
    members = load_ensemble(tmp_path / "runs" / "c-cv-001" / "model").members
    assert len({member.network.inputs for member in members}) == 2
    said = predicted(tmp_path / "runs" / "c-cv-001", tmp_path / "t.csv")
    assert said["flags"][7] == ""  # flagged where no member has seen it


def test_a_fold_that_diverges_is_left_out(tmp_path, monkeypatch):
    from bpnet.engine import network

    initialize = network.Network.initialize

    def poisoned(self):
        initialize(self)
        if len(self.seeds) > 1:
            self.theta[1] = np.inf

    monkeypatch.setattr(network.Network, "initialize", poisoned)
    watcher = FoldWatcher()
    found = cv(IRIS, tmp_path, SHORT, watcher=watcher)
    assert [own.fold for own in found.results] == [1, 3, 4, 5]
    assert any(
        "fold 2 of repetition 1 diverged and is left out" in text for text in watcher.warnings
    )
    assert set(pd.read_csv(found.run / "predictions.csv").fold) == {1, 3, 4, 5}
    assert all(np.isfinite(own.mean) for own in found.estimates.values())


def test_all_folds_diverged(tmp_path):
    with pytest.raises(
        DivergedError, match=r"diverged in every fold.*training\.learning_rate=0\.01"
    ):
        cv(
            DIABETES,
            tmp_path,
            "training.learning_rate=1.0e+30",
            "training.optimizer=gradient_descent",
        )
    assert (
        json.loads((tmp_path / "runs" / "diabetes-cv-001" / "run.json").read_text())["status"]
        == "diverged"
    )


def test_an_interruption_keeps_what_was_learnt(tmp_path):
    class Impatient(FoldWatcher):
        def epoch(self, row, kept):
            if row["epoch"] == 2:
                raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="interrupted; the networks of 5 folds are saved"):
        cv(IRIS, tmp_path, watcher=Impatient())
    run = tmp_path / "runs" / "iris-cv-001"
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    assert len(predicted(run, ROOT / "datasets" / "iris.csv")["predicted_species"]) == 150


@pytest.mark.parametrize(
    ("settings", "folds", "error", "text"),
    [
        (
            ["replicas=2"],
            5,
            ConfigError,
            "replicas is 2, but cv trains one network per fold; remove it",
        ),
        (
            ["dataset.split.column=species"],
            5,
            ConfigError,
            "assigns each row to a part, but cv draws the folds itself",
        ),
        (
            ["dataset.split.test_rows=[1]"],
            5,
            ConfigError,
            "names rows, but cv draws the folds itself",
        ),
        (
            ["dataset.path={train: a.csv}"],
            5,
            ConfigError,
            "has a file for each part, but cv draws the folds itself",
        ),
        (
            [],
            51,
            DataError,
            "each class of 'species' has at most 50 rows, .* give at most --folds 50, or draw",
        ),
        ([], 151, DataError, "has 150 rows, too few for --folds 151"),
        (
            ["dataset.split.group=petal_width"],
            23,
            DataError,
            "'petal_width' has 22 groups, too few for --folds 23",
        ),
    ],
)
def test_what_cannot_be_folded(tmp_path, settings, folds, error, text):
    with pytest.raises(error, match=text):
        cv(IRIS, tmp_path, *settings, folds=folds)
    assert not (tmp_path / "runs").exists()


def test_repetitions_that_would_be_the_same(tmp_path):
    with pytest.raises(ConfigError, match=r"--repeats 2: dataset\.split\.time is set, so every"):
        cv(IRIS, tmp_path, "dataset.split.time=petal_width", repeats=2)


def test_an_interruption_while_folds_are_saved_waits(tmp_path, monkeypatch):
    import signal

    from bpnet.workflows import cv_session

    predict_fold = cv_session.predict_fold

    def interrupted(*given):
        monkeypatch.setattr(cv_session, "predict_fold", predict_fold)
        signal.raise_signal(signal.SIGINT)
        return predict_fold(*given)

    monkeypatch.setattr(cv_session, "predict_fold", interrupted)
    with pytest.raises(InterruptedRunError, match="the networks of 5 folds are saved"):
        cv(IRIS, tmp_path, SHORT)
    run = tmp_path / "runs" / "iris-cv-001"
    assert len(pd.read_csv(run / "predictions.csv")) == 150
    assert len(load_ensemble(run / "model").members) == 5


def test_an_interrupted_fold_that_has_diverged_is_left_out(tmp_path, monkeypatch):
    from bpnet.engine import network

    initialize = network.Network.initialize

    def poisoned(self):
        initialize(self)
        if len(self.seeds) > 1:
            self.theta[1] = np.inf

    class Impatient(FoldWatcher):
        def epoch(self, row, kept):
            raise KeyboardInterrupt

    monkeypatch.setattr(network.Network, "initialize", poisoned)
    with pytest.raises(InterruptedRunError, match="the networks of 4 folds are saved"):
        cv(IRIS, tmp_path, SHORT, watcher=Impatient())
    content = json.loads((tmp_path / "runs" / "iris-cv-001" / "run.json").read_text())
    assert content["left_out"] == [{"repeat": 1, "fold": 2}]


def test_rows_of_the_same_time_stay_together(tmp_path):
    write_csv(
        tmp_path / "t.csv",
        ["day", "a", "y"],
        [[k // 3, (k * 7) % 11, k % 5 + 0.5] for k in range(60)],
    )
    text = "dataset: {path: t.csv, target: y, split: {time: day}}\ntraining: {epochs: 1}\n"
    (tmp_path / "c.yaml").write_text(text)
    table = pd.read_csv(tmp_path / "t.csv")
    for own in folds_of(tmp_path / "c.yaml", folds=4):
        days = [set(table.day[rows]) for rows in own.parts.values()]
        assert not days[0] & days[1] | days[0] & days[2] | days[1] & days[2]
        assert max(days[0] | days[1]) < min(days[2])
    with pytest.raises(
        DataError,
        match="column 'day' has 20 different times, too few for --folds 20, which needs 21",
    ):
        folds_of(tmp_path / "c.yaml", folds=20)


@pytest.mark.parametrize("seed", [2**32 - 1, 2**32 - 5])
def test_seeds_that_would_run_out(tmp_path, seed):
    with pytest.raises(
        ConfigError,
        match=f"seed is {seed}, but the 6 networks take it and the seeds after it, "
        "at most 4294967295; lower it",
    ):
        cv(IRIS, tmp_path, f"seed={seed}", folds=3, repeats=2)


@pytest.mark.parametrize("ensemble", ["", "folds: 3\n"])
def test_weights_that_are_all_0_in_a_fold_are_named_before_anything_is_made(tmp_path, ensemble):
    write_csv(
        tmp_path / "t.csv", ["a", "w", "y"], [[k % 7, int(k >= 10), k % 5 + 0.5] for k in range(40)]
    )
    text = (
        "preset: null\n"
        "dataset: {path: t.csv, target: y, sample_weight: w, split: {shuffle: false}}\n"
    )
    with pytest.raises(
        DataError, match=r"fold 1: .*t.csv, column 'w': the weights of the test rows are all 0"
    ):
        cv_text(tmp_path, text + ensemble, folds=4)
    assert not (tmp_path / "runs").exists()


def test_a_cross_validation_of_ensembles_says_that_it_keeps_no_model(tmp_path):
    found = cv(IRIS, tmp_path, "folds=2", "training.epochs=3", folds=2)
    table = ROOT / "datasets" / "iris.csv"
    assert not (found.run / "model").exists()
    for verb in (("eval", found.run, table), ("predict", found.run, table)):
        code, text = invoked(*verb)
        assert code == 5
        assert f"no model; one that trains on all rows: bpnet train {found.run}/config.yaml" in text
    code, text = invoked("train", found.run / "config.yaml", "--runs", tmp_path / "runs")
    assert code == 0, text


def test_a_class_with_a_single_row(tmp_path):
    write_csv(
        tmp_path / "t.csv",
        ["a", "y"],
        [[k, "rare" if k == 3 else "no" if k % 2 else "yes"] for k in range(20)],
    )
    found = cv_text(tmp_path, "dataset: {path: t.csv, target: y}\n", folds=2)
    fold = pd.read_csv(found.run / "splits.csv").fold
    assert np.flatnonzero(fold.isna()).tolist() == [3]


def test_figures_that_no_fold_defines_are_undefined(tmp_path):
    write_csv(tmp_path / "t.csv", ["a", "y"], [[k % 7, k % 5 + 0.5] for k in range(12)])
    text = "dataset: {path: t.csv, target: y, split: {validation: 0}}\ntraining: {epochs: 1}\n"
    found = cv_text(tmp_path, text, folds=12)
    assert (found.estimates["r2"].mean, found.estimates["r2"].folds) == (None, 0)
    assert any(line.startswith("R²") and "undefined" in line for line in cv_lines(found, "c.yaml"))
    assert found.estimates["rmse"].folds == 12


@pytest.mark.parametrize(
    "members",
    [["..", "member-001"], [""], ["member-001", "member-001"], ["a\x00b"], "member-001", [], [1]],
)
def test_a_list_of_members_that_was_edited(tmp_path, members):
    found = cv(IRIS, tmp_path, SHORT, folds=2)
    path = found.run / "model" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "members": members}))
    with pytest.raises(
        RunError,
        match="members must be the folders beside this file, such as member-001, each once",
    ):
        load_ensemble(found.run / "model")


@pytest.mark.parametrize("losses", [[], [0.1, 0.2], [float("nan")]])
def test_losses_that_were_edited(tmp_path, losses):
    found = cv(IRIS, tmp_path, SHORT, folds=2)
    path = found.run / "model" / "member-001" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "losses": losses}))
    with pytest.raises(RunError, match="losses"):
        load_ensemble(found.run / "model")
