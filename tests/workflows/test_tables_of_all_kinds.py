"""Whole runs with targets, splits, weights, encodings and storages of every kind."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from mixed_tables import BLANK_TARGETS, FEATURES, ROWS, mixed_rows, write_mixed
from sklearn.metrics import accuracy_score, r2_score, root_mean_squared_error
from workflow_runs import Watcher, predicted, read_csv, read_json, train_file, train_text, write_csv

from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.data.splitting import PARTS
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.out_of_core import StoredRows
from bpnet.errors import BpnetError, DataError
from bpnet.workflows.eval import evaluate
from bpnet.workflows.gradcheck import check_config
from bpnet.workflows.trace import trace_rows
from bpnet.workflows.train import TrainResult

CONFIG = f"""\
dataset:
  path: t.csv
  target: risk
  features: [{", ".join(FEATURES)}]
architecture: {{hidden: [8]}}
training: {{epochs: 3}}
"""
EMBEDDED = "dataset.preprocessing.categorical={kind: embedding, rare: 1}"
KINDS = {
    "several quantities": ("dataset.target=[cost, weight]",),
    "several labels": ("dataset.target=[sick, glad]",),
    "balanced classes": ("dataset.class_weight=balanced",),
    "named classes": ("dataset.class_weight={high: 3, low: 0.5}",),
    "weighted rows": ("dataset.sample_weight=w",),
    "weighted rows and classes": ("dataset.sample_weight=w", "dataset.class_weight=balanced"),
    "targets with gaps": ("dataset.target=grade", "dataset.drop_missing_targets=true"),
    "a file for each part": (
        "dataset.path={train: train.csv, validation: v/validation.csv, test: test.csv}",
    ),
    "a file for training and test": ("dataset.path={train: train.csv, test: test.csv}",),
    "a folder": ("dataset.path=v",),
    "a pattern": ("dataset.path='t*.csv'",),
    "JSON lines": ("dataset.path=t.jsonl",),
    "a bundled table": ("dataset={path: 'sklearn:wine', target: target}",),
    "groups": ("dataset.split.group=patient",),
    "groups not stratified": ("dataset.split={group: patient, stratify: false}",),
    "time": ("dataset.split.time=day",),
    "a column of parts": ("dataset.split.column=part",),
    "counts": ("dataset.split={validation: 20, test: 11}",),
    "named rows": ("dataset.split={validation: 0, test_rows: [1, 5, 160]}",),
    "no shuffle": ("dataset.split.shuffle=false",),
    "embedded": (EMBEDDED,),
    "ordinal": ("dataset.preprocessing.columns.size={kind: ordinal, order: [S, M, L]}",),
    "quantile": ("dataset.preprocessing.numeric=quantile",),
    "robust": ("dataset.preprocessing.numeric=robust",),
    "min_max": ("dataset.preprocessing.numeric=min_max",),
    "l2_rows": ("dataset.preprocessing.numeric=l2_rows",),
    "each column its own": (
        "dataset.preprocessing.columns={age: quantile, height: robust, city: embedding, "
        "size: ordinal, joined: date}",
    ),
    "numbers as categories": ("dataset.preprocessing.columns.age={kind: one_hot, rare: 2}",),
    "roles": ("dataset.roles={age: categorical, city: ignored}",),
    "no indicator": (
        "dataset.preprocessing.missing={kind: impute, numeric: most_frequent, indicator: false}",
    ),
    "words for gaps": ("dataset.reading={missing: [NA, Oslo]}",),
    "disk": ("dataset.storage=disk",),
    "disk and float64": (
        "dataset.storage=disk",
        "training.precision=float64",
        "dataset.sample_weight=w",
    ),
}


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder with the mixed table, whole and in parts."""
    rows = mixed_rows()
    write_mixed(tmp_path / "t.csv")
    (tmp_path / "v").mkdir()
    for path, chosen in (
        ("train.csv", rows[:100]),
        ("v/validation.csv", rows[100:130]),
        ("v/more.csv", rows[60:90]),
        ("test.csv", rows[130:]),
    ):
        names = list(rows[0])
        write_mixed(tmp_path / path, names[::-1] if path == "test.csv" else names, chosen)
    write_jsonl(tmp_path / "t.jsonl")
    return tmp_path


def write_jsonl(path: Path) -> None:
    path.write_text(
        "".join(
            json.dumps({k: v for k, v in row.items() if v != ""}) + "\n" for row in mixed_rows()
        )
    )


def parts_of(run: Path) -> list[str]:
    splits = read_csv(run / "splits.csv")
    assert [row["row"] for row in splits] == [str(k) for k in range(1, len(splits) + 1)]
    return [row["part"] for row in splits]


