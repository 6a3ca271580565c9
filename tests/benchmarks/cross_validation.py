"""Time of a cross-validation, compared with a single training of the same config.

    python tests/benchmarks/cross_validation.py [--config configs/iris.yaml] [--folds 10]
                                                [--repeats 7]

`cv` and `train` run in turn (A B A B …) in one process, by the functions that the command line
calls; the first turn is not counted. Two ratios are printed, each the median over the turns: of the
time in which networks trained (goal on Iris with ten folds: at most 3), and of all of it, from the
config to the last file (for cv this includes scikit-learn's metrics).

    python tests/benchmarks/cross_validation.py --against OTHER [--folds 10] [--repeats 7]

compares with OTHER, a clone of the repository at another version, instead: `bpnet cv` as a whole
process, on a table of 252 rows and 752 columns with few epochs, so that reading is most of it. The
two versions take turns (A B, B A, …), and the median of new / old is printed, of processor time,
which other processes disturb less than the wall clock. What they log of each epoch must be equal.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measuring import machine

from bpnet.config.loading import read_config
from bpnet.workflows.cv import cross_validate
from bpnet.workflows.train import train

ROOT = Path(__file__).resolve().parents[2]


class Nobody:
    """A watcher that ignores every call."""

    def begin(self, run: Path, prepared: Any, parameters: int, networks: int) -> None: ...
    def begin_pass(
        self, run: Path, first: Any, parameters: int, number: int, passes: Sequence[int]
    ) -> None: ...
    def epoch(self, row: Mapping[str, float], kept: object) -> None: ...
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


def write_wide_table(folder: Path) -> Path:
    """Write a table of 252 rows and 752 columns, and return its config."""
    random = np.random.default_rng(0)
    x = random.normal(size=(252, 751)).round(5)
    y = (x[:, :5].sum(axis=1) + random.normal(size=252) / 10).round(4)
    table = pd.DataFrame(x, columns=[f"f{k}" for k in range(751)]).assign(y=y)
    table.to_csv(folder / "wide.csv", index=False)
    config = folder / "wide.yaml"
    config.write_text(
        "dataset: {path: wide.csv, target: y}\narchitecture: {hidden: [16]}\n"
        "training: {epochs: 20, learning_rate: 0.003}\n"
    )
    return config


def whole_process(root: Path, config: Path, folds: int, runs: Path) -> float:
    """Run `bpnet cv` of a checkout, and return its processor seconds."""
    code = "import sys; from bpnet.cli import main; sys.argv[0] = 'bpnet'; main()"
    command = [sys.executable, "-c", code, "cv", str(config), "--folds", str(folds)]
    process = subprocess.Popen(
        [*command, "--runs", str(runs)],
        env={**os.environ, "PYTHONPATH": str(root)},
        cwd=runs.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} of {root}: exit code {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def compare(other: Path, folds: int, repeats: int) -> list[float]:
    """Return new / old of each turn after the first; raise SystemExit if results differ."""
    ratios = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config = write_wide_table(folder)
        for number in range(repeats + 1):
            seconds: dict[Path, float] = {}
            for root in (ROOT, other) if number % 2 else (other, ROOT):
                runs = folder / f"runs-{'old' if root == other else 'new'}"
                seconds[root] = whole_process(root, config, folds, runs)
            ratios.append(seconds[ROOT] / seconds[other])
        logs = [path.read_bytes() for path in folder.glob("runs-*/*/folds.csv")]
        if len(set(logs)) != 1:
            raise SystemExit("the two versions differ in folds.csv")
    return ratios[1:]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "iris.yaml")
    parser.add_argument("--against", type=Path, help="a checkout of another version")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    if given.against:
        against = compare(given.against.resolve(), given.folds, given.repeats)
        print(f"{machine()}; 252 x 752, {given.folds} folds, {given.repeats} turns")
        median = statistics.median(against)
        print(f"new / old, all of it: {median:.2f} ({min(against):.2f} to {max(against):.2f})")
        raise SystemExit
    with tempfile.TemporaryDirectory() as folder:
        turns = [turn(given.config, given.folds, Path(folder)) for _ in range(given.repeats + 1)]
    print(f"{machine()}; {given.config.name}, {given.folds} folds, {given.repeats} turns")
    for name, ratios in zip(("training", "all of it"), zip(*turns[1:], strict=True), strict=True):
        median = statistics.median(ratios)
        print(f"cv / train, {name}: {median:.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
