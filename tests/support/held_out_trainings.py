"""The held-out trainings: written before the doctor's rules, and held out until their first look.

At that look the first cause named was a right one in 95.7 % of the sick runs, and no healthy run
had an alarm. Rules have been amended with these trainings in view since, so that what they reach
now is not held out.
"""

from made_tables import (
    blobs,
    bowl,
    checkers,
    circles,
    cities,
    flipped,
    linear,
    moons,
    noise,
    rare,
    spirals,
    tailed,
    thousands,
    wave,
    wide,
)
from training_cases import (
    CANCER,
    DEAD,
    DIABETES,
    EPOCHS,
    EXPLODING,
    HIGH,
    INITIALIZER,
    INPUTS,
    IRIS,
    LOW,
    NO_HIDDEN,
    NOTHING,
    OVERFITTING,
    PENGUINS,
    SATURATED,
    STOPPED,
    TARGET,
    VANISHING,
    WINE,
    Case,
    Data,
)

SEEDS = (11, 12, 13)


SIGMOIDS = {"architecture.hidden": [12] * 10, "architecture.activation": "sigmoid"}
ADAM = {"architecture.hidden": [16], "training.learning_rate": 0.01}
NONE = {"dataset.split.validation": 0}


def dense(units: int, activation: str = "relu", **more: object) -> dict[str, object]:
    return {"kind": "dense", "units": units, "activation": activation, **more}


