"""Growth of the cost of training, time and peak memory, by rows, parameters and replicas.

    python tests/benchmarks/scaling.py [--series rows] [--share 1] [--plot FILE.png] [--folder DIR]

Five series: `rows`, encoded in memory, 10³ to 10⁶ of 20 columns through 64-64 in batches of 256 by
the engine's `fit`; `table`, the same by a whole `bpnet train` of a CSV (16 numbers and 4 texts a
row, kept in memory); `parameters`, 10² to 10⁷ in two equal hidden layers; `iris`, 1 to 256 replicas
of 4-2-3 on full batches; and `replicas`, the same of 20-64-64-2 in batches of 32. float32, one BLAS
thread.

Each point is a process of its own. Time is CPU time, which other processes disturb least: of an
epoch or a step the median after the first epoch, of `table` the whole process. Memory is the
process's peak less that of one that only imports. Beside each is the local exponent, the slope
between neighbors on logarithmic axes; a series is linear if the slope over the upper half of its
range is at most 1.1. In the lower half fixed costs keep exponents under 1. --share is the part of
each range that is measured: 0.7 leaves the slow end out.
"""

import argparse
import json
import math
import os
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from measuring import GENERATING, cost, machine, scratch, show, train

MOST = 1.1
"""The largest slope that counts as linear."""

REPEATS = 3
"""Measurements of each point, in rounds over all sizes; the medians count."""

FIT = """
import json
import statistics
import sys
import time
import numpy as np
from bpnet.engine.activations import Relu
from bpnet.engine.loop.batches import Rows
from bpnet.engine.layers import Dense
from bpnet.engine.losses import CrossEntropy
from bpnet.engine.metrics import Accuracy
from bpnet.engine.network import Network
from bpnet.engine.loop.settings import Training
from bpnet.engine.loop.fit import fit

job = json.loads(sys.argv[1])
if job:
    rng = np.random.default_rng(0)
    inputs, *hidden, outputs = job["widths"]
    x = rng.standard_normal((job["rows"], inputs), dtype=np.float32)
    y = np.zeros((job["rows"], outputs), np.float32)
    y[np.arange(len(y)), rng.integers(outputs, size=len(y))] = 1
    layers = [*(Dense(units=units, activation=Relu()) for units in hidden), Dense(units=outputs)]
    network = Network(layers, inputs, seeds=range(job["replicas"]))
    training = Training(
        epochs=job["epochs"], batch_size=job["batch"], loss=CrossEntropy(), learning_rate=1e-4
    )
    ends, steps = [], []
    for record in fit(training, network, Rows(x, y), None, [Accuracy()]):
        ends.append(time.process_time())
        steps.append(record.step)
    times = [b - a for a, b in zip(ends, ends[1:])]
    figures = {"epoch": statistics.median(times), "step": statistics.median(times) / steps[0]}
    print(json.dumps(figures | {"parameters": network.theta.shape[1]}))
"""

CONFIG = """
dataset: {{path: {table}, target: target, storage: memory}}
architecture: {{hidden: [64, 64]}}
training: {{epochs: 3, batch_size: 256}}
"""

TRAIN_IMPORTS = "import bpnet.cli.train, bpnet.cli.console, bpnet.workflows.train"


@dataclass(frozen=True)
class Point:
    """A size (rows, parameters or replicas), and its time (seconds) and peak memory (bytes)."""

    size: int
    seconds: float
    peak: float


@dataclass(frozen=True)
class Series:
    """A series of sizes with the function that measures one; its time is that of `per`."""

    name: str
    unit: str
    per: str
    sizes: tuple[int, ...]
    measure: Callable[[int, Path], Point]


def fitted(
    widths: Sequence[int], rows: int, batch: int | str, epochs: int, replicas: int = 1
) -> tuple[dict, float]:
    """Run FIT, and return what it printed, and its peak less that of the imports."""
    job = {
        "widths": list(widths),
        "rows": rows,
        "batch": batch,
        "epochs": epochs,
        "replicas": replicas,
    }
    spent, empty = (cost([sys.executable, "-c", FIT, json.dumps(each)]) for each in (job, None))
    return json.loads(spent.output), spent.peak - empty.peak


