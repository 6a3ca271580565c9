"""The inspection of a table against scikit-learn, scipy, pandas and numbers worked by hand."""

import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata, spearmanr
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier
from workflow_runs import train_text

from bpnet.checks import sampling
from bpnet.checks.duplicates import counts_rows, find_equal_columns, find_shared_rows, row_keys
from bpnet.checks.leaks import _ranks, find_leaks
from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.data.reading import table_from_rows
from bpnet.errors import ConfigError, DataError
from bpnet.preparation import row_store
from bpnet.preparation.target_values import TargetValues
from bpnet.reports.check import check_lines
from bpnet.workflows.check import DatasetCheck, check_dataset

CONFIG = "dataset: {path: t.csv, target: y}\narchitecture: {hidden: [5]}\ntraining: {epochs: 3}\n"


def frame(rows: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "a": rng.normal(size=rows),
            "b": rng.integers(0, 5, rows),
            "c": rng.choice(["u", "v"], rows),
        }
    )
    made["y"] = np.where(made.a + rng.normal(size=rows) > 0, "yes", "no")
    return made


def inspected(
    folder: Path, table: pd.DataFrame, *wishes: str, config: str = CONFIG
) -> DatasetCheck:
    table.to_csv(folder / "t.csv", index=False)
    return check_dataset(
        load_config(apply_overrides(parse_source(config, "c.yaml", folder), wishes))
    )


def answers(values: np.ndarray, *, classes: bool) -> TargetValues:
    labels = [str(k) for k in range(int(values.max()) + 1)] if classes else []
    shaped = values if classes else values[:, None]
    return TargetValues(
        "classification" if classes else "regression", "", ["y"], labels, shaped, None
    )


def leaking(cells: np.ndarray, values: np.ndarray, *, classes: bool) -> list[tuple[str, float]]:
    rng, rows = np.random.default_rng(0), np.arange(len(values))
    return [
        (leak.measure, leak.value)
        for leak in find_leaks({"x": cells}, answers(values, classes=classes), rows, rng)
    ]


# Columns


def test_columns_are_described_by_the_training_rows(tmp_path: Path) -> None:
    table = frame()
    table["part"] = ["train"] * 100 + ["validation"] * 50 + ["test"] * 50
    table["when"] = pd.date_range("2024-01-30", periods=200).strftime("%Y-%m-%d")
    table.loc[:9, "a"] = np.nan
    table.loc[[3, 150], "c"] = None
    table.loc[120, "b"] = 77  # in a validation row
    table["id"] = range(200)
    found = inspected(tmp_path, table, "dataset.split.column=part")
    columns = {column.name: column for column in found.columns}
    assert list(columns) == ["a", "b", "c", "when", "id"]
    assert {name: column.role for name, column in columns.items()} == {
        "a": "numeric",
        "b": "numeric",
        "c": "categorical",
        "when": "date",
        "id": "ignored",
    }
    assert {name: column.missing for name, column in columns.items()} == {
        "a": 0.1,
        "b": 0,
        "c": 0.01,
        "when": 0,
        "id": 0,
    }
    train = table[:100]
    assert (columns["a"].lowest, columns["a"].highest) == pytest.approx(
        (train.a.min(), train.a.max()), rel=1e-12
    )
    assert (columns["b"].lowest, columns["b"].highest) == (0, 4)
    assert (columns["when"].lowest, columns["when"].highest) == ("2024-01-30", "2024-05-08")
    assert (columns["c"].levels, columns["id"].levels, columns["a"].levels) == (2, 100, None)
    assert "looks like an ID" in (columns["id"].reason or "")
    assert (
        columns["a"].inputs,
        columns["b"].inputs,
        columns["c"].inputs,
        columns["id"].inputs,
    ) == (2, 1, 3, 0)
    assert found.inputs == sum(column.inputs for column in found.columns)


