"""Importance and partial dependence of runs of every kind, beside scikit-learn's."""

import datetime
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inspected_runs import cells, part_rows, sklearn_permutations, wrapped
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import log_loss, r2_score
from workflow_runs import IRIS, read_csv, train_text, write_csv

from bpnet.config.loading import read_config
from bpnet.errors import DataError, UsageError
from bpnet.workflows import inspect_run as workflow
from bpnet.workflows.cv import cross_validate
from bpnet.workflows.inspect_run import Inspection, inspect_run

SHUFFLES = 3
HOSTILE = ['<script>"x"', "naïve, 'cell'\ttab", "日付", "yes/no?", "Ω" * 300, "one value"]
SPLIT = "split: {test: 0.4, validation: 0.1}"
SHORT = "training: {epochs: 3}\n"


def hostile_rows() -> list[list[object]]:
    """Rows of a number with gaps, a category, a date, a truth with gaps, a number, a constant."""
    rng = np.random.default_rng(0)
    rows: list[list[object]] = []
    for k in range(80):
        number = "" if k % 9 == 4 else f"{rng.normal():.3f}"
        day = datetime.date(2024, 1, 1) + datetime.timedelta(days=int(rng.integers(600)))
        truth = "" if k % 13 == 5 else ["yes", "no"][int(rng.integers(2))]
        word = "<b>,\n\"uv'w"[int(rng.integers(3)) :: 3] or "NA"
        rows.append([number, word, day, truth, f"{rng.integers(9)},{k % 10}", 7])
    return rows


TARGETS: dict[str, Any] = {
    "two classes": (["y"], lambda k, row: [["p", "q"][(k + len(str(row[0]))) % 2]]),
    "many classes": (["y"], lambda k, row: ["rst"[(k * k + len(str(row[3]))) % 3]]),
    "labels": (["u", "v", "w"], lambda k, row: [k % 2, int(row[3] == "yes"), int(k % 3 == 0)]),
    "a number": (["y"], lambda k, row: [f"{1e3 + k + float(row[0] or 0):.2f}"]),
    "numbers": (["y", "z"], lambda k, row: [float(row[0] or 0) + k / 80, k % 7 - 3.5]),
}
KINDS = {
    "one": "architecture: {hidden: [5]}\n" + SHORT,
    "replicas": "architecture: {hidden: [4]}\nreplicas: 3\n" + SHORT,
    "folds": "folds: 3\nmembers:\n"
    "  - architecture: {hidden: [4]}\n"
    "  - {architecture: {hidden: []}, dataset: {preprocessing: {numeric: l2_rows}}}\n" + SHORT,
}


def trained(folder: Path, target: str, kind: str, split: str = SPLIT) -> tuple[Path, Path]:
    """Train a kind of run on the hostile table, and return it with the table."""
    names, value = TARGETS[target]
    rows = [[*row, *value(k, row)] for k, row in enumerate(hostile_rows())]
    table = write_csv(folder / "t.csv", [*HOSTILE, *names], rows)
    told = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
    text = f"dataset: {{path: t.csv, target: {told}, {split}}}\n{KINDS[kind]}"
    return train_text(folder, text).run, table


def true_values(rows: list[dict[str, str]], run: Path) -> np.ndarray:
    """Return class numbers (N,), labels or numbers (N, K) of rows."""
    target = wrapped(run).model.description.target
    if hasattr(target, "classes"):
        return np.array([target.classes.index(row[target.name]) for row in rows])
    return np.array([[float(row[name]) for name in target.names] for row in rows])


