"""Missing targets, and rows that are dropped for them."""

from pathlib import Path

import numpy as np
import pytest
from labeled_runs import CONFIG, invoked, write_labeled
from workflow_runs import train_text, write_csv

from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.data.reading import delimited, streams
from bpnet.errors import DataError, UsageError
from bpnet.preparation.open import open_dataset
from bpnet.preparation.split import SplitDataset, split_dataset
from bpnet.workflows.eval import evaluate
from bpnet.workflows.init import draft
from bpnet.workflows.trace import trace_rows


def split(folder: Path, *settings: str) -> SplitDataset:
    """What training would find in the table."""
    loaded = load_config(apply_overrides(parse_source(CONFIG, "case.yaml", folder), settings))
    return split_dataset(open_dataset(loaded))


def test_classes_are_not_doubled_by_blocks_that_are_read_in_different_ways(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "BLOCK", 400)
    monkeypatch.setattr(delimited, "LARGE", 300)
    write_labeled(tmp_path, [f"00{k % 5 + 1}" for k in range(100)])
    found = split(tmp_path).target_values
    assert found.task == "classification"
    assert found.classes == ["001", "002", "003", "004", "005"]
    assert np.bincount(found.values).tolist() == [20] * 5


@pytest.mark.parametrize("gap", ["NA", "none", ""])
def test_a_gap_among_whole_numbers_is_no_class(tmp_path, gap):
    write_labeled(tmp_path, [gap if k % 10 == 4 else k % 2 for k in range(60)])
    found = split(tmp_path, "dataset.drop_missing_targets=true").target_values
    assert (found.task, found.classes) == ("classification", ["0", "1"])
    assert found.dropped is not None
    assert np.flatnonzero(found.dropped).tolist() == list(range(4, 60, 10))
    with pytest.raises(DataError, match=r"line 6 \(row 5\).*dataset\.drop_missing_targets"):
        split(tmp_path)


