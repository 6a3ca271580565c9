"""`bpnet init`: its config trains as it stands and describes the table; nothing is overwritten."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from command_line import ROOT, bpnet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpnet.config.loading import load_config, read_config
from bpnet.config.source import parse_source
from bpnet.engine.activations import Relu
from bpnet.engine.layers import Dense, Dropout
from bpnet.preparation.architecture import hidden_layers
from bpnet.reports.init import config_text
from bpnet.workflows.init import Draft, default_name, settings_for, small_settings

PLAIN = "One network to tune by hand, in place of the preset:\n"
PENGUINS = ROOT / "datasets" / "penguins.csv"


def frame(rows: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    made = pd.DataFrame(
        {"a": rng.normal(size=rows), "b": rng.choice(["u", "v", "w"], rows), "id": range(rows)}
    )
    made["y"] = np.where(made.a > 0, "yes", "no")
    return made


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with the table t.csv."""
    frame().to_csv(tmp_path / "t.csv", index=False)
    return tmp_path


def next_command(out: str) -> list[str]:
    """The arguments of bpnet in the command that a report advises last."""
    command = out.splitlines()[-1].removeprefix("Next:").strip()
    return shlex.split(command.removeprefix("bpnet "))


def test_the_config_trains_with_no_edit(here: Path) -> None:
    said = bpnet("init", "t.csv", "--target", "y", cwd=here)
    assert said.code == 0
    assert said.out.splitlines() == [
        "t.yaml: classification, 90 rows, 2 features",
        "Next: bpnet check t.yaml",
    ]
    assert "warning: left out" in said.err
    assert "'id'" in said.err
    config = read_config(here / "t.yaml").config
    assert (config.dataset.path, config.dataset.target, config.task) == ("t.csv", "y", None)
    assert config.preset == "default"
    checked = bpnet(*next_command(said.out), cwd=here)
    assert checked.code == 0
    assert bpnet(*next_command(checked.out), "--set", "training.epochs=2", cwd=here).code == 0
    assert (here / "runs" / "t-001" / "model").is_dir()


def test_a_target_of_numbers_with_a_unit_is_said_to_be_text(here: Path) -> None:
    weights = [f"{50 + k % 6}.5 kg" for k in range(90)]
    frame().assign(y=weights).to_csv(here / "t.csv", index=False)
    text = bpnet("init", "t.csv", "--target", "y", "-o", "-", cwd=here).out
    reason = "the target is text: numbers followed by 'kg'"
    assert f"# classification of 'y' into 6 classes: {reason}" in text.splitlines()
    frame().assign(y=[f"{k / 8} kg" for k in range(90)]).to_csv(here / "t.csv", index=False)
    said = bpnet("init", "t.csv", "--target", "y", cwd=here)
    assert said.code == 4
    assert "has 90 classes, more than the training rows left" in said.err
    assert "if they are amounts, remove 'kg' in the table" in said.err


def test_the_comments_say_what_each_column_is(here: Path) -> None:
    text = bpnet("init", "t.csv", "--target", "y", "-o", "-", cwd=here).out
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments[0] == "# classification of 'y' into 2 classes: the target is text"
    assert any("90 rows" in line and "76 training rows" in line for line in comments)
    for words in (
        ["a", "numeric", "1 input"],
        ["b", "categorical", "3 categories"],
        ["id", "ignored", "left out"],
    ):
        assert any(
            line.split()[1:2] == words[:1] and all(w in line for w in words) for line in comments
        ), words
    assert any("'id' is left out: it looks like an ID" in line for line in comments)
    for key in (
        "split:",
        "preprocessing:",
        "class_weight:",
        "roles:",
        "folds:",
        "calibration:",
        "training:",
        "architecture:",
    ):
        assert any(line.strip().startswith(f"# {key}") for line in text.splitlines()), key
    assert [file.name for file in here.iterdir()] == ["t.csv"]


def test_the_keys_that_are_commented_out_are_keys(here: Path) -> None:
    text = bpnet("init", "t.csv", "--target", "y", "-o", "-", cwd=here).out
    body = text[text.index("# task:") :].replace("NAME: categorical", "a: categorical")
    keys, plain = re.sub(r"(?m)^( *)# ", r"\1", body).split(PLAIN)
    config = load_config(parse_source(keys.replace("\n  fast:", "\n# fast:"))).config
    assert (config.dataset.class_weight, config.preset, config.folds, config.calibration) == (
        "balanced",
        "default",
        8,
        "temperature",
    )
    dataset, (before, _) = keys[keys.index("dataset:") :], plain.split("schedule: constant")
    alone = dataset.split("preset:")[0] + before
    config = load_config(parse_source(alone)).config
    layer = [Dense(units=128, activation=Relu()), Dropout(rate=0.1)]
    assert (config.preset, hidden_layers(config.architecture)) == (None, layer * 2)
    assert config.training.early_stopping is not None