@pytest.mark.parametrize("kind", KINDS)
def test_the_resolved_config_trains_again_to_the_same_weights_bit_for_bit(
    kind: str, tables: Path
) -> None:
    first = train_text(tables, CONFIG, *KINDS[kind])
    assert all(math.isfinite(value) for part in first.figures.values() for value in part.values())
    again = train_file(first.run / "config.yaml", tables / "deep" / "down")
    for name in ("model/weights.safetensors", "model/model.json", "metrics.json", "splits.csv"):
        assert (first.run / name).read_bytes() == (again.run / name).read_bytes(), name
    for run in (first, again):  # what was saved is what was measured
        loss = evaluate(run.run, None, baselines=False, resamples=2).loss
        assert loss == pytest.approx(run.figures["test"]["loss"], rel=1e-5)
    assert {path.name for path in (tables / "runs").iterdir()} == {first.run.name}


# Targets


def table_of_part(run: Path, tables: Path, part: str = "test") -> tuple[Path, list[dict]]:
    """The rows of a part as a table."""
    rows = [row for row, own in zip(mixed_rows(), parts_of(run), strict=True) if own == part]
    return write_mixed(tables / "part.csv", rows=rows), rows


def test_several_quantities_are_predicted_in_their_own_units(tables: Path) -> None:
    trained = train_text(
        tables,
        CONFIG,
        *KINDS["several quantities"],
        "training.epochs=60",
        "training.learning_rate=0.03",
    )
    own, rows = table_of_part(trained.run, tables)
    found = predicted(trained.run, own)
    assert list(found) == ["predicted_cost", "predicted_weight", "flags"]
    true = np.array([[row["cost"], row["weight"]] for row in rows], float)
    said = np.array([found["predicted_cost"], found["predicted_weight"]]).T
    scores = evaluate(trained.run, None).scores
    assert [one["target"] for one in scores.per_target] == ["cost", "weight"]
    for k, one in enumerate(scores.per_target):
        assert one["rmse"] == pytest.approx(
            root_mean_squared_error(true[:, k], said[:, k]), rel=1e-5
        )
        assert one["r2"] == pytest.approx(r2_score(true[:, k], said[:, k]), rel=1e-4)
    assert trained.figures["test"]["rmse"] == pytest.approx(scores.value("rmse"), rel=1e-5)
    assert scores.value("r2") > 0.3
    assert said[:, 0].mean() > 20 * said[:, 1].mean()


def test_several_labels_are_each_predicted_with_a_chance_of_its_own(tables: Path) -> None:
    trained = train_text(
        tables,
        CONFIG,
        *KINDS["several labels"],
        "training.epochs=60",
        "training.learning_rate=0.03",
    )
    assert read_json(trained.run / "model/model.json")["task"] == "multilabel"
    own, rows = table_of_part(trained.run, tables)
    found = predicted(trained.run, own)
    assert list(found) == [
        "predicted_sick",
        "predicted_glad",
        "probability_sick",
        "probability_glad",
        "flags",
    ]
    true = np.array([[row["sick"], row["glad"] == "yes"] for row in rows], int)
    said = np.array([found["predicted_sick"], found["predicted_glad"]]).T.astype(int)
    chances = np.array([found["probability_sick"], found["probability_glad"]]).T
    assert ((chances > 0.5) == said).all()
    scores = evaluate(trained.run, None).scores
    assert scores.value("subset_accuracy") == pytest.approx(accuracy_score(true, said))
    assert [one.label for one in scores.per_label] == ["sick", "glad"]
    assert (true == said).mean() > 0.6


def test_rows_without_a_target_are_dropped_and_said_to_be(tables: Path) -> None:
    settings = KINDS["targets with gaps"]
    with pytest.raises(DataError) as caught:
        train_text(tables, CONFIG, settings[0])
    assert len(caught.value.problems) == len(BLANK_TARGETS)
    for row, problem in zip(BLANK_TARGETS, caught.value.problems, strict=True):
        assert (
            f"t.csv, line {row + 1} (row {row}), column 'grade': a blank cell is not a target value"
            in problem
        )
        assert "dataset.drop_missing_targets" in problem
    run = train_text(tables, CONFIG, *settings).run
    assert [
        k for k, part in enumerate(parts_of(run), start=1) if part == "dropped"
    ] == BLANK_TARGETS
    assert sum(read_json(run / "run.json")["rows"].values()) == ROWS - len(BLANK_TARGETS)


def test_a_dropped_row_teaches_nothing(tables: Path) -> None:
    write_mixed(tables / "u.csv", rows=[row for row in mixed_rows() if row["grade"]])
    settings = (
        "dataset.target=grade",
        "dataset.split={validation: 0, test: 0}",
        "training.shuffle=false",
    )
    dropped = train_text(tables, CONFIG, *settings, "dataset.drop_missing_targets=true").run
    without = train_text(tables, CONFIG, *settings, "dataset.path=u.csv").run
    name = "model/weights.safetensors"
    assert (dropped / name).read_bytes() == (without / name).read_bytes()


