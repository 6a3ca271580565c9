"""The estimators train as bpnet.train does, on arrays and data frames, in scikit-learn's tools."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import bpnet
from bpnet.engine.workers import workers
from bpnet.estimators import BPNetClassifier, BPNetRegressor
from bpnet.models.threads import cores

QUICK = {"hidden": [6], "epochs": 25, "learning_rate": 0.02, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::bpnet.BpnetWarning")


def iris() -> tuple[np.ndarray, np.ndarray]:
    return load_iris(return_X_y=True)


def mixed(rows: int = 120) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    kind = pd.Series(rng.choice(["a", "b", None], rows))
    frame = pd.DataFrame({"x": x, "kind": kind, "when": pd.Timestamp("2020-01-01")})
    frame["when"] += pd.to_timedelta(rng.integers(0, 900, rows), unit="D")
    label = np.where(x + (kind == "a") > 0.3, "yes", "no")
    return frame, pd.Series(label, name="answer")


def test_weights_are_those_of_bpnet_train(tmp_path):
    x, y = mixed()
    model = BPNetClassifier(**QUICK, validation=0.2, runs=tmp_path).fit(x, y)
    config = {
        "task": "classification",
        "seed": model.config_["seed"],
        "dataset": {"target": "answer", "split": {"test": 0, "validation": 0.2}},
        "architecture": {"hidden": [6]},
        "training": {"epochs": 25, "learning_rate": 0.02},
    }
    run = bpnet.train(config, x.assign(answer=y), runs=tmp_path, quiet=True)
    weights = [
        (path / "model" / "weights.safetensors").read_bytes()
        for path in (run.path, bpnet.load(model.run_).path)
    ]
    assert weights[0] == weights[1] == model.model_files_["weights.safetensors"]
    assert model.predict(x).tolist() == run.predict(x).tolist()
    np.testing.assert_array_equal(model.predict_proba(x), run.predict_proba(x).to_numpy())
    assert model.metrics_ == run.metrics
    assert model.classes_.tolist() == ["no", "yes"]


def test_n_jobs_is_the_number_of_threads_and_changes_no_result(monkeypatch):
    x, y = iris()
    counts = []
    monkeypatch.setattr(
        "bpnet.models.threads.workers", lambda count: counts.append(count) or workers(count)
    )
    models = []
    for jobs, threads in ((1, 1), (3, 3), (np.int64(2), 2), (-1, cores()), (-1000, 1)):
        model = clone(BPNetClassifier(**QUICK, n_jobs=jobs))
        assert model.get_params()["n_jobs"] == jobs
        models.append(model.fit(x, y))
        model.predict(x)
        assert counts
        assert set(counts) == {threads}
        counts.clear()
    for model in models:
        np.testing.assert_array_equal(model.predict_proba(x), models[0].predict_proba(x))


@pytest.mark.parametrize("jobs", [0, 1.5, "2", True])
def test_a_bad_n_jobs_has_a_message(jobs):
    message = f"n_jobs is {jobs!r}; it must be a number of threads from 1, or -1 for all cores"
    with pytest.raises(ValueError, match=message):
        BPNetClassifier(**QUICK, n_jobs=jobs).fit(*iris())


def test_data_frames_of_polars_are_those_of_pandas():
    x, y = mixed()
    of_pandas = BPNetClassifier(**QUICK).fit(x, y)
    of_polars = BPNetClassifier(**QUICK).fit(pl.from_pandas(x), y.to_numpy())
    np.testing.assert_array_equal(of_pandas.predict_proba(x), of_polars.predict_proba(x))
    assert of_polars.feature_names_in_.tolist() == ["x", "kind", "when"]
    with pytest.raises(ValueError, match="feature names"):
        of_polars.predict(x.rename(columns={"x": "z"}))


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b", "c"],
        [1, 2, 3],
        ["NA", "no", "1"],
        ["1", "1.0", "01"],
        ["<=50K", ">50K", "50K!"],
        ["é", "e\u0301", "zz"],  # one text in Unicode's composed form
        ["True", "False", "true"],
        ["1,5", "1.5", "2"],
        [" a", "a", "b"],
    ],
)
def test_any_labels_come_back_as_they_are(labels):
    x, number = iris()
    y = np.array(labels)[number]
    model = BPNetClassifier(**QUICK).fit(x, y)
    assert model.classes_.tolist() == np.unique(y).tolist()
    assert model.predict(x).dtype == y.dtype
    assert model.score(x, y) > 0.9
    proba = model.predict_proba(x)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
    assert (model.classes_[proba.argmax(axis=1)] == model.predict(x)).all()


def test_truth_values_are_classes():
    x, number = iris()
    for y in (number == 0, np.where(number == 0, "True", "False")):
        model = BPNetClassifier(**QUICK).fit(x, y)
        assert model.classes_.tolist() == np.unique(y).tolist()
        assert model.predict(x).dtype == y.dtype
        assert model.score(x, y) > 0.9
        proba = model.predict_proba(x)
        assert (model.classes_[proba.argmax(axis=1)] == model.predict(x)).all()
    scores = cross_validate(BPNetClassifier(**QUICK), x, number == 0, cv=2, scoring="roc_auc")
    assert scores["test_score"].min() > 0.9


def test_the_run_of_a_classifier_has_its_names_of_classes(tmp_path):
    x, number = iris()
    y = np.array(["<=50K", ">50K", "none of both"])[number]
    model = BPNetClassifier(**QUICK, runs=tmp_path).fit(x, y)
    frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(4)])
    assert bpnet.load(model.run_).predict(frame).tolist() == model.predict(x).tolist()


def test_categories_that_look_like_numbers_stay_categories(tmp_path):
    rng = np.random.default_rng(0)
    code = rng.integers(100, 110, 300)
    y = rng.permutation(10)[code - 100] % 2
    frames = [
        pd.DataFrame({"code": pd.Categorical(code)}),
        pd.DataFrame({"code": pd.Categorical(code.astype(str))}),
        pl.DataFrame({"code": code.astype(str)}, schema={"code": pl.Categorical}),
    ]
    for frame in frames:
        model = BPNetClassifier(**QUICK | {"epochs": 80}).fit(frame, y)
        assert model.config_["dataset"]["roles"] == {"code": "categorical"}
        assert model.score(frame, y) > 0.95
    run = bpnet.train(
        {"dataset": {"target": "code"}, "training": {"epochs": 2}},
        pd.DataFrame({"code": pd.Categorical(rng.integers(0, 30, 300)), "x": rng.normal(size=300)}),
        runs=tmp_path,
        quiet=True,
    )
    assert run.config["task"] == "classification"


def test_tools_of_scikit_learn_take_them():
    x, y = iris()
    scores = cross_validate(BPNetClassifier(**QUICK), x, y, cv=3, error_score="raise")
    assert scores["test_score"].mean() > 0.9
    search = GridSearchCV(
        make_pipeline(StandardScaler(), BPNetClassifier(**QUICK)),
        {"bpnetclassifier__hidden": [[], [4]], "bpnetclassifier__l2": [0.0, 0.01]},
        cv=2,
        error_score="raise",
    ).fit(x, y)
    assert search.best_score_ > 0.9
    table, label = mixed()
    numbers = ColumnTransformer([("z", StandardScaler(), ["x"])]).set_output(transform="pandas")
    assert make_pipeline(numbers, BPNetClassifier(**QUICK)).fit(table, label).score(table, label)


def test_quantities_of_several_targets():
    x, y = load_diabetes(return_X_y=True)
    model = BPNetRegressor(**QUICK).fit(x, y)
    assert model.predict(x).shape == y.shape
    assert model.score(x, y) > 0.2
    both = pd.DataFrame({"u": y, "v": -2 * y})
    model = BPNetRegressor(**QUICK).fit(x, both)
    assert model.predict(x).shape == both.shape
    assert model.score(x, both) > 0.2


@pytest.mark.parametrize("y", [pl.Series("z", np.arange(40.0)), list(range(40))])
def test_quantities_of_any_library(y):
    x = pl.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) ** 2})
    model = BPNetRegressor(**QUICK | {"epochs": 60}).fit(x, y)
    assert model.predict(x).shape == (40,)
    assert model.score(x, np.asarray(y)) > 0.5


def test_labels_of_rows():
    x, number = iris()
    y = np.column_stack([number == 0, x[:, 0] > 5.8]).astype(int)
    started = BPNetClassifier(hidden=[4], random_state=0).partial_fit(x, y, classes=[0, 1])
    assert started.partial_fit(x, y, classes=[0, 1]).predict(x).shape == y.shape
    with pytest.raises(ValueError, match="not those of the first call"):
        started.partial_fit(x, y, classes=[1, 2])
    model = BPNetClassifier(**QUICK).fit(x, y)
    assert model.predict(x).shape == model.predict_proba(x).shape == y.shape
    assert set(np.unique(model.predict(x))) == {0, 1}


def test_weights_of_rows_and_classes_count():
    x, y = iris()
    plain = BPNetClassifier(**QUICK).fit(x, y).predict_proba(x)
    equal = BPNetClassifier(**QUICK).fit(x, y, sample_weight=np.full(150, 3.0)).predict_proba(x)
    np.testing.assert_array_equal(plain, equal)
    two = BPNetClassifier(**QUICK).fit(x, y, sample_weight=(y != 2).astype(float))
    assert (two.predict(x) == 2).mean() < 0.05
    heavy = BPNetClassifier(**QUICK, class_weight={2: 50, 1: 0.1}).fit(x, y)
    assert heavy.predict_proba(x)[:, 2].mean() > plain[:, 2].mean() + 0.05
    balanced = BPNetClassifier(**QUICK, class_weight="balanced").fit(x, y)
    assert balanced.score(x, y) > 0.9


def test_warm_start_says_what_does_not_suit():
    x, y = iris()
    model = BPNetClassifier(**QUICK, warm_start=True).fit(x, y).set_params(hidden=[3])
    with pytest.raises(ValueError, match=r"^warm_start: no layer .*; or set warm_start=False$"):
        model.fit(x, y)


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(pd.date_range("2020", periods=9)),
        pl.Series(pd.date_range("2020", periods=9)),
        np.arange(9).astype("m8[s]"),
    ],
)
def test_dates_are_no_quantities(y):
    with pytest.raises(ValueError, match="dates or durations"):
        BPNetRegressor(**QUICK).fit(np.arange(18.0).reshape(9, 2), y)


def test_warm_start_goes_on_from_the_weights():
    x, y = iris()
    once = BPNetClassifier(**QUICK | {"epochs": 3})
    warm = clone(once).set_params(warm_start=True)
    losses = [warm.fit(x, y).metrics_["train"]["loss"] for _ in range(8)]
    assert losses[-1] < 0.7 * losses[0]
    cold = clone(once)
    assert cold.fit(x, y).metrics_ == cold.fit(x, y).metrics_


def test_partial_fit_trains_on_rows_as_they_come():
    x, y = iris()
    order = np.random.default_rng(0).permutation(150)
    model = BPNetClassifier(hidden=[8], learning_rate=0.02, random_state=0)
    first = np.flatnonzero(y < 2)[:60]
    model.partial_fit(x[first], y[first], classes=[0, 1, 2])
    assert model.predict_proba(x).shape == (150, 3)
    for _ in range(20):
        for rows in np.array_split(order, 3):
            model.partial_fit(x[rows], y[rows])
    assert model.score(x, y) > 0.85
    again = pickle.loads(pickle.dumps(model)).partial_fit(x, y)
    np.testing.assert_array_equal(again.predict_proba(x), model.partial_fit(x, y).predict_proba(x))
    with pytest.raises(ValueError, match="not among the classes"):
        model.partial_fit(x[:2], [7, 8])
    with pytest.raises(ValueError, match="not those of the first call"):
        model.partial_fit(x[:2], y[:2], classes=[0, 1])
    ensemble = BPNetClassifier(preset="fast", random_state=0).fit(x, y)
    with pytest.raises(ValueError, match="partial_fit: the model is an ensemble"):
        ensemble.partial_fit(x, y)


@pytest.mark.filterwarnings("ignore:.* are flagged")
def test_the_first_call_of_partial_fit_may_have_one_row():
    x, y = iris()
    order = np.random.default_rng(0).permutation(150)
    classifier = BPNetClassifier(hidden=[8], learning_rate=0.05, random_state=0)
    regressor = BPNetRegressor(hidden=[8], learning_rate=0.01, random_state=0)
    for rows in [order[:1], *10 * [order]]:
        classifier.partial_fit(x[rows], y[rows], classes=[0, 1, 2])
        regressor.partial_fit(x[rows, :3], x[rows, 3])
    assert classifier.score(x, y) > 0.8
    assert regressor.score(x[:, :3], x[:, 3]) > 0.5
    frame, labels = mixed()
    BPNetClassifier(hidden=[4]).partial_fit(frame[:1], labels[:1], classes=np.unique(labels))


def test_errors_name_parameters():
    x, y = mixed()
    with pytest.raises(ValueError, match=r'config={"dataset": {"roles": {"kind": "cat') as caught:
        BPNetClassifier(config={"dataset": {"roles": {"kind": "numeric"}}}).fit(x, y)
    assert "--" not in str(caught.value)


def test_weights_count_from_any_call_of_partial_fit_on():
    x, y = iris()
    started = BPNetClassifier(hidden=[8], random_state=0).partial_fit(x, y)
    plain, weighted = (pickle.loads(pickle.dumps(started)) for _ in range(2))
    plain.partial_fit(x, y)
    weighted.partial_fit(x, y, sample_weight=1.0 + 9 * (y == 2))
    assert (plain.predict_proba(x)[:, 2] < weighted.predict_proba(x)[:, 2]).mean() > 0.9


def test_partial_fit_of_quantities():
    x, y = load_diabetes(return_X_y=True)
    model = BPNetRegressor(hidden=[8], learning_rate=0.02, random_state=0)
    for _ in range(30):
        model.partial_fit(x, y)
    assert model.score(x, y) > 0.3


@pytest.mark.parametrize("model", [BPNetClassifier(**QUICK), BPNetClassifier(preset="fast")])
def test_a_model_is_saved_and_read(model, tmp_path):
    x, y = mixed()
    fitted = model.fit(x, y)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict_proba(x), fitted.predict_proba(x))
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    skops.dump(fitted, tmp_path / "model.skops")
    trusted = ["bpnet.estimators.classifier.BPNetClassifier"]
    assert skops.get_untrusted_types(file=tmp_path / "model.skops") == trusted
    read = skops.load(tmp_path / "model.skops", trusted=trusted)
    np.testing.assert_array_equal(read.predict_proba(x), fitted.predict_proba(x))


def test_gaps_and_unseen_categories_are_predicted_and_warned_of():
    x, y = mixed()
    model = BPNetClassifier(**QUICK).fit(x, y)
    with pytest.warns(bpnet.BpnetWarning, match="120 of 120 rows are flagged"):
        model.predict(x.assign(kind="new"))
    gaps = np.where(np.random.default_rng(0).random((150, 4)) < 0.2, np.nan, iris()[0])
    assert BPNetClassifier(**QUICK).fit(gaps, iris()[1]).score(gaps, iris()[1]) > 0.8


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"config": {"training": {"epochs": 3}}, "epochs": 3, "hidden": [4]}, "both given"),
        ({"epochs": 0}, "training.epochs"),
        ({"optimizer": "adma"}, "did you mean 'adam'"),
        ({"preset": "slow"}, "preset"),
        ({"class_weight": {9: 1.0}}, "class_weight: 9 is no class; the classes are"),
        ({"config": 3}, "config: is of the type int"),
        ({"config": {"training": {"epoch": 3}}}, "unknown key training.epoch"),
        ({"validation": 1.5}, "validation"),
    ],
)
def test_bad_parameters_have_the_texts_of_bpnet(parameters, words):
    with pytest.raises(ValueError, match=words):
        BPNetClassifier(**parameters).fit(*iris())


@pytest.mark.parametrize(
    ("x", "y", "weights", "words"),
    [
        (iris()[0], np.zeros(150), None, "one class"),
        (iris()[0], iris()[1][:100], None, "inconsistent numbers of samples"),
        (iris()[0], iris()[1], -np.ones(150), "below 0"),
        (iris()[0], iris()[1], np.zeros(150), "[Ss]ample.weight.*(zero|0)"),
        (iris()[0], np.ones((150, 2)) * [2, 3], None, "labels are 0 and 1"),
        (np.full((150, 2), np.inf), iris()[1], None, "infinity"),
    ],
)
def test_bad_rows_are_refused(x, y, weights, words):
    with pytest.raises(ValueError, match=words):
        BPNetClassifier(**QUICK).fit(x, y, sample_weight=weights)


def test_callbacks_follow_the_epochs():
    pytest.importorskip("sklearn.callback", reason="scikit-learn has no callbacks before 1.9")

    class Recorder:
        def __init__(self):
            self.began, self.ended, self.torn = 0, [], False

        def setup(self, estimator, context):
            """Nothing to prepare."""

        def teardown(self, estimator, context):
            self.torn = True

        def on_fit_task_begin(self, estimator, context):
            self.began += 1

        def on_fit_task_end(self, estimator, context, *, metadata=None):
            self.ended.append((context.task_name, metadata))

    recorder = Recorder()
    model = BPNetClassifier(**QUICK).set_callbacks(recorder).fit(*iris())
    names = [name for name, _ in recorder.ended]
    assert names == ["epoch"] * 25 + ["fit"]
    assert recorder.began == 26
    assert [metrics["epoch"] for _, metrics in recorder.ended[:-1]] == list(range(1, 26))
    assert recorder.torn
    with pytest.raises(ValueError, match=r"training\.epochs"):
        model.set_params(epochs=0).fit(*iris())


def test_training_is_silent_unless_it_is_verbose(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        BPNetClassifier(**QUICK).fit(*iris())
        assert capfd.readouterr() == ("", "")
        BPNetClassifier(**QUICK, verbose=True).fit(*iris())
        assert "epoch 25/25" in capfd.readouterr().err
