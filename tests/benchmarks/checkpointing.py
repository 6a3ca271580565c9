"""Cost of checkpoints: their share of a training's time, and the rate at which they are written.

    python tests/benchmarks/checkpointing.py [--repeats 5] [--parameters 10000000] [--folder DIR]

1. The end checkpoint of Iris, which is written without flushing. Goal: under 1 ms.
2. A checkpoint of PARAMETERS parameters with the state of Adam, flushed, beside as many bytes that
   are written in one piece and flushed, in turn. Goal: at least half of that rate.
3. The share of a training's time that checkpoints take at the default rhythm, one each 30 s: the
   time of 2 over 30 s. Goal: at most 2 %.

Medians of REPEATS; the folder should be on the disk that runs are written to.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bpnet.engine import Adam, CrossEntropy, Dense, Network, Rows, Softmax, Tanh, Training, fit
from bpnet.engine.loop.fit import Fit
from bpnet.runs.checkpoints import Checkpoints

RHYTHM = 30.0


def trained(inputs: int, hidden: int, outputs: int) -> Fit:
    """Return a training of one epoch that is not closed."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(105, inputs)).astype(np.float32)
    y = np.eye(outputs, dtype=np.float32)[rng.integers(0, outputs, 105)]
    network = Network(
        [Dense(units=hidden, activation=Tanh()), Dense(units=outputs)],
        inputs,
        seeds=[0],
        output_activation=Softmax(),
    )
    training = Training(loss=CrossEntropy(), optimizer=Adam(), epochs=3, batch_size=16)
    fitting = fit(training, network, Rows(x, y), Rows(x, y))
    next(fitting)
    return fitting


def seconds(action: Callable[[], object], repeats: int) -> list[float]:
    """Return the times of an action."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return times


def plain_write(path: Path, content: memoryview) -> None:
    """Write bytes into a new file, and force them onto the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def measure(folder: Path, parameters: int, repeats: int) -> bool:
    """Print the three figures, and return True if all goals are reached."""
    iris = trained(4, 16, 3)
    store = Checkpoints(folder / "iris")
    small = statistics.median(
        seconds(lambda: store.write({"fit": iris.state()}, flush=False), 20 * repeats)
    )
    print(f"end checkpoint of Iris: {small * 1e3:.2f} ms, goal below 1 ms")

    hidden = round(parameters / 1100)
    large = trained(1000, hidden, 100)
    store = Checkpoints(folder / "large")
    path = store.write({"fit": large.state()})
    size = path.stat().st_size
    content = memoryview(np.random.default_rng(0).bytes(size))
    ours, plain = [], []
    for _ in range(repeats):
        plain += seconds(lambda: plain_write(folder / "plain", content), 1)
        ours += seconds(lambda: store.write({"fit": large.state()}), 1)
    rate = statistics.median(plain) / statistics.median(ours)
    print(
        f"{hidden * 1100:,} parameters with Adam's state, {size / 1e6:.0f} MB: "
        f"{size / 1e6 / statistics.median(ours):.0f} MB/s, written plainly "
        f"{size / 1e6 / statistics.median(plain):.0f} MB/s; ratio {rate:.2f}, goal at least 0.5"
    )
    share = statistics.median(ours) / RHYTHM
    print(f"share of the time, one each {RHYTHM:.0f} s: {share:.2%}, goal at most 2 %")
    return small < 1e-3 and rate >= 0.5 and share <= 0.02


def main() -> None:
    """Read the options, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--parameters", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bpnet-benchmark-", dir=options.folder) as folder:
        reached = measure(Path(folder), options.parameters, options.repeats)
    sys.exit(not reached)


if __name__ == "__main__":
    main()
