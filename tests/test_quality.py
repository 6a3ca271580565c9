"""What `tests/benchmarks/quality.py` computes from predictions and from recorded figures.

`support/recorded_figures.csv` holds, for 12 tables, the mean accuracy or R² and the mean log loss
of nine models of other packages at their defaults (scikit-learn 1.9, XGBoost, LightGBM, pytabkit
1.7.3), and of `recipe`, a blend of stacked networks in plain NumPy. The ranks and mean errors that
are expected here were computed by those who recorded them, apart from this code.
"""

import contextlib
import copy
import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from quality_ablation import INGREDIENTS, log_ratios, variants, with_error
from quality_calibration import calibration_pair, coverage_goals
from quality_edits import ALTERED, NotThereError, edited, is_edit
from quality_fits import Model, fit, held_out_metrics, predicted_scores
from quality_peers import CORE, Figures, core_figures, read_peers
from quality_report import Goal, Panel, goals
from quality_results import Mean, Results
from quality_scores import (
    accuracy,
    average_ranks,
    calibration_error,
    errors,
    log_loss,
    mean_error,
    r2,
    rmse,
)
from quality_tables import Table, panel_tables, wild_tables
from quality_wild import wild_goals
from scipy.stats import rankdata
from sklearn import metrics

from bpnet.config.loading import load_config, read_config
from bpnet.config.source import parse_source
from bpnet.preparation.open import open_dataset
from bpnet.preparation.preset import with_preset

RECORDED = Path(__file__).parent / "support" / "recorded_figures.csv"

STANDINGS = {  # average rank, mean error, rank in log loss, seconds of a fit
    "realmlp_td": (3.75, 0.1355, 4.50, 7.56),
    "lgbm": (4.12, 0.1507, 5.25, 0.08),
    "hgb": (4.33, 0.1503, 5.12, 0.19),
    "rf": (4.62, 0.1449, 5.00, 0.19),
    "realmlp_td_s": (4.75, 0.1404, 5.25, 4.39),
    "xgb": (4.79, 0.1572, 4.75, 0.08),
    "mlp": (4.88, 0.1524, 3.25, 0.39),
    "linear": (6.58, 0.2107, 5.12, 0.01),
    "mlp_es": (7.17, 0.1989, 6.75, 0.14),
}


@pytest.fixture(scope="module")
def recorded() -> list[dict[str, str]]:
    with open(RECORDED, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def figures_of(recorded: list[dict[str, str]], model: str) -> dict[str, Figures]:
    return {
        row["table"]: Figures(
            float(row["score"]), float(row["log_loss"] or "nan"), float(row["fit_cpu"])
        )
        for row in recorded
        if row["model"] == model
    }


def panel_of(recorded: list[dict[str, str]], tables: list[str] | None = None) -> Panel:
    core = {
        (table, model): figures
        for model in CORE
        for table, figures in figures_of(recorded, model).items()
    }
    regression = {
        row["table"]: row["task"] == "regression"
        for row in recorded
        if tables is None or row["table"] in tables
    }
    return Panel(core, regression)


def test_the_core_alone_stands_as_recorded(recorded: list[dict[str, str]]) -> None:
    standings = panel_of(recorded).standings({})
    assert set(standings) == set(STANDINGS)
    for model, (rank, error, _, seconds) in STANDINGS.items():
        assert standings[model].rank == pytest.approx(rank, abs=0.0051)
        assert standings[model].error == pytest.approx(error, abs=0.000051)
        assert standings[model].seconds == pytest.approx(seconds, abs=0.0051)


def test_ranks_in_log_loss_are_as_recorded(recorded: list[dict[str, str]]) -> None:
    # those who recorded them left adult out, where one model had run under another name
    tables = sorted({row["table"] for row in recorded} - {"adult"})
    standings = panel_of(recorded, tables).standings({})
    for model, (_, _, loss_rank, _) in STANDINGS.items():
        assert standings[model].loss_rank == pytest.approx(loss_rank, abs=0.0051)


def test_the_recipe_stands_as_recorded(recorded: list[dict[str, str]]) -> None:
    standings = panel_of(recorded).standings({"recipe": figures_of(recorded, "recipe")})
    assert standings["recipe"].rank == pytest.approx(2.13, abs=0.0051)
    assert standings["recipe"].error == pytest.approx(0.1200, abs=0.000051)
    assert standings["recipe"].loss_rank == pytest.approx(1.33, abs=0.0051)
    # the nine are now ranked among ten
    assert standings["realmlp_td"].rank == pytest.approx(4.67, abs=0.0051)
    assert standings["mlp"].loss_rank == pytest.approx(4.89, abs=0.0051)


def test_goals_of_the_recipe(recorded: list[dict[str, str]]) -> None:
    recipe = figures_of(recorded, "recipe")
    reached = {
        (goal.model, goal.what): goal.reached
        for goal in goals(panel_of(recorded), dict.fromkeys(("fast", "default"), recipe), 0.93)
    }
    assert reached == {
        ("default", "average rank"): False,
        ("default", "mean error"): False,
        ("default", "log-loss rank"): True,
        ("default", "median of time / realmlp_td's"): False,
        ("default", "place on adult"): False,
        ("fast", "tables better than mlp and mlp_es"): True,
        ("fast", "median of time / mlp's"): False,
    }


def test_time_is_compared_at_this_machine_s_speed(recorded: list[dict[str, str]]) -> None:
    panel = panel_of(recorded)
    ratios = panel.time_ratios(figures_of(recorded, "recipe"), "realmlp_td", 0.93)
    # the recipe's own report: median .32, largest .47
    assert np.median(ratios) == pytest.approx(0.32, abs=0.0051)
    assert ratios.max() == pytest.approx(0.47, abs=0.0051)


@given(arrays(float, (6, 5), elements=st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0])))
def test_average_ranks_are_scipy_s(scores: np.ndarray) -> None:
    expected = np.mean([rankdata(-row, method="average") for row in scores], axis=0)
    np.testing.assert_allclose(average_ranks(scores), expected, rtol=1e-12)