def test_parts_balance_and_size_are_those_of_the_training_that_follows(tmp_path: Path) -> None:
    table = frame()
    found = inspected(tmp_path, table)
    trained = train_text(tmp_path, CONFIG)
    splits = pd.read_csv(trained.run / "splits.csv").iloc[:, -1].to_numpy()
    for part in ("train", "validation", "test"):
        assert found.parts[part] == (splits == part).sum()
        assert found.counts[part] == table.y[splits == part].value_counts().to_dict()
    # 4 inputs, 5 units, 1 output; adam has two moments
    assert (found.inputs, found.outputs, found.parameters) == (4, 1, 4 * 5 + 5 + 5 + 1)
    assert found.cost.encoded_bytes == 200 * 4 * 4
    assert found.cost.parameter_bytes >= found.parameters * 4 * 4
    assert (found.cost.storage, found.cost.epochs) == ("memory", 3)


def test_a_regression_has_spreads(tmp_path: Path) -> None:
    table = frame().assign(y=np.linspace(-3, 7, 200))
    found = inspected(tmp_path, table, "dataset.split.shuffle=false")
    assert found.counts == {}
    test = table.y[-30:]
    spread = found.spreads["test"]["y"]
    expected = (test.mean(), test.std(ddof=0), test.min(), test.max())
    assert (spread.mean, spread.deviation, spread.lowest, spread.highest) == pytest.approx(expected)


def test_several_labels_are_counted_apart(tmp_path: Path) -> None:
    table = frame().drop(columns="y")
    table["p"], table["q"] = (
        (table.b > 2).astype(int),
        (table.a > 0.3).map({True: "yes", False: "no"}),
    )
    found = inspected(tmp_path, table, "dataset.target=[p, q]", "dataset.split={shuffle: false}")
    assert found.task == "multilabel"
    assert found.counts["test"] == {
        "p": int(table.p[-30:].sum()),
        "q": int((table.q[-30:] == "yes").sum()),
    }
    assert [(leak.column, leak.target) for leak in found.leaks] == [("a", "q"), ("b", "p")][::-1]


def test_how_the_file_is_written_is_told(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "t.csv", index=False, sep=";", decimal=",", encoding="utf-16")
    read = check_dataset(load_config(parse_source(CONFIG + "", "c.yaml", tmp_path))).format
    assert (read.kind, read.separator, read.decimal, read.thousands, read.files) == (
        "Delimited",
        ";",
        ",",
        None,
        1,
    )


# Leaks


def test_classes_given_away_by_levels_numbers_or_gaps_are_leaks() -> None:
    rng = np.random.default_rng(1)
    classes = rng.integers(0, 3, 400)
    named = np.array(["p", "q", "r"], object)[classes]
    assert leaking(named, classes, classes=True) == [("accuracy", 1.0)]
    assert leaking(classes * 10.0 + rng.uniform(size=400), classes, classes=True) == [
        ("accuracy", 1.0)
    ]
    two = (classes > 0).astype(int)
    assert leaking(np.where(two, np.nan, rng.normal(size=400)), two, classes=True) == [
        ("accuracy", 1.0)
    ]


def test_ids_and_columns_that_tell_most_are_no_leaks() -> None:
    rng = np.random.default_rng(2)
    classes = rng.integers(0, 2, 1000)
    assert leaking(np.arange(1000.0), classes, classes=True) == []
    assert leaking(np.array([f"n{k}" for k in range(1000)], object), classes, classes=True) == []
    wrong = np.where(rng.uniform(size=1000) < 0.03, 1 - classes, classes)
    assert leaking(wrong.astype(float), classes, classes=True) == []
    rare = np.zeros(1000, int)
    rare[rng.choice(1000, 5, replace=False)] = 1  # the majority alone is right in 99.5 %
    assert leaking(rng.normal(size=1000), rare, classes=True) == []
    assert leaking(classes[:30].astype(float), classes[:30], classes=True) == []


