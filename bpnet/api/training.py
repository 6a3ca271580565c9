"""Training in Python: a new run, or one that goes on."""

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bpnet.api.given_table import given_table
from bpnet.api.run import Run, run_path
from bpnet.api.warning import warn
from bpnet.api.words import errors_in_python, speaks_python
from bpnet.cli.options import runs_folder
from bpnet.cli.processes import When, end_others, ends_alone, joined
from bpnet.cli.training_view import TrainingView
from bpnet.config.from_python import assignments, load_python_config
from bpnet.config.schema import Config
from bpnet.engine.component import Array
from bpnet.errors import UsageError
from bpnet.messages import quoted_list
from bpnet.models.threads import permitted_threads
from bpnet.paths import is_file
from bpnet.preparation.encode import EncodedDataset
from bpnet.runs.directory import STUDY
from bpnet.workflows.data_parallel import Together
from bpnet.workflows.resume import resume as resume_run
from bpnet.workflows.search_work import SearchWatcher
from bpnet.workflows.session import TrainWatcher
from bpnet.workflows.train import train as train_run


@speaks_python
def train(
    config: str | Path | Mapping[str, Any] | Config,
    table: Any = None,
    *,
    settings: Mapping[str, Any] | None = None,
    runs: str | Path | None = None,
    name: str | None = None,
    start_from: "str | Path | Run | None" = None,
    threads: int | None = None,
    mpi: str = "auto",
    quiet: bool = False,
) -> "Run":
    """Train as a config says, into a new run directory, and return the run.

    Parameters
    ----------
    config : str, Path, mapping or Config
        The path of a YAML file, or its content. Paths in a mapping are relative to the working
        folder.
    table : data frame, str or Path, optional
        The table in place of the config's `dataset.path`: of pandas, Polars, Arrow or another
        library that narwhals knows, which the run does not keep, or the path of a file.
    settings : mapping, optional
        Values by dotted key in place of the config's, such as ``{"training.epochs": 50}``.
    runs : str or Path, optional
        The folder in which the run directory is made, by default the one that the environment
        variable BPNET_RUNS names, or else `runs`.
    name : str, optional
        The run's name, by default the config's.
    start_from : str, Path or Run, optional
        A run with whose weights the networks begin where layers agree.
    threads : int, optional
        The number of threads that compute, by default one for each core. It changes no result.
    mpi : {"auto", "always", "never"}
        Whether the processes of a program that mpiexec has started train the network together: if
        that is faster, always, or never, when each trains its own.
    quiet : bool
        Whether to show warnings only, and not the progress on stderr.

    Returns
    -------
    Run
        The run, which has finished.

    Raises
    ------
    ConfigError, DataError, RunError
        Before the run directory exists.
    DivergedError, InterruptedRunError
        After what has been trained is saved in the directory `run` of the error, from which
        ``bpnet.resume(error.run)`` goes on if the training was interrupted.

    Examples
    --------
    >>> run = bpnet.train("configs/iris.yaml", settings={"training.epochs": 50})
    >>> run.metrics["test"]["accuracy"]
    """
    with (
        permitted_threads(threads),
        training_together(mpi) as together,
        shown_training(quiet=quiet) as watcher,
    ):
        return train_watched(config, table, watcher, settings, runs, name, start_from, together)


def train_watched(
    config: str | Path | Mapping[str, Any] | Config,
    table: Any,
    watcher: TrainWatcher,
    settings: Mapping[str, Any] | None = None,
    runs: str | Path | None = None,
    name: str | None = None,
    start_from: "str | Path | Run | None" = None,
    together: Together | None = None,
) -> "Run":
    """Train as `train` does, under the eyes of a watcher."""
    with given_table(table) as path:
        result = train_run(
            load_python_config(config, settings, table=path),
            runs=runs_folder() if runs is None else Path(runs),
            name=name,
            command=["bpnet.train"],
            watcher=watcher,
            start_from=None if start_from is None else run_path(start_from),
            together=together,
        )
    return Run(result.run) if together is None else Run.of_leader(result.run)


