"""Optimizers that take all rows: their Jacobian, and what scipy and scikit-learn find instead."""

import numpy as np
import pytest
from engine_cases import ACTIVATIONS, LAYERS, SOME_METRICS, named, network_of, stack
from scipy.optimize import least_squares, minimize
from sklearn.linear_model import BayesianRidge, Ridge
from sklearn.neural_network import MLPRegressor

from bpnet.engine.activations import Identity, Relu, Tanh
from bpnet.engine.component import FieldError
from bpnet.engine.layers import Dense, LayerNormalization
from bpnet.engine.least_squares import NormalEquations
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.record import Record
from bpnet.engine.loop.replica_rows import ReplicaRows
from bpnet.engine.loop.settings import EarlyStopping, Training
from bpnet.engine.losses import AbsoluteError, BinaryCrossEntropy, SquaredError
from bpnet.engine.network import Network
from bpnet.engine.optimizers import (
    Adam,
    BayesianRegularization,
    FullBatchOptimizer,
    Lbfgs,
    LevenbergMarquardt,
)

FULL_BATCH = [LevenbergMarquardt(), LevenbergMarquardt(rule="marquardt"), BayesianRegularization()]
FULL_BATCH_AND_LBFGS = [*FULL_BATCH, Lbfgs()]
SEPARATE = [kind for kind in LAYERS if kind.has_row_gradients]
"""Kinds of layer with gradients of single rows."""


def small(seeds=(0,), units=4, outputs=1, inputs=2, precision="float64"):
    layers = [Dense(units=units, activation=Tanh()), Dense(units=outputs)]
    return Network(layers, inputs=inputs, seeds=seeds, precision=precision)


