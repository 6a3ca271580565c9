"""The command line as its user meets it: help, output, exit codes, and the answer to everything that is wrong."""

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from command_line import BPNET, ROOT, bpnet, bpnet_apart, start

from bpnet import __version__

IRIS = ROOT / "datasets" / "iris.csv"
CONFIG = """\
dataset:
  path: t.csv
  target: c
architecture: {hidden: [4]}
training:
  epochs: 3
"""
TABLE = "a,b,c\n" + "".join(f"{k % 7}.5,{k * 37 % 11},{'xy'[k % 2]}\n" for k in range(60))
REGRESSION = "a,b,c\n" + "".join(
    f"{k % 7}.5,{k * 37 % 11},{k * 1.37 + 0.5:.3f}\n" for k in range(60)
)
WEIGHTED = "a,b,w,c\n" + "".join(f"{k % 7},{k % 5},{1 + k % 3},{'xy'[k % 2]}\n" for k in range(60))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a config and its table."""
    (tmp_path / "c.yaml").write_text(CONFIG)
    (tmp_path / "t.csv").write_text(TABLE)
    return tmp_path


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "c.yaml").write_text(CONFIG)
    (folder / "t.csv").write_text(TABLE)
    assert bpnet("train", "c.yaml", cwd=folder).code == 0
    return folder


@pytest.fixture
def trained(_trained: Path, tmp_path: Path) -> Path:
    """A folder with a config, its table and the run runs/c-001."""
    return shutil.copytree(_trained, tmp_path / "trained")


def verbs() -> list[str]:
    """Every verb, as the help lists them."""
    from bpnet.cli.app import app

    bpnet("--version")
    group = typer.main.get_command(app)
    return sorted(group.commands)  # type: ignore[attr-defined]


def options(verb: str) -> list[str]:
    """Every option and argument of a verb."""
    from bpnet.cli.app import app

    bpnet("--version")
    command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]
    names = []
    for parameter in command.params:
        names += (
            parameter.opts
            if parameter.param_type_name == "option"
            else [parameter.metavar or parameter.name.upper()]
        )
    return names


# Help


def test_there_are_these_verbs_at_least() -> None:
    assert {"train", "eval", "predict"} <= set(verbs())


def test_bpnet_alone_shows_what_there_is() -> None:
    said = bpnet()
    assert said.code == 2
    assert said.lacks(*verbs(), "--help", "bpnet train configs/iris.yaml") == []


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_the_help_lists_every_verb(flag: str) -> None:
    said = bpnet(flag)
    assert (said.code, said.err) == (0, "")
    assert said.lacks(*verbs(), "--version", "bpnet train configs/iris.yaml") == []


@pytest.mark.parametrize("verb", verbs())
def test_the_help_of_a_verb_has_an_example_and_every_option(verb: str) -> None:
    said = bpnet(verb, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.lacks("Example", f"bpnet {verb} ", *options(verb)) == []
    assert "--help" in said.out


def test_the_version_is_the_package_s() -> None:
    said = bpnet("--version")
    assert (said.code, said.out, said.err) == (0, f"bpnet {__version__}\n", "")


def test_advice_names_verbs_that_exist() -> None:
    known = set(verbs())
    for path in (ROOT / "bpnet").rglob("*.py"):
        advised = set(re.findall(r"\bbpnet ([a-z]+) [A-Z{]", path.read_text()))
        advised |= set(re.findall(r"`bpnet ([a-z]+)", path.read_text()))
        assert advised <= known, (path, advised - known)


# Output


def test_train_prints_figures_to_stdout_and_progress_to_stderr(here: Path) -> None:
    said = bpnet("train", "c.yaml", cwd=here)
    assert said.code == 0
    run = Path("runs") / "c-001"
    for part in (
        "train",
        "validation",
        "test",
        "loss",
        "accuracy",
        f"Run directory: {run}",
        f"bpnet eval {run}",
    ):
        assert part in said.out
    lines = said.err.splitlines()
    assert lines[0].startswith(
        "c-001: 42 train, 9 validation, 9 test rows; 2 features -> c (2 classes: the target is text); 17 parameters"
    )
    shown = [line.split("  ")[0] for line in lines if line.startswith("epoch ")]
    assert shown == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert all(part in lines[1] for part in ("loss ", "accuracy ", "val_loss ", "val_accuracy "))
    assert "\x1b" not in said.out + said.err
    assert (here / run / "model" / "weights.safetensors").is_file()
    assert json.loads((here / run / "run.json").read_text())["command"] == [
        "bpnet",
        "train",
        "c.yaml",
    ]


def test_a_long_training_prints_ten_lines(here: Path) -> None:
    said = bpnet("train", "c.yaml", "--set", "training.epochs=57", cwd=here)
    assert len([line for line in said.err.splitlines() if line.startswith("epoch ")]) == 10


def test_train_json_is_one_document(here: Path) -> None:
    said = bpnet("train", "c.yaml", "--json", "--runs", "elsewhere", "--name", "trial", cwd=here)
    content = json.loads(said.out)
    assert said.code == 0
    assert content["run"] == str(Path("elsewhere") / "trial-001")
    assert content["metrics"] == json.loads((here / content["run"] / "metrics.json").read_text())
    assert (content["stop_reason"], content["epochs"]) == ("epochs", 3)
    assert "epoch 3/3" in said.err


def test_eval_json_is_one_document(trained: Path) -> None:
    said = bpnet("eval", "runs/c-001", "--json", cwd=trained)
    content = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert content["rows"] == 9
    assert content["classes"] == ["x", "y"]
    assert sum(map(sum, content["confusion"])) == 9
    figures = {figure["name"]: figure for figure in content["figures"]}
    metrics = json.loads((trained / "runs/c-001/metrics.json").read_text())
    assert figures["accuracy"]["value"] == metrics["test"]["accuracy"]
    assert content["loss"] == pytest.approx(metrics["test"]["loss"])
    assert figures["accuracy"]["low"] <= figures["accuracy"]["value"] <= figures["accuracy"]["high"]
    assert [baseline["name"] for baseline in content["baselines"]] == [
        "the majority class",
        "logistic regression",
    ]
    assert all(baseline["figures"].keys() == figures.keys() for baseline in content["baselines"])
    piped = bpnet("eval", "runs/c-001", "-", "--json", cwd=trained, stdin=TABLE.encode())
    assert json.loads(piped.out)["rows"] == 60


def test_eval_prints_a_table_for_each_kind_of_target(trained: Path) -> None:
    said = bpnet("eval", "runs/c-001", "t.csv", cwd=trained)
    assert said.code == 0
    assert (
        said.lacks(
            "t.csv: 60 rows", "loss", "accuracy", "Confusion", "precision", "recall", "F1", "x", "y"
        )
        == []
    )
    (trained / "t.csv").write_text(REGRESSION)
    assert bpnet("train", "c.yaml", "--name", "r", cwd=trained).code == 0
    said = bpnet("eval", "runs/r-001", cwd=trained)
    assert (
        said.lacks(
            "9 rows", "loss", "RMSE", "MAE", "R²", "95 % interval", "the mean", "ridge regression"
        )
        == []
    )
    figures = json.loads(bpnet("eval", "runs/r-001", "--json", cwd=trained).out)["figures"]
    assert {figure["name"] for figure in figures} >= {"rmse", "mae", "r2"}


def test_predict_gives_the_same_as_csv_as_json_and_in_a_file(trained: Path) -> None:
    plain = bpnet("predict", "runs/c-001", "t.csv", cwd=trained)
    assert (plain.code, plain.err) == (0, "")
    header, *rows = [line.split(",") for line in plain.out.splitlines()]
    assert header == ["a", "b", "c", "predicted_c", "probability_x", "probability_y", "flags"]
    assert {row[-1] for row in rows} == {""}
    assert [row[:3] for row in rows] == [line.split(",") for line in TABLE.splitlines()[1:]]

    piped = bpnet("predict", "runs/c-001", "-", cwd=trained, stdin=TABLE.encode())
    assert piped == plain
    assert bpnet("predict", "runs/c-001", "t.csv", "-o", "-", cwd=trained) == plain
    written = bpnet("predict", "runs/c-001", "t.csv", "-o", "out.csv", cwd=trained)
    assert (written.code, written.out) == (0, "")
    assert "60 rows written to out.csv" in written.err
    assert (trained / "out.csv").read_text() == plain.out

    content = json.loads(bpnet("predict", "runs/c-001", "t.csv", "--json", cwd=trained).out)
    assert [[str(cell) for cell in row.values()] for row in content["predictions"]] == [
        [str(float(cell)) if k in (4, 5) else cell for k, cell in enumerate(row)] for row in rows
    ]
    assert (
        bpnet("predict", "runs/c-001", "t.csv", "--json", "-o", "out.json", cwd=trained).code == 0
    )
    assert json.loads((trained / "out.json").read_text()) == content


def test_predicted_cells_are_quoted_where_they_must_be(here: Path) -> None:
    odd = TABLE.replace(",x", ',"a, ""b"""').replace(",y", ",größe")
    (here / "t.csv").write_text(odd, encoding="utf-8")
    assert bpnet("train", "c.yaml", cwd=here).code == 0
    said = bpnet("predict", "runs/c-001", "t.csv", cwd=here)
    (here / "again.csv").write_text(
        said.out.replace("predicted_c", "p").replace("probability_", "q_")
    )
    assert bpnet("eval", "runs/c-001", "again.csv", cwd=here).code == 0
    assert 'probability_a, ""b""' in said.out


