"""Mistakes that were found in whole runs, and in the commands around them: each stays away."""

import os
import stat
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from workflow_runs import predicted, read_csv, train_text, write_csv

from bpnet.cli.app import app
from bpnet.config.loading import load
from bpnet.config.source import override, parse
from bpnet.data.encoding import Encoder
from bpnet.data.encoding.columns import EmbeddingColumn, NumericColumn
from bpnet.data.encoding.scalers import Linear
from bpnet.data.reading import delimited, streams
from bpnet.errors import DataError, UsageError
from bpnet.preparation.prepare import Survey, survey
from bpnet.runs.files import replacing
from bpnet.workflows import eval as evaluation
from bpnet.workflows.eval import evaluate, one_hot_codes
from bpnet.workflows.init import draft
from bpnet.workflows.trace import trace_rows
from bpnet.workflows.train import Trained

CONFIG = """\
dataset: {path: t.csv, target: y}
architecture: {hidden: [3]}
training: {epochs: 1}
"""
EMBEDDED = "dataset.preprocessing.columns={b: {kind: embedding, rare: 1}}"


def surveyed(folder: Path, *settings: str) -> Survey:
    """What training would find in the table."""
    source = override(parse(CONFIG, str(folder / "case.yaml")), settings)
    return survey(load(source), source, folder)


def write_labeled(folder: Path, labels: list[object]) -> Path:
    """A table with a number, a word, a weight and these labels."""
    rows = [[k % 13 + k / 100, "uvw"[k % 3], 1 + k % 2, label] for k, label in enumerate(labels)]
    return write_csv(folder / "t.csv", ["a", "b", "w", "y"], rows)


