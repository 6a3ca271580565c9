"""Predictions that are written and read back score what was measured, however large they are."""

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from labeled_runs import invoked
from workflow_runs import read_csv, read_json, train_text, write_csv

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.columns import NumericColumn
from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.formats import format_named
from bpnet.data.reading.settings import Reading
from bpnet.data.targets import Classes, Quantities
from bpnet.data.writing import Numbers
from bpnet.engine.activations import Identity, Softmax
from bpnet.engine.layers import Dense
from bpnet.engine.loop.batches import Rows
from bpnet.engine.losses import CrossEntropy, SquaredError
from bpnet.models.description import Description
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import Model
from bpnet.models.saved_ensemble import save_ensemble
from bpnet.models.training_metrics import measure_replicas
from bpnet.workflows.predict import Prediction, PredictOptions

FORMATS = ["csv", "jsonl", "json", "parquet"]
PLAIN = LinearScaler(by="none", subtract=0.0, divide=1.0)
INPUTS = np.linspace(-1, 1, 20)


def model(target, seeds: list[int], precision: str) -> Model:
    """Return an untrained network of one input."""
    column = NumericColumn(name="x", scale=PLAIN, fill=0.0, lowest=-1.0, highest=1.0)
    classes = isinstance(target, Classes)
    outputs = len(target.classes) if classes else len(target.names)
    description = Description(
        bpnet="0",
        task="classification" if classes else "regression",
        encoder=Encoder(columns=[column]),
        target=target,
        layers=[Dense(units=8), Dense(units=outputs)],
        output_activation=Softmax() if classes else Identity(),
        loss=CrossEntropy() if classes else SquaredError(),
        metrics=[],
        l1=0.0,
        l2=0.0,
        class_weight=None,
        sample_weight=None,
        precision=precision,
        reading=Reading(),
        seeds=seeds,
    )
    return Model(description, description.network())


def read_back(ensemble: Ensemble, folder: Path, form: str, **options) -> dict[str, np.ndarray]:
    """Write the predictions for INPUTS, and return the added columns."""
    save_ensemble(ensemble, folder / "model")
    table = write_csv(folder / "t.csv", "x", [[x] for x in INPUTS.tolist()])
    stream = io.BytesIO()
    prediction = Prediction(folder / "model", str(table), PredictOptions(keep=[], **options))
    prediction.write(format_named(form), stream)
    content = stream.getvalue()
    if form == "parquet":
        columns = pq.read_table(io.BytesIO(content)).to_pydict()
    elif form == "csv":
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        columns = {name: [row[name] for row in rows] for name in rows[0]}
    else:
        rows = (
            json.loads(content)["predictions"]
            if form == "json"
            else [json.loads(line) for line in content.splitlines()]
        )
        columns = {name: [row[name] for row in rows] for name in rows[0]}
    del columns["flags"]
    return {
        name: np.array(values, float if not name.endswith("_k") else str)
        for name, values in columns.items()
    }


def root_mean_square(values: np.ndarray) -> float:
    largest = np.abs(values).max() or 1.0  # so that no square overflows or vanishes
    return float(largest * np.sqrt(np.square(values / largest).mean()))


@settings(max_examples=40)
@given(
    form=st.sampled_from(FORMATS),
    exponent=st.integers(-300, 299),
    offset=st.one_of(st.just(0.0), st.floats(-1e15, 1e15), st.sampled_from([2460400.5, 1e15])),
    relative=st.booleans(),
    precision=st.sampled_from(["float32", "float64"]),
    networks=st.sampled_from([(1, 1), (3, 1), (1, 2)]),
)
def test_what_is_read_back_scores_what_was_measured(
    tmp_path_factory, form, exponent, offset, relative, precision, networks
):
    divide = 10.0**exponent
    offset = offset * divide if relative and exponent < 284 else offset
    assume(np.spacing(abs(offset)) < divide)  # else the target is constant
    rng = np.random.default_rng(7)
    truth = offset + divide * (INPUTS + rng.normal(size=20))
    scale = LinearScaler(by="standardize", subtract=float(truth.mean()), divide=divide)
    target = Quantities(names=["y"], scales=[scale])
    replicas, members = networks
    models = [
        model(target, [10 * k + r for r in range(replicas)], precision) for k in range(members)
    ]
    columns = read_back(Ensemble(models), tmp_path_factory.mktemp("run"), form)

    y = target.encode(truth[:, None], precision, str)
    x = INPUTS.astype(precision)[:, None]
    outputs = np.concatenate([one.network.predict(x) for one in models])[:, :, 0].astype(float)
    # a number is off by half of a step: of the truth's and the outputs' in the network's unit, and
    # of the float that holds what is written
    step = np.abs(np.concatenate([y.ravel(), outputs.ravel()])).max().astype(precision)
    allowed = divide * 2 * float(np.spacing(step)) + np.spacing(np.abs(truth).max())
    errors = columns["predicted_y"] - truth
    measured = root_mean_square(outputs.mean(axis=0) - y[:, 0]) * divide
    assert root_mean_square(errors) == pytest.approx(measured, rel=1e-12, abs=allowed)
    if replicas * members == 1:
        rmse = measure_replicas(models[0], Rows(x, y))["rmse"][0]
        assert root_mean_square(errors) == pytest.approx(rmse, rel=1e-6, abs=allowed)
    else:
        spread = outputs.std(axis=0, ddof=1) * divide
        np.testing.assert_allclose(
            columns["disagreement"], spread, rtol=1e-6 * (precision == "float32") + 1e-12
        )


