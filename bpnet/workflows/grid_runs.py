"""The runs of a grid: which of them exist, and what each run.json records of the grid."""

import os
import re
import signal
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from bpnet.config.source import Source, parse_source, yaml_text
from bpnet.errors import RunError
from bpnet.paths import is_dir
from bpnet.runs import files
from bpnet.runs.checkpoints import Checkpoints, read_state, write_state
from bpnet.runs.directory import RunPaths
from bpnet.runs.lock import RunLock, is_locked
from bpnet.runs.outcomes import SavedPasses
from bpnet.runs.run_file import Status, read_run_file
from bpnet.workflows.grid_ranking import PointResult
from bpnet.workflows.interruption import Interruption, interrupts_kept
from bpnet.workflows.run_place import NewRun, Place, ResumedRun


class TrainedPart(NamedTuple):
    """What the training of one of a grid's runs has come to."""

    results: list[PointResult]
    status: Status
    interruption: Interruption


@dataclass
class GridRuns:
    """The runs of a grid by their numbers, from 1: those that exist, and how more are made."""

    source: Source
    """The config of the grid, without its own keys."""
    grids: Sequence[str]
    runs: Path
    """The folder of the run directories."""
    name: str
    command: Sequence[str]
    begun: dict[int, RunPaths] = field(default_factory=dict)
    _lock: RunLock | None = field(default=None, init=False)

    def begin(self, number: int, run: RunPaths) -> None:
        """Note that a run exists; the first one is locked until the grid ends.

        So no other process goes on with the grid between two of its runs.
        """
        self.begun[number] = run
        if number == 1:
            self._lock = RunLock(run.folder)
            self._lock.acquire()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._lock is not None:
            self._lock.release()

    def place(self, number: int) -> Place:
        """Return where a run is, or is to be made."""
        run = self.begun.get(number)
        if run is None:
            return NewRun(self.runs, self.name, self.command)
        return ResumedRun(run, self.command, SavedPasses.read(run.checkpoints))

    def details(self, number: int, count: int) -> dict[str, Any]:
        """Return what the run.json of one of `count` runs records of the grid."""
        source = self.source
        folder = os.path.relpath(os.path.realpath(source.folder), os.path.realpath(self.runs))
        grid = {
            "keys": list(self.grids),
            "name": self.name,
            "number": number,
            "passes": count,
            "first": None if number == 1 else self.begun[1].folder.name,
            "config": yaml_text(source.data),
            "file": source.name,
            "folder": Path(folder).as_posix(),
            "texts": [[list(path), text] for path, text in source.texts.items()],
        }
        return {"kind": "grid", "grid": grid}

    def results(self, number: int) -> list[PointResult] | None:
        """Return the results of a run that has ended; None if it has not."""
        run = self.begun.get(number)
        if run is None or read_run_file(run.run)["status"] not in ("finished", "diverged"):
            return None
        try:
            points = read_state(_results(run))["points"]
        except RunError:
            return None
        return [PointResult(**point, run=run.folder) for point in points]

    def in_turn(
        self, count: int, train: Callable[[int], TrainedPart]
    ) -> tuple[list[PointResult], int]:
        """Train each of `count` runs that has not ended; return all results, and a signal.

        It is the number of the signal that interrupted, 0 if there was none. Raises
        KeyboardInterrupt if the interruption comes before any run has trained.
        """
        results: list[PointResult] = []
        try:
            for number in range(1, count + 1):
                ended = self.results(number)
                if ended is not None:
                    results += ended
                    continue
                with interrupts_kept():
                    part = train(number)
                results += part.results
                # a signal while a run was saved has waited: the next one does not begin
                waits = part.interruption.requested and number < count
                if part.status == "interrupted" or waits:
                    return results, part.interruption.number or signal.SIGINT
        except KeyboardInterrupt as interrupt:  # between two runs
            if not results:
                raise
            return results, getattr(interrupt, "number", signal.SIGINT)
        return results, 0

    def keep(self, run: RunPaths, results: Sequence[PointResult]) -> None:
        """Write the results of a run, for a grid that is resumed."""
        points = [asdict(result) for result in results]
        for point in points:
            del point["run"]
        path = _results(run)
        path.parent.mkdir(exist_ok=True)
        write_state(path, {"points": points}, flush=False)

    def finish(self) -> None:
        """Remove all checkpoints, as the grid has finished."""
        for run in self.begun.values():
            Checkpoints(run.checkpoints).remove()


