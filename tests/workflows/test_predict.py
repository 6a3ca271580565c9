"""What `bpnet predict` writes, and where."""

import os
import stat

from labeled_runs import invoked
from workflow_runs import predicted, read_csv

from bpnet.runs.files import replacing


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


def test_output_into_a_folder_is_refused(classes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = classes.run.parents[1] / "t.csv"
    for folder in (".", tmp_path):
        code, said = invoked("predict", classes.run, table, "-o", folder, "--format", "csv")
        assert code == 5
        assert "give the name of a file" in said
    assert list(tmp_path.iterdir()) == []


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