def test_scores_are_ranked_as_they_are_printed() -> None:
    assert average_ranks(np.array([[0.865854, 0.86585, 0.8]])).tolist() == [1.5, 1.5, 3.0]


def test_errors_and_their_mean() -> None:
    scores = np.array([[0.9], [0.84]])
    wrong = errors(scores, np.array([False, True]))
    np.testing.assert_allclose(wrong, [[0.1], [0.4]])  # 1 - .9 and √(1 - .84)
    np.testing.assert_allclose(mean_error(wrong), [np.sqrt(0.11 * 0.41) - 0.01])


@given(st.integers(0, 2**32 - 1))
def test_metrics_are_scikit_learn_s(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = ["a", "b", "c"]
    probabilities = rng.dirichlet(np.full(3, 0.3), 40)
    labels = np.array(rng.choice(classes, 40), object)
    every = np.clip(probabilities, 1e-15, 1)
    every /= every.sum(1, keepdims=True)
    expected = metrics.log_loss(labels, every, labels=classes)
    assert log_loss(probabilities, classes, labels) == pytest.approx(expected, rel=1e-9)
    best = np.array(classes)[probabilities.argmax(1)]
    assert accuracy(probabilities, classes, labels) == metrics.accuracy_score(labels, best)
    targets, predictions = rng.standard_normal((2, 40))
    assert r2(predictions, targets) == pytest.approx(metrics.r2_score(targets, predictions))
    error = metrics.root_mean_squared_error(targets, predictions)
    assert rmse(predictions, targets) == pytest.approx(error)


def test_a_class_that_the_model_does_not_know_costs_the_most() -> None:
    probabilities = np.array([[1.0, 0.0]])
    assert log_loss(probabilities, ["a", "b"], np.array(["c"], object)) == pytest.approx(
        34.54, 1e-3
    )


def test_calibration_error_by_hand() -> None:
    # two bins of two rows: confidence .6 with half right, .9 with all right
    first = np.array([0.55, 0.9, 0.65, 0.9])
    probabilities = np.stack([first, 1 - first], axis=1)
    right = np.array([True, True, False, True])
    expected = (2 * abs(0.6 - 0.5) + 2 * abs(0.9 - 1)) / 4
    assert calibration_error(probabilities, right, bins=2) == pytest.approx(expected)


def test_predicted_scores_of_classes() -> None:
    table = table_of("classification")
    text = "predicted_y,probability_b,probability_a,flags\nb,0.75,0.25,\na,0.5,0.5,\n"
    scores = predicted_scores(text, table, np.array(["b", "a"], object))
    assert scores["accuracy"] == 0.5  # of equal probabilities the first column counts
    assert scores["log_loss"] == pytest.approx(-np.log([0.75, 0.5]).mean())


def test_predicted_scores_of_a_regression() -> None:
    text = "predicted_y,flags\n1.5,\n2.5,\n"
    scores = predicted_scores(text, table_of("regression"), np.array([1.0, 3.0]))
    assert scores == {"rmse": 0.5, "r2": 0.75}


def test_coverage_of_intervals() -> None:
    text = "predicted_y,lower_90_y,upper_90_y,lower_80_y,upper_80_y\n1,0,2,1,1\n2,1,3,2,2\n"
    scores = predicted_scores(text, table_of("regression"), np.array([2.0, 4.0]))
    assert (scores["coverage_90"], scores["coverage_80"]) == (0.5, 0.0)
    (goal,) = coverage_goals("default", {"houses": Mean(1, scores)})
    assert (goal.value, goal.reached) == (pytest.approx(0.8), False)


def test_variants_of_a_model() -> None:
    model = Model.preset("default", ["seed=1"])
    same, without, changed = variants(model, ["without plw", "a.b=1; c=[2, 3]"])
    assert same is model
    assert (without.edit, without.assignments) == ("without plw", ("seed=1",))
    assert (changed.name, changed.assignments) == (
        "default, a.b=1; c=[2, 3]",
        ("seed=1", "a.b=1", "c=[2, 3]"),
    )
    assert calibration_pair(model)[1].assignments == ("seed=1", "calibration=none")
    again = variants(model, ["without plw"], [3])[1]
    assert (again.name, again.assignments[-1]) == ("default, without plw, seed 3", "seed=3")


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ("without two", {"a": 1, "layers": ["scale"], "members": [{"name": "one", "a": 1}]}),
        (
            "a: 1 -> 3",
            {"a": 3, "layers": ["scale"], "members": [{"name": "one", "a": 3}, {"name": "two"}]},
        ),
        (
            "layers: scale ->",
            {"a": 1, "layers": [], "members": [{"name": "one", "a": 1}, {"name": "two"}]},
        ),
        (
            "members.a: 1 ->",
            {"a": 1, "layers": ["scale"], "members": [{"name": "one"}, {"name": "two"}]},
        ),
    ],
)
def test_edits(edit: str, expected: dict) -> None:
    content = {"a": 1, "layers": ["scale"], "members": [{"name": "one", "a": 1}, {"name": "two"}]}
    before = copy.deepcopy(content)
    assert edited(content, edit) == expected
    assert content == before


