"""Optimizers: steps by hand, a reference from the definitions, convergence on a quadratic."""

import math
from typing import get_args

import numpy as np
import pytest
from engine_cases import DESCENDING, STEPPING, named
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from bpnet.engine.optimizers import (
    Adagrad,
    Adam,
    AdamW,
    AnyOptimizer,
    BayesianRegularization,
    GradientDescent,
    Lbfgs,
    LevenbergMarquardt,
    Momentum,
    Muon,
    NAdam,
    Nesterov,
    Perturbation,
    RmsProp,
    Rprop,
)

KINDS = [type(one) for one in DESCENDING]
"""Those that follow a gradient."""


def test_every_optimizer_is_in_the_tables():
    assert set(BY_HAND) == set(RATE) == {*DIRECTION, Rprop} == set(KINDS)
    assert {type(one) for one in STEPPING} - set(KINDS) == {Perturbation}
    full_batch = {BayesianRegularization, Lbfgs, LevenbergMarquardt}  # see test_second_order.py
    assert {*KINDS, Perturbation, *full_batch} == set(get_args(AnyOptimizer))


def run(optimizer, theta, gradients, rate, *, weights=None, dtype=np.float64):
    """Theta after each of the steps, from theta (R, P) by gradients (T, R, P)."""
    theta = np.array(theta, dtype, ndmin=2)
    gradients = [np.array(gradient, dtype, ndmin=2) for gradient in gradients]
    gradient = np.empty_like(theta)
    state = optimizer.bind(theta, gradient, theta.shape[1] if weights is None else weights)
    path = []
    for each in gradients:
        gradient[:] = each
        optimizer.step(state, rate)
        path.append(theta.copy())
    return np.array(path)


