"""L-BFGS: Newton's method by a curvature that is learned from the last gradients."""

import math
import sys
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from bpnet.engine.component import Array, number
from bpnet.engine.optimizers.full_batch import BatchObjective, FullBatchOptimizer, Solver
from bpnet.engine.stateful import StateDict

DECREASE, CURVATURE = 1e-4, 0.9
"""Share of the foretold decrease that a step must reach, and of the slope that may be left."""
MOST_TRIALS = 25
"""Number of trials in one line search."""
EXPANSION = 3.0
"""Factor by which a step grows while the loss falls more and more steeply."""


@dataclass(frozen=True, kw_only=True)
class Lbfgs(FullBatchOptimizer):
    """Quasi-Newton steps from the last gradients, for any loss (Liu and Nocedal 1989).

    theta -= t H g, where H, the inverse Hessian, is made of the last `memory` changes of theta and
    of the gradient g, and a line search finds t by the strong Wolfe conditions. It takes all rows
    at once, and finds its own step sizes. Memory and time grow only in proportion to the number of
    parameters.
    """

    kind: Literal["lbfgs"] = "lbfgs"
    memory: int = number(10, ge=1)
    """Number of changes that H is made of; with more it is truer, and a step dearer.
    Example: `memory: 20`.
    """
    tolerance: float = number(1e-8, ge=0)
    """Largest entry of the gradient at which training ends. It also ends where no step lowers the
    loss. Example: `tolerance: 0.000001`.
    """

    def solver(self, objective: BatchObjective) -> Solver:
        """Return the solver of an objective."""
        return LbfgsSolver(self, objective)


class Point(NamedTuple):
    """Parameters θ (P,) with the loss there and its gradient (P,)."""

    theta: Array
    loss: float
    gradient: Array


Trials = Generator[Array, Point, None]
"""The trials of an iteration: parameters (P,), for each of which it is sent the Point there."""


class LbfgsSolver(Solver):
    """A search for each replica; the next trials of all are evaluated in one pass."""

    def __init__(self, optimizer: Lbfgs, objective: BatchObjective) -> None:
        super().__init__(objective)
        self._optimizer, self._objective = optimizer, objective
        self._searches: list[Search] = []

    def state(self) -> dict[str, Any]:
        """Return the state, with that of each search."""
        return {**super().state(), "searches": [search.state() for search in self._searches]}

    def load_state(self, state: StateDict) -> None:
        """Go on from a state, in which the searches may have begun."""
        attributes = {name: value for name, value in state.items() if name != "searches"}
        super().load_state(attributes)
        self._searches = [Search.of(self._optimizer, one) for one in state["searches"]]

    def step(self, loss: Array) -> None:
        """Take an iteration of each search that has not converged."""
        theta = self._objective.theta
        if not self._searches:
            points = zip(theta.copy(), loss, self._objective.gradient().copy(), strict=True)
            self._searches = [Search(self._optimizer, Point(*point)) for point in points]
        norms = [np.linalg.norm(search.point.gradient) for search in self._searches]
        self.gradient_norm = np.array(norms, np.float64)
        iterations = [search.iteration() for search in self._searches]
        trials = {k: next(iteration, None) for k, iteration in enumerate(iterations)}
        while waiting := {k: trial for k, trial in trials.items() if trial is not None}:
            for k, trial in waiting.items():
                theta[k] = trial
            loss, gradient = self._objective.loss(), self._objective.gradient()
            for k in waiting:
                point = Point(theta[k].copy(), float(loss[k]), gradient[k].copy())
                try:
                    trials[k] = iterations[k].send(point)
                except StopIteration:
                    trials[k] = None
        for k, search in enumerate(self._searches):
            theta[k] = search.point.theta
        self.converged = np.array([search.converged for search in self._searches])


