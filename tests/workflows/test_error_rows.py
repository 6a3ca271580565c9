"""The surest errors: the right rows, their cells as they are in the file, hostile ones too."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from labeled_runs import invoked
from workflow_runs import predicted, read_csv, train_text, write_csv

from bpnet.inspection.surest_errors import telling_columns
from bpnet.workflows.eval import evaluate
from bpnet.workflows.thresholds import ThresholdOptions

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 0.2, test: 0.4}}
architecture: {hidden: [4]}
training: {epochs: 40, learning_rate: 0.02}
"""


def trained(folder, target, names=("y",), *settings):
    """A run on numbers a and b, of which the target (N, K) depends on a, and a code."""
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, 200)).round(3)
    score = a + 0.7 * rng.normal(size=200)
    rows = [
        [x, y, f"00{k % 3}", *target(s)]
        for k, (x, y, s) in enumerate(zip(a, b, score, strict=True))
    ]
    write_csv(folder / "t.csv", ["a", "b", "code", *names], rows)
    config = CONFIG.replace("target: y", f"target: [{', '.join(names)}]")
    return train_text(folder, config, *settings).run


def own_rows(run):
    """The numbers of a run's test rows, from 0."""
    return np.flatnonzero([row["part"] == "test" for row in read_csv(run / "splits.csv")])


def test_classes_are_listed_by_the_probability_of_the_wrong_one(tmp_path):
    run = trained(tmp_path, lambda s: ["no" if s < 0.3 else "yes"])
    table, own = read_csv(tmp_path / "t.csv"), own_rows(run)
    said = predicted(run, tmp_path / "t.csv")
    wrong = [k for k in own if said["predicted_y"][k] != table[k]["y"]]
    sureness = {k: said[f"probability_{said['predicted_y'][k]}"][k] for k in wrong}
    expected = sorted(wrong, key=lambda k: -sureness[k])
    found = evaluate(run, None, baselines=False, resamples=20, errors=4).errors
    assert found.count == len(wrong) > 4
    assert [error.row for error in found.listed] == [k + 1 for k in expected[:4]]
    for error, k in zip(found.listed, expected, strict=False):
        assert (error.true, error.predicted) == (table[k]["y"], said["predicted_y"][k])
        assert error.probability == pytest.approx(sureness[k], abs=1e-6)
        assert error.place.endswith(f"t.csv, line {k + 2} (row {k + 1})")
        assert error.cells == {name: table[k][name] for name in ("a", "b", "code")}
    # the target hangs on a
    assert [next(iter(error.cells)) for error in found.listed].count("a") >= 3
    every = evaluate(run, None, baselines=False, resamples=20, errors=1000).errors
    assert [error.row for error in every.listed] == [k + 1 for k in expected]
    code, output = invoked("eval", run, "--errors", 4, "--no-baselines", "--json")
    listed = json.loads(output)["errors"]["listed"]
    assert (code, [error["row"] for error in listed]) == (0, [error.row for error in found.listed])


def test_errors_are_by_the_threshold(tmp_path):
    run = trained(tmp_path, lambda s: ["no" if s < 0.3 else "yes"])
    table, own = read_csv(tmp_path / "t.csv"), own_rows(run)
    p = np.array(predicted(run, tmp_path / "t.csv")["probability_yes"])
    found = evaluate(
        run, None, baselines=False, resamples=20, errors=99, threshold=ThresholdOptions("0.1")
    ).errors
    expected = [k for k in own if (table[k]["y"] == "yes") != (p[k] > 0.1)]
    assert sorted(error.row - 1 for error in found.listed) == expected


def test_labels_are_listed_one_by_one(tmp_path):
    run = trained(tmp_path, lambda s: [int(s > 0.3), int(s < -0.5)], ("y", "z"))
    table, own = read_csv(tmp_path / "t.csv"), own_rows(run)
    said = predicted(run, tmp_path / "t.csv")
    wrong = []
    for k in own:
        for name in "yz":
            p = said[f"probability_{name}"][k]
            if (p > 0.5) != (table[k][name] == "1"):
                wrong.append((-max(p, 1 - p), k + 1, name, table[k][name]))
    found = evaluate(run, None, baselines=False, resamples=20, errors=5).errors
    assert found.count == len(wrong)
    assert [(error.row, error.target, error.true) for error in found.listed] == [
        each[1:] for each in sorted(wrong)[:5]
    ]
    assert all({error.true, error.predicted} == {"0", "1"} for error in found.listed)