def test_without_a_target_the_columns_are_listed(here: Path) -> None:
    frame().rename(columns={"y": "the answer"}).to_csv(here / "my t.csv", index=False)
    said = bpnet("init", "my t.csv", cwd=here)
    assert (said.code, said.err) == (0, "")
    lines = [line.split("  ") for line in said.out.splitlines()]
    rows = {cells[0]: [cell.strip() for cell in cells[1:] if cell] for cells in lines}
    assert rows["b"] == ["categorical", "classification", "w, u, v"]
    assert rows["id"] == ["ignored", "regression", "0, 1, 2"]
    assert rows["a"][:2] == ["numeric", "regression"]
    assert said.out.endswith("Next: bpnet init 'my t.csv' --target 'the answer'\n")
    assert not list(here.glob("*.yaml"))
    followed = bpnet(*next_command(said.out), cwd=here)
    assert (followed.code, next_command(followed.out)) == (0, ["check", "my t.yaml"])
    listed = json.loads(bpnet("init", "my t.csv", "--json", cwd=here).out)
    assert [column["role"] for column in listed["columns"]] == [
        "numeric",
        "categorical",
        "ignored",
        "boolean",
    ]
    assert listed["suggestion"] == "the answer"


def test_the_list_of_columns_warns_of_a_table_without_names(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "t.csv", index=False, header=False)
    said = bpnet("init", "t.csv", cwd=tmp_path)
    assert said.code == 0
    assert "the column names look like a row of values" in said.err


@pytest.mark.parametrize("name", ["-t.csv", "it's.csv", 'a"b.csv', "$x `y`.csv", "a;b&c.csv"])
def test_each_command_that_is_advised_can_be_typed(tmp_path: Path, name: str) -> None:
    frame().to_csv(tmp_path / name, index=False)
    said = bpnet("init", f"./{name}", "--target", "y", cwd=tmp_path)
    checked = bpnet(*next_command(said.out), cwd=tmp_path)
    assert (said.code, checked.code) == (0, 0)
    trained = bpnet(*next_command(checked.out), "--set", "training.epochs=1", cwd=tmp_path)
    assert trained.code == 0
    evaluated = bpnet(*next_command(trained.out), "--no-baselines", cwd=tmp_path)
    assert evaluated.code == 0


def test_a_file_is_replaced_only_by_force(here: Path) -> None:
    (here / "t.yaml").write_text("mine")
    said = bpnet("init", "t.csv", "--target", "y", cwd=here)
    assert (said.code, said.out) == (2, "")
    assert said.lacks("t.yaml exists already", "--force", "-o") == []
    assert (here / "t.yaml").read_text() == "mine"
    said = bpnet("init", "t.csv", "--target", "z", cwd=here)
    assert said.err.startswith("error: t.csv: there is no target column 'z'; ")
    assert bpnet("init", "t.csv", "--target", "y", "--force", cwd=here).code == 0
    assert read_config(here / "t.yaml").config.dataset.target == "y"
    said = bpnet("init", "t.csv", "--target", "y", "-o", "t.csv", "--force", cwd=here)
    assert said.code == 2
    assert "is the table" in said.err


def test_a_target_that_is_not_there_is_named_with_the_nearest(here: Path) -> None:
    frame().rename(columns={"y": "answer"}).to_csv(here / "t.csv", index=False)
    said = bpnet("init", "t.csv", "--target", "anser", cwd=here)
    assert (said.code, said.out) == (4, "")
    assert (
        said.lacks(
            "t.csv: there is no target column 'anser'; the columns are 'a', 'b', 'id', 'answer'; "
            "did you mean 'answer'?"
        )
        == []
    )
    assert not (here / "t.yaml").exists()


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["-", "--target", "y"], 2, "standard input"),
        (["nope.csv", "--target", "y"], 4, "no such file"),
        (["t.yaml", "--target", "y"], 2, "error: t.yaml: is a config; give the table\n"),
        (["t.csv", "--target", "y", "-o", ""], 2, "--output is empty"),
        (["t.csv", "--target", "y", "-o", "-", "--json"], 2, "cannot be combined: both write"),
        (["t.csv", "--target", "y", "--task", "ranking"], 2, "classification"),
        (
            ["t.csv", "--target", "y", "-o", "no/such/t.yaml"],
            5,
            "error: no/such/t.yaml: cannot be written, for the folder does not exist; "
            "make the folder first: mkdir -p no/such\n",
        ),
        (["t.csv", "--target", "y", "--task", "regression"], 4, "a regression target"),
    ],
)
def test_what_cannot_be_done_is_said(here: Path, words: list[str], code: int, part: str) -> None:
    said = bpnet("init", *words, cwd=here)
    assert (said.code, said.out) == (code, "")
    assert part in said.err
    assert "Traceback" not in said.err


