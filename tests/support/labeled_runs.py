"""A table with labels, and a run on it, for tests of evaluation and prediction."""

from pathlib import Path

from typer.testing import CliRunner
from workflow_runs import write_csv

from bpnet.cli.app import app

CONFIG = """\
dataset: {path: t.csv, target: y}
architecture: {hidden: [3]}
training: {epochs: 1}
"""

EMBEDDED = "dataset.preprocessing.columns={b: {kind: embedding, rare: 1}}"


def write_labeled(folder: Path, labels: list[object]) -> Path:
    """Write a table with a number, a word, a weight and these labels."""
    rows = [[k % 13 + k / 100, "uvw"[k % 3], 1 + k % 2, label] for k, label in enumerate(labels)]
    return write_csv(folder / "t.csv", ["a", "b", "w", "y"], rows)


def invoked(*words: object) -> tuple[int, str]:
    """Run a command, and return its exit code and output."""
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output