def test_no_flower_s_measure_gives_the_species_away_and_a_tree_agrees() -> None:
    x, y = load_iris(return_X_y=True)
    for k in range(4):
        tree = DecisionTreeClassifier(max_leaf_nodes=3, random_state=0).fit(
            x[::2, k : k + 1], y[::2]
        )
        assert tree.score(x[1::2, k : k + 1], y[1::2]) < 0.99
        assert leaking(x[:, k], y, classes=True) == []
    setosa = (y == 0).astype(int)
    assert leaking(x[:, 2], setosa, classes=True) == [("accuracy", 1.0)]
    assert leaking(x[:, 1], setosa, classes=True) == []


def test_quantities_given_away_are_leaks_whatever_the_curve() -> None:
    rng = np.random.default_rng(3)
    y = rng.normal(size=2000)
    assert leaking(3 - 2 * y, y, classes=False)[0] == ("correlation", pytest.approx(1))
    assert leaking(np.exp(3 * y), y, classes=False)[0] == ("correlation", pytest.approx(1))
    assert leaking(np.where(y > -1, y, np.nan), y, classes=False)[0][0] == "correlation"
    group = rng.integers(0, 8, 2000)
    shuffled = np.array([5, 0, 3, 7, 1, 6, 2, 4])[group] * 10.0
    measure, value = leaking(
        group.astype(float), shuffled + rng.normal(size=2000) / 2, classes=False
    )[0]
    assert (measure, value) == ("r2", pytest.approx(1 - 0.25 / shuffled.var(), abs=1e-3))
    assert leaking(np.array([f"g{k}" for k in group], object), shuffled, classes=False) == [
        ("r2", pytest.approx(1))
    ]
    assert leaking(y + rng.normal(size=2000) / 5, y, classes=False) == []
    assert leaking(np.array([f"n{k}" for k in range(2000)], object), y, classes=False) == []
    assert leaking(np.full(2000, 4.0), y, classes=False) == []


@settings(deadline=None, derandomize=True, max_examples=60, database=None)
@given(arrays(np.int64, st.integers(2, 40), elements=st.integers(-5, 5)))
def test_ranks_are_scipy_s(values: np.ndarray) -> None:
    np.testing.assert_array_equal(_ranks(values.astype(float)), rankdata(values))


def test_a_rank_correlation_just_below_the_bound_is_none() -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(size=500)
    near, far = y + rng.normal(size=500) * 0.02, y + rng.normal(size=500) * 0.08
    assert abs(spearmanr(near, y).statistic) > 0.999 > abs(spearmanr(far, y).statistic)
    assert [measure for measure, _ in leaking(near, y, classes=False)] == ["correlation"]
    assert "correlation" not in [measure for measure, _ in leaking(far, y, classes=False)]


# Duplicates


def test_equal_columns_are_grouped_and_constants_passed_over() -> None:
    text = np.array(["u", None, "v"], object)
    cells = {
        "a": np.array([1.0, np.nan, 3]),
        "b": np.array([1.0, np.nan, 3]),
        "c": np.array([1.0, 2, 3]),
        "d": text,
        "e": text.copy(),
        "f": np.ones(3),
        "g": np.ones(3),
        "h": np.array(["u", "v", None], object),
    }
    assert find_equal_columns(cells) == [["a", "b"], ["d", "e"]]


@settings(deadline=None, derandomize=True, max_examples=60, database=None)
@given(st.lists(st.tuples(*[st.sampled_from(["", "0", "00", "x", "é"])] * 2), min_size=2))
def test_shared_rows_are_those_found_by_looking_at_every_pair(rows: list[tuple[str, ...]]) -> None:
    cut, every = len(rows) // 2, np.ones(len(rows), bool)
    table = table_from_rows("t", ["p", "q"], [list(row) for row in rows], [1] * len(rows), None)
    keys = row_keys(table, ["p", "q"], every)
    numbers = {"train": np.arange(cut), "test": np.arange(cut, len(rows))}
    found = find_shared_rows({part: keys[own] for part, own in numbers.items()}, numbers)
    twins = [k for k in range(cut, len(rows)) if rows[k] in rows[:cut]]
    assert sum(one.rows for one in found) == len(twins)
    for one in found:
        assert [second - 1 for _, second in one.examples] == twins[:3]
        assert all(
            rows[first - 1] == rows[second - 1] and first <= cut for first, second in one.examples
        )


