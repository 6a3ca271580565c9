"""The Typer app: the verbs, `--version`, and how an error becomes an exit code."""

import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TextIO

import typer

from bpnet import __version__
from bpnet.errors import BpnetError, ConfigError

app = typer.Typer(
    name="bpnet",
    help="Neural networks for tables, from one YAML file.",
    epilog="Start with: bpnet train configs/iris.yaml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bpnet {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take the options that stand before the verb."""


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn an error that a user can meet into its message and exit code; a bug keeps its traceback."""
    try:
        yield
    except BpnetError as error:
        from bpnet import console

        console.error(error.problems)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # whoever read the output has had enough; what is still buffered goes nowhere
        sys.stdout = _nowhere()
        raise typer.Exit(0) from None
    except MemoryError:
        typer.echo("error: not enough memory; use fewer units, fewer rows or smaller batches", err=True)
        raise typer.Exit(ConfigError.exit_code) from None


def _nowhere() -> TextIO:
    return open(os.devnull, "w")


def main() -> None:
    """Run the command line."""
    from bpnet.cli import eval as _eval
    from bpnet.cli import gradcheck as _gradcheck
    from bpnet.cli import predict as _predict
    from bpnet.cli import trace as _trace
    from bpnet.cli import train as _train

    # a stream that is closed takes what is written and forgets it; a label that its encoding lacks is spelt out
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for verb in (_train, _eval, _predict, _trace, _gradcheck):
        verb.register(app)
    app()