SICK = [
    Case("rate 1e-7", WINE, {**ADAM, "training.learning_rate": 1e-7}, [LOW]),
    Case(
        "rate 1e-5, gradient descent",
        Data(moons, 200, 21),
        {**ADAM, "training.learning_rate": 1e-5, "training.optimizer": "gradient_descent"},
        [LOW],
    ),
    Case(
        "rate 2e-6, regression",
        Data(wave(), 220, 22),
        {**ADAM, "training.learning_rate": 2e-6, "training.epochs": 40},
        [LOW],
    ),
    Case("rate 10, adam", CANCER, {**ADAM, "training.learning_rate": 10}, [HIGH]),
    Case(
        "rate 1000, gradient descent",
        Data(linear(), 200, 23),
        {**ADAM, "training.learning_rate": 1000, "training.optimizer": "gradient_descent"},
        [HIGH, EXPLODING],
    ),
    Case(
        "rate 3, adam, regression",
        DIABETES,
        {**ADAM, "training.learning_rate": 3},
        [HIGH, DEAD],
    ),
    Case(
        "rate 30, momentum, classes",
        IRIS,
        {**ADAM, "training.learning_rate": 30, "training.optimizer": "momentum"},
        [HIGH, EXPLODING, DEAD],
    ),
    Case(
        "one epoch",
        Data(blobs(6), 240, 24),
        {"architecture.hidden": [16], "training.epochs": 1},
        [EPOCHS],
    ),
    Case(
        "two epochs, regression",
        Data(wave(), 260, 25),
        {"architecture.hidden": [8], "training.epochs": 2},
        [EPOCHS],
    ),
    Case(
        "full batch, five epochs",
        Data(circles, 300, 26),
        {
            "architecture.hidden": [16],
            "training.batch_size": "full",
            "training.epochs": 5,
        },
        [EPOCHS, "batch size", LOW],
    ),
    Case(
        "still improving",
        Data(checkers, 300, 27),
        {"architecture.hidden": [16], "training.epochs": 15},
        [EPOCHS, LOW],
    ),
    Case(
        "all zeros",
        PENGUINS,
        {
            "architecture.layers": [dense(16, initializer="zeros")],
            "architecture.output.initializer": "zeros",
        },
        [INITIALIZER],
    ),
    Case(
        "constant weights",
        Data(checkers, 240, 28),
        {
            "architecture.layers": [
                dense(8, "tanh", initializer={"kind": "constant", "value": 0.3})
            ],
            "architecture.output.initializer": {"kind": "constant", "value": 0.3},
            "training.learning_rate": 0.02,
        },
        [INITIALIZER],
    ),
    Case(
        "huge normal weights",
        Data(blobs(4, 8), 240, 29),
        {
            "architecture.layers": [
                dense(24, "tanh", initializer={"kind": "normal", "deviation": 60}),
                dense(24, "tanh", initializer={"kind": "normal", "deviation": 60}),
            ],
        },
        [INITIALIZER, SATURATED],
    ),
    Case("l2 100", WINE, {**ADAM, "training.l2": 100}, ["penalty"]),
    Case("l1 5", Data(wave(), 200, 30), {**ADAM, "training.l1": 5}, ["penalty"]),
    Case(
        "weight decay 100",
        Data(moons, 220, 31),
        {**ADAM, "training.optimizer": {"kind": "adamw", "weight_decay": 100}},
        ["penalty"],
    ),
    Case(
        "dropout 0.97",
        Data(wave(), 200, 32),
        {
            "architecture.layers": [
                dense(16),
                {"kind": "dropout", "rate": 0.97},
                dense(16),
                {"kind": "dropout", "rate": 0.97},
            ],
            "training.learning_rate": 0.003,
        },
        ["dropout"],
    ),
    Case(
        "ten sigmoid layers",
        Data(blobs(5), 250, 33),
        {**SIGMOIDS, "training.learning_rate": 0.003},
        [VANISHING],
    ),
    Case(
        "ten sigmoid layers, gradient descent",
        Data(moons, 200, 34),
        {**SIGMOIDS, "training.optimizer": "gradient_descent", "training.learning_rate": 0.1},
        [VANISHING],
    ),
    Case(
        "saturated tanh",
        Data(moons, 200, 35),
        {
            "architecture.layers": [
                dense(16, "tanh", initializer={"kind": "uniform", "low": -40, "high": 40})
                for _ in range(6)
            ],
        },
        [INITIALIZER, SATURATED],
    ),
    Case(
        "dead relu",
        Data(linear(), 200, 36),
        {
            "architecture.layers": [
                dense(16, bias_initializer={"kind": "constant", "value": -80}),
            ],
        },
        [INITIALIZER, DEAD],
    ),
    Case("linear, checkers", Data(checkers, 240, 37), {"architecture.hidden": []}, [NO_HIDDEN]),
    Case(
        "linear, circles",
        Data(circles, 240, 38),
        {"architecture.hidden": [], "training.learning_rate": 0.02},
        [NO_HIDDEN],
    ),
    Case(
        "linear, bowl",
        Data(bowl, 300, 39),
        {"architecture.hidden": [], "training.learning_rate": 0.02},
        [NO_HIDDEN],
    ),
    Case(
        "identity layers, spirals",
        Data(spirals, 300, 40),
        {
            "architecture.hidden": [16, 16],
            "architecture.activation": "identity",
            "training.learning_rate": 0.01,
        },
        [NO_HIDDEN],
    ),
    Case(
        "inputs in thousands",
        Data(thousands, 240, 41),
        {**ADAM, "dataset.preprocessing.numeric": "none", "training.epochs": 40},
        [INPUTS],
    ),
    Case(
        "target of a million",
        Data(linear(scale=1e5, offset=1e6), 200, 42),
        {**ADAM, "dataset.preprocessing.target": "none"},
        [TARGET],
    ),
    Case(
        "batches of one, rate 1",
        Data(wave(), 160, 43),
        {
            "architecture.hidden": [16],
            "training.batch_size": 1,
            "training.learning_rate": 1,
            "training.epochs": 20,
            "training.optimizer": "gradient_descent",
        },
        [HIGH, EXPLODING, DEAD],
    ),
    Case(
        "patience 1",
        Data(checkers, 300, 44),
        {
            "architecture.hidden": [16],
            "training.learning_rate": 0.0003,
            "training.early_stopping": {"patience": 1, "minimum_improvement": 0.01},
        },
        [STOPPED, LOW],
    ),
    Case(
        "patience 2 on the accuracy",
        Data(blobs(8, 4, 1.5), 320, 45),
        {
            "architecture.hidden": [16],
            "training.learning_rate": 0.0001,
            "training.early_stopping": {"monitor": "val_accuracy", "patience": 2},
        },
        [STOPPED, LOW],
    ),
    Case(
        "sixty noisy rows, last weights",
        Data(wide(20, 1.5), 100, 46),
        {
            "dataset.split.validation": 0.2,
            "dataset.split.test": 0.2,
            "architecture.hidden": [128, 128],
            "training.learning_rate": 0.01,
            "training.epochs": 150,
            "training.keep": "last",
        },
        [OVERFITTING],
    ),
    Case(
        "noisy rows without validation",
        Data(wide(30, 1.5), 110, 47),
        {
            **NONE,
            "dataset.split.test": 0.4,
            "architecture.hidden": [128, 128],
            "training.learning_rate": 0.01,
            "training.epochs": 100,
        },
        [OVERFITTING],
    ),
    Case(
        "flipped classes without validation",
        Data(flipped(blobs(2, 12, 0.6), 0.35), 150, 48),
        {
            **NONE,
            "dataset.split.test": 0.4,
            "architecture.hidden": [128, 128],
            "training.learning_rate": 0.01,
            "training.epochs": 100,
        },
        [OVERFITTING],
    ),
    Case(
        "schedule that decays at once",
        Data(circles, 240, 49),
        {**ADAM, "training.schedule": {"kind": "exponential", "decay": 0.01}},
        ["schedule"],
    ),
    Case(
        "long warm-up",
        Data(wave(), 200, 50),
        {
            "architecture.hidden": [16],
            "training.schedule": {"kind": "constant", "warmup_epochs": 20000},
            "training.epochs": 40,
        },
        ["schedule"],
    ),
    Case(
        "momentum 0.9995",
        Data(wave(), 200, 51),
        {
            "architecture.hidden": [16],
            "training.optimizer": {"kind": "momentum", "momentum": 0.9995},
            "training.learning_rate": 0.05,
        },
        ["momentum", HIGH, EXPLODING],
    ),
    Case(
        "clipped to 1e-7",
        Data(circles, 240, 52),
        {
            **ADAM,
            "training.optimizer": "gradient_descent",
            "training.gradient_clipping": {"norm": 1e-7},
            "training.learning_rate": 0.05,
        },
        ["gradient clipping"],
    ),
    Case(
        "perturbation, few steps",
        IRIS,
        {
            "architecture.hidden": [16],
            "training.optimizer": "perturbation",
            "training.learning_rate": 0.01,
            "training.epochs": 20,
        },
        ["optimizer", EPOCHS, LOW],
    ),
    Case(
        "rprop in small batches",
        Data(wave(), 200, 53),
        {
            "architecture.hidden": [16],
            "training.optimizer": {"kind": "rprop", "largest_step": 1e-6, "smallest_step": 1e-9},
            "training.learning_rate": 1e-8,
        },
        ["optimizer", LOW],
    ),
    Case("pure noise", Data(noise(), 200, 55), {**ADAM, "training.epochs": 60}, [NOTHING]),
    Case(
        "noise of three classes, stopped early",
        Data(noise(4, 3), 240, 56),
        {**ADAM, "training.early_stopping": {"patience": 10}},
        [NOTHING],
    ),
    Case(
        "noise, linear",
        Data(noise(3), 240, 57),
        {"architecture.hidden": [], "training.learning_rate": 0.01},
        [NOTHING],
    ),
    Case(
        "rare class never predicted",
        Data(rare(0.06), 400, 58),
        {"architecture.hidden": [16], "training.learning_rate": 3e-5, "training.epochs": 60},
        [LOW, EPOCHS],
    ),
    Case(
        "embedding, rate 1e-6",
        Data(cities(), 260, 59),
        {
            **ADAM,
            "dataset.preprocessing.categorical": "embedding",
            "training.learning_rate": 1e-6,
        },
        [LOW],
    ),
    Case(
        "overflow of float32",
        Data(linear(scale=1e13), 160, 60),
        {**ADAM, "dataset.preprocessing.target": "none"},
        [TARGET],
    ),
    Case(
        "some replicas fail",
        Data(checkers, 200, 61),
        {
            "replicas": 6,
            "architecture.layers": [dense(2, "relu")],
            "training.learning_rate": 0.02,
            "training.epochs": 120,
        },
        ["some replicas failed", "network too small", DEAD],
    ),
]
"""Trainings in trouble, with the causes that may be named first."""

