"""The training engine: NumPy arrays in, a trained network out.

It knows no tables, files or screens, and imports NumPy only. A network that learns XOR:

    import numpy as np
    from bpnet.engine import Adam, BinaryCrossEntropy, Dense, Network, Rows, Sigmoid, Tanh
    from bpnet.engine import Training, fit

    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
    y = np.array([[0], [1], [1], [0]], float)
    layers = [Dense(units=4, activation=Tanh()), Dense(units=1)]
    network = Network(layers, inputs=2, seeds=[1], output_activation=Sigmoid())
    training = Training(
        loss=BinaryCrossEntropy(), optimizer=Adam(), learning_rate=0.1, epochs=200
    )
    for record in fit(training, network, Rows(x, y)):
        if record.epoch % 50 == 0:
            print(f"epoch {record.epoch}: loss {record.metrics['loss'][0]:.3f}")
    print(network.predict(x)[0].round(1).ravel())

It prints

    epoch 50: loss 0.019
    epoch 100: loss 0.004
    epoch 150: loss 0.002
    epoch 200: loss 0.001
    [0. 1. 1. 0.]

Layers, activations, losses, optimizers, schedules and initializers are frozen dataclasses of
hyperparameters, one declaration each, which the config reads too. `Network` binds layers to the
buffers of one batch shape; `fit` yields a `Record` for each epoch, and saving or drawing is up to
the caller. `check_gradient` compares backpropagation with central differences, and `trace` returns
every number of a training step.

Shapes use the letters R replicas (trained side by side, one for each seed), B rows of a batch,
I inputs, O outputs, P parameters, N rows of a table: activations are (R, O, B), weights (R, O, I),
all parameters `network.theta` (R, P), rows (N, I), predictions (R, N, O).
"""

from bpnet.engine.activations import (
    Activation,
    Elu,
    Gelu,
    Identity,
    LeakyRelu,
    Mish,
    Relu,
    Selu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
from bpnet.engine.calibration import fit_temperature
from bpnet.engine.gradient_check import ParameterCheck, check_gradient
from bpnet.engine.initializers import (
    Constant,
    Data,
    Explicit,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    LecunNormal,
    LecunUniform,
    Normal,
    Orthogonal,
    Uniform,
    Zeros,
)
from bpnet.engine.layers import (
    BatchNormalization,
    CategoryTable,
    Dense,
    Dropout,
    Embedding,
    Equilibrium,
    Layer,
    LayerNormalization,
    Parametric,
    Periodic,
    Scale,
)
from bpnet.engine.learning_rate_factors import LearningRateFactors
from bpnet.engine.loop.averaging import Averaging
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.evaluation import out_of_fold_scores
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.record import Record
from bpnet.engine.loop.replica_rows import ReplicaRows
from bpnet.engine.loop.settings import EarlyStopping, Training
from bpnet.engine.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Loss,
    Quantile,
    SquaredError,
)
from bpnet.engine.metrics import Accuracy, Closeness, LabelAccuracy, Metric, RegressionError
from bpnet.engine.network import Network
from bpnet.engine.optimizers import (
    Adagrad,
    Adam,
    AdamW,
    BayesianRegularization,
    GradientDescent,
    Lbfgs,
    LevenbergMarquardt,
    Momentum,
    Muon,
    NAdam,
    Nesterov,
    Optimizer,
    Perturbation,
    RmsProp,
    Rprop,
)
from bpnet.engine.penalties import GradientClipping, Penalty
from bpnet.engine.schedules import (
    ConstantRate,
    Cosine,
    ExponentialDecay,
    FlatCosine,
    LogCosine,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
)
from bpnet.engine.step_trace import LayerTrace, StepTrace
from bpnet.engine.tracing import Position, trace

__all__ = [
    "AbsoluteError",
    "Accuracy",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "Averaging",
    "BatchNormalization",
    "BayesianRegularization",
    "BinaryCrossEntropy",
    "CategoryTable",
    "Closeness",
    "Constant",
    "ConstantRate",
    "Cosine",
    "CrossEntropy",
    "Data",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "Elu",
    "Embedding",
    "Equilibrium",
    "Explicit",
    "ExponentialDecay",
    "FlatCosine",
    "Gelu",
    "GlorotNormal",
    "GlorotUniform",
    "GradientClipping",
    "GradientDescent",
    "HeNormal",
    "HeUniform",
    "Huber",
    "Identity",
    "Initializer",
    "LabelAccuracy",
    "Layer",
    "LayerNormalization",
    "LayerTrace",
    "Lbfgs",
    "LeakyRelu",
    "LearningRateFactors",
    "LecunNormal",
    "LecunUniform",
    "LevenbergMarquardt",
    "LogCosine",
    "Loss",
    "Metric",
    "Mish",
    "Momentum",
    "Muon",
    "NAdam",
    "Nesterov",
    "Network",
    "Normal",
    "OneCycle",
    "Optimizer",
    "Orthogonal",
    "ParameterCheck",
    "Parametric",
    "Penalty",
    "Periodic",
    "Perturbation",
    "Position",
    "Quantile",
    "Record",
    "ReduceOnPlateau",
    "RegressionError",
    "Relu",
    "ReplicaRows",
    "RmsProp",
    "Rows",
    "Rprop",
    "Scale",
    "Schedule",
    "Selu",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Softplus",
    "SquaredError",
    "StepDecay",
    "StepTrace",
    "Tanh",
    "Training",
    "Uniform",
    "Zeros",
    "check_gradient",
    "fit",
    "fit_temperature",
    "out_of_fold_scores",
    "trace",
]
