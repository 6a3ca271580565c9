"""The lock of a run directory: held while a process writes to it, and released at its end."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
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


_HELD: dict[tuple[str, int], list[BinaryIO]] = {}
"""The file of each lock that is held, by its path and the thread, once for each time it is taken.
"""


@contextlib.contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Hold the lock that is a file, which is made; wait until no other process has it.

    Raises RunError. Where there are no such locks nothing is locked.
    """
    try:
        file = open(path, "a+b")  # noqa: SIM115 - closed below
    except OSError as error:
        raise cannot_write(path, error) from error
    with file:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


class RunLock:
    """The lock of a run directory, which the system takes back when the process ends.

    The thread that holds it may take it again, as what resumes a run does before it trains it. On
    systems without such locks (Windows) nothing is locked.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".lock"
        self._key = (os.path.realpath(self._path), threading.get_ident())
        self._taken = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for a while. Raises RunError if another process has it."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def acquire(self) -> None:
        """Take the lock, until `release`. Raises RunError if another process has it."""
        files = _HELD.get(self._key)
        if files:
            files.append(files[0])
        else:
            _HELD[self._key] = [self._locked_file()]
        self._taken = True

    def _locked_file(self) -> BinaryIO:
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
            return self._locked_file()
        with contextlib.suppress(OSError):  # the number is for messages only
            file.truncate(0)
            file.write(str(os.getpid()).encode())
            file.flush()
        return file

    def _is_current(self, file: BinaryIO) -> bool:
        """Return True if the path still leads to the open file."""
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except OSError:
            return False

    def release(self) -> None:
        """Give the lock back, if it was taken; the last time its file is removed."""
        if not self._taken:
            return
        self._taken = False
        files = _HELD[self._key]
        file = files.pop()
        if not files:
            del _HELD[self._key]
            with contextlib.suppress(OSError):
                self._path.unlink()
            file.close()


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


def hold(file: BinaryIO) -> bool:
    """Lock a file that the process writes, until it is closed, where the system has such locks.

    Returns False if `remove_unheld` has just removed the file.
    """
    _locked(file)
    return os.fstat(file.fileno()).st_nlink > 0


def remove_unheld(path: Path) -> None:
    """Remove a file that no process has locked by `hold`; it stays where that is not known."""
    if fcntl is None:
        return
    # it is locked until it is removed, so that nobody holds it in between
    with contextlib.suppress(OSError), open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        path.unlink()


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
