"""Clipped and ranked numbers, waves and bins beside them, and two categories as -1 and 1."""

from typing import get_args

import numpy as np
import pytest
from encoded_tables import column_options, encoded, fitted, table
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import TypeAdapter
from scipy import stats
from sklearn.preprocessing import QuantileTransformer

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.added_inputs import PeriodicInputs, PiecewiseInputs
from bpnet.data.encoding.fitting import fit_encoder
from bpnet.data.encoding.scalers import ClippedScaler, RankScaler
from bpnet.data.encoding.settings import (
    AnyScaling,
    Impute,
    NoScaling,
    OneHot,
    Periodic,
    PiecewiseLinear,
    QuantileNormal,
    Refuse,
    RobustClip,
    ScalingName,
)
from bpnet.data.reading import Table
from bpnet.engine.component import FieldError
from bpnet.errors import DataError

NUMBERS = st.integers(-40, 40).map(lambda k: k / 8)
SOME = arrays.arrays(np.float64, st.integers(2, 40), elements=NUMBERS)
ANY_FLOATS = arrays.arrays(
    np.float64,
    st.integers(1, 20),
    elements=st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, 5e-324, -5e-324, 1e-310, 1e300, -1e300]),
)
KINDS = [RobustClip(), QuantileNormal(), Periodic(), PiecewiseLinear()]


def numeric(setting: object, missing: object = None) -> object:
    return column_options("numeric", scaling=setting, missing=missing)


def of(values: object) -> Table:
    return table(a=[float(value) for value in values])  # type: ignore[attr-defined]


def inputs(setting: object, train: object, rows: object = None, dtype: str = "float64"):
    """The inputs (N, I) of a column's rows, by an encoder fitted to others."""
    encoder = fitted(of(train), numeric(setting))
    return encoded(encoder, of(train if rows is None else rows), dtype)[0]


# Scaled numbers


def test_quartiles_are_1_apart_and_far_numbers_end_at_3():
    x = inputs(RobustClip(), [0, 1, 2, 3, 4], [2, 4, 0, 8, 1e300, -1e300])
    # u = (value - 2) / 2; u = 1 becomes 1 / √(1 + 1/9) = 3 / √10
    expected = [0, 3 / np.sqrt(10), -3 / np.sqrt(10), 3 / np.sqrt(2), 3, -3]
    np.testing.assert_allclose(x[:, 0], expected, rtol=1e-15)


@given(SOME)
def test_ranks_are_those_of_scipy(values):
    assume(np.ptp(values) > 0)
    n = len(values)
    shares = np.clip((stats.rankdata(values) - 0.5) / n, 0.5 / n, 1 - 0.5 / n)
    np.testing.assert_allclose(
        inputs(QuantileNormal(), values)[:, 0], stats.norm.ppf(shares), atol=1e-12
    )


def test_new_numbers_are_ranked_among_those_of_training():
    x = inputs(QuantileNormal(), [0, 0, 0, 1, 5], [-9, 0, 0.1, 1, 3, 5, 9])
    # 0 of 5 below, kept at 0.5 / 5; the heap of zeros at its middle; 3 below, …
    shares = [0.1, 0.3, 0.6, 0.7, 0.8, 0.9, 0.9]
    np.testing.assert_allclose(x[:, 0], stats.norm.ppf(shares), atol=1e-12)


def test_many_numbers_have_nearly_the_ranks_of_scikit_learn():
    values = np.random.default_rng(0).lognormal(size=1500)
    reference = QuantileTransformer(n_quantiles=1500).fit_transform(values[:, None])
    shares = stats.norm.cdf(inputs(QuantileNormal(), values)[:, 0])
    # (i + ½) / n here, i / (n - 1) there
    np.testing.assert_allclose(shares, reference[:, 0], atol=0.5 / 1500 + 1e-12)


@pytest.mark.parametrize("most", [2, 20, 200])
def test_few_values_that_are_kept_stand_for_all_within_the_documented_error(most):
    rng = np.random.default_rng(1)
    values = np.where(rng.random(4000) < 0.3, 0, rng.standard_t(2, size=4000))
    encoder = fitted(of(values), numeric(QuantileNormal(values=most)))
    scale = encoder.columns[0].scale
    assert len(scale.values) == len(scale.below) == len(scale.at_most) <= most
    assert scale.at_most[-1] == 4000
    exact = inputs(QuantileNormal(values=4000), values)[:, 0]
    x = encoded(encoder, of(values))[0][:, 0]
    bound = 2 * stats.norm.ppf(1 - 0.5 / 4000) / (most - 1)
    assert np.abs(x - exact).max() <= bound
    if most > 2:
        assert np.array_equal(x[values == 0], exact[values == 0])  # heaps are always kept


