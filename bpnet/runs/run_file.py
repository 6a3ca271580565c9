"""run.json: how a run began and how it ended, with its seed, versions and timings."""

import contextlib
import hashlib
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from threadpoolctl import threadpool_info

from bpnet import __version__
from bpnet.errors import RunError
from bpnet.runs import files
from bpnet.runs.lock import RunLock, is_locked

_RUNNING = b'"status": "running",'
_FAILED = b'"status": "failed", '
"""What takes the place of the other, byte for byte."""

Status = Literal["finished", "diverged", "interrupted", "failed"]


class RunFile:
    """run.json of one run, written when the run begins and again when it ends.

    In between the run is locked. Leaving it as a context manager, without `close` before, marks the
    run as failed; if that cannot be written either, it is one whose process has died.
    """

    def __init__(
        self,
        path: Path,
        *,
        seed: int,
        data_sha256: str,
        command: Sequence[str],
        start: float | None = None,
        **details: Any,
    ) -> None:
        """Write the file with the status "running"; `details` are further keys of it.

        `start` is the performance counter when the run began, by default now.
        """
        self.start = time.perf_counter() if start is None else start
        self._path, self._lock = path, RunLock(path.parent)
        self._lock.acquire()
        self._open = True
        files.remove_temporary(path.parent)  # of processes that were killed
        self._content: dict[str, Any] = {
            "status": "running",
            "seed": seed,
            "command": list(command),
            "started": _now(),
            "finished": None,
            "seconds": None,
            "data_sha256": data_sha256,
            "config_sha256": config_digest(path.parent),
            **environment(),
            **details,
        }
        files.write_json(path, self._content)

    @classmethod
    def reopened(
        cls, path: Path, command: Sequence[str], *, seconds: float, processes: int = 1
    ) -> Self:
        """Return run.json of a run that goes on, `seconds` of which have passed already.

        It notes what is other than at the beginning: the versions, the machine, and the number of
        processes that train together. Raises RunError if another process trains it.
        """
        file = cls.__new__(cls)
        file._path, file._lock = path, RunLock(path.parent)
        file._lock.acquire()
        file._open = True
        files.remove_temporary(path.parent)  # of processes that were killed
        file.start = time.perf_counter() - seconds
        content = read_run_file(path)
        before, now = {"processes": 1, **content}, {**environment(), "processes": processes}
        other = {key: value for key, value in now.items() if value != before.get(key)}
        last = {"at": _now(), "command": list(command), **other}
        resumed = [*content.get("resumed", []), last]
        file._content = {**content, "status": "running", "finished": None, "resumed": resumed}
        files.write_json(path, file._content)
        return file

    def go_on_with(self, config: str, data_sha256: str, settings: Sequence[str]) -> None:
        """Replace the text of config.yaml by which the training goes on, and note its data.

        `settings` are the changes that the user asked for, KEY.PATH=VALUE.
        """
        resumed = self._content.get("resumed") or [{"at": _now()}]
        digest = hashlib.sha256(config.encode()).hexdigest()
        last = {**resumed[-1], "config_sha256": digest, "settings": list(settings)}
        self._content |= {"data_sha256": data_sha256, "resumed": [*resumed[:-1], last]}
        files.write_json(self._path, self._content)  # first: so a kill leaves a config it knows
        files.write_text(self._path.parent / "config.yaml", config)

    def close(self, status: Status, **details: Any) -> None:
        """Write how the run ended; `details` replace or add keys."""
        self._content |= {
            "status": status,
            "finished": _now(),
            "seconds": round(time.perf_counter() - self.start, 6),
            **details,
        }
        files.write_json(self._path, self._content)
        self._leave()

    @property
    def folder(self) -> Path:
        """The run directory."""
        return self._path.parent

    @property
    def command(self) -> list[str]:
        """The command line that began the run."""
        return list(self._content["command"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._open:
            return
        if isinstance(error, KeyboardInterrupt):  # a second one: nothing more is written
            self._leave()
            return
        with contextlib.suppress(OSError), open(self._path, "r+b") as file:
            # in place, which needs no room on a full disk
            position = file.read().find(_RUNNING)
            if position >= 0:
                file.seek(position)
                file.write(_FAILED)
        self._leave()

    def _leave(self) -> None:
        self._open = False
        self._lock.release()


class SilentRunFile(RunFile):
    """run.json in a process that trains with the one that writes it: nothing is written."""

    def __init__(self, path: Path, command: Sequence[str], *, seconds: float = 0.0) -> None:
        self.start = time.perf_counter() - seconds
        self._path, self._content, self._open = path, {"command": list(command)}, False

    def go_on_with(self, config: str, data_sha256: str, settings: Sequence[str]) -> None:
        """Write nothing."""

    def close(self, status: Status, **details: Any) -> None:
        """Write nothing."""


def read_run_file(path: Path) -> dict[str, Any]:
    """Return the content of a run.json; raises RunError."""
    content = files.read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("status"), str):
        raise RunError(
            f"{path}: is not the run.json of a run; restore it from a copy, or train again"
        )
    return content


def run_status(path: Path) -> str:
    """Return the status of the run that a run.json is of: "died" if its process has died."""
    return status_of(read_run_file(path), path.parent)


def status_of(content: Mapping[str, Any], folder: Path) -> str:
    """Return the status of a run by the content of its run.json: see `run_status`."""
    status: str = content["status"]
    return "died" if status == "running" and not is_locked(folder) else status


def config_digest(folder: Path) -> str | None:
    """Return the SHA-256 of a run's config.yaml; None if it cannot be read."""
    try:
        return hashlib.sha256((folder / "config.yaml").read_bytes()).hexdigest()
    except OSError:
        return None


def known_config(content: Mapping[str, Any], digest: str | None) -> bool:
    """Return whether a config.yaml of this SHA-256 is one that a run was trained by.

    `content` is that of its run.json. One of a run that knows none, as older runs do, is.
    """
    first = content.get("config_sha256")
    resumed = content.get("resumed")
    known = [one.get("config_sha256") for one in resumed or [] if isinstance(one, dict)]
    return first is None or digest in (first, *known)


def environment() -> dict[str, Any]:
    """Return what the last bits of a training depend on, apart from its config and data."""
    return {
        "versions": {
            "bpnet": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "platform": platform.platform(),
        "blas": blas(),
    }


@cache
def blas() -> dict[str, Any] | None:
    """Return NumPy's library of matrix products; None if unknown.

    Within a command it has one thread: see `bpnet/blas.py`.
    """
    libraries = [one for one in threadpool_info() if one["user_api"] == "blas"]
    keys = ("internal_api", "version", "architecture", "num_threads")
    used = min(libraries, key=_distance_to_numpy, default=None)
    return None if used is None else {key: used.get(key) for key in keys}


def _distance_to_numpy(library: Mapping[str, Any]) -> int:
    """Return 0 for a library that NumPy brings, 1 for the system's, 2 for another package's.

    SciPy brings one of its own, which is loaded beside that of NumPy.
    """
    file, home = Path(library.get("filepath") or "").resolve(), Path(np.__file__).resolve().parent
    if any(file.is_relative_to(one) for one in (home, home.with_name("numpy.libs"))):
        return 0
    return 2 if file.is_relative_to(home.parent) else 1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
