"""The terminal: results on stdout, notes, warnings and errors on stderr."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from shutil import get_terminal_size
from typing import Any, BinaryIO, TextIO, cast

from bpnet.errors import RunError
from bpnet.messages import visible
from bpnet.reports.terminal import wrapped
from bpnet.runs.files import json_text

MIN_WIDTH = 40
"""Text is not wrapped at fewer columns than these."""
_HELD_IN_MEMORY = 10_000_000
"""Bytes of a document that wait in memory for its end; more wait on disk."""


def print_result(text: str, *, verbatim: bool = False) -> None:
    """Write a result to stdout: on a terminal wrapped at its width, unless it is `verbatim`.

    Raises RunError if that fails, as on a full disk.
    """
    try:
        print(shown_on(text, sys.stdout, verbatim=verbatim), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _cannot_write_stdout(error) from None


def ask(prompt: str) -> str | None:
    """Return the line that the user types after a prompt, without blanks; None at the end."""
    try:
        return input(prompt).strip()
    except EOFError:
        print_result("")
        return None


def print_markdown(text: str) -> None:
    """Write Markdown to stdout: formatted on a terminal, unchanged elsewhere."""
    if not sys.stdout.isatty():
        print_result(text.removesuffix("\n"))
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(highlight=False)
    page = Markdown(text, code_theme="ansi_dark", hyperlinks=False)
    console.print(page, width=min(console.width, 88))


def print_json(value: Any) -> None:
    """Write one JSON document to stdout."""
    print_result(json_text(value), verbatim=True)


@contextlib.contextmanager
def working(text: str) -> Iterator[None]:
    """Show on a terminal what takes a while, until it is done."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status(f"{text} …"):
        yield


def print_next(*commands: str) -> None:
    """Write commands to type next, after a result that is shown on a terminal."""
    if sys.stdout.isatty():
        lines = [f"{'Next:' if k == 0 else '':<6}{one}" for k, one in enumerate(commands)]
        print_result("\n".join(["", *lines]), verbatim=True)


def print_note(text: str) -> None:
    """Write a line to stderr; a closed stderr stops nothing."""
    with contextlib.suppress(OSError):
        print(shown_on(text, sys.stderr), file=sys.stderr, flush=True)


def print_warning(text: str) -> None:
    """Write a warning to stderr."""
    print_note(f"warning: {text}")


def print_errors(problems: Sequence[str]) -> None:
    """Write each problem to stderr; the word `error` is red on a terminal with colors."""
    if sys.stderr.isatty():
        from rich.console import Console

        console = Console(stderr=True, highlight=False, soft_wrap=True)
        for problem in problems:
            label, _, text = shown_on(f"error: {problem}", sys.stderr).partition(" ")
            console.print(label, style="bold red", end=" ")
            console.print(text, markup=False)
    else:
        for problem in problems:
            print_note(f"error: {problem}")


@contextlib.contextmanager
def stdout(*, whole: bool = False) -> Iterator[BinaryIO]:
    """Yield stdout as a stream of bytes; raises RunError if writing fails, as on a full disk.

    If it is `whole`, nothing is written before all is there: in memory, or in a temporary file.
    """
    try:
        if whole:
            with tempfile.SpooledTemporaryFile(_HELD_IN_MEMORY) as held:
                yield cast(BinaryIO, held)
                held.seek(0)
                shutil.copyfileobj(held, sys.stdout.buffer)
        else:
            yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _cannot_write_stdout(error) from None


def _cannot_write_stdout(error: OSError) -> RunError:
    return RunError(
        f"standard output: cannot be written: {error.strerror}; "
        "redirect it to where there is space left"
    )


def width() -> int:
    """Return the columns of the terminal; 80 where stdout is none, unless COLUMNS says otherwise.

    Fewer than `MIN_WIDTH` count as that.
    """
    return max(MIN_WIDTH, get_terminal_size().columns)


def shown_on(text: str, stream: TextIO, *, verbatim: bool = False) -> str:
    """Return text as a stream shows it: with visible control characters, on a terminal wrapped.

    A document, which is `verbatim`, keeps them unless it is shown on a terminal.
    """
    if not stream.isatty():
        # a pager or a log may end on a terminal, too
        return text if verbatim else visible(text)
    text = visible(text)
    return text if verbatim else wrapped(text, max(MIN_WIDTH, get_terminal_size().columns))
