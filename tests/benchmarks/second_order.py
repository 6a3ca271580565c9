"""Optimizers that take all rows beside Adam and scikit-learn's L-BFGS: error after some seconds.

    python tests/benchmarks/second_order.py [STARTS]

Five smooth tables with a noise of 0.01 standard deviations. Each optimizer trains the same tanh
network in float64 from the same first weights, and is read off at each budget of CPU time: the root
mean square of the errors on 2,000 rows without noise, in standard deviations of the target; the
median of the starts. Adam takes batches of 32 rows and has the best of three learning rates by its
error at the end. scikit-learn is fitted anew for each number of iterations.
"""

import sys
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from bpnet.engine.activations import Tanh
from bpnet.engine.component import Array
from bpnet.engine.layers import Dense
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.network import Network
from bpnet.engine.optimizers import (
    Adam,
    AnyOptimizer,
    BayesianRegularization,
    Lbfgs,
    LevenbergMarquardt,
)

BUDGETS = (0.1, 0.5, 2.0)
"""Seconds of CPU time."""
RATES = (0.003, 0.01, 0.03)
NOISE = 0.01
ITERATIONS = (30, 100, 300, 1000, 3000, 10_000, 30_000)
"""Those that scikit-learn is fitted with."""

Curve = Callable[[Array], Array]
Course = list[tuple[float, float]]
"""Seconds and the error then."""

TABLES: dict[str, tuple[Curve, int, int, int]] = {
    "sinc, 200 rows, 1-10-1": (lambda x: np.sinc(4 * x[:, 0]), 1, 200, 10),
    "chirp, 500 rows, 1-20-1": (lambda x: np.sin(8 * (x[:, 0] + 1.2) ** 2), 1, 500, 20),
    "surface, 500 rows, 2-15-1": (
        lambda x: np.sin(3 * x[:, 0]) * np.cos(4 * x[:, 1]) + x[:, 0] * x[:, 1],
        2,
        500,
        15,
    ),
    "Friedman 1, 1000 rows, 5-15-1": (
        lambda x: (
            10 * np.sin(np.pi * (x[:, 0] + 1) * (x[:, 1] + 1) / 4)
            + 5 * x[:, 2] ** 2
            + 5 * x[:, 3]
            + 2.5 * x[:, 4]
        ),
        5,
        1000,
        15,
    ),
    "mixture, 1000 rows, 8-10-1": (
        # as the strength of concrete: logarithmic in age, with a ratio and a saturation
        lambda x: (
            np.log1p(10 * (x[:, 0] + 1)) * (x[:, 1] + 2) / (x[:, 2] + 2)
            + np.tanh(2 * x[:, 3] + x[:, 4])
            + 0.3 * x[:, 5] * x[:, 6]
            - 0.2 * x[:, 7]
        ),
        8,
        1000,
        10,
    ),
}
"""The function, and the numbers of inputs, rows and hidden units."""


class Table:
    """A table's rows with noise, and fresh ones without."""

    def __init__(self, name: str) -> None:
        curve, inputs, count, self.units = TABLES[name]
        rng = np.random.default_rng(0)
        x, fresh = rng.uniform(-1, 1, (count, inputs)), rng.uniform(-1, 1, (2000, inputs))
        y, truth = curve(x), curve(fresh)
        mean, deviation = y.mean(), y.std()
        noisy = (y - mean) / deviation + NOISE * rng.standard_normal(count)
        spread = 3**0.5  # of a uniform number from -1 to 1, to have a variance of 1
        self.rows = Rows(x * spread, noisy[:, None])
        self.fresh, self.truth = fresh * spread, ((truth - mean) / deviation)[:, None]

    def network(self, seed: int) -> Network:
        """Return the network with its first weights."""
        layers = [Dense(units=self.units, activation=Tanh()), Dense(units=1)]
        return Network(layers, self.rows.x.shape[1], seeds=[seed], precision="float64")

    def error(self, predictions: Array) -> float:
        """Return the root mean square of the errors on fresh rows."""
        return float(np.sqrt(np.mean((predictions - self.truth) ** 2)))