def by_rows(rows: int, _: Path) -> Point:
    """Measure an epoch of encoded rows."""
    figures, peak = fitted([20, 64, 64, 2], rows, 256, max(4, min(40, 100_000 // rows)))
    return Point(rows, figures["epoch"], peak)


def by_table(rows: int, folder: Path) -> Point:
    """Measure a whole training on a CSV, which is made the first time."""
    table, config = folder / f"{rows}.csv", folder / f"table-{rows}.yaml"
    if not table.exists():
        cost([sys.executable, GENERATING, str(table), "--rows", str(rows)])
        config.write_text(CONFIG.format(table=table.name))
    with scratch(folder, 0) as runs:
        spent = train(config, runs)[1]
    return Point(
        rows, spent.cpu_seconds, spent.peak - cost([sys.executable, "-c", TRAIN_IMPORTS]).peak
    )


def by_parameters(parameters: int, _: Path) -> Point:
    """Measure a step of a network with 20 inputs, two equal hidden layers and 2 outputs."""
    units = max(1, round(math.sqrt(parameters + 144) - 12))  # u² + 24 u + 2
    steps = 200 if parameters < 100_000 else 8
    figures, peak = fitted([20, units, units, 2], 256 * steps, 256, 4)
    return Point(int(figures["parameters"]), figures["step"], peak)


def by_iris_replicas(replicas: int, _: Path) -> Point:
    """Measure a step of 4-2-3 on 130 rows at once."""
    figures, peak = fitted([4, 2, 3], 130, "full", 500, replicas)
    return Point(replicas, figures["step"], peak)


def by_replicas(replicas: int, _: Path) -> Point:
    """Measure a step of 20-64-64-2 on 32 rows for each replica."""
    figures, peak = fitted([20, 64, 64, 2], 1024, 32, max(4, 64 // replicas), replicas)
    return Point(replicas, figures["step"], peak)


def half_decades(low: int, high: int) -> tuple[int, ...]:
    """Return two sizes in each decade, from 10^low to 10^high."""
    return tuple(round(10 ** (k / 2)) for k in range(2 * low, 2 * high + 1))


TWOS = tuple(2**k for k in range(9))
SERIES = (
    Series("rows", "row", "an epoch", half_decades(3, 6), by_rows),
    Series("table", "row", "a whole run", half_decades(3, 6), by_table),
    Series("parameters", "parameter", "a step", half_decades(2, 7), by_parameters),
    Series("iris", "replica", "a step", TWOS, by_iris_replicas),
    Series("replicas", "replica", "a step", TWOS, by_replicas),
)


def exponent(points: Sequence[Point], figure: str) -> float:
    """Return the slope of a figure by size, both logarithmic, by least squares."""
    x = [math.log(point.size) for point in points]
    y = [math.log(max(getattr(point, figure), 1e-9)) for point in points]
    return statistics.linear_regression(x, y).slope


def upper(points: Sequence[Point]) -> list[Point]:
    """Return the points in the upper half of the range, on a logarithmic axis."""
    middle = math.sqrt(points[0].size * points[-1].size)
    return [point for point in points if point.size >= middle * 0.99]


def median(found: Sequence[Point]) -> Point:
    """Return the medians of a point that was measured several times."""
    seconds, peak = ([getattr(point, figure) for point in found] for figure in ("seconds", "peak"))
    return Point(found[0].size, statistics.median(seconds), statistics.median(peak))


def measure(series: Series, share: float, folder: Path) -> list[Point]:
    """Measure the points of a series and print them."""
    sizes = series.sizes[: max(3, math.ceil(share * len(series.sizes)))]
    rounds = [[series.measure(size, folder) for size in sizes] for _ in range(REPEATS)]
    points = [median(found) for found in zip(*rounds, strict=True)]
    body = []
    for k, point in enumerate(points):
        pair = points[k - 1 : k + 1]
        slopes = [f"{exponent(pair, figure):.2f}" if k else "" for figure in ("seconds", "peak")]
        spent, held = point.seconds / point.size * 1e9, point.peak / point.size
        times = [f"{point.seconds * 1e3:,.3f}", f"{spent:,.2f}", slopes[0]]
        body.append(
            [f"{point.size:,}", *times, f"{point.peak / 1e6:,.2f}", f"{held:,.1f}", slopes[1]]
        )
    unit = series.unit
    print(f"\n{series.name}: time is CPU time of {series.per}\n")
    show([f"{unit}s", "ms", f"ns a {unit}", "exponent", "MB", f"bytes a {unit}", "exponent"], body)
    for figure, name in (("seconds", "time"), ("peak", "memory")):
        slope, last = exponent(upper(points), figure), exponent(points[-2:], figure)
        verdict = "linear" if slope <= MOST else "MORE THAN LINEAR"
        print(
            f"{name}: slope over the upper half {slope:.3f}, goal at most {MOST}: {verdict}; "
            f"at the end {last:.2f}"
        )
    sys.stdout.flush()
    return points


def draw(found: dict[str, list[Point]], path: Path) -> None:
    """Draw time (above) and memory (below) by rows, parameters and replicas, and linear growth."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        sys.exit("--plot needs matplotlib: pip install matplotlib")
    figure = Figure(figsize=(13, 7.5), layout="constrained")
    axes = figure.subplots(2, 3, squeeze=False)
    for column, unit in enumerate(("row", "parameter", "replica")):
        for line, (figure_name, label) in enumerate(
            (("seconds", "CPU seconds"), ("peak", "peak less imports, bytes"))
        ):
            ax = axes[line][column]
            for series in SERIES:
                if series.unit == unit and series.name in found:
                    points = found[series.name]
                    x = [p.size for p in points]
                    y = [max(getattr(p, figure_name), 1e-9) for p in points]
                    (drawn,) = ax.loglog(x, y, "o-", label=f"{series.name}, {series.per}")
                    straight = [y[-1] * size / x[-1] for size in x]
                    ax.loglog(x, straight, ":", color=drawn.get_color(), alpha=0.6)
            ax.set_xlabel(f"{unit}s")
            ax.set_ylabel(label)
            ax.grid(alpha=0.3)
            ax.legend(fontsize=8)
    figure.suptitle("Training: cost by size; dotted: linear through the largest")
    figure.savefig(path, dpi=110)
    print(f"\n{path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--series", action="append", choices=[series.name for series in SERIES], help="only these"
    )
    parser.add_argument(
        "--share", type=float, default=1, help="the part of each range that is measured"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE.png", help="draw the points; needs matplotlib"
    )
    parser.add_argument("--folder", type=Path, help="where a folder is made for tables and runs")
    given = parser.parse_args()
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    print(machine())
    with scratch(given.folder, 2e9) as made:
        chosen = [series for series in SERIES if series.name in (given.series or [series.name])]
        found = {series.name: measure(series, given.share, made) for series in chosen}
    if given.plot:
        draw(found, given.plot)
