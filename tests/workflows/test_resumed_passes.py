"""Cross-validations, ensembles and grids that were cut off: they end as if they had not been."""

import contextlib
import csv
import json
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from workflow_runs import Watcher, write_csv

from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.errors import InterruptedRunError, RunError, UsageError
from bpnet.runs.lock import is_locked
from bpnet.workflows.cv import cross_validate
from bpnet.workflows.grid import train_grid
from bpnet.workflows.resume import resume
from bpnet.workflows.session import TrainingSession
from bpnet.workflows.train import train

ONE = """\
dataset: {path: t.csv, target: y, split: {validation: 0.2, test: 0.2}}
architecture: {hidden: [4], dropout: 0.2}
training: {epochs: 4, batch_size: 16, learning_rate: 0.05, optimizer: adam}
"""
FOLDS = """\
dataset: {path: t.csv, target: y, split: {test: 0.2}}
architecture: {hidden: [4], dropout: 0.2}
training: {epochs: 4, batch_size: 16, learning_rate: 0.05, optimizer: adam}
folds: 3
"""
MEMBERS = """\
members:
  - {architecture: {hidden: [4]}}
  - {architecture: {hidden: [3]}, training: {optimizer: momentum}}
"""
OFTEN = ["checkpoint.every_seconds=0"]


class KilledError(BaseException):
    """The end of a process, which saves nothing more."""


class CutWatcher(Watcher):
    """A watcher that takes note of passes of folds, too."""

    def begin_pass(self, run, first, parameters, number, passes):
        self.begin(run, first, parameters, sum(passes))


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    rows = [[f"{a:.4f}", f"{b:.4f}", f"{2 * a - b + rng.normal() / 5:.4f}"] for a, b in x]
    write_csv(tmp_path / "t.csv", ["a", "b", "y"], rows)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def source_of(text, *settings):
    return apply_overrides(parse_source(text, "case.yaml", Path()), settings)


def trained(text, *settings):
    def run(runs, *rhythm):
        loaded = load_config(source_of(text, *(rhythm or OFTEN), *settings))
        return train(loaded, runs=runs, name=None, command=["bpnet"], watcher=CutWatcher())

    return run


def validated(text, *settings, folds=3, repeats=1):
    def run(runs, *rhythm):
        loaded = load_config(source_of(text, *(rhythm or OFTEN), *settings))
        options = {"runs": runs, "name": None, "command": ["bpnet"], "watcher": CutWatcher()}
        return cross_validate(loaded, folds=folds, repeats=repeats, **options)

    return run


def searched(text, *grids):
    def run(runs, *rhythm):
        options = {"runs": runs, "name": None, "command": ["bpnet"], "watcher": CutWatcher()}
        return train_grid(source_of(text, *(rhythm or OFTEN)), grids, **options)

    return run


KINDS = {
    "cv": validated(ONE),
    "cv by passes": validated(ONE, folds=7),
    "cv with repeats": validated(ONE, repeats=2),
    "cv of an ensemble": validated(FOLDS, folds=2),
    "folds": trained(FOLDS),
    "refit": trained(FOLDS, "refit=true", "replicas=2"),
    "rounds": trained(FOLDS, "rounds=2"),
    "members": trained(FOLDS + MEMBERS),
    "pack": trained(FOLDS, "pack=4", "training.early_stopping={patience: 1}", "training.epochs=8"),
    "grid": searched(ONE, "training.learning_rate=0.01,0.05", "architecture.hidden=[3],[4]"),
    "grid of ensembles": searched(FOLDS, "training.learning_rate=0.01,0.05"),
}


class Steps:
    """The steps and epochs of all sessions; at the next number in `cuts` something happens."""

    def __init__(self, monkeypatch):
        self.cuts, self.count = [], 0
        after_step, watch = TrainingSession.after_step, TrainingSession._watch

        def step():
            self.count += 1
            if self.cuts and self.count == self.cuts[0][0]:
                self.count, (_, happen) = 0, self.cuts.pop(0)
                happen()

        def counted(session):
            step()
            after_step(session)

        def watched(session, records):
            def each():
                for record in records:
                    step()
                    yield record

            return watch(session, each())

        monkeypatch.setattr(TrainingSession, "after_step", counted)
        monkeypatch.setattr(TrainingSession, "_watch", watched)


def die():
    raise KilledError


def interrupt():
    signal.raise_signal(signal.SIGINT)