@pytest.mark.parametrize(
    ("cells", "counts"),
    [
        (["0", "1", "3"], True),
        (["9", "8", "6"], True),
        (["1.0", "2.0", "4.0"], True),
        (["0", "1", "2"], False),
        (["0", "1", None], False),
        (["a", "b", "d"], False),
    ],
)
def test_a_column_counts_the_rows_if_it_follows_their_numbers(
    cells: list[str | None], counts: bool
) -> None:
    assert counts_rows(np.array(cells, object), np.array([0, 1, 3])) == counts


def test_a_table_s_duplicates_are_found(tmp_path: Path) -> None:
    table = frame().drop(columns="b")
    table["again"], table["text"] = table.a, table.c
    table.loc[190:194] = table.loc[0:4].to_numpy()
    found = inspected(tmp_path, table, "dataset.split.shuffle=false")
    assert found.equal_columns == [["a", "again"], ["c", "text"]]
    (shared,) = found.shared_rows
    assert (shared.first, shared.second, shared.rows) == ("train", "test", 5)
    assert shared.examples == [(1, 191), (2, 192), (3, 193)]
    table["again"] = table.again + np.where(
        np.arange(200) < 140, 0, 1
    )  # differs where no row trains
    assert inspected(tmp_path, table, "dataset.split.shuffle=false").equal_columns[0] == [
        "a",
        "again",
    ]


# The rest


def test_nothing_is_written_and_disk_rows_are_sampled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_store, "MOST_IN_MEMORY", 100)
    monkeypatch.setattr(sampling, "MAX_CHECKED_ROWS", 50)
    monkeypatch.chdir(tmp_path)
    found = inspected(tmp_path, frame())
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]
    assert (found.cost.storage, found.cost.encoded_bytes) == ("disk", 200 * 4 * 4)
    assert found.looked_at.parts == {"train": 50, "validation": 30, "test": 30}
    assert (found.looked_at.columns, found.parts["train"]) == (50, 140)
    with pytest.raises(ConfigError, match="batch_size is full"):
        inspected(tmp_path, frame(), "training.batch_size=full")
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]


def test_the_time_is_within_a_few_times_of_the_real_one(tmp_path: Path) -> None:
    start = time.process_time()
    found = inspected(tmp_path, frame(20_000), "architecture.hidden=[64, 64]", "training.epochs=3")
    assert time.process_time() - start < 10
    trained = train_text(tmp_path, CONFIG, "architecture.hidden=[64, 64]", "training.epochs=3")
    assert found.cost.seconds / 8 < trained.seconds < 8 * found.cost.seconds + 1


@pytest.mark.parametrize(
    "wish",
    [
        "training.optimizer=rprop",
        "training.batch_size=full",
        "training.schedule=reduce_on_plateau",
        "training.early_stopping={monitor: loss}",
        "training.target_loss=9",
        "dataset.split.validation=0",
        "training.optimizer=perturbation",
        "training.learning_rate=1.0e+30",
    ],
)
def test_any_training_can_be_timed(tmp_path: Path, wish: str) -> None:
    found = inspected(tmp_path, frame(), wish)
    assert 0 < found.cost.seconds_per_epoch < 5


def test_errors_are_those_of_training(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"training\.epochs"):
        inspected(tmp_path, frame(), "training.epochs=0")
    with pytest.raises(DataError, match="did you mean 'y'"):
        inspected(tmp_path, frame(), "dataset.target=Y")