def course(table: Table, seed: int, optimizer: AnyOptimizer, rate: float = 0.001) -> Course:
    """Train until the last budget is spent; the time of measuring is left out."""
    network = table.network(seed)
    full = optimizer.full_batch
    training = Training(
        optimizer=optimizer,
        learning_rate=rate,
        epochs=10**7,
        batch_size="full" if full else 32,
        precision="float64",
    )
    measured: Course = []
    spent, following = 0.0, 0.01
    begin = time.process_time()
    for _ in fit(training, network, table.rows):
        now = spent + time.process_time() - begin
        if now >= following:
            measured.append((now, table.error(network.predict(table.fresh)[0])))
            spent, following, begin = now, 1.05 * now, time.process_time()
        if now > BUDGETS[-1]:
            return measured
    return [*measured, (now, table.error(network.predict(table.fresh)[0]))]


class Started(MLPRegressor):
    """scikit-learn's network with given first weights."""

    def _initialize(self, y: Array, layer_units: list[int], dtype: np.dtype) -> None:
        super()._initialize(y, layer_units, dtype)
        views = self.network_.parameters.views
        self.coefs_ = [views[f"layers.{k}.weight"][0].T.copy() for k in (0, 1)]
        self.intercepts_ = [views[f"layers.{k}.bias"][0].copy() for k in (0, 1)]


def sklearn_course(table: Table, seed: int) -> Course:
    """Fit scikit-learn's L-BFGS with more and more iterations."""
    measured: Course = []
    for iterations in ITERATIONS:
        model = Started(
            hidden_layer_sizes=(table.units,),
            activation="tanh",
            solver="lbfgs",
            alpha=0.0,
            tol=1e-9,
            max_iter=iterations,
            max_fun=10**8,
        )
        model.network_ = table.network(seed)
        begin = time.process_time()
        model.fit(table.rows.x, table.rows.y.ravel())
        spent = time.process_time() - begin
        measured.append((spent, table.error(model.predict(table.fresh)[:, None])))
        if spent > BUDGETS[-1]:
            break
    return measured


def at_budgets(measured: Course) -> list[float]:
    """Return the error of the last measurement within each budget, nan before the first."""
    return [
        next((error for spent, error in reversed(measured) if spent <= budget), np.nan)
        for budget in BUDGETS
    ]


def methods(table: Table, starts: int) -> Iterator[tuple[str, list[float]]]:
    """Yield each optimizer's name and median error at each budget."""

    def median(run: Callable[[int], Course]) -> list[float]:
        errors = np.median([at_budgets(run(seed)) for seed in range(starts)], axis=0)
        return [float(error) for error in errors]

    tried = [median(lambda seed, rate=rate: course(table, seed, Adam(), rate)) for rate in RATES]
    best = min(range(len(RATES)), key=lambda k: tried[k][-1])
    yield f"adam, rate {RATES[best]:g}", tried[best]
    yield "scikit-learn lbfgs", median(lambda seed: sklearn_course(table, seed))
    for label, optimizer in (
        ("lbfgs", Lbfgs()),
        ("levenberg_marquardt", LevenbergMarquardt()),
        ("the same, rule: marquardt", LevenbergMarquardt(rule="marquardt")),
        ("bayesian_regularization", BayesianRegularization()),
    ):
        yield label, median(lambda seed, optimizer=optimizer: course(table, seed, optimizer))


if __name__ == "__main__":
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    warnings.simplefilter("ignore")  # that iterations have run out
    with threadpool_limits(1):
        for name in TABLES:
            print(f"\n{name}\n\n{'':30}" + "".join(f"{budget:>10g} s" for budget in BUDGETS))
            for label, errors in methods(Table(name), starts):
                print(f"{label:30}" + "".join(f"{error:>12.4f}" for error in errors), flush=True)
