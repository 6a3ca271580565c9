"""Bound products: they write what einsum and sum give, in whichever way they are carried out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.engine.matmul import BoundIncrement, BoundMatmul, BoundSum, BoundTotal

SIZES = st.integers(1, 5)
ROWS = st.sampled_from([1, 2, 3, 5, 16, 21])
"""From 16 on a product of one term is no matrix product."""
WAYS = ["one replica", "shared b", "own b"]


def arrays(way, m, k, n, dtype=np.float64):
    """a (R, M, K), b (R, K, N), out (R, M, N); a and out are parts of flat vectors."""
    rng = np.random.default_rng(0)
    replicas = 1 if way == "one replica" else 3
    a = rng.normal(size=(replicas, m * k + 2)).astype(dtype)[:, 1:-1].reshape(replicas, m, k)
    shared = way == "shared b"
    b = rng.normal(size=(1 if shared else replicas, n, k)).astype(dtype).transpose(0, 2, 1)
    out = np.full((replicas, m * n + 2), np.nan, dtype)[:, 1:-1].reshape(replicas, m, n)
    return a, np.broadcast_to(b, (replicas, k, n)), out


@pytest.mark.parametrize("way", WAYS)
@given(m=SIZES, k=SIZES, n=ROWS)
def test_product(way, m, k, n):
    a, b, out = arrays(way, m, k, n)
    multiply = BoundMatmul(a, b, out)
    for _ in range(2):
        multiply.compute()
        np.testing.assert_allclose(out, np.einsum("rmk,rkn->rmn", a, b), rtol=1e-12, atol=1e-12)
        a *= -2  # the second call reads what is there then


@pytest.mark.parametrize("way", WAYS)
@given(m=SIZES, k=SIZES, n=ROWS)
def test_arrays_that_lie_together(way, m, k, n):
    a, b, out = (
        np.ascontiguousarray(one) if one.strides[0] else one for one in arrays(way, m, k, n)
    )
    BoundMatmul(a, b, out).compute()
    np.testing.assert_allclose(out, np.einsum("rmk,rkn->rmn", a, b), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("m", "k", "n"),
    [
        (16, 32, 2048),
        (16, 32, 2100),
        (2, 3, 200_000),
        (16, 2048, 32),
        (16, 2100, 31),
        (40, 2000, 20),
    ],
)
def test_a_long_product_in_pieces(way, m, k, n):
    a, b, out = arrays(way, m, k, n)
    for first, second in ((a, b), (a, np.ascontiguousarray(b))):
        out.fill(np.nan)
        BoundMatmul(first, second, out).compute()
        np.testing.assert_allclose(out, first @ second, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("way", WAYS)
def test_a_result_of_a_narrower_type(way):
    a, b, out = arrays(way, 2, 3, 4)
    narrow = out.astype(np.float32)
    BoundMatmul(a, b, narrow).compute()
    np.testing.assert_allclose(narrow, np.einsum("rmk,rkn->rmn", a, b), rtol=1e-6, atol=1e-6)


@given(replicas=SIZES, m=SIZES, k=SIZES)
def test_sum(replicas, m, k):
    values = np.random.default_rng(0).normal(size=(replicas, m, k))
    out = np.full((replicas, m), np.nan)
    BoundSum(values, out).compute()
    np.testing.assert_allclose(out, values.sum(axis=2), rtol=1e-12, atol=1e-12)


@given(replicas=SIZES, m=SIZES, k=SIZES)
def test_total(replicas, m, k):
    values = np.random.default_rng(0).normal(size=(replicas, m, k))
    out = np.full(replicas, np.nan)
    BoundTotal(values, out, factor=-2.0).compute()
    np.testing.assert_allclose(out, -2 * values.sum(axis=(1, 2)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_increments_are_added_in_float64(replicas, dtype):
    rng = np.random.default_rng(0)
    amounts, sums = np.empty(replicas, dtype), np.zeros(replicas)
    increment = BoundIncrement(amounts, sums)
    expected = np.zeros(replicas)
    for _ in range(20):
        amounts[:] = rng.normal(size=replicas)
        increment.compute()
        expected = expected + amounts.astype(np.float64)
    assert sums.tobytes() == expected.tobytes()
    amounts[:] = np.inf
    increment.compute()
    assert (sums == np.inf).all()
