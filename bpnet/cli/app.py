"""The Typer app: the verbs, and `--version`."""

import io
import signal
import sys
from typing import Annotated

import typer

from bpnet import __version__
from bpnet.cli import check, cv, gradcheck, guide, init, predict, trace, train
from bpnet.cli import eval as evaluate
from bpnet.cli.allocator import give_back_large_blocks
from bpnet.cli.exit_codes import nowhere

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


app.command(epilog=init.EXAMPLES)(init.init)
app.command(epilog=check.EXAMPLES)(check.check)
app.command(epilog=train.EXAMPLES)(train.train)
app.command(epilog=cv.EXAMPLES)(cv.cv)
app.command("eval", epilog=evaluate.EXAMPLES)(evaluate.evaluate)
app.command(epilog=predict.EXAMPLES)(predict.predict)
app.command(epilog=trace.EXAMPLES)(trace.trace)
app.command(epilog=gradcheck.EXAMPLES)(gradcheck.gradcheck)
app.command(epilog=guide.EXAMPLES)(guide.guide)


def main() -> None:
    """Run the command line."""
    # a stream that is closed takes what is written and forgets it; a label that its encoding lacks is spelt out
    sys.stdout = sys.stdout or nowhere()
    sys.stderr = sys.stderr or nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    give_back_large_blocks()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()
