"""The tutorials' programs: the shipped configs give the reference's losses and accuracies."""

import numpy as np
import pytest

from bpnet.engine.activations import Sigmoid
from bpnet.engine.initializers import Normal
from bpnet.engine.layers import Dense
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.metrics import Accuracy
from bpnet.engine.network import Network
from bpnet.engine.optimizers import GradientDescent
from bpnet.workflows.eval import evaluate


def test_xor_follows_the_reference_curve(run_tutorial, reference):
    curve = reference["000"]["xor"]["runs_legacy_seed"]["0"]["loss"]
    trained, rows = run_tutorial("xor")
    # the reference's mean over four rows is half of half the sum
    means = [*(loss / 2 for loss in rows.figure("loss")), trained.figures["train"]["loss"] / 2]
    for updates, value in curve.items():
        assert means[int(updates)] == pytest.approx(value, rel=1e-9), updates
    assert trained.figures["train"]["accuracy"] == 1


def test_xor_is_solved_from_at_least_197_of_200_starts():
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    normal = Normal()
    layers = [
        Dense(units=4, activation=Sigmoid(), initializer=normal),
        Dense(units=1, activation=Sigmoid(), initializer=normal),
    ]
    network = Network(layers, 2, seeds=range(200), precision="float64")
    loss = SquaredError(half=True, outputs="sum", rows="sum")
    training = Training(
        loss=loss,
        optimizer=GradientDescent(),
        learning_rate=0.1,
        epochs=10_000,
        batch_size="full",
        precision="float64",
    )
    for record in fit(
        training, network, Rows(x, np.array([[0.0], [1], [1], [0]])), None, [Accuracy()]
    ):
        last = record
    assert (last.metrics["accuracy"] == 1).sum() >= 197


def test_iris_4_2_3_reaches_0_80_and_hides_a_class(run_tutorial, reference):
    expected = reference["001"]["iris"]
    trained, rows = run_tutorial("iris-4-2-3")
    losses = [*rows.figure("loss"), trained.figures["train"]["loss"]]
    for updates, value in expected["mse_curve_exact"].items():
        assert losses[int(updates)] == pytest.approx(value, rel=1e-9), updates
    assert trained.figures["train"]["accuracy"] == pytest.approx(
        expected["expected"]["train_accuracy"], abs=1e-12
    )
    scores = evaluate(trained.run, None).scores
    assert scores.value("accuracy") == 0.8
    assert scores.confusion == expected["test_confusion"]
    accuracies = rows.figure("accuracy")
    assert max(accuracies) == pytest.approx(expected["best_train_accuracy"]["value"], abs=1e-12)
    assert accuracies.index(max(accuracies)) == expected["best_train_accuracy"]["iteration"]
    assert np.all(np.diff(losses) < 0)  # all the while, the loss fell


def test_iris_4_2_3_with_a_learning_rate_of_1_reaches_0_95(run_tutorial, reference):
    trained, _ = run_tutorial("iris-4-2-3", "training.learning_rate=1")
    expected = reference["001"]["iris"]["other_readings"]["lr 1"]
    assert trained.figures["test"]["accuracy"] == 0.95
    assert trained.figures["train"]["loss"] == pytest.approx(expected["mse"], rel=1e-9)


def check_4_5_3(run_tutorial, reference, epochs, tolerance):
    curve = reference["002"]["iris"]["seed0"]["correct_derivative"]["curve"]
    trained, rows = run_tutorial("iris-4-5-3", f"training.epochs={epochs}")
    train = [*rows.figure("closeness"), trained.figures["train"]["closeness"]]
    validation = rows.figure("val_closeness")
    compared = 0
    for updates, (in_training, in_validation) in (
        (int(key), value) for key, value in curve.items()
    ):
        if updates <= epochs:
            assert 100 * train[updates] == pytest.approx(in_training, abs=tolerance(updates)), (
                updates
            )
            compared += 1
        if 0 < updates <= epochs:
            assert 100 * validation[updates - 1] == pytest.approx(
                in_validation, abs=tolerance(updates)
            ), updates
    assert compared >= 4
    return trained


def test_iris_4_5_3_follows_the_reference_curve(run_tutorial, reference):
    trained = check_4_5_3(
        run_tutorial, reference, 1000, lambda updates: 1e-8 if updates <= 100 else 1e-3
    )
    accuracy, closeness = (
        trained.figures["validation"][name] for name in ("accuracy", "closeness")
    )
    assert accuracy != closeness


@pytest.mark.slow
def test_iris_4_5_3_ends_where_the_reference_ends(run_tutorial, reference):
    trained = check_4_5_3(
        run_tutorial,
        reference,
        100_000,
        lambda updates: 1e-8 if updates <= 100 else 1e-3 if updates <= 10_000 else 1e-5,
    )
    assert trained.figures["train"]["closeness"] == pytest.approx(0.991636189799, abs=1e-7)


@pytest.mark.parametrize("split", ["random_split", "first_rows_split"])
def test_digits_by_both_splits(run_tutorial, reference, split):
    shuffle = "true" if split == "random_split" else "false"
    accuracies = []
    for seed in range(3):
        settings = (f"seed={seed}", f"dataset.split.shuffle={shuffle}", "dataset.split.test=0.2003")
        trained, _ = run_tutorial("digits", *settings)
        accuracies.append(trained.figures["test"]["accuracy"])
    assert np.mean(accuracies) == pytest.approx(
        np.mean(reference["digits"]["expected_test_accuracy"][split]), abs=0.02
    )


@pytest.mark.parametrize(
    ("name", "metric", "value"),
    [
        ("xor", "mean_squared_error", 0.3266821523682),
        ("single-weight", "sum_squared_error", 3276),
        ("single-weight", "mean_absolute_error", 78 / 4),
        ("linear-2-2-1", "mean_squared_error", 2 * 0.3272405),
    ],
)
def test_the_texts_figures_are_logged_in_their_own_units(run_tutorial, name, metric, value):
    """Of the first weights: the plain mean of XOR, the sum of squares of the single weight."""
    _, rows = run_tutorial(name, "training.epochs=1", f"training.metrics=[{metric}]")
    assert rows.figure(metric) == pytest.approx([value], rel=1e-12)
