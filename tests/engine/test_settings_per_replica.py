"""Settings for each replica: optimizer, rate, schedule, penalties, clipping, dropout, weights."""

import numpy as np
import pytest
from engine_cases import DESCENDING, OPTIMIZERS, SOME_METRICS, in_precision, named, some_rows

from bpnet.engine.activations import Tanh
from bpnet.engine.initializers import GlorotNormal, HeUniform, Orthogonal
from bpnet.engine.layers import Dense, Dropout
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.network import Network
from bpnet.engine.optimizers import Adam, Momentum, Perturbation
from bpnet.engine.penalties import GradientClipping
from bpnet.engine.schedules import Cosine, ExponentialDecay, ReduceOnPlateau

SEEDS = (3, 3, 8, 1)
PRECISIONS = [("float64", 1e-12), ("float32", 1e-6)]


def layers(rate, initializer):
    return [
        Dense(units=5, activation=Tanh(), initializer=initializer),
        Dropout(rate=rate),
        Dense(units=2),
    ]


LAYERS = [
    layers(0.0, GlorotNormal(gain=0.5)),
    layers(0.3, GlorotNormal(gain=2.0)),
    layers(0.3, HeUniform()),
    layers(0.6, Orthogonal()),
]


def compare(each, precision, tolerance, own_layers=LAYERS):
    """Train together and alone; what each replica does must be what it does alone."""
    rows = in_precision(some_rows(SquaredError(), 23, outputs=2, weighted=True), precision)
    held = in_precision(some_rows(SquaredError(), 9, outputs=2, seed=1), precision)
    together = Network(own_layers[0], 3, seeds=SEEDS, precision=precision, each=own_layers)
    records = list(fit(each[0], together, rows, held, SOME_METRICS, each=each))
    for k, (seed, training) in enumerate(zip(SEEDS, each, strict=True)):
        alone = Network(own_layers[k], 3, seeds=(seed,), precision=precision)
        solo = list(fit(training, alone, rows, held, SOME_METRICS))
        np.testing.assert_allclose(
            together.theta[k], alone.theta[0], rtol=tolerance, atol=tolerance
        )
        for ours, theirs in zip(records, solo, strict=True):
            assert ours.learning_rate[k] == pytest.approx(theirs.learning_rate[0], rel=1e-6)
            for name, value in theirs.metrics.items():
                np.testing.assert_allclose(
                    ours.metrics[name][k], value[0], rtol=10 * tolerance, err_msg=name
                )


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("optimizer", named(DESCENDING))
def test_rates_schedules_penalties_and_clipping(optimizer, precision, tolerance):
    shared = {"epochs": 4, "batch_size": 8, "precision": precision, "optimizer": optimizer}
    each = [
        Training(learning_rate=0.01, **shared),
        Training(learning_rate=0.02, schedule=Cosine(warmup_epochs=1), **shared),
        Training(learning_rate=0.02, schedule=ExponentialDecay(decay=0.9), l2=0.1, **shared),
        Training(
            learning_rate=0.005, l1=0.01, gradient_clipping=GradientClipping(norm=0.1), **shared
        ),
    ]
    compare(each, precision, tolerance)


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
def test_optimizers_of_different_kinds_and_settings(precision, tolerance):
    optimizers = [Adam(), Adam(), Adam(beta_1=0.5), Momentum(momentum=0.8)]
    each = [
        Training(epochs=4, batch_size=8, precision=precision, optimizer=own) for own in optimizers
    ]
    compare(each, precision, tolerance)


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
def test_each_rate_is_reduced_on_a_plateau_of_its_own(precision, tolerance):
    schedule = ReduceOnPlateau(patience=1, minimum_improvement=0.01)
    each = [
        Training(
            epochs=12, batch_size=8, precision=precision, schedule=schedule, learning_rate=rate
        )
        for rate in (1e-5, 0.02, 0.02, 0.5)
    ]
    compare(each, precision, tolerance)


def test_one_search_measures_all_replicas():
    searching = [one for one in OPTIMIZERS if one.searches]
    assert searching
    each = [
        Training(epochs=1, optimizer=Perturbation(), learning_rate=rate)
        for rate in (0.1, 0.2, 0.3, 0.4)
    ]
    with pytest.raises(
        ValueError, match="an optimizer that searches must have the same settings for all replicas"
    ):
        compare(each, "float64", 1e-12)
