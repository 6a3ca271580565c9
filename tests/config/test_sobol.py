"""The Sobol sequence: its first 2^k points are a net, and spread more evenly than random ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.config.sobol import SobolSequence, _polynomials


def points(number: int, dimensions: int, seed: int) -> np.ndarray:
    sequence = SobolSequence(dimensions, np.random.default_rng(seed))
    return np.array([sequence.point(k) for k in range(number)])


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(0, 5), st.integers(1, 12))
def test_each_part_of_an_axis_has_one_point(seed: int, power: int, dimensions: int) -> None:
    found = np.floor(points(1 << power, dimensions, seed) * (1 << power))
    for axis in found.T:
        assert sorted(axis) == list(range(1 << power))


@pytest.mark.parametrize("power", [4, 6])
def test_each_elementary_box_of_two_axes_has_one_point(power: int) -> None:
    found = points(1 << power, 2, 3)
    for k in range(power + 1):
        boxes = np.floor(found * [1 << k, 1 << (power - k)])
        assert len(np.unique(boxes, axis=0)) == 1 << power


def test_the_polynomials_are_those_of_the_tables() -> None:
    # Press et al. 1992, table of primitive polynomials modulo 2, degrees 1 to 4
    stream = _polynomials()
    assert [next(stream) for _ in range(8)] == [1, 0b11, 0b111, *(0b1011, 0b1101), 19, 25, 37]


@pytest.mark.slow
def test_it_is_spread_more_evenly_than_random_points() -> None:
    from scipy.stats import qmc

    for dimensions in (3, 6, 12):
        ours = np.median([qmc.discrepancy(points(64, dimensions, seed)) for seed in range(9)])
        scipys = np.median(
            [qmc.discrepancy(qmc.Sobol(dimensions, seed=seed).random(64)) for seed in range(9)]
        )
        rng = np.random.default_rng(0)
        random = np.median([qmc.discrepancy(rng.random((64, dimensions))) for _ in range(9)])
        assert ours < 0.8 * random
        assert ours < 1.35 * scipys