def test_the_kept_values_are_fewer_where_there_are_many_columns():
    values = np.random.default_rng(0).normal(size=(2500, 2))

    def kept(columns: int) -> int:
        names = {f"c{k}": values[:, k % 2].tolist() for k in range(columns)}
        plans = [numeric(QuantileNormal())] * columns
        return len(fitted(table(**names), *plans).columns[0].scale.values)

    assert kept(400) <= 1000 < kept(2) <= 2000


@pytest.mark.parametrize("setting", [RobustClip(), Periodic()])
def test_a_column_of_equal_quartiles_is_ranked(setting):
    values = [0] * 8 + [1, 2]
    encoder = fitted(of(values), numeric(setting))
    assert isinstance(encoder.columns[0].scale, RankScaler)
    x = encoded(encoder, of([0, 1, 2]))[0][:, 0]
    np.testing.assert_allclose(x, stats.norm.ppf([0.4, 0.85, 0.95]), atol=1e-12)


# Waves


def test_waves_are_cosines_and_sines_of_the_clipped_number():
    train, rows = np.arange(21.0), np.array([3.0, 10.0, 55.0])
    encoder = fitted(of(train), numeric(Periodic(frequencies=3, sigma=0.7, scale="standardize")))
    assert encoder.inputs == ["a", "a cos 1", "a cos 2", "a cos 3", "a sin 1", "a sin 2", "a sin 3"]
    x = encoded(encoder, of(rows))[0]
    u = (rows - 10) / 10
    u = u / np.sqrt(1 + (u / 3) ** 2)
    angles = np.pi / 2 * np.outer(u, encoder.columns[0].added.frequencies)
    np.testing.assert_allclose(x[:, 0], (rows - 10) / train.std())
    np.testing.assert_allclose(x[:, 1:], np.hstack([np.cos(angles), np.sin(angles)]), atol=1e-12)
    single = encoded(encoder, of(rows), "float32")[0]
    np.testing.assert_allclose(single, x, atol=1e-6)


def frequencies(names: str, seed: int = 0, **settings: object) -> dict[str, list[float]]:
    rng = np.random.default_rng(0)
    whole = table(**{name: rng.normal(size=9).tolist() for name in names})
    options = {name: numeric(Periodic(**settings)) for name in names}
    encoder = fit_encoder(
        whole,
        options,  # type: ignore[arg-type]
        np.ones(9, bool),
        unit_rows=False,
        rng=np.random.default_rng(0),
        seed=seed,
    )
    return {column.name: column.added.frequencies for column in encoder.columns}  # type: ignore[union-attr]


def test_frequencies_are_of_the_seed_and_the_columns_name_only():
    both, turned = frequencies("ab", frequencies=5), frequencies("cba", frequencies=5)
    assert {name: turned[name] for name in "ab"} == both
    assert both["a"] != both["b"]
    assert frequencies("ab", frequencies=5, seed=1)["a"] != both["a"]
    wide = frequencies("a", frequencies=5, sigma=3.0)["a"]
    np.testing.assert_allclose(wide, 3 * np.array(both["a"]))


def test_frequencies_are_normally_distributed():
    drawn = np.concatenate(list(frequencies("abcdefgh", frequencies=1000, sigma=2.0).values()))
    assert stats.kstest(drawn / 2, "norm").pvalue > 0.01


# Bins


def test_a_heap_takes_one_bin():
    """Worked by hand: the zeros' count c is capped to (c + 10) / 4, so that c = 10/3 of 40/3."""
    encoder = fitted(of([0] * 90 + list(range(1, 11))), numeric(PiecewiseLinear(bins=4)))
    # shares: 0 has 1/8, k has (10/3 + k - 1/2) / (40/3); edges at 1/4, 1/2, 3/4
    expected = [0, (1 / 4 - 1 / 8) / (23 / 80 - 1 / 8), 23 / 6, 43 / 6, 10]
    np.testing.assert_allclose(encoder.columns[0].added.edges, expected, rtol=1e-9)
    assert encoder.inputs == ["a", "a bin 1", "a bin 2", "a bin 3", "a bin 4"]


def test_few_different_numbers_are_the_edges():
    x = inputs(PiecewiseLinear(bins=4), [1, 1, 3, 3, 3, 7], [0, 1, 2, 3, 4, 7, 8])
    expected = [[-1, -1], [-1, -1], [0, -1], [1, -1], [1, -0.5], [1, 1], [1, 1]]
    np.testing.assert_allclose(x[:, 1:], expected)


