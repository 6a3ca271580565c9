"""Rows of a run's table are known in any table: in another order, form or company."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from labeled_runs import CONFIG, invoked, write_labeled
from workflow_runs import read_csv, read_json, train_text, write_csv, written

import bpnet
from bpnet.errors import RunError
from bpnet.models.run_model import open_run_model
from bpnet.runs.fingerprints import read_fingerprints, write_fingerprints
from bpnet.runs.weights import write_weights
from bpnet.workflows.eval import Evaluation, evaluate
from bpnet.workflows.inspected_rows import ChosenRows, choose_inspected_rows

LABELS = ["q" if k % 3 == 0 else "p" for k in range(90)]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of 90 rows, whose table t.csv is beside the runs."""
    folder = tmp_path_factory.mktemp("known")
    write_labeled(folder, LABELS)
    return train_text(folder, CONFIG).run


@pytest.fixture(scope="module")
def own(run) -> pd.DataFrame:
    return pd.read_csv(table_of(run))


def table_of(run: Path) -> Path:
    return run.parents[1] / "t.csv"


def parts_of(run: Path) -> np.ndarray:
    return np.array([row["part"] for row in read_csv(run / "splits.csv")])


def saved(table: pd.DataFrame, folder: Path, name: str = "u.csv") -> str:
    table.to_csv(folder / name, index=False)
    return str(folder / name)


def scored(run: Path, data: str | None, **options: bool) -> Evaluation:
    return evaluate(run, data, resamples=20, **{"baselines": False, **options})


def inspected(run: Path, data: str | None, **options: bool) -> tuple[ChosenRows, list[str]]:
    model, warnings = open_run_model(run).model, []
    reading = model.description.reading
    options = {"all_rows": False, **options}
    chosen = choose_inspected_rows(
        run, data, reading, model, option="--importance", warnings=warnings, **options
    )
    return chosen, warnings


def shuffled(table: pd.DataFrame) -> pd.DataFrame:
    return table.sample(frac=1, random_state=3)


def spelled(table: pd.DataFrame) -> pd.DataFrame:
    cells = table.astype({"w": float, "a": str})
    return cells.assign(a=["+" + cell + "0e0" for cell in cells["a"]])


