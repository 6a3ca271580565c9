"""JAX's side of suite.py: an epoch is one compiled function, its steps a `lax.scan`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from suite_bpnet import Weights
from suite_jobs import Job, Table

ACTIVATIONS = {"tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu}
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

Tree = Any
"""Arrays in lists and tuples, as JAX takes them apart."""


def scores_of(job: Job, layers: Tree, x: jax.Array) -> jax.Array:
    """Return the scores (B, O) of rows x (B, I)."""
    *hidden, (weight, bias) = layers
    for inner, shift in hidden:
        x = ACTIVATIONS[job.activation](x @ inner + shift)
    return x @ weight + bias


def assess(
    job: Job, classes: int, layers: Tree, x: jax.Array, y: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the loss and the number of right rows, 0 where the labels y are numbers."""
    scores = scores_of(job, layers, x)
    if not classes:
        return jnp.mean((scores - y) ** 2), jnp.zeros((), int)
    if classes == 2:
        score = scores[:, 0]
        return jnp.mean(jax.nn.softplus(score) - y * score), jnp.sum((score > 0) == (y == 1))
    logs = jax.nn.log_softmax(scores)
    loss = -jnp.mean(jnp.take_along_axis(logs, y[:, None], 1))
    return loss, jnp.sum(scores.argmax(1) == y)


def moved(job: Job, state: Tree, gradient: Tree) -> Tree:
    """Return the layers, both moments and the number of steps after one more step."""
    layers, first, second, count = state
    each = jax.tree.map
    if job.optimizer != "adam":
        step = each(lambda w, g: w - job.learning_rate * g, layers, gradient)
        return step, first, second, count
    count += 1
    first = each(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradient)
    second = each(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradient)
    rate, root = job.learning_rate / (1 - BETA1**count), jnp.sqrt(1 - BETA2**count)
    step = each(
        lambda w, m, v: w - rate * m / (jnp.sqrt(v) / root + EPSILON), layers, first, second
    )
    return step, first, second, count


def training(job: Job, table: Table, start: Weights, log_path: Path) -> Callable[[], float]:
    """Return a function that trains with JAX and returns the last loss; it is compiled before.

    It writes a row of CSV for each epoch. The orders of rows are NumPy's, which are drawn faster.
    """
    rows, size = len(table.x), job.at_once(len(table.x))
    whole = rows // size * size  # the rows of all batches but a shorter last one
    x, y = jnp.asarray(table.x), jnp.asarray(table.labels)

    def step(state: Tree, x: jax.Array, y: jax.Array) -> tuple[Tree, tuple[jax.Array, jax.Array]]:
        measure = jax.value_and_grad(partial(assess, job, table.classes), has_aux=True)
        (loss, right), gradient = measure(state[0], x, y)
        return moved(job, state, gradient), (loss * len(x), right)

    def epoch(state: Tree, order: jax.Array) -> tuple[Tree, jax.Array, jax.Array]:
        if size == rows:
            state, (loss, right) = step(state, x, y)
            return state, loss / rows, right

        def at(state: Tree, picked: jax.Array) -> tuple[Tree, tuple[jax.Array, jax.Array]]:
            return step(state, x[picked], y[picked])

        state, (losses, rights) = jax.lax.scan(at, state, order[:whole].reshape(-1, size))
        loss, right = losses.sum(), rights.sum()
        if whole < rows:
            state, (last, hits) = at(state, order[whole:])
            loss, right = loss + last, right + hits
        return state, loss / rows, right

    layers = [(jnp.asarray(weight.T), jnp.asarray(bias)) for weight, bias in start]
    zeros = jax.tree.map(jnp.zeros_like, layers)
    first = (layers, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros(()))
    compiled = jax.jit(epoch, donate_argnums=0).lower(first, np.arange(rows)).compile()

    def run() -> float:
        state, random, order = first, np.random.default_rng(0), np.arange(rows)
        per_epoch = -(-rows // size)
        with open(log_path, "w", encoding="utf-8", newline="\n") as file:
            file.write("epoch,step,loss,accuracy,learning_rate\n")
            for number in range(1, job.epochs + 1):
                if size < rows:
                    order = random.permutation(rows)
                state, loss, right = compiled(state, order)
                file.write(
                    f"{number},{number * per_epoch},{float(loss)!r},{int(right) / rows!r},"
                    f"{job.learning_rate!r}\n"
                )
        return float(loss)

    return run


def predicting(job: Job, table: Table, start: Weights, log_path: Path) -> Callable[[], np.ndarray]:
    """Return a function that predicts with JAX and returns the probabilities (N, O)."""
    layers = [(jnp.asarray(weight.T), jnp.asarray(bias)) for weight, bias in start]
    x = jnp.asarray(table.x)
    predict = jax.jit(lambda layers, x: jax.nn.softmax(scores_of(job, layers, x)))
    compiled = predict.lower(layers, x).compile()
    return lambda: np.asarray(compiled(layers, x))
