"""The command line: one file per verb, which turns flags into a call and its result into output."""

import os
import signal
from types import FrameType

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _leave)
    from bpnet.cli import app  # deferred: it takes a moment, in which a signal may come

    app.main()


def _leave(number: int, _frame: FrameType | None) -> None:
    """End the process, in which nothing has begun yet."""
    os.write(2, b"interrupted\n")
    os._exit(128 + number)
