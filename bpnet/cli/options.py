"""The arguments and options that several verbs share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="YAML file that describes the run.")
]
RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="Run directory made by `bpnet train` or `bpnet cv`.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a key of the config; may be repeated."
    ),
]
ReadingOverrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Read DATA with another dataset.reading.KEY; may be repeated.",
    ),
]
RUNS_FOLDER = Path("runs")
"""The folder of runs where neither an option nor BPNET_RUNS names one."""
RUNS_VARIABLE = "BPNET_RUNS"


def runs_folder() -> Path:
    """Return the folder of runs that the environment names, or the usual one."""
    return Path(os.environ.get(RUNS_VARIABLE) or RUNS_FOLDER)


Runs = Annotated[
    Path,
    typer.Option(metavar="DIR", envvar=RUNS_VARIABLE, help="Make the run directory in DIR."),
]


@contextmanager
def on_threads(threads: int | None) -> Iterator[None]:
    """Do what a verb computes on this number of threads, by default one for each core."""
    from bpnet.models.threads import permitted_threads  # deferred: imports NumPy

    with permitted_threads(threads):
        yield


ReplicaChoice = Annotated[
    str,
    typer.Option(
        metavar="all|best|N",
        help="Use the average of all replicas, the best one, or number N.",
    ),
]
BugName = Annotated[
    str | None,
    typer.Option(
        "--bug",
        metavar="NAME",
        help="Make a common mistake on the way back: double-derivative or updated-weights.",
    ),
]
TracedRow = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help="Take row N, several rows (1,5,9), or all; by default the first training row.",
    ),
]
Steps = Annotated[int, typer.Option(metavar="K", min=1, max=1000, help="Take K training steps.")]
Threads = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=1024,
        help="Use N threads to compute; by default one for each core.",
    ),
]


class BackendName(StrEnum):
    """The backends of joblib whose workers train."""

    LOKY = "loky"
    DASK = "dask"
    RAY = "ray"


Backend = Annotated[
    BackendName | None,
    typer.Option(
        metavar="NAME",
        help="Train on workers of loky (this machine, the default of --jobs), dask or ray.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=10_000, help="Train on N workers side by side."),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Take the workers of a Dask scheduler, or of a Ray cluster."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="Show no progress and no notes, only warnings.")
]
