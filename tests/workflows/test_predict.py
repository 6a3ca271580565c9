"""What `bpnet predict` writes, and where."""

import json
import os
import shlex
import stat
import subprocess

import numpy as np
import pytest
from command_line import BPNET
from labeled_runs import invoked
from workflow_runs import ROOT, predicted, read_csv, train_text, write_csv

from bpnet.models.model import load_model
from bpnet.runs.files import replacing
from bpnet.workflows.kept_columns import keep_option, read_keep
from bpnet.workflows.prediction_columns import distinct


def test_top_classes_come_without_probabilities_where_none_are_wanted(classes):
    table = classes.run.parents[1] / "t.csv"
    assert list(predicted(classes.run, table, top=2, probabilities=False)) == [
        "top_1_y",
        "top_2_y",
        "flags",
    ]
    assert "top_2_probability" in predicted(classes.run, table, top=2)


def test_a_table_with_cr_cr_lf_keeps_its_rows_in_predictions(classes, tmp_path):
    table = tmp_path / "t.csv"
    table.write_bytes(b"a,b,w\r\r\n" + b"1,u,1\r\r\n" * 30)
    code, _ = invoked("predict", classes.run, table, "-o", tmp_path / "o.csv")
    assert code == 0
    rows = read_csv(tmp_path / "o.csv")
    assert [(row["a"], row["b"], row["w"]) for row in rows] == [("1", "u", "1")] * 30
    assert {row["predicted_y"] for row in rows} <= {"p", "q"}


def test_an_output_name_that_says_no_format_is_refused(classes, tmp_path):
    table = classes.run.parents[1] / "t.csv"
    code, said = invoked("predict", classes.run, table, "-o", tmp_path / "x.foo")
    assert code == 2
    assert "names end in .csv, .jsonl, .json or .parquet; name the format with --format" in said
    assert list(tmp_path.iterdir()) == []
    assert (
        invoked("predict", classes.run, table, "-o", tmp_path / "x.foo", "--format", "csv")[0] == 0
    )
    assert len(read_csv(tmp_path / "x.foo")) == 100


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with replacing(pipe) as stream:
            stream.write(b"rows\n")
        assert stat.S_ISFIFO(pipe.stat().st_mode)
        assert os.read(reader, 100) == b"rows\n"
    finally:
        os.close(reader)


