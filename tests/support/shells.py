"""An interactive shell in a pseudo-terminal, in which keys are typed and the screen is read."""

import os
import select
import shlex
import shutil
import signal
import struct
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path

import pyte
from command_line import ROOT

PROMPT = "ready> "
START = {
    "bash": ["bash", "--noprofile", "--rcfile", "{rc}", "-i"],
    "zsh": ["zsh", "-i"],
    "fish": ["fish", "-i"],
}
SECONDS = 60
"""The longest that a shell takes to show something, on a machine with much else to do."""


def is_there(shell: str) -> bool:
    return shutil.which(shell) is not None


class Shell:
    """A running shell, whose start-up file is that of a home of its own; `bpnet` is on the path."""

    def __init__(self, shell: str, home: Path, folder: Path) -> None:
        tools = home / "bin"
        tools.mkdir(exist_ok=True)
        command = tools / "bpnet"
        call = "import sys; sys.argv[0] = 'bpnet'; from bpnet.cli import main; main()"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{call}" "$@"\n')
        command.chmod(0o755)
        start, prompt = home / f".{shell}rc", f"PS1={shlex.quote(PROMPT)}"
        if shell == "fish":
            start = home / ".config" / "fish" / "config.fish"
            prompt = f"function fish_prompt; echo -n {shlex.quote(PROMPT)}; end; set fish_greeting"
        present = start.read_text() if start.exists() else ""
        start.write_text(f"{prompt}\n{present}")
        words = [word.format(rc=start) for word in START[shell]]
        environment = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(home),
            "ZDOTDIR": str(home),
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
        }
        self._screen = pyte.Screen(200, 50)
        self._stream = pyte.ByteStream(self._screen)
        self._process, self._terminal = os.forkpty()
        if self._process == 0:  # the shell
            os.chdir(folder)
            os.execvpe(words[0], words, environment)
        ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        self.wait(PROMPT.strip())

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def wait(self, text: str) -> None:
        """Wait until the screen shows a text; fails with the screen if it never does."""
        end = time.monotonic() + SECONDS
        while text not in self.screen:
            ready, _, _ = select.select([self._terminal], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} is not on the screen:\n{self.screen}"
            self._stream.feed(os.read(self._terminal, 65_536))

    @property
    def screen(self) -> str:
        """The lines on the screen, without blanks at their ends; the cursor is shown as |."""
        lines = list(self._screen.display)
        row, column = self._screen.cursor.y, self._screen.cursor.x
        lines[row] = f"{lines[row][:column]}|{lines[row][column:]}"
        return "\n".join(line.rstrip() for line in lines).rstrip()

    def close(self) -> None:
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._terminal)
