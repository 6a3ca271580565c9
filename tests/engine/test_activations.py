"""Activations: values and slopes from independent formulas, limits, and what holds for any z."""

import math
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from engine_cases import ACTIVATIONS, named
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special

from bpnet.engine.activations import (
    AnyActivation,
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


def filled_with_nan(scratch):
    """The arrays of a scratch that may be written, without what they hold."""
    for array in scratch:
        if array.flags.writeable:
            array.fill(np.nan if array.dtype.kind == "f" else 0)
    return scratch


def apply(activation, z):
    """f(z), and the function from dL/da to dL/dz. The scratch holds nan: nothing may rely on it."""
    a = np.full_like(z, np.nan)
    scratch = filled_with_nan(activation.scratch(z))
    kept = z.copy()
    activation.forward(z, a, scratch)
    assert np.array_equal(z, kept), "z was written to"

    def back(delta):
        delta = delta.copy()
        activation.backward(z, a, delta, scratch)
        return delta

    return a, back


def value(activation, z):
    return apply(activation, z)[0]


def selu_constants():
    """λ and α from the fixed-point equations of Klambauer et al. (2017), equation 14."""
    root, e = math.sqrt(math.e), math.e
    c1, c2 = math.erfc(1 / math.sqrt(2)), math.erfc(math.sqrt(2))
    alpha = -math.sqrt(2 / math.pi) / (c1 * root - 1)
    scale = (1 - c1 * root) * math.sqrt(2 * math.pi)
    scale /= math.sqrt(
        2 * c2 * e * e + math.pi * c1 * c1 * e - 2 * (2 + math.pi) * c1 * root + math.pi + 2
    )
    return scale, alpha


LAMBDA, ALPHA = selu_constants()


def gelu_argument(z):
    """Half of the sigmoid's argument: (1 + tanh u) / 2 = sigmoid(2 u)."""
    return 2 * math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)


def gelu_slope(z):
    s = special.expit(gelu_argument(z))
    return s + z * s * special.expit(-gelu_argument(z)) * 2 * math.sqrt(2 / math.pi) * (
        1 + 3 * 0.044715 * z * z
    )


def mish_slope(z):
    """As Misra's paper writes it."""
    e = np.exp(z)
    omega = 4 * (z + 1) + 4 * e**2 + e**3 + e * (4 * z + 6)
    return e * omega / (2 * e + e**2 + 2) ** 2


Function = Callable[[np.ndarray], np.ndarray]
VALUE_AND_SLOPE: dict[type, Callable[..., tuple[Function, Function]]] = {
    Identity: lambda f: (lambda z: z, np.ones_like),
    Sigmoid: lambda f: (special.expit, lambda z: special.expit(z) * special.expit(-z)),
    Tanh: lambda f: (lambda z: np.sinh(z) / np.cosh(z), lambda z: 1 / np.cosh(z) ** 2),
    Relu: lambda f: (lambda z: np.where(z > 0, z, 0), lambda z: np.where(z > 0, 1.0, 0)),
    LeakyRelu: lambda f: (
        lambda z: np.where(z > 0, z, f.slope * z),
        lambda z: np.where(z > 0, 1.0, f.slope),
    ),
    Elu: lambda f: (
        lambda z: np.where(z > 0, z, f.alpha * special.expm1(z)),
        lambda z: np.where(z > 0, 1.0, f.alpha * np.exp(z)),
    ),
    Selu: lambda f: (
        lambda z: LAMBDA * np.where(z > 0, z, ALPHA * special.expm1(z)),
        lambda z: LAMBDA * np.where(z > 0, 1.0, ALPHA * np.exp(z)),
    ),
    Gelu: lambda f: (lambda z: z * special.expit(gelu_argument(z)), gelu_slope),
    Silu: lambda f: (
        lambda z: z * special.expit(z),
        lambda z: special.expit(z) * (1 + z * special.expit(-z)),
    ),
    # with w = e^z: tanh(log(1 + w)) = ((1 + w)² - 1) / ((1 + w)² + 1)
    Mish: lambda f: (
        lambda z: z * (np.exp(2 * z) + 2 * np.exp(z)) / (np.exp(2 * z) + 2 * np.exp(z) + 2),
        mish_slope,
    ),
    Softplus: lambda f: (lambda z: np.logaddexp(0, z), special.expit),
}
ELEMENTWISE = named([one for one in ACTIVATIONS if not isinstance(one, Softmax)])
Z = np.concatenate([np.linspace(-9, 9, 181), [1e-3, -1e-3, 1e-8, -1e-8]]).reshape(1, 5, 37)
TOLERANCES = [
    pytest.param(np.float64, {"rtol": 1e-12, "atol": 1e-14}, id="float64"),
    pytest.param(np.float32, {"rtol": 1e-6, "atol": 1e-6}, id="float32"),
]


