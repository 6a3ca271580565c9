"""Encoding against scikit-learn's, fitted on the training rows only."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import (
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from bpnet.config.loading import load_config
from bpnet.config.source import parse_source
from bpnet.data.encoding import Encoder
from bpnet.data.encoding.column_options import ColumnOptions
from bpnet.data.encoding.column_stats import NumericStats
from bpnet.data.encoding.fitting import fit_encoder
from bpnet.data.encoding.input_buffer import InputBuffer
from bpnet.data.encoding.settings import (
    Embedded,
    Impute,
    MinMax,
    NoScaling,
    OneHot,
    Ordinal,
    Periodic,
    PiecewiseLinear,
    Quantile,
    QuantileNormal,
    Robust,
    RobustClip,
    Standardize,
)
from bpnet.data.reading import Table, delimited, streams, table_from_rows
from bpnet.data.reading.chunk import ChunkSelection
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.prepare import prepare

SCALERS = {
    "standardize": (Standardize(), StandardScaler),
    "robust": (Robust(), RobustScaler),
    "min_max": (MinMax(), MinMaxScaler),
}
TABLES = arrays.arrays(
    np.float64,
    st.tuples(st.integers(2, 30), st.integers(1, 4)),
    elements=st.integers(-400, 400).map(lambda k: k / 8),
)
LEVELS = st.lists(st.sampled_from(["a", "b", "c", "dd", "E", "1"]), min_size=2, max_size=40)


def numeric(scaling, missing=None) -> ColumnOptions:
    return ColumnOptions("numeric", scaling, OneHot(), missing or Impute())


def categorical(kind, missing=None) -> ColumnOptions:
    return ColumnOptions("categorical", Standardize(), kind, missing or Impute())


def table(*columns) -> Table:
    cells = [
        [
            ""
            if isinstance(cell, float) and np.isnan(cell)
            else repr(cell)
            if isinstance(cell, float)
            else cell
            for cell in c
        ]
        for c in (
            [v.item() if isinstance(v, np.generic) else v for v in column] for column in columns
        )
    ]
    names = [f"x{k}" for k in range(len(columns))]
    return table_from_rows("t.csv", names, list(zip(*cells, strict=True)))


def fitted(whole: Table, train: int, *plans: ColumnOptions, unit_rows: bool = False) -> Encoder:
    rows = np.arange(len(whole)) < train
    by_name = dict(
        zip(whole.columns, plans * (len(whole.columns) if len(plans) == 1 else 1), strict=True)
    )
    return fit_encoder(whole, by_name, rows, unit_rows=unit_rows, rng=np.random.default_rng(0))


def encoded(encoder: Encoder, whole: Table) -> np.ndarray:
    return np.concatenate(
        [encoder.encode(chunk, "float64")[0] for chunk in whole.chunks(encoder.column_types)]
    )


def close(ours, reference) -> None:
    np.testing.assert_allclose(ours, reference, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", SCALERS)
@given(TABLES)
def test_numbers_are_scaled_as_scikit_learn_scales_them(kind, values):
    setting, reference = SCALERS[kind]
    train = (len(values) + 1) // 2
    whole = table(*values.T)
    close(
        encoded(fitted(whole, train, numeric(setting)), whole),
        reference().fit(values[:train]).transform(values),
    )


@given(TABLES)
def test_quantiles_are_those_of_scikit_learn(values):
    values = values.round(
        4
    )  # scikit-learn takes what is within 1e-7 of a bound for the bound, at any scale
    train = (len(values) + 2) // 2
    varies = np.ptp(values[:train], axis=0) > 0
    assume(varies.any())
    values = values[:, varies]  # scikit-learn puts a constant at one end, we in the middle
    whole = table(*values.T)
    reference = QuantileTransformer(output_distribution="normal", n_quantiles=min(256, train)).fit(
        values[:train]
    )
    close(encoded(fitted(whole, train, numeric(Quantile())), whole), reference.transform(values))


@given(
    arrays.arrays(float, st.integers(1, 40), elements=st.floats(-1e300, 1e300)),
    arrays.arrays(float, 5, elements=st.floats(0, 1)),
)
def test_quantiles_are_those_of_numpy_to_the_last_bit(sample, shares):
    stats = NumericStats()
    stats.add(sample, np.ones(len(sample), bool))
    assert np.array_equal(stats.quantiles(shares), np.percentile(sample, shares * 100))


def test_more_rows_than_quantiles():
    values = np.random.default_rng(0).lognormal(size=(3000, 1)).round(3)
    whole = table(*values.T)
    reference = QuantileTransformer(
        output_distribution="normal", n_quantiles=256, subsample=None
    ).fit(values[:2000])
    close(encoded(fitted(whole, 2000, numeric(Quantile())), whole), reference.transform(values))


@given(TABLES)
def test_rows_of_length_1_are_those_of_scikit_learn(values):
    whole = table(*values.T)
    close(
        encoded(fitted(whole, 2, numeric(NoScaling()), unit_rows=True), whole),
        Normalizer().transform(values),
    )


@given(TABLES)
def test_without_preprocessing_values_pass_unchanged(values):
    whole = table(*values.T)
    assert np.array_equal(encoded(fitted(whole, 1, numeric(NoScaling())), whole), values)


@pytest.mark.parametrize("by", ["median", "most_frequent"])
@given(TABLES, st.data())
def test_missing_values_are_filled_and_indicated_as_by_scikit_learn(by, values, data):
    gaps = data.draw(arrays.arrays(bool, values.shape))
    train = (len(values) + 1) // 2
    holed = np.where(gaps, np.nan, values)
    assume(not np.isnan(holed[:train]).all(axis=0).any())
    whole = table(*holed.T)
    encoder = fitted(whole, train, numeric(NoScaling(), Impute(numeric=by)))
    ours = encoded(encoder, whole)
    told = [k for k, name in enumerate(encoder.inputs) if name.endswith(" missing")]
    close(
        np.delete(ours, told, axis=1),
        SimpleImputer(strategy=by).fit(holed[:train]).transform(holed),
    )
    reference = MissingIndicator(error_on_new=False).fit(holed[:train]).transform(holed)
    assert np.array_equal(ours[:, told], reference)


@pytest.mark.parametrize(("rare", "most"), [(1, 100), (2, 100), (3, 2), (1, 2), (5, 100)])
@given(LEVELS, st.lists(st.sampled_from(["a", "b", "E", "new", "other"]), min_size=1, max_size=9))
def test_one_hot_inputs_are_those_of_scikit_learn(rare, most, train, others):
    """Which of equally common levels `most` keeps is a matter of taste: such draws are left out."""
    train = [*train, *["a"] * rare]  # where all are rare, we keep the commonest
    counts = sorted((train.count(level) for level in set(train)), reverse=True)
    common = [n for n in counts if n >= rare]
    assume(len(common) <= most or common[most - 1] > common[most])
    whole = table(train + others)
    ours = encoded(fitted(whole, len(train), categorical(OneHot(rare=rare, most=most))), whole)
    # a further one for the shared place, where there is one
    limit = most + 1 if len(common) > most or len(common) < len(counts) else None
    reference = OneHotEncoder(
        min_frequency=rare if rare > 1 else None,
        max_categories=limit,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
    ).fit(np.array(train, object)[:, None])
    theirs = reference.transform(np.array(train + others, object)[:, None])
    assert np.array_equal(ours, theirs)


@given(LEVELS)
def test_ordinal_inputs_are_those_of_scikit_learn(levels):
    assume(len(set(levels)) > 1)
    whole = table(levels)
    reference = OrdinalEncoder().fit_transform(np.array(levels, object)[:, None])
    close(
        encoded(fitted(whole, len(levels), categorical(Ordinal())), whole),
        reference / (len(set(levels)) - 1),
    )


@pytest.mark.parametrize("kind", [OneHot(rare=2), Embedded(rare=2), Ordinal()])
@given(st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=3, max_size=30))
def test_missing_values_among_categories_become_the_most_frequent_category(kind, levels):
    assume(any(levels))
    given_levels = [level or np.nan for level in levels]
    most = SimpleImputer(strategy="most_frequent").fit_transform(
        np.array(given_levels, object)[:, None]
    )[:, 0]
    holed, whole = table(levels), table(list(most))
    encoder = fitted(holed, len(levels), categorical(kind, Impute(indicator=False)))
    assert np.array_equal(encoded(encoder, holed), encoded(encoder, whole))


# Many chunks


@pytest.mark.parametrize("unit_rows", [False, True])
def test_rows_in_a_buffer_are_those_in_new_memory(unit_rows):
    levels = [["a", "b", "c", ""][k % 4] for k in range(40)]
    whole = table(np.linspace(-1, 2, 40) * 1e300, levels, np.arange(40.0))
    plans = (numeric(Standardize()), categorical(OneHot()), numeric(Periodic()))
    encoder = fitted(whole, 30, *plans, unit_rows=unit_rows)
    (chunk,) = whole.chunks(encoder.column_types)
    buffer, before = InputBuffer(), None
    for rows in (np.arange(20), np.arange(20, 41) % 40, np.arange(5)):
        part = ChunkSelection(chunk, rows)
        x, _ = encoder.encode(part, "float32", buffer)
        assert x.dtype == np.float32
        np.testing.assert_array_equal(x, encoder.encode(part, "float32")[0])
        if before is not None and not unit_rows:
            assert np.shares_memory(x, before)
        before = x


@pytest.mark.parametrize(
    "scaling",
    [
        *(Standardize(), Robust(), MinMax(), Quantile()),
        *(RobustClip(), QuantileNormal(), Periodic(), PiecewiseLinear()),
    ],
)
def test_a_fit_over_many_chunks_is_one_over_all_rows(scaling, monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(1)
    rows = [
        [
            repr(1e6 + a),
            repr(b * 1e-9) if b > -1 else "",
            "pqrs"[k % 4] * (k % 7 > 0),
            f"20{k % 30 + 10}-01-0{k % 9 + 1}",
        ]
        for k, (a, b) in enumerate(rng.normal(size=(500, 2)).tolist())
    ]
    plans = (numeric(scaling), numeric(scaling), categorical(OneHot()))
    dates = ColumnOptions("date", Standardize(), OneHot(), Impute(), "ISO 8601")
    train = rng.random(500) < 0.6

    def fit() -> Encoder:
        whole = table_from_rows("t.csv", list("abcd"), rows)
        by_name = dict(zip("abcd", (*plans, dates), strict=True))
        return fit_encoder(whole, by_name, train, unit_rows=False, rng=np.random.default_rng(0))

    whole = table_from_rows("t.csv", list("abcd"), rows)
    one = fit()
    x = encoded(one, whole)
    monkeypatch.setattr(delimited, "LARGE", 0)
    monkeypatch.setattr(streams, "BLOCK", 700)
    assert len(list(table_from_rows("t.csv", list("abcd"), rows).chunks({"a": "number"}))) > 10
    many = fit()
    assert many.inputs == one.inputs
    np.testing.assert_allclose(
        encoded(many, table_from_rows("t.csv", list("abcd"), rows)), x, rtol=1e-9, atol=1e-9
    )


# Nothing is fitted on rows held out


def write_table(folder: Path, rows: list[list[object]]) -> None:
    with open(folder / "t.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["a", "b", "city", "day", "flag", "y"], *rows])


def prepared(folder: Path, preprocessing: str, task: str) -> EncodedDataset:
    text = f"dataset: {{path: t.csv, target: y, preprocessing: {preprocessing}}}\ntask: {task}\n"
    return prepare(load_config(parse_source(text, "c.yaml", folder)))


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize(
    "preprocessing",
    [
        "{numeric: standardize}",
        "{numeric: min_max}",
        "{numeric: robust}",
        "{numeric: periodic, categorical: {kind: one_hot, hot: 1.66, binary: plus_minus}}",
        "{numeric: piecewise_linear, columns: {a: {kind: periodic, frequencies: 2}}}",
        "{numeric: quantile, categorical: {kind: one_hot, rare: 1, most: 2}}",
        "{categorical: {kind: embedding, rare: 4},"
        " missing: {kind: impute, numeric: most_frequent}}",
    ],
)
def test_cells_of_held_out_rows_change_nothing_of_the_model(tmp_path, preprocessing, task):
    rng = np.random.default_rng(0)
    rows: list[list[object]] = [
        [
            *rng.normal(size=2).round(6),
            ["Oslo", "Rom", "Bern"][rng.integers(3)],
            f"2020-0{rng.integers(1, 10)}-0{rng.integers(1, 10)}",
            ["no", "yes"][rng.integers(2)],
            k % 3 if task == "classification" else k * 0.25,
        ]
        for k in range(90)
    ]
    write_table(tmp_path, rows)
    before = prepared(tmp_path, preprocessing, task)
    for part in ("validation", "test"):
        for k, row in enumerate(before.parts[part]):
            extreme = (
                [1e6, -1e6, f"new{k}", "1900-12-31 23:00:00", "maybe"]
                if k % 2
                else ["", "", "", "", ""]
            )
            rows[row][:5] = extreme
            if task == "regression":
                rows[row][5] = 1e6
    write_table(tmp_path, rows)
    after = prepared(tmp_path, preprocessing, task)
    assert all(np.array_equal(before.parts[part], after.parts[part]) for part in before.parts)
    assert after.encoder == before.encoder
    assert after.target == before.target
    assert np.array_equal(after.rows["train"].x, before.rows["train"].x)
    assert np.array_equal(after.rows["train"].y, before.rows["train"].y)
    assert not np.array_equal(after.rows["test"].x, before.rows["test"].x)
