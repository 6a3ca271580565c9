"""The Typer app: the verbs, and `--version`."""

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable
from textwrap import indent
from typing import Annotated

import typer

from bpnet import __version__
from bpnet.cli import (
    check,
    compare,
    cv,
    example,
    explain,
    export,
    gradcheck,
    guide,
    init,
    plot,
    predict,
    quiz,
    report,
    resume,
    runs,
    schema,
    search,
    show,
    trace,
    train,
    verify,
)
from bpnet.cli import eval as evaluate
from bpnet.cli.exit_codes import exit_codes, null_stream
from bpnet.cli.process_memory import collect_cycles_seldom, give_back_large_blocks
from bpnet.cli.processes import end_others, refusal
from bpnet.errors import UsageError
from bpnet.messages import visible
from bpnet.workflows.interruption import interrupts_kept, signals_raise

FIRST_STEPS = """\
bpnet init flowers.csv --target species
bpnet check flowers.yaml
bpnet train flowers.yaml
bpnet eval runs/flowers-001
bpnet predict runs/flowers-001 new_flowers.csv
"""


def verbatim(title: str, lines: str) -> str:
    """Return a paragraph for the end of a help text, whose lines are not wrapped."""
    return f"{title}\n\n\b\n{indent(lines, '  ')}"


app = typer.Typer(
    name="bpnet",
    help="Neural networks for tables, from one YAML file.",
    epilog=verbatim("Your own table in five commands:", FIRST_STEPS),
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: 80 columns are too few for boxes, and rich loads slowly
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bpnet {__version__}")
        raise typer.Exit


def _install_completion(wanted: bool) -> None:
    if wanted:
        with exit_codes():
            from bpnet.cli.completion_scripts import install  # deferred: seldom needed

            typer.echo("\n".join(install()))
        raise typer.Exit


def _show_completion(wanted: bool) -> None:
    if wanted:
        with exit_codes():
            from bpnet.cli.completion_scripts import script  # deferred: seldom needed

            typer.echo(script(), nl=False)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    install_completion: Annotated[
        bool,
        typer.Option(
            "--install-completion",
            callback=_install_completion,
            is_eager=True,
            help="Install completion for the shell that SHELL names, and exit.",
        ),
    ] = False,
    show_completion: Annotated[
        bool,
        typer.Option(
            "--show-completion",
            callback=_show_completion,
            is_eager=True,
            help="Show the script of this completion, and exit.",
        ),
    ] = False,
) -> None:
    """Take the options that come before the verb."""


def _add(verb: str, function: Callable[..., None], examples: str) -> None:
    app.command(verb, epilog=verbatim("Examples:", examples))(function)


_add("example", example.example, example.EXAMPLES)
_add("init", init.init, init.EXAMPLES)
_add("check", check.check, check.EXAMPLES)
_add("train", train.train, train.EXAMPLES)
_add("resume", resume.resume, resume.EXAMPLES)
_add("cv", cv.cv, cv.EXAMPLES)
_add("search", search.search, search.EXAMPLES)
_add("eval", evaluate.evaluate, evaluate.EXAMPLES)
_add("predict", predict.predict, predict.EXAMPLES)
_add("export", export.export, export.EXAMPLES)
_add("plot", plot.plot, plot.EXAMPLES)
_add("show", show.show, show.EXAMPLES)
_add("runs", runs.runs, runs.EXAMPLES)
_add("compare", compare.compare, compare.EXAMPLES)
_add("report", report.report, report.EXAMPLES)
_add("trace", trace.trace, trace.EXAMPLES)
_add("quiz", quiz.quiz, quiz.EXAMPLES)
_add("gradcheck", gradcheck.gradcheck, gradcheck.EXAMPLES)
_add("verify", verify.verify, verify.EXAMPLES)
_add("explain", explain.explain, explain.EXAMPLES)
_add("schema", schema.schema, schema.EXAMPLES)
_add("guide", guide.guide, guide.EXAMPLES)


def main() -> None:
    """Run the command line."""
    # a closed stream is replaced by one that discards; what an encoding lacks is escaped
    sys.stdout = sys.stdout or null_stream()
    sys.stderr = sys.stderr or null_stream()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if (shell := os.environ.get("_BPNET_COMPLETE")) is not None:
        from bpnet.cli.completion import answer  # deferred: only a shell's script asks

        for line in answer(shell, sys.argv[1:], typer.main.get_command(app)):
            typer.echo(line)
        return
    if (refused := refusal(sys.argv[1:])) is not None:
        sys.exit(refused)
    collect_cycles_seldom()
    give_back_large_blocks()
    try:
        with signals_raise(), interrupts_kept():
            code = _run()
    except KeyboardInterrupt as error:  # before or after the verb's own work
        code = _interrupted(error)
    end_others(code)
    sys.exit(code)


def _run() -> int:
    """Run the app, and return its exit code; usage errors and help texts are typer's own.

    It is invoked as typer itself does, which would give each signal the code of Ctrl-C.
    """
    command = typer.main.get_command(app)
    try:
        with command.make_context("bpnet", sys.argv[1:]) as context:
            command.invoke(context)
    except typer.Exit as error:
        return error.exit_code
    except typer.Abort:  # of a question without an answer
        return _interrupted(None)
    except BrokenPipeError:
        # the reader of a help text has closed the pipe; Python would write the rest
        sys.stdout = null_stream()
        return 0
    except OSError as error:  # of a help text: verbs have messages of their own
        sys.stdout = null_stream()
        return _report(f"error: standard output: cannot be written: {error.strerror}\n", 5)
    except Exception as error:
        show = getattr(error, "show", None)  # of a usage error, whose class typer does not export
        if show is None:
            raise
        text = io.StringIO()
        show(file=text)
        return _report(text.getvalue(), UsageError.exit_code)
    return 0


def _interrupted(error: BaseException | None) -> int:
    """Say that a signal has ended the command, and return its exit code."""
    return _report("interrupted\n", 128 + getattr(error, "number", signal.SIGINT))


def _report(text: str, code: int) -> int:
    """Write an error to stderr, which may be full or closed, and return its exit code."""
    with contextlib.suppress(OSError):
        sys.stderr.write(visible(text))
        sys.stderr.flush()
    return code
