"""Encoding against scikit-learn's scalers, by figures of the training rows alone."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler

from bpnet.config.loading import load
from bpnet.config.source import parse
from bpnet.data.encoding import Encoder, Target, fit_scaling
from bpnet.errors import DataError
from bpnet.experiment.preparing import Prepared, prepare

REFERENCES = {"standardize": StandardScaler, "min_max": MinMaxScaler, "l2_rows": Normalizer}
TABLES = arrays.arrays(
    np.float64,
    st.tuples(st.integers(2, 30), st.integers(1, 5)),
    elements=st.integers(-400, 400).map(lambda k: k / 8),
)


def where(row: int) -> str:
    return f"t.csv, row {row + 1}"


def encoder(train: np.ndarray, kind: str) -> Encoder:
    names = [f"x{k}" for k in range(train.shape[1])]
    return Encoder(features=names, numeric=kind, scaling=fit_scaling(train, kind, names))


@pytest.mark.parametrize("kind", REFERENCES)
@given(TABLES)
def test_columns_are_scaled_as_scikit_learn_scales_them(kind, values):
    train = values[: max(1, len(values) // 2)]
    encoded = encoder(train, kind).encode(values, "float64", where)
    reference = REFERENCES[kind]().fit(train).transform(values)
    np.testing.assert_allclose(encoded, reference, rtol=1e-12, atol=1e-12)


@given(TABLES)
def test_without_preprocessing_values_pass_unchanged(values):
    encoded = encoder(values, "none").encode(values, "float64", where)
    assert np.array_equal(encoded, values)
    assert encoded.flags.c_contiguous


@pytest.mark.parametrize("kind", ["standardize", "min_max"])
@pytest.mark.parametrize("value", [0.0, 7.0, 0.1, -1e-9, 1e15, 1e30])
def test_a_constant_column_is_flagged_and_becomes_0(kind, value):
    train = np.column_stack([np.full(7, value), np.arange(7.0)])
    fitted = encoder(train, kind)
    assert fitted.scaling.constant == [True, False]
    assert abs(fitted.encode(train, "float64", where)[:, 0]).max() <= 1e-12 * abs(value)


def test_rounding_alone_does_not_make_a_column_vary():
    train = np.array([[0.1 + 0.2], [0.3], [0.15 * 2]])
    assert encoder(train, "standardize").scaling.constant == [True]


def test_a_small_deviation_around_a_large_mean_is_kept():
    train = np.array([[1e6], [1e6 + 1], [1e6 + 2]])
    encoded = encoder(train, "standardize").encode(train, "float64", where)[:, 0]
    np.testing.assert_allclose(encoded, [-np.sqrt(1.5), 0, np.sqrt(1.5)], atol=1e-9)


def test_a_row_of_zeros_stays_and_a_huge_row_gets_length_1():
    train = np.array([[0.0, 0.0], [3e200, 4e200], [3e-200, 4e-200]])
    encoded = encoder(train, "l2_rows").encode(train, "float64", where)
    np.testing.assert_allclose(encoded, [[0, 0], [0.6, 0.8], [0.6, 0.8]], rtol=1e-12)


@pytest.mark.parametrize("kind", ["standardize", "min_max"])
def test_figures_that_overflow_are_refused_with_the_column(kind):
    with pytest.raises(DataError, match=r"'x1'.*1e\+308"):
        encoder(np.array([[1.0, 1e308], [2.0, -1e308]]), kind)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_value_too_large_for_the_precision_is_named(dtype):
    fitted = encoder(np.array([[1.0, 1.0], [2.0, 3.0]]), "none")
    assert fitted.encode(np.array([[1e6, 1.0]]), dtype, where).dtype == dtype
    with pytest.raises(DataError) as caught:
        fitted.encode(np.array([[1.0, 1.0], [1.0, 1e200]]), dtype, where)
    for part in ("t.csv, row 2", "column 'x1'", "1e+200", "too large"):
        assert part in str(caught.value)
    with pytest.raises(DataError):
        Target(name="y", scaling=fit_scaling(np.array([[1.0], [2.0]]), "none", ["y"])).encode_values(
            np.array([[1e300]]), dtype, where
        )


def test_classes_are_one_hot_and_two_of_them_one_column():
    three = Target(name="y", classes=["a", "b", "c"])
    assert three.encode_labels(["c", "a"], 3, "float32").tolist() == [[0, 0, 1], [1, 0, 0]]
    two = Target(name="y", classes=["no", "yes"])
    assert two.encode_labels(["yes", "no"], 1, "float64").tolist() == [[1], [0]]
    assert two.encode_labels(["yes", "no"], 2, "float64").tolist() == [[0, 1], [1, 0]]


@given(arrays.arrays(np.float64, (12, 1), elements=st.integers(-4000, 4000).map(lambda k: k / 8)))
def test_a_quantity_comes_back_in_its_own_unit(values):
    target = Target(name="y", scaling=fit_scaling(values, "standardize", ["y"]))
    back = target.decode_values(target.encode_values(values, "float64", where))
    np.testing.assert_allclose(back, values, rtol=1e-12, atol=1e-9)


# Nothing is fitted on rows held out


def write_table(folder: Path, rows: list[list[object]], target: str) -> None:
    with open(folder / "t.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["a", "b", target], *rows])


def prepared(folder: Path, numeric: str, target: str) -> Prepared:
    text = f"dataset: {{path: t.csv, target: {target}, preprocessing: {{numeric: {numeric}}}}}\n"
    source = parse(text + ("task: regression\n" if target == "y" else ""), "c.yaml")
    return prepare(load(source), source, folder)


@pytest.mark.parametrize("target", ["label", "y"])
@pytest.mark.parametrize("numeric", ["standardize", "min_max"])
def test_a_huge_value_in_a_row_held_out_changes_no_scaling(tmp_path, numeric, target):
    rng = np.random.default_rng(0)
    rows = [[*rng.normal(size=2).round(6), "xyz"[k % 3] if target == "label" else k * 0.25] for k in range(60)]
    write_table(tmp_path, rows, target)
    before = prepared(tmp_path, numeric, target)
    for part in ("validation", "test"):
        for row in before.parts[part]:
            rows[row][0] = rows[row][1] = 1e6
            if target == "y":
                rows[row][2] = 1e6
    write_table(tmp_path, rows, target)
    after = prepared(tmp_path, numeric, target)
    assert all(np.array_equal(before.parts[part], after.parts[part]) for part in before.parts)
    assert after.encoder.scaling == before.encoder.scaling
    assert after.target.scaling == before.target.scaling
    assert np.array_equal(after.rows["train"].x, before.rows["train"].x)
    assert np.array_equal(after.rows["train"].y, before.rows["train"].y)
    assert np.abs(after.rows["test"].x).min() > 1e4

    train = np.array([rows[row][:2] for row in before.parts["train"]], np.float64)
    reference = REFERENCES[numeric]().fit_transform(train)
    np.testing.assert_allclose(after.rows["train"].x, reference, rtol=1e-5, atol=1e-6)
