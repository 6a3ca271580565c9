"""The `--output` of a verb: checks before anything is written to it."""

import contextlib
import os
import shlex
from pathlib import Path

from bpnet.data.formats import format_to_write
from bpnet.errors import DataError, RunError, UsageError
from bpnet.messages import shell_path
from bpnet.paths import exists, is_dir

STDOUT = "-"


def check_output(output: str, data: str) -> None:
    """Check that `output` can be written, and is not a file of the table `data`, which is read.

    Raises UsageError, or RunError if its folder does not exist.
    """
    if not output:
        raise UsageError("--output is empty; give the name of a file, or - for standard output")
    if output == STDOUT:
        return
    if is_dir(output):
        raise RunError(f"{output}: cannot be written: Is a directory; give the name of a file")
    _check_parent(output)
    if not data or not exists(output):
        return
    if exists(data) and Path(output).samefile(data):
        raise UsageError(f"--output {output} is the table to read; give the name of another file")
    if any(Path(output).samefile(file) for file in _files_of_several(data)):
        raise UsageError(
            f"--output {output} is one of the files of {shell_path(data)}, the table to read; "
            "remove it, and give a name that the table does not include"
        )


def _files_of_several(data: str) -> list[Path]:
    """Return the files of a folder or pattern; none of another table, or if there are none."""
    from bpnet.data.reading.open import table_files  # deferred, so that NumPy is not waited for

    if exists(data) and not is_dir(data):
        return []
    with contextlib.suppress(DataError, UsageError):  # the reading reports them
        return [file for file in table_files(data) if exists(file)]
    return []


def is_folder(output: str, shard: str | None) -> bool:
    """Return whether `output` is a folder of outputs: it is one, ends in /, or is to be shared."""
    return shard is not None or is_dir(output) or output.endswith(("/", os.sep))


def check_folder(output: str, shard: str | None) -> None:
    """Check that `output` can be a folder of outputs; raises UsageError or RunError."""
    if output in (STDOUT, ""):
        raise UsageError(f"--shard {shard} needs a folder of outputs: -o FOLDER/")
    named = Path(output).suffix and not output.endswith(("/", os.sep)) and not exists(output)
    if named and format_to_write(output):
        raise UsageError(
            f"-o {output} is named as a file, and --shard {shard} needs a folder of outputs: "
            "-o FOLDER/"
        )
    if exists(output.rstrip("/")) and not is_dir(output):
        raise RunError(
            f"{output}: is not a folder, which the outputs of several tables need; give another "
            "name with -o FOLDER/"
        )
    _check_parent(output)


def _check_parent(output: str) -> None:
    """Raise RunError if the folder of `output` does not exist."""
    folder = Path(output).parent
    if not exists(folder):
        raise RunError(
            f"{output}: cannot be written, for the folder does not exist; "
            f"make the folder first: mkdir -p {shlex.quote(str(folder))}"
        )


def check_new(output: str) -> None:
    """Raise UsageError if the file exists."""
    if output != STDOUT and exists(output):
        raise exists_already(output)


def exists_already(output: str) -> UsageError:
    """Return the error for a file that would be overwritten."""
    return UsageError(
        f"{output} exists already; overwrite it with --force, or give another name with -o FILE"
    )
