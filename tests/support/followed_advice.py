"""Follow the advice of a message literally, as a user would who types what it says."""

import re
import shlex
from collections.abc import Callable, Iterator

from command_line import Said

Run = Callable[[list[str]], Said]

_DOCUMENTED = {2, 3, 4, 5, 6}
_MOST_ROUNDS = 5


class NotHelpedError(AssertionError):
    """A command failed, and what its message advises does not lead to exit code 0."""


def run_with_advice(run: Run, command: list[str]) -> tuple[list[str], list[str]]:
    """Run a command; while it fails, do what its message advises.

    Returns the command that ended with exit code 0, and the messages on the way. Raises
    NotHelpedError if there is no advice that can be typed, or it does not help.
    """
    messages: list[str] = []
    tried = {tuple(command)}
    for _ in range(_MOST_ROUNDS):
        said = run(command)
        if said.code == 0:
            return command, messages
        messages.append(said.err)
        if said.code not in _DOCUMENTED or "Traceback" in said.err:
            raise NotHelpedError(f"exit {said.code}: {shlex.join(command)}\n{said.err}")
        options = [new for new in advised(command, said.err) if tuple(new) not in tried]
        if not options:
            break
        tried.update(map(tuple, options))
        command = next((new for new in options if run(new).code == 0), options[0])
    raise NotHelpedError(f"{shlex.join(command)}\n" + "\n".join(messages))


def advised(command: list[str], message: str) -> Iterator[list[str]]:
    """Yield the commands that a message advises in place of one that failed."""
    text = " ".join(message.split())
    for match in re.finditer(r"--set (?=\S)", text):
        if setting := _first_setting(text[match.end() :]):
            yield [*command, "--set", setting]
    for match in re.finditer(r"set (dataset\.[\w.]+) to (\S+?)(?=[;,.]? |[;,.]?$)", text):
        yield [*command, "--set", f"{match[1]}={match[2]}"]
    for match in re.finditer(r"--keep (?=\S)", text):
        if columns := _first_word(text[match.end() :], ends=r"[\s;)]|$"):
            yield [*command, "--keep", columns]
    for option in ("--force", "--all-rows"):
        if option in text:
            yield [*command, option]


def _first_setting(text: str) -> str | None:
    """Return the KEY=VALUE that a text begins with."""
    word = _first_word(text)
    return word if word and "=" in word and not word.endswith("=") else None


def _first_word(text: str, ends: str = r"[\s;,)]|$") -> str | None:
    """Return the first word of a text as the shell splits it, up to one of the `ends`."""
    for end in (match.start() for match in re.finditer(ends, text)):
        try:
            words = shlex.split(text[:end])
        except ValueError:
            continue  # within quotes
        if len(words) == 1:
            return words[0]
    return None
