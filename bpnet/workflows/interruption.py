"""Interruption: Ctrl-C and SIGTERM end a training once, and wait while it is being saved."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interruption:
    """The state of an interruption; set `saving` to postpone one while files are written."""

    requested: bool = False
    saving: bool = False


@contextmanager
def interruptible_once() -> Iterator[Interruption]:
    """Turn the first Ctrl-C or SIGTERM into KeyboardInterrupt, and only note the others.

    The first is only noted, too, if it arrives while `saving` is set. Outside the main thread,
    where signals cannot be handled, nothing changes.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        first, interruption.requested = not interruption.requested, True
        if first and not interruption.saving:
            raise KeyboardInterrupt

    # a signal that the caller ignores or handles itself stays as it is
    numbers = [
        number
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is signal.default_int_handler
    ]
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield interruption
    finally:
        for number in numbers:
            signal.signal(number, signal.default_int_handler)