def test_what_a_link_points_to_is_replaced(tmp_path):
    (tmp_path / "own").mkdir()
    target, link = tmp_path / "own" / "target.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)
    with replacing(link) as stream:
        stream.write(b"new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["link.csv", "own", "target.csv"]


@pytest.mark.parametrize(
    ("target", "labels"), [("probability", "pq"), ("flags", "pq"), ("y", ["y", "probability_y"])]
)
def test_added_columns_have_names_of_their_own(target, labels, tmp_path):
    rows = [[k, k % 7, labels[k % 2]] for k in range(60)]
    table = write_csv(tmp_path / "t.csv", ["i", "a", target], rows)
    text = f"dataset: {{path: t.csv, target: {target}}}\ntraining: {{epochs: 1}}\n"
    run = train_text(tmp_path, text).run
    found = predicted(run, table)
    assert list(found) == [
        f"predicted_{target}",
        *(f"probability_{label}" for label in sorted(labels)),
        "flags" + "_2" * (target == "flags"),
    ]
    top = predicted(run, table, top=2)
    second = "top_1_probability" + "_2" * (target == "probability")
    assert list(top)[:3] == [f"top_1_{target}", second, f"top_2_{target}"]
    assert top[f"top_1_{target}"] == found[f"predicted_{target}"]
    assert set(top[f"top_2_{target}"]) <= set(labels)
    assert all(0.5 <= share <= 1 for share in top[second])


def test_features_and_targets_keep_their_names(tmp_path):
    rows = [[k % 7, k * k % 5, "pq"[k % 2]] for k in range(40)]
    table = write_csv(tmp_path / "t.csv", ["flags", "probability_p", "y"], rows)
    run = train_text(tmp_path, "dataset: {path: t.csv, target: y}\ntraining: {epochs: 1}\n").run
    once, again = tmp_path / "once.csv", tmp_path / "again.csv"
    assert invoked("predict", run, table, "-o", once)[0] == 0
    own, added = "flags,probability_p,y", "predicted_y,probability_p_2,probability_q,flags_2"
    assert once.read_text().splitlines()[0] == f"{own},{added}"
    assert invoked("predict", run, once, "--keep", own, "-o", again)[0] == 0
    assert again.read_text() == once.read_text()


def test_names_that_are_taken_get_a_number():
    assert distinct(["a", "b", "a", "a_2", "a"]) == ["a", "b", "a_2", "a_2_2", "a_3"]
    assert distinct(["a", "b"], {"a", "a_2"}) == ["a_3", "b"]


def test_predict_reads_its_own_output_with_the_keep_that_it_advises(classes, tmp_path):
    table = write_csv(
        tmp_path / "t.csv", ["x, 'y'", "a", "b", "w"], [[f"r{k}", k, "u", 1] for k in range(9)]
    )
    assert invoked("predict", classes.run, table, "-o", tmp_path / "once.csv")[0] == 0
    code, said = invoked("predict", classes.run, tmp_path / "once.csv")
    assert code == 4
    advised = " ".join(said.split()).partition("leave them out with: ")[2]
    words = shlex.split(advised)
    assert words[0] == "--keep"
    assert invoked("predict", classes.run, tmp_path / "once.csv", *words)[0] == 0
    again = tmp_path / "again.csv"
    assert invoked("predict", classes.run, tmp_path / "once.csv", *words, "-o", again)[0] == 0
    assert again.read_text() == (tmp_path / "once.csv").read_text()


@pytest.mark.parametrize(
    "names", [["a"], ["none"], ["all"], ["a,b", 'say "x"'], ["it's", " b"], ["c"] * 2 + ["d"]]
)
def test_names_to_keep_are_read_as_they_are_advised(names):
    option, text = shlex.split(keep_option(names))
    assert option == "--keep"
    assert read_keep(text) == [name.strip() for name in names]


def test_keep_of_no_or_many_columns_is_short():
    assert keep_option([]) == keep_option([str(k) for k in range(100)]) == "--keep none"
    assert read_keep("none") == []
    assert read_keep("all") is None


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("old")
    secret.chmod(0o600)
    with replacing(secret) as stream:
        stream.write(b"new")
        (temporary,) = tmp_path.glob(".*")
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
    assert secret.read_text() == "new"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_dev_stdout_is_written_to(classes, tmp_path):
    table = classes.run.parents[1] / "t.csv"
    words = [*BPNET, "predict", classes.run, table, "-o", "/dev/stdout"]
    piped = subprocess.run(words, stdout=subprocess.PIPE, check=True, stderr=subprocess.DEVNULL)
    assert len(piped.stdout.splitlines()) == 101
    with (tmp_path / "out.csv").open("wb") as file:
        subprocess.run(words, stdout=file, check=True, stderr=subprocess.DEVNULL)
    assert (tmp_path / "out.csv").read_bytes() == piped.stdout


def test_the_target_is_a_number_in_json_where_it_is_a_quantity(diabetes, tmp_path):
    lines = (ROOT / "datasets" / "diabetes.csv").read_text().splitlines()[:3]
    target = lines[0].split(",").index("progression")
    rows = [line.split(",") for line in lines[1:]]
    rows[1][target] = ""
    table = write_csv(tmp_path / "t.csv", lines[0].split(","), rows)
    found = predicted(diabetes.run, table, keep=["progression"])["progression"]
    assert found == [float(rows[0][target]), None]


RAW = """\
dataset: {path: t.csv, target: y, split: {validation: 0, test: 0}, preprocessing: {numeric: none}}
architecture: {hidden: [3], output: {activation: sigmoid}}
training: {epochs: 3, loss: squared_error, precision: float64}
"""


def test_raw_outputs_are_those_of_the_trace_and_probabilities_divide_them(tmp_path):
    write_csv(tmp_path / "t.csv", "aby", [[k % 5, k % 3, "pqr"[k % 3]] for k in range(30)])
    run = train_text(tmp_path, RAW).run
    columns = predicted(run, tmp_path / "t.csv", raw=True)
    code, text = invoked("trace", run, "--row", "1,2,3", "--json")
    assert code == 0
    step = json.loads(text)["steps"][0]
    raw = np.array([columns[f"raw_{name}"] for name in "pqr"], float).T
    np.testing.assert_allclose(raw[:3], step["predictions"], rtol=1e-12)
    assert abs(raw.sum(axis=1) - 1).max() > 0.1  # they are no probabilities
    shares = np.array([columns[f"probability_{name}"] for name in "pqr"], float).T
    np.testing.assert_allclose(shares, raw / raw.sum(axis=1, keepdims=True), rtol=1e-12)
    said = " ".join(invoked("trace", run)[1].split())
    assert "by their sum, to make probabilities; bpnet predict --raw writes them as they" in said


def test_raw_outputs_of_logits_and_of_numbers(cancer, diabetes):
    """A single logit is the second class's; numbers are as the network has them, scaled."""
    columns = predicted(cancer.run, ROOT / "datasets" / "breast_cancer.csv", raw=True)
    (name,) = (name for name in columns if name.startswith("raw_"))
    logit = np.array(columns[name], float)
    share = np.array(columns[name.replace("raw_", "probability_")], float)
    np.testing.assert_allclose(1 / (1 + np.exp(-logit)), share, rtol=1e-5, atol=1e-7)
    columns = predicted(diabetes.run, ROOT / "datasets" / "diabetes.csv", raw=True)
    (scale,) = load_model(diabetes.run / "model").description.target.scales
    raw, number = (np.array(columns[f"{kind}_{scale_name}"], float) for kind, scale_name in (
        ("raw", "progression"), ("predicted", "progression"),
    ))  # fmt: skip
    np.testing.assert_allclose(raw * scale.divide + scale.subtract, number, rtol=1e-4)


def test_raw_outputs_are_of_one_network(tmp_path):
    write_csv(tmp_path / "t.csv", "aby", [[k % 5, k % 3, "pqr"[k % 3]] for k in range(30)])
    run = train_text(tmp_path, RAW, "replicas=2").run
    code, text = invoked("predict", run, tmp_path / "t.csv", "--raw")
    assert code == 2
    assert "this model has 2; choose one of them: --replica 1" in " ".join(text.split())
    assert "raw_q" in predicted(run, tmp_path / "t.csv", raw=True, replica="2")
