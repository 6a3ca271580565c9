"""The trainings that the doctor's thresholds were chosen on: sick ones and healthy ones."""

from typing import Any

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

SEEDS = (1, 2, 3)


RATE, OPTIMIZER, HIDDEN = "training.learning_rate", "training.optimizer", "architecture.hidden"
LAYERS, ACTIVATION = "architecture.layers", "architecture.activation"
STOPPING, VALIDATION = "training.early_stopping", "dataset.split.validation"
USUAL: dict[str, Any] = {HIDDEN: [16], RATE: 0.01}
WITHOUT = {VALIDATION: 0, "dataset.split.test": 0.4}


def dense(units: int, activation: str = "relu", **more: Any) -> dict[str, Any]:
    return {"kind": "dense", "units": units, "activation": activation, **more}


def constant(value: float) -> dict[str, Any]:
    return {"kind": "constant", "value": value}


def normal(deviation: float) -> dict[str, Any]:
    return {"kind": "normal", "deviation": deviation}


SICK = [
    # rates
    *(
        Case(f"rate {rate:g}, {name}", data, {HIDDEN: [16], RATE: rate, **more}, [LOW])
        for rate, name, data, more in (
            (1e-7, "iris", IRIS, {}),
            (1e-5, "wave", Data(wave(), 200, 1), {}),
            (1e-6, "digits", Data("digits.csv", target="digit"), {"training.epochs": 4}),
            (1e-5, "descent", CANCER, {OPTIMIZER: "gradient_descent"}),
            (1e-5, "momentum", Data(linear(), 200, 2), {OPTIMIZER: "momentum"}),
            (1e-4, "descent, regression", Data(wave(), 200, 3), {OPTIMIZER: "gradient_descent"}),
            (1e-6, "rmsprop", Data(moons, 200, 4), {OPTIMIZER: "rmsprop"}),
            (1e-4, "adagrad", Data(moons, 200, 4), {OPTIMIZER: "adagrad"}),
            (1e-6, "categories", Data(cities(), 200, 5), {}),
        )
    ),
    *(
        Case(
            f"rate {rate:g}, {name}",
            data,
            {HIDDEN: [16], RATE: rate, **more},
            [HIGH, EXPLODING, DEAD],
        )
        for rate, name, data, more in (
            (10, "iris", IRIS, {}),
            (1000, "wine", WINE, {}),
            (1e6, "iris, momentum", IRIS, {OPTIMIZER: "momentum"}),
            (10, "wave", Data(wave(), 200, 6), {}),
            (1, "diabetes", DIABETES, {}),
            (1000, "moons, descent", Data(moons, 200, 7), {OPTIMIZER: "gradient_descent"}),
            (10, "linear", Data(linear(), 200, 8), {OPTIMIZER: "gradient_descent", HIDDEN: []}),
            (2, "two layers", DIABETES, {OPTIMIZER: "gradient_descent", HIDDEN: [32, 32]}),
            (30, "rmsprop", Data(circles, 200, 9), {OPTIMIZER: "rmsprop"}),
            (1, "tanh", Data(checkers, 200, 9), {ACTIVATION: "tanh"}),
            (1000, "one_cycle", PENGUINS, {"training.schedule": "one_cycle"}),
        )
    ),
    # epochs
    *(
        Case(f"epochs {epochs}, {name}", data, {HIDDEN: [16], "training.epochs": epochs}, [EPOCHS])
        for epochs, name, data in (
            (1, "iris", IRIS),
            (3, "wave", Data(wave(), 200, 10)),
            (2, "wine", WINE),
            (2, "moons", Data(moons, 150, 11)),
        )
    ),
    Case(
        "huge batch",
        Data(checkers, 300, 12),
        {HIDDEN: [16], "training.batch_size": 1000, "training.epochs": 10},
        [EPOCHS, "batch size", LOW],
    ),
    Case(
        "still falling",
        Data(wave(), 200, 13),
        {HIDDEN: [16], RATE: 0.0003, "training.epochs": 40},
        [EPOCHS, LOW],
    ),
    Case(
        "still falling, classes",
        Data(spirals, 300, 13),
        {HIDDEN: [32], RATE: 0.001, "training.epochs": 60},
        [EPOCHS, LOW],
    ),
    Case(
        "patience 1",
        Data(circles, 240, 14),
        {**USUAL, RATE: 0.001, STOPPING: {"patience": 1}},
        [STOPPED, LOW, EPOCHS],
    ),
    Case(
        "patience 1 on the accuracy",
        WINE,
        {**USUAL, RATE: 0.001, STOPPING: {"monitor": "val_accuracy", "patience": 1}},
        [STOPPED, LOW, EPOCHS],
    ),
    Case(
        "an improvement that never comes",
        Data(wave(), 240, 15),
        {**USUAL, STOPPING: {"patience": 4, "minimum_improvement": 5}},
        [STOPPED],
    ),
    Case(
        "target loss too high",
        Data(wave(), 240, 15),
        {**USUAL, "training.target_loss": 5},
        [STOPPED],
    ),
    # initializers
    Case(
        "zeros",
        IRIS,
        {
            LAYERS: [dense(16, initializer="zeros"), dense(16, initializer="zeros")],
            "architecture.output.initializer": "zeros",
        },
        [INITIALIZER],
    ),
    Case(
        "zeros in tanh layers",
        Data(checkers, 200, 16),
        {
            LAYERS: [dense(8, "tanh", initializer="zeros"), dense(8, "tanh", initializer="zeros")],
            "architecture.output.initializer": "zeros",
        },
        [INITIALIZER],
    ),
    Case(
        "constant",
        Data(circles, 200, 17),
        {
            LAYERS: [dense(16, initializer=constant(0.5))],
            "architecture.output.initializer": constant(0.5),
            RATE: 0.01,
        },
        [INITIALIZER],
    ),
    Case(
        "huge normal",
        Data(wave(), 200, 18),
        {
            LAYERS: [dense(32, initializer=normal(100)), dense(32, initializer=normal(100))],
            "architecture.output.initializer": normal(100),
        },
        [INITIALIZER],
    ),
    Case(
        "huge normal, tanh",
        WINE,
        {LAYERS: [dense(16, "tanh", initializer=normal(50)) for _ in range(3)]},
        [INITIALIZER, SATURATED],
    ),
    Case(
        "huge normal, sigmoid",
        Data(circles, 200, 19),
        {LAYERS: [dense(16, "sigmoid", initializer=normal(100)) for _ in range(5)]},
        [INITIALIZER, SATURATED],
    ),
    Case(
        "tiny normal",
        Data(circles, 200, 20),
        {LAYERS: [dense(16, initializer=normal(1e-6)) for _ in range(4)]},
        [INITIALIZER, VANISHING],
    ),
    Case(
        "dead relu",
        IRIS,
        {LAYERS: [dense(16, bias_initializer=constant(-100)), dense(16)]},
        [INITIALIZER, DEAD],
    ),
    Case(
        "dead second layer",
        Data(wave(), 200, 21),
        {LAYERS: [dense(16), dense(16, bias_initializer=constant(-1000))]},
        [INITIALIZER, DEAD],
    ),
    # penalties and dropout
    Case(
        "l2 100, descent",
        WINE,
        {**USUAL, OPTIMIZER: "gradient_descent", "training.l2": 100},
        ["penalty"],
    ),
    Case("l2 10", IRIS, {**USUAL, "training.l2": 10}, ["penalty"]),
    Case("l2 100, regression", Data(wave(), 200, 22), {**USUAL, "training.l2": 100}, ["penalty"]),
    Case(
        "l2 1000, descent",
        Data(wave(), 200, 22),
        {**USUAL, OPTIMIZER: "gradient_descent", "training.l2": 1000},
        ["penalty"],
    ),
    Case("l1 1", CANCER, {**USUAL, "training.l1": 1}, ["penalty"]),
    Case(
        "weight decay 50",
        DIABETES,
        {**USUAL, OPTIMIZER: {"kind": "adamw", "weight_decay": 50}},
        ["penalty"],
    ),
    Case(
        "dropout 0.95",
        Data(moons, 200, 23),
        {
            LAYERS: [
                dense(16),
                {"kind": "dropout", "rate": 0.95},
                dense(16),
                {"kind": "dropout", "rate": 0.95},
            ],
            "training.epochs": 50,
        },
        ["dropout"],
    ),
    Case(
        "dropout 0.95 of the inputs",
        Data(wave(), 200, 24),
        {LAYERS: [{"kind": "dropout", "rate": 0.95}, dense(32)], RATE: 0.003},
        ["dropout"],
    ),
    # depth
    *(
        Case(
            f"{len(hidden)} {activation} layers, {optimizer}",
            data,
            {
                HIDDEN: hidden,
                ACTIVATION: activation,
                OPTIMIZER: optimizer,
                RATE: rate,
                "training.epochs": 40,
            },
            [VANISHING],
        )
        for hidden, activation, optimizer, rate, data in (
            ([16] * 10, "sigmoid", "adam", 0.001, IRIS),
            ([16] * 8, "sigmoid", "gradient_descent", 0.1, WINE),
            ([8] * 12, "sigmoid", "momentum", 0.01, Data(blobs(4), 200, 25)),
            ([16] * 10, "sigmoid", "adam", 0.01, Data(wave(), 200, 26)),
        )
    ),
    # capacity
    *(
        Case(f"linear, {name}", data, {HIDDEN: hidden, RATE: rate, **more}, [NO_HIDDEN])
        for name, data, hidden, rate, more in (
            ("checkers", Data(checkers, 200, 27), [], 0.01, {}),
            ("circles", Data(circles, 200, 28), [], 0.1, {}),
            ("spirals", Data(spirals, 300, 29), [], 0.01, {}),
            ("bowl", Data(bowl, 240, 30), [], 0.01, {}),
            ("wave", Data(wave(), 300, 31), [], 0.02, {"training.epochs": 60}),
            (
                "xor",
                Data("xor.csv"),
                [],
                0.1,
                {VALIDATION: 0, "dataset.split.test": 0, "training.epochs": 200},
            ),
            (
                "xor, three layers",
                Data("xor.csv"),
                [8, 8],
                0.01,
                {
                    VALIDATION: 0,
                    "dataset.split.test": 0,
                    "training.epochs": 200,
                    ACTIVATION: "identity",
                },
            ),
        )
    ),
    # scales
    Case(
        "raw thousands",
        Data(thousands, 200, 32),
        {**USUAL, "dataset.preprocessing.numeric": "none", OPTIMIZER: "gradient_descent"},
        [INPUTS],
    ),
    Case(
        "raw wine",
        WINE,
        {
            HIDDEN: [16],
            "dataset.preprocessing.numeric": "none",
            OPTIMIZER: "gradient_descent",
            RATE: 0.01,
        },
        [INPUTS],
    ),
    Case(
        "raw thousands, tanh",
        Data(thousands, 200, 33),
        {**USUAL, ACTIVATION: "tanh", "dataset.preprocessing.numeric": "none"},
        [INPUTS],
    ),
    Case(
        "raw target",
        Data(linear(scale=500, offset=9000), 200, 34),
        {**USUAL, "dataset.preprocessing.target": "none"},
        [TARGET],
    ),
    Case(
        "raw target, descent",
        DIABETES,
        {**USUAL, "dataset.preprocessing.target": "none", OPTIMIZER: "gradient_descent"},
        [TARGET],
    ),
    Case(
        "overflow",
        Data(linear(scale=1e12), 200, 35),
        {**USUAL, "dataset.preprocessing.target": "none"},
        [TARGET],
    ),
    # batches, schedules, optimizers
    Case(
        "batch of one",
        Data(wave(), 150, 36),
        {
            **USUAL,
            "training.batch_size": 1,
            RATE: 0.5,
            OPTIMIZER: "momentum",
            "training.epochs": 10,
        },
        [HIGH, EXPLODING, DEAD],
    ),
    Case(
        "decays at once",
        Data(wave(), 200, 37),
        {**USUAL, "training.schedule": {"kind": "step", "every_epochs": 1, "decay": 1e-4}},
        ["schedule"],
    ),
    Case(
        "exponential",
        IRIS,
        {**USUAL, "training.schedule": {"kind": "exponential", "decay": 1e-3}},
        ["schedule"],
    ),
    Case(
        "plateau",
        Data(checkers, 240, 38),
        {
            HIDDEN: [16],
            "training.schedule": {
                "kind": "reduce_on_plateau",
                "patience": 0,
                "decay": 0.01,
                "smallest": 0,
                "minimum_improvement": 1,
            },
        },
        ["schedule"],
    ),
    Case(
        "warm-up",
        WINE,
        {
            HIDDEN: [16],
            "training.epochs": 30,
            "training.schedule": {"kind": "cosine", "warmup_epochs": 5000},
        },
        ["schedule"],
    ),
    Case(
        "momentum 0.999",
        IRIS,
        {
            **USUAL,
            OPTIMIZER: {"kind": "momentum", "momentum": 0.999},
            RATE: 0.1,
            "training.epochs": 60,
        },
        ["momentum", HIGH, EXPLODING],
    ),
    Case(
        "nesterov 0.999",
        DIABETES,
        {**USUAL, OPTIMIZER: {"kind": "nesterov", "momentum": 0.999}, RATE: 0.1},
        ["momentum", HIGH, EXPLODING],
    ),
    Case(
        "clipped",
        WINE,
        {**USUAL, OPTIMIZER: "gradient_descent", "training.gradient_clipping": {"norm": 1e-6}},
        ["gradient clipping"],
    ),
    Case(
        "clipped values",
        Data(wave(), 200, 39),
        {**USUAL, OPTIMIZER: "momentum", "training.gradient_clipping": {"value": 1e-6}},
        ["gradient clipping"],
    ),
    Case(
        "perturbation",
        Data(wave(), 200, 40),
        {HIDDEN: [16], OPTIMIZER: "perturbation", "training.epochs": 10},
        ["optimizer", EPOCHS, LOW],
    ),
    Case(
        "rprop, tiny steps",
        IRIS,
        {HIDDEN: [16], OPTIMIZER: {"kind": "rprop", "largest_step": 1e-6}, RATE: 1e-6},
        ["optimizer", LOW],
    ),
    Case(
        "adam, huge epsilon",
        Data(moons, 200, 41),
        {**USUAL, OPTIMIZER: {"kind": "adam", "epsilon": 1e4}},
        ["optimizer", LOW],
    ),
    # overfitting
    Case(
        "last weights",
        Data(wide(25, 1.2), 100, 42),
        {
            **USUAL,
            HIDDEN: [128, 128],
            "training.keep": "last",
            "dataset.split.validation": 0.2,
            "dataset.split.test": 0.2,
        },
        [OVERFITTING],
    ),
    Case(
        "last weights, classes",
        Data(flipped(blobs(2, 8, 0.7), 0.3), 120, 43),
        {**USUAL, HIDDEN: [64, 64], "training.keep": "last", "training.epochs": 150},
        [OVERFITTING],
    ),
    Case(
        "without validation",
        Data(wide(20, 1.2), 100, 44),
        {**USUAL, HIDDEN: [128], **WITHOUT},
        [OVERFITTING],
    ),
    Case(
        "without validation, diabetes",
        DIABETES,
        {**USUAL, HIDDEN: [128, 128], **WITHOUT, "dataset.split.test": 0.8},
        [OVERFITTING],
    ),
    Case(
        "without validation, classes",
        Data(flipped(moons, 0.5), 120, 45),
        {**USUAL, HIDDEN: [128, 128], **WITHOUT, "training.epochs": 300},
        [OVERFITTING, NOTHING],
    ),
    # targets
    Case("noise", Data(noise(4), 200, 46), {**USUAL}, [NOTHING]),
    Case(
        "noise, small rate",
        Data(noise(4), 200, 46),
        {HIDDEN: [8], "training.epochs": 30},
        [NOTHING],
    ),
    Case("noise of two classes", Data(noise(4, 2), 200, 47), USUAL, [NOTHING]),
    Case(
        "noise of five classes, linear",
        Data(noise(4, 5), 300, 48),
        {HIDDEN: [], RATE: 0.01},
        [NOTHING],
    ),
    Case(
        "noise, stopped early",
        Data(noise(8), 240, 49),
        {**USUAL, STOPPING: {"patience": 5}},
        [NOTHING],
    ),
    Case(
        "rare class, low rate",
        Data(rare(0.05), 400, 50),
        {HIDDEN: [16], RATE: 1e-4, "training.epochs": 30},
        [LOW, EPOCHS],
    ),
    Case("rare class, linear", Data(rare(0.5), 300, 51), {HIDDEN: [], RATE: 0.02}, [NO_HIDDEN]),
    Case(
        "many classes, low rate",
        Data(blobs(20), 400, 52),
        {HIDDEN: [16], RATE: 1e-5},
        [LOW, EPOCHS],
    ),
    Case(
        "embedding",
        Data(cities(), 200, 53),
        {**USUAL, RATE: 1e-6, "dataset.preprocessing.categorical": "embedding"},
        [LOW],
    ),
    Case(
        "replicas",
        Data(circles, 200, 54),
        {LAYERS: [dense(2)], RATE: 0.02, "replicas": 6},
        ["some replicas failed", "network too small", DEAD],
    ),
]
"""Trainings in trouble, with the causes that may be named first."""

