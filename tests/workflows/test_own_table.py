"""A run knows its own table by its content, wherever it is, and scores its own test rows."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from labeled_runs import CONFIG, invoked, write_labeled
from workflow_runs import read_csv, read_json, train_text, write_csv, written

from bpnet.errors import DataError, UsageError
from bpnet.workflows.eval import evaluate

LABELS = ["q" if k % 3 == 0 else "p" for k in range(90)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose table is t.csv beside the runs."""
    write_labeled(tmp_path, LABELS)
    return train_text(tmp_path, CONFIG).run


def part_rows(run: Path, part: str) -> int:
    return sum(row["part"] == part for row in read_csv(run / "splits.csv"))


def test_the_test_rows_are_scored_wherever_run_and_table_are(run, tmp_path):
    wanted = evaluate(run, None, resamples=20)
    assert wanted.rows == part_rows(run, "test") == 14
    measured = read_json(run / "metrics.json")["test"]["accuracy"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = Path(shutil.move(run, elsewhere / "moved"))
    table = tmp_path / "t.csv"
    table.rename(elsewhere / "same.csv")
    packed = elsewhere / "packed.csv.gz"
    packed.write_bytes(gzip.compress((elsewhere / "same.csv").read_bytes()))
    for path in (elsewhere / "same.csv", packed):
        for given in (moved, moved / "model"):
            found = evaluate(given, str(path), resamples=20)
            assert (found.rows, found.data) == (14, "the run's test part")
            assert found.scores.value("accuracy") == wanted.scores.value("accuracy") == measured
            assert [b.name for b in found.baselines] == [b.name for b in wanted.baselines]
            assert found.warnings == [
                f"{path} is the table that the run was trained on: only its test rows are scored; "
                "score all with --all-rows"
            ]
    with pytest.raises(DataError, match="its test rows are recognized"):
        evaluate(moved, None)


def test_all_rows_are_scored_where_they_are_asked_for(run, tmp_path):
    for data in (None, str(tmp_path / "t.csv")):
        found = evaluate(run, data, all_rows=True, resamples=20)
        assert found.rows == 90
        assert "the rows it was trained on make its scores look better" in found.warnings[0]


def test_a_table_with_one_other_cell_is_another_table(run, tmp_path):
    (run / "fingerprints.safetensors").unlink()  # without which rows are not known one by one
    text = (tmp_path / "t.csv").read_text()
    (tmp_path / "u.csv").write_text(text.replace(",p\n", ",q\n", 1))
    found = evaluate(run, str(tmp_path / "u.csv"), resamples=20)
    assert (found.rows, found.warnings) == (90, [])
    _, summary = written(run, tmp_path / "u.csv")
    assert summary.trained_rows == 0


def test_predict_says_how_many_rows_trained_the_model(run, tmp_path):
    _, summary = written(run, tmp_path / "t.csv")
    assert summary.trained_rows == part_rows(run, "train") == 62
    code, said = invoked("predict", run, tmp_path / "t.csv", "--json")
    assert (code, '"trained_rows": 62}' in said) == (0, True)
    (run / "splits.csv").write_text("not a split")
    _, summary = written(run, tmp_path / "t.csv")  # which prediction does not need
    assert summary.trained_rows == 0


def test_every_row_of_a_fold_trained_networks_of_a_cross_validation(tmp_path):
    table = write_labeled(tmp_path, ["" if k == 7 else label for k, label in enumerate(LABELS)])
    (tmp_path / "c.yaml").write_text(CONFIG)
    settings = ("--set", "dataset.drop_missing_targets=true", "--runs", tmp_path / "cv")
    assert invoked("cv", tmp_path / "c.yaml", "--folds", "3", *settings)[0] == 0
    run = tmp_path / "cv" / "c-cv-001"
    _, summary = written(run, table)
    assert (summary.flags.rows, summary.trained_rows) == (90, 89)
    found = evaluate(run, str(table), resamples=20)
    assert found.rows == 89
    assert [warning.partition(":")[0] for warning in found.warnings] == [
        "no baselines",
        f"{table} is the table that the run was trained on",
        "rows without a target are left out, as in training",
    ]


NUMBERS = "dataset: {path: t.csv, target: y}\ntraining: {epochs: 2}\n"


def test_predict_and_eval_take_settings_of_reading(tmp_path):
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.normal(size=(60, 2)), rng.normal(size=60)]).round(4).tolist()
    write_csv(tmp_path / "t.csv", "aby", rows)
    run = train_text(tmp_path, NUMBERS).run
    lines = ["a;b;y", *(";".join(f"{value}".replace(".", "·") for value in row) for row in rows)]
    plain = tmp_path / "bars.csv"
    plain.write_text("\n".join(lines).replace(";", "#").replace("·", ".") + "\n")
    setting = "dataset.reading.separator=#"
    wanted, _ = written(run, tmp_path / "t.csv", keep=[])
    found, _ = written(run, plain, keep=[], reading=[setting])
    assert found == wanted
    scored = evaluate(run, str(plain), reading=[setting], resamples=20, all_rows=True)
    assert scored.rows == 60
    code, said = invoked("eval", run, plain, "--set", setting, "--no-baselines", "--all-rows")
    assert (code, "60 rows" in said) == (0, True)
    with pytest.raises(UsageError, match="read as in training"):
        evaluate(run, None, reading=[setting])


@pytest.mark.parametrize(
    ("setting", "code", "parts"),
    [
        ("training.epochs=3", 2, ("dataset.reading.KEY=VALUE", "separator")),
        ("dataset.reading.decimals=,", 2, ("did you mean 'decimal'?",)),
        ("dataset.reading.decimal", 2, ("dataset.reading.decimal=,",)),
        ("dataset.reading.decimal=x", 3, ("--set dataset.reading.decimal=x", "decimal")),
    ],
)
@pytest.mark.parametrize("verb", ["predict", "eval"])
def test_other_settings_are_refused(run, tmp_path, verb, setting, code, parts):
    said = invoked(verb, run, tmp_path / "t.csv", "--set", setting)
    assert said[0] == code
    assert [part for part in parts if part not in said[1]] == []
    assert "Traceback" not in said[1]


def test_output_of_a_run_with_settings_of_reading_is_read_with_others(tmp_path):
    cells = [f"{1000 + 37 * k:,}".replace(",", ".") + f",5;{k % 7},25" for k in range(60)]
    (tmp_path / "t.csv").write_text("price;y\n" + "\n".join(cells) + "\n")
    marks = (";", "','", ".")
    reading = [
        f"dataset.reading.{key}={mark}"
        for key, mark in zip(("separator", "decimal", "thousands"), marks, strict=True)
    ]
    run = train_text(tmp_path, NUMBERS, "task=regression", *reading).run
    once, again = tmp_path / "once.csv", tmp_path / "again.csv"
    assert invoked("predict", run, tmp_path / "t.csv", "-o", once)[0] == 0
    assert once.read_text().splitlines()[1].startswith("1000.5,0.25,")
    code, said = invoked("predict", run, once, "--keep", "price,y")
    assert code == 4
    setting = "dataset.reading.separator=,"
    assert f"instead of ';': --set {setting}" in " ".join(said.split())
    words = ("--keep", "price,y", "--set", setting, "--set", "dataset.reading.decimal=.")
    assert invoked("predict", run, once, *words, "-o", again)[0] == 0
    assert again.read_text() == once.read_text()
