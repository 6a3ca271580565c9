"""Time of a cross-validation, compared with a single training of the same config.

    python tests/benchmarks/cross_validation.py [--config configs/iris.yaml] [--folds 10]
                                                [--repeats 7]

`cv` and `train` run in turn (A B A B …) in one process, by the functions that the command line
calls; the first turn is not counted. Two ratios are printed, each the median over the turns: of the
time in which networks trained (goal on Iris with ten folds: at most 3), and of all of it, from the
config to the last file (for cv this includes scikit-learn's metrics).
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from measuring import machine

from bpnet.config.loading import read_config
from bpnet.workflows.cv import cross_validate
from bpnet.workflows.train import train


class Nobody:
    """A watcher that ignores every call."""

    def begin(self, run: Path, prepared: Any, parameters: int, networks: int) -> None: ...
    def begin_pass(
        self, run: Path, first: Any, parameters: int, number: int, passes: Sequence[int]
    ) -> None: ...
    def epoch(self, row: Mapping[str, float]) -> None: ...
    def warn(self, text: str) -> None: ...


def turn(config: Path, folds: int, runs: Path) -> tuple[float, float]:
    """Run both once, and return the ratios of training time and of whole time."""
    shared: dict[str, Any] = {"runs": runs, "name": None, "command": [], "watcher": Nobody()}
    start = time.perf_counter()
    folded = cross_validate(read_config(config), folds=folds, repeats=1, **shared)
    between = time.perf_counter()
    alone = train(read_config(config), **shared)
    end = time.perf_counter()
    seconds = pd.read_csv(alone.run / "metrics.csv").seconds.iloc[-1]
    return folded.training_seconds / seconds, (between - start) / (end - between)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--config", type=Path, default=Path(__file__).resolve().parents[2] / "configs" / "iris.yaml"
    )
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        turns = [turn(given.config, given.folds, Path(folder)) for _ in range(given.repeats + 1)]
    print(f"{machine()}; {given.config.name}, {given.folds} folds, {given.repeats} turns")
    for name, ratios in zip(("training", "all of it"), zip(*turns[1:], strict=True), strict=True):
        median = statistics.median(ratios)
        print(f"cv / train, {name}: {median:.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
