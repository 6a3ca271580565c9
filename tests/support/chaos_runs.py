"""Runs that are killed, stopped or refused their files, and what must be left of them.

Commands run in forks of a process that has imported bpnet, so that a run takes a tenth of a second.
"""

import contextlib
import csv
import functools
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import safetensors.numpy
import yaml
from failing_files import Failure, install

from bpnet.cli import main

TABLE = "a,b,c\n" + "".join(
    f"{k % 7}.5,{k * 37 % 11},{'xy'[(k * k % 5 + k % 3) % 2]}\n" for k in range(90)
)
CONFIG = """\
dataset: {path: t.csv, target: c}
training: {epochs: 8, batch_size: 16, learning_rate: 0.05}
checkpoint: {every_seconds: 0}
"""
SMALL = "architecture: {hidden: [4]}\n"
DROPOUT = "architecture: {hidden: [8], dropout: 0.3}\n"
FOLDS = "folds: 3\n"
GRID = ("--grid", "training.learning_rate=0.05,0.1", "--grid", "architecture.hidden=[4],[3]")
LONGEST = 60
"""Seconds after which a command hangs."""


@dataclass(frozen=True)
class Kind:
    """A kind of training: its config, and its command without the folder of runs."""

    name: str
    config: str = CONFIG + SMALL
    words: tuple[str, ...] = ("train", "c.yaml")


KINDS = (
    Kind("plain"),
    Kind(
        "dropout",
        CONFIG.replace("0.05", "0.05, optimizer: adam, schedule: {kind: cosine}") + DROPOUT,
    ),
    Kind("replicas", CONFIG + SMALL + "replicas: 3\n"),
    Kind("stored", CONFIG.replace("target: c", "target: c, storage: disk") + SMALL),
    Kind("cv", words=("cv", "c.yaml", "--folds", "3")),
    Kind("ensemble", CONFIG + SMALL + FOLDS),
    # two shapes, so that it trains in two passes, each into a run of its own
    Kind("grid", words=("train", "c.yaml", *GRID)),
)


def command(words: Sequence[str], folder: str, output: str, failure: Failure | None) -> None:
    """Run a command in this process, which a fork has made for it."""
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
    os.chdir(folder)
    sys.argv = ["bpnet", *words]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.fsync = lambda file: None  # what flushing promises is for power cuts
    if failure is not None:
        install(failure)
    main()


def warm_up() -> None:
    """Let bpnet import everything that a training needs, before processes are forked."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(Kind("ensemble", CONFIG + SMALL + FOLDS), Path(folder))
        resume = ("resume", "runs/c-001", "--set", "training.epochs=9")
        single = ("train", "c.yaml", "--set", "folds=null")
        others = (("cv", "c.yaml", "--folds", "3"), ("train", "c.yaml"), (*single, *GRID))
        for words in (single, resume, *others):
            with (
                open(os.devnull, "w") as null,
                contextlib.redirect_stdout(null),
                contextlib.redirect_stderr(null),
                contextlib.suppress(SystemExit),
                contextlib.chdir(folder),
            ):
                sys.argv = ["bpnet", *words]
                main()


def prepare(kind: Kind, folder: Path) -> None:
    """Write a kind's config and table."""
    (folder / "c.yaml").write_text(kind.config)
    (folder / "t.csv").write_text(TABLE)


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    output: str
    seconds: float


