"""Thresholds: chosen on held-out rows, reported on test rows, kept in the model."""

import fcntl
import json
import shlex
import shutil
from dataclasses import replace

import numpy as np
import pytest
from labeled_runs import invoked
from sklearn.metrics import confusion_matrix, f1_score, matthews_corrcoef
from workflow_runs import Watcher, predicted, read_csv, read_json, train_text, write_csv

from bpnet.errors import DataError, RunError, UsageError
from bpnet.models.run_model import open_run_model
from bpnet.models.saved_ensemble import load_ensemble
from bpnet.reports.eval import eval_lines
from bpnet.workflows.eval import evaluate
from bpnet.workflows.eval_baselines import NOT_BY_ACCURACY
from bpnet.workflows.given_thresholds import read_given
from bpnet.workflows.thresholds import ThresholdOptions
from bpnet.workflows.verify import verify

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 0.3, test: 0.3}}
architecture: {hidden: [4]}
training: {epochs: 3, learning_rate: 0.02}
"""


def write_table(folder, kind="two"):
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 240)).round(3)
    score = a + rng.normal(size=240)
    targets = {
        "two": [["ill" if s > 1 else "ok"] for s in score],
        "labels": [[int(s > 1), int(s + t < -1)] for s, t in zip(score, b, strict=True)],
        "three": [["xyz"[int(s > 0) + int(s > 1)]] for s in score],
        "number": [[s] for s in score],
    }[kind]
    names = ["y", "z"][: len(targets[0])]
    rows = [[*ab, *ts] for *ab, ts in zip(a, b, targets, strict=True)]
    write_csv(folder / "t.csv", ["a", "b", *names], rows)
    return folder / "t.csv"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    write_table(folder)
    return folder, train_text(folder, CONFIG).run


@pytest.fixture
def run(trained, tmp_path):
    shutil.copytree(trained[0], tmp_path / "copy")
    return tmp_path / "copy" / trained[1].relative_to(trained[0])


def part_of(run, table, part):
    """The mask of a part's rows, whether each is ill, and the probability of it."""
    chosen = np.array([row["part"] == part for row in read_csv(run / "splits.csv")])
    true = np.array([row["y"] == "ill" for row in read_csv(table)])
    p = np.array(predicted(run, table, threshold=0.5)["probability_ill"])
    return true[chosen], p[chosen]


def asked(threshold=None, cost=None, *, save=False):
    return ThresholdOptions(threshold, cost, save)


def test_the_best_is_that_of_the_validation_rows_and_is_reported_on_test_rows(trained, run):
    table = trained[0] / "t.csv"
    found = evaluate(run, None, threshold=asked("best-f1"), resamples=100)
    report = found.threshold
    (decided,) = report.each
    true, p = part_of(run, table, "validation")
    best = max(f1_score(true, p > t) for t in [0.0, *p])
    assert f1_score(true, p > decided.threshold) == pytest.approx(best)
    assert (report.chosen_on, report.chosen_rows) == ("validation", len(true))
    assert (decided.name, decided.before) == ("ill", 0.5)
    for scores in decided.choices:
        assert scores.f1 == pytest.approx(f1_score(true, p > scores.threshold, zero_division=0))
    true, p = part_of(run, table, "test")
    said = p > decided.threshold
    f1, matthews = (
        next(score for score in decided.decision.figures if score.name == name)
        for name in ("f1", "matthews")
    )
    assert (f1.value, matthews.value) == pytest.approx(
        (f1_score(true, said), matthews_corrcoef(true, said))
    )
    assert f1.low <= f1.value <= f1.high
    # all other scores are of the same predictions
    order = [found.scores.classes.index(name) for name in ("ok", "ill")]
    confusion = np.array(found.scores.confusion)[np.ix_(order, order)]
    np.testing.assert_array_equal(confusion, confusion_matrix(true, said))
    assert found.thresholds == {"ill": decided.threshold}
    assert decided.threshold != 0.5
    # what has no threshold does not change
    usual = evaluate(run, None, resamples=100)
    assert usual.thresholds is usual.threshold is None
    for name in ("log_loss", "roc_auc", "average_precision", "calibration_error"):
        assert found.scores.value(name) == usual.scores.value(name)