def test_a_few_words_in_a_target_of_numbers(tmp_path: Path) -> None:
    prices = [f"{k + 0.5}" for k in range(60)]
    prices[11] = prices[40] = "auf Anfrage"
    table = pd.DataFrame({"a": np.random.default_rng(0).normal(size=60), "Preis": prices})
    table.to_csv(tmp_path / "t.csv", index=False)
    said = bpnet("init", "t.csv", "--target", "Preis", cwd=tmp_path)
    advice = (
        "--set 'dataset.reading.missing=[auf Anfrage]' --set dataset.drop_missing_targets=true\n"
    )
    assert said.err == (
        "error: t.csv, line 13 (row 12), column 'Preis': 'auf Anfrage' is not a number "
        "(cells like it: 2); correct them, or if it means a missing value, drop the rows: " + advice
    )
    options = shlex.split(advice)
    assert bpnet("init", "t.csv", "--target", "Preis", *options, cwd=tmp_path).code == 0
    (tmp_path / "c.yaml").write_text("dataset: {path: t.csv, target: Preis}\n")
    assert bpnet("check", "c.yaml", cwd=tmp_path).err == said.err
    for verb in (["check"], ["train", "--set", "training.epochs=1"]):
        assert bpnet(*verb, "c.yaml", *options, cwd=tmp_path).code == 0


def test_the_path_is_relative_to_the_config(here: Path) -> None:
    (here / "configs").mkdir()
    assert bpnet("init", "t.csv", "--target", "y", "-o", "configs/mine.yaml", cwd=here).code == 0
    assert read_config(here / "configs" / "mine.yaml").config.dataset.path == "../t.csv"
    said = bpnet("train", "configs/mine.yaml", "--set", "training.epochs=1", cwd=here)
    assert said.code == 0, said.err


def test_folders_patterns_and_bundled_tables_have_configs_too(here: Path) -> None:
    (here / "parts").mkdir()
    frame().to_csv(here / "parts" / "one.csv.gz", index=False)
    frame().to_csv(here / "parts" / "two.csv", index=False)
    for data, name in (
        ("parts", "parts.yaml"),
        ("parts/*.csv*", "parts.yaml"),
        ("sklearn:wine", "wine.yaml"),
    ):
        target = "target" if ":" in data else "y"
        assert bpnet("init", data, "--target", target, "--force", cwd=here).code == 0
        assert read_config(here / name).config.dataset.path == data
        assert bpnet("train", name, "--set", "training.epochs=1", cwd=here).code == 0
    assert default_name("a/my.flowers.csv.gz") == "my.flowers.yaml"


def test_several_targets_a_given_task_and_gaps_in_the_target(here: Path) -> None:
    table = frame()
    table["p"], table["q"], table["n"] = table.a > 0, table.a > 1, (table.a > 0).astype(float)
    table.loc[3, "n"] = None
    table.to_csv(here / "t.csv", index=False)
    said = bpnet("init", "t.csv", "--target", "p", "--target", "q", cwd=here)
    assert "multilabel" in said.out
    assert read_config(here / "t.yaml").config.dataset.target == ["p", "q"]
    said = bpnet("init", "t.csv", "--target", "n", "--task", "regression", "-o", "r.yaml", cwd=here)
    config = read_config(here / "r.yaml").config
    assert (config.task, config.dataset.drop_missing_targets) == ("regression", True)
    assert "1 row without a target" in said.err
    assert bpnet("train", "r.yaml", "--set", "training.epochs=1", cwd=here).code == 0


def test_a_rare_class_makes_a_comment_only(here: Path) -> None:
    table = frame(200)
    table["y"] = ["rare" if k % 20 == 0 else "common" for k in range(200)]
    table.to_csv(here / "t.csv", index=False)
    text = bpnet("init", "t.csv", "--target", "y", "-o", "-", cwd=here).out
    (line,) = [line for line in text.splitlines() if "class_weight" in line]
    assert line.startswith("  # class_weight: balanced")
    assert "'common' is 19 times as common as 'rare'" in line


def test_many_columns_are_told_by_role(here: Path) -> None:
    table = pd.DataFrame(
        np.random.default_rng(0).normal(size=(60, 50)), columns=[f"x{k}" for k in range(50)]
    )
    table.loc[3, "x7"] = None
    table["id"], table["y"] = range(60), ["u", "v"] * 30
    table.to_csv(here / "t.csv", index=False)
    text = bpnet("init", "t.csv", "--target", "y", "-o", "-", cwd=here).out
    assert "#   50 numeric columns, 1 with missing values: 51 inputs" in text
    assert "#   'id' is left out: it looks like an ID" in text
    assert "x12" not in text