# Splits


def part_of_rows(tables: Path, kind: str) -> list[str]:
    return parts_of(train_text(tables, CONFIG, *KINDS[kind], "training.epochs=1").run)


def test_files_are_the_parts(tables: Path) -> None:
    assert (
        part_of_rows(tables, "a file for each part")
        == ["train"] * 100 + ["validation"] * 30 + ["test"] * 30
    )
    parts = part_of_rows(tables, "a file for training and test")
    assert parts[100:] == ["test"] * 30
    assert (parts[:100].count("validation"), parts[:100].count("train")) == (15, 85)


@pytest.mark.parametrize("kind", ["groups", "groups not stratified"])
def test_a_group_is_in_one_part_alone(kind: str, tables: Path) -> None:
    of_group: dict[str, set[str]] = {}
    parts = part_of_rows(tables, kind)
    for row, part in zip(mixed_rows(), parts, strict=True):
        of_group.setdefault(row["patient"], set()).add(part)
    assert all(len(own) == 1 for own in of_group.values())
    assert set().union(*of_group.values()) == set(PARTS)
    assert 16 <= parts.count("test") <= 32  # of 24, by groups of 8


def test_the_latest_rows_test_and_the_earliest_train(tables: Path) -> None:
    days: dict[str, list[str]] = {part: [] for part in PARTS}
    for row, part in zip(mixed_rows(), part_of_rows(tables, "time"), strict=True):
        days[part].append(row["day"])
    assert max(days["train"]) < min(days["validation"])
    assert max(days["validation"]) < min(days["test"])
    assert (len(days["validation"]), len(days["test"])) == (24, 24)


def test_a_column_says_the_parts(tables: Path) -> None:
    words = {"Train": "train", "val": "validation", "test": "test"}
    assert part_of_rows(tables, "a column of parts") == [words[row["part"]] for row in mixed_rows()]


def test_counts_are_counts(tables: Path) -> None:
    parts = part_of_rows(tables, "counts")
    assert [parts.count(part) for part in PARTS] == [129, 20, 11]


def test_the_column_that_decides_is_no_feature_unless_it_is_asked_for(tables: Path) -> None:
    features = "dataset.features=null"
    for column, key in (("patient", "group"), ("part", "column")):
        watcher = Watcher()
        train_text(
            tables,
            CONFIG,
            features,
            f"dataset.split.{key}={column}",
            "training.epochs=1",
            watcher=watcher,
        )
        assert column not in watcher.prepared.encoder.features
        assert "age" in watcher.prepared.encoder.features


# Encodings


@pytest.mark.parametrize(
    "kind", ["embedded", "ordinal", "quantile", "robust", "each column its own"]
)
def test_the_gradient_of_each_encoding_is_right(kind: str, tables: Path) -> None:
    source = apply_overrides(
        parse_source(CONFIG, "case.yaml", tables), [*KINDS[kind], "architecture.activation=tanh"]
    )
    report = check_config(load_config(source), 8)
    assert report.agrees, report.worst
    tables_checked = sum(".table_" in check.name for check in report.checks)
    assert tables_checked == {"embedded": 2, "each column its own": 1}.get(kind, 0)


def test_an_embedding_trains_and_can_be_traced(tables: Path) -> None:
    trained = train_text(
        tables, CONFIG, EMBEDDED, "training.epochs=30", "training.learning_rate=0.01"
    )
    losses = [float(row["loss"]) for row in read_csv(trained.run / "metrics.csv")]
    assert losses[-1] < 0.9 * losses[0]
    description = read_json(trained.run / "model/model.json")
    assert description["layers"][0]["kind"] == "embedding"
    kinds = {column["name"]: column["kind"] for column in description["encoder"]["columns"]}
    assert (kinds["city"], kinds["size"], kinds["age"]) == ("embedding", "embedding", "numeric")
    own = parts_of(trained.run).index("train") + 1
    traced = trace_rows(trained.run, str(own), 1)
    (step,) = traced.steps
    assert step.loss_after < step.loss
    assert math.isfinite(step.loss)
    rows = [dict(row) for row in mixed_rows()]
    rows[0]["city"], rows[1]["city"] = "Paris", ""
    found = predicted(trained.run, write_mixed(tables / "u.csv", FEATURES, rows))
    assert "unseen city" in found["flags"][0]
    assert found["flags"][1] == ""  # training knew gaps of city


