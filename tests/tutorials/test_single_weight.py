"""The single weight: its table, its path to 2, and rates that converge, swing and diverge."""

from pathlib import Path

import pytest

from bpnet.config.loading import read_config
from bpnet.errors import DivergedError
from bpnet.models.model import load_model
from bpnet.workflows.trace import trace_rows

CONFIG = Path(__file__).parents[2] / "configs" / "tutorials" / "single-weight.yaml"


def steps(weight, count=1, learning_rate=0.001):
    settings = [
        f"architecture.output.initializer.values=[[{weight}]]",
        f"training.learning_rate={learning_rate!r}",
        f"training.epochs={count}",
    ]
    return trace_rows(read_config(CONFIG, settings), "all", count).steps


@pytest.mark.parametrize("weight", ["4", "3", "2", "1"])
def test_the_table(reference, weight):
    expected = reference["003"]["single_weight_table"]["rows"][weight]
    (step,) = steps(weight)
    assert step.predictions[:, 0].tolist() == expected["out"]
    assert (step.predictions - step.targets)[:, 0].tolist() == expected["err"]
    assert step.loss == expected["half_sse"]
    assert step.layers[0].gradients["weight"].item() == expected["grad_half_sse"]


@pytest.mark.parametrize(
    "name",
    [
        "half lr=0.0001",
        "half lr=0.001",
        "half lr=0.001221001221",
        "half lr=0.001831501832",
        "half lr=0.00231990232",
    ],
)
def test_learning_rates_that_converge(reference, name):
    expected = reference["003"]["single_weight_table"]["gd"][name]
    exact = {
        "half lr=0.001221001221": 1 / 819,
        "half lr=0.001831501832": 1.5 / 819,
        "half lr=0.00231990232": 1.9 / 819,
    }
    learning_rate = exact.get(name, float(name.partition("=")[2]))
    weights = [
        step.layers[0].after["weight"].item() for step in steps(4, expected["steps"], learning_rate)
    ]
    assert weights[-1] == pytest.approx(expected["w"], abs=1e-12)
    assert abs(weights[-1] - 2) < 1e-10
    if expected["steps"] > 1:
        assert abs(weights[-2] - 2) >= 1e-10
        assert (weights[0] - 2) / 2 == pytest.approx(expected["ratio"], abs=1e-12)


def test_at_the_limit_the_weight_swings_for_ever(reference):
    weights = [step.layers[0].after["weight"].item() for step in steps(4, 50, 2 / 819)]
    assert reference["003"]["single_weight_table"]["lr_limit"]["half_sse"] == pytest.approx(2 / 819)
    assert weights == pytest.approx([0, 4] * 25, abs=1e-9)


def test_above_the_limit_training_diverges_and_says_so(run_tutorial):
    with pytest.raises(
        DivergedError, match=r"training diverged in epoch 1\d\d.*--set training.learning_rate=0.001"
    ):
        run_tutorial("single-weight", "training.learning_rate=0.01", "training.epochs=500")


def test_the_config_arrives_at_two(run_tutorial):
    trained, _ = run_tutorial("single-weight")
    weight = load_model(trained.run / "model").network.theta.item()
    assert weight == pytest.approx(2.0000000000810085, abs=1e-12)
