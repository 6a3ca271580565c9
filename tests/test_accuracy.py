"""The accuracy that the shipped configs promise, a mean over seeds of split and first weights."""

from pathlib import Path
from statistics import mean

import pytest

from bpnet.config.loading import read_config
from bpnet.workflows.train import train

CONFIGS = Path(__file__).parents[1] / "configs"


class NoWatcher:
    def begin(self, run, prepared, parameters, networks):
        pass

    def epoch(self, row, kept):
        pass

    def warn(self, text):
        pass


def mean_test_figure(tmp_path: Path, name: str, figure: str, seeds: int = 20) -> float:
    path = CONFIGS / f"{name}.yaml"
    runs = [
        train(
            read_config(path, [f"seed={seed}"]),
            runs=tmp_path,
            name=None,
            command=[],
            watcher=NoWatcher(),
        )
        for seed in range(seeds)
    ]
    return mean(run.figures["test"][figure] for run in runs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "figure", "least"),
    [
        ("iris", "accuracy", 0.95),
        ("digits", "accuracy", 0.97),
        ("wine", "accuracy", 0.97),
        ("breast_cancer", "accuracy", 0.96),
        ("penguins", "accuracy", 0.97),
        ("diabetes", "r2", 0.44),
    ],
)
def test_mean_over_20_seeds(tmp_path, name, figure, least):
    assert mean_test_figure(tmp_path, name, figure) >= least