def test_a_kept_threshold_decides_until_it_is_undone(trained, run):
    table, path = trained[0] / "t.csv", run / "model" / "model.json"
    before = path.read_bytes()
    usual = predicted(run, table)
    found = evaluate(run, None, threshold=asked("0.2", save=True), resamples=20)
    assert found.threshold.saved == str(path)
    assert read_json(path)["format"] == 5  # which older versions refuse
    p = np.array(usual["probability_ill"])
    kept = predicted(run, table)
    assert kept["predicted_y"] == np.where(p > 0.2, "ill", "ok").tolist() != usual["predicted_y"]
    assert kept["probability_ill"] == usual["probability_ill"]
    alone = write_csv(run / "one.csv", ["a", "b"], [list(read_csv(table)[7].values())[:2]])
    assert predicted(run, alone)["predicted_y"] == [kept["predicted_y"][7]]
    assert evaluate(run, None, resamples=20).scores == found.scores
    assert predicted(run, table, threshold=0.5) == usual
    code, output = invoked("predict", run, table, "--json", "-o", run / "o.json")
    assert (code, "by the threshold 0.2 of 'ill'" in output) == (0, True)
    assert read_json(run / "o.json")["thresholds"] == {"ill": 0.2}
    assert "by the threshold" not in invoked("predict", run, table, "--top-k", 1)[1]
    copied = run.parent / "copied"
    shutil.copytree(run / "model", copied)  # without its run
    assert predicted(copied, table) == kept
    assert evaluate(copied, str(table), resamples=20).thresholds == {"ill": 0.2}
    evaluate(run, None, threshold=asked("0.5", save=True), resamples=20)
    assert path.read_bytes() == before


def test_a_run_with_a_threshold_is_verified(run):
    evaluate(run, None, threshold=asked("0.2", save=True), resamples=20)
    assert not verify(run, command=["bpnet"], watcher=Watcher()).differences


def test_costs_are_those_of_the_rows(trained, run):
    found = evaluate(run, None, threshold=asked(cost="fn=10, fp=1"), resamples=20).threshold
    assert (found.each[0].threshold, found.compared_by) == (0.5, "cost")
    true, p = part_of(run, trained[0] / "t.csv", "test")
    cost = next(score for score in found.each[0].decision.figures if score.name == "cost")
    assert cost.value == pytest.approx(np.where(true, 10 * (p <= 0.5), p > 0.5).mean())
    cheap = evaluate(run, None, threshold=asked("best-cost", "fn=10,fp=1"), resamples=20)
    assert cheap.threshold.each[0].threshold < 0.5
    # the comparison is by the cost, which of the shares is the same for all rows
    costs = {one.baseline: one for one in cheap.comparisons if one.metric == "cost per row"}
    assert list(costs) == ["the class shares", "logistic regression", "boosted trees"]
    assert "accuracy" not in {one.metric for one in cheap.comparisons}
    said = p > cheap.threshold.each[0].threshold
    expected = np.where(true, 10 * ~said, said).mean()
    assert costs["boosted trees"].network_value == pytest.approx(expected)
    share = part_of(run, trained[0] / "t.csv", "train")[0].mean()
    of_shares = ~true if share > cheap.threshold.each[0].threshold else 10 * true
    assert costs["the class shares"].baseline_value == pytest.approx(of_shares.mean())
    assert not any("accuracy" in sentence for sentence in cheap.verdict)
    line = next(line for line in eval_lines(cheap) if line.startswith("cost per row"))
    assert line.split()[-3:] == [f"{cost.baseline_value:.4f}" for cost in costs.values()]


def test_the_baselines_are_by_the_same_threshold(run):
    found = evaluate(run, None, threshold=asked("0.05"), resamples=20)
    constant = found.baselines[0]  # its probability is the share of the rows
    assert constant.name == "the class shares"  # by 0.05 they predict the rarer class
    rows = len(found.scores.confusion)
    assert rows == 2
    assert constant.figures["accuracy"] == found.scores.per_class[0].rows / found.rows or (
        constant.figures["accuracy"] == found.scores.per_class[1].rows / found.rows
    )
    # the threshold was not chosen for accuracy
    assert {one.metric for one in found.comparisons} == {"log loss", "average precision of 'ill'"}
    assert found.verdict[0] == NOT_BY_ACCURACY
    assert "accuracy" in {one.metric for one in evaluate(run, None, resamples=20).comparisons}


