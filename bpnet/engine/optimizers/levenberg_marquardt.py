"""Levenberg-Marquardt, and Bayesian regularization on top of it: least squares, damped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.component import Array, number
from bpnet.engine.optimizers.full_batch import BatchObjective, FullBatchOptimizer, Solver

LARGEST_DAMPING = 1e10
"""Largest damping, as a share of the largest curvature: steps are then lost in rounding."""
SMALLEST_DAMPING = 1e-16
"""Smallest damping, as a share of the largest curvature: more digits float64 does not have."""
LARGEST_SHARE = 0.999
"""Largest effective number of parameters, as a share of the residuals: with all of them nothing
would be left to tell the noise from."""
TINY = float(np.finfo(float).tiny)
FIRST_SHARE = 0.01
"""First penalty, as a share of the one that counts all parameters as effective. Of eight networks
on a sinc curve the whole penalty turned eight into constants, this one none."""
SETTLED = 0.1
"""The penalty is estimated again once a step lowers what is minimized by less than this share:
the estimates are those of a minimum, and far from one they can smother the network."""


@dataclass(frozen=True, kw_only=True)
class LevenbergMarquardt(FullBatchOptimizer):
    """Damped Gauss-Newton steps, for squared errors and small networks (Marquardt 1963).

    (A + μ I) δ = -g, with the gradient g and A = 2 s Σ w J Jᵀ + l2 from the Jacobian J of the
    network's outputs. Small μ makes Newton's steps, large μ short ones along the gradient. A step
    that does not lower the loss is undone and tried again with a larger μ. It takes all rows at
    once, finds its own step sizes, and is trainlm in MATLAB. Memory grows with the square of the
    number of parameters P, time with P³.
    """

    kind: Literal["levenberg_marquardt"] = "levenberg_marquardt"
    damping: float = number(0.001, gt=0)
    """First μ, as a share of the largest entry on the diagonal of A. Larger values begin with
    shorter steps. Example: `damping: 0.1`.
    """
    rule: Literal["nielsen", "marquardt"] = "nielsen"
    """Change of μ: nielsen goes by how well A foretold the loss (Nielsen 1999); marquardt divides μ
    by 10 after a step that lowers the loss, and multiplies it by 10 after one that does not.
    """
    tolerance: float = number(1e-8, ge=0)
    """Largest entry of the gradient at which training ends. It also ends where no step lowers the
    loss. Example: `tolerance: 0.000001`.
    """
    figures: ClassVar[tuple[str, ...]] = ("damping",)
    least_squares: ClassVar[bool] = True

    def solver(self, objective: BatchObjective) -> Solver:
        """Return the solver of an objective."""
        return DampedSolver(self, objective)


@dataclass(frozen=True, kw_only=True)
class BayesianRegularization(LevenbergMarquardt):
    """Levenberg-Marquardt that finds the strength of its penalty by itself, for regressions.

    It minimizes β Σ w e² / 2 + α Σ θ² / 2 and after each step sets α = γ / Σ θ² and
    β = (n - γ) / Σ w e², with n residuals and the effective number of parameters
    γ = Σ λ / (λ + α) over the eigenvalues λ of β Σ w J Jᵀ (MacKay 1992; Foresee and Hagan 1997). No
    validation rows are needed. The penalty is on all parameters, and no part of the reported loss.
    It is trainbr in MATLAB.
    """

    kind: Literal["bayesian_regularization"] = "bayesian_regularization"  # type: ignore[assignment]
    figures: ClassVar[tuple[str, ...]] = ("damping", "effective_parameters")

    def solver(self, objective: BatchObjective) -> Solver:
        """Return the solver of an objective."""
        return EvidenceSolver(self, objective)


class DampedSolver(Solver):
    """Damped steps on L + Σ d θ² / 2, where L is the loss of the rows and d (R, P) the penalty."""

    stateful: ClassVar[tuple[str, ...]] = ("penalty", "_damping", "_growth")

    def __init__(self, optimizer: LevenbergMarquardt, objective: BatchObjective) -> None:
        super().__init__(objective)
        self._optimizer, self._objective = optimizer, objective
        self._diagonal = np.arange(objective.theta.shape[1])
        replicas = len(objective.theta)
        self.penalty = np.broadcast_to(objective.penalty, objective.theta.shape)
        """d (R, P)."""
        self._damping = np.full(replicas, np.nan)  # μ, set at the first step
        self._growth = np.full(replicas, 2.0)  # Nielsen's ν

    @property
    def figures(self) -> Mapping[str, Array]:
        """The damping μ (R,) after the step."""
        return {"damping": self._damping.copy()}

    def step(self, loss: Array) -> None:
        """Try steps with growing damping until one lowers the loss, for each replica."""
        theta, diagonal = self._objective.theta, self._diagonal
        hessian, gradient = self._objective.normal_equations()
        self._prepare(loss, hessian)
        start = theta.astype(np.float64)  # a copy
        gradient += self.penalty * start
        hessian[:, diagonal, diagonal] += self.penalty
        value = self._value(loss)
        self.gradient_norm = np.sqrt(np.vecdot(gradient, gradient))
        largest = hessian[:, diagonal, diagonal].max(axis=1)
        if np.isnan(self._damping).all():
            self._damping = self._optimizer.damping * largest
        self.converged |= np.abs(gradient).max(axis=1) <= self._optimizer.tolerance
        trying = ~self.converged & np.isfinite(value) & np.isfinite(self.gradient_norm)
        while trying.any():
            which = np.flatnonzero(trying)
            damping = self._damping[which, None]
            damped = hessian[which]
            damped[:, diagonal, diagonal] += damping
            delta = -_solutions(damped, gradient[which])
            theta[which] = start[which] + delta
            tried = self._value(self._objective.loss())[which]
            # -(g δ + δ A δ / 2), where (A + μ) δ = -g
            foretold = np.vecdot(delta, damping * delta - gradient[which]) / 2
            better = tried < value[which]  # a nan is not
            theta[which[~better]] = start[which[~better]]
            self._adapt(which, better, (value[which] - tried) / foretold)
            trying[which[better]] = False
            # also where μ is nan
            stuck = trying & ~(self._damping <= LARGEST_DAMPING * largest)
            self.converged |= stuck
            trying &= ~stuck
        np.maximum(self._damping, SMALLEST_DAMPING * largest, out=self._damping)

    def _prepare(self, loss: Array, hessian: Array) -> None:
        """Set the penalty for the next step, from the loss and the Hessian without penalty."""

    def _value(self, loss: Array) -> Array:
        """Return what is minimized (R,), from the loss, which has the config's penalty."""
        return loss

    def _adapt(self, which: Array, better: Array, gain: Array) -> None:
        """Change μ of these replicas, whose steps were better or not, with this gain ratio."""
        if self._optimizer.rule == "marquardt":
            self._damping[which] *= np.where(better, 0.1, 10)
            return
        growth = self._growth[which]
        shrink = np.maximum(1 / 3, 1 - (2 * gain - 1) ** 3)
        self._damping[which] *= np.where(better, shrink, growth)
        self._growth[which] = np.where(better, 2, 2 * growth)


