"""Interruption: a first Ctrl-C, SIGTERM or SIGHUP ends a training and saves it; a second leaves."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


class SecondInterruption(KeyboardInterrupt):
    """A second signal, after which nothing more is saved."""


@dataclass
class Interruption:
    """The state of an interruption; set `postponed` while one would meet something half done."""

    number: int = 0
    """The number of the first signal; 0 if there was none."""
    postponed: bool = False
    """True while a signal is only noted, and whoever set this looks at `requested`."""

    @property
    def requested(self) -> bool:
        """True if there was a signal."""
        return self.number != 0


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turn the first signal into KeyboardInterrupt, and a second into SecondInterruption.

    The first is only noted if it arrives while `postponed` is set. Outside the main thread, where
    signals cannot be handled, nothing changes.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if interruption.requested:
            raise SecondInterruption
        interruption.number = number
        if not interruption.postponed:
            raise KeyboardInterrupt

    # a signal that the caller ignores or handles itself stays as it is
    numbers = [
        number for number in SIGNALS if signal.getsignal(number) is signal.default_int_handler
    ]
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield interruption
    finally:
        for number in numbers:
            signal.signal(number, signal.default_int_handler)
