"""Summaries: what a pass over the training rows learns of a column, chunk by chunk."""

import numpy as np

from bpnet.data.reading.column import Column, Floats
from bpnet.engine.component import Array

MAX_CATEGORIES = 500_000
"""Levels that first stand after so many different ones are taken for rare."""

SAMPLE_SIZE = 100_000
"""Medians and quantiles are those of at most so many training rows, drawn at random."""


class NumericStats:
    """Count, mean, deviation, smallest and largest of the numbers met, and a sample of them for quantiles.

    Chunks are merged by Chan, Golub and LeVeque's update: with δ the difference of the means of A and B,
    M2 = M2_A + M2_B + δ² n_A n_B / n.
    """

    def __init__(self) -> None:
        self.count, self.missing = 0, 0
        self.mean, self._m2 = 0.0, 0.0
        self.lowest, self.highest = np.inf, -np.inf
        self._sampled: list[Floats] = []

    def add(self, values: Floats, sampled: Array) -> None:
        """Take in values (N,), nan for a gap; `sampled` (N,) says which of them the sample holds."""
        there = ~np.isnan(values)
        present, n = values[there], int(there.sum())
        self.missing += len(values) - n
        if not n:
            return
        with np.errstate(all="ignore"):
            mean = float(present.mean())
            m2 = float(((present - mean) ** 2).sum())
            delta, total = mean - self.mean, self.count + n
            self._m2 += m2 + delta * delta * self.count * n / total
            self.mean = self.mean + delta * n / total if self.count else mean
        self.count = total
        self.lowest = min(self.lowest, float(present.min()))
        self.highest = max(self.highest, float(present.max()))
        self._sampled.append(values[sampled & there])

    @property
    def deviation(self) -> float:
        """The standard deviation, by the count."""
        return float(np.sqrt(self._m2 / self.count))

    @property
    def constant(self) -> bool:
        """Whether the numbers differ by no more than rounding does."""
        with np.errstate(all="ignore"):
            return self.highest - self.lowest <= 1e-12 * max(abs(self.lowest), abs(self.highest))

    def quantiles(self, shares: Floats) -> Floats:
        """The sample's quantiles, interpolated linearly."""
        sample, share = self.sample, shares * 100  # to the last bit as scikit-learn takes them
        with np.errstate(all="ignore"):
            shrunk = (
                1.0 if np.isfinite(self.highest - self.lowest) else 0.25
            )  # differences must not overflow
            return np.asarray(np.percentile(sample * shrunk, share) / shrunk)

    @property
    def sample(self) -> Floats:
        """The sampled numbers; where none was sampled, the smallest and the largest."""
        drawn = np.concatenate([np.empty(0), *self._sampled])
        return drawn if len(drawn) else np.array([self.lowest, self.highest])

    @property
    def most_frequent(self) -> float:
        """The number that the sample holds most often, the smallest of several."""
        values, counts = np.unique(self.sample, return_counts=True)
        return float(values[np.argmax(counts)])


class CategoryStats:
    """How many rows have each level of a column of text."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.missing = 0

    def add(self, column: Column, rows: Array) -> None:
        """Take in the cells that rows (N,) says."""
        codes, categories = column.as_text()
        counted = np.bincount(codes[rows] + 1, minlength=len(categories) + 1)
        self.missing += int(counted[0])
        for category, n in zip(categories, counted[1:].tolist(), strict=True):
            if n and (category in self.counts or len(self.counts) < MAX_CATEGORIES):
                self.counts[category] = self.counts.get(category, 0) + n

    @property
    def most_frequent(self) -> str:
        """The commonest level, the first by the alphabet of several."""
        return min(self.counts, key=lambda category: (-self.counts[category], category))