def curve(rows=60, outputs=1, noise=0.1, seed=0, weighted=False):
    """Rows of smooth functions of two inputs, with noise."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.5, 1.5, (rows, 2))
    y = np.column_stack([np.sin(2 * x[:, 0]) * x[:, 1], x[:, 0] ** 2, x[:, 1]])[:, :outputs]
    weights = rng.uniform(0.2, 3, rows) if weighted else None
    return Rows(x, y + rng.normal(0, noise, y.shape), weights)


def trained(optimizer, network, rows, validation=None, metrics=(), **settings) -> list[Record]:
    return list(fit(Training(optimizer=optimizer, **settings), network, rows, validation, metrics))


def scores_at(network, theta, x):
    """Scores (N, O) of a network of one replica with parameters (P,)."""
    network.theta[0] = theta
    (scores,) = (part.copy() for _, part in network.scores(x))
    return scores[0].T


# ---- the Jacobian


@pytest.mark.parametrize("activation", named(ACTIVATIONS))
@pytest.mark.parametrize("kind", SEPARATE)
def test_normal_equations_are_those_of_central_differences(kind, activation, monkeypatch):
    # 5 rows at a time, so that 12 rows take chunks of both sizes
    monkeypatch.setattr("bpnet.engine.least_squares.CHUNK_BYTES", 0)
    monkeypatch.setattr("bpnet.engine.least_squares.LEAST_ROWS", 5)
    rng = np.random.default_rng(3)
    network = network_of(stack(kind, activation, outputs=2), seeds=(1, 2))
    network.theta[:] += rng.normal(0, 0.1, network.theta.shape)  # biases, too
    rows, weights = rng.normal(size=(12, 3)), rng.uniform(0.2, 3, 12)
    targets = rng.normal(size=(12, 2))
    equations = NormalEquations(
        network,
        0.25,
        rows.T[None],
        np.broadcast_to(targets.T, (2, 2, 12)),
        np.broadcast_to(weights, (2, 1, 12)),
    )
    equations.compute()
    alone = network_of(stack(kind, activation, outputs=2), seeds=(1,))
    for replica, theta in enumerate(network.theta.copy()):
        parameters, step = len(theta), 1e-6
        jacobian = np.empty((12, 2, parameters))
        for p in range(parameters):
            moved = np.eye(parameters)[p] * step
            jacobian[:, :, p] = (
                scores_at(alone, theta + moved, rows) - scores_at(alone, theta - moved, rows)
            ) / (2 * step)
        errors = scores_at(alone, theta, rows) - targets
        hessian = 0.5 * np.einsum("n,nop,noq->pq", weights, jacobian, jacobian)
        gradient = 0.5 * np.einsum("n,no,nop->p", weights, errors, jacobian)
        np.testing.assert_allclose(equations.hessian[replica], hessian, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(equations.gradient[replica], gradient, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", [kind for kind in LAYERS if not kind.has_row_gradients])
def test_a_layer_without_gradients_of_single_rows_is_refused(kind):
    network = network_of(stack(kind, Tanh(), outputs=1))
    with pytest.raises(ValueError, match="has no Jacobian of single rows"):
        NormalEquations(network, 1.0, np.zeros((1, 3, 5)), np.zeros((1, 1, 5)), None)


def test_normal_equations_of_another_loss_are_refused():
    with pytest.raises(ValueError, match="of the squared error only"):
        trained(LevenbergMarquardt(), small(), curve(), loss=AbsoluteError())


# ---- Levenberg-Marquardt


@pytest.mark.parametrize("rule", ["marquardt", "nielsen"])
@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_it_finds_the_minimum_that_scipy_finds_from_the_same_weights(rule, l2):
    # noisy outputs of another network of its kind, near which it starts: elsewhere the two may
    # find different minima, as their first steps differ
    network, rng = small(units=3, outputs=2), np.random.default_rng(2)
    truth = rng.normal(0, 1.5, network.theta.shape[1])
    x, weights = rng.uniform(-1.5, 1.5, (80, 2)), rng.uniform(0.2, 3, 80)
    other = small(units=3, outputs=2)
    rows = Rows(x, scores_at(other, truth, x) + rng.normal(0, 0.1, (80, 2)), weights)
    network.theta[0] = start = truth + rng.normal(0, 0.2, truth.shape)
    records = trained(
        LevenbergMarquardt(rule=rule, tolerance=1e-11), network, rows, epochs=1000, l2=l2
    )
    assert records[-1].stops == ("converged",)
    share = np.sqrt(weights / weights.mean() / (2 * len(rows)))

    def residuals(theta):
        errors = (share[:, None] * (scores_at(other, theta, x) - rows.y)).ravel()
        return np.concatenate([errors, np.sqrt(l2 / 2) * theta[: network.weights]])

    found = least_squares(
        residuals, start, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=100_000
    )
    assert records[-1].metrics["loss"][0] == pytest.approx(2 * found.cost, rel=1e-10)
    np.testing.assert_allclose(network.theta[0], found.x, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("rule", "damping"), [("marquardt", 0.1), ("nielsen", 1 / 3)])
def test_a_step_worked_by_hand(rule, damping):
    # y = w x + b of the rows (1, 3) and (2, 5) from w = b = 0: L = (e_1² + e_2²) / 2, e = (-3, -5),
    # g = (1·-3 + 2·-5, -3 - 5) = (-13, -8), A = (1 + 4, 1 + 2; 3, 2), and the largest entry on the
    # diagonal is 5: with a damping of 0.2, μ = 1.
    # (A + I) δ = -g: (6, 3; 3, 3) δ = (13, 8), so δ = (5/3, 1); it lowers the loss: μ = 0.1.
    # By Nielsen: -g δ - δ A δ / 2 = 89/3 - 233/18 = 301/18 was foretold, and L, a quadratic, fell
    # from 17 to 5/18 by as much: the ratio is 1, and μ = max(1/3, 1 - 1).
    network = Network([Dense(units=1)], inputs=1, seeds=(0,), precision="float64")
    network.theta[:] = 0
    rows = Rows(np.array([[1.0], [2.0]]), np.array([[3.0], [5.0]]))
    optimizer = LevenbergMarquardt(damping=0.2, rule=rule)
    (record,) = trained(optimizer, network, rows, epochs=1)
    np.testing.assert_allclose(network.theta[0], [5 / 3, 1], rtol=1e-14)
    assert record.metrics["damping"][0] == pytest.approx(damping)
    assert record.metrics["loss"][0] == pytest.approx(17)
    assert record.gradient_norm[0] == pytest.approx(np.hypot(13, 8))
    assert np.isnan(record.learning_rate).all()


@pytest.mark.parametrize("optimizer", named(FULL_BATCH_AND_LBFGS))
def test_no_step_raises_the_loss(optimizer):
    losses = [
        record.metrics["loss"]
        for record in trained(optimizer, small((0, 1, 2)), curve(outputs=1), epochs=60)
    ]
    if not isinstance(optimizer, BayesianRegularization):  # its penalty changes
        assert (np.diff(losses, axis=0) <= 0).all()
    assert (losses[-1] < 0.5 * losses[0]).all()


@pytest.mark.parametrize("optimizer", named(FULL_BATCH_AND_LBFGS))
def test_replicas_equal_their_solo_runs_each_with_its_own_damping(optimizer):
    together = small((5, 6, 7))
    records = trained(optimizer, together, curve(), epochs=8)
    for replica, seed in enumerate((5, 6, 7)):
        alone = small((seed,))
        solo = trained(optimizer, alone, curve(), epochs=8)
        np.testing.assert_allclose(together.theta[replica], alone.theta[0], rtol=1e-6, atol=1e-8)
        for one, two in zip(records, solo, strict=True):
            for name, value in one.metrics.items():
                assert value[replica] == pytest.approx(two.metrics[name][0], rel=1e-6)


@pytest.mark.parametrize("optimizer", named(FULL_BATCH_AND_LBFGS))
def test_replicas_with_rows_of_their_own_equal_solo_runs_on_these(optimizer):
    rows, picks = curve(), [np.arange(40), np.arange(20, 60)]
    together, shared = small((5, 6)), ReplicaRows(rows, picks)
    trained(optimizer, together, shared, shared, epochs=8)
    for replica, seed in enumerate((5, 6)):
        alone, some = small((seed,)), rows.picked(picks[replica])
        trained(optimizer, alone, some, some, epochs=8)
        np.testing.assert_allclose(together.theta[replica], alone.theta[0], rtol=1e-6, atol=1e-8)


def test_replicas_with_different_numbers_of_rows_come_to_minima_of_the_same_rows_in_each_step():
    rows, picks = curve(), [np.arange(40), np.arange(20, 59)]
    network = small((5, 6))
    records = trained(Lbfgs(), network, ReplicaRows(rows, picks), l2=0.01, epochs=2000)
    assert records[-1].stops == ("converged", "converged")
    assert (records[-1].gradient_norm < 1e-6).all()


def test_a_pool_converges_together():
    rows, picks = curve(), [np.arange(30), np.arange(30, 60)]
    network = small((5, 6))
    optimizer, held_out = LevenbergMarquardt(), ReplicaRows(rows, picks[::-1])
    training = Training(optimizer=optimizer, l2=0.01, epochs=1000)
    *_, last = fit(training, network, ReplicaRows(rows, picks), held_out, pools=[[0, 1]])
    assert last.stops == ("converged", "converged")
    assert last.epoch < 1000


def test_more_parameters_than_rows():
    records = trained(LevenbergMarquardt(), small(units=20), curve(10), epochs=100)
    assert records[-1].metrics["loss"][0] < 1e-12
    assert records[-1].stops == ("converged",)


def test_inputs_that_are_equal_make_a_singular_matrix_that_damping_solves():
    rows = curve()
    doubled = Rows(np.column_stack([rows.x[:, :1]] * 2), rows.y)
    network = small()
    network.theta[:] = 0  # and all units are alike
    (*_, last) = trained(LevenbergMarquardt(), network, doubled, epochs=30)
    assert np.isfinite(network.theta).all()
    assert np.isfinite(last.metrics["loss"]).all()


@pytest.mark.parametrize("optimizer", named(FULL_BATCH_AND_LBFGS))
def test_targets_that_the_network_meets_already_end_training(optimizer):
    network, rows = small(), curve()
    before = network.theta.copy()
    exact = Rows(rows.x, network.predict(rows.x)[0])
    records = trained(optimizer, network, exact, epochs=5)
    assert records[-1].stops == ("converged",) or isinstance(optimizer, BayesianRegularization)
    if not isinstance(optimizer, BayesianRegularization):
        np.testing.assert_array_equal(network.theta, before)
    assert np.isfinite(network.theta).all()


@pytest.mark.parametrize("optimizer", named(FULL_BATCH_AND_LBFGS))
def test_constant_targets_are_learned(optimizer):
    network, rows = small(), curve()
    trained(optimizer, network, Rows(rows.x, np.full_like(rows.y, 2.0)), epochs=100)
    np.testing.assert_allclose(network.predict(rows.x)[0], 2.0, atol=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("optimizer", named(FULL_BATCH_AND_LBFGS))
def test_a_replica_that_is_not_finite_stops_and_leaves_the_others_alone(optimizer, value):
    network, alone = small((0, 1)), small((1,))
    network.theta[0, 0] = value
    records = trained(optimizer, network, curve(), epochs=5)
    assert records[-1].diverged.tolist() == [True, False]
    trained(optimizer, alone, curve(), epochs=5)
    np.testing.assert_allclose(network.theta[1], alone.theta[0], rtol=1e-6)


@pytest.mark.parametrize("optimizer", named(FULL_BATCH_AND_LBFGS))
def test_validation_rows_stop_it_and_choose_the_epoch(optimizer):
    network = small(units=15)
    records = trained(
        optimizer, network, curve(30, noise=0.5), curve(30, seed=1), SOME_METRICS,
        epochs=200, early_stopping=EarlyStopping(patience=3),
    )  # fmt: skip
    assert records[-1].stops in (("early_stopping",), ("converged",))
    held_out = [record.metrics["val_loss"][0] for record in records]
    assert records[-1].kept_epoch[0] == 1 + np.argmin(held_out)


def test_a_target_loss_stops_each_replica():
    records = trained(LevenbergMarquardt(), small((0, 1)), curve(), epochs=100, target_loss=0.1)
    assert records[-1].stops == ("target_loss", "target_loss")
    assert len(records) < 50


def test_float32_works_too():
    network = small(precision="float32")
    rows = curve()
    rows = Rows(rows.x.astype(np.float32), rows.y.astype(np.float32))
    first, *_, last = trained(LevenbergMarquardt(), network, rows, epochs=60, precision="float32")
    assert last.metrics["loss"][0] < 0.2 * first.metrics["loss"][0]


# ---- settings


@pytest.mark.parametrize("optimizer", named(FULL_BATCH_AND_LBFGS))
def test_it_takes_all_rows_in_float64_unless_told_otherwise(optimizer):
    training = Training(optimizer=optimizer)
    assert (training.batch_size, training.precision) == ("full", "float64")
    assert Training(optimizer=optimizer, precision="float32").precision == "float32"
    with pytest.raises(FieldError, match=f"is 32, but {optimizer.kind} takes all training rows"):
        Training(optimizer=optimizer, batch_size=32)
    assert (Training(optimizer=Adam()).batch_size, Training().precision) == (32, "float32")


def test_every_full_batch_optimizer_is_tested_here():
    def kinds(base):
        return {base, *(kind for one in base.__subclasses__() for kind in kinds(one))}

    tested = {type(one) for one in FULL_BATCH_AND_LBFGS}
    assert kinds(FullBatchOptimizer) - {FullBatchOptimizer} == tested


# ---- Bayesian regularization


def linear_rows():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(40, 6))
    y = x @ [1.0, -2.0, 0.5, 0.0, 0.0, 0.1] + rng.normal(0, 0.7, 40)
    return x, y


def test_a_linear_model_has_the_estimates_of_bayesian_ridge():
    x, y = linear_rows()
    ridge = BayesianRidge(
        alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, fit_intercept=False, tol=1e-12, max_iter=5000
    ).fit(x, y)
    network = Network([Dense(units=1, bias=False)], inputs=6, seeds=(0,), precision="float64")
    records = trained(BayesianRegularization(), network, Rows(x, y[:, None]), epochs=500)
    assert records[-1].stops == ("converged",)
    np.testing.assert_allclose(network.theta[0], ridge.coef_, rtol=1e-6)
    # γ = λ Σ w² in the notation of scikit-learn, whose α is the precision of the noise
    gamma = ridge.lambda_ * ridge.coef_ @ ridge.coef_
    assert records[-1].metrics["effective_parameters"][0] == pytest.approx(gamma, rel=1e-6)
    # its solution is that of ridge regression with that penalty
    same = Ridge(alpha=ridge.lambda_ / ridge.alpha_, fit_intercept=False).fit(x, y)
    np.testing.assert_allclose(network.theta[0], same.coef_, rtol=1e-6)


@pytest.mark.parametrize(("rows", "units"), [(60, 4), (60, 30), (8, 10)])
def test_effective_parameters_are_at_most_all_and_at_most_the_rows(rows, units):
    network = small((0, 1, 2), units=units)
    for record in trained(BayesianRegularization(), network, curve(rows), epochs=60):
        gamma = record.metrics["effective_parameters"]
        assert (gamma >= 0).all()
        assert (gamma <= min(network.theta.shape[1], rows)).all()
    assert np.isfinite(network.theta).all()


def test_it_forgoes_parameters_that_noise_does_not_justify():
    """A large network on noisy rows comes closer to the truth than without its penalty."""
    rows, fresh = curve(50, noise=0.3), curve(1000, noise=0, seed=9)
    errors = {}
    for optimizer in (LevenbergMarquardt(), BayesianRegularization()):
        network = small(tuple(range(4)), units=20)
        records = trained(optimizer, network, rows, epochs=200)
        errors[optimizer.kind] = np.mean((network.predict(fresh.x) - fresh.y) ** 2)
    assert errors["bayesian_regularization"] < 0.25 * errors["levenberg_marquardt"]
    assert (records[-1].metrics["effective_parameters"] < 0.7 * network.theta.shape[1]).all()


# ---- L-BFGS


def test_it_finds_the_minimum_that_scikit_learn_finds_from_the_same_weights():
    rows, l2 = curve(), 0.1
    theirs = MLPRegressor(
        hidden_layer_sizes=(4,), activation="tanh", solver="lbfgs", alpha=l2 * len(rows),
        tol=1e-10, max_iter=5000, max_fun=100_000, random_state=0,
    )  # fmt: skip
    network = small()
    views = network.parameters.views

    original = MLPRegressor._initialize

    def initialize(self, y, layer_units, dtype):
        original(self, y, layer_units, dtype)
        self.coefs_ = [views[f"layers.{k}.weight"][0].T.copy() for k in (0, 1)]
        self.intercepts_ = [views[f"layers.{k}.bias"][0].copy() for k in (0, 1)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MLPRegressor, "_initialize", initialize)
        theirs.fit(rows.x, rows.y.ravel())
    # their loss is Σ e² / 2N + alpha Σ w² / 2N
    loss = SquaredError(half=True)
    records = trained(Lbfgs(), network, rows, loss=loss, l2=l2, epochs=5000)
    assert records[-1].stops == ("converged",)
    assert records[-1].metrics["loss"][0] == pytest.approx(theirs.loss_, rel=1e-6)
    np.testing.assert_allclose(network.predict(rows.x)[0, :, 0], theirs.predict(rows.x), atol=0.001)


def test_it_comes_as_far_as_scipy_in_as_many_iterations():
    rows = curve()
    network, other = small(), small()
    start = network.theta[0].copy()

    def loss(theta):
        errors = scores_at(other, theta, rows.x) - rows.y
        return np.mean(errors**2)

    found = minimize(loss, start, method="L-BFGS-B", options={"maxiter": 60, "maxfun": 100_000})
    records = trained(Lbfgs(), network, rows, epochs=60)
    assert records[-1].metrics["loss"][0] < 1.2 * found.fun


def test_a_quadratic_is_solved_in_a_few_steps_of_its_dimension():
    x, y = linear_rows()
    network = Network([Dense(units=1, bias=False)], inputs=6, seeds=(0,), precision="float64")
    records = trained(Lbfgs(), network, Rows(x, y[:, None]), epochs=100)
    assert len(records) < 20
    exact, *_ = np.linalg.lstsq(x, y, rcond=None)
    np.testing.assert_allclose(network.theta[0], exact, rtol=1e-6)


def test_it_lowers_a_log_loss_and_takes_layers_that_mix_units():
    rows = curve()
    layers = [
        Dense(units=6), LayerNormalization(activation=Relu()), Dense(units=1, activation=Identity())
    ]  # fmt: skip
    network = Network(layers, inputs=2, seeds=(0, 1), precision="float64")
    classes = Rows(rows.x, (rows.y > 0).astype(float))
    first, *_, last = trained(Lbfgs(), network, classes, loss=BinaryCrossEntropy(), epochs=100)
    assert (last.metrics["loss"] < 0.3 * first.metrics["loss"]).all()
