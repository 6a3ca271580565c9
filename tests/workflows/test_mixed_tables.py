"""A run on a table with columns of every kind, and its predictions for differing tables."""

import contextlib
import csv
import io
import random
from pathlib import Path

import numpy as np
import pytest
from mixed_tables import FEATURES, mixed_rows, write_mixed
from workflow_runs import Watcher, predicted, read_json, train_text, written

from bpnet.data.encoding.column_options import Role
from bpnet.data.encoding.row_flags import FlagSummary
from bpnet.data.reading import delimited, open_table, streams
from bpnet.errors import DataError
from bpnet.workflows.eval import evaluate
from bpnet.workflows.train import TrainResult

NO_GAPS = ["size"]
OWN = ["customer_id", *FEATURES, "note", "risk"]
CONFIG = (
    "dataset: {path: t.csv, target: risk}\narchitecture: {hidden: [8]}\ntraining: {epochs: 15}\n"
)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainResult, Watcher, Path]:
    """A run on the mixed table, who watched it, and the table."""
    folder, watcher = tmp_path_factory.mktemp("mixed"), Watcher()
    table = write_mixed(folder / "t.csv", OWN)
    return train_text(folder, CONFIG, watcher=watcher), watcher, table


def probabilities(found: dict[str, list]) -> np.ndarray:
    return np.array([found[f"probability_{label}"] for label in ("high", "low", "mid")]).T


def test_each_column_has_its_role_and_what_is_left_out_is_told(mixed):
    trained, watcher, _ = mixed
    roles: dict[str, Role] = {
        "customer_id": "ignored",
        "age": "numeric",
        "height": "numeric",
        "city": "categorical",
        "member": "boolean",
        "size": "categorical",
        "joined": "date",
        "note": "ignored",
    }
    assert {
        name: one.role for name, one in watcher.prepared.split.column_roles.detected.items()
    } == roles
    assert watcher.prepared.encoder.features == FEATURES
    told = read_json(trained.run / "run.json")["warnings"]
    assert (
        sum("'customer_id'" in text and "id" in text and "dataset.roles" in text for text in told)
        == 1
    )
    assert sum("'note'" in text and "free text" in text for text in told) == 1
    assert len(told) == 2
    inputs = watcher.prepared.encoder.inputs
    assert {
        "age",
        "age missing",
        "city=Oslo",
        "city missing",
        "member",
        "size=S",
        "joined elapsed",
    } <= set(inputs)
    assert all(np.isfinite(rows.x).all() for rows in watcher.prepared.rows.values())


def test_it_learns_and_its_figures_are_those_of_a_reload(mixed):
    trained, watcher, table = mixed
    assert watcher.rows[-1]["loss"] < watcher.rows[0]["loss"]
    assert evaluate(trained.run, None).loss == pytest.approx(
        trained.figures["test"]["loss"], rel=1e-5
    )
    assert evaluate(trained.run, str(table), all_rows=True).rows == len(mixed_rows())


def test_rows_are_predicted_the_same_wherever_and_in_whatever_company_they_stand(mixed, tmp_path):
    trained, _, table = mixed
    wanted = predicted(trained.run, table)
    rows = mixed_rows()
    order = random.Random(1).sample(range(len(rows)), len(rows))
    names = ["extra", *FEATURES[::-1], "note", "more, still"]
    shuffled = [
        {**rows[k], "extra": f"row {k}", "more, still": 'a "quote"\nand a line'} for k in order
    ]
    text, summary = written(trained.run, write_mixed(tmp_path / "u.csv", names, shuffled))
    header, *lines = csv.reader(io.StringIO(text, newline=""))
    assert header == [
        *names,
        "predicted_risk",
        "probability_high",
        "probability_low",
        "probability_mid",
        "flags",
    ]
    assert [line[0] for line in lines] == [f"row {k}" for k in order]
    assert summary.flags.rows == len(rows)
    found = np.array([[float(cell) for cell in line[-4:-1]] for line in lines])
    np.testing.assert_allclose(found, probabilities(wanted)[order], atol=1e-6)
    assert [line[-5] for line in lines] == [wanted["predicted_risk"][k] for k in order]
    assert [line[-1] for line in lines] == [wanted["flags"][k] for k in order]


def test_no_row_of_training_is_flagged_for_its_gaps(mixed):
    trained, _, table = mixed
    assert set(predicted(trained.run, table)["flags"]) == {""}
    _, summary = written(trained.run, table, strict=True)
    assert summary.flags == FlagSummary(len(mixed_rows()))


def test_gaps_that_training_did_not_know_are_flagged(mixed, tmp_path):
    trained, _, _ = mixed
    rows = mixed_rows()[:5]
    for name in NO_GAPS:
        rows[1][name] = rows[3][name] = ""
    table = write_mixed(tmp_path / "u.csv", FEATURES, rows)
    gaps = "; ".join(f"imputed {name}" for name in NO_GAPS)
    assert predicted(trained.run, table)["flags"] == ["", gaps, "", gaps, ""]
    _, summary = written(trained.run, table)
    assert summary.flags == FlagSummary(5, 2, {"imputed": 2 * len(NO_GAPS)})