def test_what_was_scored_in_the_training_is_said_to_be_by_one_half(run):
    half = "scores of the training are by the threshold 0.5"
    for words in (["show", run], ["runs", run.parent]):
        assert half not in invoked(*words)[1]
    evaluate(run, None, threshold=asked("0.2", save=True), resamples=20, baselines=False)
    code, output = invoked("show", run)
    kept = f"{half}; the model keeps 0.2 of 'ill' (given)"
    assert (code, kept in " ".join(output.split())) == (0, True)
    assert json.loads(invoked("show", run, "--json")[1])["thresholds"] == {"ill": 0.2}
    code, output = invoked("runs", run.parent)
    assert (code, f"{half}; {run.name} keeps another" in output) == (0, True)
    (listed,) = json.loads(invoked("runs", run.parent, "--json")[1])["runs"]
    assert listed["thresholds"] == [0.2]
    assert json.loads(invoked("plot", run, "curves", "--json")[1])["notes"] == [half]


def test_labels_have_thresholds_of_their_own(tmp_path):
    table = write_table(tmp_path, "labels")
    run = train_text(tmp_path, CONFIG.replace("target: y", "target: [y, z]"), "replicas=3").run
    found = evaluate(run, None, threshold=asked("best-f1", save=True), resamples=20)
    parts = [row["part"] for row in read_csv(run / "splits.csv")]
    added, rows = predicted(run, table), read_csv(table)
    for decided in found.threshold.each:
        name = decided.name
        p = np.array(added[f"probability_{name}"])
        assert added[f"predicted_{name}"] == (p > decided.threshold).astype(int).tolist()
        own = np.array([part == "validation" for part in parts])
        true = np.array([row[name] == "1" for row in rows])[own]
        best = max(f1_score(true, p[own] > t) for t in [0.0, *p[own]])
        assert f1_score(true, p[own] > decided.threshold) == pytest.approx(best)
    assert open_run_model(run).model.select("2").thresholds == list(found.thresholds.values())
    # a network disagrees where it decides otherwise, by the same threshold
    votes = [predicted(run, table, replica=str(k))["predicted_y"] for k in (1, 2, 3)]
    otherwise = np.mean([np.array(v) != added["predicted_y"] for v in votes], axis=0)
    np.testing.assert_allclose(added["disagreement_y"], otherwise, atol=1e-6)
    code, output = invoked("eval", run, "--threshold", 0.3, "--no-baselines")
    assert code == 0
    assert "by the threshold 0.3 of each label" in output


def test_labels_are_given_thresholds_by_name(tmp_path):
    table = write_table(tmp_path, "labels")
    run = train_text(tmp_path, CONFIG.replace("target: y", "target: [y, z]")).run
    found = evaluate(run, None, threshold=asked("z=0.3", save=True), resamples=20)
    assert found.thresholds == {"y": 0.5, "z": 0.3}
    added = predicted(run, table, threshold="y=0.2")  # that of z is kept
    for name, threshold in (("y", 0.2), ("z", 0.3)):
        p = np.array(added[f"probability_{name}"])
        assert added[f"predicted_{name}"] == (p > threshold).astype(int).tolist()
    assert predicted(run, table, threshold="y=0.2,z=0.3") == added
    code, output = invoked("predict", run, table, "--threshold", "y=0.2,x=1", "-o", "/dev/null")
    assert (code, "'x' is not a label; allowed are 'y', 'z'" in output) == (2, True)
    code, output = invoked("eval", run, "--threshold", "y=0.2,z=2")
    assert (code, "'z=2' must be NAME=P with P from 0 to 1" in output) == (2, True)


def test_the_model_tells_what_its_threshold_was_chosen_by(run):
    path = run / "model" / "model.json"
    how = asked("best-cost", "fn=10,fp=1", save=True)
    found = evaluate(run, None, threshold=how, resamples=20, baselines=False)
    rows, chosen = found.threshold.chosen_rows, found.thresholds["ill"]
    choice = {"criterion": "cost", "part": "validation", "rows": rows, "fn": 10.0, "fp": 1.0}
    assert read_json(path)["thresholds_chosen"] == [choice]
    words = f"best cost (fn=10, fp=1) on {rows} validation rows"
    code, output = invoked("show", run)
    shown = f"the model keeps {chosen:g} of 'ill' ({words}), which eval reports by"
    assert (code, shown in " ".join(output.split())) == (0, True)
    assert json.loads(invoked("show", run, "--json")[1])["thresholds_chosen"] == {"ill": choice}
    assert f"`ill` above {chosen:g} ({words})." in (run / "model" / "README.md").read_text("utf-8")
    # one that was kept by an older version does not tell
    content = {**read_json(path), "format": 4}
    del content["thresholds_chosen"]
    path.write_text(json.dumps(content))
    assert load_ensemble(run / "model").named_thresholds == {"ill": chosen}
    code, output = invoked("show", run)
    assert f"the model keeps {chosen:g} of 'ill', which eval reports by" in " ".join(output.split())
    assert json.loads(invoked("show", run, "--json")[1])["thresholds_chosen"] == {}


