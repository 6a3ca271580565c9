"""`bpnet check`: what it prints, as text and as JSON, and how it ends."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import bpnet

from bpnet.reports.text import duration

CONFIG = "dataset: {path: t.csv, target: y}\narchitecture: {hidden: [5]}\ntraining: {epochs: 3}\n"


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    made = pd.DataFrame(
        {"a": rng.normal(size=120), "b": rng.choice(["u", "v"], 120), "id": range(120), "one": 1}
    )
    made["again"] = made.a
    made["y"] = rng.choice(["yes", "no"], 120)
    made["told"] = made.y.map({"yes": "x", "no": "z"})
    made.loc[119] = made.loc[0].to_dict() | {"id": 119}
    return made


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a config and its treacherous table."""
    frame().to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "c.yaml").write_text(CONFIG)
    return tmp_path


def test_all_that_is_treacherous_is_warned_of(here: Path) -> None:
    said = bpnet("check", "c.yaml", "--set", "dataset.split.shuffle=false", cwd=here)
    assert (said.code, said.err) == (0, "")
    warnings = [line for line in said.out.splitlines() if line.startswith("warning: ")]
    expected = (
        ("'id'", "looks like an ID"),
        ("'one'", "same value"),
        (
            "'told'",
            "gives 'y' away",
            "predicts 100 % of the held-out rows right",
            "--set dataset.roles.told=ignored",
        ),
        ("'a', 'again'", "hold the same values", "--set dataset.roles.again=ignored"),
        ("1 test row has the same cells in every column as a train row (rows 1 and 120)",),
    )
    assert len(warnings) == len(expected)
    for line, parts in zip(warnings, expected, strict=True):
        assert all(part in line for part in parts), line


def test_what_training_would_do_is_told(here: Path) -> None:
    said = bpnet("check", "c.yaml", cwd=here)
    lines = said.out.splitlines()
    assert lines[0] == "t.csv: 120 rows: 84 train, 18 validation, 18 test"
    assert lines[1] == "classification of 'y': the target is text"
    table = {line.split()[0]: line for line in lines[4:10]}
    assert set(table) == {"a", "b", "id", "one", "again", "told"}
    assert "numeric" in table["a"]
    assert "2 categories" in table["b"]
    assert "2 inputs" in table["b"]
    assert "left out" in table["id"]
    assert "constant" in table["one"]
    assert (
        said.lacks(
            "class", "yes", "network: 7 inputs, 1 output, 46 parameters", "about", "for 3 epochs"
        )
        == []
    )
    assert lines[-1] == "Next: bpnet train c.yaml"
    assert sorted(file.name for file in here.iterdir()) == ["c.yaml", "t.csv"]


def test_inputs_that_the_values_do_not_explain_are_explained(here: Path) -> None:
    made = frame()
    made.loc[:2, "a"] = None
    made["c"] = [*["p", "q", "s"] * 39, "w", "x", "z"]
    made.loc[119, "y"] = None
    made.to_csv(here / "t.csv", index=False)
    dropping = ("--set", "dataset.drop_missing_targets=true")
    lines = bpnet("check", "c.yaml", *dropping, cwd=here).out.splitlines()
    assert lines[0].endswith("; 1 without a target is dropped")
    assert "inputs: missing values add an input; rare categories share one" in lines


def test_json_has_the_numbers(here: Path) -> None:
    said = bpnet("check", "c.yaml", "--json", "--set", "training.epochs=7", cwd=here)
    content = json.loads(said.out)
    assert (said.code, said.err, content["config"]) == (0, "", "c.yaml")
    assert content["parts"] == {"train": 84, "validation": 18, "test": 18}
    assert content["leaks"] == [
        {"column": "told", "target": "y", "measure": "accuracy", "value": 1.0}
    ]
    assert content["equal_columns"] == [["a", "again"]]
    assert (content["inputs"], content["parameters"], content["cost"]["epochs"]) == (7, 46, 7)
    assert content["cost"]["seconds_per_epoch"] > 0
    assert content["format"]["separator"] == ","
    assert [c["name"] for c in content["columns"] if c["constant"]] == ["one"]
    assert sum(content["counts"]["train"].values()) == 84


def test_what_was_read_off_the_file_is_told_where_it_is_unusual(here: Path) -> None:
    assert "read with" not in bpnet("check", "c.yaml", cwd=here).out
    frame().to_csv(here / "t.csv", index=False, sep=";", decimal=",", encoding="cp1252")
    said = bpnet("check", "c.yaml", "--set", "dataset.reading.encoding=cp1252", cwd=here)
    assert "read with: separator ';', decimal mark ',', encoding cp1252" in said.out


def test_too_few_rows_for_leaks_and_a_regression(here: Path) -> None:
    frame().assign(y=np.linspace(0, 1, 120))[:30].to_csv(here / "t.csv", index=False)
    said = bpnet("check", "c.yaml", cwd=here)
    assert (
        said.lacks(
            "regression of 'y'", "deviation", "22 training rows are too few to look for leaks"
        )
        == []
    )


@pytest.mark.parametrize(
    ("wish", "code", "part"),
    [
        ("training.epochs=0", 3, "training.epochs"),
        ("dataset.target=z", 4, "'z'"),
        ("dataset.path=u.csv", 4, "u.csv"),
    ],
)
def test_errors_end_as_in_train(here: Path, wish: str, code: int, part: str) -> None:
    said = bpnet("check", "c.yaml", "--set", wish, cwd=here)
    assert (said.code, said.out) == (code, "")
    assert part in said.err
    trained = bpnet("train", "c.yaml", "--set", wish, cwd=here)
    assert (trained.code, trained.err) == (said.code, said.err)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00123, "1.2 ms"),
        (1.26, "1.3 s"),
        (119, "120 s"),
        (600, "10 minutes"),
        (9000, "2.5 hours"),
        (1e6, "12 days"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