def test_settings_in_order_and_the_name_of_the_config(here: Path) -> None:
    settings = ["--set", "training.epochs=9", "--set", "training.epochs=2", "--set", "name=spring"]
    said = bpnet("train", "c.yaml", *settings, cwd=here)
    assert said.lacks("spring-001", "epoch 2/2") == []
    assert (
        bpnet("train", "c.yaml", *settings, "--name", "autumn", cwd=here).lacks("autumn-001") == []
    )


# Everything that is wrong


@dataclass(frozen=True)
class Case:
    """A command in a folder with c.yaml and t.csv, its exit code, and what its answer must hold."""

    name: str
    code: int
    parts: tuple[str, ...]
    words: tuple[str, ...] = ("train", "c.yaml")
    settings: tuple[str, ...] = ()
    config: str | bytes = CONFIG
    table: str | bytes = TABLE


def sets(code: int, setting: str, *parts: str, **more: str | bytes) -> Case:
    return Case(setting, code, parts, settings=(setting,), **more)  # type: ignore[arg-type]


def reads(
    name: str, table: str | bytes, *parts: str, code: int = 4, settings: tuple[str, ...] = ()
) -> Case:
    return Case(name, code, parts, table=table, settings=settings)


def written(name: str, config: str | bytes, *parts: str, code: int = 3) -> Case:
    return Case(name, code, parts, config=config)