HEALTHY = [
    *(
        Case(f"shipped {name}", None, {}, config=f"{name}.yaml")
        for name in ("breast_cancer", "diabetes", "iris", "penguins", "wine", "xor")
    ),
    Case(
        "moons, stopped early",
        Data(moons, 300, 71),
        {**ADAM, "training.epochs": 300, "training.early_stopping": {"patience": 20}},
    ),
    Case(
        "circles",
        Data(circles, 300, 72),
        {**ADAM, "training.epochs": 120},
    ),
    Case(
        "wave, cosine",
        Data(wave(), 320, 73),
        {**ADAM, "training.epochs": 120, "training.schedule": "cosine"},
    ),
    Case(
        "linear on a line",
        Data(linear(), 260, 74),
        {"architecture.hidden": [], "training.learning_rate": 0.02, "training.epochs": 100},
    ),
    Case(
        "ridge",
        Data(linear(noise=0.6), 260, 75),
        {
            "architecture.hidden": [],
            "training.learning_rate": 0.02,
            "training.epochs": 100,
            "training.l2": 0.1,
        },
    ),
    Case("linear wine", WINE, {"architecture.hidden": [], "training.learning_rate": 0.03}),
    Case("linear iris", IRIS, {"architecture.hidden": [], "training.learning_rate": 0.1}),
    Case(
        "R² of 0.3",
        Data(linear(noise=1.53), 400, 76),
        {
            "architecture.hidden": [8],
            "training.learning_rate": 0.005,
            "training.epochs": 200,
            "training.l2": 0.05,
            "training.early_stopping": {"patience": 20},
        },
    ),
    Case(
        "long and converged",
        Data(wave(0.05), 260, 77),
        {**ADAM, "training.epochs": 600, "training.schedule": "cosine"},
    ),
    Case(
        "blobs of ten classes",
        Data(blobs(10, 6), 400, 78),
        {**ADAM, "training.epochs": 100, "training.early_stopping": {"patience": 20}},
    ),
    Case(
        "cities, embedding",
        Data(cities(), 400, 79),
        {
            **ADAM,
            "dataset.preprocessing.categorical": "embedding",
            "training.early_stopping": {"patience": 15},
        },
    ),
    Case(
        "rare class, balanced",
        Data(rare(0.1), 500, 80),
        {
            **ADAM,
            "dataset.class_weight": "balanced",
            "training.epochs": 150,
            "training.early_stopping": {"patience": 20},
        },
    ),
    Case(
        "heavy tails, quantiles",
        Data(tailed, 400, 81),
        {
            **ADAM,
            "dataset.preprocessing.numeric": "quantile",
            "training.early_stopping": {"patience": 20},
        },
    ),
    Case(
        "momentum",
        Data(moons, 300, 82),
        {
            "architecture.hidden": [16],
            "training.optimizer": "momentum",
            "training.learning_rate": 0.05,
            "training.epochs": 150,
        },
    ),
    Case(
        "rprop, full batch",
        Data(moons, 240, 83),
        {
            "architecture.hidden": [12],
            "architecture.activation": "tanh",
            "training.optimizer": "rprop",
            "training.batch_size": "full",
            "training.learning_rate": 0.01,
            "training.epochs": 80,
        },
    ),
    Case(
        "dropout and normalization",
        CANCER,
        {
            "architecture.layers": [
                dense(32, "identity"),
                {"kind": "batch_normalization", "activation": "relu"},
                {"kind": "dropout", "rate": 0.3},
            ],
            "training.learning_rate": 0.003,
            "training.epochs": 60,
            "training.early_stopping": {"patience": 20},
        },
    ),
    Case(
        "spirals, wide enough",
        Data(spirals, 400, 84),
        {
            "architecture.hidden": [48, 48],
            "architecture.activation": "tanh",
            "training.learning_rate": 0.01,
            "training.epochs": 300,
            "training.early_stopping": {"patience": 60},
        },
    ),
    Case(
        "some classes flipped",
        Data(flipped(blobs(3), 0.1), 300, 85),
        {
            "architecture.hidden": [8],
            "training.learning_rate": 0.01,
            "training.epochs": 150,
            "training.l2": 0.02,
            "training.early_stopping": {"patience": 15},
        },
    ),
    Case(
        "huber",
        Data(wave(0.3), 320, 86),
        {
            **ADAM,
            "training.loss": "huber",
            "training.epochs": 150,
            "training.early_stopping": {"patience": 25},
        },
    ),
    Case(
        "without validation rows",
        Data(linear(), 240, 87),
        {**ADAM, **NONE, "architecture.hidden": [4], "training.epochs": 60},
    ),
]
"""Trainings in which all is well."""
