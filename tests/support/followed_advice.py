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
        if setting := _first_word(text[match.end() :]):
            yield [*command, "--set", setting]
    for match in re.finditer(r"set (dataset\.[\w.]+) to (\S+?)(?=[;,.]? |[;,.]?$)", text):
        yield [*command, "--set", f"{match[1]}={match[2]}"]
    for option in ("--keep", "--force", "--all-rows"):
        if match := re.search(rf"{option}(?: (?!and|or|to|if)(\S+))?", text):
            value = [match[1].rstrip(";,.")] if match[1] and option == "--keep" else []
            yield [*command, option, *value]


def _first_word(text: str) -> str | None:
    """Return the first word of a text as the shell splits it."""
    for end in (match.start() for match in re.finditer(r"[\s;,)]|$", text)):
        try:
            words = shlex.split(text[:end])
        except ValueError:
            continue  # within quotes
        if len(words) == 1 and "=" in words[0] and not words[0].endswith("="):
            return words[0]
    return None
