"""A terminal of a given width, on which a command runs."""

import contextlib
import fcntl
import os
import struct
import subprocess
import termios
from pathlib import Path

from command_line import BPNET


def on_terminal(*words: str, cwd: Path, columns: int = 80, term: str = "dumb") -> str:
    """Return what a command shows on a terminal, results and messages."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        [*BPNET, *words],
        cwd=cwd,
        stdout=theirs,
        stderr=theirs,
        env=environment | {"TERM": term},
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end, on Linux
        while piece := os.read(ours, 65_536):
            shown += piece
    os.close(ours)
    process.wait()
    return shown.decode().replace("\r\n", "\n")
