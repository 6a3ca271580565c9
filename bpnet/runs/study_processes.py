"""The processes at work on a study: a file of each, with the pass that it has and a heartbeat."""

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bpnet.errors import RunError
from bpnet.runs import files
from bpnet.runs.study import StudyFolder

HEARTBEAT = 2.0
"""Seconds between two signs of life of a process."""
STALE = 30.0
"""Seconds without one after which its pass is given to another."""


def _host() -> str:
    """Return what tells apart the machines, and on one of them the spaces of process numbers."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return f"{socket.gethostname()} {space}".strip()


@dataclass
class Workers:
    """The processes of a study as one of them sees them: itself, and whether others are alive."""

    study: StudyFolder
    name: str = field(default_factory=lambda: f"{os.getpid()}-{secrets.token_hex(4)}")
    _seen: dict[str, tuple[Any, float]] = field(default_factory=dict)
    _work: list[int] | None = None
    _beat: int = 0
    _ends: threading.Event = field(default_factory=threading.Event)
    _writing: Any = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.study.workers.mkdir(exist_ok=True)
        self.take(None)
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ends.set()
        if self._thread is not None:
            self._thread.join()
        with contextlib.suppress(OSError):
            self._path(self.name).unlink()

    def _path(self, name: str) -> Path:
        return self.study.workers / f"{name}.json"

    def _renew(self) -> None:
        while not self._ends.wait(HEARTBEAT):
            with contextlib.suppress(RunError):  # a full disk; others wait for a while
                self._write()

    def _write(self) -> None:
        with self._writing:
            self._beat += 1
            content = {
                "host": _host(),
                "process": os.getpid(),
                "beat": self._beat,
                "pass": self._work,
            }
            text = json.dumps(content)
            files.write_text(self._path(self.name), text, flush=False)

    def take(self, work: tuple[int, int] | None) -> None:
        """Say which pass this process trains: its generation, and its position there."""
        self._work = None if work is None else list(work)
        self._write()

    def taken(self) -> set[tuple[int, int]]:
        """Return the passes that other processes have which are alive.

        The files of those that are dead are removed, under the lock of the study.
        """
        taken = set()
        for path in self.study.workers.glob("*.json"):
            if path.stem == self.name:
                continue
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):  # it has just been removed
                continue
            if self._dead(path.stem, content):
                with contextlib.suppress(OSError):
                    path.unlink()
            elif content.get("pass"):
                taken.add(tuple(content["pass"]))
        return taken

    def _dead(self, name: str, content: Mapping[str, Any]) -> bool:
        """Return whether a process has ended, or given no sign of life for long.

        Clocks of machines differ, so that only the time counts in which this process has seen no
        change.
        """
        if content.get("host") == _host() and not _runs(content.get("process")):
            return True
        now = time.monotonic()
        beat, since = self._seen.get(name, (None, now))
        if beat != content.get("beat"):
            since = now
        self._seen[name] = content.get("beat"), since
        return now - since > STALE


def _runs(process: Any) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError, TypeError):
        return False
    except OSError:  # that of another user
        return True
    return True


def processes_alive(study: StudyFolder) -> int:
    """Return the number of processes at work, as far as can be seen from here.

    One of another machine counts until its study is worked on again, and its file is removed.
    """
    alive = 0
    for path in study.workers.glob("*.json"):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # it has just been removed
            continue
        alive += content.get("host") != _host() or _runs(content.get("process"))
    return alive