def test_each_column_is_encoded_as_it_is_told(tables: Path) -> None:
    run = train_text(tables, CONFIG, *KINDS["each column its own"]).run
    columns = {
        one["name"]: one for one in read_json(run / "model/model.json")["encoder"]["columns"]
    }
    assert columns["age"]["scale"]["kind"] == "to_normal"
    assert columns["height"]["scale"]["by"] == "robust"
    assert {name: one["kind"] for name, one in columns.items()} == {
        "age": "numeric",
        "height": "numeric",
        "city": "embedding",
        "member": "boolean",
        "size": "ordinal",
        "joined": "date",
    }
    assert columns["size"]["levels"] == ["L", "M", "S"]
    ordered = train_text(tables, CONFIG, *KINDS["ordinal"]).run
    columns = {
        one["name"]: one for one in read_json(ordered / "model/model.json")["encoder"]["columns"]
    }
    assert columns["size"]["levels"] == ["S", "M", "L"]


# Storage


def rows_of_parts(tables: Path, *settings: str) -> tuple[TrainResult, dict[str, Rows]]:
    watcher = Watcher()
    trained = train_text(tables, CONFIG, *settings, watcher=watcher)
    return trained, watcher.prepared.rows


@pytest.mark.parametrize(
    "settings",
    [
        ("dataset.sample_weight=w",),
        ("dataset.target=[cost, weight]", "training.precision=float64"),
        (EMBEDDED,),
    ],
    ids=["classes", "quantities", "embedded"],
)
def test_rows_on_disk_are_those_in_memory(settings: tuple[str, ...], tables: Path) -> None:
    _, memory = rows_of_parts(tables, *settings)
    trained, disk = rows_of_parts(tables, *settings, "dataset.storage=disk")
    assert memory.keys() == disk.keys()
    for part, rows in memory.items():
        assert isinstance(disk[part], StoredRows)
        assert not isinstance(rows, StoredRows)
        assert len(disk[part]) == len(rows)
        stored = disk[part].picked(slice(None))
        for ours, theirs in (
            (stored.x, rows.x),
            (stored.y, rows.y),
            (stored.weights, rows.weights),
        ):
            if theirs is None:
                assert ours is None
            else:
                np.testing.assert_array_equal(ours, theirs)
    assert all(math.isfinite(figures["loss"]) for figures in trained.figures.values())
    assert sorted(path.name for path in (tables / "runs").iterdir()) == ["case-001", "case-002"]
    files = {
        path.relative_to(trained.run).as_posix()
        for path in trained.run.rglob("*")
        if path.is_file()
    }
    assert all(not name.startswith(".") for name in files)


def test_a_full_batch_of_rows_on_disk_is_refused(tables: Path) -> None:
    with pytest.raises(BpnetError) as caught:
        train_text(tables, CONFIG, "dataset.storage=disk", "training.batch_size=full")
    for part in ("training.batch_size is full", "disk", "1024", "--set dataset.storage=memory"):
        assert part in str(caught.value)
    assert not (tables / "runs").exists() or list((tables / "runs").iterdir()) == []


# Tables that are large in one way


@pytest.mark.slow
def test_ten_thousand_columns(tmp_path: Path) -> None:
    names = [f"x{j}" for j in range(10_000)]
    rows = [[*((k * j) % 7 for j in range(10_000)), "pq"[k % 2]] for k in range(30)]
    table = write_csv(tmp_path / "t.csv", [*names, "y"], rows)
    text = "dataset: {path: t.csv, target: y}\narchitecture: {hidden: [2]}\ntraining: {epochs: 1}\n"
    trained = train_text(tmp_path, text)
    assert len(predicted(trained.run, table)["flags"]) == 30


@pytest.mark.slow
def test_a_category_of_a_hundred_thousand_levels(tmp_path: Path) -> None:
    rows = [
        [f"L{k}" if k % 6 else f"common{k // 6 % 3}", k % 7, "pq"[k % 5 > 2]]
        for k in range(120_000)
    ]
    write_csv(tmp_path / "t.csv", "aby", rows)
    text = (
        "dataset: {path: t.csv, target: y, roles: {a: categorical}}\n"
        "training: {epochs: 1, batch_size: 4096}\n"
    )
    watcher = Watcher()
    run = train_text(tmp_path, text, watcher=watcher).run
    assert [name for name in watcher.prepared.encoder.inputs if name != "b"] == [
        "a=common0",
        "a=common1",
        "a=common2",
        "a=rare",
    ]
    assert (run / "model/model.json").stat().st_size < 200_000
    few = write_csv(tmp_path / "u.csv", "ab", [["common0", 1], ["L1", 1], ["never", 1]])
    assert predicted(run, few)["probability_p"][1] == predicted(run, few)["probability_p"][2]