def test_json_is_one_document_beside_the_file(here: Path) -> None:
    said = bpnet("init", "t.csv", "--target", "y", "--json", cwd=here)
    content = json.loads(said.out)
    assert (said.code, content["config"], content["path"], content["task"]) == (
        0,
        "t.yaml",
        "t.csv",
        "classification",
    )
    assert {c["name"]: c["role"] for c in content["columns"]} == {
        "a": "numeric",
        "b": "categorical",
        "id": "ignored",
    }
    assert content["classes"] == frame().y.value_counts().to_dict()
    assert (here / "t.yaml").is_file()


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)


@settings(
    deadline=None,
    derandomize=True,
    max_examples=40,
    database=None,
    suppress_health_check=[HealthCheck.differing_executors],
)
@given(path=names, target=st.lists(names, min_size=1, max_size=3, unique=True), label=names)
def test_any_name_is_a_yaml_that_reads_back(path: str, target: list[str], label: str) -> None:
    draft = Draft(
        path,
        target,
        None,
        "classification",
        label,
        9,
        7,
        1,
        {label: 9, "": 1},
        [],
        [],
        {},
        "default",
        8,
        3,
        100,
        settings_for(9),
    )
    text = config_text(draft, path)
    dataset = load_config(parse_source(text)).config.dataset
    assert dataset.path == path
    assert dataset.targets == target
    plain = text.split(f"# {PLAIN}")[1].replace("# ", "")
    assert yaml.safe_load(plain)["training"]["batch_size"] == draft.settings.batch_size


def test_larger_tables_get_larger_batches_and_fewer_epochs() -> None:
    found = [settings_for(rows) for rows in (100, 1999, 2000, 19_999, 20_000, 10**7)]
    assert found[0] == found[1] != found[2] == found[3] != found[4] == found[5]
    assert [one.batch_size for one in found[::2]] == sorted({one.batch_size for one in found})
    assert [one.epochs for one in found[::2]] == sorted({one.epochs for one in found}, reverse=True)


def test_the_settings_reach_what_simple_peers_do(here: Path) -> None:
    said = bpnet("init", PENGUINS, "--target", "species", "-o", "p.yaml", cwd=here)
    assert said.code == 0
    said = bpnet("train", "p.yaml", "--json", "--set", "training.epochs=30", cwd=here)
    assert json.loads(said.out)["metrics"]["test"]["accuracy"] > 0.95


@pytest.mark.parametrize(
    ("target", "units"), [("species", 3), ("body_mass_g", 2), ("sex", 2), ("island", 3)]
)
def test_a_small_network_is_made_to_be_traced(here: Path, target: str, units: int) -> None:
    """The trace of a step of its training is computed as that was, with all of its rows."""
    said = bpnet("init", PENGUINS, "--target", target, "--small", "-o", "s.yaml",
                 "--set", "dataset.drop_missing_targets=true", cwd=here)  # fmt: skip
    assert said.code == 0, said.err
    assert next_command(said.out) == ["trace", "s.yaml"]
    config = yaml.safe_load((here / "s.yaml").read_text())
    assert config["architecture"]["hidden"] == [units]
    assert "dropout" not in config["architecture"]
    assert config["training"]["precision"] == "float64"
    said = bpnet("trace", "s.yaml", "--json", cwd=here)
    assert said.code == 0, said.err
    (note,) = json.loads(said.out)["notes"]
    assert note == "the row is a batch of its own, where a step of the training takes 16 rows"
    trained = bpnet("train", "s.yaml", cwd=here)
    assert trained.code == 0
    assert "little was learned" not in trained.out
    said = bpnet("trace", "runs/s-001", "--epoch", "2", "--step", "3", "--json", cwd=here)
    assert said.code == 0, said.err
    document = json.loads(said.out)
    assert len(document["rows"]) == 16
    assert "as the training took it" in document["notes"][0]
    assert not any("differ" in one or "of its own" in one for one in document["notes"])


def test_a_small_network_has_two_to_four_units_and_takes_few_rows_at_once() -> None:
    assert [small_settings(outputs, 50).units for outputs in (1, 2, 3, 4, 5, 99)] == [
        2, 2, 3, 4, 4, 4,
    ]  # fmt: skip
    for rows, batch, epochs in ((64, "full", 300), (65, 16, 300), (2000, 16, 160), (10**7, 16, 3)):
        small = small_settings(2, rows)
        assert (small.batch_size, small.epochs) == (batch, epochs)