class EvidenceSolver(DampedSolver):
    """Damped steps whose penalty d = 2 s α / β follows from the evidence (MacKay 1992).

    With d, L + d Σ θ² / 2 is β Σ w e² / 2 + α Σ θ² / 2 times 2 s / β, as L = s Σ w e².
    """

    stateful: ClassVar[tuple[str, ...]] = ("effective_parameters", "alpha", "beta", "_last")

    def __init__(self, optimizer: BayesianRegularization, objective: BatchObjective) -> None:
        super().__init__(optimizer, objective)
        replicas, parameters = objective.theta.shape
        self.penalty = np.zeros((replicas, parameters))
        self._most = min(parameters, LARGEST_SHARE * objective.residuals)
        self.effective_parameters = np.full(
            replicas, min(float(parameters), objective.residuals / 2)
        )
        """γ (R,), from P on, but at most half the residuals at first."""
        self.alpha = np.full(replicas, np.nan)
        """α (R,)."""
        self.beta = np.full(replicas, np.nan)
        """β (R,)."""
        self._last: Array | None = None  # (R,), what is minimized before the last step

    @property
    def figures(self) -> Mapping[str, Array]:
        """The damping μ and the effective number of parameters γ, each (R,)."""
        return {**super().figures, "effective_parameters": self.effective_parameters.copy()}

    def _prepare(self, loss: Array, hessian: Array) -> None:
        """Estimate γ, α and β again, each from the one before, where the last step was small."""
        value = self._value(loss)
        first = self._last is None
        which = ~self.converged & np.isfinite(loss)
        if self._last is not None:
            which &= self._last - value < SETTLED * self._last
            # those of 2 s Σ w J Jᵀ, of which rounding makes some negative
            eigenvalues = np.maximum(np.linalg.eigvalsh(hessian[which]), 0)
            penalty = self.penalty[which, :1]
            shares = eigenvalues / np.maximum(eigenvalues + penalty, TINY)
            self.effective_parameters[which] = np.minimum(shares.sum(axis=1), self._most)
        objective, gamma = self._objective, self.effective_parameters
        theta = objective.theta.astype(np.float64)
        alpha = gamma / np.maximum(np.vecdot(theta, theta), TINY)
        errors = np.maximum(loss / objective.scale, TINY)  # Σ w e²
        beta = (objective.residuals - gamma) / errors
        strength = 2 * objective.scale * alpha / beta * (FIRST_SHARE if first else 1)
        self.alpha[which], self.beta[which] = alpha[which], beta[which]
        self.penalty[which] = strength[which, None]
        self._last = self._value(loss)

    def _value(self, loss: Array) -> Array:
        """Return L + d Σ θ² / 2 (R,)."""
        theta = self._objective.theta.astype(np.float64)
        value: Array = loss + np.vecdot(theta, self.penalty * theta) / 2
        return value


def _solutions(matrices: Array, vectors: Array) -> Array:
    """Return the solutions x (R, P) of A x = b; nan where a matrix (R, P, P) is singular."""
    try:
        solved: Array = np.linalg.solve(matrices, vectors[..., None])[..., 0]
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.full_like(vectors, np.nan)
        pairs = zip(matrices, vectors, strict=True)
        return np.concatenate([_solutions(a[None], b[None]) for a, b in pairs])
    return solved
