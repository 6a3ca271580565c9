"""From Python a table and a config give what they give on the command line, to the bit."""

import json
import signal
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from documents import guide_pages
from labeled_runs import invoked
from workflow_runs import ROOT

import bpnet
from bpnet.cli.training_view import TrainingView
from bpnet.config.loading import read_config
from bpnet.errors import (
    BpnetError,
    ConfigError,
    DataError,
    InterruptedRunError,
    RunError,
    UsageError,
)

CONFIG = {
    "dataset": {"target": "c"},
    "architecture": {"hidden": [4]},
    "training": {"epochs": 4, "batch_size": 16, "learning_rate": 0.05},
    "seed": 3,
}


def flowers(rows: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows).round(3)
    label = np.where(x + 0.3 * rng.normal(size=rows) > 0, "yes", "no")
    kind = pd.Series(rng.choice(["a", "b", "long name"], rows)).where(rng.random(rows) > 0.1)
    return pd.DataFrame({"x": x, "n": rng.integers(0, 9, rows), "kind": kind, "c": label})


def weights(run: bpnet.Run) -> bytes:
    return (run.path / "model" / "weights.safetensors").read_bytes()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flowers().to_csv("t.csv", index=False)
    flowers().to_parquet("t.parquet")
    config = {**CONFIG, "dataset": {"path": "t.csv", "target": "c"}}
    Path("c.yaml").write_text(json.dumps(config))
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of a data frame."""
    return bpnet.train(CONFIG, flowers(), runs=tmp_path_factory.mktemp("runs"), quiet=True)


def test_every_way_to_train_gives_the_weights_of_the_command_line(here):
    assert invoked("train", here / "c.yaml", "--runs", here / "runs")[0] == 0
    of_command_line = bpnet.load("runs/c-001")
    frame = flowers()
    ways = [
        bpnet.train("c.yaml", quiet=True),
        bpnet.train({**CONFIG, "dataset": {"path": "t.csv", "target": "c"}}, quiet=True),
        bpnet.train(read_config(Path("c.yaml")).config, quiet=True),
        bpnet.train(CONFIG, frame, quiet=True),
        bpnet.train(Path("c.yaml"), pl.from_pandas(frame), quiet=True),
        bpnet.train(CONFIG, pl.from_pandas(frame).lazy(), quiet=True),
        bpnet.train(CONFIG, pa.Table.from_pandas(frame), quiet=True),
        bpnet.train("c.yaml", settings={"dataset.path": "t.parquet"}, quiet=True),
    ]
    for run in ways:
        assert weights(run) == weights(of_command_line)
        assert run.metrics == of_command_line.metrics
        assert run.config["training"] == of_command_line.config["training"]


def test_predictions_are_those_of_the_command_line(here, trained):
    new = flowers(120).iloc[90:]
    new.to_parquet("new.parquet")
    words = ("predict", trained.path, "new.parquet", "-o", "out.parquet", "--keep", "x")
    assert invoked(*words)[0] == 0
    written = pd.read_parquet("out.parquet").drop(columns="x")
    with warnings.catch_warnings():
        warnings.simplefilter("error", bpnet.BpnetWarning)
        added = trained.predictions(new)
    assert added.index.equals(new.index)
    pd.testing.assert_frame_equal(added.reset_index(drop=True), written, check_dtype=False)
    assert trained.predict(new).tolist() == written["predicted_c"].tolist()
    assert trained.predict(new).name == "c"
    proba = trained.predict_proba(pl.from_pandas(new))
    assert list(proba) == ["no", "yes"]
    assert proba["yes"].tolist() == written["probability_yes"].tolist()
    assert trained.predict("new.parquet").tolist() == written["predicted_c"].tolist()
    with pytest.warns(bpnet.BpnetWarning, match="by the threshold 0 of 'no'"):
        low = trained.predict(new, threshold=0.0)
    assert set(low) == {"no"}


def test_scores_and_answers_are_those_of_the_command_line(here, trained):
    asked = flowers(200).iloc[90:]
    asked.to_parquet("new.parquet")
    with pytest.warns(bpnet.BpnetWarning, match="no baselines, .* is not kept"):
        scores = trained.evaluate(asked)
    code, out = invoked("eval", trained.path, "new.parquet", "--no-baselines", "--json")
    assert code == 0
    assert scores["figures"] == json.loads(out)["figures"]
    assert trained.evaluate("new.parquet", baselines=False)["figures"] == scores["figures"]
    found = trained.explain(asked)
    out = invoked("eval", trained.path, "new.parquet", "--importance", "--json")[1]
    columns = json.loads(out)["importance"]["columns"]
    assert found.index.tolist() == [column["column"] for column in columns]
    assert found["importance"].tolist() == [column["value"] for column in columns]
    assert found.attrs["score"] == "log_loss"
    dependence = trained.partial_dependence("x", asked)
    assert dependence.columns.tolist() == ["no"]
    assert dependence["no"].between(0, 1).all()
    assert dependence.index.is_monotonic_increasing


def test_the_own_rows_of_a_table_in_memory_are_recognized(trained):
    table = flowers()
    with pytest.warns(bpnet.BpnetWarning, match="only its test rows are scored") as caught:
        scores = trained.evaluate(table)
    assert caught[0].filename == __file__
    assert (scores["rows"] == trained.config and False) or scores["rows"] < len(table)
    with pytest.warns(bpnet.BpnetWarning, match="rows trained the model"):
        trained.predict(pl.from_pandas(table))
    with pytest.raises(DataError, match="Python's memory, which is not kept: give it again"):
        trained.evaluate()


def test_an_unseen_category_is_warned_of(trained):
    new = flowers(120).iloc[90:].assign(kind="new")
    with pytest.warns(bpnet.BpnetWarning, match="30 of 30 rows are flagged") as caught:
        trained.predict(new)
    assert caught[0].filename == __file__
    with pytest.raises(DataError, match="table, row 1"):
        trained.predictions(new, strict=True)


def test_a_run_goes_on_with_its_table(here, trained):
    longer = bpnet.train(CONFIG, flowers(), settings={"training.epochs": 7}, quiet=True)
    run = bpnet.train(CONFIG, flowers(), quiet=True)
    with pytest.raises(DataError, match=r"bpnet\.resume\(run, table=table\)"):
        bpnet.resume(run, settings={"training.epochs": 7}, quiet=True)
    with pytest.raises(RunError, match="its content has changed"):
        bpnet.resume(run, flowers(80), settings={"training.epochs": 7}, quiet=True)
    assert weights(run) == weights(trained)
    gone_on = bpnet.resume(run, flowers(), settings={"training.epochs": 7}, quiet=True)
    assert gone_on.path == run.path
    assert weights(gone_on) == weights(longer)
    warm = bpnet.train(CONFIG, flowers(), start_from=run, quiet=True)
    assert weights(warm) not in (weights(trained), weights(longer))


def test_quantities_and_labels_are_data_frames_of_their_targets(here):
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"x": rng.normal(size=80)})
    table["u"], table["v"] = 2 * table["x"] + 1, -table["x"]
    table.index = [f"r{k}" for k in range(80)]
    config = {**CONFIG, "dataset": {"target": ["u", "v"]}}
    run = bpnet.train(config, table, quiet=True)
    with pytest.warns(bpnet.BpnetWarning, match="equal to rows that trained the model"):
        predicted = run.predict(table.iloc[:5])
    table["x"] += 0.001  # the rows are new
    assert (list(predicted), list(predicted.index)) == (["u", "v"], list(table.index[:5]))
    added = run.predictions(table.iloc[:5], intervals=[0.8])
    assert (added["lower_80_u"] <= added["predicted_u"]).all()
    with pytest.raises(UsageError, match="this run predicts"):
        run.predict_proba(table)
    table["u"], table["v"] = (table["u"] > 1).astype(int), (table["v"] > 0).astype(int)
    run = bpnet.train({**config, "task": "multilabel"}, table, quiet=True)
    new = table[["x"]].head(7) + 0.001
    assert run.predict(new).isin([0, 1]).all().all()
    assert list(run.predict_proba(new)) == ["u", "v"]
    table, new = table.assign(w=np.arange(80) % 3), table.assign(x=0.001)
    run = bpnet.train({**CONFIG, "dataset": {"target": "w"}}, table, quiet=True)
    assert run.predict_proba(new).columns.tolist() == [0, 1, 2]
    assert run.predict(new).dtype == np.int64


def test_a_run_shows_itself(trained):
    assert repr(trained) == f"bpnet.load('{trained.path}')"
    page = trained._repr_html_()
    assert page.startswith("<pre>")
    assert "Data       a table in Python&#x27;s memory: " in page
    copy = bpnet.load(trained.path / "model")
    assert "<pre>" in copy._repr_html_()
    assert copy.predict(flowers(95).iloc[90:]).equals(trained.predict(flowers(95).iloc[90:]))
    with pytest.raises(RunError):
        _ = copy.metrics


def test_progress_is_shown_unless_it_is_quiet(here, capfd):
    bpnet.train(CONFIG, flowers())
    assert "epoch 4/4" in capfd.readouterr().err
    bpnet.train(CONFIG, flowers(), quiet=True)
    assert capfd.readouterr() == ("", "")


@pytest.mark.filterwarnings("ignore::bpnet.BpnetWarning")
def test_the_examples_of_the_guide_run(tmp_path, monkeypatch):
    for folder in ("configs", "datasets"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    (page,) = (page for page in guide_pages() if page.path.name == "python.md")
    names: dict[str, object] = {}
    for block in page.blocks("python"):
        exec(compile(block, "python.md", "exec"), names)
    assert len(names["run"].predictions("datasets/iris.csv")) == 150


@pytest.mark.parametrize(
    ("config", "table", "kind", "words"),
    [
        (3, None, ConfigError, "config: is of the type int; give the path of a YAML file"),
        ({"dataset": {}}, flowers(), ConfigError, "dataset.target"),
        ({"dataset": 3}, flowers(), ConfigError, "dataset"),
        ({("a",): 4}, flowers(), ConfigError, "the key ('a',), which is not text"),
        ({"dataset": {"target": "z"}}, flowers(), DataError, "'z' is not a column of table"),
        ({"dataset": {"target": "c"}}, None, ConfigError, "dataset"),
        ({"dataset": {"target": "c", "path": "memory:"}}, None, DataError, "memory"),
        ({**CONFIG, "training": {"epoch": 3}}, flowers(), ConfigError, "did you mean 'epochs'"),
        ({**CONFIG, "seed": len}, flowers(), ConfigError, "config: seed is of the type builtin"),
        (CONFIG, np.ones((3, 2)), DataError, "pandas.DataFrame(array, columns=names)"),
        (CONFIG, [1, 2], DataError, "is of the type list; give a data frame"),
        (CONFIG, flowers()["x"], DataError, "is of the type Series; give a data frame"),
        (CONFIG, flowers()[[]], DataError, "has no columns"),
        (CONFIG, flowers().head(0), DataError, "no rows"),
        (CONFIG, flowers()[["x", "x", "c"]], DataError, "two columns are named 'x'"),
        (CONFIG, flowers().rename(columns={"x": " "}), DataError, "column 1 has no name"),
        ("nothing.yaml", flowers(), ConfigError, "no such config file"),
        (
            {"dataset": {"target": "c", "columns": ["a", "c"], "rows": [[1, 2]]}},
            flowers(),
            ConfigError,
            "dataset.rows holds a table, and `table=` is another",
        ),
    ],
)
def test_bad_input_has_the_texts_of_the_command_line(here, config, table, kind, words):
    with pytest.raises(kind) as raised:
        bpnet.train(config, table, quiet=True)
    assert words in str(raised.value)
    assert not list(Path("runs").glob("*"))


def test_bad_use_of_a_run_is_refused(trained, tmp_path):
    with pytest.raises(RunError, match="no such run directory"):
        bpnet.load(tmp_path / "none")
    with pytest.raises(UsageError, match="table: is None"):
        trained.predict(None)
    with pytest.raises(DataError, match="there is no column 'x'"):
        trained.predict(flowers().drop(columns="x"))
    with pytest.raises(BpnetError, match="'no such column'"):
        trained.partial_dependence("no such column", flowers())
    with pytest.raises(UsageError, match="column: is of the type DataFrame"):
        trained.partial_dependence(flowers(), "x")
    with pytest.raises(ConfigError, match="settings: is of the type str"):
        bpnet.train(CONFIG, flowers(), settings="training.epochs=3")
    with pytest.raises(UsageError, match="replica=7"):
        trained.predictions(flowers(), replica=7)


def test_the_path_of_a_table_is_relative_to_the_working_folder(here):
    (here / "configs").mkdir()
    (here / "c.yaml").rename(here / "configs" / "c.yaml")
    run = bpnet.train("configs/c.yaml", table="t.csv", quiet=True)
    assert weights(run) == weights(bpnet.train(CONFIG, Path("t.parquet"), quiet=True))
    with pytest.raises(DataError, match=r"nothing\.csv"):
        bpnet.train("configs/c.yaml", table="nothing.csv", quiet=True)


def test_a_run_that_went_on_predicts_with_its_new_model(here):
    run = bpnet.train(CONFIG, flowers(), quiet=True)
    new = flowers(120).iloc[90:]
    before = run.predict_proba(new)
    bpnet.resume(run, flowers(), settings={"training.epochs": 30}, quiet=True)
    after = run.predict_proba(new)
    assert not before.equals(after)
    pd.testing.assert_frame_equal(after, bpnet.load(run.path).predict_proba(new))


def test_declared_categories_that_look_like_numbers_are_categories_of_files_too(here):
    table = flowers()
    rng = np.random.default_rng(3)
    table["level"] = pd.Categorical(rng.integers(1, 5, len(table)))
    table["y"] = pd.Categorical((np.arange(len(table)) % 30 * 7).astype(str))
    table.to_parquet("t.parquet")
    table.to_feather("t.feather")
    config = {**CONFIG, "dataset": {"target": "y"}}
    runs = [bpnet.train(config, each, quiet=True) for each in (table, "t.parquet", "t.feather")]
    assert {run.config["task"] for run in runs} == {"classification"}
    assert {run.config["dataset"]["roles"]["level"] for run in runs} == {"categorical"}
    assert len({weights(run) for run in runs}) == 1


def test_a_run_is_exported(trained, tmp_path):
    assert trained.export(tmp_path / "model.py") == tmp_path / "model.py"
    assert (tmp_path / "model.golden.jsonl").is_file()
    with pytest.raises(UsageError, match=r'^path=".*/model\.txt": the name of an exported model'):
        trained.export(tmp_path / "model.txt")


def test_names_of_columns_may_be_numbers(here):
    table = flowers().rename(columns={"c": 3, "x": 0, "n": 1})
    config = {**CONFIG, "dataset": {"target": 3, "features": [0, 1], "roles": {1: "categorical"}}}
    run = bpnet.train(config, table, quiet=True)
    assert run.config["dataset"]["features"] == ["0", "1"]
    assert run.predict(flowers(120).iloc[90:].rename(columns={"x": 0, "n": 1})).name == "3"


def test_settings_take_the_values_of_python(here):
    run = bpnet.train(
        CONFIG,
        flowers(),
        settings={
            "architecture.hidden": (np.int64(3), 2),
            "training.optimizer": {"kind": "momentum"},
        },
        runs=here / "elsewhere",
        name="named",
        quiet=True,
    )
    assert run.path == here / "elsewhere" / "named-001"
    assert [layer["units"] for layer in run.config["architecture"]["layers"][:2]] == [3, 2]
    assert run.config["training"]["optimizer"]["kind"] == "momentum"
    with pytest.raises(ConfigError, match=r"settings: training\.epoch=3"):
        bpnet.train(CONFIG, flowers(), settings={"training.epoch": 3}, quiet=True)


def test_a_table_is_read_otherwise_than_in_training_by_settings(here, trained):
    frame = flowers().assign(x=lambda table: table["x"] + 0.0005)  # rows that trained nothing
    frame.to_csv("t.csv", index=False)
    decimal = frame.assign(x=[f"{x:.4f}".replace(".", ",") for x in frame["x"]])
    decimal.to_csv("d.csv", sep=";", index=False)
    comma = {"dataset.reading.decimal": ","}
    plain = trained.predictions("t.csv")
    pd.testing.assert_frame_equal(trained.predictions("d.csv", settings=comma), plain)
    pd.testing.assert_frame_equal(trained.predictions(decimal, settings=comma), plain)
    pd.testing.assert_series_equal(
        trained.predict("d.csv", settings=comma), trained.predict("t.csv")
    )
    pd.testing.assert_frame_equal(
        trained.predict_proba("d.csv", settings=comma), trained.predict_proba("t.csv")
    )
    trained.predict_files("d.csv", "out", settings=comma, keep="none")
    assert Path("out/d.csv").read_text().count("\n") == 91
    scores = trained.evaluate("d.csv", settings=comma, baselines=False, all_rows=True)
    same = trained.evaluate("t.csv", baselines=False, all_rows=True)
    assert {**scores, "data": "", "table": ""} == {**same, "data": "", "table": ""}
    pd.testing.assert_frame_equal(
        trained.explain("d.csv", settings=comma), trained.explain("t.csv")
    )
    pd.testing.assert_frame_equal(
        trained.partial_dependence("n", "d.csv", settings=comma),
        trained.partial_dependence("n", "t.csv"),
    )
    with pytest.raises(UsageError, match=r"^settings is for a table that is named"):
        trained.evaluate(settings=comma)
    with pytest.raises(UsageError, match=r"training\.epochs"):
        trained.predictions("t.csv", settings={"training.epochs": 3})


def test_the_environment_names_the_folder_of_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("BPNET_RUNS", str(tmp_path / "mine"))
    config = ROOT / "configs" / "xor.yaml"
    settings = {"training.epochs": 1}
    run = bpnet.train(config, settings=settings, quiet=True)
    assert run.path == tmp_path / "mine" / "xor-001"
    run = bpnet.train(config, settings=settings, quiet=True, runs=tmp_path / "other")
    assert run.path == tmp_path / "other" / "xor-001"


def test_an_interrupted_training_names_its_run(here, monkeypatch):
    epoch = TrainingView.epoch

    def interrupted(view, row, kept):
        epoch(view, row, kept)
        if row["epoch"] == 2:
            signal.raise_signal(signal.SIGINT)

    whole = bpnet.train(CONFIG, flowers(), quiet=True)
    monkeypatch.setattr(TrainingView, "epoch", interrupted)
    with pytest.raises(InterruptedRunError, match=r"next: bpnet\.resume\(") as caught:
        bpnet.train(CONFIG, flowers())
    assert caught.value.run != whole.path
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert weights(bpnet.resume(caught.value.run, flowers(), quiet=True)) == weights(whole)


def test_a_notebook_shows_lines_that_follow_a_training(here, monkeypatch, capsys):
    published = []
    shell = SimpleNamespace(
        kernel=True,
        execution_count=1,
        display_pub=SimpleNamespace(publish=lambda **shown: published.append(shown)),
    )
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    bpnet.train(CONFIG, flowers())
    assert [shown["update"] for shown in published] == [k > 0 for k in range(len(published))]
    assert len({str(shown["transient"]) for shown in published}) == 1
    last = published[-1]["data"]["text/plain"]
    assert last.startswith("epoch 4/4")
    assert "left" not in last
    assert "epoch" not in capsys.readouterr().err


def test_many_tables_are_predicted_into_a_folder_as_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("d/a.csv", "d/b.csv", "d/c.csv"):
        Path(name).parent.mkdir(exist_ok=True)
        flowers().to_csv(name, index=False)
    run = bpnet.train(CONFIG, flowers(), quiet=True)
    with pytest.warns(bpnet.BpnetWarning, match="equal to rows that trained"):
        found = run.predict_files("d", "out", shard="2/2", keep="none")
    assert found[["table", "state", "rows"]].values.tolist() == [["d/b.csv", "predicted", 90]]
    warnings.simplefilter("ignore", bpnet.BpnetWarning)
    again = run.predict_files(["d/*.csv"], "out", keep=[])
    assert again["state"].tolist() == ["predicted", "finished", "predicted"]
    code, said = invoked("predict", run.path, "d", "-o", "cli/", "--keep", "none")
    assert code == 0, said
    for name in again["output"]:
        assert Path(name).read_bytes() == Path("cli", Path(name).name).read_bytes()

    with pytest.raises(UsageError, match=r'shard="3/2": must be i/n'):
        run.predict_files("d", "out", shard="3/2")
    with pytest.raises(UsageError, match="force=True, or name another folder with folder=FOLDER"):
        run.predict_files("d", "out")
    with pytest.raises(UsageError, match=r"format='xml': must be one of csv, "):
        run.predict_files("d", "more", format="xml")
    with pytest.raises(UsageError, match=r"DataFrame; give paths.* by predictions\(table\)"):
        run.predict_files(flowers(), "more")
    with pytest.raises(UsageError, match="tables: is empty"):
        run.predict_files([], "more")
    Path("d/readme.csv").write_text("a note\n")
    with pytest.raises(DataError, match=r"(?s)d/readme\.csv: .*or name the tables without it"):
        run.predict_files("d", "more")
    assert sorted(path.name for path in Path("more").glob("*.csv")) == ["a.csv", "b.csv", "c.csv"]
