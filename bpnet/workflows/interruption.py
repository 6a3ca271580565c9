"""Interruption: a first Ctrl-C, SIGTERM or SIGHUP ends a training and saves it; a second leaves."""

import _thread
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from bpnet.errors import InterruptedRunError, RunError

SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))

_MOMENT = 0.01
"""Seconds after which a signal that was lost comes again."""


class SignalInterrupt(KeyboardInterrupt):
    """A signal that ends the command, with its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class SecondInterruption(SignalInterrupt):
    """A second signal, after which nothing more is saved."""


_latest: SignalInterrupt | None = None
"""What a handler of signals has raised last."""


def _raise(interrupt: SignalInterrupt) -> NoReturn:
    """Raise an interrupt, which `interrupts_kept` knows of when a library has lost it."""
    global _latest
    _latest = interrupt
    raise interrupt


def raise_interrupt(number: int, _frame: FrameType | None) -> None:
    """Raise SignalInterrupt: the handler of signals outside of a training."""
    _raise(SignalInterrupt(number))


@contextmanager
def signals_raise() -> Iterator[None]:
    """Let signals raise SignalInterrupt, but those that the caller ignores, as nohup does SIGHUP.

    One that arrives where code in C cannot raise it comes again a moment later. At the end all are
    ignored: the command has its exit code, and Python, which may take a moment to leave, would end
    by another one.
    """
    hook = sys.unraisablehook

    def again(unraisable: "sys.UnraisableHookArgs") -> None:
        if isinstance(unraisable.exc_value, SignalInterrupt):
            returns = threading.Event()
            _thread.start_new_thread(_send_after, (returns, unraisable.exc_value.number))
            returns.set()
        else:
            hook(unraisable)

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, raise_interrupt)
    sys.unraisablehook = again
    try:
        yield
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        sys.unraisablehook = hook


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Raise the SignalInterrupt again that a library has turned into an error of its own.

    A signal is raised wherever the program is, and so in libraries, which may take it for a failure
    of what they tried: NumPy makes a ValueError of one that arrives while it reads a buffer's
    format, and pydantic a SchemaError, without a cause, of one while it builds a validator. What
    the project says of an interruption stays: what it has saved, or could not write.
    """
    before = _latest
    try:
        yield
    except (InterruptedRunError, RunError):
        raise
    except Exception as error:
        if _latest is None or _latest is before:
            raise
        raise _latest from error


def _send_after(returns: threading.Event, number: int) -> None:
    """Send a signal once the code that lost it, which would lose it again, has returned."""
    returns.wait()
    time.sleep(_MOMENT)
    _send(number)


def _send(number: int) -> None:
    """Send a signal to the main thread, which also ends what it waits for."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:  # Windows
        _thread.interrupt_main(signal.Signals(number))


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
    """Turn the first signal into SignalInterrupt, and a second into SecondInterruption.

    The first is only noted if it arrives while `postponed` is set; those after the second are
    ignored, for the command ends already. Outside the main thread, where signals cannot be handled,
    nothing changes.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return

    # a signal that the caller ignores or handles itself stays as it is
    handlers = (signal.default_int_handler, raise_interrupt)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in before.items() if handler in handlers}
    left = False

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal left
        if interruption.requested:
            left = True
            for each in before:
                signal.signal(each, signal.SIG_IGN)
            _raise(SecondInterruption(number))
        interruption.number = number
        if not interruption.postponed:
            _raise(SignalInterrupt(number))

    for number in before:
        signal.signal(number, interrupt)
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            # the command line's stay ignored while it leaves, until `signals_raise` ends
            if not left or handler is not raise_interrupt:
                signal.signal(number, handler)