@functools.cache
def _forks() -> ForkServerContext:
    """Start the process of which commands are forks."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # by which it finds what to import
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["chaos_preload"])
    forkserver.ensure_running()
    del os.environ["PYTHONPATH"]
    if before is not None:
        os.environ["PYTHONPATH"] = before
    return context


class Command:
    """A command in a process of its own."""

    def __init__(self, words: Sequence[str], folder: Path, failure: Failure | None = None) -> None:
        context = _forks()
        self._output = folder / f"output-{time.monotonic_ns()}"
        self.start = time.perf_counter()
        self.process: BaseProcess = context.Process(
            target=command, args=(list(words), str(folder), str(self._output), failure)
        )
        self.process.start()

    def signal(self, number: int, after: float) -> None:
        """Send a signal after some seconds, unless it has ended by then."""
        self.process.join(after)
        if self.process.is_alive() and self.process.pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self.process.pid, number)

    def ended(self) -> Ended:
        """Wait for the end."""
        self.process.join(LONGEST)
        code = self.process.exitcode
        output = self._output.read_text() if self._output.exists() else ""
        if code is None:
            self.process.kill()
            raise AssertionError(f"hangs: {output}")
        self.process.close()
        assert "Traceback" not in output, output
        assert "Exception ignored" not in output, output
        return Ended(code, output, time.perf_counter() - self.start)


def run(words: Sequence[str], folder: Path, failure: Failure | None = None) -> Ended:
    """Run a command to its end."""
    return Command(words, folder, failure).ended()


def begun_runs(folder: Path) -> dict[Path, dict[str, Any]]:
    """Return the run directories that have begun, with their run.json: several of a grid."""
    files = sorted((folder / "runs").glob("*/run.json"))
    return {path.parent: json.loads(path.read_text()) for path in files}


def next_words(kind: Kind, folder: Path) -> Sequence[str] | None:
    """Return the command that goes on with what there is; None if it has finished."""
    runs = begun_runs(folder)
    if not runs:
        return kind.words
    newest = list(runs)[-1]
    grid = runs[newest].get("grid")
    whole = grid is None or (
        len(runs) == grid["passes"] and any((folder / "runs").glob("*/grid.csv"))
    )
    if whole and all(content["status"] == "finished" for content in runs.values()):
        return None
    return ("resume", str(newest))


def check_files(folder: Path) -> None:
    """Check that each file of a run parses; temporary files of a killed process may be torn."""
    for path in sorted((folder / "runs").rglob("*")):
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".csv":
            text = path.read_text()
            assert text.endswith("\n"), path
            rows = list(csv.reader(text.splitlines()))
            assert {len(row) for row in rows} == {len(rows[0])}, path
        elif path.suffix == ".safetensors":
            safetensors.numpy.load_file(path)
        elif path.suffix == ".yaml" or path.name == "MLmodel":
            yaml.safe_load(path.read_text())
        elif path.name == "README.md":
            assert yaml.safe_load(path.read_text().split("---\n")[1])["library_name"] == "bpnet"
        elif path.name == "requirements.txt":
            assert path.read_text().startswith("bpnet-cli==")
        else:
            assert path.is_dir() or path.name == ".lock" or path.name.endswith(".tmp"), path


def result(folder: Path, *, temporary: bool = False) -> dict[str, str]:
    """Return what a command has come to: the content of each file, without times, as a digest.

    Only with `temporary` may a temporary file be there.
    """
    found = {}
    for run_folder, content in begun_runs(folder).items():
        number = content.get("grid", {}).get("number", 1)  # a killed process may skip a name
        for path in sorted(run_folder.rglob("*")):
            name = str(path.relative_to(run_folder))
            if path.is_dir() or name.startswith("checkpoints/") or name == ".lock":
                continue  # a lock that nobody holds is none
            if path.name.endswith(".tmp"):
                assert temporary, f"{name} was not removed"
                continue
            digest = hashlib.sha256(_lasting(path)).hexdigest()
            assert found.setdefault(f"{number}/{name}", digest) == digest
    return found


def _lasting(path: Path) -> bytes:
    """Return the content of a file of a run, without times and names of folders."""
    content = path.read_bytes()
    if path.name == "run.json":
        whole: dict[str, Any] = json.loads(content)
        timeless = ("status", "stop_reason", "best_epoch", "epochs", "rows", "replicas")
        kept = (*timeless, "warnings", "folds", "members", "left_out", "seed")
        return json.dumps({key: whole.get(key) for key in kept}).encode()
    if path.name == "diagnosis.json":
        return _without_settings(json.loads(content)).encode()
    if path.suffix == ".csv":
        rows = list(csv.reader(content.decode().splitlines()))
        own = ("seconds", "run") if path.name == "grid.csv" else ("seconds",)
        columns = [k for k, title in enumerate(rows[0]) if title not in own]
        return "\n".join(",".join(row[k] for k in columns) for row in rows).encode()
    return content


def _without_settings(diagnosis: Any) -> str:
    """Return a diagnosis without the settings it advises.

    They are worded for the config of the training, which is config.yaml of one that goes on.
    """

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: bare(v) for k, v in value.items() if k not in ("text", "settings")}
        return [bare(item) for item in value] if isinstance(value, list) else value

    return json.dumps(bare(diagnosis))


def differences(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """Return the files in which two results differ."""
    names = found.keys() | expected.keys()
    return sorted(name for name in names if found.get(name) != expected.get(name))
