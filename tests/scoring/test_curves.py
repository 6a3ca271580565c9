"""Counts and curves of predictions, to the bit those of scikit-learn."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import calibration, metrics

from bpnet.scoring.curves import calibration_curve, class_scores, confusion_matrix

NUMBERS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


@given(NUMBERS)
def test_counts_and_scores_of_classes(pairs: list[tuple[int, int]]) -> None:
    true, predicted = np.array(pairs, np.uint8).T
    expected = metrics.confusion_matrix(true, predicted, labels=range(4))
    np.testing.assert_array_equal(confusion_matrix(true, predicted, 4), expected)
    scores = metrics.precision_recall_fscore_support(
        true, predicted, labels=range(4), zero_division=0
    )
    np.testing.assert_array_equal(class_scores(true, predicted, 4), np.column_stack(scores))


@pytest.mark.parametrize("rows", [1, 3, 40, 500])
def test_calibration_curve(rows: int) -> None:
    generator = np.random.default_rng(rows)
    probability = np.r_[generator.random(rows), np.linspace(0, 1, 11)]
    true = generator.random(rows + 11) < probability
    observed, predicted = calibration.calibration_curve(true, probability, n_bins=10)
    curve = calibration_curve(true, probability)
    np.testing.assert_array_equal(curve.observed, observed)
    np.testing.assert_array_equal(curve.predicted, predicted)
    assert curve.rows.sum() == rows + 11


def test_they_do_not_wait_for_scikit_learn() -> None:
    code = (
        "import sys, numpy as np; from bpnet.scoring import curves; y = np.array([0, 1]);"
        "curves.class_scores(y, y, 2); curves.calibration_curve(y, y / 2);"
        "print('sklearn' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"