# One parameter starts at 1, the learning rate is 0.1, and the gradients are 2, -1, 4.
# For each optimizer: where it is after the first, second and third step, worked by hand.
#
# gradient_descent: 1 - 0.2 = 0.8;  0.8 + 0.1 = 0.9;  0.9 - 0.4 = 0.5.
# momentum 0.5: v = 2, then 1 - 1 = 0, then 0 + 4 = 4: 0.8; 0.8; 0.4.
# nesterov 0.5: the same v = 2, 0, 4; steps g + v/2 = 3, -1, 6: 0.7; 0.8; 0.2.
# rmsprop 0.75, epsilon 1: v = 4/4 = 1; 0.75 + 1/4 = 1; 0.75 + 16/4 = 4.75.
#     steps 2/(1 + 1) = 1; -1/(1 + 1) = -1/2; 4/(√4.75 + 1):
#     0.9; 0.95; 0.95 - 0.4/3.179449471770337.
# adagrad, epsilon 1: v = 4; 5; 21. steps 2/3; -1/(√5 + 1) = -0.3090169943749474; 4/(√21 + 1).
# adam ½ and ¾, epsilon 1: m = 1; 0; 2. v = 1; 1; 4.75.
#     m̂ = 1/(1/2) = 2; 0/(3/4) = 0; 2/(7/8) = 16/7.
#     v̂ = 1/(1/4) = 4; 1/(7/16) = 16/7; 4.75/(37/64) = 304/37.
#     steps 2/(2 + 1) = 2/3; 0; (16/7)/(√(304/37) + 1).
# adamw is the same after theta has been multiplied by 1 - 0.1 · 0.5 = 0.95.
# nadam ½ and ¾, epsilon 1, momentum_decay 250 so that 0.96^(t 250) = 3.6931e-5^t:
#     here it is computed as q.
# rprop 1.2 and 0.5: size 0.1 and 1 - 0.1 = 0.9; the sign turns: size 0.05 and a rest at 0.9;
#     after the rest there is no sign to compare with: size 0.05, 0.9 - 0.05 = 0.85.
Q = 0.96**250
MU_1, MU_2, MU_3, MU_4 = (0.5 * (1 - 0.5 * Q**t) for t in (1, 2, 3, 4))
NADAM_1 = ((1 - MU_1) * 2 / (1 - MU_1) + MU_2 * 1 / (1 - MU_1 * MU_2)) / (2 + 1)
NADAM_2 = ((1 - MU_2) * -1 / (1 - MU_1 * MU_2) + MU_3 * 0) / (math.sqrt(16 / 7) + 1)
NADAM_3 = (
    (1 - MU_3) * 4 / (1 - MU_1 * MU_2 * MU_3) + MU_4 * 2 / (1 - MU_1 * MU_2 * MU_3 * MU_4)
) / (math.sqrt(304 / 37) + 1)
ADAM_3 = (16 / 7) / (math.sqrt(304 / 37) + 1)
MOMENTS = {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 1.0}
BY_HAND = {
    GradientDescent: (GradientDescent(), [0.8, 0.9, 0.5]),
    Momentum: (Momentum(momentum=0.5), [0.8, 0.8, 0.4]),
    Nesterov: (Nesterov(momentum=0.5), [0.7, 0.8, 0.2]),
    RmsProp: (RmsProp(decay=0.75, epsilon=1.0), [0.9, 0.95, 0.95 - 0.4 / 3.179449471770337]),
    Adagrad: (
        Adagrad(epsilon=1.0),
        [0.9333333333333333, 0.9642350327708281, 0.9642350327708281 - 0.4 / 5.58257569495584],
    ),
    Adam: (Adam(**MOMENTS), [1 - 0.2 / 3, 1 - 0.2 / 3, 1 - 0.2 / 3 - 0.1 * ADAM_3]),
    AdamW: (
        AdamW(**MOMENTS, weight_decay=0.5),
        [
            0.95 - 0.2 / 3,
            0.95 * (0.95 - 0.2 / 3),
            0.95 * 0.95 * (0.95 - 0.2 / 3) - 0.1 * ADAM_3,
        ],
    ),
    # without a matrix it is adamw
    Muon: (
        Muon(**MOMENTS, weight_decay=0.5),
        [
            0.95 - 0.2 / 3,
            0.95 * (0.95 - 0.2 / 3),
            0.95 * 0.95 * (0.95 - 0.2 / 3) - 0.1 * ADAM_3,
        ],
    ),
    NAdam: (
        NAdam(**MOMENTS, momentum_decay=250),
        [1 - 0.1 * NADAM_1, 1 - 0.1 * (NADAM_1 + NADAM_2), 1 - 0.1 * (NADAM_1 + NADAM_2 + NADAM_3)],
    ),
    Rprop: (Rprop(), [0.9, 0.9, 0.85]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_three_steps_worked_by_hand(kind):
    optimizer, expected = BY_HAND[kind]
    path = run(optimizer, [[1.0]], [[[2.0]], [[-1.0]], [[4.0]]], 0.1)
    np.testing.assert_allclose(path[:, 0, 0], expected, rtol=1e-14)


def test_rprop_grows_shrinks_and_keeps_to_its_bounds():
    # same sign: 0.1, 0.12, then 0.144 is cut to 0.13; a turn halves it to 0.065 and rests; then
    # 0.065, then 0.078
    optimizer = Rprop(largest_step=0.13)
    path = run(optimizer, [[0.0]], [[[g]] for g in (1.0, 3.0, 0.5, -2.0, -2.0, -2.0)], 0.1)
    np.testing.assert_allclose(
        path[:, 0, 0], [-0.1, -0.22, -0.35, -0.35, -0.285, -0.207], rtol=1e-13
    )
    # halving from 0.1 again and again ends at the smallest
    path = run(
        Rprop(smallest_step=0.04), [[0.0]], [[[g]] for g in (1.0, -1.0, -1.0, 1.0, 1.0)], 0.1
    )
    np.testing.assert_allclose(path[:, 0, 0], [-0.1, -0.1, -0.05, -0.05, -0.09], rtol=1e-13)


# From the definitions: moments as plain sums over the history of gradients, g_1 … g_t, never as
# recursions.


def average(history, decay):
    return (1 - decay) * sum(decay ** (len(history) - 1 - i) * g for i, g in enumerate(history))


def square(history, decay):
    return average([g * g for g in history], decay)


def adam_direction(o, history):
    t = len(history)
    mean, squares = (
        average(history, o.beta_1) / (1 - o.beta_1**t),
        square(history, o.beta_2) / (1 - o.beta_2**t),
    )
    return mean / (np.sqrt(squares) + o.epsilon)


def nadam_direction(o, history):
    t = len(history)
    mu = [o.beta_1 * (1 - 0.5 * 0.96 ** (i * o.momentum_decay)) for i in range(1, t + 2)]
    now = (1 - mu[t - 1]) * history[-1] / (1 - math.prod(mu[:t]))
    ahead = mu[t] * average(history, o.beta_1) / (1 - math.prod(mu))
    return (now + ahead) / (np.sqrt(square(history, o.beta_2) / (1 - o.beta_2**t)) + o.epsilon)


def velocity(history, momentum):
    return sum(momentum ** (len(history) - 1 - i) * g for i, g in enumerate(history))


DIRECTION = {
    GradientDescent: lambda o, history: history[-1],
    Momentum: lambda o, history: velocity(history, o.momentum),
    Nesterov: lambda o, history: history[-1] + o.momentum * velocity(history, o.momentum),
    RmsProp: lambda o, history: history[-1] / (np.sqrt(square(history, o.decay)) + o.epsilon),
    Adagrad: lambda o, history: history[-1] / (np.sqrt(sum(g * g for g in history)) + o.epsilon),
    Adam: adam_direction,
    AdamW: adam_direction,
    Muon: adam_direction,
    NAdam: nadam_direction,
}


def rprop_path(o, theta, gradients, rate):
    """iRprop⁻ for one number at a time, as the paper's listing has it."""
    path = np.empty((len(gradients), *theta.shape))
    for at in np.ndindex(theta.shape):
        position, size, before = theta[at], rate, 0.0
        for t, gradient in enumerate(gradients):
            now = gradient[at]
            if now * before > 0:
                size = min(size * o.increase, o.largest_step)
            elif now * before < 0:
                size = max(size * o.decrease, o.smallest_step)
                now = 0.0
            position -= size * (now > 0) - size * (now < 0)
            path[t][at] = position
            before = now
    return path


def reference_path(optimizer, theta, gradients, rate):
    if isinstance(optimizer, Rprop):
        return rprop_path(optimizer, theta, gradients, rate)
    path, position = [], theta.copy()
    for t in range(1, len(gradients) + 1):
        if isinstance(optimizer, AdamW | Muon):
            position = position - rate * optimizer.weight_decay * position
        position = position - rate * DIRECTION[type(optimizer)](optimizer, gradients[:t])
        path.append(position)
    return np.array(path)


OTHER_SETTINGS = [
    Momentum(momentum=0.0),
    Nesterov(momentum=0.99),
    RmsProp(decay=0.99, epsilon=1e-2),
    Adam(beta_1=0.0, beta_2=0.9),
    AdamW(weight_decay=0.3),
    NAdam(beta_1=0.8, momentum_decay=1.0),
    Rprop(increase=1.5, decrease=0.3, largest_step=0.2),
]


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("optimizer", named([*DESCENDING, *OTHER_SETTINGS]))
def test_thirty_steps_agree_with_the_definition(optimizer, dtype, tolerance):
    rng = np.random.default_rng(1)
    theta, gradients = rng.normal(size=(2, 5)), rng.normal(size=(30, 2, 5))
    gradients[:, 0, 0] = 0.0  # a parameter that nothing moves
    if dtype == np.float32:
        theta, gradients = theta.astype(dtype).astype(float), gradients.astype(dtype).astype(float)
    path = run(optimizer, theta, gradients, 0.01, dtype=dtype)
    np.testing.assert_allclose(
        path, reference_path(optimizer, theta, gradients, 0.01), rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize(
    ("ours", "momentum", "nesterov"),
    [
        (GradientDescent(), 0.0, False),
        (Momentum(momentum=0.8), 0.8, False),
        (Nesterov(momentum=0.8), 0.8, True),
    ],
)
def test_scikit_learns_gradient_descent(ours, momentum, nesterov):
    rng = np.random.default_rng(2)
    theta, gradients = rng.normal(size=(1, 6)), rng.normal(size=(20, 1, 6))
    path = run(ours, theta, gradients, 0.05)
    theirs = [theta.copy()]
    sgd = SGDOptimizer(theirs, learning_rate_init=0.05, momentum=momentum, nesterov=nesterov)
    for position, gradient in zip(path, gradients, strict=True):
        sgd.update_params(theirs, [gradient])
        np.testing.assert_allclose(position, theirs[0], rtol=1e-12, atol=1e-14)


def test_scikit_learns_adam():
    rng = np.random.default_rng(2)
    theta, gradients = rng.normal(size=(1, 6)), rng.normal(size=(20, 1, 6))
    path = run(Adam(epsilon=1e-3), theta, gradients, 0.05)
    theirs = [theta.copy()]
    adam = AdamOptimizer(theirs, learning_rate_init=0.05)
    for t, (position, gradient) in enumerate(zip(path, gradients, strict=True), start=1):
        # it adds epsilon to √v and not to √v̂ = √v / √(1 - β2ᵗ)
        adam.epsilon = 1e-3 * math.sqrt(1 - 0.999**t)
        adam.update_params(theirs, [gradient])
        np.testing.assert_allclose(position, theirs[0], rtol=1e-12, atol=1e-14)


# f = Σ a (θ - c)² / 2, from 0, with curvatures 1 and 10: how near c the optimizer is after 2000
# steps.
RATE = {
    GradientDescent: 0.1,
    Momentum: 0.02,
    Nesterov: 0.02,
    RmsProp: 0.001,
    Adagrad: 0.5,
    Adam: 0.02,
    AdamW: 0.02,
    Muon: 0.02,
    NAdam: 0.02,
    Rprop: 0.1,
}


@pytest.mark.parametrize("kind", KINDS)
def test_converges_on_a_quadratic(kind):
    optimizer = kind(weight_decay=0.0) if kind in (AdamW, Muon) else kind()
    curvature, centre = np.array([1.0, 10.0]), np.array([[1.0, -1.0]])
    theta, gradient = np.zeros((1, 2)), np.zeros((1, 2))
    state = optimizer.bind(theta, gradient, 2)
    for _ in range(2000):
        gradient[:] = curvature * (theta - centre)
        optimizer.step(state, RATE[kind])
    # RMSprop's steps do not shrink with the gradient: it ends within a step of the centre
    np.testing.assert_allclose(theta, centre, atol=2e-3 if kind is RmsProp else 1e-5)


def test_adamw_settles_where_decay_and_gradient_balance():
    # its fixed point on (θ - 1)² / 2 is a compromise below 1, and biases are not drawn to 0
    theta, gradient = np.zeros((1, 2)), np.zeros((1, 2))
    optimizer = AdamW(weight_decay=0.5)
    state = optimizer.bind(theta, gradient, 1)
    for _ in range(3000):
        gradient[:] = theta - 1
        optimizer.step(state, 0.01)
    assert theta[0, 0] < 0.99
    assert theta[0, 1] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("optimizer", named(DESCENDING))
def test_one_learning_rate_each_equals_solo_runs(optimizer):
    rng = np.random.default_rng(3)
    theta, gradients = rng.normal(size=(2, 5)), rng.normal(size=(10, 2, 5))
    both = run(optimizer, theta, gradients, np.array([[0.1], [0.003]]), weights=3)
    for replica, rate in enumerate([0.1, 0.003]):
        solo = run(optimizer, theta[replica], gradients[:, replica], rate, weights=3)
        assert np.array_equal(both[:, replica], solo[:, 0])


@pytest.mark.parametrize("optimizer", named(DESCENDING))
def test_without_a_gradient_only_weight_decay_moves_and_only_weights(optimizer):
    theta = np.array([[1.0, -2.0, 3.0, -4.0]])
    path = run(optimizer, theta, np.zeros((3, 1, 4)), 0.1, weights=2)
    shrunk = 1 - 0.1 * getattr(optimizer, "weight_decay", 0.0)
    np.testing.assert_allclose(path[-1][:, :2], theta[:, :2] * shrunk**3, rtol=1e-15)
    assert np.array_equal(path[-1][:, 2:], theta[:, 2:])


@pytest.mark.parametrize("optimizer", named(DESCENDING))
def test_the_state_is_all_that_a_checkpoint_needs(optimizer):
    rng = np.random.default_rng(4)
    theta, gradients = rng.normal(size=(2, 5)), rng.normal(size=(8, 2, 5))
    whole = run(optimizer, theta, gradients, 0.1)
    position, gradient = theta.copy(), np.empty_like(theta)
    state = optimizer.bind(position, gradient, 5)
    for each in gradients[:4]:
        gradient[:] = each
        optimizer.step(state, 0.1)
    resumed = optimizer.bind(position, gradient, 5)
    assert list(resumed.slots) == list(optimizer.slots) == list(state.slots)
    for name, values in state.slots.items():
        resumed.slots[name][:] = values
    resumed.count, resumed.momentum_product = state.count, state.momentum_product
    for each in gradients[4:]:
        gradient[:] = each
        optimizer.step(resumed, 0.1)
    assert np.array_equal(position, whole[-1])


@pytest.mark.parametrize("optimizer", named(DESCENDING))
def test_the_gradient_is_only_read(optimizer):
    theta, gradient = np.ones((2, 3)), np.full((2, 3), 0.5)
    optimizer.step(optimizer.bind(theta, gradient, 2), 0.1)
    assert np.array_equal(gradient, np.full((2, 3), 0.5))


@pytest.mark.parametrize("optimizer", named(DESCENDING))
def test_shapes_that_do_not_fit_are_named(optimizer):
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(2, 4\)"):
        optimizer.bind(np.zeros((2, 3)), np.zeros((2, 4)), 3)


# What does not fit.


@pytest.mark.parametrize("optimizer", named(DESCENDING))
@pytest.mark.parametrize("size", [1e-30, 1e15])
def test_extreme_gradients_leave_finite_parameters_in_float32(optimizer, size):
    gradients = np.array([[[size, -size, 0.0]]] * 3)
    assert np.isfinite(run(optimizer, np.ones((1, 3)), gradients, 0.1, dtype=np.float32)).all()


@pytest.mark.parametrize(
    ("kind", "settings", "text"),
    [
        (Momentum, {"momentum": 1.0}, "momentum is 1.0; it must be less than 1"),
        (Momentum, {"momentum": -0.1}, "momentum is -0.1; it must be at least 0"),
        (RmsProp, {"epsilon": 0.0}, "epsilon is 0.0; it must be greater than 0"),
        (Adam, {"beta_2": math.nan}, "beta_2 is nan; it must be a finite number"),
        (Adam, {"beta_1": True}, "beta_1 is True; it must be a finite number"),
        (Rprop, {"increase": 1.0}, "increase is 1.0; it must be greater than 1"),
    ],
)
def test_impossible_settings_are_refused(kind, settings, text):
    with pytest.raises(ValueError) as caught:
        kind(**settings)
    assert str(caught.value) == f"{kind.__name__}.{text}"
