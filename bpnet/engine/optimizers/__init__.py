"""The optimizers, a family in each file.

A new one is a frozen dataclass with a `kind` of its own, and a name in `AnyOptimizer`.
"""

from bpnet.engine.optimizers.adam import Adam, AdamW, NAdam
from bpnet.engine.optimizers.adaptive import Adagrad, RmsProp
from bpnet.engine.optimizers.base import Optimizer
from bpnet.engine.optimizers.full_batch import FullBatchOptimizer
from bpnet.engine.optimizers.gradient_descent import GradientDescent, Momentum, Nesterov
from bpnet.engine.optimizers.lbfgs import Lbfgs
from bpnet.engine.optimizers.levenberg_marquardt import BayesianRegularization, LevenbergMarquardt
from bpnet.engine.optimizers.muon import Muon
from bpnet.engine.optimizers.perturbation import Perturbation
from bpnet.engine.optimizers.rprop import Rprop
from bpnet.engine.optimizers.state import State

AnyOptimizer = (
    GradientDescent
    | Momentum
    | Nesterov
    | RmsProp
    | Adagrad
    | Adam
    | AdamW
    | NAdam
    | Muon
    | Rprop
    | Perturbation
    | LevenbergMarquardt
    | BayesianRegularization
    | Lbfgs
)
"""The optimizers that a config may name."""

__all__ = [
    "Adagrad",
    "Adam",
    "AdamW",
    "AnyOptimizer",
    "BayesianRegularization",
    "FullBatchOptimizer",
    "GradientDescent",
    "Lbfgs",
    "LevenbergMarquardt",
    "Momentum",
    "Muon",
    "NAdam",
    "Nesterov",
    "Optimizer",
    "Perturbation",
    "RmsProp",
    "Rprop",
    "State",
]
