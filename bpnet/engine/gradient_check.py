"""The gradient check: backpropagation's gradient beside central differences of the loss.

dL/dθ_p ≈ (L(θ + h e_p) - L(θ - h e_p)) / 2h,    with an error of order h²
"""

from dataclasses import dataclass

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows
from bpnet.engine.losses import Loss
from bpnet.engine.network import Network
from bpnet.engine.objective import Objective
from bpnet.engine.penalties import Penalty

SUSPECT = 1e-6
"""Relative error above which an entry is measured again, in case the loss has a kink there."""
SMALLER_STEP = 1 / 100
"""The step of that second measurement, as a share of the first."""
BENT = 1e-3
"""Relative difference of the slopes on either side at which they meet in a kink."""


@dataclass(frozen=True)
class ParameterCheck:
    """The largest disagreement in one parameter array: its place, and both numbers."""

    name: str
    relative_error: float
    """|analytic - numeric| over the largest magnitude in either array.

    The divisor is never below 1e-4 of the largest of the whole gradient, nor below four million
    times the rounding of the difference, ε L / h: where a parameter has hardly an effect, such as
    a bias before batch normalization or the first layer of a deep sigmoid stack, all disagreement
    is rounding.
    """
    index: tuple[int, ...]
    """Replica first, then the position in the array."""
    analytic: float
    numeric: float
    checked: int = 0
    """Number of entries compared in each replica: all, or `most` of a larger array."""
    kinks: int = 0
    """Number of entries left out because the loss has a kink there, as where z of a relu is 0."""


@np.errstate(all="ignore")  # what is not finite does not agree
def check_gradient(
    network: Network,
    loss: Loss,
    rows: Rows,
    penalty: Penalty | None = None,
    step: float = 1e-5,
    most: int | None = None,
) -> list[ParameterCheck]:
    """Compare the gradient with central differences, for every parameter of every replica.

    Random numbers repeat: each evaluation renews the layers' generators, so that dropout draws the
    same masks. The network is left as it was.

    Parameters
    ----------
    network
        The network to check; in float32 rounding hides all but large mistakes, so use float64.
    loss, rows, penalty
        The loss of the rows, as one batch, plus the penalty is differentiated.
    step
        h, the change of each parameter.
    most
        Number of entries to check, evenly spread, in a parameter array that has more.

    Returns
    -------
    list of ParameterCheck
        One for each parameter array, in the order of `network.parameters.views`.

    Raises
    ------
    ValueError
        If the rows do not fit the network, or are not in memory.
    FloatingPointError
        If the loss is not a finite number.
    """
    objective = Objective(network, loss, rows, penalty or Penalty())
    gradient, statistics = network.gradient.copy(), network.statistics.flat.copy()
    if not np.isfinite(objective.forward()).all():
        raise FloatingPointError("the loss is not a finite number")
    objective.backward()
    differences = _CentralDifferences(objective, step)
    columns = _columns(network, most)
    for p in np.concatenate(columns):
        differences.measure(p)
    np.copyto(network.statistics.flat, statistics)
    np.copyto(network.gradient, gradient)
    return _compare(network, differences, columns)


class _CentralDifferences:
    """The central differences of an objective beside its gradient, which backward has just written.

    If the two disagree, a smaller step shows whether the first crossed a kink (the two then agree)
    or θ is on one (the slopes on either side then differ).
    """

    def __init__(self, objective: Objective, step: float) -> None:
        self._objective, self._theta, self._step = objective, objective.network.theta, step
        self.analytic = objective.network.gradient.copy()
        self.numeric = self.analytic.copy()
        """The differences (R, P), with the gradient itself where nothing was measured."""
        self.kinks = np.zeros(self.analytic.shape, np.bool_)
        """Mask (R, P) of the entries at which the loss has a kink."""
        self._here = objective.forward()
        epsilon = float(np.finfo(self._theta.dtype).eps)
        rounding = float(epsilon * np.abs(self._here).max() / step)
        self.floor = max(1e-4 * float(np.abs(self.analytic).max()), 4e6 * rounding, 1e-6)
        """The least magnitude that errors are compared with."""

    def measure(self, p: int) -> None:
        """Measure dL/dθ_p of every replica."""
        analytic = self.analytic[:, p]
        above, below = self._slopes(p, self._step)
        numeric = self.numeric[:, p] = (above + below) / 2  # (L(θ + h) - L(θ - h)) / 2h
        error = np.abs(numeric - analytic)
        if (error > SUSPECT * np.maximum(np.abs(analytic), self.floor)).any():
            above, below = self._slopes(p, self._step * SMALLER_STEP)
            crossed = np.abs((above + below) / 2 - analytic) < 0.01 * error
            # measured by the slopes only: the analytic one is what is under test
            steepest = np.maximum(np.abs(above), np.abs(below))
            bent = np.abs(above - below) > BENT * np.maximum(steepest, self.floor)
            self.kinks[:, p] = crossed | bent

    def _slopes(self, p: int, h: float) -> tuple[Array, Array]:
        """Return the slopes (R,) of the loss above and below θ_p."""
        theta_p, forward = self._theta[:, p], self._objective.forward  # a view (R,)
        original = theta_p.copy()
        theta_p[:] = original + h
        above = (forward() - self._here) / h
        theta_p[:] = original - h
        below = (self._here - forward()) / h
        theta_p[:] = original  # exactly; θ - h + h may round
        return above, below


def _columns(network: Network, most: int | None) -> list[Array]:
    """Return the columns of theta to check, for each parameter array."""
    columns, start = [], 0
    for view in network.parameters.views.values():
        size = view[0].size
        count = size if most is None else min(size, most)
        columns.append(start + np.unique(np.linspace(0, size - 1, count).astype(np.intp)))
        start += size
    return columns


def _compare(
    network: Network, differences: _CentralDifferences, columns: list[Array]
) -> list[ParameterCheck]:
    """Return the largest disagreement in each parameter array, kinks left out."""
    checks, start = [], 0
    # an entry at a kink then has an error of 0
    smooth = np.where(differences.kinks, differences.analytic, differences.numeric)
    for (name, view), checked in zip(network.parameters.views.items(), columns, strict=True):
        part = slice(start, start := start + view[0].size)
        analytic = differences.analytic[:, part].reshape(view.shape)
        numeric = smooth[:, part].reshape(view.shape)
        error = np.abs(analytic - numeric)
        where = np.unravel_index(np.argmax(error), view.shape)
        size = max(np.abs(analytic).max(), np.abs(numeric).max(), differences.floor)
        checks.append(
            ParameterCheck(
                name=name,
                relative_error=float(error[where] / size),
                index=tuple(int(i) for i in where),
                analytic=float(analytic[where]),
                numeric=float(numeric[where]),
                checked=len(checked),
                kinks=int(differences.kinks[:, part].sum()),
            )
        )
    return checks
