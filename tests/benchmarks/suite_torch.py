"""PyTorch's sides of suite.py: eager with its defaults, and compiled."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from suite_bpnet import Weights
from suite_jobs import Job, Table, outputs
from torch import nn

MODULES = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "relu": nn.ReLU}
CHUNK = 8192
"""Rows that PyTorch predicts at once: the fastest, or within 5 %, of 2,048 to 262,144."""
COMPILING_STEPS = 3
"""Steps of each batch size after which nothing is compiled any more."""


def make_module(job: Job, table: Table, start: Weights) -> nn.Sequential:
    """Build the network with these weights."""
    widths = [table.x.shape[1], *job.hidden]
    layers: list[nn.Module] = []
    for inputs, units in zip(widths, job.hidden, strict=False):
        layers += [nn.Linear(inputs, units), MODULES[job.activation]()]
    module = nn.Sequential(*layers, nn.Linear(widths[-1], outputs(table)))
    set_weights(module, start)
    return module


def set_weights(module: nn.Sequential, start: Weights) -> None:
    """Give the network these weights."""
    linear = [layer for layer in module if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, (weight, bias) in zip(linear, start, strict=True):
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))


def training(
    job: Job, table: Table, start: Weights, log_path: Path, *, compiled: bool = False
) -> Callable[[], float]:
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
    losses = {0: nn.MSELoss(), 2: nn.BCEWithLogitsLoss()}
    loss_of = losses.get(table.classes, nn.CrossEntropyLoss())
    make = torch.optim.Adam if job.optimizer == "adam" else torch.optim.SGD
    optimizer = make(module.parameters(), lr=job.learning_rate)
    torch.manual_seed(0)

    def assess(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scores = module(x)
        loss = loss_of(scores, y)
        with torch.no_grad():
            if not table.classes:
                return loss, torch.zeros(())
            right = ((scores > 0) == (y > 0.5)) if binary else scores.argmax(1) == y
            return loss, right.sum()

    update = optimizer.step
    if compiled:
        torch.compiler.reset()  # or else a function has only so many compiled forms
        assess, update = torch.compile(assess, dynamic=False), torch.compile(update)

    def step(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        optimizer.zero_grad(set_to_none=True)
        loss, right = assess(x, y)
        loss.backward()
        update()
        return loss.detach(), right

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

    if compiled:
        for few in {size, rows % size or size}:
            for _ in range(COMPILING_STEPS):
                step(x[:few], y[:few])
        set_weights(module, start)
        for state in optimizer.state.values():
            for value in filter(torch.is_tensor, state.values()):
                value.zero_()
    return run


def predicting(
    job: Job, table: Table, start: Weights, log_path: Path, *, compiled: bool = False
) -> Callable[[], np.ndarray]:
    """Return a function that predicts with PyTorch and returns the probabilities (N, O)."""
    module, x = make_module(job, table, start).eval(), torch.from_numpy(table.x)

    def predict(chunk: torch.Tensor) -> torch.Tensor:
        return torch.softmax(module(chunk), 1)

    if compiled:
        torch.compiler.reset()
        predict = torch.compile(predict, dynamic=False)

    def run() -> np.ndarray:
        with torch.inference_mode():
            return torch.cat([predict(chunk) for chunk in x.split(CHUNK)]).numpy()

    if compiled:
        run()
    return run


compiled_training = partial(training, compiled=True)
compiled_predicting = partial(predicting, compiled=True)