def test_labels_tell_each_what_they_were_chosen_by(tmp_path):
    write_table(tmp_path, "labels")
    run = train_text(tmp_path, CONFIG.replace("target: y", "target: [y, z]")).run
    path = run / "model" / "model.json"
    evaluate(run, None, threshold=asked("best-f1", save=True), resamples=20, baselines=False)
    first = read_json(path)["thresholds_chosen"]
    assert [choice["criterion"] for choice in first] == ["f1", "f1"]
    evaluate(run, None, threshold=asked("z=0.3", save=True), resamples=20, baselines=False)
    assert read_json(path)["thresholds_chosen"] == [first[0], None]
    text = " ".join(invoked("show", run)[1].split())
    assert f"(best F1 on {first[0]['rows']} validation rows of 'y'; given of 'z')" in text
    # of a threshold that is not known to be given or chosen, nothing is said
    content = {**read_json(path), "format": 4}
    del content["thresholds_chosen"]
    path.write_text(json.dumps(content))
    evaluate(run, None, threshold=asked("z=0.4", save=True), resamples=20, baselines=False)
    assert read_json(path)["thresholds"][1] == 0.4
    assert "thresholds_chosen" not in read_json(path)


@pytest.mark.parametrize(
    ("choices", "problem"),
    [
        ([], "thresholds_chosen: must have an entry for each threshold"),
        (["f1"], "thresholds_chosen.0"),
        ([{"criterion": "cost", "part": "validation", "rows": 3}], "fn: must be given"),
        ([{"criterion": "f1", "part": "test", "rows": 3}], "thresholds_chosen.0.part"),
        ([{"criterion": "f1", "part": "validation", "rows": 0}], "thresholds_chosen.0"),
    ],
)
def test_choices_that_do_not_fit_are_refused(choices, problem, run, trained):
    path = run / "model" / "model.json"
    kept = {"format": 5, "thresholds": [0.2], "thresholds_chosen": choices}
    path.write_text(json.dumps(read_json(path) | kept))
    with pytest.raises(RunError, match=problem):
        predicted(run, trained[0] / "t.csv")


@pytest.mark.parametrize(
    ("text", "by_name"),
    [
        ("a=0.3", {"a": 0.3}),
        ("a,b=0.3,c=1", {"a,b": 0.3, "c": 1}),
        ("x=y=0.2,z=0", {"x=y": 0.2, "z": 0}),
        ("0.3=0.4", {"0.3": 0.4}),
    ],
)
def test_names_may_have_commas_and_equals_signs(text, by_name):
    assert read_given(text).by_name == by_name


@pytest.mark.parametrize("text", ["a=", "=0.3", "a=0.3,b", "a=2", "a=nan", "a=1,a=1"])
def test_names_without_a_probability_are_refused(text):
    with pytest.raises(UsageError, match=r"must be NAME=P|names 'a' twice"):
        read_given(text)


def test_a_threshold_that_the_rows_cannot_tell_from_a_half_is_noted(trained, run):
    report = evaluate(run, None, threshold=asked("best-matthews"), resamples=200).threshold
    (decided,) = report.each
    assert decided.low <= decided.threshold <= decided.high
    assert decided.doubtful is (decided.low <= 0.5 <= decided.high)
    code, output = invoked("eval", run, "--threshold", "best-matthews", "--no-baselines")
    assert code == 0
    assert "95 % of the resamples of these rows choose from" in output
    assert ("cannot tell the best threshold of 'ill' from 0.5" in output) is decided.doubtful
    given = evaluate(run, None, threshold=asked("0.3"), resamples=20).threshold.each[0]
    assert (given.low, given.high, given.doubtful) == (None, None, False)
    assert replace(decided, low=0.4, high=0.6).doubtful
    assert not replace(decided, low=0.4, high=0.6, threshold=0.5).doubtful
    assert not replace(decided, low=0.3, high=0.4).doubtful


