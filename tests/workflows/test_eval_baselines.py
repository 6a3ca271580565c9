"""Baselines of an evaluation, and what they are fitted to."""

import tracemalloc

import numpy as np
import pytest
from labeled_runs import CONFIG, write_labeled
from workflow_runs import train_text, write_csv

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.columns import EmbeddingColumn, NumericColumn
from bpnet.data.encoding.scalers import LinearScaler
from bpnet.errors import DataError
from bpnet.workflows import eval_baselines
from bpnet.workflows.eval import evaluate
from bpnet.workflows.eval_baselines import one_hot_codes


def test_the_rows_that_baselines_are_fitted_to_are_told(classes, monkeypatch):
    assert evaluate(classes.run, None, resamples=20).warnings == []
    monkeypatch.setattr(eval_baselines, "_MAX_TRAINING_ROWS", 20)
    (warning,) = evaluate(classes.run, None, resamples=20).warnings
    assert "the baselines are fitted to 20 of" in warning
    assert "training rows, evenly spaced" in warning


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
        name="a", scale=LinearScaler(by="none", subtract=0, divide=1), fill=0.0, lowest=0, highest=1
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
        eval_baselines, "MOST_IN_MEMORY", 100_000
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
        evaluate(trained.run, str(tmp_path / "t.csv"), baselines=False, resamples=20, all_rows=True)