def test_a_component_is_found_by_its_kind() -> None:
    content = {
        "layers": [{"kind": "dropout", "rate": 0.1, "schedule": "cosine"}],
        "training": {"schedule": {"kind": "log_cosine", "cycles": 4}, "rate": 0.1},
    }
    assert edited(content, "dropout.rate: 0.1 -> 0") == {
        "layers": [{"kind": "dropout", "rate": 0, "schedule": "cosine"}],
        "training": content["training"],
    }
    changed = edited(content, "schedule: log_cosine -> constant")
    assert changed["training"] == {"schedule": "constant", "rate": 0.1}
    assert changed["layers"] == content["layers"]
    for edit in ("without three", "schedule: constant -> cosine", "dense.rate: 0.1 ->"):
        with pytest.raises(NotThereError):
            edited({"members": [], **content}, edit)


def test_every_ingredient_is_in_the_preset(tmp_path: Path) -> None:
    """Each edit changes what is trained, in the preset of a small table or of a large one."""
    numbers = np.arange(10_000) % 97
    cells = np.array([[str(k), "uvw"[k % 3], str(k % 2)] for k in numbers], object)
    table = Table("some", "classification", ["a", "b", "y"], cells, "y", [])
    configs = []
    for name, rows in (("small", np.arange(60)), ("large", np.arange(10_000))):
        table.write(tmp_path / f"{name}.csv", rows, with_target=True)
        config = tmp_path / f"{name}.yaml"
        Model.preset("default").written(table, tmp_path / f"{name}.csv", config)
        configs.append(with_preset(open_dataset(read_config(config))).loaded.source.data)
    for edit in filter(is_edit, INGREDIENTS):
        if edit in ALTERED:
            continue
        found = 0
        for content in configs:
            with contextlib.suppress(NotThereError):
                changed = edited(content, edit)
                assert changed != content
                load_config(parse_source(yaml.safe_dump(changed)))  # a valid config
                found += 1
        assert found, edit


