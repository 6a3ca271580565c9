"""A file layer that fails: from a call on, or at one call, every write of a process is refused.

`fail` replaces what Python offers to change files, below bpnet: opening, writing, flushing,
renaming, removing, making folders. Calls are counted from 1.
"""

import builtins
import errno
import io
import os
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PAGE = 4096
"""Bytes of a page of memory."""

CHANGES = ("fsync", "replace", "rename", "unlink", "remove", "mkdir", "rmdir", "chmod", "ftruncate")
"""Functions of `os` that change files."""
_GROWING = ("fsync", "replace", "rename", "mkdir")
"""Those of them that need room on the disk."""


@dataclass
class Failure:
    """What fails: the call of a number, and with `lasting` all after it.

    `number` is an errno, or 0 for a kill by SIGKILL in the middle of the call.
    """

    call: int
    number: int
    lasting: bool = False
    calls: int = 0

    def due(self, *, shrinks: bool = False) -> bool:
        """Count a call, and return True if it fails.

        One that makes files smaller or fewer does not fail for lasting.
        """
        self.calls += 1
        lasts = self.lasting and not shrinks
        return self.calls == self.call or (lasts and self.calls > self.call)

    def fail(self) -> None:
        """Raise the error, or die."""
        if self.number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(self.number, os.strerror(self.number))


def full(call: int, *, lasting: bool = True) -> Failure:
    """Return the failure of a disk that is full from a call on."""
    return Failure(call, errno.ENOSPC, lasting)


def failing_file(failure: Failure) -> type[io.FileIO]:
    """Return a raw file, of whose write that fails the first half is written.

    Of a process that is killed only whole pages of the file are: Linux looks for a fatal signal
    between two pages (mm/filemap.c, generic_perform_write).
    """

    class FailingFile(io.FileIO):
        def write(self, content: Any) -> int:
            view = memoryview(content).cast("B")
            if failure.due():
                half = len(view) // 2
                if failure.number == 0:
                    start = self.tell()
                    half = max((start + half) // PAGE * PAGE - start, 0)
                super().write(view[:half])
                failure.fail()
            return super().write(view) or 0

        def truncate(self, size: int | None = None) -> int:
            if failure.due(shrinks=True):
                failure.fail()
            return super().truncate(size)

    return FailingFile


def failing_open(failure: Failure) -> Callable[..., Any]:
    """Return `open`, of whose files those that can be written to fail."""
    kind, plain = failing_file(failure), open

    def opened(file: Any, mode: str = "r", buffering: int = -1, *more: Any, **named: Any) -> Any:
        if not set(mode) & set("wax+") or "b" not in mode:
            return plain(file, mode, buffering, *more, **named)
        if failure.due():
            failure.fail()
        raw = kind(file, mode.replace("b", ""), opener=named.get("opener"))
        if buffering == 0:
            return raw
        return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)

    return opened


def install(failure: Failure) -> None:
    """Let the file layer of this process fail, for good."""

    def failing(function: Callable[..., Any], *, shrinks: bool) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if failure.due(shrinks=shrinks):
                failure.fail()
            return function(*arguments, **named)

        return call

    for name in CHANGES:
        setattr(os, name, failing(getattr(os, name), shrinks=name not in _GROWING))
    opened = failing_open(failure)
    builtins.open = io.open = opened  # type: ignore[assignment]
    tempfile._io = type("io", (), {"open": staticmethod(opened)})  # type: ignore[attr-defined]
