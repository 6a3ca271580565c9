"""Evidence made by hand: a healthy training of three layers, of which a test changes a part.

Its gradients are alike, its steps 1e-3, and its loss falls from 2.3, which is chance, to 0.1.
"""

from dataclasses import replace
from typing import Any

from bpnet.config.dataset_schema import Dataset, Preprocessing
from bpnet.config.schema import Architecture, Config
from bpnet.doctor.constant import Constant
from bpnet.doctor.diagnosis import Diagnosis, LayerReport
from bpnet.doctor.evidence import Evidence, Setup
from bpnet.doctor.finding import Finding
from bpnet.doctor.history import History
from bpnet.doctor.rules import advise
from bpnet.engine.activations import Relu
from bpnet.engine.layers import AnyLayer, Dense
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import CrossEntropy


def layer(number: int, **figures: Any) -> LayerReport:
    usual = {
        "layer": number,
        "kind": "dense",
        "activation": "relu",
        "mean": 0.3,
        "spread": 0.6,
        "saturated": None,
        "dead": 0.05,
        "weights": 100,
        "gradient_norm": 0.1,
        "weight_norm": 5.0,
        "update_ratio": 1e-3,
        "moved": 0.3,
        "gain": 1.0,
        "alike": False,
    }
    return LayerReport(**{**usual, **figures})


LAYERS = (layer(1), layer(2), layer(3, activation="identity", dead=None))


def look(*layers: LayerReport, **figures: Any) -> Diagnosis:
    usual = {"rows": 100, "loss": 0.1, "penalty": 0.0, "chance": 2.3, "input_size": 1.0}
    changed = {report.layer: report for report in layers}
    return Diagnosis(
        layers=tuple(changed.get(report.layer, report) for report in LAYERS), **{**usual, **figures}
    )


START = look(*(replace(one, update_ratio=None, moved=0.0) for one in LAYERS), loss=2.5)


def history(**figures: Any) -> History:
    loss = figures.get("loss", [2.3 * 0.85**epoch for epoch in range(20)])
    usual: dict[str, Any] = {
        "loss": loss,
        "validation_loss": [1.1 * one + 0.05 for one in loss],
        "gradient_norm": [1.0] * len(loss),
        "learning_rate": [0.005] * len(loss),
        "steps": 100 * len(loss),
        "kept_epoch": len(loss),
    }
    return History(**{**usual, **figures})


def stuck(**figures: Any) -> History:
    """A history in which nothing was learned, with steps enough."""
    return history(**{"loss": [2.3, 2.29] * 10, "stop": "epochs", **figures})


def setup(
    training: Training | None = None,
    layers: list[AnyLayer] | None = None,
    hidden: list[int] | None = None,
    preprocessing: Preprocessing | None = None,
    task: Any = "classification",
    linear: bool = False,
) -> Setup:
    """A config with `layers`, or with `hidden` units, and what follows from it."""
    training = training or Training(learning_rate=0.005, loss=CrossEntropy(), epochs=20)
    dataset = Dataset(path="t.csv", target="y", preprocessing=preprocessing or Preprocessing())
    given = Config(
        dataset=dataset, training=training, architecture=Architecture(layers=layers, hidden=hidden)
    )
    made = [Dense(units=units, activation=Relu()) for units in hidden or [16, 16]]
    resolved = replace(
        given,
        task=task,
        architecture=replace(
            given.architecture, layers=made if layers is None else layers, hidden=None
        ),
    )
    return Setup(given, resolved, linear)


def evidence(**parts: Any) -> Evidence:
    """Return the healthy training with some parts of its evidence changed."""
    usual: dict[str, Any] = {
        "setup": setup(),
        "start": START,
        "now": look(),
        "history": history(),
        "constant": Constant(
            {"train": 2.3, "validation": 2.3, "test": 2.3},
            0.0,
            1.0,
            {"train": 700, "validation": 150, "test": 150},
        ),
    }
    return Evidence(**{**usual, **parts})


def findings(**parts: Any) -> dict[str, Finding]:
    """Return the findings by what they are about."""
    return {finding.about: finding for finding in advise(evidence(**parts))}