@pytest.mark.parametrize(
    ("change", "flags"),
    [
        ({"city": "Paris"}, "unseen city"),
        ({"city": "oslo"}, "unseen city"),
        ({"city": "Paris", "size": ""}, "unseen city; imputed size"),
        ({"age": 1000, "joined": "1950-01-01"}, "outside age; outside joined"),
        ({"member": "perhaps"}, "unseen member"),
        ({"member": "YES", "age": " 40 ", "height": "1.7e0"}, ""),
        (dict.fromkeys(FEATURES, ""), "; ".join(f"imputed {name}" for name in NO_GAPS)),
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_row_is_flagged_for_what_training_did_not_see(change, flags, mixed, tmp_path):
    trained, _, _ = mixed
    usual = {
        "age": 40,
        "height": 1.7,
        "city": "Oslo",
        "member": "yes",
        "size": "S",
        "joined": "2014-05-05",
    }
    rows = [usual, {**usual, **change}, usual]
    found = predicted(trained.run, write_mixed(tmp_path / "u.csv", FEATURES, rows))
    assert found["flags"] == ["", flags, ""]
    np.testing.assert_allclose(probabilities(found)[0], probabilities(found)[2], atol=1e-6)
    np.testing.assert_allclose(probabilities(found).sum(axis=1), 1, atol=1e-6)
    with pytest.raises(DataError) if flags else contextlib.nullcontext():
        written(trained.run, tmp_path / "u.csv", strict=True)


def test_strict_names_the_rows_and_counts_them(mixed, tmp_path):
    trained, _, _ = mixed
    rows = [{**row, "size": ""} for row in mixed_rows()[:8]]
    table = write_mixed(tmp_path / "u.csv", FEATURES, rows)
    with pytest.raises(DataError) as caught:
        written(trained.run, table, strict=True)
    first, *_, last = caught.value.problems
    assert "u.csv, line 2 (row 1): imputed size" in first
    assert "without --strict" in first
    assert last == "in all, 8 rows are flagged"


def test_a_cell_of_another_kind_is_named(mixed, tmp_path):
    trained, _, _ = mixed
    rows = [dict(row) for row in mixed_rows()]
    rows[6]["age"], rows[9]["joined"] = "old", "in May"
    with pytest.raises(DataError) as caught:
        predicted(trained.run, write_mixed(tmp_path / "u.csv", FEATURES, rows))
    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        f"{tmp_path / 'u.csv'}, line 8 (row 7), column 'age': 'old' is not a finite number",
        f"{tmp_path / 'u.csv'}, line 11 (row 10), column 'joined': "
        "'in May' is not a date like 2024-12-31 (ISO 8601)",
    ]


def test_an_id_given_a_role_is_a_feature(tmp_path):
    write_mixed(tmp_path / "t.csv", OWN)
    watcher = Watcher()
    train_text(
        tmp_path, CONFIG, "dataset.roles.customer_id=numeric", "training.epochs=1", watcher=watcher
    )
    assert watcher.prepared.encoder.features == ["customer_id", *FEATURES]
    assert [text for text in watcher.prepared.warnings if "customer_id" in text] == []


@pytest.mark.parametrize("fast", [True, False])
def test_a_table_read_in_many_blocks_is_the_same(fast, mixed, tmp_path, monkeypatch):
    trained, watcher, table = mixed
    wanted, text = predicted(trained.run, table), written(trained.run, table)[0]
    monkeypatch.setattr(streams, "BLOCK", 1000)
    monkeypatch.setattr(delimited, "LARGE", 0)
    if not fast:
        monkeypatch.setattr(delimited.TextChunk, "_parse_by_pandas", lambda *_: None)
    chunks = list(open_table(table).chunks({"age": "number"}))
    assert len(chunks) > 5
    assert sum(map(len, chunks)) == len(mixed_rows())
    again = Watcher()
    write_mixed(tmp_path / "t.csv", OWN)
    # what columns are is read off the first block, which here has few rows
    train_text(
        tmp_path, CONFIG, "dataset.roles={customer_id: ignored, note: ignored}", watcher=again
    )
    assert again.prepared.encoder.inputs == watcher.prepared.encoder.inputs
    for part, rows in watcher.prepared.rows.items():
        np.testing.assert_allclose(again.prepared.rows[part].x, rows.x, atol=1e-6)
        np.testing.assert_array_equal(again.prepared.rows[part].y, rows.y)
    found = predicted(trained.run, table)
    assert found["flags"] == wanted["flags"]
    assert found["predicted_risk"] == wanted["predicted_risk"]
    np.testing.assert_allclose(probabilities(found), probabilities(wanted), atol=1e-6)
    ours, theirs = (
        list(csv.reader(io.StringIO(one))) for one in (written(trained.run, table)[0], text)
    )
    assert [row[: len(OWN)] for row in ours] == [row[: len(OWN)] for row in theirs]