def rows_of(cells: str, count: int = 40) -> str:
    return "a,b,c\n" + "".join(eval(f'f"{cells}"', {"k": k}) + "\n" for k in range(count))


LAYERS = "dataset: {path: t.csv, target: c}\narchitecture:\n  layers:\n    - "

USAGE = [
    Case("unknown verb", 2, ("trian", "train"), ("trian",)),
    Case("no config", 2, ("CONFIG",), ("train",)),
    Case("unknown option", 2, ("--epochs",), ("train", "c.yaml", "--epochs", "3")),
    Case("two configs", 2, ("d.yaml",), ("train", "c.yaml", "d.yaml")),
    Case("name a/b", 2, ("'a/b'", "letters, digits"), ("train", "c.yaml", "--name", "a/b")),
    Case("name ..", 2, ("'..'", "letters, digits"), ("train", "c.yaml", "--name", "..")),
    Case("empty name", 2, ("''", "letters, digits"), ("train", "c.yaml", "--name", "")),
]
CONFIGS = [
    Case("no such config", 3, ("d.yaml", "did you mean 'c.yaml'?"), ("train", "d.yaml")),
    Case("a folder as config", 3, (".: is a folder", "'c.yaml'"), ("train", ".")),
    Case("a table as config", 3, ("t.csv, line 1", "mapping"), ("train", "t.csv")),
    written("empty", "", "c.yaml", "empty", "configs/"),
    written("comments", "# nothing\n", "c.yaml", "comments"),
    written("not YAML", "a: [1, 2\nb: }{", "c.yaml, line 2", "not valid YAML", "bracket"),
    written("tab", "dataset:\n\tpath: t.csv\n", "c.yaml, line 2", "tab", "spaces"),
    written("a list", "- a\n- b\n", "c.yaml, line 1", "a list", "mapping"),
    written("twice", CONFIG + "training: {}\n", "line 7", "'training'", "line 5"),
    written("two documents", CONFIG + "---\n" + CONFIG, "line 8", "second document"),
    written("NUL", b"dataset: {path: t.csv, target: c}\x00\n", "line 1", "U+0000"),
    written("Latin-1", b"name: gr\xf6n\n", "line 1", "0xf6", "UTF-8"),
    written(
        "unknown key", CONFIG + "  epoch: 3\n", "line 7", "training.epoch", "did you mean 'epochs'?"
    ),
    written(
        "all at once", CONFIG + "  epoch: 3\n  l2: -1\nseed: x\n", "line 7", "line 8", "line 9"
    ),
    written(
        "units 0",
        LAYERS + "{kind: dense, units: 0}\n",
        "line 4",
        "layers.0.units is 0",
        "at least 1",
    ),
    written(
        "name of the config", CONFIG + "name: a/b\n", "c.yaml, line 7", "'a/b'", "letters, digits"
    ),
    sets(3, "training.epochs=-1", "--set training.epochs=-1", "at least 1"),
    sets(3, "training.learning_rate=0", "--set training.learning_rate=0", "greater than 0"),
    sets(3, "training.learning_rate=.nan", "training.learning_rate is NaN", "finite"),
    sets(3, "training.learning_rate='1e-3'", "'1e-3'", "remove the quotes"),
    sets(3, "architecture.activation=reluu", "'reluu'", "did you mean 'relu'?"),
    sets(3, "training.optimizer=adan", "'adan'", "did you mean 'adam'?"),
    sets(3, "training.loss=mse", "'mse'", "squared_error"),
    sets(3, "x", "--set x", "KEY.PATH=VALUE"),
    sets(3, "=3", "--set =3", "KEY.PATH=VALUE"),
    sets(3, "training.epochs=", "training.epochs is null", "whole number"),
    sets(3, "training.epochs.x=3", "training.epochs is 3", "no keys inside"),
    sets(3, "training.epochs=[1", "--set training.epochs=[1", "bracket"),
    sets(3, "architecture.hidden.5=3", "'5'", "architecture.hidden"),
    sets(3, "architecture={hidden: [100000000000]}", "architecture", "memory"),
    sets(3, "seed=!!python/object:os.system x", "not allowed"),
    sets(3, "training.early_stopping.monitor=rmse", "'rmse'", "val_accuracy"),
    sets(3, "training.early_stopping.monitor=val_los", "'val_los'", "did you mean 'val_loss'?"),
    Case(
        "monitor of no validation rows",
        3,
        ("'val_loss'", "loss, accuracy"),
        settings=("dataset.split.validation=0", "training.early_stopping.monitor=val_loss"),
    ),
    Case(
        "best of no validation rows",
        3,
        ("training.keep is best", "no validation rows"),
        settings=("dataset.split.validation=0", "training.keep=best"),
    ),
    written(
        "explicit weights of another shape",
        LAYERS
        + "{kind: dense, units: 2, initializer: {kind: explicit, values: [[1, 2, 3], [1, 2, 3]]}}\n",
        "architecture",
        "(2, 3)",
        "(2, 2)",
    ),
    written(
        "ragged explicit weights",
        LAYERS + "{kind: dense, units: 2, initializer: {kind: explicit, values: [[1, 2], [1]]}}\n",
        "architecture",
        "different lengths",
    ),
    Case(
        "batches of one row with batch normalization",
        3,
        ("training.batch_size is 1", "batch_normalization"),
        settings=("training.batch_size=1", "architecture={layers: [batch_normalization]}"),
    ),
]
COMBINATIONS = [
    Case(
        f"{task} {loss} {output}",
        3,
        (f"is {bad}", hint),
        settings=(f"training.loss={loss}", f"architecture.output.activation={output}"),
        table=TABLE if task == "classification" else REGRESSION,
    )
    for task, loss, output, bad, hint in [
        ("classification", "cross_entropy", "relu", "relu", "softmax"),
        ("classification", "cross_entropy", "sigmoid", "sigmoid", "softmax"),
        ("classification", "binary_cross_entropy", "softmax", "softmax", "sigmoid"),
        ("classification", "binary_cross_entropy", "identity", "identity", "sigmoid"),
        ("regression", "squared_error", "softmax", "softmax", "identity"),
        ("regression", "squared_error", "sigmoid", "sigmoid", "dataset.preprocessing.target"),
        ("regression", "huber", "relu", "relu", "dataset.preprocessing.target"),
        ("regression", "cross_entropy", "softmax", "cross_entropy", "squared_error"),
        ("regression", "binary_cross_entropy", "sigmoid", "binary_cross_entropy", "squared_error"),
    ]
] + [
    sets(3, "dataset.class_weight=balanced", "class_weight", "regression", table=REGRESSION),
    sets(3, "dataset.split.stratify=true", "stratify", "regression", table=REGRESSION),
]
TABLES = [
    sets(4, "dataset.path=T.csv", "--set dataset.path=T.csv", "did you mean 't.csv'?"),
    sets(4, "dataset.path=no/t.csv", "no/t.csv", "no such file"),
    sets(
        4,
        "dataset.path=..",
        "--set dataset.path=..",
        "the folder holds no table",
        ".csv",
        ".parquet",
    ),
    sets(4, "dataset.path=u*.csv", "--set dataset.path=u*.csv", "no file is named so", "pattern"),
    sets(4, "dataset.target=C", "--set dataset.target=C", "'a', 'b', 'c'", "did you mean 'c'?"),
    sets(4, "dataset.features=[a, bb]", "'bb'", "did you mean 'b'?"),
    sets(4, "dataset.features=[a, c]", "'c'", "target"),
    sets(4, "dataset.features=[a, a]", "'a' twice"),
    sets(4, "dataset.sample_weight=w", "'w'", "'a', 'b', 'c'"),
    sets(4, "dataset.sample_weight=c", "dataset.sample_weight", "target"),
    sets(4, "dataset.class_weight={x: 2, z: 3}", "'z'", "'x', 'y'"),
    sets(4, "task=regression", "column 'c'", "text", "'x'"),
    sets(
        4, "dataset.split.validation=0.001", "dataset.split.validation is 0.001", "60 rows", "empty"
    ),
    reads("empty table", "", "t.csv", "empty"),
    reads("header only", "a,b,c\n", "t.csv", "no rows"),
    reads("no header", "1,2,3\n4,5,6\n", "dataset.target 'c'", "'1', '2', '3'", "column names"),
    reads(
        "two columns of one name", TABLE.replace("a,b,c", "a,a,c"), "t.csv, line 1", "'a'", "rename"
    ),
    reads("a column without a name", TABLE.replace("a,b,c", "a,,c"), "t.csv, line 1", "column 2"),
    reads(
        "ragged",
        TABLE.replace("\n1.5,", "\n1.5,9,", 1),
        "t.csv, line 3 (row 2)",
        "4 cells",
        "has 3",
    ),
    reads("open quote", TABLE.replace("\n1.5,", '\n"1.5,', 1), "t.csv, line 3", "quotes"),
    reads("Latin-1", TABLE.encode().replace(b",x", b",gr\xf6n"), "t.csv, line 2", "0xf6", "UTF-8"),
    reads(
        "NUL in a cell",
        TABLE.replace("\n1.5,", "\n1\x00.5,", 1),
        "t.csv, line 3",
        "NUL",
        "CSV, JSON lines or Parquet",
    ),
    reads(
        "inf",
        TABLE.replace("\n1.5,", "\n-inf,", 1),
        "t.csv, line 3 (row 2)",
        "column 'a'",
        "'-inf'",
    ),
    reads(
        "blank",
        TABLE.replace("\n1.5,", "\n,", 2),
        "line 3 (row 2), column 'a'",
        "line 10 (row 9)",
        "blank",
        "impute",
        settings=("dataset.preprocessing.missing=refuse",),
    ),
    reads(
        "nan",
        TABLE.replace("\n1.5,", "\nnan,", 1),
        "line 3 (row 2)",
        "column 'a'",
        "blank",
        settings=("dataset.preprocessing.missing=refuse",),
    ),
    reads(
        "many gaps",
        TABLE.replace("\n1.5,", "\nNA,"),
        "line 3 (row 2)",
        "in all, 9 cells of column 'a' are blank",
        settings=("dataset.preprocessing.missing=refuse",),
    ),
    reads(
        "text",
        rows_of("red{k % 3},{k},{'xy'[k % 2]}"),
        "line 2 (row 1), column 'a'",
        "'red0' is not a finite number",
        "in all, 40 cells",
        settings=("dataset.roles.a=numeric",),
    ),
    reads(
        "words for a number",
        rows_of("{'red' if k % 2 else 'blue'},{k},{'xy'[k % 2]}"),
        "line 2 (row 1)",
        "column 'a', a feature, holds text ('blue')",
        "dataset.roles.a",
        settings=("dataset.roles.a=numeric",),
    ),
    reads(
        "mixed types",
        rows_of("{'red' if k in (6, 9) else k + 0.5},{k},{'xy'[k % 2]}"),
        "line 8 (row 7), column 'a'",
        "line 11 (row 10)",
        "'red' is not a finite number",
        "dataset.reading.missing",
        "dataset.roles.a to categorical or ignored",
    ),
    reads(
        "a comma in place of a point",
        rows_of("{k};{k}.{k % 7};{'xy'[k % 2]}").replace(",", ";").replace(";3.3;", ";3,3;"),
        "line 5 (row 4), column 'b'",
        "'3,3' is not a finite number",
    ),
    reads(
        "another separator set",
        TABLE.replace(",", ";"),
        "'a;b;c'",
        "separated by ';'",
        "dataset.reading.separator",
        settings=("dataset.reading.separator=','",),
    ),
    reads(
        "another encoding set",
        TABLE.replace(",x", ",größe").encode(),
        "t.csv, near line 2",
        "not ascii text",
        "dataset.reading.encoding",
        settings=("dataset.reading.encoding=ascii",),
    ),
    reads(
        "thousands",
        "a,b,c\n" + "".join(f'"{k + 1},{100 + k}",{k},{"xy"[k % 2]}\n' for k in range(40)),
        "line 2 (row 1), column 'a'",
        "'1,100'",
        "dataset.reading.thousands to ','",
    ),
    reads(
        "thousands or decimals",
        "a;b;c\n" + "".join(f"{k + 1},{100 + k};{k};{'xy'[k % 2]}\n" for k in range(40)),
        "line 2 (row 1), column 'a'",
        "'1,100'",
        "dataset.reading.thousands to ','",
        "dataset.reading.decimal to ','",
    ),
    Case(
        "a full batch on disk",
        3,
        ("--set training.batch_size=full", "on disk", "dataset.storage to memory"),
        settings=("dataset.storage=disk", "training.batch_size=full"),
    ),
    reads(
        "a column of gaps",
        rows_of(",{k},{'xy'[k % 2]}"),
        "t.csv: column 'a' is blank in every training row",
        "dataset.roles.a to ignored",
        settings=("dataset.roles.a=numeric",),
    ),
    reads(
        "nothing but gaps",
        rows_of(",,{'xy'[k % 2]}"),
        "no column is left to learn from",
        "'b': it is blank",
    ),
    reads(
        "a day that is none",
        rows_of("{'2024-02-30' if k == 3 else f'2024-02-{k % 28 + 1:02}'},{k},{'xy'[k % 2]}"),
        "line 5 (row 4), column 'a'",
        "'2024-02-30' is not a date (ISO 8601)",
    ),
    reads(
        "a year beyond 9999",
        rows_of("{'10000-01-01' if k == 3 else f'2024-02-{k % 28 + 1:02}'},{k},{'xy'[k % 2]}"),
        "line 5 (row 4), column 'a'",
        "'10000-01-01' is not a date",
    ),
    reads(
        "not two words",
        rows_of("{'yes' if k % 2 else 'perhaps'},{k},{'xy'[k % 2]}"),
        "column 'a', a boolean, holds 'perhaps', 'yes'",
        "dataset.roles",
        settings=("dataset.roles.a=boolean",),
    ),
    reads(
        "a label that is neither",
        rows_of("{k % 2},{k},{'maybe' if k == 7 else 'yn'[k % 2]}"),
        "line 9 (row 8), column 'c'",
        "'maybe' is neither 0 nor 1",
        settings=("dataset.target=[a, c]", "task=multilabel"),
    ),
    reads(
        "targets of one class",
        TABLE,
        "2 targets",
        "multilabel",
        settings=("dataset.target=[a, c]", "task=classification"),
    ),
    reads(
        "an unknown part",
        rows_of("{'trian' if k == 3 else 'train'},{k},{'xy'[k % 2]}"),
        "line 5 (row 4)",
        "'trian'",
        "did you mean 'train'?",
        settings=("dataset.split.column=a",),
    ),
    reads(
        "no time",
        TABLE,
        "column 'c'",
        "'x'",
        "dataset.split.time",
        settings=("dataset.target=a", "dataset.split.time=c"),
    ),
    reads(
        "the preprocessing of another role",
        TABLE,
        "--set dataset.preprocessing.columns.b=date",
        "'b' is numeric",
        settings=("dataset.preprocessing.columns.b=date",),
    ),
    reads(
        "a level that the order lacks",
        rows_of("{'SML'[k % 3]},{k},{'xy'[k % 2]}"),
        "column 'a'",
        "'L' is not in the order",
        settings=("dataset.preprocessing.columns.a={kind: ordinal, order: [S, M]}",),
    ),
    reads(
        "a row without a group",
        rows_of("{'' if k == 5 else k % 9},{k},{'xy'[k % 2]}"),
        "t.csv, line 7 (row 6)",
        "column 'a'",
        "dataset.split.group",
        settings=("dataset.split.group=a",),
    ),
    reads(
        "a row without a time",
        rows_of("{'' if k == 7 else k % 9},{k},{'xy'[k % 2]}"),
        "t.csv, line 9 (row 8)",
        "column 'a'",
        "dataset.split.time",
        settings=("dataset.split.time=a",),
    ),
    reads(
        "more held out than there is",
        TABLE,
        "of 60 rows 109 are held out",
        settings=("dataset.split.validation=100",),
    ),
    Case(
        "a file for the test that is not there",
        4,
        (
            "--set dataset.path=",
            "dataset.path.test: u.csv: there is no such file",
            "did you mean 't.csv'?",
        ),
        settings=("dataset.path={train: t.csv, test: u.csv}",),
    ),
    sets(
        4,
        "dataset.roles.d=numeric",
        "--set dataset.roles.d=numeric",
        "'d' is no column",
        "'a', 'b', 'c'",
    ),
    reads("1e400", TABLE.replace("\n1.5,", "\n1e400,", 1), "line 3 (row 2)", "'1e400'"),
    reads(
        "±1e308",
        rows_of("{'-' * (k % 2)}1e308,{k},{'xy'[k % 2]}"),
        "column 'a'",
        "1e+308",
        "too large",
    ),
    reads("one class", TABLE.replace(",y", ",x"), "'c'", "one class only, 'x'"),
    reads("one row", "a,b,c\n1,2,x\n", "'c'", "one class"),
    reads("two rows", "a,b,c\n1,2,x\n2,3,y\n", "'c'", "2 classes", "dataset.split"),
    reads("an id", rows_of("{k},{k},k{k}"), "'c'", "40 classes", "task: regression"),
    reads(
        "blank label", TABLE.replace(",y\n", ",\n", 1), "line 3 (row 2)", "column 'c'", "blank cell"
    ),
    reads("nan label", TABLE.replace(",y\n", ",nan\n", 1), "line 3 (row 2)", "column 'c'", "'nan'"),
    reads(
        "a word among numbers",
        REGRESSION.replace("0.500", "N/A"),
        "line 2 (row 1)",
        "column 'c'",
        "'N/A'",
    ),
    reads(
        "a gap among numbers",
        REGRESSION.replace("0.500", ""),
        "line 2 (row 1)",
        "column 'c'",
        "blank",
    ),
    reads("constant target", rows_of("{k},{k % 3},1.5"), "'c'", "1.5", "nothing to learn"),
    reads("huge target", rows_of("{k},{k % 3},{k}.5e200"), "column 'c'", "too large"),
    reads("only the target", "c\n" + "x\ny\n" * 20, "no column", "'c'"),
    reads(
        "negative weight",
        WEIGHTED.replace(",2,y", ",-2,y", 1),
        "line 3 (row 2)",
        "column 'w'",
        "-2",
        settings=("dataset.sample_weight=w",),
    ),
    reads(
        "no weight at all",
        re.sub(r",\d,([xy])", r",0,\1", WEIGHTED),
        "column 'w'",
        "train",
        "0",
        settings=("dataset.sample_weight=w",),
    ),
    reads(
        "a weight as feature",
        WEIGHTED,
        "'w'",
        "sample weight",
        settings=("dataset.sample_weight=w", "dataset.features=[a, w]"),
    ),
]
PLACES = [
    Case(
        "runs is a file",
        5,
        ("t.csv", "not a folder", "--runs"),
        ("train", "c.yaml", "--runs", "t.csv"),
    ),
    Case("runs in a file", 5, ("t.csv/x", "--runs"), ("train", "c.yaml", "--runs", "t.csv/x")),
    Case("runs in /proc", 5, ("/proc/x", "--runs"), ("train", "c.yaml", "--runs", "/proc/x")),
]


