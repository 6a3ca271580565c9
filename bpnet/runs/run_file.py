"""run.json: how a run began and how it ended, with its seed, versions and timings."""

import platform
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bpnet import __version__
from bpnet.runs import files

Status = Literal["finished", "diverged", "interrupted", "failed"]


class RunFile:
    """run.json of one run, written when the run begins and again when it ends."""

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
        self._path = path
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

    def close(self, status: Status, **details: Any) -> None:
        """Write how the run ended; `details` replace or add keys."""
        self._content |= {
            "status": status,
            "finished": _now(),
            "seconds": round(time.perf_counter() - self.start, 6),
            **details,
        }
        files.write_json(self._path, self._content)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
