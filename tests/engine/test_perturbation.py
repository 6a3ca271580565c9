"""Perturbation follows no gradient: it tries, and keeps what lowers the loss."""

import itertools

import numpy as np
import pytest

from bpnet.engine.optimizers import Perturbation


class Scripted:
    """A generator that draws what it is told."""

    def __init__(self, *draws):
        self.draws = list(draws)

    def integers(self, high):
        index, self.noise = self.draws.pop(0)
        assert 0 <= index < high
        return index

    def standard_normal(self):
        return self.noise


def search(optimizer, theta, generators, rate, steps, loss):
    theta = np.array(theta)
    state = optimizer.bind(theta, np.zeros_like(theta), theta.shape[1])
    state.generators = generators
    path = []
    for _ in range(steps):
        optimizer.search(state, rate, loss(theta), lambda: loss(theta))
        path.append(theta.copy())
    return np.array(path)


def squared_length(theta):
    return (theta**2).sum(axis=1)


def test_perturbation_by_hand():
    # the first: 1 - 0.2 is better, 1 + 0.3 is not, 1 - 2 is as good and so not kept, and 0.8 - 0.3
    # is better; the second moves the other way round at its own pace
    draws = [
        Scripted((0, -2.0), (1, 3.0), (1, -20.0), (0, -3.0)),
        Scripted((1, 1.0), (0, -1.0), (0, 0.0), (1, -1.0)),
    ]
    path = search(Perturbation(), [[1.0, 1.0], [1.0, 1.0]], draws, 0.1, 4, squared_length)
    np.testing.assert_allclose(path[:, 0], [[0.8, 1], [0.8, 1], [0.8, 1], [0.5, 1]], rtol=1e-14)
    np.testing.assert_allclose(path[:, 1], [[1, 1], [0.9, 1], [0.9, 1], [0.9, 0.9]], rtol=1e-14)


def test_perturbation_in_turn():
    generators = [np.random.default_rng(0)]
    path = search(
        Perturbation(order="cyclic"), np.full((1, 3), 1e6), generators, 1.0, 30, squared_length
    )
    for step, (before, after) in enumerate(itertools.pairwise(path), start=1):
        assert set(np.flatnonzero(before != after) % 3) <= {step % 3}
    assert (path[-1] != 1e6).all()


@pytest.mark.parametrize("order", ["random", "cyclic"])
def test_perturbation_never_raises_the_loss_and_converges(order):
    centre, curvature = np.array([[1.0, -1.0]]), np.array([1.0, 10.0])

    def loss(theta):
        return (curvature * (theta - centre) ** 2).sum(axis=1)

    path = search(
        Perturbation(order=order), [[0.0, 0.0]], [np.random.default_rng(0)], 0.1, 3000, loss
    )
    losses = np.array([loss(theta)[0] for theta in path])
    assert (np.diff(losses) <= 0).all()
    np.testing.assert_allclose(path[-1], centre, atol=1e-2)


def test_perturbation_undoes_what_has_no_loss_any_more():
    path = search(
        Perturbation(),
        [[1.0]],
        [Scripted((0, -1.0))],
        0.1,
        1,
        lambda theta: np.where(theta[:, 0] < 1, np.nan, 1.0),
    )
    assert path[-1].tolist() == [[1.0]]


def test_perturbation_with_one_learning_rate_each():
    draws = [Scripted((0, -1.0)), Scripted((0, -1.0))]
    path = search(
        Perturbation(), [[1.0], [1.0]], draws, np.array([[0.1], [0.5]]), 1, squared_length
    )
    np.testing.assert_allclose(path[-1], [[0.9], [0.5]], rtol=1e-15)