@pytest.mark.parametrize(
    "case", USAGE + CONFIGS + COMBINATIONS + TABLES + PLACES, ids=lambda case: case.name
)
def test_what_is_wrong_before_training_is_named_and_leaves_nothing(
    case: Case, tmp_path: Path
) -> None:
    tmp_path = tmp_path / "inner"  # the folder above is empty
    tmp_path.mkdir()
    for name, content in (("c.yaml", case.config), ("t.csv", case.table)):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    settings = [word for setting in case.settings for word in ("--set", setting)]
    said = bpnet(*case.words, *settings, cwd=tmp_path)
    assert said.lacks(*case.parts) == [], said.err
    assert (said.code, said.out) == (case.code, "")
    assert all(line.startswith("error: ") for line in said.err.splitlines()) or case.code == 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@dataclass(frozen=True)
class RunCase:
    """A command in a folder that also has the run runs/c-001 and a second table u.csv."""

    name: str
    code: int
    parts: tuple[str, ...]
    words: tuple[str, ...]
    other: str = ""
    damage: str = ""
    stdin: bytes = b""


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
    RunCase("header only", 4, ("u.csv", "no rows"), PREDICT_U, "a,b\n"),
    RunCase(
        "predicted before", 4, ("'predicted_c'", "rename"), PREDICT_U, "a,b,predicted_c\n1,2,x\n"
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
    RunCase(
        "output over a folder", 5, ("runs", "directory", "name of a file"), (*PREDICT, "-o", "runs")
    ),
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


@pytest.mark.parametrize(
    "table",
    [
        b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode(),
        TABLE.replace("\n", "\n\n").encode(),
        TABLE.replace(",", " , ").encode(),
        TABLE.replace("a,b,c", '"epoch, in\nyears","loss.x y",c').encode(),
        TABLE.replace("a,b,c", "epoch,predicted,c").encode(),
        TABLE.replace("\n1.5,", "\nnan,", 1).encode(),
        TABLE.replace("\n1.5,", "\n,").encode(),
    ],
    ids=["BOM and CRLF", "blank lines", "spaces", "odd names", "names of figures", "nan", "gaps"],
)
def test_odd_tables_that_are_in_order(table: bytes, here: Path) -> None:
    (here / "t.csv").write_bytes(table)
    assert bpnet("train", "c.yaml", cwd=here).code == 0
    assert bpnet("eval", "runs/c-001", cwd=here).code == 0
    assert bpnet("predict", "runs/c-001", "t.csv", cwd=here).code == 0


@pytest.mark.parametrize(
    "table",
    [
        b"\xef\xbb\xbf" + TABLE.encode(),
        TABLE.replace(",", ";").encode(),
        TABLE.replace(",", ";").replace(".", ",").encode(),
        TABLE.replace(",", "\t").encode(),
        TABLE.replace(",", " | ").encode(),
        TABLE.replace("\n", "\r\n").encode("utf-16"),
        TABLE.replace("\n", "\r").encode(),
        TABLE.removesuffix("\n").encode(),
        TABLE.replace("\n", "\r").removesuffix("\r").encode(),
        re.sub("([^,\n]+)", r'"\1"', TABLE).encode(),
        gzip.compress(TABLE.encode()),
    ],
    ids=[
        "BOM",
        "semicolons",
        "decimal commas",
        "tabs",
        "bars",
        "UTF-16",
        "old Mac",
        "no end",
        "old Mac without an end",
        "quotes",
        "gzip",
    ],
)
def test_a_table_is_the_same_however_it_is_written(table: bytes, trained: Path) -> None:
    before = (trained / "runs/c-001/model/weights.safetensors").read_bytes()
    (trained / "t.csv").write_bytes(table)
    assert bpnet("train", "c.yaml", cwd=trained).code == 0
    assert (trained / "runs/c-002/model/weights.safetensors").read_bytes() == before


def test_a_diverged_training_ends_with_6_and_a_run_that_can_be_used(here: Path) -> None:
    said = bpnet("train", "c.yaml", "--json", "--set", "training.learning_rate=1e30", cwd=here)
    assert (said.code, said.out) == (6, "")
    assert said.lacks("error: ", "diverged in epoch 1", "learning rate", "runs/c-001") == []
    (rate,) = re.findall(r"training\.learning_rate=([0-9.e+-]+[0-9])", said.err)
    assert float(rate) <= 0.1
    assert json.loads((here / "runs/c-001/run.json").read_text())["status"] == "diverged"
    assert bpnet("eval", "runs/c-001", cwd=here).code == 0


def test_a_constant_column_is_warned_of(here: Path) -> None:
    (here / "t.csv").write_text(rows_of("7,{k},{'xy'[k % 2]}"))
    said = bpnet("train", "c.yaml", cwd=here)
    assert said.code == 0
    assert (
        len(
            [
                line
                for line in said.err.splitlines()
                if line.startswith("warning: ") and "'a'" in line
            ]
        )
        == 1
    )


def test_a_column_of_numbers_and_words_is_warned_of(here: Path) -> None:
    (here / "t.csv").write_text(rows_of("{'red' if k % 8 == 5 else k % 7},{k},{'xy'[k % 2]}"))
    said = bpnet("train", "c.yaml", cwd=here)
    assert said.code == 0
    (warning,) = [line for line in said.err.splitlines() if line.startswith("warning: ")]
    assert all(part in warning for part in ("'a'", "'red'", "categories"))


# In a process of its own


def test_the_installed_script_is_this_command(trained: Path) -> None:
    script = Path(BPNET[0]).with_name("bpnet")
    done = subprocess.run(
        [script, "predict", "runs/c-009", "t.csv"], cwd=trained, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("error: runs/c-009")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, ("predict", "runs/c-001", "t.csv")),
        (2, ("eval",)),
        (3, ("train", "c.yaml", "--set", "seed=-1")),
        (4, ("predict", "runs/c-001", "-")),
        (5, ("predict", "runs/c-009", "t.csv")),
        (6, ("train", "c.yaml", "--set", "training.learning_rate=1e30")),
    ],
)
def test_exit_codes_reach_the_shell(code: int, words: tuple[str, ...], trained: Path) -> None:
    said = bpnet_apart(*words, cwd=trained)
    assert said.code == code
    assert "Traceback" not in said.err
    assert "Warning" not in said.err