FORMS: dict[str, Callable[[pd.DataFrame, Path], str]] = {
    "a column more": lambda t, folder: saved(t.assign(note="x"), folder),
    "columns in another order": lambda t, folder: saved(t[t.columns[::-1]], folder),
    "rows in another order": lambda t, folder: saved(shuffled(t), folder),
    "numbers spelled otherwise": lambda t, folder: saved(spelled(t), folder),
    "a column less": lambda t, folder: saved(t.drop(columns="w").assign(w=2.0 * t.w / 2), folder),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_own_table_is_known_in_another_form(run, own, tmp_path, form):
    data, with_baselines = FORMS[form](own, tmp_path), form == "rows in another order"
    wanted = scored(run, None, baselines=with_baselines)
    found = scored(run, data, baselines=with_baselines)
    assert (found.rows, found.data) == (14, "the run's test part")
    for name in ("accuracy", "log_loss"):
        assert found.scores.value(name) == pytest.approx(wanted.scores.value(name), rel=1e-12)
    assert [b.name for b in found.baselines] == [b.name for b in wanted.baselines]
    assert found.warnings == [
        f"all 90 rows of {data} are equal to rows of the run's table in every column that the "
        "model reads: only its test rows are scored (14); all with --all-rows"
    ]
    chosen, warnings = inspected(run, data)
    assert (chosen.rows_of, int(chosen.mask.sum()), len(warnings)) == ("test", 14, 1)
    assert written(run, data)[1].trained_rows == 62
    every = scored(run, data, all_rows=True)
    assert every.rows == 90
    assert "76 of 90 rows" in every.warnings[0]  # trained or validated on


@pytest.mark.parametrize("name", ["u.parquet", "u.jsonl"])
def test_the_own_table_is_known_in_another_format(run, own, tmp_path, name):
    if name == "u.jsonl":
        own.to_json(tmp_path / name, orient="records", lines=True)
    else:  # fractions as float32 are those of the text
        own.astype({"a": "float32"}).to_parquet(tmp_path / name)
    assert scored(run, str(tmp_path / name)).rows == 14
    code, said = invoked("predict", run, tmp_path / name, "-o", tmp_path / "out.csv")
    assert code == 0
    assert f"62 of 90 rows of {tmp_path / name} are equal to rows that trained the model" in said


def test_a_data_frame_of_the_own_table_is_known_in_python(run, own):
    loaded = bpnet.load(run)
    with pytest.warns(UserWarning, match="only its test rows are scored"):
        scores = loaded.evaluate(shuffled(own), baselines=False)
    assert scores["rows"] == 14
    with pytest.warns(UserWarning, match=r"62 of 90 rows of .* trained the model"):
        loaded.predict(own)
    with pytest.warns(UserWarning, match="2 of 3 rows"):
        loaded.predict(
            pd.concat([own[parts_of(run) == "train"][:2], own[parts_of(run) == "test"][:1]])
        )


def test_of_a_part_of_the_own_table_the_test_rows_are_scored(run, own, tmp_path):
    test = int((parts_of(run)[:40] == "test").sum())
    found = scored(run, data := saved(own.head(40), tmp_path))
    assert (found.rows, found.data) == (test, f"test rows of {data}")
    assert "all 40 rows" in found.warnings[0]
    # nothing is left of one that has training rows only: all are scored, with a warning
    found = scored(run, saved(own[parts_of(run) == "train"], tmp_path))
    assert found.rows == 62
    assert "all 62 rows" in found.warnings[0]
    assert "look better" in found.warnings[0]
    # one of test rows only is a table like any other
    found = scored(run, saved(own[parts_of(run) == "test"], tmp_path))
    assert (found.rows, found.warnings) == (14, [])


def test_added_rows_are_scored_beside_the_test_rows(run, own, tmp_path):
    added = own.head(10).assign(a=own.a + 1000)
    data = saved(shuffled(pd.concat([own, added])), tmp_path)
    found = scored(run, data)
    assert (found.rows, found.data) == (24, f"test and new rows of {data}")
    assert "90 of 100 rows" in found.warnings[0]
    chosen, _ = inspected(run, data)
    assert (chosen.rows_of, int(chosen.mask.sum())) == ("table", 24)


def test_a_changed_feature_makes_a_row_new_and_a_changed_target_does_not(run, own, tmp_path):
    row = int(np.flatnonzero(parts_of(run) == "train")[0])
    other = own.copy()
    other.loc[row, "a"] += 0.001
    assert scored(run, saved(other, tmp_path)).rows == 15
    corrected = own.assign(y=["p" if k == row else label for k, label in enumerate(own.y)])
    assert scored(run, saved(corrected, tmp_path)).rows == 14


def test_new_rows_that_equal_old_ones_by_chance_are_scored(tmp_path):
    rng = np.random.default_rng(0)
    cells = {"a": rng.integers(0, 3, 120), "b": rng.choice([*"uv"], 120), "w": 1}
    table = pd.DataFrame(cells).assign(y=rng.choice([*"pq"], 120))
    saved(table, tmp_path, "t.csv")
    run = train_text(tmp_path, CONFIG).run
    new = table.sample(50, replace=True, random_state=1)
    found = scored(run, saved(new, tmp_path))
    assert found.rows == 50
    assert "perhaps by chance: 100 % of the run's own rows equal another" in found.warnings[0]
    _, summary = written(run, saved(new, tmp_path))
    assert "perhaps by chance" in summary.trained.by_chance
    # but the very same rows, each as often, are the run's
    held_out = int((parts_of(run) == "test").sum())
    assert scored(run, saved(shuffled(table), tmp_path)).rows == held_out


def test_of_the_own_table_twice_the_test_rows_are_scored(run, own, tmp_path):
    found = scored(run, saved(pd.concat([own, own]), tmp_path))
    assert (found.rows, found.scores.value("log_loss")) == (
        28,
        pytest.approx(scored(run, None).scores.value("log_loss"), rel=1e-9),
    )
    assert "perhaps" not in found.warnings[0]


def test_rows_that_occur_many_times_are_scored(run, own, tmp_path):
    found = scored(run, saved(pd.concat([own[:30]] * 3), tmp_path))
    assert found.rows == 90
    assert "many are equal to the same row" in found.warnings[0]


def test_a_table_of_new_rows_is_scored_without_a_word(run, own, tmp_path):
    data = saved(own.assign(a=own.a + 100), tmp_path)
    assert scored(run, data).warnings == []
    assert written(run, data)[1].trained_rows == 0
    assert inspected(run, data)[1] == []


def test_a_run_without_fingerprints_knows_its_table_as_a_whole(run, own, tmp_path):
    shutil.copytree(run, old := tmp_path / "old")
    (old / "fingerprints.safetensors").unlink()
    data = saved(shuffled(own), tmp_path)
    assert scored(old, data).rows == 90
    assert written(old, data)[1].trained_rows == 0
    assert scored(old, str(table_of(run))).rows == 14


def test_damaged_fingerprints_are_refused_where_they_decide(run, own, tmp_path):
    shutil.copytree(run, broken := tmp_path / "broken")
    shutil.copy(run / "model" / "weights.safetensors", broken / "fingerprints.safetensors")
    data = saved(shuffled(own), tmp_path)
    with pytest.raises(RunError, match="has no fingerprints of rows; remove it"):
        scored(broken, data)
    assert written(broken, data)[1].trained_rows == 0


def test_fingerprints_of_another_table_are_noticed_where_no_row_is_known(run, own, tmp_path):
    shutil.copytree(run, broken := tmp_path / "broken")
    path = broken / "fingerprints.safetensors"
    before = read_fingerprints(path)
    assert before.data_sha256 == read_json(run / "run.json")["data_sha256"]
    other = before.values + np.uint64(1)
    write_fingerprints(path, other, before.columns, "0" * 64)
    data = saved(shuffled(own), tmp_path)
    with pytest.raises(RunError, match=r"fingerprints.safetensors: is of another table than"):
        scored(broken, data)
    assert scored(broken, str(table_of(run))).rows == 14  # which is known as a whole
    # those of 0.7.0 do not name their table
    write_weights(path, {"fingerprints": before.values}, {"columns": json.dumps(before.columns)})
    assert scored(broken, data).rows == 14


def test_rows_of_a_cross_validation_are_predicted_by_networks_that_held_them_out(tmp_path):
    data = write_labeled(tmp_path, LABELS)
    (tmp_path / "c.yaml").write_text(CONFIG)
    assert invoked("cv", tmp_path / "c.yaml", "--folds", "3", "--runs", tmp_path / "cv")[0] == 0
    run, own = tmp_path / "cv" / "c-cv-001", pd.read_csv(data)
    order = np.random.default_rng(1).permutation(90)
    other = saved(own.iloc[order], tmp_path)
    wanted, found = inspected(run, None)[0], inspected(run, other)[0]
    assert found.rows_of == wanted.rows_of == "out_of_fold"
    for masks, of_own in zip(found.unseen, wanted.unseen, strict=True):
        np.testing.assert_array_equal(masks, of_own[:, order])
    found = scored(run, other)
    assert (found.rows, "all 90 rows" in found.warnings[-1]) == (90, True)
    assert written(run, other)[1].trained_rows == 90
    added = saved(pd.concat([own, own.head(5).assign(a=500 + own.a)]), tmp_path)
    assert scored(run, added).data == f"new rows of {added}"
    assert inspected(run, added)[0].mask.sum() == 5


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [("folds=3",), ("replicas=2",), ("folds=3", "dataset.split.test=0")]
)
def test_ensembles_know_their_rows(tmp_path, settings):
    own = pd.read_csv(write_labeled(tmp_path, LABELS))
    (tmp_path / "c.yaml").write_text(CONFIG)
    words = [word for setting in settings for word in ("--set", setting)]
    assert invoked("train", tmp_path / "c.yaml", "--runs", tmp_path / "runs", *words)[0] == 0
    run = tmp_path / "runs" / "c-001"
    data = saved(shuffled(own), tmp_path)
    test = int((parts_of(run) == "test").sum())
    assert scored(run, data).rows == (test or 90)
    chosen, _ = inspected(run, data)
    own_rows, _ = inspected(run, None)
    assert chosen.rows_of == own_rows.rows_of
    assert chosen.mask.sum() == own_rows.mask.sum()
    assert written(run, data)[1].trained_rows == int((parts_of(run) == "train").sum())


@pytest.mark.slow
def test_each_run_of_a_grid_knows_its_rows_and_so_does_one_that_goes_on(tmp_path):
    own = pd.read_csv(write_labeled(tmp_path, LABELS))
    (tmp_path / "c.yaml").write_text(CONFIG)
    grid = ("--grid", "training.learning_rate=0.1,0.01", "--runs", tmp_path / "runs")
    assert invoked("train", tmp_path / "c.yaml", *grid)[0] == 0
    run = tmp_path / "runs" / "c-001"
    data = saved(shuffled(own), tmp_path)
    assert scored(run, data).rows == 14
    write_csv(tmp_path / "t.csv", list(own.columns), own.assign(a=own.a + 7).to_numpy().tolist())
    plain = train_text(tmp_path, CONFIG).run
    write_csv(tmp_path / "t.csv", list(own.columns), own.to_numpy().tolist())
    # a training that goes on with another table knows the rows of that one
    assert invoked("resume", plain, "--set", "training.epochs=2", "--force")[0] == 0
    assert scored(plain, data).rows == 14
