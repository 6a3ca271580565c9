"""Trackers: their own readers find what metrics.csv has, of every kind of run, once each."""

import importlib.util
import json
import math
from typing import get_args

import numpy as np
import pytest
import yaml
from workflow_runs import Watcher, log_of, read_csv, read_json, train_text, weights_of, write_csv

from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.schema import TrackerName
from bpnet.config.source import parse_source
from bpnet.errors import ConfigError, InterruptedRunError
from bpnet.integrations.trackers.dvc import LiveFolder
from bpnet.integrations.trackers.tracker import TRACKERS, Series, TrackedRun, TrackerKind
from bpnet.runs.run_file import RunFile
from bpnet.workflows.cv import cross_validate
from bpnet.workflows.grid import train_grid
from bpnet.workflows.resume import resume
from bpnet.workflows.session import TrainingSession
from bpnet.workflows.tracking import scalar_name
from bpnet.workflows.verify import verify

CONFIG = """\
name: t
dataset: {path: t.csv, target: y, split: {validation: 0.2, test: 0.2}}
architecture: {hidden: [3]}
training: {epochs: 12, batch_size: 16}
checkpoint: {every_epochs: 5}
logging: [dvc]
"""
needs_tensorboard = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="TensorBoard is not installed"
)
LOGGING = [
    pytest.param("dvc"),
    pytest.param("tensorboard", marks=needs_tensorboard),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracked")
    rng = np.random.default_rng(1)
    rows = [[f"{a:.3f}", f"{b:.3f}", "yes" if a > b else "no"] for a, b in rng.normal(size=(80, 2))]
    write_csv(folder / "t.csv", ["a", "b", "y"], rows)
    return folder


def source(folder, *settings):
    return apply_overrides(parse_source(CONFIG, str(folder / "c.yaml"), folder), settings)


def cross_validated(folder, *settings):
    return cross_validate(
        load_config(source(folder, *settings)),
        folds=3,
        repeats=1,
        runs=folder / "runs",
        name=None,
        command=[],
        watcher=Watcher(),
    ).run


def gridded(folder, *settings, grids=("training.learning_rate=0.1,0.2",)):
    return train_grid(
        source(folder, *settings),
        grids,
        runs=folder / "runs",
        name=None,
        command=[],
        watcher=Watcher(),
    ).run


def curves_of_dvc(run):
    """The values of each curve by series and name, as {step: value}."""
    found = {}
    plots = run / "dvclive" / "plots" / "metrics"
    for path in plots.rglob("*.tsv"):
        header, *rows = path.read_text("utf-8").splitlines()
        assert header == f"step\t{path.stem}"
        *series, part = path.relative_to(plots).parent.parts or [""]
        if part not in ("train", "validation", "out_of_fold", ""):
            series, part = [*series, part], ""
        name = f"{path.stem}/{part}" if part else path.stem
        steps = [row.split("\t") for row in rows]
        values = {int(step): float(value) for step, value in steps}
        assert len(values) == len(steps)
        found["/".join(series), name] = values
    return found


def curves_of_tensorboard(run):
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    reader = EventMultiplexer(size_guidance={"scalars": 0, "histograms": 0, "tensors": 0})
    reader.AddRunsFromDirectory(str(run / "tensorboard")).Reload()
    found = {}
    for series in reader.Runs():
        accumulator = reader.GetAccumulator(series)
        for tag in accumulator.Tags()["scalars"]:
            if tag.startswith("final/"):
                continue
            events = [(event.step, event.value) for event in accumulator.Scalars(tag)]
            assert len(dict(events)) == len(events)
            found[series.removeprefix("."), tag] = dict(events)
        for tag in accumulator.Tags()["histograms"]:
            steps = [event.step for event in accumulator.Histograms(tag)]
            assert len(set(steps)) == len(steps)
    return found


READERS = {"dvc": curves_of_dvc, "tensorboard": curves_of_tensorboard}


def logged(rows, keys=()):
    """The curves that a log has, as the readers give them."""
    found = {}
    for name in [name for name in rows[0] if name not in ("epoch", "step", "seconds", *keys)]:
        if not name.endswith("_deviation"):
            cells = {int(row["epoch"]): row[name] for row in rows}
            values = {epoch: float(cell) for epoch, cell in cells.items() if cell}
            found[scalar_name(name)] = values
    return found


def check(curves, expected, series=""):
    own = {name: values for (one, name), values in curves.items() if one == series}
    assert own.keys() == expected.keys()
    for name, values in expected.items():
        assert own[name].keys() == values.keys(), name
        np.testing.assert_allclose(list(own[name].values()), list(values.values()), rtol=1e-6)


def test_the_names_of_the_config_are_those_of_the_table():
    assert list(TRACKERS) == list(get_args(TrackerName))


@pytest.mark.parametrize("tracker", LOGGING)
def test_a_reader_finds_every_value_of_the_log(folder, tracker):
    run = train_text(folder, CONFIG, f"logging=[{tracker}]").run
    curves = READERS[tracker](run)
    check(curves, logged(log_of(run)))
    assert {series for series, _ in curves} == {""}


@pytest.mark.parametrize("tracker", LOGGING)
def test_replicas_have_curves_of_their_own(folder, tracker):
    run = train_text(folder, CONFIG, f"logging=[{tracker}]", "replicas=2").run
    curves = READERS[tracker](run)
    check(curves, logged(log_of(run)))
    for k in (1, 2):
        rows = [row for row in read_csv(run / "replicas.csv") if row["replica"] == str(k)]
        check(curves, logged(rows, ("replica",)), f"replica-{k}")
    assert {series for series, _ in curves} == {"", "replica-1", "replica-2"}


@pytest.mark.parametrize("tracker", LOGGING)
def test_members_have_curves_of_their_own(folder, tracker):
    members = "members=[{architecture: {hidden: []}}, {name: deep}]"
    run = train_text(folder, CONFIG, f"logging=[{tracker}]", "folds=2", members).run
    curves = READERS[tracker](run)
    for k in (1, 2):
        rows = [row for row in log_of(run) if row["member"] == str(k)]
        check(curves, logged(rows, ("member",)), f"member-{k}")
    each = {f"member-{k}{network}" for k in (1, 2) for network in ("", "/replica-1", "/replica-2")}
    assert {series for series, _ in curves} == each


@pytest.mark.parametrize("tracker", LOGGING)
def test_a_pack_has_the_curves_of_its_passes(folder, tracker):
    run = train_text(folder, CONFIG, f"logging=[{tracker}]", "folds=2", "pack=2").run
    curves = READERS[tracker](run)
    assert {series for series, _ in curves} == {""}
    assert len(curves["", "loss/train"]) == 12


@pytest.mark.parametrize("tracker", LOGGING)
def test_folds_have_curves_of_their_own(folder, tracker):
    run = cross_validated(folder, f"logging=[{tracker}]")
    curves = READERS[tracker](run)
    for k in (1, 2, 3):
        rows = [row for row in read_csv(run / "folds.csv") if row["fold"] == str(k)]
        check(curves, logged(rows, ("fold", "repeat")), f"repeat-1-fold-{k}")


@pytest.mark.parametrize("tracker", LOGGING)
def test_ensembles_of_folds_have_curves_of_their_own(folder, tracker):
    run = cross_validated(folder, f"logging=[{tracker}]", "folds=2", "training.epochs=2")
    curves = READERS[tracker](run)
    for k in (1, 2, 3):
        rows = [row for row in read_csv(run / "folds.csv") if row["fold"] == str(k)]
        check(curves, logged(rows, ("fold", "repeat", "member")), f"repeat-1-fold-{k}")


@pytest.mark.parametrize("tracker", LOGGING)
def test_points_of_a_grid_have_curves_of_their_own(folder, tracker):
    run = gridded(folder, f"logging=[{tracker}]")
    curves = READERS[tracker](run)
    for k in (1, 2):
        rows = [row for row in read_csv(run / "replicas.csv") if row["replica"] == str(k)]
        check(curves, logged(rows, ("replica",)), f"replica-{k}")


# Nothing but its files


def test_a_run_without_trackers_has_none_of_their_files(folder):
    run = train_text(folder, CONFIG, "logging=[]").run
    assert not any((run / name).exists() for name in ("tensorboard", "dvclive", "mlflow.json"))
    assert "logging: []\n" in (run / "config.yaml").read_text()


def test_weights_are_the_same_with_trackers_and_without(folder):
    runs = [
        train_text(folder, CONFIG, setting, "architecture.dropout=0.2").run
        for setting in ("logging=[]", "logging=[dvc]")
    ]
    own, other = map(weights_of, runs)
    assert all((own[name] == other[name]).all() for name in own)


def test_a_repetition_is_not_tracked(folder, monkeypatch):
    run = train_text(folder, CONFIG).run
    monkeypatch.setattr(TrackerKind, "begin", lambda *_: pytest.fail("a tracker has begun"))
    assert verify(run, command=[], watcher=Watcher()).agrees


# Trainings that are cut off


class Killed(BaseException):
    """What no code catches: the process is gone."""


def killed(folder, tracker, steps, monkeypatch, *settings):
    """Train until a step, as SIGKILL ends a process; return the run."""
    after_step, done = TrainingSession.after_step, []

    def counting(self):
        after_step(self)
        done.append(self)
        if len(done) == steps:
            patched.setattr(type(self), "save", leave)
            patched.setattr(TrainingSession, "_end_tracking", lambda *_: None)
            raise Killed

    def leave(session, status="failed"):
        session._file._leave()
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(TrainingSession, "after_step", counting)
        patched.setattr(RunFile, "__exit__", lambda *error: None)
        patched.setattr("bpnet.workflows.tracking._MAX_DELAY", 0)
        with pytest.raises(Killed):
            train_text(folder, CONFIG, f"logging=[{tracker}]", *settings)
    return done[0]._file.folder


@pytest.mark.parametrize(
    ("settings", "steps"),
    [((), 1), ((), 3), ((), 14), ((), 23), (("replicas=2",), 14), (("folds=2",), 9)],
)
@pytest.mark.parametrize("tracker", LOGGING)
def test_a_killed_training_goes_on_without_doubling_an_epoch(
    folder, tracker, steps, settings, monkeypatch
):
    run = killed(folder, tracker, steps, monkeypatch, *settings)
    curves = READERS[tracker](run)  # which are whole
    assert all(len(values) < 12 for values in curves.values())
    resume(run, [], force=False, command=[], watcher=Watcher())
    whole = train_text(folder, CONFIG, f"logging=[{tracker}]", *settings).run
    assert READERS[tracker](run) == READERS[tracker](whole)


@pytest.mark.parametrize("tracker", LOGGING)
def test_a_training_with_more_epochs_continues_its_curves(folder, tracker):
    run = train_text(folder, CONFIG, f"logging=[{tracker}]").run
    resume(run, ["training.epochs=20"], force=False, command=[], watcher=Watcher())
    check(READERS[tracker](run), logged(log_of(run)))
    assert len(log_of(run)) == 20


def test_trackers_may_be_added_when_a_training_goes_on(folder):
    run = train_text(folder, CONFIG, "logging=[]").run
    settings = ["training.epochs=15", "logging=[dvc]"]
    resume(run, settings, force=False, command=[], watcher=Watcher())
    assert list(curves_of_dvc(run)["", "loss/train"]) == [12, 13, 14, 15]


def test_an_interrupted_training_is_tracked_to_its_end(folder):
    def interrupt(epoch):
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises((InterruptedRunError, KeyboardInterrupt)):
        train_text(folder, CONFIG, watcher=Watcher(after=interrupt))
    run = max(folder.glob("runs/t-*"), key=lambda path: path.stat().st_mtime)
    assert "final" not in read_json(run / "dvclive" / "metrics.json")


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_torn_row_is_dropped(folder, tmp_path, cut):
    live = LiveFolder(TrackedRun(tmp_path, {}))
    for epoch in range(1, 9):
        live.epoch(Series(), epoch, {"loss/train": 1 / epoch})
    live.flush()
    path = tmp_path / "dvclive" / "plots" / "metrics" / "train" / "loss.tsv"
    path.write_bytes(path.read_bytes()[:-cut])
    live = LiveFolder(TrackedRun(tmp_path, {}))
    live.epoch(Series(), 8, {"loss/train": 0.125})
    live.flush()
    lines = path.read_text().splitlines()
    assert lines[0] == "step\tloss"
    assert lines[-1] == "8\t0.125"
    assert len({line.split("\t")[0] for line in lines}) == len(lines)


# What fails


def test_a_tracker_that_fails_is_left_out(folder, monkeypatch):
    def failing(*_):
        raise OSError(28, "No space left\non device")

    watcher = Watcher()
    monkeypatch.setattr(LiveFolder, "flush", failing)
    monkeypatch.setattr("bpnet.workflows.tracking._MAX_DELAY", 0)
    run = train_text(folder, CONFIG, watcher=watcher).run
    text = "dvc: [Errno 28] No space left on device; the training goes on without it"
    assert watcher.warnings == [text]
    assert len(log_of(run)) == 12


@pytest.mark.parametrize("names", [["tensorboard"], ["tensorboard", "mlflow"]])
def test_a_missing_package_is_named_before_anything_trains(tmp_path, folder, monkeypatch, names):
    (tmp_path / "t.csv").write_bytes((folder / "t.csv").read_bytes())
    monkeypatch.setattr(TrackerKind, "installed", lambda self: self.package is None)
    setting = f"logging={json.dumps([*names, 'dvc'])}"
    text = (
        rf"logging names {' and '.join(names)}, which (is|are) not installed; install with: "
        rf"pip install 'bpnet-cli\[{','.join(names)}\]'"
    )
    trainings = [
        lambda: train_text(tmp_path, CONFIG, setting),
        lambda: train_text(tmp_path, CONFIG, setting, "folds=2"),
        lambda: cross_validated(tmp_path, setting),
        lambda: gridded(tmp_path, setting),
    ]
    for training in trainings:
        with pytest.raises(ConfigError, match=text):
            training()
    assert not (tmp_path / "runs").exists()
    run = train_text(folder, CONFIG).run
    with pytest.raises(ConfigError, match=text):
        resume(run, [setting, "training.epochs=20"], force=False, command=[], watcher=Watcher())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("[wandb]", "it must be tensorboard, mlflow or dvc"),
        ("[dvc, dvc]", "names dvc twice; name each tracker once"),
        ("dvc", "it must be a list"),
    ],
)
def test_bad_values(folder, value, text):
    with pytest.raises(ConfigError, match=text):
        load_config(source(folder, f"logging={value}"))