def test_a_reader_that_has_had_enough_is_no_error(trained: Path) -> None:
    (trained / "big.csv").write_text(TABLE + "".join(TABLE.splitlines(keepends=True)[1:]) * 500)
    process = start(
        "predict",
        "runs/c-001",
        "big.csv",
        cwd=trained,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), errors) == (0, b"")


def interrupted(folder: Path, *signals: int, words: tuple[str, ...] = ()) -> tuple[int, str]:
    """Train for ever, send the signals once the first epochs are over, and give the exit code and stderr."""
    forever = ("train", "c.yaml", "--set", "training.epochs=100000000", *words)
    process = start(*forever, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        log = folder / "runs" / "c-001" / "metrics.csv"
        for _ in range(1200):
            if log.is_file() and log.read_bytes().count(b"\n") > 2:
                break
            time.sleep(0.025)
        for number in signals:
            process.send_signal(number)
            time.sleep(0.002)
        out, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert out == b""
    return process.returncode, errors.decode()


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGINT], [signal.SIGINT] * 3, [signal.SIGTERM]],
    ids=["one", "three", "TERM"],
)
def test_an_interrupted_training_ends_with_130_and_a_run_that_can_be_used(
    signals: list[int], here: Path
) -> None:
    code, errors = interrupted(here, *signals)
    assert code == 130
    assert "Traceback" not in errors
    for part in ("interrupted", "runs/c-001", "bpnet eval"):
        assert part in errors
    content = json.loads((here / "runs/c-001/run.json").read_text())
    assert (content["status"], content["stop_reason"]) == ("interrupted", "interrupted")
    assert (
        abs(content["epochs"] - (here / "runs/c-001/metrics.csv").read_bytes().count(b"\n") + 1)
        <= 1
    )
    assert bpnet("eval", "runs/c-001", cwd=here).code == 0