@settings(max_examples=20)
@given(
    form=st.sampled_from(FORMATS),
    seed=st.integers(0, 1000),
    precision=st.sampled_from(["float32", "float64"]),
)
def test_log_loss_of_probabilities_that_are_read_back(tmp_path_factory, form, seed, precision):
    target = Classes(name="k", classes=["a", "b", "c"])
    one = model(target, [seed], precision)
    one.network.theta[:] *= 20  # some probabilities are near 0 and 1
    folder = tmp_path_factory.mktemp("run")
    columns = read_back(Ensemble([one]), folder, form)
    shares = np.column_stack([columns[f"probability_{label}"] for label in "abc"])
    exact = one.network.predict(INPUTS.astype(precision)[:, None])[0].astype(float)
    exact /= exact.sum(axis=1, keepdims=True)
    seen = exact > np.finfo(precision).tiny  # below it, floats have few digits
    tolerance = 1e-7 if precision == "float32" else 1e-15
    np.testing.assert_allclose(np.log(shares[seen]), np.log(exact[seen]), rtol=0, atol=tolerance)
    np.testing.assert_allclose(shares[~seen], exact[~seen], rtol=0, atol=np.finfo(precision).tiny)
    top = read_back(Ensemble([one]), folder, form, top=1)
    np.testing.assert_array_equal(top["top_1_probability"], shares.max(axis=1))


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float32_has_its_shortest_text(value):
    single = np.float32(value)
    (text,) = Numbers(np.array([value]), np.spacing(np.abs(single))[None].astype(float)).texts()
    assert np.float32(text) == single
    digits = len(text.partition("e")[0].strip("-").replace(".", "").strip("0"))
    shortest = np.format_float_scientific(single, unique=True)
    assert digits <= len(shortest.partition("e")[0].strip("-").replace(".", "").strip("0"))


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 1e308))
def test_no_number_is_off_by_more_than_half_its_resolution(value, resolution):
    numbers = Numbers(np.array([value]), np.array([resolution]))
    (rounded,) = numbers.rounded().tolist()
    assert math.isfinite(rounded)
    assert abs(rounded - value) <= max(resolution / 2 * (1 + 1e-12), 0)
    assert float(numbers.texts()[0]) == rounded


@given(
    st.lists(st.floats(-1e18, 1e18) | st.integers(-(10**15), 10**15).map(float), max_size=5),
    st.floats(0, 1e3) | st.just(math.inf) | st.sampled_from([1e-17, 1e-9, 0.1, 1.0]),
)
def test_texts_written_together_are_those_of_each_number(values, share):
    resolution = np.abs(values) * (share if share < math.inf else math.nan)
    numbers = Numbers(np.array(values, float), np.array(resolution, float))
    expected = [repr(value).removesuffix(".0") for value in numbers.rounded().tolist()]
    assert numbers.texts() == expected
    fixed = Numbers(np.array(values, float), np.full(len(values), share))
    expected = [repr(value).removesuffix(".0") for value in fixed.rounded().tolist()]
    assert fixed.texts() == expected


TRAINED = """
dataset: {{path: t.csv, target: y}}
architecture: {{hidden: [8]}}
training: {{epochs: 40, learning_rate: 0.02, batch_size: 8, precision: {precision}}}
"""


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    ("offset", "spread"), [(2460400.5, 30.0), (1e15, 50.0), (0.0, 1e-300), (0.0, 1e300)]
)
def test_training_measures_what_is_written(tmp_path, offset, spread, precision):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 2))
    y = offset + spread * (x[:, 0] - x[:, 1] / 2 + rng.normal(scale=0.1, size=90))
    table = write_csv(tmp_path / "t.csv", "aby", np.column_stack([x, y]).tolist())
    run = train_text(tmp_path, TRAINED.format(precision=precision)).run
    with open(tmp_path / "out.csv", "wb") as stream:
        Prediction(run, str(table), PredictOptions()).write(format_named("csv"), stream)
    parts = [row["part"] for row in read_csv(run / "splits.csv")]
    errors = [
        float(row["predicted_y"]) - float(row["y"])
        for row, part in zip(read_csv(tmp_path / "out.csv"), parts, strict=True)
        if part == "test"
    ]
    rmse = read_json(run / "metrics.json")["test"]["rmse"]
    assert rmse < 0.5 * spread
    # beside 1e15 floats are an eighth apart
    allowed = float(np.spacing(offset)) if offset else 0.0
    assert root_mean_square(np.array(errors)) == pytest.approx(rmse, rel=1e-6, abs=allowed)


def test_out_of_fold_predictions_score_what_was_measured(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    y = 2460400.5 + 30 * x + rng.normal(size=60)
    write_csv(tmp_path / "t.csv", "ay", np.column_stack([x, y]).tolist())
    (tmp_path / "c.yaml").write_text(TRAINED.format(precision="float32"))
    code, _ = invoked("cv", tmp_path / "c.yaml", "--folds", "3", "--runs", tmp_path / "runs")
    assert code == 0
    run = tmp_path / "runs" / "c-cv-001"
    rows = read_csv(run / "predictions.csv")
    for fold in read_json(run / "run.json")["folds"]:
        errors = [
            float(row["predicted_y"]) - float(row["true_y"])
            for row in rows
            if int(row["fold"]) == fold["fold"]
        ]
        assert root_mean_square(np.array(errors)) == pytest.approx(
            fold["figures"]["rmse"], rel=1e-6
        )
