"""Runs that were trained on standard input: what reads the table again says how it is given."""

from pathlib import Path

import pytest
from command_cases import TABLE
from command_line import bpnet

SETTINGS = ("--set", "dataset.path=-", "--set", "training.epochs=3")
KINDS = {
    "single": ("train", "c.yaml", *SETTINGS),
    "folds": ("train", "c.yaml", *SETTINGS, "--set", "folds=3"),
    "grid": ("train", "c.yaml", *SETTINGS, "--grid", "training.learning_rate=0.01,0.02"),
    "cv": ("cv", "c.yaml", *SETTINGS, "--folds", "3"),
}


@pytest.fixture(params=KINDS)
def begun(request: pytest.FixtureRequest, here: Path) -> tuple[str, Path, str]:
    """A kind of run, the folder of its command, and its name; the process of its training died."""
    said = bpnet(*KINDS[request.param], cwd=here, stdin=TABLE.encode())
    assert said.code == 0, said.err
    (run,) = (here / "runs").iterdir()
    file = run / "run.json"
    file.write_text(file.read_text().replace('"status": "finished"', '"status": "running"', 1))
    return request.param, here, f"runs/{run.name}"


def test_each_verb_says_how_the_table_is_given_and_takes_it(begun: tuple[str, Path, str]) -> None:
    kind, here, run = begun
    verbs = [("resume", run), ("verify", run)]
    verbs += [("eval", run, "-")] if kind != "cv" else []
    verbs += [("trace", run)] if kind in ("single", "grid") else []
    verbs += [("plot", run, "surest")] if kind == "single" else []
    for words in verbs:
        shown = words if words[0] != "eval" else words[:2]
        said = bpnet(*shown, cwd=here)
        assert said.code == 4
        assert f"give the table again: bpnet {' '.join(words)} < TABLE" in said.err
        said = bpnet(*words, cwd=here, stdin=TABLE.encode())
        assert said.code == 0, said.err


def test_another_table_is_refused(begun: tuple[str, Path, str]) -> None:
    _, here, run = begun
    said = bpnet("resume", run, cwd=here, stdin=TABLE.replace("1", "2").encode())
    assert said.code == 5, said.err
    assert "is not the data that it was trained on" in said.err


@pytest.mark.slow
def test_a_report_says_what_it_lacks_and_takes_the_table(begun: tuple[str, Path, str]) -> None:
    kind, here, run = begun
    said = bpnet("report", run, cwd=here)
    assert said.code == 0, said.err
    assert f"give the table again: bpnet report {run} < TABLE" in said.err
    said = bpnet("report", run, cwd=here, stdin=TABLE.encode())
    assert (said.code, said.err) == (0, "")
    assert ("Scores on" in (here / run / "report.html").read_text("utf-8")) == (kind != "cv")
