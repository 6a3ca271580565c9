"""scikit-learn's side of suite.py."""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
from suite_bpnet import Weights
from suite_jobs import Job, Table

NAMES = {
    "tanh": "tanh",
    "sigmoid": "logistic",
    "relu": "relu",
    "adam": "adam",
    "gradient_descent": "sgd",
}


def fitted(job: Job, table: Table, start: Weights) -> MLPClassifier | MLPRegressor:
    """Return an estimator whose next fit starts from these weights, as if it were its first.

    It has been fitted to a row of each class, because otherwise `fit` would draw its own weights.
    """
    model = (MLPClassifier if table.classes else MLPRegressor)(
        hidden_layer_sizes=job.hidden,
        activation=NAMES[job.activation],
        solver=NAMES[job.optimizer],
        alpha=0.0,
        batch_size=job.at_once(len(table.x)),
        learning_rate_init=job.learning_rate,
        momentum=0.0,
        nesterovs_momentum=False,
        max_iter=1,
        tol=0.0,
        n_iter_no_change=job.epochs + 1,
        shuffle=job.batch_size is not None,
        random_state=0,
        warm_start=True,
    )
    first = np.unique(table.labels, return_index=True)[1] if table.classes else [0]
    with warnings.catch_warnings(action="ignore"):
        model.fit(table.x[first], table.labels[first])
    model.coefs_ = [np.ascontiguousarray(weight.T) for weight, _ in start]
    model.intercepts_ = [bias.copy() for _, bias in start]
    model.loss_curve_, model.best_loss_, model._no_improvement_count, model.t_ = [], np.inf, 0, 0
    return model.set_params(max_iter=job.epochs)


def training(job: Job, table: Table, start: Weights, log_path: Path) -> Callable[[], float]:
    """Return a function that trains with scikit-learn and returns the last loss."""
    model = fitted(job, table, start)

    def run() -> float:
        with warnings.catch_warnings(action="ignore"):  # of not having converged
            model.fit(table.x, table.labels)
        if model.n_iter_ != job.epochs or model.coefs_[0].dtype != np.float32:
            sys.exit(f"scikit-learn took {model.n_iter_} epochs in {model.coefs_[0].dtype}")
        return float(model.loss_) * (1 if table.classes else 2)  # of numbers half the squared error

    return run


def predicting(job: Job, table: Table, start: Weights, log_path: Path) -> Callable[[], np.ndarray]:
    """Return a function that predicts with scikit-learn and returns the probabilities (N, O)."""
    model = fitted(job, table, start)
    return lambda: model.predict_proba(table.x)