def test_every_activation_has_a_reference():
    assert {*VALUE_AND_SLOPE, Softmax} == set(get_args(AnyActivation))
    assert {type(one) for one in ACTIVATIONS} == set(get_args(AnyActivation))


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_value_and_slope(activation, dtype, tolerance):
    f, slope = VALUE_AND_SLOPE[type(activation)](activation)
    z = Z.astype(dtype)
    exact = z.astype(np.float64)
    a, back = apply(activation, z)
    assert a.dtype == dtype
    np.testing.assert_allclose(a, f(exact), **tolerance)
    delta = np.random.default_rng(0).uniform(0.5, 2, z.shape).astype(dtype)
    got = back(delta)
    assert got.dtype == dtype
    if isinstance(activation, Gelu) and dtype == np.float32:
        # 1 - t² is 2e-8 near |z| = 5, where it is multiplied by 18: float32 leaves 2e-6 of the
        # slope open there
        tolerance = {"rtol": 1e-6, "atol": 2e-6}
    np.testing.assert_allclose(got / delta, slope(exact), **tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
def test_softmax(dtype, tolerance):
    rng = np.random.default_rng(0)
    z, delta = (rng.normal(0, 3, (2, 5, 7)).astype(dtype) for _ in range(2))
    a, back = apply(Softmax(), z)
    p = special.softmax(z.astype(np.float64), axis=1)
    np.testing.assert_allclose(a, p, **tolerance)
    # the Jacobian of a row is diag(p) - p pᵀ
    jacobian = np.einsum("rib,ij->rbij", p, np.eye(5)) - np.einsum("rib,rjb->rbij", p, p)
    np.testing.assert_allclose(
        back(delta), np.einsum("rbij,rjb->rib", jacobian, delta), **tolerance
    )


@pytest.mark.parametrize("activation", named(ACTIVATIONS))
def test_backward_is_the_slope_of_forward(activation):
    rng = np.random.default_rng(1)
    z = rng.normal(0, 2, (2, 4, 9))
    z += np.sign(z) * 0.01  # away from the kinks at 0
    delta = rng.normal(size=z.shape)
    _, back = apply(activation, z)
    got = back(delta)
    numeric = np.empty_like(z)
    for at in np.ndindex(z.shape):
        shift = np.zeros_like(z)
        shift[at] = 1e-5
        numeric[at] = (
            (value(activation, z + shift) - value(activation, z - shift)) * delta
        ).sum() / 2e-5
    np.testing.assert_allclose(got, numeric, atol=1e-8)


@pytest.mark.parametrize(
    "activation", named([one for one in ACTIVATIONS if one.derivative_from_output])
)
def test_in_place_where_the_derivative_follows_from_the_output(activation):
    z = np.random.default_rng(2).normal(0, 2, (2, 4, 9))
    delta = np.random.default_rng(3).normal(size=z.shape)
    a, back = apply(activation, z)
    expected = back(delta)
    same = z.copy()
    scratch = filled_with_nan(activation.scratch(z))
    activation.forward(same, same, scratch)
    assert np.array_equal(same, a)
    activation.backward(same, same, delta, scratch)
    assert np.array_equal(delta, expected)


# At z = 1e4 the value and the slope, then at z = -1e4.
LIMITS = {
    Identity: (1e4, 1, -1e4, 1),
    Sigmoid: (1, 0, 0, 0),
    Tanh: (1, 0, -1, 0),
    Relu: (1e4, 1, 0, 0),
    LeakyRelu: (1e4, 1, -100, 0.01),
    Elu: (1e4, 1, -1, 0),
    Selu: (LAMBDA * 1e4, LAMBDA, -LAMBDA * ALPHA, 0),
    Gelu: (1e4, 1, 0, 0),
    Silu: (1e4, 1, 0, 0),
    Mish: (1e4, 1, 0, 0),
    Softplus: (1e4, 1, 0, 0),
    Softmax: (1, 0, 0, 0),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", get_args(AnyActivation))
def test_limits(kind, dtype):
    """Floating-point errors raise, as in all tests here; one unit is far above, one far below."""
    z = np.array([[[1e4], [-1e4]]], dtype)
    a, back = apply(kind(), z)
    high, slope_high, low, slope_low = LIMITS[kind]
    np.testing.assert_allclose(a[0, :, 0], [high, low], rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(
        back(np.ones_like(z))[0, :, 0], [slope_high, slope_low], rtol=1e-6, atol=1e-30
    )


@pytest.mark.parametrize("activation", named(ACTIVATIONS))
@pytest.mark.parametrize("size", [88.0, 104.0, 710.0, 746.0, 1e9])
def test_around_where_exponentials_overflow(activation, size):
    """e^88.8 is beyond float32, e^709.8 beyond float64; all stays finite, on underflow too."""
    for dtype in (np.float32, np.float64):
        z = np.array([[[size], [-size], [0.0]]], dtype)
        a, back = apply(activation, z)
        assert np.isfinite(a).all()
        assert np.isfinite(back(np.ones_like(z))).all()


def test_gelu_is_within_5e_4_of_the_one_with_the_error_function():
    z = np.linspace(-6, 6, 2001).reshape(1, 1, -1)
    assert np.abs(value(Gelu(), z) - z * special.ndtr(z)).max() < 5e-4


def test_at_the_kink_the_slope_is_that_from_the_left():
    for activation, slope in (
        (Relu(), 0),
        (LeakyRelu(slope=0.3), 0.3),
        (Elu(alpha=0.7), 0.7),
        (Selu(), LAMBDA * ALPHA),
    ):
        _, back = apply(activation, np.zeros((1, 1, 1)))
        assert back(np.ones((1, 1, 1)))[0, 0, 0] == pytest.approx(slope, rel=1e-12, abs=0)


FLOATS = st.floats(-700, 700)
COLUMN = arrays(np.float64, (1, 4, 3), elements=FLOATS)


@given(COLUMN)
def test_sigmoid_is_symmetric(z):
    np.testing.assert_allclose(value(Sigmoid(), z) + value(Sigmoid(), -z), 1, rtol=1e-14)


@given(COLUMN)
def test_tanh_is_odd(z):
    assert np.array_equal(value(Tanh(), -z), -value(Tanh(), z))


@given(COLUMN)
def test_softplus_of_z_and_minus_z_differ_by_z(z):
    np.testing.assert_allclose(
        value(Softplus(), z) - value(Softplus(), -z), z, rtol=1e-12, atol=1e-12
    )


@given(COLUMN, FLOATS)
def test_softmax_sums_to_one_and_does_not_feel_a_shift(z, shift):
    a = value(Softmax(), z)
    np.testing.assert_allclose(a.sum(axis=1), 1, rtol=1e-14)
    assert (a >= 0).all()
    np.testing.assert_allclose(value(Softmax(), z + shift), a, rtol=1e-11, atol=1e-300)


NOT_MONOTONE = (Gelu, Silu, Mish, Softmax)


@pytest.mark.parametrize(
    "activation", named([one for one in ACTIVATIONS if not isinstance(one, NOT_MONOTONE)])
)
def test_monotone(activation):
    @given(arrays(np.float64, 20, elements=FLOATS))
    def check(z):
        a = value(activation, np.sort(z).reshape(1, 1, -1))[0, 0]
        # the rounding of a value may be one unit in the last place
        assert (np.diff(a) >= -np.spacing(np.abs(a[1:]) + 1e-300)).all()

    check()


@pytest.mark.parametrize("activation", named([kind() for kind in NOT_MONOTONE[:3]]))
def test_the_others_have_one_dip_below_zero(activation):
    a = value(activation, np.linspace(-5, 5, 1001).reshape(1, 1, -1))[0, 0]
    assert a.min() < -0.1
    assert (np.diff(np.sign(np.diff(a))) != 0).sum() == 1


@pytest.mark.parametrize("activation", named(ACTIVATIONS))
def test_replicas_and_rows_do_not_mix(activation):
    z = np.random.default_rng(4).normal(size=(3, 4, 5))
    a = value(activation, z)
    for replica in range(3):
        for row in range(5):
            alone = value(activation, z[replica : replica + 1, :, row : row + 1].copy())
            np.testing.assert_allclose(a[replica, :, row], alone[0, :, 0], rtol=1e-14)
