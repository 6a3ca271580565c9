"""Messages say what to do in Python's words, and stay as they are where Python has none."""

import pandas as pd
import pytest
import typer

import bpnet
from bpnet.api.words import _OPTIONS, in_python
from bpnet.cli.app import app
from bpnet.errors import DataError, UsageError

COMMAND_LINE_ONLY = {
    *("baselines", "cost", "errors", "importance", "partial-dependence", "save"),  # of eval
    *("proba", "safe-csv", "top-k"),  # of predict
    *("backend", "cluster", "jobs"),  # joblib.parallel_config in Python
    *("budget", "grid", "json", "mpi", "report"),
}


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("or draw: --set dataset.split.stratify=true", 'settings={"dataset.split.stratify": True}'),
        (
            "use '--set 'dataset.roles.a b=categorical', or",
            'settings={"dataset.roles.a b": "categorical"}, or',
        ),
        (
            "(--set training.epochs=50 --set architecture.hidden=[3,2])",
            '(settings={"training.epochs": 50, "architecture.hidden": [3, 2]})',
        ),
        (
            "add --set dataset.reading.decimal=,; if not, --set dataset.reading.thousands=, ends",
            'add settings={"dataset.reading.decimal": ","}; if not, '
            'settings={"dataset.reading.thousands": ","} ends',
        ),
        (
            "(or --set dataset.reading.decimal=.), or --set dataset.reading.decimal=..",
            '(or settings={"dataset.reading.decimal": "."}), or '
            'settings={"dataset.reading.decimal": "."}.',
        ),
        ("--set training.epochs: a training", "settings training.epochs: a training"),
        ("--set is for a table that is named", "settings is for a table that is named"),
        ("score all with --all-rows", "score all with all_rows=True"),
        ("choose a folder with --runs DIR", "choose a folder with runs=DIR"),
        ("choose one of them: --replica 1", "choose one of them: replica=1"),
        ("--shard 5/4: must be i/n", 'shard="5/4": must be i/n'),
        ("leave it out with: --keep none", 'with: keep="none"'),
        (
            "replace it with --force, or name another folder with -o",
            "with force=True, or name another folder with folder=FOLDER",
        ),
        (
            "next: bpnet resume runs/a-1, or bpnet eval 'runs/a b'",
            'next: bpnet.resume("runs/a-1"), or bpnet.load("runs/a b").evaluate()',
        ),
        (
            "bpnet resume runs/a --set training.epochs=9 --force; or",
            'bpnet.resume("runs/a", force=True, settings={"training.epochs": 9}); or',
        ),
        (
            "bpnet train c.yaml --from runs/a takes",
            'bpnet.train("c.yaml", start_from="runs/a") takes',
        ),
    ],
)
def test_what_python_has_is_named_so(text, python):
    assert in_python(text).endswith(python)


@pytest.mark.parametrize(
    "text",
    [
        "bpnet eval runs/a --threshold best-f1 --save chooses one",
        "bpnet eval judges with --cost fn=COST,fp=COST",
        "bpnet predict runs/a t.csv --replica 1",
        "bpnet train writes what bpnet eval reads",
        "the column 'a--runs' is -- as it is -- left",
    ],
)
def test_what_python_has_not_stays(text):
    assert in_python(text) == text


def test_every_option_is_a_parameter_or_named_as_of_the_command_line_only():
    verbs = typer.main.get_command(app).commands
    options = {
        option.removeprefix("--")
        for verb in ("train", "resume", "eval", "predict", "export")
        for each in verbs[verb].params
        for option in each.opts
        if option.startswith("--")
    }
    assert options - {"help", "set"} == set(_OPTIONS) | COMMAND_LINE_ONLY


def test_errors_and_warnings_of_python_are_in_its_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{k % 7}.5,{k % 2}\n" for k in range(40)))
    config = {"dataset": {"path": "t.csv", "target": "y"}, "training": {"epochs": 1}}
    gap = pd.DataFrame({"x": [0.5, 1.5, 2.5], "y": ["a", None, "b"]})
    with pytest.raises(DataError, match=r'settings={"dataset\.drop_missing_targets": True}'):
        bpnet.train(config, gap, quiet=True)
    run = bpnet.train(config, quiet=True)
    with pytest.raises(UsageError, match=r"^intervals=0\.9: "):
        run.predictions("t.csv", intervals=0.9)
