"""Muon: the momentum of each hidden weight matrix, made nearly orthogonal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.component import Array, number
from bpnet.engine.optimizers.adam import DecoupledDecay
from bpnet.engine.optimizers.state import Rate, State
from bpnet.engine.parameters import Block

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Those of Jordan's quintic, which takes singular values from near 0 to near 1 fastest."""


@dataclass(frozen=True, kw_only=True)
class Muon(DecoupledDecay):
    """Steps of equal size in all directions of a weight matrix (Jordan et al. 2024).

    For each weight matrix (O, I) but the last one: m = μ m + (1 - μ) g, u = μ m + (1 - μ) g, and
    theta -= η 0.2 √max(O, I) U with U ≈ (u uᵀ)^-½ u, u with all its singular values near 1. From
    X = u / |u| each of a few Newton-Schulz iterations takes X to a X + b (X Xᵀ) X + c (X Xᵀ)² X.
    All other parameters move as with adamw, whose steps are about as long, so that one learning
    rate suits both (Liu et al. 2025). A step takes far longer than one of adamw.
    """

    kind: Literal["muon"] = "muon"
    momentum: float = number(0.95, ge=0, lt=1)
    """Share μ of the mean gradient of a matrix that stays at each step."""
    iterations: int = number(5, ge=1, le=20)
    """Number of Newton-Schulz iterations."""
    work_arrays: ClassVar[int] = 4

    def matrices(self, blocks: Sequence[Block]) -> dict[tuple[int, int], tuple[int, int]]:
        """Return the shapes of all weight matrices but the last, by their columns' ends."""
        shapes = {
            (block.columns.start, block.columns.stop): block.parameter.shape
            for block in blocks
            if block.parameter.group == "weight"
        }
        hidden = list(shapes.items())[:-1]
        return {ends: (shape[0], shape[1]) for ends, shape in hidden if len(shape) == 2}

    def _move(self, state: State, learning_rate: Rate) -> None:
        if state.matrix is None:
            super()._move(state, learning_rate)
            return
        mean, gradient, (u, *scratch) = state.slots["mean"], state.gradient, state.work
        np.multiply(mean, self.momentum, out=mean)
        np.multiply(gradient, 1 - self.momentum, out=scratch[0])
        np.add(mean, scratch[0], out=mean)  # m = μ m + (1 - μ) g
        np.multiply(mean, self.momentum, out=u)
        np.add(u, scratch[0], out=u)  # u = μ m + (1 - μ) g, with the new m
        self._orthogonalize(u, state.matrix, scratch)
        np.multiply(u, 0.2 * math.sqrt(max(state.matrix)), out=u)
        np.multiply(u, state.as_rate(learning_rate), out=u)
        np.subtract(state.theta, u, out=state.theta)

    def _orthogonalize(self, u: Array, shape: tuple[int, int], scratch: Sequence[Array]) -> None:
        """Turn each matrix in u (R, O I) into a nearly orthogonal one, in place."""
        a, b, c = COEFFICIENTS
        replicas, (rows, columns) = len(u), shape
        norm = np.sqrt(np.vecdot(u, u))[:, None]
        np.divide(u, norm + 1e-7, out=u)
        matrix, following = (array.reshape(replicas, rows, columns) for array in (u, scratch[0]))
        if rows > columns:  # the products below are of the shorter side
            matrix, following = matrix.transpose(0, 2, 1), following.transpose(0, 2, 1)
        short = min(shape)
        gram, square = (
            array[:, : short * short].reshape(replicas, short, short) for array in scratch[1:]
        )
        for _ in range(self.iterations):
            np.matmul(matrix, matrix.transpose(0, 2, 1), out=gram)  # X Xᵀ
            np.matmul(gram, gram, out=square)
            np.multiply(square, c, out=square)
            np.multiply(gram, b, out=gram)
            np.add(gram, square, out=gram)  # b X Xᵀ + c (X Xᵀ)²
            np.matmul(gram, matrix, out=following)
            np.multiply(matrix, a, out=matrix)
            np.add(matrix, following, out=matrix)