def test_the_networks_of_an_ensemble_disagree_by_its_threshold(tmp_path):
    table = write_table(tmp_path)
    run = train_text(tmp_path, CONFIG, "replicas=3").run
    added = predicted(run, table, threshold=0.2)
    votes = [predicted(run, table, replica=str(k), threshold=0.2)["predicted_y"] for k in (1, 2, 3)]
    otherwise = np.mean([np.array(v) != added["predicted_y"] for v in votes], axis=0)
    np.testing.assert_allclose(added["disagreement"], otherwise, atol=1e-6)
    assert otherwise.any()


def test_a_run_with_folds_chooses_on_out_of_fold_rows(tmp_path):
    write_table(tmp_path)
    run = train_text(
        tmp_path, CONFIG.replace("{validation: 0.3, test: 0.3}", "{test: 0.3}"), "folds=3"
    ).run
    report = evaluate(run, None, threshold=asked("best-matthews"), resamples=20).threshold
    rows = read_csv(run / "predictions.csv")
    true = np.array([row["true_y"] == "ill" for row in rows])
    p = np.array([float(row["probability_ill"]) for row in rows])
    best = max(matthews_corrcoef(true, p > t) for t in [0.0, *p])
    assert (report.chosen_on, report.chosen_rows) == ("out_of_fold", len(rows))
    found = matthews_corrcoef(true, p > report.each[0].threshold)
    assert found == pytest.approx(best)
    with pytest.raises(UsageError, match="predicted by all networks together"):
        evaluate(run, None, replica="1", threshold=asked("best-f1"))
    lines = (run / "predictions.csv").read_text().splitlines()
    (run / "predictions.csv").write_text("\n".join([*lines[:4], lines[4] + ",1", *lines[5:]]))
    with pytest.raises(RunError, match=r"predictions\.csv, line 5: is not what the run"):
        evaluate(run, None, threshold=asked("best-f1"))


@pytest.mark.parametrize(
    ("kind", "said"), [("three", "one of 3 classes, the most probable one"), ("number", "quanti")]
)
def test_a_threshold_is_for_two_classes_and_labels(kind, said, tmp_path):
    table = write_table(tmp_path, kind)
    run = train_text(tmp_path, CONFIG).run
    for words in (("eval", run, "--threshold", "best-f1"), ("predict", run, table)):
        code, output = invoked(*words, *(["--threshold", "0.3"] if words[0] == "predict" else []))
        text = " ".join(output.split())
        assert code == 2
        assert f"a threshold is for two classes or for labels; this run predicts {said}" in text
    assert invoked("eval", run, "--cost", "fn=1,fp=1")[0] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (asked("best-f2"), "did you mean best-f1?"),
        (asked("1.5"), "must be a number from 0 to 1"),
        (asked("nan"), "must be a number from 0 to 1"),
        (asked("best-cost"), "needs the costs"),
        (asked("0.3", "fn=1"), "such as fn=10,fp=1"),
        (asked("0.3", "fn=-1,fp=1"), "such as fn=10,fp=1"),
        (asked("0.3", "fn=0,fp=0"), "such as fn=10,fp=1"),
        (asked("0.3", "fn=1,fp=inf"), "such as fn=10,fp=1"),
        (asked("0.3", "fn=1,fp=1,fp=2"), "such as fn=10,fp=1"),
        (asked(save=True), "--save keeps a threshold"),
    ],
)
def test_bad_options_are_refused(options, said, run):
    with pytest.raises(UsageError) as caught:
        evaluate(run, None, threshold=options)
    assert said in str(caught.value)


def test_bad_thresholds_of_predict_are_refused(trained, run):
    table = trained[0] / "t.csv"
    for value in (-0.1, 1.5, float("nan")):
        with pytest.raises(UsageError, match="must be a probability from 0 to 1"):
            predicted(run, table, threshold=value)
    with pytest.raises(UsageError, match="'ok' is not a class that is decided; allowed is 'ill'"):
        predicted(run, table, threshold="ok=0.3")
    with pytest.raises(UsageError, match="cannot be combined with --top-k"):
        predicted(run, table, threshold=0.3, top=1)