# The files of DVCLive


def test_the_files_of_dvclive(folder):
    run = train_text(folder, CONFIG).run
    live = run / "dvclive"
    latest = read_json(live / "metrics.json")
    assert latest["step"] == 12
    assert latest["train"]["loss"] == float(log_of(run)[-1]["loss"])
    scores = read_json(run / "metrics.json")
    assert latest["final"]["test"] == scores["test"]
    assert latest["final"]["validation"] == scores["validation"]
    params = yaml.safe_load((live / "params.yaml").read_text())
    assert params["training"]["epochs"] == 12
    assert params["training"]["optimizer"]["kind"] == "adam"
    assert yaml.safe_load((live / "dvc.yaml").read_text()) == {
        "params": ["params.yaml"],
        "metrics": ["metrics.json"],
        "plots": [{"plots/metrics": {"x": "step"}}],
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_dvc_reads_the_files(folder, tmp_path, monkeypatch):
    pytest.importorskip("dvc", reason="DVC is not installed")
    from dvc.repo import Repo

    (tmp_path / "t.csv").write_bytes((folder / "t.csv").read_bytes())
    monkeypatch.chdir(tmp_path)
    repository = Repo.init(str(tmp_path), no_scm=True)
    run = train_text(tmp_path, CONFIG, "replicas=2").run
    shown = repository.metrics.show()[""]["data"]
    (metrics,) = [one["data"] for path, one in shown.items() if path.endswith("metrics.json")]
    assert metrics == read_json(run / "dvclive" / "metrics.json")
    params = repository.params.show()[""]["data"]
    assert any(one["data"]["training"]["epochs"] == 12 for one in params.values())
    plots = repository.plots.show()["workspace"]["sources"]["data"]
    tables = {path: one["data"] for path, one in plots.items() if path.endswith(".tsv")}
    (loss,) = [table for path, table in tables.items() if "metrics/train/loss.tsv" in path]
    assert [float(row["loss"]) for row in loss] == [float(row["loss"]) for row in log_of(run)]
    assert len(tables) == 3 * 6


# TensorBoard's event files


@needs_tensorboard
def test_the_histogram_of_an_array():
    from bpnet.integrations.trackers.tensorboard import histogram

    values = np.random.default_rng(0).normal(size=(4, 5))
    found = histogram(values)
    assert (found.min, found.max, found.num) == (values.min(), values.max(), 20)
    assert math.isclose(found.sum, values.sum())
    assert math.isclose(found.sum_squares, (values**2).sum())
    limits, counts = np.array(found.bucket_limit), np.array(found.bucket)
    cumulated = [(values <= limit + 1e-12).sum() for limit in limits]
    assert np.cumsum(counts).tolist() == cumulated
    assert histogram(np.array([np.nan, 1.0])).num == 1
    assert histogram(np.array([])).num == 1


@needs_tensorboard
def test_weights_settings_and_scores_are_in_the_event_file(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    run = train_text(folder, CONFIG, "logging=[tensorboard]", "training.epochs=30").run
    reader = EventAccumulator(str(run / "tensorboard"), {"histograms": 0, "scalars": 0})
    reader.Reload()
    last = reader.Histograms("weights/layers.0.weight")[-1]
    steps = [event.step for event in reader.Histograms("weights/layers.0.weight")]
    assert steps == [*range(1, 21), 22, 24, 26, 28, 30]
    assert last.step == 30
    assert last.histogram_value.num == 6
    scores = read_json(run / "metrics.json")
    for part, values in scores.items():
        for name, value in values.items():
            (event,) = reader.Scalars(f"final/{name}/{part}")
            assert math.isclose(event.value, value, rel_tol=1e-6)
    content = reader.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    hparams = metadata.parse_session_start_info_plugin_data(content).hparams
    assert hparams["training.epochs"].number_value == 30
    assert hparams["training.optimizer.kind"].string_value == "adam"
    assert hparams["training.shuffle"].bool_value is True
    content = reader.SummaryMetadata(metadata.SESSION_END_INFO_TAG).plugin_data.content
    assert metadata.parse_session_end_info_plugin_data(content).status == 1  # success


@needs_tensorboard
def test_the_points_of_a_grid_have_their_settings(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    run = gridded(folder, "logging=[tensorboard]")
    for k, rate in ((1, 0.1), (2, 0.2)):
        reader = EventAccumulator(str(run / "tensorboard" / f"replica-{k}"))
        reader.Reload()
        content = reader.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
        hparams = metadata.parse_session_start_info_plugin_data(content).hparams
        assert hparams["training.learning_rate"].number_value == rate


@needs_tensorboard
@pytest.mark.parametrize("cut", [1, 5, 30, 200])
def test_a_torn_event_is_dropped(tmp_path, cut):
    from bpnet.integrations.trackers.tensorboard import EventFiles

    files = EventFiles(TrackedRun(tmp_path, {"seed": 1}))
    for epoch in range(1, 20):
        files.epoch(Series(), epoch, {"loss/train": 1 / epoch})
    files.flush()
    (path,) = (tmp_path / "tensorboard").iterdir()
    path.write_bytes(path.read_bytes()[:-cut])
    before = curves_of_tensorboard(tmp_path)["", "loss/train"]
    assert list(before) == list(range(1, len(before) + 1))
    files = EventFiles(TrackedRun(tmp_path, {"seed": 1}))
    for epoch in range(len(before), 20):
        files.epoch(Series(), epoch, {"loss/train": 1 / epoch})
    files.flush()
    found = curves_of_tensorboard(tmp_path)["", "loss/train"]
    assert list(found) == list(range(1, 20))
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1