class Search:
    """The search of one replica: where it is, and the last changes of θ and g."""

    def __init__(self, optimizer: Lbfgs, point: Point) -> None:
        self.point = point
        self.converged = False
        self._tolerance = optimizer.tolerance
        self._changes: deque[tuple[Array, Array]] = deque(maxlen=min(optimizer.memory, sys.maxsize))

    def state(self) -> dict[str, Any]:
        """Return where the search is, and the changes behind it."""
        return {
            **self.point._asdict(),
            "converged": self.converged,
            "changes": [list(change) for change in self._changes],
        }

    @classmethod
    def of(cls, optimizer: Lbfgs, state: StateDict) -> "Search":
        """Return the search that had this state."""
        search = cls(optimizer, Point(state["theta"], state["loss"], state["gradient"]))
        search.converged = state["converged"]
        search._changes.extend((s, y) for s, y in state["changes"])
        return search

    def iteration(self) -> Trials:
        """Yield trials until one is accepted, which becomes `point`, or none is left."""
        before = self.point
        if not math.isfinite(before.loss):
            return
        self.converged |= bool(np.abs(before.gradient).max() <= self._tolerance)
        if self.converged:
            return
        direction = self._direction()
        if self._changes and not direction @ before.gradient < 0:
            self._changes.clear()
            direction = -before.gradient
        first = 1.0 if self._changes else min(1.0, 1 / float(np.abs(before.gradient).sum()))
        found = yield from _line_search(before, direction, first)
        if found is None:
            # a fresh start along the gradient, at the next iteration
            self.converged = not self._changes
            self._changes.clear()
            return
        change = found.theta - before.theta, found.gradient - before.gradient  # s, y
        if change[0] @ change[1] > np.finfo(float).eps * (change[1] @ change[1]):
            self._changes.append(change)
        self.point = found

    def _direction(self) -> Array:
        """Return -H g, by the two loops of Nocedal and Wright (2006, algorithm 7.4)."""
        q = -self.point.gradient
        shares = []
        for s, y in reversed(self._changes):
            share = (s @ q) / (s @ y)
            q = q - share * y
            shares.append(share)
        if self._changes:
            s, y = self._changes[-1]
            q = q * ((s @ y) / (y @ y))
        for (s, y), share in zip(self._changes, reversed(shares), strict=True):
            q = q + s * (share - (y @ q) / (s @ y))
        return q


class _Trial(NamedTuple):
    """A step length t, with the loss there and its slope along the direction."""

    t: float
    loss: float
    slope: float


def _line_search(
    start: Point, direction: Array, step: float
) -> Generator[Array, Point, Point | None]:
    """Yield trials along the direction; return one by the strong Wolfe conditions.

    From a bracket of the step length, by cubic interpolation (Nocedal and Wright 2006, algorithms
    3.5 and 3.6). After the last trial it is the lowest, and None if none is lower than the start.
    """
    origin = low = _Trial(0.0, start.loss, float(start.gradient @ direction))
    lowest: Point | None = None
    high: _Trial | None = None
    for _ in range(MOST_TRIALS):
        point = yield start.theta + step * direction
        trial = _Trial(step, point.loss, float(point.gradient @ direction))
        enough = trial.loss <= start.loss + DECREASE * step * origin.slope
        if not enough or not trial.loss < low.loss:  # a nan is neither
            high = trial
        else:
            lowest = point
            if abs(trial.slope) <= -CURVATURE * origin.slope:
                break
            if trial.slope * ((math.inf if high is None else high.t) - low.t) >= 0:
                high = low
            low = trial
        step = EXPANSION * step if high is None else _between(low, high)
        if step == low.t:
            break
    return lowest


def _between(low: _Trial, high: _Trial) -> float:
    """Return where the cubic through both trials is lowest, inside the bracket (equation 3.59)."""
    width = high.t - low.t
    mean = low.slope + high.slope - 3 * (low.loss - high.loss) / (low.t - high.t)
    root = mean * mean - low.slope * high.slope
    share = 0.5
    if math.isfinite(root) and root >= 0:
        turn = math.copysign(math.sqrt(root), width)
        bottom = high.slope - low.slope + 2 * turn
        if bottom != 0:
            share = 1 - (high.slope + turn - mean) / bottom
    return low.t + width * min(max(share, 0.1), 0.9)