@given(SOME, SOME, st.integers(2, 9))
def test_bins_are_filled_one_after_the_other(train, rows, bins):
    assume(np.ptp(train) > 0)
    encoder = fitted(of(train), numeric(PiecewiseLinear(bins=bins)))
    edges = np.array(encoder.columns[0].added.edges)
    assert len(edges) <= bins + 1
    assert (edges[0], edges[-1]) == (train.min(), train.max())
    inside = np.clip((rows[:, None] - edges[:-1]) / np.diff(edges), 0, 1)
    x = encoded(encoder, of(rows))[0]
    np.testing.assert_allclose(x[:, 1:], 2 * inside - 1, atol=1e-9)


def test_bins_hold_about_as_many_rows_each():
    values = np.random.default_rng(2).lognormal(sigma=2, size=1000)
    edges = fitted(of(values), numeric(PiecewiseLinear(bins=10))).columns[0].added.edges
    counts, _ = np.histogram(values, edges)
    assert counts.min() >= 98
    assert counts.max() <= 102


@pytest.mark.parametrize(
    ("columns", "rows", "waves", "bins"),
    [(1, 80, 16, 16), (6, 80, 10, 16), (20, 80, 3, 6), (70, 80, 1, 2), (20, 10_000, 3, 9)],
)
def test_auto_is_by_the_columns_that_vary_and_by_the_rows(columns, rows, waves, bins):
    rng = np.random.default_rng(0)
    names = {f"c{k}": rng.normal(size=rows).tolist() for k in range(columns)}
    whole = table(**names, same=[7] * rows)
    for setting, expected in ((Periodic(), 2 * waves), (PiecewiseLinear(), bins)):
        plans = [*[numeric(setting)] * columns, numeric(setting)]
        first, *_, last = fitted(whole, *plans).columns
        assert len(first.inputs) == 1 + expected
        assert last.inputs == ["same"]


# All kinds


@pytest.mark.parametrize("setting", KINDS, ids=lambda one: one.kind)
@given(ANY_FLOATS, ANY_FLOATS)
def test_any_numbers_become_finite_inputs_that_rise_with_them(setting, train, rows):
    low, high = np.percentile(train / 4, [25, 75])
    if high - low > np.finfo(float).max / 4 and not isinstance(setting, QuantileNormal):
        assume(not isinstance(setting, PiecewiseLinear))
        with pytest.raises(DataError, match="too large to scale by its quartiles"):
            fitted(of(train), numeric(setting))
        return
    encoder = fitted(of(train), numeric(setting))
    x = encoded(encoder, of(np.sort(rows)), "float32")[0]
    assert x.shape == (len(rows), encoder.width)
    assert np.isfinite(x).all()
    assert np.abs(x).max() <= 6
    rising = x if not isinstance(setting, Periodic) else x[:, :1]
    assert (np.diff(rising, axis=0) >= 0).all()


@pytest.mark.parametrize("setting", KINDS, ids=lambda one: one.kind)
@pytest.mark.parametrize("value", ["0", "7", "0.1", "-1e300", "1e-310"])
def test_a_constant_column_is_0_and_adds_nothing(setting, value):
    encoder = fitted(
        table(a=[value] * 7, b=range(7)), column_options("numeric", scaling=setting), numeric(None)
    )
    assert encoder.inputs == ["a", "b"]
    assert encoder.columns[0].constant
    assert encoded(encoder, table(a=[value] * 2, b=[1, 2]))[0][:, 0].tolist() == [0, 0]


@pytest.mark.parametrize("setting", KINDS, ids=lambda one: one.kind)
def test_a_missing_number_is_the_median_with_an_indicator(setting):
    whole = table(a=[1, 2, "", 4, 9, 3], b=[1, 2, 3, 4, 5, 6])
    encoder = fitted(whole, numeric(setting), numeric(NoScaling()))
    assert (encoder.inputs[0], *encoder.inputs[-2:]) == ("a", "a missing", "b")
    x = encoded(encoder, table(a=["", 3], b=[0, 0]))[0]
    assert np.array_equal(x[0, :-2], x[1, :-2])
    assert x[:, -2].tolist() == [1, 0]
    refusing = fitted(table(a=[1, 2, 4]), numeric(setting, Refuse()))
    with pytest.raises(DataError, match="column 'a': is blank"):
        encoded(refusing, table(a=["", 3]))


@pytest.mark.parametrize("setting", KINDS, ids=lambda one: one.kind)
def test_numbers_far_outside_are_flagged(setting):
    encoder = fitted(table(a=[0, 4, 6, 10]), numeric(setting))
    assert encoded(encoder, table(a=[-5, -5.1, 1e12, 15]))[1] == ["", "outside a", "outside a", ""]