def _results(run: RunPaths) -> Path:
    return run.checkpoints / "results.safetensors"


def locked_folder(run: RunPaths) -> Path:
    """Return the run directory that is locked while a run is in training: of a grid the first."""
    grid = read_run_file(run.run).get("grid")
    first = grid.get("first") if isinstance(grid, dict) else None
    if isinstance(first, str) and Path(first).name == first and is_dir(run.folder.parent / first):
        return run.folder.parent / first
    return run.folder


def grid_of(run: RunPaths, command: Sequence[str]) -> GridRuns:
    """Return the runs of the grid that a run belongs to, of which this process has the lock.

    Raises RunError if one of them is in training, or all have finished.
    """
    runs = new_grid_of(run, run.folder.parent, command)
    begun = runs.begun = runs_of_grid(run)
    passes = read_run_file(run.run)["grid"].get("passes")
    if not isinstance(passes, int):
        raise _not_described(run)
    finished = list(begun) == list(range(1, passes + 1))
    ours = locked_folder(run).resolve()
    for one in begun.values():
        if one.folder.resolve() != ours and is_locked(one.folder):
            raise RunError(f"{one.folder}: is in training; wait for it, or stop it")
        finished &= read_run_file(one.run)["status"] in ("finished", "diverged")
        files.remove_temporary(one.folder)  # of processes that were killed
    rankings = [one.folder / "grid.csv" for one in begun.values()]
    rankings = [path for path in rankings if path.is_file()]
    if finished and rankings:
        runs.finish()
        raise RunError(f"{run.folder}: its grid has finished; the points are in {rankings[0]}")
    for path in rankings:  # of the points that had begun
        files.remove(path)
    return runs


def new_grid_of(run: RunPaths, runs: Path, command: Sequence[str]) -> GridRuns:
    """Return the grid that a run belongs to, as one that has no runs in the folder `runs` yet.

    Raises RunError if run.json does not describe it.
    """
    try:
        grid = read_run_file(run.run)["grid"]
        parsed = parse_source(grid["config"], grid["file"], run.folder.parent / grid["folder"])
        texts = {tuple(path): text for path, text in grid["texts"]}
        keys = [str(key) for key in grid["keys"]]
        return GridRuns(replace(parsed, texts=texts), keys, runs, str(grid["name"]), command)
    except (KeyError, TypeError, ValueError):
        raise _not_described(run) from None


def _not_described(run: RunPaths) -> RunError:
    return RunError(
        f"{run.run}: does not describe the grid that the run belongs to; "
        "restore it from a copy, or train again"
    )


def runs_of_grid(run: RunPaths) -> dict[int, RunPaths]:
    """Return the runs of the grid that a run belongs to, by their numbers.

    Raises RunError if run.json does not describe it.
    """
    try:
        grid = read_run_file(run.run)["grid"]
        first = grid["first"] or run.folder.resolve().name
        begun = {}
        # others in the folder may be damaged, and copies have names of their own
        numbered = re.compile(re.escape(grid["name"]) + "-[0-9]+")
        named = run.folder.parent.glob("*/run.json")
        for path in (run.run, *(one for one in named if numbered.fullmatch(one.parent.name))):
            other = read_run_file(path).get("grid")
            if isinstance(other, dict) and (other["first"] or path.parent.name) == first:
                begun[int(other["number"])] = RunPaths(path.parent)
        return {number: begun[number] for number in sorted(begun)}
    except (KeyError, TypeError, ValueError):
        raise _not_described(run) from None
