"""The `--output` of a verb: checks before anything is written to it."""

import shlex
from pathlib import Path

from bpnet.errors import RunError, UsageError
from bpnet.paths import exists, is_dir

STDOUT = "-"


def check_output(output: str, data: str) -> None:
    """Check that `output` can be written, and is not the table `data` that is to be read.

    Raises UsageError, or RunError if its folder does not exist.
    """
    if not output:
        raise UsageError("--output is empty; give the name of a file, or - for standard output")
    if output == STDOUT:
        return
    folder = Path(output).parent
    if is_dir(output):
        raise RunError(f"{output}: cannot be written: Is a directory; give the name of a file")
    if not exists(folder):
        raise RunError(
            f"{output}: cannot be written, for the folder does not exist; "
            f"make the folder first: mkdir -p {shlex.quote(str(folder))}"
        )
    if exists(output) and exists(data) and Path(output).samefile(data):
        raise UsageError(f"--output {output} is the table to read; give the name of another file")


def check_new(output: str) -> None:
    """Raise UsageError if the file exists."""
    if output != STDOUT and exists(output):
        raise exists_already(output)


def exists_already(output: str) -> UsageError:
    """Return the error for a file that would be overwritten."""
    return UsageError(
        f"{output} exists already; overwrite it with --force, or give another name with -o FILE"
    )
