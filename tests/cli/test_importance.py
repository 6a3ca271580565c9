"""`bpnet eval --importance` and `--partial-dependence`: text, JSON and refusals."""

import json
import re
from pathlib import Path

from command_line import bpnet


def test_the_table_follows_the_scores(trained: Path) -> None:
    said = bpnet("eval", "runs/c-001", "--importance", "--no-baselines", cwd=trained)
    assert (said.code, said.err) == (0, "")
    scores, _, asked = said.out.partition("\n\nWhat the model relies on: the run's test part, ")
    assert "95 % interval" in scores
    assert re.search(r"^ +(rise|fall) of .* 95 % interval +± shuffles$", asked, re.MULTILINE)
    again = bpnet("eval", "runs/c-001", "--importance", "--no-baselines", cwd=trained)
    assert again.out == said.out


def test_json_has_importance_and_the_dependence_on_the_first_columns(trained: Path) -> None:
    said = bpnet("eval", "runs/c-001", "--importance", "--no-baselines", "--json", cwd=trained)
    assert (said.code, said.err) == (0, "")
    data = json.loads(said.out)
    assert data["inspected"]["rows_of"] == "test"
    names = [each["column"] for each in data["importance"]["columns"]]
    assert {each["column"] for each in data["partial_dependence"]} <= set(names)
    assert data["partial_dependence"]
    plain = json.loads(bpnet("eval", "runs/c-001", "--no-baselines", "--json", cwd=trained).out)
    assert {"importance", "partial_dependence", "inspected"}.isdisjoint(plain)
    assert plain.items() <= data.items()


def test_columns_are_named_and_a_wrong_name_is_refused(trained: Path) -> None:
    said = bpnet("eval", "runs/c-001", "--importance", "--no-baselines", "--json", cwd=trained)
    name = json.loads(said.out)["importance"]["columns"][0]["column"]
    run = ["eval", "runs/c-001", "--no-baselines"]
    said = bpnet(*run, "--partial-dependence", name, cwd=trained)
    assert said.code == 0
    assert f"\nPartial dependence on {name}\n" in said.out
    assert "relies on" not in said.out
    said = bpnet(*run, "--partial-dependence", "no such", cwd=trained)
    assert (said.code, said.out) == (2, "")
    assert said.lacks("--partial-dependence no such", "must be a column that the model reads") == []


def test_without_test_rows_there_are_no_scores_but_validation_rows(here: Path) -> None:
    train = ("train", "c.yaml", "--set", "dataset.split={test: 0, validation: 0.4}")
    assert bpnet(*train, cwd=here).code == 0
    assert bpnet("eval", "runs/c-001", cwd=here).code == 4
    said = bpnet("eval", "runs/c-001", "--importance", cwd=here)
    assert said.code == 0
    assert said.out.startswith("What the model relies on: the run's validation part, ")
    assert "no scores" in said.err
    data = json.loads(bpnet("eval", "runs/c-001", "--importance", "--json", cwd=here).out)
    assert set(data) == {"run", "inspected", "importance", "partial_dependence"}


def test_a_table_on_standard_input_is_read_once(trained: Path) -> None:
    content = (trained / "t.csv").read_bytes().splitlines(keepends=True)
    # not the run's own
    other = b"".join([content[0], *(b"9" + line for line in content[1:-1]), b"77,3,x\n"])
    (trained / "o.csv").write_bytes(other)
    options = ("--importance", "--no-baselines", "--json")
    of_file = bpnet("eval", "runs/c-001", "o.csv", *options, cwd=trained)
    piped = bpnet("eval", "runs/c-001", "-", *options, cwd=trained, stdin=other)
    assert (piped.code, piped.err) == (0, "")
    assert json.loads(piped.out)["importance"] == json.loads(of_file.out)["importance"]
    assert json.loads(piped.out)["inspected"]["data"] == "standard input"
    assert json.loads(piped.out)["rows"] == len(content) - 1


def test_set_is_for_a_table_that_is_named(trained: Path) -> None:
    said = bpnet(
        *("eval", "runs/c-001", "--importance", "--set", "dataset.reading.separator=;"), cwd=trained
    )
    assert (said.code, said.out) == (2, "")
    assert said.lacks("--set is for a table that is named", "DATA --importance") == []


def test_a_run_that_held_out_nothing_is_refused_with_what_to_type(here: Path) -> None:
    train = ("train", "c.yaml", "--set", "dataset.split={test: 0, validation: 0}")
    assert bpnet(*train, cwd=here).code == 0
    said = bpnet("eval", "runs/c-001", "--importance", cwd=here)
    assert (said.code, said.out) == (4, "")
    assert said.lacks("held out no rows", "--importance --all-rows") == []
    said = bpnet("eval", "runs/c-001", "--importance", "--all-rows", cwd=here)
    assert said.code == 0
    assert "on rows that it has seen" in said.err
