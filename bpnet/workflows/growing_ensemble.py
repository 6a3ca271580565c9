"""The ensemble that grows while packs train: of all networks that have stopped."""

from collections.abc import Sequence

import numpy as np

from bpnet.engine.component import Array
from bpnet.models.combination_fit import Calibration
from bpnet.models.description import Description
from bpnet.models.greedy_selection import Selection

_ADDITIONS = 2
"""Additions to the blend, at most, for each set of networks that joins: few cost little time."""


class GrowingEnsemble:
    """A greedy blend of what has trained so far.

    `values` are the target values of the training rows (N, …), `weights` (N,) theirs.
    """

    def __init__(self, values: np.ndarray, weights: Array | None, calibration: Calibration) -> None:
        self._values, self._weights, self._calibration = values, weights, calibration
        self._rows: Array | None = None
        self._selection: Selection | None = None
        self.loss: float | None = None
        """The loss of the blend on held-out rows: log loss, or a squared error in units of the
        target's variance; None before there is a blend."""

    def add(self, trained: Sequence[tuple[Description, Array]]) -> None:
        """Let networks join, with their descriptions and scores (N, O) for held-out rows."""
        for description, scores in trained:
            if self._selection is None or self._rows is None:
                self._rows = np.asarray(np.isfinite(scores).all(axis=1))
                self._selection = Selection(
                    description,
                    self._values[self._rows],
                    None if self._weights is None else self._weights[self._rows],
                    self._calibration,
                )
            if np.isfinite(scores[self._rows]).all():
                self._selection.add(description, scores[self._rows])
        if self._selection is not None:
            self._selection.grow(_ADDITIONS * len(trained))
            self.loss = self._selection.loss if np.isfinite(self._selection.loss) else None
