"""`calibration` of runs without folds: by the validation rows, against scipy and scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, softmax
from sklearn.isotonic import IsotonicRegression
from workflow_runs import predicted, read_csv, read_json, train_text, write_csv

from bpnet.config.loading import read_config
from bpnet.config.source import parse_source
from bpnet.errors import ConfigError
from bpnet.models.saved_ensemble import load_ensemble
from bpnet.preparation.prepare import prepare
from bpnet.workflows.grid import train_grid

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 0.3, test: 0.1}}
architecture: {hidden: [16]}
training: {epochs: 30, learning_rate: 0.02, keep: last, early_stopping: null}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibration")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4)).round(4)
    score = 1.5 * x[:, 0] + x[:, 1] * x[:, 2] + rng.logistic(size=400)
    cells = [
        [*row, "abc"[int(s > -1) + int(s > 1)], "no" if s < 0 else "yes", s, s > 0.5, row[3] > s]
        for row, s in zip(x, score, strict=True)
    ]
    write_csv(folder / "t.csv", ["p", "q", "r", "s", "y", "two", "n", "l", "m"], cells)
    return folder


FEATURES = "dataset.features=[p, q, r, s]"


def run_of(folder, calibration, *changes):
    text = CONFIG + (f"calibration: {calibration}\n" if calibration else "")
    return train_text(folder, text, FEATURES, *changes)


def validation_rows(run):
    return np.array([line["part"] == "validation" for line in read_csv(run / "splits.csv")])


def probabilities(run, folder, names, **options):
    found = predicted(run, folder / "t.csv", **options)
    return np.array([found[f"probability_{name}"] for name in names]).T


def best_temperature(logs, codes):
    """Return T of the least loss of softmax(logs / T), its targets half an error in n + 1 rows."""
    rows, classes = logs.shape
    smoothing = classes / (classes - 1) * 0.5 / (rows + 1)
    true = np.eye(classes)[codes] * (1 - smoothing) + smoothing / classes

    def loss(log_temperature):
        p = softmax(logs / np.exp(log_temperature), axis=1)
        return -(true * np.log(p)).sum(axis=1).mean()

    return np.exp(minimize_scalar(loss, bracket=(-1, 1), tol=1e-10).x)


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize(("target", "names"), [("y", "abc"), ("two", ("no", "yes"))])
def test_the_temperature_is_that_of_the_validation_rows(folder, target, names, replicas):
    changes = (f"dataset.target={target}", f"replicas={replicas}", "training.epochs=150")
    before = run_of(folder, None, *changes)
    after = run_of(folder, "temperature", *changes)
    assert before.calibration is None
    held_out = validation_rows(after.run)
    codes = [names.index(row[target]) for row in read_csv(folder / "t.csv")]
    codes = np.array(codes)[held_out]
    p = probabilities(after.run, folder, names)[held_out]
    # calibrated already: no other temperature is better
    assert best_temperature(np.log(p), codes) == pytest.approx(1, abs=2e-3)
    if replicas == 1:
        raw = np.log(probabilities(before.run, folder, names)[held_out])
        expected = best_temperature(raw, codes)
        assert expected > 1.2  # the network has trained for too long
        assert after.calibration.temperature == pytest.approx(expected, rel=1e-3)
        np.testing.assert_allclose(p, softmax(raw / expected, axis=1), atol=1e-4)
    assert after.calibration.rows == held_out.sum()
    # the training, and what is measured of it, are the same
    assert read_json(before.run / "metrics.json") == read_json(after.run / "metrics.json")


def test_without_the_key_nothing_is_calibrated(folder):
    for calibration in (None, "none"):
        model = load_ensemble(run_of(folder, calibration).run / "model")
        assert model.combination is None
        assert model.description.temperature == 1


def test_isotonic_curves_are_those_of_scikit_learn(folder):
    after = run_of(folder, "isotonic", "dataset.target=two")
    tempered = run_of(folder, "temperature", "dataset.target=two")
    held_out = validation_rows(after.run)
    p = probabilities(tempered.run, folder, ("no", "yes"))
    true = np.array([row["two"] == "yes" for row in read_csv(folder / "t.csv")])[held_out]
    smoothing = 2 * 0.5 / (held_out.sum() + 1)
    goal = true * (1 - smoothing) + smoothing / 2
    curve = IsotonicRegression(out_of_bounds="clip").fit(p[held_out, 1], goal)
    expected = curve.predict(p[:, 1])
    found = probabilities(after.run, folder, ("no", "yes"))
    np.testing.assert_allclose(found[:, 1], expected, atol=2e-3)


def test_labels_have_one_temperature(folder):
    after = run_of(folder, "temperature", "dataset.target=[l, m]", "training.epochs=100")
    held_out = validation_rows(after.run)
    p = probabilities(after.run, folder, "lm")[held_out]
    rows = read_csv(folder / "t.csv")
    true = np.array([[row[name] == "True" for name in "lm"] for row in rows])[held_out]
    smoothing = 2 * 0.5 / (len(p) + 1)
    true = true * (1 - smoothing) + smoothing / 2
    z = np.log(p / (1 - p))

    def loss(b):
        q = expit(b * z)
        return -(true * np.log(q) + (1 - true) * np.log(1 - q)).mean()

    assert minimize_scalar(loss, bracket=(0.5, 2)).x == pytest.approx(1, abs=5e-3)
    assert after.calibration.temperature > 1.2


def test_numbers_have_a_slope_by_hand(folder):
    changes = ("dataset.target=n", "training.epochs=300")
    before, after = run_of(folder, None, *changes), run_of(folder, "temperature", *changes)
    held_out = validation_rows(after.run)
    n = np.array([float(row["n"]) for row in read_csv(folder / "t.csv")])[held_out]
    raw = np.array(predicted(before.run, folder / "t.csv")["predicted_n"])
    inside = raw.clip(n.min(), n.max())
    away = inside[held_out] - n.mean()
    slope = away @ (n - n.mean()) / (away @ away)
    assert 0.3 < slope < 0.98
    assert after.calibration.slopes == [pytest.approx(slope, rel=1e-4)]
    assert after.calibration.temperature is None
    found = np.array(predicted(after.run, folder / "t.csv")["predicted_n"])
    np.testing.assert_allclose(found, n.mean() + slope * (inside - n.mean()), rtol=1e-3, atol=1e-4)
    assert "lower_90_n" in predicted(after.run, folder / "t.csv", levels=[0.9])


def test_one_replica_keeps_its_temperature(folder):
    after = run_of(folder, "temperature", "replicas=2", "training.epochs=150")
    raw = run_of(folder, None, "replicas=2", "training.epochs=150")
    model = load_ensemble(after.run / "model")
    p = probabilities(raw.run, folder, "abc", replica="2")
    found = probabilities(after.run, folder, "abc", replica="2")
    expected = softmax(np.log(p) / model.description.temperature, axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_grid_calibrates_its_best_point(folder):
    source = parse_source(CONFIG + "calibration: temperature\n", "grid.yaml", folder)
    result = train_grid(
        source,
        ["training.learning_rate=0.0001,0.02"],
        runs=folder / "runs",
        name="grid",
        command=[],
        watcher=_Silent(),
    )
    model = load_ensemble(result.run / "model")
    assert model.description.temperature != 1
    held_out = validation_rows(result.run)
    codes = np.array(["abc".index(row["y"]) for row in read_csv(folder / "t.csv")])[held_out]
    p = probabilities(result.run, folder, "abc")[held_out]
    assert best_temperature(np.log(p), codes) == pytest.approx(1, abs=2e-3)


class _Silent:
    def __getattr__(self, name):
        return lambda *values: None


@pytest.mark.parametrize("task", ["y", "n"])
def test_without_validation_rows_it_is_refused_before_training(folder, task):
    changes = (FEATURES, f"dataset.target={task}", "dataset.split.validation=0")
    path = folder / "refused.yaml"
    path.write_text(CONFIG + "calibration: temperature\n")
    with pytest.raises(ConfigError) as caught:
        prepare(read_config(path, changes))
    (problem,) = caught.value.problems
    assert "refused.yaml, line 4: calibration is temperature, but there are no" in problem
    assert "--set dataset.split.validation=0.15" in problem
    assert prepare(read_config(path, (*changes, "calibration=none"))).rows


def test_isotonic_of_numbers_is_refused_with_folds_and_without(folder):
    for changes in ((), ("folds=3",)):
        path = folder / "refused.yaml"
        path.write_text(CONFIG + "calibration: isotonic\n")
        with pytest.raises(ConfigError, match="calibration is isotonic, which is for prob"):
            run_of(folder, "isotonic", "dataset.target=n", *changes)


def test_the_preset_fast_without_folds_calibrates_if_there_are_validation_rows(folder):
    text = "dataset: {path: t.csv, target: y}\npreset: fast\nfolds: null\n"
    found = train_text(folder, text, FEATURES, "training.epochs=3")
    assert found.calibration.kind == "temperature"
    assert load_ensemble(found.run / "model").description.temperature != 1
    content = read_json(found.run / "run.json")
    assert (content["preset"], read_config(found.run / "config.yaml").config.preset) == (
        "fast",
        None,
    )
    assert {"folds", "training.epochs"} <= set(content["set_beside_preset"])
    assert not any(key.startswith("dataset.target") for key in content["set_beside_preset"])
    none = train_text(folder, text, FEATURES, "training.epochs=3", "dataset.split.validation=0")
    assert none.calibration is None
