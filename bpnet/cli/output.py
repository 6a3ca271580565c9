"""The `--output` of a verb: checks before anything is written to it."""

from pathlib import Path

from bpnet.errors import UsageError

STDOUT = "-"


def check_output(output: str, data: str) -> None:
    """Raise UsageError where `output` is empty, or is the table `data` that is to be read."""
    if not output:
        raise UsageError("--output is empty; give the name of a file, or - for standard output")
    if output == STDOUT or not (Path(output).exists() and Path(data).exists()):
        return
    if Path(output).samefile(data):
        raise UsageError(f"--output {output} is the table to read; give the name of another file")


def check_new(output: str) -> None:
    """Raise UsageError where the file exists."""
    if output != STDOUT and Path(output).exists():
        raise UsageError(
            f"{output} exists already; overwrite it with --force, or give another name with -o FILE"
        )
