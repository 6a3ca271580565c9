"""`predict --interval`: from the validation rows of a run, by hand, and their coverage."""

import numpy as np
import pytest
from workflow_runs import ROOT, predicted, read_csv, train_file, train_text, write_csv

from bpnet.errors import UsageError
from bpnet.models.intervals import conformal_rank, fit_interval
from bpnet.models.saved_ensemble import load_ensemble

TABLE = str(ROOT / "datasets" / "diabetes.csv")


@pytest.fixture(scope="module", params=[1, 3])
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    changes = ("training.epochs=20", f"replicas={request.param}")
    return train_file(ROOT / "configs" / "diabetes.yaml", folder, *changes).run


def columns(run, *levels, **options):
    found = predicted(run, TABLE, levels=levels, **options)
    return {name: values for name, values in found.items() if name != "flags"}


def test_columns_of_every_level_are_beside_the_prediction(run):
    found = columns(run, 0.8, 0.975, 0.8)
    ends = [name for name in found if name.startswith(("lower", "upper"))]
    assert ends == [
        "lower_80_progression",
        "upper_80_progression",
        "lower_97.5_progression",
        "upper_97.5_progression",
    ]
    plain = columns(run)
    assert [name for name in found if name not in ends] == list(plain)
    assert found["predicted_progression"] == plain["predicted_progression"]
    below, low, y, high, above = (
        np.array(found[name])
        for name in (ends[2], ends[0], "predicted_progression", ends[1], ends[3])
    )
    assert (below < low).all()
    assert (low < y).all()
    assert (y < high).all()
    assert (high < above).all()


def test_the_interval_is_that_of_the_validation_rows_by_hand(run):
    (interval,) = load_ensemble(run / "model").combination.intervals
    parts = np.array([row["part"] for row in read_csv(run / "splits.csv")])
    truth = np.array([float(row["progression"]) for row in read_csv(TABLE)])
    found = columns(run, 0.9)
    y = np.array(found["predicted_progression"])
    half = (np.array(found["upper_90_progression"]) - found["lower_90_progression"]) / 2
    validation = parts == "validation"
    assert interval.rows == validation.sum()
    if len(interval.scale.x) == 1:  # so few rows have a constant scale
        errors = np.abs(truth - y)[validation]
        # the ratio to each row's scale, the mean error of the four fifths without it
        fold = np.arange(len(errors)) % 5
        scales = np.array([errors[fold != k].mean() for k in fold])
        q = np.sort(errors / scales)[conformal_rank(len(errors), 0.9) - 1]
        np.testing.assert_allclose(half, q * errors.mean(), rtol=1e-4)
    inside = np.abs(truth - y) <= half
    assert inside[parts == "test"].mean() > 0.8


def test_what_cannot_have_an_interval_says_why(run, tmp_path):
    for level in (0, 1, 90):
        with pytest.raises(UsageError, match="must be above 0 and below 1"):
            columns(run, level)
    with pytest.raises(UsageError, match=r"only \d+ rows were held out; give at most 0\.98"):
        columns(run, 0.999)
    if load_ensemble(run / "model").networks > 1:
        with pytest.raises(UsageError, match="predict without --replica"):
            columns(run, 0.9, replica="2")
    write_csv(tmp_path / "t.csv", ["a", "y"], [[k % 7, k % 5 + 0.5] for k in range(40)])
    text = "dataset: {{path: t.csv, target: y, split: {{validation: {}}}}}\ntraining: {{epochs: 1}}"
    alone = train_text(tmp_path, text.format(0)).run
    with pytest.raises(UsageError, match="the model has no intervals"):
        predicted(alone, str(tmp_path / "t.csv"), levels=[0.5])
    few = train_text(tmp_path, text.format(0.1)).run
    predicted(few, str(tmp_path / "t.csv"), levels=[0.5])
    iris = train_file(ROOT / "configs" / "iris.yaml", tmp_path, "training.epochs=1").run
    with pytest.raises(UsageError, match="intervals are for numbers; this run predicts classes"):
        predicted(iris, str(ROOT / "datasets" / "iris.csv"), levels=[0.9])


FOLDS = """\
dataset: {path: t.csv, target: [y, z], split: {test: 0.25}}
architecture: {hidden: [16]}
training: {epochs: 60, learning_rate: 0.05, early_stopping: null}
folds: 4
"""


@pytest.fixture(scope="module")
def of_folds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 3))
    y = x[:, 0] + rng.normal(size=240) / 2
    cells = [[*row, a, 10 * a**2] for row, a in zip(x.round(4), y.round(4), strict=True)]
    write_csv(folder / "t.csv", ["a", "b", "c", "y", "z"], cells)
    return folder, train_text(folder, FOLDS).run


def test_of_folds_errors_count_as_those_of_all_networks_by_hand(of_folds):
    folder, run = of_folds
    model, table = load_ensemble(run / "model"), str(folder / "t.csv")
    rows = sorted(read_csv(run / "predictions.csv"), key=lambda row: int(row["row"]))
    places = np.array([int(row["row"]) - 1 for row in rows])
    fold = np.array([int(row["fold"]) for row in rows])
    for name, shrinkage, interval in zip(
        "yz", model.combination.shrinkage, model.combination.intervals, strict=True
    ):
        truth = np.array([float(row[f"true_{name}"]) for row in rows])
        held_out = np.array([float(row[f"predicted_{name}"]) for row in rows])
        each = []
        for k in range(1, 5):
            found = np.array(predicted(run, table, replica=str(k))[f"predicted_{name}"])[places]
            each.append(
                shrinkage.center
                + shrinkage.slope
                * (found.clip(shrinkage.lowest, shrinkage.highest) - shrinkage.center)
            )
        # of each row the three networks that trained on it, and their residuals
        seen = np.array(
            [[each[k][i] for k in range(4) if k + 1 != own] for i, own in enumerate(fold)]
        )
        left, unseen = seen - truth[:, None], held_out - truth
        pairs = [(left[:, k] * left[:, j]).mean() for k, j in ((0, 1), (0, 2), (1, 2))]
        common = max(
            1 - seen.var(axis=1, ddof=1).mean() / (left**2).mean(),
            (unseen[:, None] * left).mean() ** 2 / np.mean(pairs) / (unseen**2).mean(),
        )
        ratio = np.sqrt(1 - (1 - common) * 3 / 4)
        assert ratio < 0.99
        expected = fit_interval(held_out, truth, ratio)
        assert (interval.rows, interval.ranks) == (expected.rows, expected.ranks)
        np.testing.assert_allclose(interval.ratios, expected.ratios, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(interval.scale.y, expected.scale.y, rtol=1e-3)


def test_of_folds_the_model_file_stays_small(of_folds):
    assert (of_folds[1] / "model" / "model.json").stat().st_size < 100_000