@pytest.mark.parametrize("setting", KINDS, ids=lambda one: one.kind)
def test_an_encoder_read_back_from_json_encodes_the_same(setting):
    whole = of(np.random.default_rng(0).lognormal(size=50))
    encoder = fitted(whole, numeric(setting))
    adapter = TypeAdapter(Encoder)
    back = adapter.validate_json(adapter.dump_json(encoder))
    assert back == encoder
    assert np.array_equal(encoded(back, whole)[0], encoded(encoder, whole)[0])


def test_every_scaling_may_be_named_beside_waves_and_bins():
    assert {kind.kind for kind in get_args(AnyScaling)} == set(get_args(ScalingName))
    for name in get_args(ScalingName):
        kind = next(kind for kind in get_args(AnyScaling) if kind.kind == name)
        for setting in (Periodic(scale=name), PiecewiseLinear(scale=name)):
            values = [1, 2, 3, 5, 8]
            assert np.array_equal(inputs(setting, values)[:, :1], inputs(kind(), values))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Periodic(frequencies=0), "is 0; it must be at least 1 and at most 1000, or auto"),
        (lambda: PiecewiseLinear(bins=1), "is 1; it must be at least 2 and at most 1000, or auto"),
        (
            lambda: QuantileNormal(values=1),
            "at least 2 and at most 100000, or auto",
        ),
        (lambda: RankScaler(values=[1.0, 1.0], below=[0, 1], at_most=[1, 2]), "larger than the"),
        (lambda: RankScaler(values=[1.0], below=[0], at_most=[0]), "counts that rise"),
        (lambda: RankScaler(values=[1.0, 2.0], below=[0], at_most=[1, 2]), "as many as below"),
        (lambda: PiecewiseInputs(edges=[0.0, 0.0]), "larger than the one before"),
        (
            lambda: PeriodicInputs(clip=ClippedScaler(subtract=0, divide=1), frequencies=[np.inf]),
            "must be finite",
        ),
    ],
)
def test_settings_and_model_parts_that_make_no_sense_are_refused(make, problem):
    with pytest.raises(FieldError, match=problem):
        make()


# Categories


def categorical(**settings: object) -> object:
    return column_options("categorical", categorical=OneHot(rare=1, **settings))  # type: ignore[arg-type]


def test_the_hot_value_is_that_of_the_config():
    whole = table(c=["x", "y", "z"])
    x, flags = encoded(fitted(whole, categorical(hot=1.66)), table(c=["y", "x", "new"]))
    assert x.tolist() == [[0, 1.66, 0], [1.66, 0, 0], [0, 0, 0]]
    assert flags == ["", "", "unseen c"]


def test_two_categories_are_minus_1_and_1():
    plan = categorical(binary="plus_minus", hot=2.0)
    whole = table(c=["x", "y", "", "y"], d=["x", "y", "z", "x"])
    encoder = fitted(whole, plan, plan)
    assert encoder.inputs == ["c=y", "c missing", "d=x", "d=y", "d=z"]
    x, flags = encoded(encoder, table(c=["x", "y", "", "new"], d=["x"] * 4))
    assert x[:, :2].tolist() == [[-1, 0], [1, 0], [0, 1], [0, 0]]
    assert x[0, 2:].tolist() == [2, 0, 0]
    assert flags == ["", "", "", "unseen c"]


def test_one_category_and_the_rare_ones_are_minus_1_and_1():
    options = column_options("categorical", categorical=OneHot(rare=2, binary="plus_minus"))
    encoder = fitted(table(c=["x", "x", "y", "z"]), options)
    assert encoder.inputs == ["c=rare"]
    assert encoded(encoder, table(c=["x", "z", "new"]))[0].tolist() == [[-1], [1], [1]]


def test_booleans_are_as_two_categories():
    plus_minus = OneHot(binary="plus_minus")
    encoder = fitted(
        table(b=["no", "yes", "no", ""]), column_options("boolean", categorical=plus_minus)
    )
    x, flags = encoded(encoder, table(b=["no", "TRUE", "", "maybe"]))
    assert x.tolist() == [[-1, 0], [1, 0], [0, 1], [0, 0]]
    assert flags == ["", "", "", "unseen b"]
    refusing = column_options("boolean", categorical=plus_minus, missing=Refuse())
    with pytest.raises(DataError, match="column 'b': is blank"):
        encoded(fitted(table(b=["no", "yes"]), refusing), table(b=["no", ""]))
    untold = column_options("boolean", categorical=plus_minus, missing=Impute(indicator=False))
    assert encoded(fitted(table(b=["no", "yes"]), untold), table(b=["", "no"]))[1] == [
        "imputed b",
        "",
    ]