@pytest.mark.parametrize("row", [0, 50])
def test_where_a_blank_stands_does_not_change_the_task(tmp_path, row):
    rows = [[k / 7, k % 2, "" if k == row else (k // 2) % 2] for k in range(60)]
    write_csv(tmp_path / "t.csv", ["a", "y", "z"], rows)
    found = split(
        tmp_path, "dataset.target=[y, z]", "dataset.drop_missing_targets=true"
    ).target_values
    assert found.task == "multilabel"
    assert found.dropped is not None
    assert np.flatnonzero(found.dropped).tolist() == [row]


@pytest.mark.parametrize(
    ("labels", "without", "known"),
    [
        (["none", "mild", "severe"], 0, {"none": 30, "mild": 30, "severe": 30}),
        (["NA", "0", "1"], 30, {"0": 30, "1": 30}),
        (["", "mild", "severe"], 30, {"mild": 30, "severe": 30}),
    ],
)
def test_init_drops_the_rows_that_training_drops(tmp_path, monkeypatch, labels, without, known):
    monkeypatch.chdir(tmp_path)
    write_labeled(tmp_path, [labels[k % 3] for k in range(90)])
    drafted = draft("t.csv", ["y"], None, tmp_path, ["dataset.features=[a, b]"])
    assert (drafted.without_target, drafted.classes) == (without, known)
    code, said = invoked("init", "t.csv", "--target", "y", "-o", "-")
    assert code == 0
    assert (
        ("without a target" in said) == ("\n  drop_missing_targets: true" in said) == bool(without)
    )


def test_the_weight_and_the_part_of_a_dropped_row_may_be_blank(tmp_path):
    parts = ["train", "train", "validation", "test"]
    rows = [
        [k / 7, "", "", ""] if k == 21 else [k / 7, 1, parts[k % 4], "pq"[k % 3 % 2]]
        for k in range(80)
    ]
    write_csv(tmp_path / "t.csv", ["a", "w", "part", "y"], rows)
    settings = ["dataset.sample_weight=w", "dataset.split.column=part"]
    found = split(tmp_path, "dataset.drop_missing_targets=true", *settings)
    assert found.part_numbers[21] == -1
    assert sum(map(len, found.parts.values())) == 79
    rows[30][1] = ""  # of a row that is kept
    write_csv(tmp_path / "t.csv", ["a", "w", "part", "y"], rows)
    with pytest.raises(DataError, match=r"line 32 \(row 31\)"):
        split(tmp_path, "dataset.drop_missing_targets=true", *settings)


@pytest.mark.parametrize("row", ["21", "21,1", "1,21"])
def test_a_dropped_row_cannot_be_traced(tmp_path, row):
    write_labeled(tmp_path, ["" if k == 20 else "pq"[k % 2] for k in range(60)])
    text = CONFIG.replace("target: y", "target: y, drop_missing_targets: true")
    loaded = load_config(parse_source(text, "case.yaml", tmp_path))
    with pytest.raises(UsageError, match="row 21 has no target and is dropped"):
        trace_rows(loaded, row, 1)
    assert trace_rows(loaded, "20,22", 1).rows == [20, 22]


def test_a_column_that_is_blank_in_the_first_block_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "BLOCK", 400)
    rows = [[k / 7, "" if k < 150 else k % 9, "", "pq"[k % 2]] for k in range(200)]
    write_csv(tmp_path / "t.csv", ["a", "late", "never", "y"], rows)
    findings = split(tmp_path).column_roles.detected
    assert {name: finding.role for name, finding in findings.items()} == {
        "a": "numeric",
        "late": "numeric",
        "never": "ignored",
    }
    assert findings["never"].reason == "it is blank in every training row"


def test_words_for_gaps_count_in_rows_within_the_config(tmp_path):
    cells = ", ".join(f"['-', {k % 2}]" if k % 5 == 0 else f"[{k % 7}, {k % 2}]" for k in range(40))
    dataset = f"{{columns: [a, y], rows: [{cells}], target: y, reading: {{missing: ['-']}}}}"
    found = split(tmp_path, f"dataset={dataset}")
    assert found.column_roles.detected["a"].role == "numeric"
    assert found.target_values.classes == ["0", "1"]


def test_what_stands_in_a_dropped_row_is_not_looked_at(tmp_path):
    rows = [[k, k % 7, "yes" if k % 7 > 3 else "no"] for k in range(60)]
    write_csv(tmp_path / "t.csv", ["a", "b", "y"], [*rows, ["Total", "n = 60", ""]])
    text = "dataset: {path: t.csv, target: y, drop_missing_targets: true}\ntraining: {epochs: 2}\n"
    dropped = train_text(tmp_path, text)
    assert (dropped.run / "splits.csv").read_text().splitlines()[-1] == "61,dropped"
    assert evaluate(dropped.run, None).rows == 9


def test_eval_on_the_run_s_own_table_leaves_out_the_rows_that_the_run_dropped(tmp_path):
    table = write_labeled(tmp_path, ["" if k % 10 == 4 else "pq"[k % 2] for k in range(60)])
    run = train_text(tmp_path, CONFIG, "dataset.drop_missing_targets=true").run
    for baselines in (True, False):
        found = evaluate(run, str(table), all_rows=True, baselines=baselines, resamples=20)
        assert found.rows == 54
        assert found.warnings == [
            f"{table} is the table that the run was trained on: "
            "the rows it was trained on make its scores look better",
            "rows without a target, which the run dropped, are left out: 6",
        ]
    with table.open("a") as file:
        file.write("1,u,1,\n")  # another table, of which these rows are left out too
    found = evaluate(run, str(table), baselines=False, resamples=20, all_rows=True)
    assert found.rows == 54
    assert found.warnings[1:] == ["rows without a target are left out, as in training: 7"]
    table.write_text("a,b,w,y\n1,u,1,\n2,v,1,NaN\n")
    with pytest.raises(DataError, match="every row's target is missing"):
        evaluate(run, str(table), baselines=False, resamples=20)


def test_eval_refuses_rows_without_a_target_where_training_did(tmp_path):
    table = write_labeled(tmp_path, ["pq"[k % 2] for k in range(60)])
    run = train_text(tmp_path, CONFIG).run
    with table.open("a") as file:
        file.write("1,u,1,\n")
    with pytest.raises(DataError, match=r"line 62 \(row 61\)"):
        evaluate(run, str(table), baselines=False, resamples=20)