def test_a_single_network_keeps_no_threshold(run):
    with pytest.raises(UsageError, match="leave out --replica 1"):
        evaluate(run, None, replica="1", threshold=asked("0.3", save=True))


def test_a_run_in_training_keeps_no_threshold(run):
    before = (run / "model" / "model.json").read_bytes()
    with open(run / ".lock", "a+b") as file:  # as another process has it
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="is in training"):
            evaluate(run, None, threshold=asked("0.3", save=True))
    assert (run / "model" / "model.json").read_bytes() == before
    (run / "model" / "model.json").unlink()
    with pytest.raises(RunError, match="before the training has ended"):
        evaluate(run, None, threshold=asked("0.3", save=True))
    assert not (run / ".lock").exists()


def test_without_held_out_rows_only_a_number_is_taken(trained, run, tmp_path):
    table = str(trained[0] / "t.csv")
    model = tmp_path / "model"
    shutil.copytree(run / "model", model)
    with pytest.raises(DataError, match=r"a model without its run.*--threshold 0\.3"):
        evaluate(model, table, threshold=asked("best-f1"))
    report = evaluate(model, table, threshold=asked("0.3"), resamples=20).threshold
    assert (report.chosen_on, report.each[0].choices) == (None, [])
    (tmp_path / "r").mkdir()
    write_table(tmp_path / "r")
    bare = train_text(tmp_path / "r", CONFIG.replace("validation: 0.3", "validation: 0")).run
    with pytest.raises(DataError, match="neither validation rows nor folds"):
        evaluate(bare, None, threshold=asked("best-f1"))


def test_without_test_rows_the_message_repeats_the_options(tmp_path):
    table = write_table(tmp_path)
    config = CONFIG.replace("validation: 0.3, test: 0.3", "test: 0")
    run = train_text(tmp_path, config, "folds=3").run
    with pytest.raises(DataError) as caught:
        evaluate(run, None, threshold=asked("best-cost", "fn=10, fp=1", save=True))
    typed = f"bpnet eval {run} DATA --threshold best-cost --cost 'fn=10, fp=1' --save"
    assert typed in str(caught.value)
    words = shlex.split(typed.replace("DATA", str(table)))[1:]
    code, output = invoked(*words)  # which is then chosen on out-of-fold rows
    assert (code, "240 out-of-fold rows, which no network was trained on" in output) == (0, True)
    assert open_run_model(run).model.thresholds is not None


def test_held_out_rows_of_one_class_choose_nothing(tmp_path):
    rows = [[k % 7, "ill" if k % 10 == 9 else "ok"] for k in range(100)]
    write_csv(tmp_path / "t.csv", ["a", "y"], rows)
    split = "split: {validation_rows: [1, 2, 3, 4], test_rows: [9, 10, 19, 20]}"
    config = CONFIG.replace("split: {validation: 0.3, test: 0.3}", split)
    run = train_text(tmp_path, config).run
    with pytest.raises(DataError, match="the validation rows either all are 'ill' or none is"):
        evaluate(run, None, threshold=asked("best-f1"))


@pytest.mark.parametrize("value", [[], [0.2, 0.3], [2], ["x"], 0.3, [True], [None]])
def test_thresholds_that_do_not_fit_are_refused(value, run, trained):
    path = run / "model" / "model.json"
    path.write_text(json.dumps(read_json(path) | {"format": 4, "thresholds": value}))
    with pytest.raises(RunError, match="thresholds: must be a number from 0 to 1"):
        predicted(run, trained[0] / "t.csv")


def test_the_report_fits_80_columns_with_hostile_names(tmp_path):
    names = ["<script>alert(1)</script>" + "x" * 200, "\u202eright\x1b[31m\U0001f600"]
    rows = [[k % 7, k % 5, names[(k * k) % 3 == 0]] for k in range(120)]
    write_csv(tmp_path / "t.csv", ["a", "b", "y"], rows)
    run = train_text(tmp_path, CONFIG).run
    code, output = invoked(
        "eval", run, "--threshold", "best-cost", "--cost", "fn=2,fp=1", "--no-baselines"
    )
    assert code == 0
    assert "\x1b" not in output
    tables = [line for line in output.splitlines() if "  " in line.strip()]
    assert max(map(len, tables)) <= 80
