"""The estimators pass all checks that scikit-learn has for its own, with none expected to fail."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from bpnet.estimators import BPNetClassifier, BPNetRegressor

# all rows in one step, on the numbers as they are: so that a weight of 2 is a row twice
PLAIN = {
    "dataset": {
        "preprocessing": {"numeric": "none", "target": "none"},
        "split": {"validation": 0},
    },
    "architecture": {"hidden": [16], "activation": "tanh"},
    "training": {
        "epochs": 150,
        "batch_size": "full",
        "learning_rate": 0.03,
        "precision": "float64",
    },
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bpnet.BpnetWarning")
@parametrize_with_checks([BPNetClassifier(config=PLAIN), BPNetRegressor(config=PLAIN)])
def test_check(estimator, check):
    check(estimator)