def test_quantities_are_listed_by_their_error_in_deviations(tmp_path):
    run = trained(tmp_path, lambda s: [round(s, 3), round(1000 * s * s, 3)], ("y", "z"))
    table, own = read_csv(tmp_path / "t.csv"), own_rows(run)
    said = predicted(run, tmp_path / "t.csv")
    errors = {}
    for name in "yz":
        true = np.array([float(table[k][name]) for k in own])
        error = np.array(said[f"predicted_{name}"])[own] - true
        errors |= {(int(k) + 1, name): e for k, e in zip(own, error, strict=True)}
        deviation = true.std()
        errors |= {(k, name): (e, abs(e) / deviation) for (k, n), e in errors.items() if n == name}
    expected = sorted(errors, key=lambda key: -errors[key][1])[:6]
    found = evaluate(run, None, baselines=False, resamples=20, errors=6).errors
    assert [(error.row, error.target) for error in found.listed] == expected
    for error, key in zip(found.listed, expected, strict=True):
        assert error.error == pytest.approx(errors[key][0], rel=1e-4)
        assert error.predicted - error.true == pytest.approx(error.error)
    code, output = invoked("eval", run, "--errors", 2, "--no-baselines")
    assert (code, "The 2 largest errors of 160" in output) == (0, True)


def test_no_wrong_prediction_is_said_to_be_none(tmp_path):
    rows = [[k % 2, "pq"[k % 2]] for k in range(100)]
    write_csv(tmp_path / "t.csv", ["a", "y"], rows)
    run = train_text(tmp_path, CONFIG).run
    assert "no prediction is wrong" in invoked("eval", run, "--errors", 5, "--no-baselines")[1]


def test_hostile_names_and_cells_are_text_in_80_columns(tmp_path):
    names = ["<script>alert('x')</script>", 'a, "b"\'\\', "x" * 1000, "\u202eright", "\U0001f600"]
    hostile = ["\x1b[2Jcleared", "two\nlines", "<b>", "y" * 500, ""]
    rng = np.random.default_rng(0)
    rows = [
        [*(hostile[(k + j) % 5] for j in range(5)), rng.normal(), "\x1b[31mr\ned"[: 9 - k % 2]]
        for k in range(120)
    ]
    write_csv(tmp_path / "t.csv", [*names, "a", "y"], rows)
    run = train_text(tmp_path, CONFIG).run
    code, output = invoked("eval", run, "--errors", 8, "--no-baselines")
    assert code == 0
    shown = output[output.index("(below each") :].split("\n\n")[1].splitlines()
    assert len(shown) > 16
    assert max(map(len, shown)) <= 80
    assert not {"\x1b", "\u202e"} & set(output)
    assert "(blank)" in output
    listed = json.loads(invoked("eval", run, "--errors", 8, "--no-baselines", "--json")[1])
    assert set(listed["errors"]["listed"][0]["cells"]) >= set(names)


def test_the_columns_that_change_a_prediction_most_come_first():
    """Of a function that is known: 3 a - b, and c plays no part."""
    values = {name: np.arange(6.0) * scale for name, scale in (("a", 3), ("b", -1), ("c", 0))}

    def exchanged(columns, rows, source):
        total = sum(values[name][source if name in columns else rows] for name in values)
        return np.column_stack([-total, total])

    every = np.arange(6)
    predictor = SimpleNamespace(predicted=exchanged((), every, every), exchanged=exchanged)
    rows, others = np.array([5, 0]), np.array([1, 2, 3])
    found = telling_columns(predictor, ["c", "b", "a"], rows, others, np.array([1, 0]))
    assert found == [["a", "b", "c"]] * 2
