"""How an error becomes a message and an exit code."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import typer

from bpnet.errors import BpnetError, ConfigError


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn an error that a user can meet into its message and exit code; a bug keeps its traceback."""
    try:
        yield
    except BpnetError as error:
        from bpnet.cli import console

        console.error(error.problems)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # whoever read the output has had enough; what is still buffered goes nowhere
        sys.stdout = nowhere()
        raise typer.Exit(0) from None
    except MemoryError:
        typer.echo(
            "error: not enough memory; use fewer units, fewer rows or smaller batches", err=True
        )
        raise typer.Exit(ConfigError.exit_code) from None


def nowhere() -> TextIO:
    """A stream that takes what is written and forgets it."""
    return open(os.devnull, "w")