@pytest.fixture
def steps(monkeypatch):
    return Steps(monkeypatch)


def contents(folder):
    """Return what each file of all runs holds, without times."""
    found = {}
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".csv":
            rows = csv.DictReader(content.decode().splitlines())
            content = [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
        if path.name == "run.json":
            content = json.loads(content)
            for key in ("started", "finished", "seconds", "resumed", "blas"):
                content.pop(key, None)
        found[path.relative_to(folder).as_posix()] = content
    return found


def resumed(run, *assignments):
    return resume(run, assignments, force=False, command=["bpnet"], watcher=CutWatcher())


def cut(begin, folder, steps, cuts):
    """Begin a training that is cut at these steps, resume it each time; return what is left."""
    steps.count, steps.cuts = 0, list(cuts)
    for number in range(len(cuts) + 1):
        with contextlib.suppress(KilledError, InterruptedRunError):
            runs = sorted(folder.glob("*/run.json"))
            if not runs:
                begin(folder)
                break
            resumed(runs[number % len(runs)].parent)
            break
    assert not steps.cuts
    return contents(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_was_cut_off_twice_ends_as_if_it_had_not_been(kind, table, steps):
    begin = KINDS[kind]
    begin(table / "whole")
    first, total = steps.count * 5 // 8, steps.count
    expected = contents(table / "whole")
    found = cut(begin, table / "cut", steps, [(first, die), ((total - first) // 2, interrupt)])
    assert found == expected


@pytest.mark.slow
@pytest.mark.parametrize("happen", [die, interrupt])
@pytest.mark.parametrize("rhythm", ["every_seconds=0", "every_epochs=3"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_may_be_cut_off_at_any_step(kind, rhythm, happen, table, steps):
    def begin(folder):
        KINDS[kind](folder, f"checkpoint.{rhythm}")

    begin(table / "whole")
    expected = contents(table / "whole")
    for number in range(1, steps.count + 1):
        assert cut(begin, table / f"cut-{number}", steps, [(number, happen)]) == expected, number


@pytest.mark.parametrize("kind", ["cv", "folds", "grid"])
def test_one_that_has_ended_has_nothing_to_go_on_with(kind, table):
    run = KINDS[kind](table / "runs").run
    assert not (run / "checkpoints").exists()
    with pytest.raises(RunError, match="has finished"):
        resumed(run)
    if kind != "grid":
        verb, folds = ("cv", " --folds 3 --repeats 1") if kind == "cv" else ("train", "")
        again = f"again: bpnet {verb} .*config.yaml{folds} --set training.epochs=9$"
        with pytest.raises(RunError, match=again):
            resumed(run, "training.epochs=9")


def test_an_interruption_before_the_pass_under_way_loses_nothing(table, steps):
    begin = KINDS["members"]
    begin(table / "whole")
    steps.count, steps.cuts = 0, [(steps.count - 3, die)]
    with pytest.raises(KilledError):
        begin(table / "cut")
    run, watcher = table / "cut" / "case-001", CutWatcher()

    def begin_member(*_):
        raise KeyboardInterrupt

    watcher.begin_member = begin_member
    with pytest.raises(InterruptedRunError):
        resume(run, [], force=False, command=["bpnet"], watcher=watcher)
    resumed(run)
    assert contents(table / "cut") == contents(table / "whole")


def test_a_budget_counts_the_time_that_is_used(table, steps):
    steps.cuts = [(5, die)]
    with pytest.raises(KilledError):
        KINDS["members"](table / "runs")
    run = table / "runs" / "case-001"
    result = resume(run, ["budget=0.001"], force=False, command=[], watcher=CutWatcher())
    assert result.not_begun == ["member 2 of 2, 2"]
    assert result.members[0].stop_reason == "budget"


def test_what_an_interruption_says(table, steps):
    steps.cuts = [(11, interrupt)]
    with pytest.raises(InterruptedRunError, match="next: bpnet resume runs/case-001") as caught:
        KINDS["members"](Path("runs"))
    assert caught.value.exit_code == 130


def test_only_the_budget_and_the_rhythm_may_change(table, steps):
    steps.cuts = [(3, die)]
    with pytest.raises(KilledError):
        KINDS["cv"](table / "runs")
    run = table / "runs" / "case-cv-001"
    said = r"can change only budget, checkpoint, logging; train again: bpnet cv \S+ "
    with pytest.raises(UsageError, match=f"{said}--folds 3 --repeats 1 --set training.epochs=9$"):
        resume(run, ["training.epochs=9"], force=False, command=[], watcher=CutWatcher())
    resume(run, ["checkpoint.every_epochs=2"], force=False, command=[], watcher=CutWatcher())


def test_a_damaged_outcome_is_not_gone_on_from(table, steps):
    begin = KINDS["cv by passes"]
    begin(table / "whole")
    steps.count, steps.cuts = 0, [(steps.count - 2, die)]
    with pytest.raises(KilledError):
        begin(table / "cut")
    run = table / "cut" / "case-cv-001"
    outcome = sorted((run / "checkpoints" / "passes").iterdir())[0]
    outcome.write_bytes(outcome.read_bytes()[:-9])
    resumed(run)
    assert contents(table / "cut") == contents(table / "whole")


@pytest.mark.parametrize("kind", ["grid", "grid of ensembles"])
def test_the_first_run_of_a_grid_is_locked_until_the_last_has_ended(kind, table, monkeypatch):
    locked = []

    def begin(self, run, *_):
        with (
            ThreadPoolExecutor() as another,  # a thread counts as a process for locks
            pytest.raises(RunError, match=r"case-001: is in training, by process \d+"),
        ):
            another.submit(resumed, run).result()
        locked.append(is_locked(run.with_name("case-001")))

    monkeypatch.setattr(CutWatcher, "begin", begin)
    KINDS[kind](table / "runs")
    assert locked == [True, True]
    assert not is_locked(table / "runs" / "case-001")


@pytest.mark.parametrize("continues", [False, True])
@pytest.mark.parametrize("kind", ["single", "cv", "cv of an ensemble", "folds", "grid"])
def test_a_run_directory_that_is_gone_is_named(kind, continues, table, monkeypatch):
    epochs = []

    def remove(self, row, kept):
        epochs.append(row["epoch"])
        shutil.rmtree(self.run, ignore_errors=True)

    monkeypatch.setattr(CutWatcher, "epoch", remove)
    begin = trained(ONE) if kind == "single" else KINDS[kind]
    rhythm = ["checkpoint.on_write_error=continue"] if continues else []
    gone = r"\d: the run directory is gone, and with it what was trained; train again: bpnet"
    with pytest.raises(RunError, match=gone) as caught:
        begin(table / "runs", *OFTEN, *rhythm)
    assert caught.value.exit_code == 5
    assert len(caught.value.problems) == 1
    assert list((table / "runs").iterdir()) == []
    assert sorted(set(epochs)) == ([1, 2, 3, 4] if continues else [1])


@pytest.mark.parametrize("kind", ["cv", "folds", "grid", "grid of ensembles"])
def test_a_split_that_is_gone_is_restored_and_another_refused(kind, table, steps):
    KINDS[kind](table / "whole")
    steps.count, steps.cuts = 0, [(3, die)]
    with pytest.raises(KilledError):
        KINDS[kind](table / "cut")
    (splits,) = (table / "cut").glob("*/splits.csv")
    text = splits.read_text()
    splits.write_text(text.replace("\n1,", "\n1,9"))
    with pytest.raises(RunError, match=r"splits\.csv: does not have the split .* remove the file"):
        resumed(splits.parent)
    splits.unlink()
    resumed(splits.parent)
    assert splits.read_text() == text
    assert contents(table / "cut") == contents(table / "whole")


@pytest.mark.parametrize(
    ("kind", "again"),
    [
        ("cv", "cv"),
        ("cv of an ensemble", "cv"),
        ("folds", "train"),
        ("grid", ""),
        ("pack", "train"),
    ],
)
def test_a_training_of_passes_is_not_forced(kind, again, table, steps):
    steps.cuts = [(3, die)]
    with pytest.raises(KilledError):
        KINDS[kind](table / "runs")
    (run,) = (table / "runs").iterdir()
    with pytest.raises(UsageError, match=f"--force: .* train again: bpnet ?{again}"):
        resume(run, [], force=True, command=["bpnet"], watcher=CutWatcher())
    resumed(run)


def test_changed_data_is_refused(table, steps):
    steps.cuts = [(3, die)]
    with pytest.raises(KilledError):
        KINDS["folds"](table / "runs")
    with open(table / "t.csv", "a") as file:
        file.write("1,2,3\n")
    with pytest.raises(RunError, match="is not the data that it was trained on"):
        resumed(table / "runs" / "case-001")