def test_altered_code_trains_in_another_way(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(60, 2)), rng.normal(size=60)
    y = (x[:, 0] + 0.5 * noise > 0).astype(int)
    cells = np.array([[*map(str, row), str(label)] for row, label in zip(x, y, strict=True)])
    rows = np.arange(60)
    table = Table("some", "classification", ["a", "b", "y"], cells, "y", [(rows, rows)])
    settings = {
        "folds": 3,
        "architecture": {"hidden": [4]},
        "training": {"epochs": 9, "learning_rate": 0.05},
        "members": [{"name": "one"}, {"name": "two", "architecture": {"hidden": []}}],
    }
    losses = set()
    for model in variants(Model("own", settings), [*ALTERED]):
        folder = tmp_path / str(len(losses))
        folder.mkdir()
        losses.add(fit(model, table, 0, folder, process=False)["held_out_loss"])
    assert len(losses) == 1 + len(ALTERED)


def test_log_ratios_are_paired_by_split_and_seed() -> None:
    results, model = Results(None, resume=False), Model("m", {})
    losses = {"m": 1.0, "m, x=1": 2.0, "m, seed 1": 10.0, "m, x=1, seed 1": 40.0}
    for name, loss in losses.items():
        classes = {"held_out_loss": loss, "log_loss": loss**2, "fit_cpu": 1.0}
        results.add(("t", name, "workflow", 0), classes)
        numbers = {"held_out_score": 1 - loss / 64, "r2": 1 - loss / 128, "fit_cpu": loss}
        results.add(("houses", name, "workflow", 0), numbers)
    results.add(("t", "m", "workflow", 1), {"held_out_loss": 9.0, "log_loss": 1.0, "fit_cpu": 1.0})
    ratios = log_ratios(model, "x=1", [0, 1], "t", results, "workflow")
    np.testing.assert_allclose(ratios, np.log([8, 64, 1]) / 2)
    ratios = log_ratios(model, "x=1", [0, 1], "houses", results, "workflow")
    np.testing.assert_allclose(ratios, np.log([8, 8, 8]) / 2)
    assert log_ratios(model, "x=1", [0, 1], "other", results, "workflow") is None
    assert with_error(np.array([0.1, 0.3])) == "+0.200 ± 0.100"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            {"train": {"loss": 1, "accuracy": 1}, "validation": {"loss": 0.5, "accuracy": 0.8}},
            {"held_out_score": 0.8, "held_out_loss": 0.5},
        ),
        (
            {"train": {"loss": 1}, "validation": {"loss": 0.5, "r2": 0.3}},
            {"held_out_score": 0.3, "held_out_loss": 0.5},
        ),
        ({"train": {"loss": 1, "r2": 1}}, {}),
        (
            {"validation": {"loss": 9}, "out_of_fold": {"log_loss": 0.2, "accuracy": 0.9}},
            {"held_out_score": 0.9, "held_out_loss": 0.2},
        ),
    ],
)
def test_held_out_metrics(content: dict, expected: dict) -> None:
    assert held_out_metrics(content) == expected


def table_of(task: str) -> Table:
    cells = np.array([["1", "", "a"], ["2", "None", "b"], ["3", "x", "a"]], object)
    rows = np.arange(3)
    return Table(
        "some", task, ["n", "c", "y"], cells, "y", [(rows[:2], rows[2:])], {"c": "categorical"}
    )


def test_a_model_sees_training_rows_with_and_test_rows_without_the_target(tmp_path: Path) -> None:
    table = table_of("classification")
    train, test = table.splits[0]
    table.write(tmp_path / "train.csv", train, with_target=True)
    table.write(tmp_path / "test.csv", test, with_target=False)
    assert (tmp_path / "train.csv").read_text().split() == ["n,c,y", "1,,a", "2,None,b"]
    assert (tmp_path / "test.csv").read_text().split() == ["n,c", "3,x"]


