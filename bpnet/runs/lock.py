"""The lock of a run directory: held while a process writes to it, and released at its end."""

import contextlib
import os
import time
from pathlib import Path
from typing import BinaryIO

from bpnet.errors import RunError
from bpnet.runs.files import cannot_write

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_TRIES, _PAUSE = 20, 0.01
"""The number of times a taken lock is tried, and the seconds in between."""


class RunLock:
    """The lock of a run directory, which the system takes back when the process ends.

    On systems without such locks (Windows) nothing is locked.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".lock"
        self._file: BinaryIO | None = None

    def acquire(self) -> None:
        """Take the lock, until `release`. Raises RunError if another process has it."""
        try:
            file = open(self._path, "a+b")  # noqa: SIM115 - open as long as the lock is held
        except OSError as error:
            raise cannot_write(self._path, error) from error
        if not _locked(file):
            file.seek(0)
            process = file.read(100).decode("utf-8", "replace")
            file.close()
            raise RunError(
                f"{self._path.parent}: is in training, by process {process}; "
                "wait for it, or stop it"
            ) from None
        if not self._is_current(file):  # another process has just finished, and removed the file
            file.close()
            self.acquire()
            return
        with contextlib.suppress(OSError):  # the number is for messages only
            file.truncate(0)
            file.write(str(os.getpid()).encode())
            file.flush()
        self._file = file

    def _is_current(self, file: BinaryIO) -> bool:
        """Return True if the path still leads to the open file."""
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except OSError:
            return False

    def release(self) -> None:
        """Give the lock back, if it is held, and remove its file."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._file.close()
            self._file = None


def _locked(file: BinaryIO) -> bool:
    """Lock a file, and return False if another process has the lock.

    A process that only tests the lock holds it for a moment, which is waited for. On a file system
    without locks nothing is locked.
    """
    if fcntl is None:
        return True
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)
        except OSError:
            return True
        else:
            return True
    return False


def is_locked(folder: Path) -> bool:
    """Return True if a running process holds the lock of a run directory."""
    if fcntl is None:
        return (folder / ".lock").exists()
    try:
        with open(folder / ".lock", "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    except OSError:
        return False
    return False