def test_marked_numbers_are_read_as_training_reads_them(tmp_path: Path) -> None:
    prices = [f"1,{100 + 7 * k % 900:03}" for k in range(60)]
    table = pd.DataFrame({"price": prices, "rate": [f"{k % 5}%" for k in range(60)]})
    table["y"] = ["yes" if k % 2 else "no" for k in range(60)]
    features = "dataset.features=[price, rate]"
    columns = inspected(tmp_path, table, "dataset.split.time=price", features).columns
    assert [(column.name, column.role) for column in columns] == [
        ("price", "numeric"),
        ("rate", "numeric"),
    ]


# Folds


FOLDS = """\
dataset: {path: t.csv, target: y, split: {test: 0.2}}
folds: 4
architecture: {hidden: [5]}
training: {epochs: 30, check_every: 3}
members:
  - name: deep
  - name: bins
    dataset: {preprocessing: {numeric: {kind: piecewise_linear, bins: 3}}}
    architecture: {hidden: [7]}
    training: {epochs: 20}
"""


def test_all_networks_of_folds_are_counted(tmp_path: Path) -> None:
    found = inspected(tmp_path, frame(), config=FOLDS)
    assert found.parts == {"train": 160, "validation": 0, "test": 40}
    assert (found.preset, found.folds, found.networks) == (None, 4, 8)
    deep, bins = found.members
    assert [(one.name, one.networks) for one in found.members] == [("deep", 4), ("bins", 4)]
    # the numbers a and b, and an input for each of c's two categories
    assert (deep.inputs, deep.parameters) == (4, 4 * 5 + 5 + 5 + 1)
    assert (bins.inputs, bins.parameters) == (4 + 2 * 3, 10 * 7 + 7 + 7 + 1)
    assert (deep.cost.epochs, bins.cost.epochs) == (30, 20)
    # adam: parameters, gradient, best, before, and two moments, of four networks
    assert deep.cost.parameter_bytes >= 4 * deep.parameters * 4 * 6
    assert found.seconds == deep.cost.seconds + bins.cost.seconds
    assert (found.inputs, found.parameters, found.cost) == (4, deep.parameters, deep.cost)
    text = "\n".join(check_lines(found))
    assert "network: 8 of 4 folds, 1 output; 464 parameters in all" in text
    refitted = inspected(tmp_path, frame(), "refit=true", config=FOLDS)
    each = sum(member.cost.seconds for member in refitted.members)
    assert refitted.seconds == pytest.approx(each * 4 / 3)


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (
            "",
            r"preset default \(the config has no other settings\): \d kinds of network, 8 folds",
        ),
        ("preset: best\n", r"preset best: \d kinds of network, 8 folds"),
        ("preset: fast\n", "preset fast: 1 kind of network, 4 folds"),
        ("preset: fast\nfolds: null\n", "preset fast: one network"),
        ("preset: fast\nfolds: null\nreplicas: 3\n", "preset fast: 3 networks"),
        ("preset: null\n", None),
        ("architecture: {hidden: [8]}\n", None),
    ],
)
def test_the_preset_is_named(tmp_path: Path, config: str, line: str | None) -> None:
    found = inspected(tmp_path, frame(), config="dataset: {path: t.csv, target: y}\n" + config)
    shown = [one for one in check_lines(found) if one.startswith("preset")]
    assert len(shown) == (line is not None)
    assert all(re.fullmatch(line or "", one) for one in shown)


@pytest.mark.parametrize(
    ("config", "network"),
    [("training: {epochs: 5}\n", "1 network"), ("folds: 3\n", "3 networks")],
)
def test_a_config_that_has_no_preset_by_its_other_keys_is_told(
    tmp_path: Path, config: str, network: str
) -> None:
    found = inspected(tmp_path, frame(), config="dataset: {path: t.csv, target: y}\n" + config)
    text = " ".join(check_lines(found))
    assert f"sets more than its table: {network} of 64-64 units" in text
    assert "with these settings: --set preset=default" in text


def test_what_folds_warn_of_is_warned_of_before(tmp_path: Path) -> None:
    found = inspected(tmp_path, frame(), "dataset.split.validation_rows=[1, 2]", config=FOLDS)
    assert any("validation" in text for text in found.warnings)
