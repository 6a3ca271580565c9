"""Runs, and tables given to them, that are refused."""

from pathlib import Path

import pytest
from command_cases import TABLE, RunCase
from command_line import bpnet

EVAL, EVAL_U = ("eval", "runs/c-001"), ("eval", "runs/c-001", "u.csv")

PREDICT, PREDICT_U = ("predict", "runs/c-001", "t.csv"), ("predict", "runs/c-001", "u.csv")

RUNS = [
    RunCase("no such run", 5, ("runs/c-002", "did you mean 'runs/c-001'?"), ("eval", "runs/c-002")),
    RunCase("the folder of runs", 5, ("not a run", "did you mean 'runs/c-001'?"), ("eval", "runs")),
    RunCase("a file", 5, ("c.yaml", "is a file"), ("eval", "c.yaml")),
    RunCase("arguments swapped", 5, ("t.csv", "is a file"), ("predict", "t.csv", "runs/c-001")),
    RunCase("another folder", 5, (".", "not a run directory"), ("predict", ".", "t.csv")),
    RunCase("no run.json", 5, ("run.json",), EVAL, damage="run.json"),
    RunCase(
        "no weights", 5, ("model/weights.safetensors",), PREDICT, damage="model/weights.safetensors"
    ),
    RunCase("no model.json", 5, ("model/model.json",), PREDICT, damage="model/model.json"),
    RunCase("no splits", 5, ("splits.csv",), EVAL, damage="splits.csv"),
    RunCase(
        "eval without the table", 4, ("v.csv", "no such file"), ("eval", "runs/c-001", "v.csv")
    ),
    RunCase("predict a folder", 4, ("runs", "folder"), ("predict", "runs/c-001", "runs")),
    RunCase("no target", 4, ("u.csv", "'c'", "bpnet predict"), EVAL_U, "a,b\n1,2\n"),
    RunCase(
        "target in capitals", 4, ("u.csv", "'c'", "did you mean 'C'?"), EVAL_U, "a,b,C\n1,2,x\n"
    ),
    RunCase(
        "unknown label",
        4,
        ("u.csv, line 3 (row 2)", "'z'", "'x', 'y'"),
        EVAL_U,
        "a,b,c\n1,2,x\n1,2,z\n",
    ),
    RunCase("blank label", 4, ("u.csv, line 2 (row 1)", "blank"), EVAL_U, "a,b,c\n1,2,\n"),
    RunCase("lacks a column", 4, ("u.csv", "'b'", "'a', 'c'"), PREDICT_U, "a,c\n1,x\n"),
    RunCase(
        "column in capitals", 4, ("u.csv", "'a'", "did you mean 'A'?"), PREDICT_U, "A,b\n1,2\n"
    ),
    RunCase(
        "text", 4, ("u.csv, line 3 (row 2)", "column 'a'", "'red'"), PREDICT_U, "a,b\n1,2\nred,2\n"
    ),
    RunCase(
        "huge", 4, ("u.csv, line 2 (row 1)", "column 'a'", "1e308"), PREDICT_U, "a,b\n1e308,2\n"
    ),
    RunCase("header only", 4, ("u.csv", "no rows"), EVAL_U, "a,b,c\n"),
    RunCase(
        "predicted before",
        4,
        ("'predicted_c'", "leave it out with: --keep a,b"),
        PREDICT_U,
        "a,b,predicted_c\n1,2,x\n",
    ),
    RunCase("empty stdin", 4, ("standard input", "empty"), ("predict", "runs/c-001", "-")),
    RunCase(
        "stdin of bytes",
        4,
        ("standard input, line 1", "0xff"),
        ("eval", "runs/c-001", "-"),
        stdin=b"\xff",
    ),
    RunCase("output into no folder", 5, ("no/out.csv", "folder"), (*PREDICT, "-o", "no/out.csv")),
    RunCase("output without a name", 2, ("--output",), (*PREDICT, "-o", "")),
    RunCase("output over the input", 2, ("t.csv", "another file"), (*PREDICT, "-o", "t.csv")),
]


@pytest.mark.parametrize("case", RUNS, ids=lambda case: case.name)
def test_what_is_wrong_with_a_run_or_its_table_is_named(case: RunCase, trained: Path) -> None:
    (trained / "u.csv").write_text(case.other)
    if case.damage:
        (trained / "runs" / "c-001" / case.damage).unlink()
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    said = bpnet(*case.words, cwd=trained, stdin=case.stdin)
    assert said.lacks(*case.parts) == [], said.err
    assert (said.code, said.out) == (case.code, "")
    assert all(line.startswith("error: ") for line in said.err.splitlines())
    assert {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("change", ["", "1,2,x\n"])
def test_eval_refuses_a_table_that_has_changed(change: str, trained: Path) -> None:
    (trained / "t.csv").write_text(TABLE.replace("0.5", "0.6") + change)
    said = bpnet("eval", "runs/c-001", cwd=trained)
    assert said.code == 4
    assert said.lacks("t.csv", "has changed", "bpnet eval runs/c-001 DATA") == []
