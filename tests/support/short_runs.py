"""Short trainings on a small table of two numbers and two classes, for tests that look inside."""

from pathlib import Path

from workflow_runs import Watcher

from bpnet.config.loading import read_config
from bpnet.workflows.train import train


def write_table(path: Path, rows: int) -> Path:
    """Write a table with columns a, b and y."""
    lines = [f"{k % 7},{k * k % 5},{'uv'[k % 3 > 0]}\n" for k in range(rows)]
    path.write_text("a,b,y\n" + "".join(lines))
    return path


def begin(folder: Path, name: str, *settings: str, watcher: Watcher | None = None) -> Path:
    """Train on the folder's c.yaml; return the run directory, folder/runs/NAME-001."""
    loaded = read_config(folder / "c.yaml", settings)
    watcher = watcher or Watcher()
    return train(loaded, runs=folder / "runs", name=name, command=[], watcher=watcher).run