def test_nobody_reading_the_progress_does_not_end_a_training(here: Path) -> None:
    process = start("train", "c.yaml", cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stderr.close()
    out = process.stdout.read()
    process.stdout.close()
    assert process.wait(60) == 0
    assert b"Run directory: runs/c-001" in out
    assert json.loads((here / "runs/c-001/run.json").read_text())["status"] == "finished"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_stdout_is_named(trained: Path) -> None:
    with open("/dev/full", "wb") as full:
        process = start(
            "predict",
            "runs/c-001",
            "t.csv",
            cwd=trained,
            stdout=full.fileno(),
            stderr=subprocess.PIPE,
        )
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 5
    assert b"error: standard output: cannot be written" in errors
    assert b"Traceback" not in errors


@pytest.mark.parametrize("redirection", ["<&-", ">&- 2>&-"])
def test_closed_streams_are_no_bug(redirection: str, trained: Path) -> None:
    line = f'"$0" -c "$1" predict runs/c-001 t.csv {redirection}'
    done = subprocess.run(
        ["sh", "-c", line, BPNET[0], BPNET[2]], cwd=trained, capture_output=True, timeout=60
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


def test_closed_stdin_is_named(trained: Path) -> None:
    line = '"$0" -c "$1" predict runs/c-001 - <&-'
    done = subprocess.run(
        ["sh", "-c", line, BPNET[0], BPNET[2]], cwd=trained, capture_output=True, timeout=60
    )
    assert done.returncode == 4
    assert b"standard input" in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_encoding_without_the_letter_is_no_bug(here: Path) -> None:
    (here / "t.csv").write_text(REGRESSION)
    assert bpnet("train", "c.yaml", cwd=here).code == 0
    process = subprocess.run(
        [*BPNET, "eval", "runs/c-001"],
        cwd=here,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert process.returncode == 0
    assert b"RMSE" in process.stdout
