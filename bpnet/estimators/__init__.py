"""Estimators of scikit-learn: `BPNetClassifier` and `BPNetRegressor`.

>>> from bpnet.estimators import BPNetClassifier
>>> from sklearn.model_selection import cross_validate
>>> cross_validate(BPNetClassifier(hidden=[32], epochs=100), X, y)

They train as `bpnet.train` does, with the config's keys as parameters, and predict as it does. All
rows that `fit` takes are training and validation rows. Errors become ValueError, with the same
texts, as scikit-learn expects. Callbacks, which scikit-learn has from 1.9 on, follow the epochs.
"""

from bpnet.estimators.classifier import BPNetClassifier
from bpnet.estimators.regressor import BPNetRegressor

__all__ = ["BPNetClassifier", "BPNetRegressor"]
