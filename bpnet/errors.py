"""The errors a user can meet, each with the exit code of the command line."""

from collections.abc import Sequence
from pathlib import Path


class BpnetError(Exception):
    """A problem to report without a traceback.

    Each of `problems` is a complete message: where, the bad value, what is allowed, what to do.
    `run` is the run directory of a training that has begun and has ended so, else None; that of an
    interrupted one goes on by `bpnet.resume(error.run)`.
    """

    exit_code = 1

    def __init__(self, problems: str | Sequence[str], run: Path | None = None) -> None:
        self.run = run
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class UsageError(BpnetError):
    """A flag or argument of the command line does not make sense."""

    exit_code = 2


class ConfigError(BpnetError):
    """The YAML config, or a `--set` override, does not describe a run.

    `key` is the first unknown key or key with a bad value, as `bpnet explain` takes it.
    """

    exit_code = 3

    def __init__(self, problems: str | Sequence[str], key: str | None = None) -> None:
        super().__init__(problems)
        self.key = key


class DataError(BpnetError):
    """A table cannot be read, or does not fit the config or the model."""

    exit_code = 4


class RunError(BpnetError):
    """A run directory or a saved model is missing, damaged or cannot be written."""

    exit_code = 5


class CutOffRunError(RunError):
    """A file of a run could not be written, which cut off its training; it says what to do next."""


class DivergedError(BpnetError):
    """Training produced a loss that is not finite."""

    exit_code = 6


class InterruptedRunError(BpnetError):
    """A run was interrupted; what it had trained is saved.

    The exit code is 128 and the number of the signal: 130 for Ctrl-C.
    """

    exit_code = 130

    def __init__(
        self, problems: str | Sequence[str], signal_number: int = 2, run: Path | None = None
    ) -> None:
        super().__init__(problems, run)
        self.exit_code = 128 + (signal_number or 2)