@speaks_python
def resume(
    run: "str | Path | Run",
    table: Any = None,
    *,
    settings: Mapping[str, Any] | None = None,
    force: bool = False,
    threads: int | None = None,
    mpi: str = "auto",
    quiet: bool = False,
) -> "Run":
    """Go on with a training that was cut off, or give it more epochs, and return the run.

    A search goes on likewise, or takes more trials or time; its run is that of the best trial.

    Parameters
    ----------
    run : str, Path or Run
        The run directory, or the study of a search.
    table : data frame, optional
        The table that it was trained on, if that was in memory.
    settings : mapping, optional
        Values by dotted key of those that may change, such as ``{"training.epochs": 500}``.
    force : bool
        Whether to go on although the data or the config has changed.
    threads : int, optional
        The number of threads that compute, by default one for each core. It changes no result.
    mpi : {"auto", "always", "never"}
        Whether the processes of a program that mpiexec has started train the network together.
    quiet : bool
        Whether to show warnings only.

    Raises
    ------
    ConfigError, DataError, RunError, UsageError
        The run cannot go on.
    DivergedError, InterruptedRunError
        After what has been trained is saved.
    """
    path = run_path(run)
    if is_file(path / STUDY):
        # deferred: only for a study
        from bpnet.workflows.search import resume_search

        with (
            permitted_threads(threads),
            given_table(table),
            shown_training(quiet=quiet) as watcher,
        ):
            resume_search(path, assignments(settings or {}), force=force, watcher=watcher)
        return Run(path)
    with (
        permitted_threads(threads),
        given_table(table),
        training_together(mpi) as together,
        shown_training(quiet=quiet) as watcher,
    ):
        resume_run(
            path,
            assignments(settings or {}),
            force=force,
            command=["bpnet.resume"],
            watcher=watcher,
            together=together,
        )
    return Run(path)


@contextmanager
def training_together(mpi: str) -> Iterator[Together | None]:
    """Join the processes that mpiexec has started; None if there are none, or `mpi` is never.

    An error that this process meets alone ends all of them, as the others would wait for it.
    """
    if mpi not in list(When):
        raise UsageError(f"mpi is {mpi!r}; it must be one of {quoted_list(list(When))}")
    try:
        with errors_in_python(), joined(When(mpi)) as together:
            yield together
    except BaseException as error:
        if ends_alone():
            traceback.print_exception(error)
            end_others(getattr(error, "exit_code", 1))
        raise


class _Warner:
    """A watcher that passes on warnings only, through `warnings`."""

    def begin(self, run: Path, prepared: EncodedDataset, parameters: int, networks: int) -> None:
        """Pass on the warnings about the table."""
        for text in prepared.warnings:
            warn(text)

    def begin_member(
        self, run: Path, prepared: EncodedDataset, parameters: int, networks: int, title: str
    ) -> None:
        """Pass on the warnings about the table, once."""
        self.begin(run, prepared, parameters, networks)

    def begin_pass(
        self, run: Path, first: EncodedDataset, parameters: int, number: int, passes: Sequence[int]
    ) -> None:
        """Pass on the warnings about the table, before the first pass."""
        if number == 1:
            self.begin(run, first, parameters, sum(passes))

    def epoch(self, row: Mapping[str, float], kept: Array) -> None:
        """Show nothing."""

    def warn(self, text: str) -> None:
        """Pass on a warning."""
        warn(text)

    def note(self, text: str) -> None:
        """Show nothing."""


@contextmanager
def shown_training(*, quiet: bool) -> Iterator[SearchWatcher]:
    """Yield a watcher that shows a training on stderr, or one that passes on its warnings only."""
    if quiet:
        yield _Warner()
        return
    with TrainingView() as view:
        yield view
