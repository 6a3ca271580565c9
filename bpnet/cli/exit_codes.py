"""Errors become messages and exit codes; each error class in `bpnet/errors.py` holds its code."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import typer

from bpnet.errors import BpnetError, ConfigError, DataError, InterruptedRunError, RunError
from bpnet.integrations.launcher import launched
from bpnet.workflows.interruption import interrupts_kept


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn a user's error into a message and an exit code; a bug keeps its traceback."""
    try:
        with interrupts_kept():
            yield
    except BpnetError as error:
        # deferred: only an error needs it
        from bpnet.cli import console

        console.print_errors(error.problems)
        if isinstance(error, ConfigError) and error.key is not None:
            from bpnet.config.key_tree import nearest_key  # deferred: imports the schema

            console.print_note(f"Next: bpnet explain {nearest_key(error.key)}".rstrip())
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt as error:
        with suppress(OSError):  # of a terminal that is gone, as after SIGHUP
            if launched().rank == 0:  # one of several processes says it for all
                typer.echo("interrupted", err=True)
        number = getattr(error, "number", signal.SIGINT)
        raise typer.Exit(InterruptedRunError("interrupted", number).exit_code) from None
    except BrokenPipeError:
        # the reader has closed the pipe, as `head` does; Python would write the rest at exit
        sys.stdout = null_stream()
        raise typer.Exit(0) from None
    except OSError as error:
        # where an access to files has no message of its own
        place = error.filename if error.filename is not None else "the working folder"
        _print_error(f"{place}: {error.strerror or error}; check its path and permissions")
        raise typer.Exit(RunError.exit_code) from None
    except MemoryError:
        # a model and a network that are too large have messages of their own
        _print_error(
            "not enough memory for this table; give fewer rows or columns, or use a machine "
            "with more"
        )
        raise typer.Exit(DataError.exit_code) from None


def _print_error(problem: str) -> None:
    from bpnet.cli import console  # deferred: see above

    console.print_errors([problem])


def null_stream() -> TextIO:
    """Return a stream that discards what is written to it."""
    return open(os.devnull, "w")