def invoked(*words: object) -> tuple[int, str]:
    """The exit code of a command, and what it said."""
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run that tells p, which is in four rows of five, from q."""
    folder = tmp_path_factory.mktemp("classes")
    write_labeled(folder, ["q" if k % 5 == 0 else "p" for k in range(100)])
    return train_text(
        folder, CONFIG, "dataset.sample_weight=w", "dataset.class_weight={q: 100, p: 1}", EMBEDDED
    )


# What the targets are


def test_classes_are_not_doubled_by_blocks_that_are_read_in_different_ways(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "BLOCK", 400)
    monkeypatch.setattr(delimited, "LARGE", 300)
    write_labeled(tmp_path, [f"00{k % 5 + 1}" for k in range(100)])
    found = surveyed(tmp_path).answers
    assert found.task == "classification"
    assert found.classes == ["001", "002", "003", "004", "005"]
    assert np.bincount(found.values).tolist() == [20] * 5


@pytest.mark.parametrize("gap", ["NA", "none", ""])
def test_a_gap_among_whole_numbers_is_no_class(tmp_path, gap):
    write_labeled(tmp_path, [gap if k % 10 == 4 else k % 2 for k in range(60)])
    found = surveyed(tmp_path, "dataset.drop_missing_targets=true").answers
    assert (found.task, found.classes) == ("classification", ["0", "1"])
    assert found.dropped is not None
    assert np.flatnonzero(found.dropped).tolist() == list(range(4, 60, 10))
    with pytest.raises(DataError, match=r"line 6 \(row 5\).*dataset\.drop_missing_targets"):
        surveyed(tmp_path)


@pytest.mark.parametrize("row", [0, 50])
def test_where_a_blank_stands_does_not_change_the_task(tmp_path, row):
    rows = [[k / 7, k % 2, "" if k == row else (k // 2) % 2] for k in range(60)]
    write_csv(tmp_path / "t.csv", ["a", "y", "z"], rows)
    found = surveyed(tmp_path, "dataset.target=[y, z]", "dataset.drop_missing_targets=true").answers
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


# Which rows and cells count


def test_the_weight_and_the_part_of_a_dropped_row_may_be_blank(tmp_path):
    parts = ["train", "train", "validation", "test"]
    rows = [
        [k / 7, "", "", ""] if k == 21 else [k / 7, 1, parts[k % 4], "pq"[k % 3 % 2]]
        for k in range(80)
    ]
    write_csv(tmp_path / "t.csv", ["a", "w", "part", "y"], rows)
    settings = ["dataset.sample_weight=w", "dataset.split.column=part"]
    found = surveyed(tmp_path, "dataset.drop_missing_targets=true", *settings)
    assert found.part_numbers[21] == -1
    assert sum(map(len, found.parts.values())) == 79
    rows[30][1] = ""  # of a row that is kept
    write_csv(tmp_path / "t.csv", ["a", "w", "part", "y"], rows)
    with pytest.raises(DataError, match=r"line 32 \(row 31\)"):
        surveyed(tmp_path, "dataset.drop_missing_targets=true", *settings)


@pytest.mark.parametrize("row", ["21", "21,1", "1,21"])
def test_a_dropped_row_cannot_be_traced(tmp_path, row):
    write_labeled(tmp_path, ["" if k == 20 else "pq"[k % 2] for k in range(60)])
    source = parse(
        CONFIG.replace("target: y", "target: y, drop_missing_targets: true"),
        str(tmp_path / "case.yaml"),
    )
    with pytest.raises(UsageError, match="row 21 has no target and is dropped"):
        trace_rows(tmp_path / "case.yaml", source, row, 1)
    assert trace_rows(tmp_path / "case.yaml", source, "20,22", 1).rows == [20, 22]


def test_a_column_that_is_blank_in_the_first_block_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "BLOCK", 400)
    rows = [[k / 7, "" if k < 150 else k % 9, "", "pq"[k % 2]] for k in range(200)]
    write_csv(tmp_path / "t.csv", ["a", "late", "never", "y"], rows)
    findings = surveyed(tmp_path).profile.findings
    assert {name: finding.role for name, finding in findings.items()} == {
        "a": "numeric",
        "late": "numeric",
        "never": "ignored",
    }
    assert findings["never"].reason == "it is blank in every training row"


def test_words_for_gaps_count_in_rows_within_the_config(tmp_path):
    cells = ", ".join(f"['-', {k % 2}]" if k % 5 == 0 else f"[{k % 7}, {k % 2}]" for k in range(40))
    dataset = f"{{columns: [a, y], rows: [{cells}], target: y, reading: {{missing: ['-']}}}}"
    found = surveyed(tmp_path, f"dataset={dataset}")
    assert found.profile.findings["a"].role == "numeric"
    assert found.answers.classes == ["0", "1"]


# Evaluating


def test_the_rows_that_baselines_are_fitted_to_are_told(classes, monkeypatch):
    assert evaluate(classes.run, None, resamples=20).warnings == []
    monkeypatch.setattr(evaluation, "_MOST_BASELINE_ROWS", 20)
    (warning,) = evaluate(classes.run, None, resamples=20).warnings
    assert "the baselines are fitted to 20 of" in warning
    assert "training rows, evenly spaced" in warning


def test_the_majority_is_that_of_the_rows_and_not_of_the_class_weights(classes):
    found = evaluate(classes.run, None, resamples=20)
    majority = next(
        baseline for baseline in found.baselines if baseline.name == "the majority class"
    )
    parts = [row["part"] for row in read_csv(classes.run / "splits.csv")]
    test = [k for k, part in enumerate(parts) if part == "test"]
    assert majority.figures["accuracy"] == pytest.approx(np.mean([k % 5 != 0 for k in test]))


def test_the_majority_weighs_the_rows_by_their_own_weights(tmp_path):
    rows = [[k / 7, 9 if k % 5 == 0 else 1, "q" if k % 5 == 0 else "p"] for k in range(100)]
    write_csv(tmp_path / "t.csv", ["a", "w", "y"], rows)
    trained = train_text(tmp_path, CONFIG, "dataset.sample_weight=w")
    found = evaluate(trained.run, str(tmp_path / "t.csv"), resamples=20)
    majority = next(
        baseline for baseline in found.baselines if baseline.name == "the majority class"
    )
    assert majority.figures["accuracy"] == pytest.approx(
        0.2
    )  # it says q, of which 20 rows weigh 180


def test_one_hot_codes_need_no_more_memory_than_their_rows():
    levels = [f"c{k}" for k in range(3000)]
    number = NumericColumn(
        name="a", scale=Linear(by="none", subtract=0, divide=1), fill=0.0, lowest=0, highest=1
    )
    encoder = Encoder(columns=[EmbeddingColumn(name="b", levels=levels, fill="c0", size=4), number])
    x = np.array([[2, 0.5], [0, 0.25], [2999, 0.125]])
    tracemalloc.start()
    wide = one_hot_codes(encoder, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * wide.nbytes < 1e6
    assert wide.shape == (3, 3001)
    assert wide[:, 0].tolist() == [0.5, 0.25, 0.125]
    assert [np.flatnonzero(row).tolist() for row in wide[:, 1:]] == [[2], [0], [2999]]


def test_baselines_are_left_out_where_their_one_hot_columns_are_too_large(classes, monkeypatch):
    monkeypatch.setattr(
        evaluation, "MOST_IN_MEMORY", 100_000
    )  # 20 rows, but 50,000 that baselines are fitted to
    found = evaluate(classes.run, None, resamples=20)
    assert found.baselines == []
    assert ["too many to compare on" in warning for warning in found.warnings] == [True]


def test_a_run_whose_classes_are_not_all_in_the_test_part_is_evaluated(tmp_path):
    labels = ["1.0" if k % 2 else "2.0" for k in range(50)] + ["other"] * 10
    write_labeled(tmp_path, labels)
    trained = train_text(tmp_path, CONFIG, "dataset.split={validation: 0, test_rows: [1, 2, 3, 4]}")
    assert evaluate(trained.run, None, resamples=20).rows == 4


def test_a_target_that_is_too_large_is_named_with_its_line(tmp_path):
    write_labeled(tmp_path, [k / 3 for k in range(60)])
    trained = train_text(tmp_path, CONFIG)
    write_labeled(tmp_path, [1e300 if k == 3 else k / 3 for k in range(60)])
    with pytest.raises(
        DataError, match=r"t\.csv, line 5 \(row 4\), column 'y': 1e\+300 is too large"
    ):
        evaluate(trained.run, str(tmp_path / "t.csv"), baselines=False, resamples=20)


# Predicting


def test_top_classes_come_without_probabilities_where_none_are_wanted(classes):
    table = classes.run.parents[1] / "t.csv"
    assert list(predicted(classes.run, table, top=2, probabilities=False)) == [
        "top_1_y",
        "top_2_y",
        "flags",
    ]
    assert "top_2_probability" in predicted(classes.run, table, top=2)


def test_a_table_with_cr_cr_lf_keeps_its_rows_in_predictions(classes, tmp_path):
    table = tmp_path / "t.csv"
    table.write_bytes(b"a,b,w\r\r\n" + b"1,u,1\r\r\n" * 30)
    code, _ = invoked("predict", classes.run, table, "-o", tmp_path / "o.csv")
    assert code == 0
    rows = read_csv(tmp_path / "o.csv")
    assert [(row["a"], row["b"], row["w"]) for row in rows] == [("1", "u", "1")] * 30
    assert {row["predicted_y"] for row in rows} <= {"p", "q"}


def test_output_into_a_folder_is_refused(classes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = classes.run.parents[1] / "t.csv"
    for folder in (".", tmp_path):
        code, said = invoked("predict", classes.run, table, "-o", folder, "--format", "csv")
        assert code == 5
        assert "give the name of a file" in said
    assert list(tmp_path.iterdir()) == []


def test_an_output_name_that_says_no_format_is_refused(classes, tmp_path):
    table = classes.run.parents[1] / "t.csv"
    code, said = invoked("predict", classes.run, table, "-o", tmp_path / "x.foo")
    assert code == 2
    assert "say what to write with --format" in said
    assert list(tmp_path.iterdir()) == []
    assert (
        invoked("predict", classes.run, table, "-o", tmp_path / "x.foo", "--format", "csv")[0] == 0
    )
    assert len(read_csv(tmp_path / "x.foo")) == 100


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with replacing(pipe) as stream:
            stream.write(b"rows\n")
        assert stat.S_ISFIFO(pipe.stat().st_mode)
        assert os.read(reader, 100) == b"rows\n"
    finally:
        os.close(reader)


def test_what_a_link_points_to_is_replaced(tmp_path):
    (tmp_path / "own").mkdir()
    target, link = tmp_path / "own" / "target.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)
    with replacing(link) as stream:
        stream.write(b"new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["link.csv", "own", "target.csv"]


def test_what_stands_in_a_dropped_row_is_not_looked_at(tmp_path):
    rows = [[k, k % 7, "yes" if k % 7 > 3 else "no"] for k in range(60)]
    write_csv(tmp_path / "t.csv", ["a", "b", "y"], [*rows, ["Total", "n = 60", ""]])
    text = "dataset: {path: t.csv, target: y, drop_missing_targets: true}\ntraining: {epochs: 2}\n"
    dropped = train_text(tmp_path, text)
    assert (dropped.run / "splits.csv").read_text().splitlines()[-1] == "61,dropped"
    assert evaluate(dropped.run, None).rows == 9