def scorer(estimator: Any, x: Any, y: Any) -> float:
    """Return minus the log loss, of labels its mean over them, or R², by scikit-learn."""
    if estimator.model.description.task == "regression":
        return float(r2_score(y, estimator.predict(x)))
    p = estimator.predict_proba(x)
    if y.ndim == 1:
        return -log_loss(y, p, labels=list(range(p.shape[1])))
    return -float(np.mean([log_loss(y[:, k], p[:, k], labels=[0, 1]) for k in range(y.shape[1])]))


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("two classes", "folds"),
        ("many classes", "replicas"),
        ("labels", "one"),
        ("a number", "one"),
        ("numbers", "folds"),
    ],
)
def test_importance_and_dependence_are_those_of_scikit_learn(
    target: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, table = trained(tmp_path, target, kind)
    rows, estimator = part_rows(run, table), wrapped(run)
    x, y = cells(rows, estimator.columns), true_values(rows, run)
    drawn = sklearn_permutations(len(rows), SHUFFLES, 5)
    monkeypatch.setattr(workflow, "draw_permutations", lambda *_: drawn)
    inspection = inspect_run(run)
    assert (inspection.rows_of, inspection.rows) == ("test", len(rows))
    assert inspection.importance is not None
    expected = permutation_importance(
        estimator, x, y, scoring=scorer, n_repeats=SHUFFLES, random_state=5
    )
    assert abs(inspection.importance.score_value) == pytest.approx(
        abs(scorer(estimator, x, y)), abs=1e-6
    )
    for k, name in enumerate(estimator.columns):
        ours = inspection.importance.of(name)
        np.testing.assert_allclose(ours.by_shuffle, expected.importances[k], atol=2e-6)
        assert ours.value == pytest.approx(expected.importances_mean[k], abs=2e-6)
    assert inspection.importance.of("one value").by_shuffle == (0.0,) * SHUFFLES

    inspection = inspect_run(run, importance=False, dependence_on=estimator.columns)
    for k, (name, ours) in enumerate(zip(estimator.columns, inspection.dependences, strict=True)):
        grid = [as_written(value, rows, name) for value in ours.values]
        theirs = partial_dependence(
            estimator,
            x,
            [k],
            custom_values={k: np.array(grid, object)},
            method="brute",
            kind="both",
        )
        # of two classes, scikit-learn gives the second one alone, and we the rarer one
        average, each = theirs["average"], theirs["individual"]
        if target == "two classes" and estimator.model.description.target.positive_number == 0:
            average, each = 1 - average, 1 - each
        np.testing.assert_allclose(ours.mean.T, average, rtol=2e-5, atol=1e-6)
        np.testing.assert_allclose(
            ours.quantiles.transpose(0, 2, 1),
            np.quantile(each, ours.levels, axis=1),
            rtol=2e-5,
            atol=1e-6,
        )
        assert sum(ours.counts) == ours.rows == len(rows)
        assert len(ours.curves) == len(ours.curve_rows) == 10
    assert inspection.importance is None


def as_written(value: Any, rows: list[dict[str, str]], column: str) -> str:
    """Return the cell of a grid's value as the table has it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    written = {float(row[column].replace(",", ".")): row[column] for row in rows if row[column]}
    return written[value]  # a value that no row has is none of the grid


def test_the_same_seed_gives_the_same_numbers(iris: Any) -> None:
    first, second = inspect_run(iris.run), inspect_run(iris.run)
    assert first.importance == second.importance
    np.testing.assert_array_equal(first.dependences[0].curves, second.dependences[0].curves)


# Rows that were not trained on


def out_of_fold(run: Path) -> dict[int, dict[str, str]]:
    return {int(row["row"]): row for row in read_csv(run / "predictions.csv")}


@pytest.mark.parametrize(
    ("target", "settings"),
    [
        ("numbers", "folds: 3\nreplicas: 2\n"),
        ("labels", "folds: 3\nrounds: 2\nbudget: 1h\n"),
        ("many classes", "folds: 2\npack: {draws: 3, space: {training.l2: [0.01, 0.1]}}\n"),
    ],
    ids=["repeated", "rounds", "packs"],
)
def test_without_test_rows_each_is_predicted_by_networks_that_held_it_out(
    target: str, settings: str, tmp_path: Path
) -> None:
    monitored = _with_predictions(tmp_path, target, settings)
    run, predicted, numbers = monitored
    expected = out_of_fold(run)
    names = [name for name in expected[1] if name.startswith("probability_")]
    names = names or [name for name in expected[1] if name.startswith("predicted_")]
    theirs = np.array([[float(expected[row + 1][name]) for name in names] for row in numbers])
    np.testing.assert_allclose(predicted, theirs, rtol=1e-4, atol=1e-5)
    assert len(numbers) == len(expected)


def _with_predictions(folder: Path, target: str, settings: str) -> tuple[Path, Any, Any]:
    names, value = TARGETS[target]
    rows = [[*row, *value(k, row)] for k, row in enumerate(hostile_rows())]
    write_csv(folder / "t.csv", [*HOSTILE, *names], rows)
    told = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
    text = (
        f"dataset: {{path: t.csv, target: {told}, split: {{test: 0}}}}\n"
        f"{settings}calibration: {'none' if target == 'numbers' else 'temperature'}\n"
        f"architecture: {{hidden: [4]}}\n{SHORT}"
    )
    run = train_text(folder, text).run
    seen: list[Any] = []
    inspection = inspect_with_predictor(run, seen)
    assert inspection.rows_of == "out_of_fold"
    predictor = seen[0]
    return run, predictor.predicted, predictor.rows.numbers


def inspect_with_predictor(run: Path, seen: list[Any], **options: Any) -> Inspection:
    """Inspect a run, and add the predictor that was made for it to the list."""
    measure = workflow.measure_importance

    def measured(predictor: Any, *words: Any, **named: Any) -> Any:
        seen.append(predictor)
        return measure(predictor, *words, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflow, "measure_importance", measured)
        return inspect_run(run, **options)


def test_the_rows_of_a_cross_validation_are_those_of_its_folds(tmp_path: Path) -> None:
    names, value = TARGETS["many classes"]
    rows = [[*row, *value(k, row)] for k, row in enumerate(hostile_rows())]
    write_csv(tmp_path / "t.csv", [*HOSTILE, *names], rows)
    (tmp_path / "c.yaml").write_text(f"dataset: {{path: t.csv, target: y}}\n{KINDS['one']}")

    class Watcher:
        def __getattr__(self, name: str) -> Any:
            return lambda *_: None

    loaded = read_config(tmp_path / "c.yaml", [])
    result = cross_validate(
        loaded, folds=3, repeats=2, runs=tmp_path, name="cv", command=[], watcher=Watcher()
    )
    seen: list[Any] = []
    inspection = inspect_with_predictor(result.run, seen)
    assert (inspection.rows_of, inspection.rows) == ("out_of_fold", 80)
    by_row: dict[int, list[list[float]]] = {}
    for row in read_csv(result.run / "predictions.csv"):
        cells_ = [float(text) for name, text in row.items() if name.startswith("probability_")]
        by_row.setdefault(int(row["row"]), []).append(cells_)
    expected = np.array([np.mean(by_row[k + 1], axis=0) for k in seen[0].rows.numbers])
    np.testing.assert_allclose(seen[0].predicted, expected, rtol=1e-4, atol=1e-5)
    # a single network: the rows that it held out
    one = inspect_with_predictor(result.run, seen, replica="2")
    folds = [row["fold_1"] for row in read_csv(result.run / "splits.csv")]
    assert seen[1].rows.numbers.tolist() == [k for k, fold in enumerate(folds) if fold == "2"]
    assert one.rows == folds.count("2")


def test_without_folds_they_are_the_validation_rows_and_else_none(tmp_path: Path) -> None:
    run, table = trained(tmp_path, "a number", "one", "split: {test: 0, validation: 0.3}")
    inspection = inspect_run(run)
    assert inspection.rows_of == "validation"
    assert inspection.rows == len(part_rows(run, table, "validation"))

    bare, table = trained(tmp_path, "a number", "one", "split: {test: 0, validation: 0}")
    with pytest.raises(DataError, match="held out no rows") as caught:
        inspect_run(bare)
    assert f"bpnet eval {bare} DATA --importance" in caught.value.problems[0]
    every = inspect_run(bare, all_rows=True)
    assert (every.rows_of, every.rows) == ("table", 80)
    assert "relies on more than helps it" in every.warnings[0]
    with pytest.raises(DataError, match="held out no rows"):  # the same table by its name
        inspect_run(bare, str(table))


def test_a_refitted_ensemble_has_no_rows_that_it_has_not_seen(tmp_path: Path) -> None:
    names, value = TARGETS["two classes"]
    rows = [[*row, *value(k, row)] for k, row in enumerate(hostile_rows())]
    write_csv(tmp_path / "t.csv", [*HOSTILE, *names], rows)
    text = "dataset: {path: t.csv, target: y, split: {test: 0}}\nfolds: 3\nrefit: true\n"
    run = train_text(tmp_path, text + KINDS["one"]).run
    with pytest.raises(DataError, match="held out no rows"):
        inspect_run(run)


def test_another_table_and_a_copied_model(iris: Any, tmp_path: Path) -> None:
    lines = IRIS.read_text().splitlines()
    (tmp_path / "other.csv").write_text("\n".join(lines[:1] + lines[1::3]) + "\n")
    shutil.copytree(iris.run / "model", tmp_path / "copy")
    of_run = inspect_run(iris.run, str(tmp_path / "other.csv"))
    of_copy = inspect_run(tmp_path / "copy", str(tmp_path / "other.csv"))
    # a part of the run's own table: the test rows in it, which a copied model does not know
    parts = [row["part"] for row in read_csv(iris.run / "splits.csv")]
    assert (of_run.rows_of, of_run.rows) == ("test", parts[::3].count("test"))
    assert (of_copy.rows_of, of_copy.rows) == ("table", 50)
    lines[1::3] = [f"9{line}" for line in lines[1::3]]  # other flowers, one new row each
    (tmp_path / "new.csv").write_text("\n".join(lines[:1] + lines[1::3]) + "\n")
    of_run = inspect_run(iris.run, str(tmp_path / "new.csv"))
    of_copy = inspect_run(tmp_path / "copy", str(tmp_path / "new.csv"))
    assert (of_run.rows_of, of_run.rows) == ("table", 50)
    assert of_run.importance == of_copy.importance
    own = inspect_run(iris.run, str(IRIS))  # the run's own: its test rows
    assert (own.rows_of, own.importance) == ("test", inspect_run(iris.run).importance)


def test_groups_times_and_missing_targets(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for k in range(90):
        day = datetime.date(2024, 1, 1) + datetime.timedelta(days=k)
        x = rng.normal()
        rows.append([x, k // 6, day, "" if k % 11 == 3 else f"{3 * x + k / 30:.3f}"])
    write_csv(tmp_path / "t.csv", ["x", "g", "when", "y"], rows)
    for split in ("group: g, test: 0.3", "time: when, test: 0.3"):
        text = (
            "dataset: {path: t.csv, target: y, drop_missing_targets: true, "
            f"split: {{{split}}}}}\n{KINDS['one']}"
        )
        run = train_text(tmp_path, text).run
        inspection = inspect_run(run)
        assert inspection.importance is not None
        assert inspection.rows == len(part_rows(run, tmp_path / "t.csv"))
        assert all(np.isfinite(each.value) for each in inspection.importance.columns)
        new = [[x + 0.1, *others] for x, *others in rows[:40]]
        other = inspect_run(run, str(write_csv(tmp_path / "n.csv", ["x", "g", "when", "y"], new)))
        assert other.rows == sum(row[3] != "" for row in rows[:40])
        assert other.warnings == ("rows without a target are left out, as in training: 4",)


def test_one_row_has_no_interval(iris: Any, tmp_path: Path) -> None:
    header, first = IRIS.read_text().splitlines()[:2]
    (tmp_path / "one.csv").write_text(f"{header}\n{first}\n")
    importance = inspect_run(iris.run, str(tmp_path / "one.csv")).importance
    assert importance is not None
    assert [(each.value, each.low, each.clear) for each in importance.columns] == [
        (0.0, None, False)
    ] * 4
    assert importance.groups == ()


def test_columns_that_the_model_does_not_read_have_none(tmp_path: Path) -> None:
    rows = [[k % 7, f"id-{k}", k % 5, (k % 7) * 2.5, 1 + k % 3] for k in range(60)]
    write_csv(tmp_path / "t.csv", ["a", "id", "b", "y", "w"], rows)
    text = "dataset: {path: t.csv, target: y, sample_weight: w, roles: {b: ignored}}\n"
    importance = inspect_run(train_text(tmp_path, text + KINDS["one"]).run).importance
    assert importance is not None
    assert [each.columns for each in importance.columns] == [("a",)]
    assert (importance.unused, importance.weighted) == (("id", "b"), True)


def test_a_column_that_is_not_the_model_s_is_named_with_those_that_are(iris: Any) -> None:
    with pytest.raises(UsageError, match="did you mean 'petal_width'") as caught:
        inspect_run(iris.run, dependence_on=["petal_widht"])
    assert "'sepal_length', 'sepal_width'" in caught.value.problems[0]
    with pytest.raises(UsageError, match="'species' is its target"):
        inspect_run(iris.run, dependence_on=["species"])


def test_a_large_table_is_sampled_and_many_columns_share_the_work(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 30))
    y = 3 * x[:, 0] - 2 * x[:, 7] + 0.1 * rng.normal(size=300)
    names = [f"x{k}" for k in range(30)]
    rows = [
        [*(f"{value:.3f}" for value in row), f"{own:.3f}"] for row, own in zip(x, y, strict=True)
    ]
    write_csv(tmp_path / "t.csv", [*names, "y"], rows)
    text = "dataset: {path: t.csv, target: y, split: {test: 0.8, validation: 0.05}}\n"
    text += "architecture: {hidden: []}\ntraining: {epochs: 20}\n"
    run = train_text(tmp_path, text).run  # 31 parameters
    full = inspect_run(run)
    assert full.importance is not None
    assert (full.rows, full.of_rows, full.importance.shuffles) == (240, 240, 30)
    few = inspect_run(run, work=31 * 30 * 201)
    assert few.importance is not None
    assert (few.rows, few.of_rows, few.importance.shuffles) == (200, 240, 1)
    assert few.importance.left_out == ()
    least = inspect_run(run, work=31 * 8 * 200)
    assert least.importance is not None
    assert len(least.importance.left_out) == 22
    kept = [each.columns[0] for each in least.importance.columns]
    assert kept[:2] == ["x0", "x7"]
    assert sorted([*kept, *least.importance.left_out]) == sorted(names)


def test_the_shipped_table_of_flowers_relies_on_petals(iris: Any) -> None:
    importance = inspect_run(iris.run).importance
    assert importance is not None
    assert set(importance.ranked[0].columns) >= {"petal_length", "petal_width"}
    together = importance.groups[0]
    assert together.value > 1.5 * max(each.value for each in importance.columns)
