"""A table without rows gives predictions without rows, with the columns of any other day's."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from labeled_runs import EMBEDDED, invoked, write_labeled
from workflow_runs import train_text, write_csv, written

import bpnet
from bpnet.errors import DataError

TEXT = """\
dataset: {path: t.csv, target: y}
architecture: {hidden: [3]}
training: {epochs: 1}
"""
KINDS = {
    "classes": (),
    "embedded": (EMBEDDED,),
    "unit rows": ("dataset.preprocessing.numeric=l2_rows",),
    "replicas": ("replicas=2",),
}


@pytest.fixture(scope="module", params=KINDS)
def run(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    write_labeled(folder, ["q" if k % 3 == 0 else "p" for k in range(60)])
    return train_text(folder, TEXT, *KINDS[request.param]).run


def test_predictions_of_no_rows_have_the_columns_of_others(run, tmp_path):
    whole = run.parents[1] / "t.csv"
    wanted, empty = pd.read_csv(whole), tmp_path / "h.csv"
    empty.write_text(whole.read_text().splitlines()[0] + "\n")
    text, summary = written(run, empty)
    header = written(run, whole)[0].splitlines()[0]
    assert (text, summary.flags.rows, summary.trained_rows) == (f"{header}\n", 0, 0)
    for name in ("o.jsonl", "o.json", "o.parquet"):
        assert invoked("predict", run, empty, "--strict", "-o", tmp_path / name)[0] == 0
    assert (tmp_path / "o.jsonl").read_text() == ""
    assert json.loads((tmp_path / "o.json").read_text())["predictions"] == []
    of_none = pd.read_parquet(tmp_path / "o.parquet")
    assert (list(of_none), len(of_none)) == (header.split(","), 0)
    frame = bpnet.load(run).predictions(wanted.head(0))
    assert (list(frame), len(frame)) == (header.split(",")[4:], 0)
    assert len(bpnet.load(run).predict_proba(wanted.head(0))) == 0


def test_kept_columns_of_parquet_keep_their_types(tmp_path):
    table = pd.DataFrame({"n": range(60), "x": np.linspace(0, 1, 60), "id": range(60)})
    table["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(table.n, "D")
    table.assign(y=table.x).to_parquet(tmp_path / "t.parquet")
    text = TEXT.replace("t.csv", "t.parquet").replace(
        "target: y", "target: y, roles: {id: ignored}"
    )
    run = train_text(tmp_path, text).run
    table.head(0).to_parquet(tmp_path / "h.parquet")
    types = []
    for name in ("t.parquet", "h.parquet"):
        out = tmp_path / f"of_{name}"
        words = ("--keep", "id,when,n,x", "--interval", "0.5", "-o", out)
        assert invoked("predict", run, tmp_path / name, *words)[0] == 0
        types.append(pd.read_parquet(out).dtypes.to_dict())
    assert types[0] == types[1]


def test_a_folder_may_have_files_without_rows(tmp_path):
    (tmp_path / "days").mkdir()
    rows = [[k, k % 7] for k in range(40)]
    for day, part in enumerate(([], rows[:20], [], rows[20:])):
        write_csv(tmp_path / "days" / f"{day}.csv", ["x", "y"], part)
    run = train_text(tmp_path, TEXT.replace("t.csv", "days")).run
    assert written(run, tmp_path / "days")[1].flags.rows == 40


def test_other_verbs_need_rows(tmp_path):
    write_labeled(tmp_path, ["pq"[k % 2] for k in range(60)])
    run = train_text(tmp_path, TEXT).run
    (tmp_path / "h.csv").write_text("a,b,w,y\n")
    code, said = invoked("eval", run, tmp_path / "h.csv")
    assert (code, "the table has column names but no rows" in " ".join(said.split())) == (4, True)
    with pytest.raises(DataError, match="no rows"):
        bpnet.load(run).evaluate(pd.read_csv(tmp_path / "h.csv"))
    (tmp_path / "nothing.csv").write_text("")
    assert invoked("predict", run, tmp_path / "nothing.csv")[0] == 4  # not even names
