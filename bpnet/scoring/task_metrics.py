"""The metrics of a task as one statistic of a sample, for the bootstrap."""

from collections.abc import Callable, Mapping
from typing import Any

from bpnet.config.task import Task
from bpnet.data.reading.column import Floats
from bpnet.scoring.bootstrap import Blocks, MetricValues, RankStatistic
from bpnet.scoring.metrics import EVALUATION_METRICS
from bpnet.scoring.samples import (
    AnySample,
    ClassSample,
    ClassSums,
    LabelSample,
    LabelSums,
    QuantitySums,
)


class TaskMetrics:
    """The metrics of a sample's task as a statistic for the bootstrap."""

    def __init__(self, sample: AnySample) -> None:
        self.rows, self.width = sample.rows, sample.width
        self.ranked: RankStatistic = sample.ranked
        self._sample = sample
        self.task, self._sums = _task_and_sums(sample)

    def contributions(self, blocks: Blocks) -> Mapping[str, Floats]:
        """Return what each block of the sample's rows adds to the sums."""
        return self._sample.contributions(blocks)

    def of_sums(self, sums: Mapping[str, Floats]) -> MetricValues:
        """Return the metrics (S,) that are functions of the sums."""
        named_sums = self._sums(sums)
        formulas = {
            metric.name: metric.formula(self.task).of_sums
            for metric in EVALUATION_METRICS[self.task]
        }
        return {name: of_sums(named_sums) for name, of_sums in formulas.items() if of_sums}


def _task_and_sums(sample: AnySample) -> tuple[Task, Callable[[Mapping[str, Floats]], Any]]:
    if isinstance(sample, ClassSample):
        return "classification", ClassSums
    if isinstance(sample, LabelSample):
        return "multilabel", LabelSums
    return "regression", QuantitySums
