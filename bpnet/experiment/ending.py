"""Ending: what a run does with Ctrl-C while it trains and saves, and what is said of one that diverged."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interruption:
    """Whether the user has asked to stop, and whether that must wait, for the run is being saved."""

    asked: bool = False
    saving: bool = False


@contextmanager
def interruptible_once() -> Iterator[Interruption]:
    """Let Ctrl-C or SIGTERM interrupt what is inside, but once, and not while it saves: then it is noted alone."""
    found = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield found
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        first, found.asked = not found.asked, True
        if first and not found.saving:
            raise KeyboardInterrupt

    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is signal.default_int_handler]
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield found
    finally:
        for number in numbers:
            signal.signal(number, signal.default_int_handler)


def likely_cause(learning_rate: float) -> str:
    """What most likely made a training diverge, and what to try."""
    lower = min(learning_rate / 10, 0.01)
    return (
        f"the loss is no longer a finite number. The likely cause is a learning rate that is too high "
        f"({learning_rate:g}): try --set training.learning_rate={lower:g}, "
        "or --set 'training.gradient_clipping={norm: 1}'"
    )
