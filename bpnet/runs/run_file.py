"""run.json: how a run began and how it ended, with its seed, versions and timings."""

import platform
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from bpnet import __version__
from bpnet.errors import RunError
from bpnet.runs import files
from bpnet.runs.lock import RunLock, is_locked

Status = Literal["finished", "diverged", "interrupted", "failed"]


class RunFile:
    """run.json of one run, written when the run begins and again when it ends.

    In between the run is locked.
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
        self._content: dict[str, Any] = {
            "status": "running",
            "seed": seed,
            "command": list(command),
            "started": _now(),
            "finished": None,
            "seconds": None,
            "data_sha256": data_sha256,
            "versions": {
                "bpnet": __version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
            "platform": platform.platform(),
            **details,
        }
        files.write_json(path, self._content)

    @classmethod
    def reopened(cls, path: Path, command: Sequence[str], *, seconds: float) -> Self:
        """Return run.json of a run that goes on, `seconds` of which have passed already.

        Raises RunError if another process trains it.
        """
        file = cls.__new__(cls)
        file._path, file._lock = path, RunLock(path.parent)
        file._lock.acquire()
        file.start = time.perf_counter() - seconds
        content = read_run_file(path)
        resumed = [*content.get("resumed", []), {"at": _now(), "command": list(command)}]
        file._content = {**content, "status": "running", "finished": None, "resumed": resumed}
        files.write_json(path, file._content)
        return file

    def close(self, status: Status, **details: Any) -> None:
        """Write how the run ended; `details` replace or add keys."""
        self._content |= {
            "status": status,
            "finished": _now(),
            "seconds": round(time.perf_counter() - self.start, 6),
            **details,
        }
        try:
            files.write_json(self._path, self._content)
        finally:
            self._lock.release()


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
    status: str = read_run_file(path)["status"]
    return "died" if status == "running" and not is_locked(path.parent) else status


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