def test_the_config_of_a_preset_names_table_target_and_no_test_rows(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    Model.preset("default").written(table_of("classification"), tmp_path / "train.csv", path)
    assert yaml.safe_load(path.read_text()) == {
        "preset": "default",
        "task": "classification",
        "dataset": {
            "path": str(tmp_path / "train.csv"),
            "target": "y",
            "roles": {"c": "categorical"},
            "split": {"test": 0},
        },
    }


def test_a_given_config_keeps_what_is_not_the_table_s(tmp_path: Path) -> None:
    given_config = tmp_path / "wide.yaml"
    given_config.write_text(
        "dataset: {path: other.csv, target: z, split: {validation: 0.2}, "
        "preprocessing: {numeric: none}}\nseed: 3\n"
    )
    model = Model.config(given_config)
    assert model.name == "wide"
    model.written(table_of("regression"), tmp_path / "train.csv", tmp_path / "config.yaml")
    content = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert content["seed"] == 3
    assert content["dataset"]["split"] == {"validation": 0.2, "test": 0}
    assert content["dataset"]["preprocessing"] == {"numeric": "none"}
    assert content["dataset"]["target"] == "y"


def test_results_resume(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    first = Results(path, resume=False)
    first.add(("iris", "default", "workflow", 0), {"accuracy": 0.5, "fit_cpu": 2.0, "run": "x"})
    first.add(("iris", "default", "workflow", 1), {"accuracy": 0.7, "fit_cpu": 4.0})
    again = Results(path, resume=True)
    assert ("iris", "default", "workflow", 1) in again
    assert ("iris", "default", "process", 1) not in again
    mean = again.mean("iris", "default", "workflow")
    assert mean is not None
    assert (mean.folds, mean.values) == (2, {"accuracy": pytest.approx(0.6), "fit_cpu": 3.0})
    assert ("iris", "default", "workflow", 1) not in Results(path, resume=False)


def test_tables_and_peers_are_read(tmp_path: Path) -> None:
    for folder in ("tables", "folds", "wild/data"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "tables.json").write_text(
        '[{"name": "one", "task": "binary", "categorical_columns": ["c"]}, '
        '{"name": "two", "task": "regression", "categorical_columns": []}]'
    )
    (tmp_path / "tables" / "one.csv").write_text("n,c,target\n1,None,a\n,x,b\n3,,a\n")
    np.savez(tmp_path / "folds" / "one.npz", fold=np.array([1, 0, 1]))
    (one,) = panel_tables(tmp_path)  # the other has no folds
    assert one.cells.tolist() == [["1", "None", "a"], ["", "x", "b"], ["3", "", "a"]]
    assert [[rows.tolist() for rows in split] for split in one.splits] == [
        [[0, 2], [1]],
        [[1], [0, 2]],
    ]
    assert one.roles == {"c": "categorical"}
    with pytest.raises(SystemExit, match="there is no table three; there are: one, two"):
        panel_tables(tmp_path, ["three"])


def test_wild_tables_hold_out_by_the_same_kind_of_split(tmp_path: Path) -> None:
    (tmp_path / "wild" / "data").mkdir(parents=True)
    (tmp_path / "wild" / "tables.json").write_text(
        '[{"name": "t", "task": "regression", "target": "y", "split": "time", "by": "when"}]'
    )
    with gzip.open(tmp_path / "wild" / "data" / "t.csv.gz", "wt") as file:
        file.write("__part,when,y\ntest,2,5\ntrain,1,4\n")
    (table,) = wild_tables(tmp_path)
    assert table.header == ["when", "y"]
    assert table.dataset(Path("a.csv"))["split"] == {"test": 0, "time": "when"}
    assert [rows.tolist() for rows in table.splits[0]] == [[1], [0]]
    assert table.targets(table.splits[0][1]).tolist() == [5.0]


def test_core_figures_take_the_substitute_where_it_was_run(tmp_path: Path) -> None:
    path = tmp_path / "peers.csv"
    lines = ["dataset,model,acc_mean,logloss_mean,r2_mean,fit_cpu_seconds_mean"]
    lines += [f"house,{model},,,0.5,1" for model in CORE if model != "realmlp_td"]
    lines += ["house,mlp_ystd,,,0.8,2", "house,realmlp_td_e128,,,0.9,3"]
    path.write_text("\n".join(lines))
    core = core_figures(read_peers(path), ["house"])
    assert core["house", "mlp"].score == 0.8
    assert core["house", "realmlp_td"].fit_cpu == 3
    assert np.isnan(core["house", "rf"].log_loss)


def test_wild_goals() -> None:
    peers = {
        (table, model): value
        for table in "abc"
        for model, value in {"catboost": 2.0, "hgb": 1.0, "lgbm": 3.0, "linear": 4.0}.items()
    }
    won, worst = wild_goals("default", {"a": 1.0, "b": 1.5, "c": 4.4}, peers)
    assert (won.value, won.reached) == (1, False)
    assert (worst.value, worst.reached) == (pytest.approx(1.1), False)


def test_a_goal_says_whether_it_is_reached() -> None:
    assert Goal("fast", "share", 0.75, 0.8, at_least=True).line() == (
        "fast: share 0.75, goal at least 0.8: MISSED"
    )
    assert Goal("default", "rank", 1.9, 2.0).line() == "default: rank 1.9, goal at most 2: reached"
