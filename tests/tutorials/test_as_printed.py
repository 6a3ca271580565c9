"""The bug lab: mistakes of the texts, shown by `trace --bug`, caught by `gradcheck --bug`."""

import json
from dataclasses import replace

import numpy as np
import pytest
from engine_cases import ACTIVATIONS, named
from labeled_runs import invoked
from printed_equations import computed
from workflow_runs import ROOT

from bpnet.config.loading import read_config
from bpnet.engine import fit
from bpnet.engine.bugs import BUGS, DoubleDerivative
from bpnet.engine.network import Network
from bpnet.models.build import build_model
from bpnet.models.training_metrics import training_metrics
from bpnet.preparation.prepare import prepare

LAB = ROOT / "configs" / "tutorials" / "as-printed"
IRIS, LINEAR = LAB / "iris-4-5-3.yaml", LAB / "linear-2-2-1.yaml"


def test_the_iris_program_as_it_is_printed_gives_what_its_program_gives():
    """Closeness after 1, 10, 100 and 1,000 steps, by a program written from the text."""
    prepared = prepare(read_config(IRIS, ["training.epochs=1000"]))
    model = build_model(prepared)
    training = replace(prepared.config.training, loss=prepared.resolved.loss)
    network = Network(
        BUGS["double-derivative"].spoil(model.network.layers, 0.1), 4, seeds=[0],
        precision="float64", draws=False,
    )  # fmt: skip
    network.theta[:] = model.network.theta
    records = fit(
        training,
        network,
        prepared.rows["train"],
        prepared.rows["validation"],
        training_metrics(model.description),
    )
    closeness = {r.epoch: 100 * float(r.metrics["val_closeness"][0]) for r in records}
    expected = {1: 55.6612775071, 10: 56.6384243939, 100: 77.2050806826, 1000: 93.0933411128}
    for epoch, value in expected.items():
        # the wrong steps let rounding grow
        assert closeness[epoch] == pytest.approx(value, rel=1e-9 if epoch < 1000 else 1e-5)


def test_weights_that_change_too_soon_give_the_wrong_second_prediction():
    document = json.loads(invoked("trace", LINEAR, "--bug", "updated-weights", "--json")[1])
    (step,) = document["steps"]
    assert step["predictions_after"][0][0] == pytest.approx(0.2557457808075, abs=1e-13)
    wrong = {d["wrong"]["symbol"]: d["wrong"]["value"] for d in document["bug"]["differences"]}
    assert wrong["z'⁽²⁾[1]"] == pytest.approx(0.260628343997, abs=1e-12)


@pytest.mark.parametrize(
    ("config", "bug", "first"),
    [
        (IRIS, "double-derivative", "layer 2, unit 1, slope"),
        (LINEAR, "updated-weights", "layer 1, unit 1, gradient by the activation"),
    ],
)
def test_the_first_wrong_number_is_shown_with_both_equations(config, bug, first):
    code, text = invoked("trace", config, "--bug", bug)
    assert code == 0, text
    assert f"  step 1, backward, {first}\n  right: " in text
    lines = " ".join(text.split())
    for side in ("right", "wrong"):
        equation = lines.split(f"{side}: ")[1].split(" = ", 1)[1]
        numbers, value = equation.split(" = ")[:2]
        assert computed(numbers) == pytest.approx(float(value.split()[0]), rel=1e-8)
    document = json.loads(invoked("trace", config, "--bug", bug, "--json")[1])
    for difference in document["bug"]["differences"]:
        for number in (difference["right"], difference["wrong"]):
            assert abs(computed(number["numbers"]) - number["value"]) <= 1e-12


@pytest.mark.parametrize(
    ("config", "bug"), [(IRIS, "double-derivative"), (LINEAR, "updated-weights")]
)
def test_the_gradient_check_catches_it(config, bug):
    assert invoked("gradcheck", config)[0] == 0
    code, text = invoked("gradcheck", config, "--bug", bug)
    assert code == 5
    assert "the gradients DIFFER" in text
    assert f"with the bug {bug}" in text


@pytest.mark.parametrize("activation", named([a for a in ACTIVATIONS if a.elementwise]))
def test_a_double_derivative_is_the_slope_at_the_output(activation):
    rng = np.random.default_rng(2)
    z = np.abs(rng.normal(size=(1, 3, 5)))  # so that no output is at a kink
    bug = DoubleDerivative(of=activation)
    a, scratch = np.empty_like(z), bug.scratch(z)
    bug.forward(z, a, scratch)
    delta = np.ones_like(z)
    bug.backward(z, a, delta, scratch)

    def f(values):
        out, room = np.empty_like(values), activation.scratch(values)
        activation.forward(values.copy(), out, room)
        return out

    np.testing.assert_array_equal(a, f(z))
    h = 1e-6
    np.testing.assert_allclose(delta, (f(a + h) - f(a - h)) / (2 * h), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([IRIS, "--bug", "double-derivativ"], ["no such bug", "did you mean 'double-derivative'"]),
        ([LINEAR, "--bug", "double-derivative"], ["changes nothing", "--set architecture.hidden"]),
        (
            [ROOT / "configs/tutorials/single-weight.yaml", "--bug", "updated-weights"],
            ["changes nothing", "behind another"],
        ),
        (
            [ROOT / "configs/iris.yaml", "--bug", "updated-weights"],
            ["plain gradient descent", "--set training.optimizer=gradient_descent"],
        ),
        ([IRIS, "--bug", "double-derivative", "--latex"], ["--bug and --latex"]),
    ],
)
def test_bugs_that_cannot_be(arguments, parts):
    code, text = invoked("trace", *arguments)
    assert code == 2
    for part in parts:
        assert part in " ".join(text.split())