HEALTHY = [
    *(
        Case(f"shipped {name}", None, {"seed": 0}, config=f"{name}.yaml")
        for name in ("breast_cancer", "diabetes", "iris", "penguins", "wine", "xor")
    ),
    *(
        Case(name, data, settings)
        for name, data, settings in (
            (
                "checkers",
                Data(checkers, 300, 61),
                {**USUAL, "training.epochs": 200, STOPPING: {"patience": 30}},
            ),
            ("circles", Data(circles, 260, 62), USUAL),
            (
                "moons, tanh",
                Data(moons, 260, 63),
                {**USUAL, ACTIVATION: "tanh", "training.schedule": "cosine"},
            ),
            (
                "spirals",
                Data(spirals, 400, 64),
                {HIDDEN: [64, 64], RATE: 0.005, "training.epochs": 200},
            ),
            ("wave", Data(wave(), 300, 65), {**USUAL, "training.epochs": 200}),
            (
                "wave, clipped",
                Data(wave(), 300, 65),
                {**USUAL, "training.epochs": 200, "training.gradient_clipping": {"norm": 1}},
            ),
            ("line", Data(linear(), 200, 66), {HIDDEN: [], RATE: 0.02, "training.epochs": 80}),
            (
                "line, descent",
                Data(linear(), 200, 67),
                {HIDDEN: [], RATE: 0.05, OPTIMIZER: "gradient_descent", "training.epochs": 80},
            ),
            (
                "ridge",
                Data(linear(10, 0.8), 200, 68),
                {HIDDEN: [], RATE: 0.02, "training.l2": 0.2, "training.epochs": 80},
            ),
            (
                "half noise",
                Data(linear(5, 1), 300, 69),
                {HIDDEN: [8], RATE: 0.005, "training.epochs": 150, STOPPING: {"patience": 20}},
            ),
            (
                "R² of 0.3",
                Data(linear(4, 1.5), 500, 70),
                {HIDDEN: [8], RATE: 0.005, "training.epochs": 100, STOPPING: {"patience": 15}},
            ),
            (
                "R² of 0.2",
                Data(linear(3, 2), 600, 71),
                {HIDDEN: [4], RATE: 0.005, "training.epochs": 100, STOPPING: {"patience": 15}},
            ),
            ("linear, R² of 0.3", Data(linear(4, 1.5), 500, 70), {HIDDEN: [], RATE: 0.01}),
            ("linear cancer", CANCER, {HIDDEN: [], RATE: 0.01, "training.l2": 0.01}),
            ("linear penguins", PENGUINS, {HIDDEN: [], RATE: 0.02}),
            ("linear diabetes", DIABETES, {HIDDEN: [], RATE: 0.01, "training.l2": 0.1}),
            (
                "blobs that overlap",
                Data(blobs(4, 3, 1.0), 400, 72),
                {**USUAL, STOPPING: {"patience": 15}},
            ),
            ("twenty classes", Data(blobs(20, 8), 600, 73), {**USUAL, HIDDEN: [32]}),
            (
                "rare class",
                Data(rare(0.1), 600, 74),
                {**USUAL, "training.epochs": 150, STOPPING: {"patience": 20}},
            ),
            (
                "embedding",
                Data(cities(20), 500, 75),
                {
                    **USUAL,
                    "dataset.preprocessing.categorical": "embedding",
                    STOPPING: {"patience": 20},
                },
            ),
            ("categories", Data(cities(20), 500, 75), {**USUAL, STOPPING: {"patience": 20}}),
            (
                "tails",
                Data(tailed, 400, 76),
                {**USUAL, "dataset.preprocessing.numeric": "quantile", STOPPING: {"patience": 15}},
            ),
            (
                "tails, robust",
                Data(tailed, 400, 76),
                {**USUAL, "dataset.preprocessing.numeric": "robust", STOPPING: {"patience": 15}},
            ),
            (
                "flipped",
                Data(flipped(moons, 0.2), 400, 77),
                {HIDDEN: [8], RATE: 0.005, "training.epochs": 150, STOPPING: {"patience": 20}},
            ),
            (
                "wide, penalized",
                Data(wide(30), 200, 78),
                {HIDDEN: [16], RATE: 0.003, "training.l2": 0.1, STOPPING: {"patience": 20}},
            ),
            (
                "dropout",
                CANCER,
                {
                    LAYERS: [dense(32), {"kind": "dropout", "rate": 0.5}],
                    RATE: 0.003,
                    STOPPING: {"patience": 20},
                },
            ),
            ("adamw", WINE, {**USUAL, OPTIMIZER: "adamw", STOPPING: {"patience": 20}}),
            (
                "rmsprop, one_cycle",
                IRIS,
                {**USUAL, OPTIMIZER: "rmsprop", "training.schedule": "one_cycle"},
            ),
            (
                "nesterov",
                Data(wave(), 300, 79),
                {**USUAL, OPTIMIZER: "nesterov", RATE: 0.02, "training.epochs": 200},
            ),
            (
                "step schedule",
                Data(moons, 300, 80),
                {**USUAL, "training.schedule": {"kind": "step", "every_epochs": 40}},
            ),
            (
                "plateau",
                Data(wave(), 300, 81),
                {**USUAL, "training.epochs": 200, "training.schedule": "reduce_on_plateau"},
            ),
            (
                "absolute error",
                Data(wave(0.2), 300, 82),
                {**USUAL, "training.loss": "absolute_error", "training.epochs": 150},
            ),
            ("four replicas", Data(moons, 240, 83), {**USUAL, "replicas": 4}),
            ("no validation", Data(blobs(3), 240, 84), {**USUAL, **WITHOUT}),
            ("no validation, line", Data(linear(), 260, 85), {HIDDEN: [], RATE: 0.02, **WITHOUT}),
            ("deep relu", Data(circles, 300, 86), {HIDDEN: [16] * 5, RATE: 0.003}),
            ("selu", Data(moons, 300, 87), {**USUAL, HIDDEN: [16] * 3, ACTIVATION: "selu"}),
        )
    ),
]
"""Trainings in which all is well."""
