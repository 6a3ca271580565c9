"""Ending: what a run does with Ctrl-C while it trains and saves, and what is said of one that diverged."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible_once() -> Iterator[None]:
    """Let Ctrl-C interrupt what is inside, but once: an impatient second one must not cut the saving short."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is signal.SIG_IGN:
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def likely_cause(learning_rate: float) -> str:
    """What most likely made a training diverge, and what to try."""
    lower = min(learning_rate / 10, 0.01)
    return (
        f"the loss is no longer a finite number. The likely cause is a learning rate that is too high "
        f"({learning_rate:g}): try --set training.learning_rate={lower:g}, "
        "or --set 'training.gradient_clipping={norm: 1}'"
    )
