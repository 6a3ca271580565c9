"""The peers of suite.py: the same jobs in PyTorch, eager, and in scikit-learn."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier
from suite_bpnet import Weights
from suite_jobs import Job, Table, outputs
from threadpoolctl import threadpool_limits

try:
    import torch
except ModuleNotFoundError:
    sys.exit("PyTorch is not installed: pip install -e '.[bench]'")
from torch import nn

MODULES = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "relu": nn.ReLU}
CHUNK = 8192
"""Rows that PyTorch predicts at once: the fastest, or within 5 %, of 2,048 to 262,144."""

SCIKIT_LEARN_NAMES = {
    "tanh": "tanh",
    "sigmoid": "logistic",
    "relu": "relu",
    "adam": "adam",
    "gradient_descent": "sgd",
}


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Limit NumPy, scikit-learn and PyTorch to this number of threads."""
    with threadpool_limits(threads):
        torch.set_num_threads(threads)
        yield


def make_module(job: Job, table: Table, start: Weights) -> nn.Sequential:
    """Build the network with these weights."""
    widths = [table.x.shape[1], *job.hidden]
    layers: list[nn.Module] = []
    for inputs, units in zip(widths, job.hidden, strict=False):
        layers += [nn.Linear(inputs, units), MODULES[job.activation]()]
    module = nn.Sequential(*layers, nn.Linear(widths[-1], outputs(table)))
    linear = [layer for layer in module if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, (weight, bias) in zip(linear, start, strict=True):
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
    return module


def torch_training(job: Job, table: Table, start: Weights, log_path: Path) -> Callable[[], float]:
    """Return a function that trains with PyTorch and returns the last loss.

    It writes a row of CSV for each epoch. Sums stay in tensors until the epoch is over; a single
    batch of all rows is neither shuffled nor copied, and needs no sums.
    """
    binary = table.classes == 2
    rows, size = len(table.x), job.at_once(len(table.x))
    x = torch.from_numpy(table.x)
    y = torch.from_numpy(table.labels)
    y = y.float()[:, None] if binary else y
    module = make_module(job, table, start)
    loss_of = nn.BCEWithLogitsLoss() if binary else nn.CrossEntropyLoss()
    make = torch.optim.Adam if job.optimizer == "adam" else torch.optim.SGD
    optimizer = make(module.parameters(), lr=job.learning_rate)
    torch.manual_seed(0)

    def step(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        optimizer.zero_grad(set_to_none=True)
        scores = module(x)
        loss = loss_of(scores, y)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            right = ((scores > 0) == (y > 0.5)) if binary else scores.argmax(1) == y
            return loss.detach(), right.sum()

    def epoch() -> tuple[float, int]:
        if size == rows:
            loss, right = step(x, y)
            return loss.item(), int(right.item())
        total, hits = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for picked in torch.randperm(rows).split(size):
            loss, right = step(x.index_select(0, picked), y.index_select(0, picked))
            total.add_(loss, alpha=len(picked))
            hits.add_(right)
        return total.item() / rows, int(hits.item())

    def run() -> float:
        per_epoch = -(-rows // size)
        with open(log_path, "w", encoding="utf-8", newline="\n") as file:
            file.write("epoch,step,loss,accuracy,learning_rate\n")
            for number in range(1, job.epochs + 1):
                loss, right = epoch()
                file.write(
                    f"{number},{number * per_epoch},{loss!r},{right / rows!r},"
                    f"{job.learning_rate!r}\n"
                )
        return loss

    return run


def torch_predicting(
    job: Job, table: Table, start: Weights, log_path: Path
) -> Callable[[], np.ndarray]:
    """Return a function that predicts with PyTorch and returns the probabilities (N, O)."""
    module, x = make_module(job, table, start).eval(), torch.from_numpy(table.x)

    def run() -> np.ndarray:
        with torch.inference_mode():
            return torch.cat([torch.softmax(module(chunk), 1) for chunk in x.split(CHUNK)]).numpy()

    return run


def fitted(job: Job, table: Table, start: Weights) -> MLPClassifier:
    """Return a classifier whose next fit starts from these weights, as if it were its first.

    It has been fitted to a row of each class, because otherwise `fit` would draw its own weights.
    """
    model = MLPClassifier(
        job.hidden,
        activation=SCIKIT_LEARN_NAMES[job.activation],
        solver=SCIKIT_LEARN_NAMES[job.optimizer],
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
    _, first = np.unique(table.labels, return_index=True)
    with warnings.catch_warnings(action="ignore"):
        model.fit(table.x[first], table.labels[first])
    model.coefs_ = [np.ascontiguousarray(weight.T) for weight, _ in start]
    model.intercepts_ = [bias.copy() for _, bias in start]
    model.loss_curve_, model.best_loss_, model._no_improvement_count, model.t_ = [], np.inf, 0, 0
    return model.set_params(max_iter=job.epochs)


def sklearn_training(job: Job, table: Table, start: Weights, log_path: Path) -> Callable[[], float]:
    """Return a function that trains with scikit-learn and returns the last loss."""
    model = fitted(job, table, start)

    def run() -> float:
        with warnings.catch_warnings(action="ignore"):  # of not having converged
            model.fit(table.x, table.labels)
        if model.n_iter_ != job.epochs or model.coefs_[0].dtype != np.float32:
            sys.exit(f"scikit-learn took {model.n_iter_} epochs in {model.coefs_[0].dtype}")
        return float(model.loss_)

    return run


def sklearn_predicting(
    job: Job, table: Table, start: Weights, log_path: Path
) -> Callable[[], np.ndarray]:
    """Return a function that predicts with scikit-learn and returns the probabilities (N, O)."""
    model = fitted(job, table, start)
    return lambda: model.predict_proba(table.x)
