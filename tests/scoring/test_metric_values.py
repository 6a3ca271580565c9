"""Metric values are those of the scores, by scikit-learn, and need no scikit-learn themselves."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.targets import Classes, Labels, Quantities
from bpnet.scoring.metric_values import metric_values
from bpnet.scoring.metrics import EVALUATION_METRICS
from bpnet.scoring.scores import score_predictions


def agree(target, task, true, predicted):
    names = [metric.name for metric in EVALUATION_METRICS[task]]
    scores = score_predictions(target, true, predicted, np.random.default_rng(0), resamples=2)
    expected = {score.name: score.value for score in scores.figures}
    found = metric_values(target, true, predicted, names)
    assert list(found) == names
    for name, value in expected.items():
        close = pytest.approx(value, rel=1e-9, abs=1e-12) if value is not None else None
        assert found[name] == close, name
    some = metric_values(target, true, predicted, names[:1])
    assert some == {names[0]: found[names[0]]}


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(1, 25),
    count=st.integers(2, 4),
    first=st.booleans(),
)
def test_classes(seed, rows, count, first):
    rng = np.random.default_rng(seed)
    names = list("abcd")[:count]
    target = Classes(name="y", classes=names, positive="a" if first and count == 2 else None)
    true = rng.integers(0, rng.integers(1, count + 1), rows)
    p = rng.integers(1, 5, (rows, count)) + 0.0
    agree(target, "classification", true, p / p.sum(axis=1, keepdims=True))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), rows=st.integers(1, 25), count=st.integers(1, 3))
def test_labels(seed, rows, count):
    rng = np.random.default_rng(seed)
    true = (rng.random((rows, count)) < rng.choice([0, 0.3, 1], count)).astype(int)
    target = Labels(names=list("abc")[:count])
    agree(target, "multilabel", true, rng.integers(1, 5, (rows, count)) / 5)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(1, 25),
    count=st.integers(1, 3),
    size=st.sampled_from([1e-200, 0.1, 1e200]),
)
def test_quantities(seed, rows, count, size):
    rng = np.random.default_rng(seed)
    target = Quantities(
        names=list("abc")[:count],
        scales=[LinearScaler(by="none", subtract=0.0, divide=1.0)] * count,
    )
    true = rng.integers(0, 9, (rows, count)) * size
    agree(target, "regression", true, true + rng.integers(-3, 4, (rows, count)) * size)


def test_scikit_learn_is_not_imported():
    code = "import sys, bpnet.workflows.train_folds; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
