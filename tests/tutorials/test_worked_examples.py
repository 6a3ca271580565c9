"""The two worked examples: every quantity of the reference, in the trace and in training."""

from pathlib import Path

import numpy as np
import pytest

from bpnet.config.loading import read_config
from bpnet.models.model import load_model
from bpnet.workflows.trace import trace_rows

TUTORIALS = Path(__file__).parents[2] / "configs" / "tutorials"


def traced(name, steps=1, *settings):
    path = TUTORIALS / f"{name}.yaml"
    return trace_rows(read_config(path, settings), None, steps).steps


def test_sigmoid_2_2_1_has_every_quantity_of_the_reference(reference):
    example = reference["000"]["worked_example"]
    expected = example["expected"]
    (step,) = traced("sigmoid-2-2-1")
    hidden, output = step.layers
    weights = hidden.after["weight"], output.after["weight"]
    changes = weights[0] - hidden.before["weight"], weights[1] - output.before["weight"]
    # the reference writes the error as target - output, so its deltas have the other sign
    found = {
        "a1": hidden.sums[0, 0], "a2": hidden.sums[0, 1], "a3": output.sums[0, 0],
        "y3": hidden.outputs[0, 0], "y4": hidden.outputs[0, 1], "y5": output.outputs[0, 0],
        "error": step.targets[0, 0] - step.predictions[0, 0],
        "delta5": -output.deltas[0, 0],
        "delta3": -hidden.deltas[0, 0], "delta4": -hidden.deltas[0, 1],
        "d_w11": changes[0][0, 0], "d_w21": changes[0][0, 1],
        "d_w12": changes[0][1, 0], "d_w22": changes[0][1, 1],
        "d_w13": changes[1][0, 0], "d_w23": changes[1][0, 1],
        "w11_new": weights[0][0, 0], "w21_new": weights[0][0, 1],
        "w12_new": weights[0][1, 0], "w22_new": weights[0][1, 1],
        "w13_new": weights[1][0, 0], "w23_new": weights[1][0, 1],
        "a1_2": step.sums_after[0][0, 0], "a2_2": step.sums_after[0][0, 1],
        "a3_2": step.sums_after[1][0, 0],
        "y3_2": step.outputs_after[0][0, 0], "y4_2": step.outputs_after[0][0, 1],
        "y5_2": step.outputs_after[1][0, 0],
        "error_2": step.targets[0, 0] - step.predictions_after[0, 0],
        "half_sq_error": step.loss, "half_sq_error_2": step.loss_after,
    }  # fmt: skip
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        # a change is the difference of two weights, each rounded at 1e-16
        assert found[name] == pytest.approx(value, abs=1e-14), name


def test_sigmoid_2_2_1_goes_on_as_the_reference_does(reference):
    iterating = reference["000"]["worked_example"]["iterating"]
    steps = traced("sigmoid-2-2-1", 500, "training.epochs=500")
    outputs = [steps[0].predictions[0, 0], *(step.predictions_after[0, 0] for step in steps)]
    for updates, value in iterating["y5_after_n_updates"].items():
        assert outputs[int(updates)] == pytest.approx(value, abs=1e-12), updates
    assert (
        next(k for k, y in enumerate(outputs) if abs(y - 0.5) < 0.005)
        == iterating["first_update_with_abs_error_below_0_005"]
    )
    assert (
        next(k for k, y in enumerate(outputs) if y < 0.615)
        == iterating["first_update_with_y5_below_0_615"]
    )


def test_linear_2_2_1_has_every_quantity_of_the_reference(reference):
    expected = reference["001"]["worked_example"]["expected"]
    (step,) = traced("linear-2-2-1")
    hidden, output = step.layers
    (w1, w2), (w3, w4) = hidden.after["weight"]
    ((w5, w6),) = output.after["weight"]
    (g1, g2), (g3, g4) = hidden.gradients["weight"]
    ((g5, g6),) = output.gradients["weight"]
    found = {
        "h1": hidden.outputs[0, 0], "h2": hidden.outputs[0, 1],
        "prediction": step.predictions[0, 0],
        "delta": output.deltas[0, 0], "error": step.loss,
        "grad_w1": g1, "grad_w2": g2, "grad_w3": g3, "grad_w4": g4, "grad_w5": g5, "grad_w6": g6,
        "w1_new": w1, "w2_new": w2, "w3_new": w3, "w4_new": w4, "w5_new": w5, "w6_new": w6,
        "h1_2": step.outputs_after[0][0, 0], "h2_2": step.outputs_after[0][0, 1],
        "prediction_2": step.predictions_after[0, 0],
        "delta_2": step.predictions_after[0, 0] - step.targets[0, 0], "error_2": step.loss_after,
    }  # fmt: skip
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-15), name


def test_the_hidden_deltas_use_the_old_weights(reference):
    (step,) = traced("linear-2-2-1")
    wrong = reference["001"]["worked_example"]["wrong_if_new_w5_w6_used_for_hidden"]
    assert abs(step.predictions_after[0, 0] - wrong) > 0.004
    assert (
        f"{wrong:.2f}" == f"{step.predictions_after[0, 0]:.2f}"
    )  # two digits cannot tell them apart


@pytest.mark.parametrize("name", ["sigmoid-2-2-1", "linear-2-2-1"])
def test_training_leaves_the_weights_that_the_trace_shows(run_tutorial, name):
    trained, rows = run_tutorial(name)
    (step,) = traced(name)
    network = load_model(trained.run / "model").network
    for k, layer in enumerate(step.layers):
        np.testing.assert_array_equal(
            network.parameters.views[f"layers.{k}.weight"][0], layer.after["weight"]
        )
    assert rows.figure("loss") == [step.loss]
    assert trained.figures["train"]["loss"] == step.loss_after
